# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what changes, what stays, and what nobody notices."""

import re
import signal

import pytest

from harness import htpasswd, process
from harness.admin import Admin, Verifier
from harness.configured import KEPT, RELOADED
from harness.content import sha256
from harness.push import push_blob, push_image, start_upload, with_query
from harness.server import binary_path
from harness.volume import Volume
from harness.waiting import wait_until
from harness.wire import Wire

REPO = "some/repo"
SOON = "50ms"
BOUND = 10  # seconds that a connection may take to be closed; without the reload it would take longer


# every option that a reload changes: how it is seen


def location(server):
    return start_upload(server.client(), REPO)


def delete_status(server):
    return server.client().delete(f"/v2/{REPO}/manifests/{sha256(b'')}").status


def upload_status(server):
    return server.client().post(f"/v2/{REPO}/blobs/uploads/").status



def page_sizes(server):
    for repo in ("one", "two"):
        push_image(server.client(), repo, "a")
        push_image(server.client(), repo, "b")
    catalog = server.client().get("/v2/_catalog").json()["repositories"]
    tags = server.client().get("/v2/one/tags/list?n=1000")
    return len(catalog), tags.status


def log_has(*words):
    def seen(server):
        server.client().get("/v2/nobody/tags/list")
        return any(all(word in line for word in words) for line in server.stderr().splitlines())
    return seen


def output_has(text):
    def seen(server):
        server.client().get("/v2/")
        return text in server.output_path.read_text(encoding="utf-8")
    return seen


def upload_is_gone(server):
    if not Volume(server.root).uploads() and not getattr(server, "had_upload", False):
        start_upload(server.client(), REPO)
        server.had_upload = True
    return not Volume(server.root).uploads()


def blob_is_collected(server):
    data = b"nobody needs this"
    if not getattr(server, "pushed", False):
        push_blob(server.client(), REPO, data)
        server.pushed = True
    Admin(server.root).collect()
    return not Volume(server.root).data(sha256(data)).exists()


def writes_mode(server):
    return Admin(server.root).status()["writes"]


def header(name):
    return lambda server: server.client().get("/v2/").get(name)


PURGED, COLLECTED = "upload purging: started", "garbage collection: started"
PURGE = "storage.maintenance.uploadpurging"
# key, options beside it, value before and after (None: the default), how it is seen, what is seen before and after
ROWS = [
    ("http.host", {}, None, "https://hub.test", lambda s: location(s).split("/v2/")[0].startswith("https://hub.test"),
     False, True),
    ("http.relativeurls", {}, None, "true", lambda s: location(s).startswith("/"), False, True),
    ("http.headers", {}, None, {"X-Reloaded": "yes"}, header("X-Reloaded"), None, "yes"),
    ("storage.delete.enabled", {}, None, "true", delete_status, 405, 404),
    ("storage.maintenance.readonly.enabled", {}, None, "true", upload_status, 202, 405),
    ("storage.maintenance.readonly.enabled", {}, "true", "false", upload_status, 405, 202),
    (f"{PURGE}.enabled", {f"{PURGE}.interval": SOON}, "false", "true", log_has(PURGED), False, True),
    (f"{PURGE}.interval", {}, None, SOON, log_has(PURGED), False, True),
    (f"{PURGE}.dryrun", {f"{PURGE}.interval": SOON}, None, "true", log_has(PURGED, "dry run"), False, True),
    (f"{PURGE}.age", {f"{PURGE}.interval": SOON}, None, "1ms", upload_is_gone, False, True),
    ("gc.interval", {}, None, SOON, log_has(COLLECTED), False, True),
    ("gc.delete_untagged", {"gc.interval": SOON}, None, "true", log_has(COLLECTED, "untagged"), False, True),
    ("gc.grace", {}, None, "1s", blob_is_collected, False, True),
    ("gc.writes", {}, None, "refuse", writes_mode, "hold", "refuse"),
    ("verify.interval", {}, None, SOON, log_has("verification: started, by itself"), False, True),
    ("verify.rate", {}, None, "1MiB", lambda s: Verifier(s.root).by_itself()["rate"], 4 << 20, 1 << 20),
    ("log.level", {}, None, "debug", log_has("level=debug"), False, True),
    ("log.formatter", {}, None, "json", log_has('{"', RELOADED), False, True),
    ("log.fields", {}, None, {"place": "here"}, log_has("place=here", RELOADED), False, True),
    ("loglevel", {}, None, "debug", log_has("level=debug"), False, True),
    ("log.accesslog.formatter", {"log.accesslog.disabled": "false"}, None, "json", output_has('{"'), False, True),
    ("log.accesslog.disabled", {}, "true", "false", output_has("/v2/"), False, True),
    ("catalog.maxentries", {}, None, "1", lambda s: page_sizes(s)[0], 2, 1),
]


def lines(key, value):
    """The file's lines that give an option a value, or keys of people's own below it."""
    if isinstance(value, dict):
        return {f"{key}.{name}": each for name, each in value.items()}
    return {} if value is None else {key: value}


@pytest.mark.parametrize("key, beside, before, after, look, seen_before, seen_after", ROWS,
                         ids=[f"{row[0]}-{number}" for number, row in enumerate(ROWS)])
def test_an_option_changes(configured, key, beside, before, after, look, seen_before, seen_after):
    server = configured({**beside, **lines(key, before)})
    assert look(server) == seen_before
    server.write({**beside, **lines(key, after)})
    server.hang_up()
    wait_until(lambda: look(server) == seen_after, f"{key} after the reload", timeout=30)


def test_tags_maxtags(configured):
    server = configured({"tags.maxtags": 1000})
    push_image(server.client(), REPO, "a")
    push_image(server.client(), REPO, "b")
    url = f"/v2/{REPO}/tags/list?n=2"
    before = server.client().get(url)
    assert before.json()["tags"] == ["a", "b"]
    server.reload({"tags.maxtags": 1})
    after = server.client().get(url)
    assert (after.status, after.body) != (before.status, before.body)


def test_timeout_idle(configured):
    """A connection that waits for its next request since before has the new time, too."""
    server = configured()
    with Wire(server.port, timeout=BOUND) as wire:
        wire.send_head("GET", "/v2/")
        assert wire.read().status == 200
        server.reload({"http.timeout.idle": "100ms"})
        assert wire.at_end()


def test_timeout_head(configured):
    server = configured()
    server.reload({"http.timeout.head": "100ms"})
    with Wire(server.port, timeout=BOUND) as wire:
        wire.send(b"GET /v2/ HT")
        assert wire.at_end()


def test_timeout_stall(configured):
    server = configured()
    server.reload({"http.timeout.stall": "100ms"})
    target = server.client().path(start_upload(server.client(), REPO))
    with Wire(server.port, timeout=BOUND) as wire:
        wire.send_head("PATCH", target, {"Content-Length": "100"})
        wire.send(b"only this")
        assert wire.at_end()


def test_draintimeout(configured):
    server = configured()
    server.reload({"http.draintimeout": "1234ms"})
    server.stop()
    server.says("Draining connections for 1234 ms")


# Options whose reload nobody can see from outside, or that have tests of their own elsewhere.
TESTED_BELOW = {"http.addr", "http.debug.addr", "http.debug.prometheus.enabled", "admin.addr", "http.timeout.idle",
                "http.timeout.head", "http.timeout.stall", "http.draintimeout", "tags.maxtags"}
WITHOUT_EFFECT = {"http.secret", "http.http2.disabled", "http.debug.prometheus.path"}
SEEN_BY_NOBODY = {"gc.slice"}
TESTED_ELSEWHERE = ("http.tls.", "auth", "rule", "group", "notifications", "health.", "http.limits.", "storage.minfree")


def test_each_option_that_a_reload_changes_is_tested():
    text = process.run([str(binary_path(asan=True)), "help", "options"]).stdout
    reloaded = {row[0] for row in re.findall(r"^\| `([\w.]+)` \|((?!\(\*restart\*\)).)*$", text, re.M)}
    assert reloaded
    tested = {row[0] for row in ROWS} | TESTED_BELOW | WITHOUT_EFFECT | SEEN_BY_NOBODY
    missing = {key for key in reloaded - tested if not key.startswith(TESTED_ELSEWHERE)}
    assert not missing, f"add a row for each, or say where it is tested: {sorted(missing)}"


def test_a_verification_stops_and_goes_on(configured):
    """When it is switched off and on again."""
    server = configured({"verify.interval": "0", "verify.rate": "64KiB"})  # one blob in a second
    verifier = Verifier(server.root)
    for number in range(6):
        push_blob(server.client(), REPO, b"%d" % number)
    server.reload({"verify.interval": "1s", "verify.rate": "64KiB"})
    begun = wait_until(lambda: verifier.by_itself()["report"], "a pass")
    server.reload({"verify.interval": "0"})
    wait_until(lambda: not verifier.by_itself()["running"], "its stopping")
    assert verifier.by_itself()["last"] is None
    server.reload({"verify.interval": "1s", "verify.rate": "0"})
    last = wait_until(lambda: verifier.by_itself()["last"], "its end")
    assert (last["started"], last["blobs"]) == (begun["started"], 6)


# addresses



def test_the_public_address_moves(configured):
    server = configured()
    image = push_image(server.client(), REPO, "latest")
    old, server.port = server.port, process.free_port()
    assert "http.addr" in server.reload()
    assert not process.accepts(old)
    assert server.client().get(f"/v2/{REPO}/manifests/latest").body == image.manifest


def test_an_address_moves_within_its_port(configured):
    """From one address to all of them and back, without a moment in which nobody listens."""
    server = configured()
    for address in (f":{server.port}", f"127.0.0.1:{server.port}", f"0.0.0.0:{server.port}"):
        assert RELOADED in server.reload({"http.addr": address})
        assert server.client().get("/v2/").status == 200
        other = process.run([str(binary_path(asan=True)), "serve", str(server.config),
                             f"--storage.filesystem.rootdirectory={server.folder}/root/other"], check=False)
        assert other.returncode == 1 and "in use" in other.stderr, "its port is still its own"


def test_other_doors_open_and_close(configured):
    server = configured()
    debug, admin = process.free_port(), process.free_port()
    server.reload({"http.debug.addr": f"127.0.0.1:{debug}", "admin.addr": f"127.0.0.1:{admin}"})
    assert Admin(server.root, port=admin).status()["running"] is False
    metrics = server.client().__class__(debug)
    assert metrics.get("/metrics").status == 404
    server.reload({"http.debug.addr": f"127.0.0.1:{debug}", "http.debug.prometheus.enabled": "true"})
    assert metrics.get("/metrics").status == 200
    assert not process.accepts(admin)
    server.reload()
    assert not process.accepts(debug)
    assert Admin(server.root).status()["running"] is False


def test_an_address_that_is_taken_changes_nothing(configured):
    server, other = configured(), configured()
    word = server.reload({"admin.addr": f"127.0.0.1:{process.free_port()}", "storage.delete.enabled": "true",
                          "http.addr": f"127.0.0.1:{other.port}"})
    assert KEPT in word and "in use" in word
    assert delete_status(server) == 405
    assert len([line for line in server.stderr().splitlines() if "administrators are served" in line]) == 1
    assert "storage.delete.enabled" in server.reload({"storage.delete.enabled": "true"})
    assert delete_status(server) == 404


# files


@pytest.mark.parametrize("line, wanted", [
    ("tags.maxtags = many", "registry.ini:4: tags.maxtags: expected a whole number"),
    ("no.such = 1", "registry.ini:4: no.such: unknown option"),
    ("log.level = loud", "registry.ini:4: log.level: expected error, warn, info or debug"),
    ("what is this", "registry.ini:4: expected [section] or key = value"),
])
def test_a_bad_file_changes_nothing(configured, line, wanted):
    server = configured({"http.relativeurls": "true"})
    server.write({})
    with open(server.config, "a", encoding="utf-8") as file:
        file.write(line + "\n")
    word = server.reload_as_is()
    assert KEPT in word and wanted in word and "level=error" in word
    assert location(server).startswith("/")
    server.config.unlink()
    assert "cannot open it" in server.reload_as_is()
    assert location(server).startswith("/")
    assert "http.relativeurls" in server.reload()
    assert location(server).startswith("http://")


def test_a_half_written_file_changes_nothing(configured, scratch):
    """As who writes in place leaves it for a moment: what closes the registry is not there yet."""
    users = htpasswd.write(scratch / "users", {"joe": "hush"})
    server = configured({"auth.htpasswd.path": users})
    whole = server.config.read_bytes()
    for cut in range(len(whole) - 1, -1, -1):
        if whole[:cut].endswith(b"\n"):
            continue  # looks like any other file
        server.config.write_bytes(whole[:cut])
        assert KEPT in server.reload_as_is(), whole[:cut]
    assert "is it half written?" in server.reload_as_is()
    assert server.client().get("/v2/").status == 401
    server.config.write_bytes(whole)
    assert f"{RELOADED}: nothing has changed" in server.reload_as_is()


def test_a_file_that_never_ended_its_last_line(make_server, scratch):
    config = scratch / "config.yml"
    config.write_text("version: 0.1\nhttp: {relativeurls: true}", encoding="utf-8")
    server = make_server(asan=True, config=config)
    for text, wanted in (("", 'unsupported version: \\"\\"'), ("version: 0.1\nhttp: {relativeurls: false}", RELOADED)):
        config.write_text(text, encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        server.says(wanted)


def test_the_same_file_changes_nothing(configured):
    server = configured({"gc.interval": "24h", "http.debug.addr": f"127.0.0.1:{process.free_port()}"})
    server.says("listening on")
    sockets, lines = server.connections(), len(server.stderr().splitlines())
    for _ in range(20):
        assert f"{RELOADED}: nothing has changed" in server.reload_as_is()
    assert server.connections() <= sockets  # the one that looked whether it listens may be gone
    assert len(server.stderr().splitlines()) == lines + 20


def test_what_takes_a_restart_is_named_and_stays(configured):
    server = configured()
    push_image(server.client(), REPO, "latest")
    server.reload({"storage.filesystem.rootdirectory": f"{server.folder}/elsewhere", "http.prefix": "/x/",
                   "storage.delete.enabled": "true"})
    for key in ("storage.filesystem.rootdirectory", "http.prefix"):
        server.says(f"{key}: has changed, but that takes a restart")
    assert server.client().get(f"/v2/{REPO}/manifests/latest").status == 200
    assert delete_status(server) == 404
    assert Admin(server.root).status()["running"] is False


def test_the_command_line_and_the_environment_win_again(configured):
    server = configured(arguments=["--storage.delete.enabled=true", "--http.relativeurls", "true"],
                        environment={"REGISTRY_HTTP_HOST": "https://env.test", "REGISTRY_HTTP_RELATIVEURLS": "false"})
    for _ in range(2):
        assert delete_status(server) == 404
        assert location(server).startswith("https://env.test/") or location(server).startswith("/")
        server.reload({"storage.delete.enabled": "false", "http.relativeurls": "false", "http.host": "https://file"})


# whose requests they are


def test_access_control_comes_and_goes(configured, scratch):
    """A request that began without it ends without it; a rule that changes counts for the next one."""
    server, users = configured(), htpasswd.write(scratch / "users", {"joe": "hush"})
    joe = htpasswd.basic("joe", "hush")
    target = server.client().path(start_upload(server.client(), REPO))
    with Wire(server.port) as wire:
        wire.send_head("PATCH", target, {"Content-Length": "4"})
        wire.send(b"da")
        wait_until(lambda: any("/_uploads/" in path for path in server.descriptors().values()), "the upload's begin")
        server.reload({"auth.htpasswd.path": users})
        assert server.client().get("/v2/").status == 401
        assert server.client().get("/v2/", joe).status == 200
        wire.send(b"ta")
        assert wire.read().status == 202
        wire.send_head("GET", "/v2/")
        assert wire.read().status == 401
    server.reload({"auth.htpasswd.path": users, "rule.all.who": "user:joe", "rule.all.allow": "pull"})
    assert server.client().post(f"/v2/{REPO}/blobs/uploads/", headers=joe).status == 403
    assert KEPT in server.reload({"auth.htpasswd.path": users.with_name("nobody")})
    assert server.client().get("/v2/").status == 401
    server.reload()
    assert server.client().get("/v2/").status == 200


# those at work


def test_an_upload_survives(configured, body):
    """It began while writing was allowed, at an address that is gone by its end."""
    server, data = configured(), bytes(body(8 << 20))
    target = server.client().path(start_upload(server.client(), REPO))
    middle = len(data) // 2
    with Wire(server.port) as wire:
        wire.send_head("PATCH", target, {"Content-Length": str(len(data))})
        wire.send(data[:middle])
        server.port = process.free_port()
        server.reload({"storage.maintenance.readonly.enabled": "true"})
        assert upload_status(server) == 405
        wire.send(data[middle:])
        answer = wire.read()
        assert answer.status == 202, answer
    server.reload()
    client = server.client()
    done = client.put(with_query(client.path(answer.get("Location")), digest=sha256(data)))
    assert done.status == 201
    assert client.get(f"/v2/{REPO}/blobs/{sha256(data)}").body == data


def test_a_download_survives(configured, body):
    server, data = configured(), bytes(body(16 << 20))
    push_blob(server.client(), REPO, data)
    with Wire(server.port, receive_buffer=64 << 10) as wire:
        wire.send_head("GET", f"/v2/{REPO}/blobs/{sha256(data)}")
        head = wire.read_head()
        got = wire.read_exactly(1 << 20)
        for delete in ("true", "false", "true"):
            server.port = process.free_port()
            server.reload({"storage.delete.enabled": delete})
        assert delete_status(server) == 404
        got += wire.read_exactly(int(head.get("Content-Length")) - len(got))
        assert got == data
        wire.send_head("GET", "/v2/")
        assert wire.read().status == 200


def test_a_connection_has_the_new_settings_for_its_next_request(configured):
    server = configured()
    with Wire(server.port) as wire:
        for relative in ("false", "true", "false"):
            server.reload({"http.relativeurls": relative})
            wire.send_head("POST", f"/v2/{REPO}/blobs/uploads/", {"Content-Length": "0"})
            assert wire.read().get("Location").startswith("/") == (relative == "true")


def begin_a_long_one(server, seed):
    """What was just used makes a collection wait: for about two seconds it does nothing else."""
    used = push_image(server.client(), REPO, "used", seed=seed)
    assert server.client().delete(f"/v2/{REPO}/manifests/{used.digest}").status == 202
    return Admin(server.root).begin()


def test_a_collection_survives(configured):
    """Whatever is reloaded meanwhile, the run goes on as it began, and the next one has the new options."""
    options = {"storage.delete.enabled": "true"}
    server = configured(options)
    admin = Admin(server.root)
    kept = push_image(server.client(), REPO, "latest")
    run = begin_a_long_one(server, "first")
    for slice_length in ("1ms", "20ms", "1s", "10ms"):
        server.reload({**options, "gc.slice": slice_length, "gc.writes": "refuse"})
    during = upload_status(server)
    status = admin.status()
    assert (status["running"], status["run"], status["writes"]) == (True, run, "refuse")
    assert during == 202, "the run began as one that holds writes"
    assert admin.wait_until_idle()["outcome"] == "done"
    assert admin.status()["run"] == run
    begin_a_long_one(server, "second")
    assert upload_status(server) == 503
    admin.wait_until_idle()
    assert upload_status(server) == 202
    assert server.client().get(f"/v2/{REPO}/manifests/latest").body == kept.manifest


def test_signals_in_a_storm(configured):
    """Many at once, with pushes meanwhile: none is lost, nothing leaks."""
    server = configured()
    descriptors = len(server.descriptors())
    for i in range(100):
        server.write({"tags.maxtags": i + 1, "gc.interval": f"{i + 1}h"})
        server.hang_up()
        if i % 10 == 0:
            push_image(server.client(), REPO, f"tag{i}")
    server.reload({"tags.maxtags": 1000})
    assert len(server.client().get(f"/v2/{REPO}/tags/list").json()["tags"]) == 10
    wait_until(lambda: len(server.descriptors()) <= descriptors, "no more descriptors than before")
