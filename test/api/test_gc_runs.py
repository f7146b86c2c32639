# SPDX-License-Identifier: Apache-2.0
"""Collections as administrators see them: started, watched, stopped, refused, told by the command."""

import functools
import os
import stat

import pytest

from harness import process
from harness.admin import COLLECTION, Admin
from harness.content import sha256
from harness.place import scratch_folder
from harness.push import manifest, push_blob, push_image, push_manifest, start_upload
from harness.server import Server, binary_path
from harness.volume import Volume
from harness.waiting import wait_until

REPO = "some/repo"
COUNTED = ("repositories", "manifests", "links", "uploads", "blobs", "bytes", "blobs_marked", "blobs_eligible",
           "blobs_deleted", "bytes_freed", "blobs_pinned", "bytes_reclaimable", "manifests_deleted", "links_deleted",
           "uploads_deleted", "repositories_deleted", "skipped_count")
ATTEMPTS = 10


def delete(client, reference, name=REPO):
    assert client.delete(f"/v2/{name}/manifests/{reference}").status == 202


def settling(client, admin):
    """A collection that waits for what was just used: for about two seconds it does nothing else."""
    image = push_image(client, REPO, "just-used")
    delete(client, image.digest)
    return admin.begin()


def during_a_run(client, admin, look):
    """What look() gives while a collection runs for certain: it was the same one before and after."""
    for _ in range(ATTEMPTS):
        run = settling(client, admin)
        seen = look()
        status = admin.status()
        if (status["running"], status["run"]) == (True, run):
            return seen
        admin.wait_until_idle()
    raise AssertionError("every collection was over too soon")


def assert_served(client, image, reference):
    assert client.get(f"/v2/{REPO}/manifests/{reference}").body == image.manifest
    for data in [image.config, *image.layers]:
        assert client.get(f"/v2/{REPO}/blobs/{sha256(data)}").body == data


# the endpoint


def test_before_the_first(admin):
    assert admin.status() == {**admin.status(), "running": False, "report": None, "last": None}


def test_the_report(admin, client):
    image = push_image(client, REPO, "tag")
    delete(client, image.digest)
    answer = admin.start()
    assert (answer.status, answer.exact("Location")) == (202, COLLECTION)
    last = admin.wait_until_idle()
    assert (last["outcome"], last["dry_run"], last["delete_untagged"]) == ("done", False, False)
    assert set(COUNTED) <= set(last)
    assert last["duration_us"] >= last["work_us"] > 0
    assert last["slices"] > 0 and last["longest_slice_us"] <= last["work_us"]
    assert last["ended"] >= last["started"]
    status = admin.status()
    assert (status["running"], status["report"], status["last"]) == (False, None, last)


def test_two_at_once(admin, client):
    answer = during_a_run(client, admin, admin.start)
    assert answer.status == 409, answer
    assert admin.wait_until_idle()["outcome"] == "done"
    assert admin.start().status == 202


def test_stop(admin, client, volume):
    for _ in range(ATTEMPTS):
        settling(client, admin)
        assert admin.stop().status in (200, 202, 204, 404)
        if admin.wait_until_idle()["outcome"] == "stopped":
            break
    last = admin.status()["last"]
    assert last["outcome"] == "stopped", last
    admin.collect()
    assert volume.blobs() == {}


def test_stop_when_nothing_runs(admin):
    assert 200 <= admin.stop().status < 500
    assert not admin.status()["running"]


def test_stopping_the_server_stops_the_collection(server, client, admin, volume):
    settling(client, admin)
    server.restart(same_port=True)
    assert admin.collect()["outcome"] == "done"
    assert volume.blobs() == {}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"dry_run"', b'{"dry_run": "yes"}', b'{"dry_run": 1}'])
def test_nonsense(admin, client, volume, body):
    """It starts nothing: what was meant is not known."""
    image = push_image(client, REPO, "tag")
    delete(client, image.digest)
    answer = admin.post(COLLECTION, body, {"Content-Type": "application/json"})
    assert 400 <= answer.status < 500, answer
    assert not admin.status()["running"] and admin.status()["last"] is None
    assert len(volume.blobs()) == 3


def test_other_methods(admin):
    for method in ("PUT", "PATCH"):
        answer = admin.request(method, COLLECTION)
        assert answer.status == 405, answer
        assert set(answer.exact("Allow").split(", ")) >= {"GET", "POST", "DELETE"}


def test_it_is_not_for_everyone(server, client, admin):
    """The public port does not know it, and only the server's user may use the socket."""
    for method in ("GET", "POST", "DELETE"):
        assert client.request(method, COLLECTION).status == 404
    mode = os.stat(admin.socket_path).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    server.stop()
    assert not admin.socket_path.exists()


def test_the_socket_does_not_serve_the_registry(admin):
    assert admin.get("/v2/_catalog").status == 404


def test_a_long_root_directory():
    """Longer than the address of a socket can be."""
    with scratch_folder() as folder:
        server = Server(folder / ("x" * 100) / ("y" * 100), asan=True)
        server.start()
        try:
            push_blob(server.client(), REPO, b"data")
            assert Admin(server.root).collect()["blobs_pinned"] == 1
        finally:
            server.stop()


def test_over_tcp(start):
    port = process.free_port()
    server = start(REGISTRY_ADMIN_ADDR=f"127.0.0.1:{port}")
    admin = Admin(server.root, port=port)
    assert admin.collect()["outcome"] == "done"
    assert Admin(server.root).status()["last"] == admin.status()["last"]


def test_a_socket_left_by_a_kill(server, admin):
    server.kill()
    assert admin.socket_path.exists()
    server.start(server.port)
    assert admin.collect()["outcome"] == "done"


def test_by_itself(start):
    server = start(REGISTRY_GC_INTERVAL="1s", REGISTRY_GC_DELETE_UNTAGGED="true")
    client, admin, volume = server.client(), Admin(server.root), Volume(server.root)
    push_image(client, REPO, "tag", seed="old")
    push_image(client, REPO, "tag", seed="new")
    wait_until(lambda: len(volume.blobs()) == 3, "a collection by the schedule", timeout=30)
    assert volume.missing() == []
    wait_until(lambda: not admin.status()["running"], "its end")
    assert admin.status()["last"]["delete_untagged"]


# clients meanwhile


def test_pushes_are_held(server, client, admin):
    """No request is refused."""
    def push():
        image = push_image(client, REPO, "meanwhile")
        assert_served(client, image, "meanwhile")
        return image
    image = during_a_run(client, admin, push)
    admin.wait_until_idle()
    assert_served(client, image, "meanwhile")


@pytest.fixture
def strict(start):
    return start(REGISTRY_GC_WRITES="refuse")


def assert_refused(answer):
    assert (answer.status, answer.code()) == (503, "UNAVAILABLE"), answer
    assert int(answer.exact("Retry-After")) > 0


def test_pushes_are_refused(strict):
    """If that is wanted; reading goes on, and after the run all is as before."""
    client, admin = strict.client(), Admin(strict.root)
    stays = push_image(client, REPO, "stays")
    location = start_upload(client, REPO)

    def write():
        digest = sha256(stays.layers[0])
        return [client.post(f"/v2/{REPO}/blobs/uploads/"), client.patch(location, b"bytes"),
                client.put(f"{location}&digest={digest}", b""), client.delete(location),
                client.post(f"/v2/other/repo/blobs/uploads/?mount={digest}&from={REPO}"),
                client.put(f"/v2/{REPO}/manifests/tag", stays.manifest, {"Content-Type": stays.media_type}),
                client.delete(f"/v2/{REPO}/manifests/stays"), client.delete(f"/v2/{REPO}/blobs/{digest}")]

    for answer in during_a_run(client, admin, write):
        assert_refused(answer)
    assert admin.wait_until_idle()["outcome"] == "done"
    assert_served(client, stays, "stays")
    push_image(client, "other/repo", "tag", layers=stays.layers)


def test_reading_is_not_refused(strict):
    client, admin = strict.client(), Admin(strict.root)
    stays = push_image(client, REPO, "stays")
    during_a_run(client, admin, lambda: assert_served(client, stays, "stays"))


# dry runs


def push_all_kinds(client, volume):
    """Something of everything that goes."""
    push_image(client, REPO, "tag", seed="old")
    push_image(client, REPO, "tag", seed="new")
    for name in ("gone", REPO):
        delete(client, push_image(client, name, "goes").digest, name)
    location = client.path(start_upload(client, REPO)).partition("?")[0]
    folder = volume.repository(REPO, "_uploads", location.rpartition("/")[2])
    (folder / "startedat").write_text("2001-09-09T01:46:40Z")
    for entry in [*folder.rglob("*"), folder]:
        os.utime(entry, (1_000_000_000, 1_000_000_000))
    push_blob(client, "pinned", b"pinned")


@pytest.mark.parametrize("untagged", [False, True], ids=["plain", "untagged"])
def test_a_dry_run(admin, client, volume, untagged):
    """Changes nothing, and says what the next one does."""
    push_all_kinds(client, volume)
    before = volume.listing()
    foretold = admin.collect(dry_run=True, delete_untagged=untagged)
    assert volume.listing() == before
    assert foretold["dry_run"] and foretold["outcome"] == "done"
    done = admin.collect(delete_untagged=untagged)
    assert not done["dry_run"]
    assert {name: foretold[name] for name in COUNTED} == {name: done[name] for name in COUNTED}
    assert (done["manifests_deleted"], done["blobs_pinned"]) == (int(untagged), 1)
    assert min(done[name] for name in ("blobs_deleted", "links_deleted", "uploads_deleted",
                                       "repositories_deleted")) > 0


# the command


@pytest.fixture
def command(command_on_volume):
    return functools.partial(command_on_volume, "garbage-collect")


def lines(done):
    assert done.returncode == 0, done
    assert all(" level=info msg=\"" in line and "eleting " in line for line in done.stderr.splitlines()), done
    return done.stdout.splitlines()


def test_the_command(command, switch, client, volume):
    stays, goes = push_image(client, REPO, "stays"), push_image(client, REPO, "goes")
    delete(client, goes.digest)
    switch()
    before = volume.listing()
    foretold = lines(command("--dry-run"))
    assert volume.listing() == before
    told = lines(command())
    assert sorted(told) == sorted(foretold)
    eligible = {line.rpartition(": ")[2] for line in told if line.startswith("blob eligible for deletion: ")}
    assert eligible == {sha256(part) for part in [goes.manifest, goes.config, *goes.layers]}
    assert told[:2] == [REPO, f"{REPO}: marking manifest {stays.digest} "]
    assert "3 blobs marked, 3 blobs and 0 manifests eligible for deletion" in told
    assert volume.unneeded() == volume.missing() == []
    assert len(volume.blobs()) == 3


@pytest.mark.parametrize("flag", ["-m", "--delete-untagged", "--delete-untagged=true"])
def test_the_command_and_untagged(command, switch, client, volume, flag):
    push_image(client, REPO, "tag", seed="old")
    new = push_image(client, REPO, "tag", seed="new")
    switch()
    assert "3 blobs marked, 3 blobs and 1 manifests eligible for deletion" in lines(command(flag))
    assert set(volume.blobs()) == {sha256(part) for part in [new.manifest, new.config, *new.layers]}


@pytest.mark.parametrize("flag", ["-q", "--quiet"])
def test_the_command_is_quiet(command, switch, client, volume, flag):
    delete(client, push_image(client, REPO, "tag").digest)
    switch()
    assert lines(command(flag)) == []
    assert volume.blobs() == {}


def test_the_command_keeps_what_is_young(command, server, client, volume):
    """Also when no server runs that could remember."""
    push_blob(client, REPO, b"{}")
    server.stop()
    assert lines(command("-m"))
    assert len(volume.blobs()) == 1
    server.start(server.port)
    push_manifest(client, REPO, "tag", manifest(b"{}", []))


def test_the_command_asks_the_server(command, client, admin):
    push_image(client, REPO, "tag")
    lines(command())
    assert admin.status()["last"]["outcome"] == "done"


def test_the_command_beside_a_run(command, client, admin, volume):
    """Waits for that, and then does its own."""
    run = settling(client, admin)
    done = command()
    assert done.returncode == 0, done
    assert REPO not in done.stdout.splitlines()
    assert admin.status()["run"] == run + 1
    assert volume.blobs() == {}


def test_the_command_without_a_volume(scratch):
    config = scratch / "config.yml"
    config.write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {scratch}/none\n")
    done = process.run([str(binary_path(True)), "garbage-collect", str(config)], check=False)
    assert done.returncode in (0, 1), done
    assert not done.returncode or done.stderr.startswith("failed to garbage collect: "), done


def test_the_command_without_a_configuration():
    done = process.run([str(binary_path(True)), "garbage-collect"], check=False)
    assert done.returncode == 1
    assert "configuration" in done.stderr.lower()


def test_the_last_report_survives_a_restart(server, client, admin):
    image = push_image(client, REPO, "goes")
    delete(client, image.digest)
    report = admin.collect()
    assert report["blobs_deleted"] == 3
    server.restart()
    status = Admin(server.root).status()
    assert (status["running"], status["report"], status["last"]) == (False, None, report)
