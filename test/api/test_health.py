# SPDX-License-Identifier: Apache-2.0
"""Whether the server says that it is well, and what it still does when it is not."""

import os
import subprocess

import pytest

from harness.admin import Admin
from harness.content import sha256
from harness.place import scratch_folder
from harness.process import free_port
from harness.push import push_blob, push_image, with_query
from harness.server import Server
from harness.waiting import wait_until
from harness.wire import Client

CHECK = "storagedriver_filesystem"
QUICK = {"REGISTRY_HEALTH_STORAGEDRIVER_INTERVAL": "1s", "REGISTRY_HEALTH_STORAGEDRIVER_THRESHOLD": "1"}
MIB = 1 << 20


class Patient:
    def __init__(self, server, port):
        self.server = server
        self.client = server.client()
        self.debug = Client(port)

    def health(self):
        answer = self.debug.get("/debug/health")
        assert answer.status in (200, 503), answer
        assert answer.exact("Content-Type") == "application/json"
        return answer.status, answer.json()

    def wait_until_ill(self, check=CHECK):
        def ill():
            status, document = self.health()
            return document.get(check) if status == 503 else None
        return wait_until(ill, f"{check} failing", timeout=30)

    def wait_until_well(self):
        wait_until(lambda: self.health() == (200, {}), "all checks passing", timeout=30)


def settings(port, **more):
    return {**QUICK, "REGISTRY_HTTP_DEBUG_ADDR": f"127.0.0.1:{port}", **more}


@pytest.fixture
def patient(start):
    port = free_port()
    return Patient(start(**settings(port)), port)


@pytest.fixture
def small_disk():
    """A server whose root is a file system of 24 MiB, of which 8 are to stay free."""
    port = free_port()
    with scratch_folder() as folder:
        server = Server(folder, asan=True, environment=settings(port, REGISTRY_STORAGE_MINFREE="8MiB"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "registry-test", server.root], check=True)
        server.start()
        try:
            yield Patient(server, port)
        finally:
            server.stop()


def fill(root, leave):
    """Fills the file system until so many bytes are free."""
    state = os.statvfs(root)
    with open(root / "filling", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - leave)


def metric(port, name):
    lines = Client(port).get("/metrics").body.decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(name + " ")), None)


def test_it_is_well(patient):
    assert patient.health() == (200, {})
    assert patient.client.get("/").status == 200
    assert patient.debug.head("/debug/health").status == 200


def test_a_full_disk(small_disk, body):
    client = small_disk.client
    blob = bytes(body(4 * MIB))
    push_blob(client, "some/repo", blob)
    location = client.patch(client.post("/v2/some/repo/blobs/uploads/").get("Location"), b"here").get("Location")
    small_disk.wait_until_well()
    fill(small_disk.server.root, 6 * MIB)
    assert "less than storage.minfree" in small_disk.wait_until_ill()
    root = client.get("/")
    assert (root.status, root.code()) == (503, "UNAVAILABLE")
    assert client.get(f"/v2/some/repo/blobs/{sha256(blob)}").body == blob
    refused = client.post("/v2/some/repo/blobs/uploads/")
    assert (refused.status, refused.code()) == (507, "UNKNOWN")
    assert client.put("/v2/some/repo/manifests/x", b"{}").status == 507
    assert client.put(with_query(location, digest=sha256(b"here"))).status == 201, "what is here already fits"
    assert client.delete(f"/v2/some/repo/blobs/{sha256(blob)}").status == 202
    Admin(small_disk.server.root).collect()
    (small_disk.server.root / "filling").unlink()
    small_disk.wait_until_well()
    assert client.get("/").status == 200
    assert client.post("/v2/some/repo/blobs/uploads/").status == 202
    words = small_disk.server.stderr()
    assert words.count("pushes are refused: ") == 1
    assert words.count("there is room again: ") == 1
    assert words.count("health: the storage is not well: ") == 1


def test_no_room_for_what_is_announced(small_disk):
    location = small_disk.client.post("/v2/some/repo/blobs/uploads/").get("Location")
    with small_disk.client.wire() as wire:
        wire.send_head("PATCH", location, {"Content-Length": str(20 * MIB), "Expect": "100-continue"})
        answer = wire.read()
    assert (answer.status, answer.code()) == (507, "UNKNOWN")
    assert small_disk.client.get(location).status == 204


def test_no_room_while_it_arrives(small_disk, body):
    """Without a length nobody knows beforehand. What had been accepted before stays, the rest is in nobody's way."""
    location = small_disk.client.post("/v2/some/repo/blobs/uploads/").get("Location")
    piece = bytes(body(MIB))
    location = small_disk.client.patch(location, piece).get("Location")
    with small_disk.client.wire() as wire:
        wire.send_head("PATCH", location, {"Transfer-Encoding": "chunked"})
        try:
            for _ in range(20):
                wire.send_chunk(piece)
        except OSError:
            pass  # it has answered and listens no more
        answer = wire.read()
    assert (answer.status, answer.code()) == (507, "UNKNOWN")
    assert small_disk.client.get(location).exact("Range") == f"0-{MIB - 1}"
    state = os.statvfs(small_disk.server.root)
    assert state.f_bavail * state.f_frsize > 22 * MIB
    assert small_disk.client.delete(location).status == 204


def test_storage_that_cannot_be_written(patient):
    push_image(patient.client, "some/repo", "latest")
    patient.wait_until_well()
    probe = patient.server.root / "run" / "probe"
    wait_until(lambda: not probe.exists() and make_folder(probe), "the probe's place being free")
    patient.wait_until_ill()
    client = patient.client
    assert client.get("/").status == 503
    assert client.get("/v2/some/repo/manifests/latest").status == 200
    answer = client.post("/v2/some/repo/blobs/uploads/")
    assert (answer.status, answer.code()) == (503, "UNAVAILABLE")
    assert client.delete("/v2/some/repo/manifests/latest").status == 503
    (probe / "x").unlink()
    probe.rmdir()
    patient.wait_until_well()
    assert client.delete("/v2/some/repo/manifests/latest").status == 202


def make_folder(path):
    """In the way of a file: one that cannot be removed by moving something over it."""
    try:
        path.mkdir()
        (path / "x").touch()
    except FileExistsError:
        return False
    return True


def test_storage_that_cannot_be_read(patient):
    push_image(patient.client, "some/repo", "latest")
    patient.wait_until_well()
    folder = patient.server.root / "docker/registry/v2/repositories"
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.symlink_to(folder)
    patient.wait_until_ill()
    for target in ("/", "/v2/", "/v2/some/repo/manifests/latest"):
        answer = patient.client.get(target)
        assert (answer.status, answer.code()) == (503, "UNAVAILABLE")
        assert answer.errors()[0]["detail"] == "health check failed: please see /debug/health"
    folder.unlink()
    aside.rename(folder)
    patient.wait_until_well()
    assert patient.client.get("/v2/some/repo/manifests/latest").status == 200


def test_read_only_storage_need_not_be_written(start):
    port = free_port()
    server = start(**settings(port, REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED="true",
                              REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED="true",
                              REGISTRY_STORAGE_MINFREE="1000TiB"))
    patient = Patient(server, port)
    wait_until(lambda: metric(port, "registry_storage_free_bytes"), "the first probe")
    assert patient.health() == (200, {})


def test_a_file_takes_it_out_of_service(start, scratch):
    port = free_port()
    marker = scratch / "down"
    patient = Patient(start(**settings(port, REGISTRY_HEALTH_FILE=f"[{{file: {marker}, interval: 1s}}]")), port)
    patient.wait_until_well()
    marker.touch()
    assert patient.wait_until_ill(str(marker)) == "file exists"
    assert patient.client.get("/").status == 503
    assert patient.client.get("/v2/").status == 200
    assert patient.client.post("/v2/some/repo/blobs/uploads/").status == 202
    marker.unlink()
    patient.wait_until_well()


def test_it_can_be_switched_off(start):
    port = free_port()
    server = start(**settings(port, REGISTRY_HEALTH_STORAGEDRIVER_ENABLED="false", REGISTRY_STORAGE_MINFREE="1000TiB"))
    assert Patient(server, port).health() == (200, {})
