# SPDX-License-Identifier: Apache-2.0
"""The doors beside the public one, the schedule of collections, and what the command does with a server."""

import os
import signal
import socket
import subprocess

import pytest

from harness import process
from harness.admin import Admin
from harness.push import push_image, start_upload
from harness.server import SANITIZER_SETTINGS, binary_path
from harness.waiting import wait_until
from harness.wire import Client

REPO = "some/repo"
SHORT = {"REGISTRY_GC_GRACE": "1s"}
FAILED = "failed to garbage collect: "


def settling(client, admin, **options):
    """A collection that waits for what was just used."""
    image = push_image(client, REPO, "just-used")
    assert client.delete(f"/v2/{REPO}/manifests/{image.digest}").status == 202
    admin.begin(**options)


# doors


@pytest.mark.parametrize("target", ["/admin/gc", "/admin/gc/", "/admin/gc/lines", "/admin", "/debug/health", "/metrics",
                                    "/v2/../admin/gc", "//admin/gc", "/%61dmin/gc", "/v2/admin/gc"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nothing_of_them_is_public(shared, method, target):
    assert shared.request(method, target).status in (400, 404)


@pytest.mark.parametrize("prefix", ["/", "/x/"])
def test_nor_behind_a_prefix(start, prefix):
    client = start(REGISTRY_HTTP_PREFIX=prefix).client()
    for target in ("/x/admin/gc", "/x/x/admin/gc", "/admin/gc"):
        assert client.get(target).status == 404


def test_nothing_public_is_at_the_socket(shared_server):
    admin = Admin(shared_server.root)
    for target in ("/", "/v2/", "/v2/_catalog", f"/v2/{REPO}/tags/list", "/debug/health", "/metrics"):
        assert admin.get(target).status == 404
    assert admin.post(f"/v2/{REPO}/blobs/uploads/").status == 404


def test_no_page_in_a_browser_administers(start):
    """A page of somebody else can send requests to an address that only an administrator's browser reaches."""
    port = process.free_port()
    server = start(REGISTRY_ADMIN_ADDR=f"127.0.0.1:{port}")
    admin, page = Admin(server.root, port), {"Origin": "https://example.org"}
    for method, target, body in (("POST", "/admin/gc", None), ("DELETE", "/admin/gc", None),
                                 ("PUT", "/admin/readonly", b'{"readonly":true}'), ("GET", "/admin/gc", None)):
        answer = admin.request(method, target, body, page)
        assert (answer.status, answer.code()) == (403, "DENIED"), (method, target)
    assert admin.get("/admin/readonly").json() == {"readonly": False}
    assert server.client().get("/v2/", page).status == 200, "the registry itself is for pages, too"


def test_health_and_metrics(start):
    port = process.free_port()
    server = start(REGISTRY_HTTP_DEBUG_ADDR=f"127.0.0.1:{port}", REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED="true", **SHORT)
    debug, admin, client = Client(port), Admin(server.root), server.client()
    assert debug.get("/debug/health").json() == {}
    settling(client, admin)
    assert debug.get("/debug/health").json() == {"gc": "running"}
    admin.wait_until_idle()
    metrics = debug.get("/metrics")
    assert metrics.exact("Content-Type").startswith("text/plain; version=0.0.4")
    values = dict(line.split() for line in metrics.body.decode().splitlines() if not line.startswith("#"))
    assert (values["registry_gc_running"], values["registry_gc_runs_total"]) == ("0", "1")
    last = admin.status()["last"]
    assert int(values["registry_gc_blobs_deleted_total"]) == last["blobs_deleted"] == 3
    assert int(values["registry_gc_bytes_freed_total"]) == last["bytes_freed"]
    for target in ("/v2/", "/admin/gc"):
        assert debug.get(target).status == 404


def test_metrics_are_off_by_default(start):
    port = process.free_port()
    start(REGISTRY_HTTP_DEBUG_ADDR=f"127.0.0.1:{port}")
    assert Client(port).get("/debug/health").status == 200
    assert Client(port).get("/metrics").status == 404


def test_a_name_in_the_access_log(start):
    server = start(REGISTRY_LOG_ACCESSLOG_DISABLED="false")
    Admin(server.root).status()
    wait_until(lambda: 'unix - - [' in server.output_path.read_text(), "the line")


# the socket


def listens(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def test_a_socket_elsewhere(start, scratch):
    path = scratch / "made" / "own.sock"
    server = start(REGISTRY_ADMIN_SOCKET=str(path))
    assert listens(path)
    assert not Admin(server.root).socket_path.exists()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    server.stop()
    assert not path.exists()


def test_a_socket_that_is_in_use(make_server, server):
    """The second server serves, but not administrators; and leaves the first one's socket."""
    other = make_server(asan=True, environment={"REGISTRY_ADMIN_SOCKET": str(Admin(server.root).socket_path)})
    other.says("another server listens there")
    assert other.client().get("/v2/").status == 200
    other.stop()
    assert Admin(server.root).status()["running"] is False


def test_something_that_is_not_a_socket(start, scratch):
    path = scratch / "file"
    path.write_text("precious")
    server = start(REGISTRY_ADMIN_SOCKET=str(path))
    server.says("not a socket")
    assert server.client().get("/v2/").status == 200
    server.stop()
    assert path.read_text() == "precious"


def test_a_directory_that_cannot_be_made(start, scratch):
    server = start(REGISTRY_ADMIN_SOCKET=f"{scratch}/none/none/admin.sock")
    server.says("administrators cannot be served on a socket")
    assert server.client().get("/v2/").status == 200


# times


def test_abandoned_uploads_go(start):
    server = start(REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING="{enabled: true, age: 1s, interval: 1s, dryrun: false}")
    client = server.client()
    location = start_upload(client, REPO)
    wait_until(lambda: client.get(location).status == 404, "the upload to be purged", timeout=30)
    assert Admin(server.root).status()["last"] is None


def test_abandoned_uploads_are_told_of(start):
    server = start(REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE="1s",
                   REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN="true",
                   REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL="1s")
    client = server.client()
    location = start_upload(client, REPO)
    server.says("1 uploads and 0 repositories would be deleted", timeout=30)
    assert client.get(location).status == 204


def test_nothing_goes_by_itself_from_what_is_read_only(start):
    server = start(REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED="true", REGISTRY_GC_INTERVAL="1ms")
    admin = Admin(server.root)
    assert admin.collect()["outcome"] == "done"
    assert admin.status()["run"] == 1


# the end of the server


@pytest.mark.parametrize("options", [{}, {"lines": True}])
def test_an_end_meanwhile(server, client, options):
    admin = Admin(server.root)
    settling(client, admin, **options)
    server.stop()
    server.says("garbage collection: stopped in")
    assert not (server.root / "run" / "gc.lines").exists()


# the command


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    return {**SANITIZER_SETTINGS, **kept, **more}


@pytest.fixture
def config(server, scratch):
    path = scratch / "config.yml"
    path.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {server.root}}}}}\ngc: {{grace: 1s}}\n")
    return str(path)


def command(*words, **variables):
    return process.run([str(binary_path(True)), "garbage-collect", *words], check=False, env=environment(**variables))


def test_waiting_for_another(server, client, config):
    admin = Admin(server.root)
    settling(client, admin)
    done = command("-q", config)
    assert done.returncode == 0, done
    assert done.stderr == "a garbage collection is running already: waiting for it\n"
    assert admin.status()["run"] == 2


def test_lines_come_once(server, client, config):
    for name in "abc":
        push_image(client, name, "tag")
    told = command(config).stdout
    admin = Admin(server.root)
    assert sorted(line for line in told.splitlines() if line in "abc" and line) == ["a", "b", "c"]
    assert admin.get("/admin/gc/lines").body.decode() == told
    part = admin.get("/admin/gc/lines", {"Range": "bytes=2-5"})
    assert (part.status, part.body.decode()) == (206, told[2:6])


def mind_ctrl_c():
    """Whoever runs tests in the background may have had it ignored, by all below."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_end_of_the_command_is_not_the_runs(server, client, config):
    admin = Admin(server.root)
    image = push_image(client, REPO, "just-used")
    assert client.delete(f"/v2/{REPO}/manifests/{image.digest}").status == 202
    running = subprocess.Popen([str(binary_path(True)), "garbage-collect", config], env=environment(),
                               stdout=subprocess.PIPE, preexec_fn=mind_ctrl_c)
    wait_until(lambda: admin.status()["running"], "the run")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=20)
    assert running.returncode == -signal.SIGINT
    assert admin.status()["running"]
    assert admin.wait_until_idle()["outcome"] == "done"


def test_the_end_of_the_server_is_the_commands(server, client, config):
    admin = Admin(server.root)
    image = push_image(client, REPO, "just-used")
    assert client.delete(f"/v2/{REPO}/manifests/{image.digest}").status == 202
    running = subprocess.Popen([str(binary_path(True)), "garbage-collect", config], env=environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    wait_until(lambda: admin.status()["running"], "the run")
    server.stop()
    _, words = running.communicate(timeout=20)
    assert running.returncode == 1
    assert words.startswith(FAILED), words


def test_a_line_on_a_terminal(client, config):
    """It is redrawn, and gone at the end; the lines are whole."""
    image = push_image(client, REPO, "just-used")
    assert client.delete(f"/v2/{REPO}/manifests/{image.digest}").status == 202
    ours, theirs = os.openpty()
    try:
        done = subprocess.run([str(binary_path(True)), "garbage-collect", config], env=environment(), timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, check=True)
        drawn = os.read(ours, 1 << 20)
    finally:
        os.close(ours)
        os.close(theirs)
    assert f"blob eligible for deletion: {image.digest}" in done.stdout.decode().splitlines()
    assert b" repositories, " in drawn
    assert b" repositories, " not in drawn.rpartition(b"\r\x1b[K")[2]
    assert b"Deleting blob: /docker/registry/v2/blobs/sha256/" in drawn


def test_no_volume(scratch):
    path = scratch / "config.yml"
    path.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {scratch}/none}}}}\n")
    done = command(str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{FAILED}{scratch}/none: No such file or directory\n"
    assert not (scratch / "none").exists()


def damage(server):
    """A manifest whose document is not what its digest says."""
    client = server.client()
    image = push_image(client, REPO, "tag")
    digest = image.digest.partition(":")[2]
    for data in server.root.rglob(f"blobs/sha256/*/{digest}/data"):
        data.write_bytes(b"x" + image.manifest[1:])
    return image


@pytest.mark.parametrize("online", [True, False])
def test_what_was_skipped(server, config, online):
    image = damage(server)
    if not online:
        server.stop()
    done = command("-q", config)
    assert (done.returncode, done.stdout) == (1, "")
    skipped, failed = done.stderr.splitlines()
    assert skipped.startswith("skipped ") and image.digest in skipped
    assert failed == FAILED + "1 skipped"


def test_the_path_from_the_environment(config):
    done = command("--dry-run", REGISTRY_CONFIGURATION_PATH=config)
    assert done.returncode == 0, done


def test_no_path():
    done = command()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("configuration error: configuration path unspecified\nUsage:\n")


@pytest.mark.parametrize("variable, flag, untagged", [("true", "-q", True), ("true", "-m=false", False),
                                                      ("false", "-m", True), ("false", "-q", False)])
@pytest.mark.parametrize("online", [True, False])
def test_delete_untagged_is_what_was_said_last(server, config, online, variable, flag, untagged):
    client = server.client()
    push_image(client, REPO, "tag", seed="first")
    push_image(client, REPO, "tag", seed="second")
    if not online:
        server.stop()
    done = command(flag, "-d", config, REGISTRY_GC_DELETE_UNTAGGED=variable)
    assert done.returncode == 0, done
    if online:
        assert Admin(server.root).status()["last"]["delete_untagged"] == untagged
    elif "q" not in flag:
        assert ("0 manifests eligible" in done.stdout) != untagged
