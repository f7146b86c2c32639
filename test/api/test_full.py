# SPDX-License-Identifier: Apache-2.0
"""Real file systems that are full, out of inodes, read-only, or broken: what can be done is done, what cannot is told,
and when there is room again all is well, without a restart."""

import contextlib
import itertools
import os
import threading

from harness.admin import Admin
from harness.content import Body, sha256
from harness.disk import ext4_disk, memory_disk
from harness.place import scratch_folder
from harness.process import free_port
from harness.push import OCI_MANIFEST, manifest, push_image, with_query
from harness.server import Server
from harness.volume import Volume
from harness.waiting import wait_until
from harness.wire import Client, Closed

MIB = 1 << 20
PUSHERS = 4
REFUSALS = 3  # each pusher goes on until it was told so often that there is no room
REPO = "some/repo"


class Place:
    """A server on a disk of its own."""

    def __init__(self, server, disk, port):
        self.server = server
        self.disk = disk
        self.client = server.client()
        self.debug = Client(port)
        self.admin = Admin(server.root)

    def files(self, pattern):
        return list((self.server.root / "docker").rglob(pattern))

    def health(self):
        return self.debug.get("/debug/health")


@contextlib.contextmanager
def place(make_disk, **environment):
    port = free_port()
    with scratch_folder() as folder:
        server = Server(folder, asan=True, environment={
            "REGISTRY_HTTP_DEBUG_ADDR": f"127.0.0.1:{port}", "REGISTRY_HEALTH_STORAGEDRIVER_INTERVAL": "1s",
            "REGISTRY_HEALTH_STORAGEDRIVER_THRESHOLD": "1", "REGISTRY_GC_GRACE": "1s", **environment})
        with make_disk(server.root) as disk:
            server.start()
            try:
                yield Place(server, disk, port)
            finally:
                server.stop()


# Pushing until nothing fits.


class NoRoom(Exception):
    pass


def accepted(answer, status):
    if answer.status == 507:
        assert [entry["code"] for entry in answer.errors()] == ["UNKNOWN"]
        raise NoRoom
    assert answer.status == status, answer
    return answer


def upload(client):
    return accepted(client.post(f"/v2/{REPO}/blobs/uploads/"), 202).get("Location")


def as_docker_does(client, data):
    """As it comes, without a length, and then the digest."""
    location = accepted(client.patch(upload(client), data, chunked=True), 202).get("Location")
    accepted(client.put(with_query(location, digest=data.digest)), 201)


def as_containerd_does(client, data):
    accepted(client.put(with_query(upload(client), digest=data.digest), data), 201)


def at_once(client, data):
    accepted(client.post(f"/v2/{REPO}/blobs/uploads/?digest={data.digest}", data), 201)


WAYS = (as_docker_does, as_containerd_does, at_once)


class Pusher(threading.Thread):
    """Pushes images until it was refused a few times; `images` are those that were accepted."""

    def __init__(self, client, body, number, size):
        super().__init__()
        self.client = client
        self.body = body
        self.number = number
        self.size = size
        self.images = []
        self.refusals = 0
        self.failure = None

    def run(self):
        try:
            for count in itertools.count():
                with contextlib.suppress(NoRoom):
                    self.push(f"tag-{self.number}-{count}", WAYS[(self.number + count) % len(WAYS)])
                    continue
                self.refusals += 1
                if self.refusals == REFUSALS:
                    return
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def push(self, tag, way):
        layer = self.body(self.size)
        config = Body(f"config of {tag}", 100)
        for data in (layer, config):
            way(self.client, data)
        text = manifest(bytes(config), [bytes(layer)])
        accepted(self.client.put(f"/v2/{REPO}/manifests/{tag}", text, {"Content-Type": OCI_MANIFEST}), 201)
        self.images.append((tag, text, layer))


def push_until_full(client, body, size):
    pushers = [Pusher(client, body, number, size) for number in range(PUSHERS)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join()
    failures = [pusher.failure for pusher in pushers if pusher.failure]
    assert not failures, failures
    return [image for pusher in pushers for image in pusher.images]


def check_images(client, images):
    for tag, text, layer in images:
        assert client.get(f"/v2/{REPO}/manifests/{tag}").body == text
        assert sha256(client.get(f"/v2/{REPO}/blobs/{layer.digest}").body) == layer.digest


def check_nothing_is_left(p):
    """Of what was refused: an upload that was begun may be there, but nothing is in it."""
    assert sum(file.stat().st_size for file in p.files("_uploads/*/data")) == 0
    assert not p.files("*.tmp")


def check_a_full_disk(p, body, size):
    """Nothing new fits. All else works, and makes room."""
    volume = Volume(p.server.root)
    images = push_until_full(p.client, body, size)
    assert len(images) > PUSHERS
    check_nothing_is_left(p)
    check_images(p.client, images)
    free = p.disk.free_bytes()
    for _, text, _ in images[::2]:
        assert p.client.delete(f"/v2/{REPO}/manifests/{sha256(text)}").status == 202
    reports = p.admin.collect_until(
        lambda: not any(volume.data(layer.digest).exists() for _, _, layer in images[::2]), "the layers being gone")
    assert all((report["outcome"], report["skipped"]) == ("done", []) for report in reports), reports
    assert p.disk.free_bytes() >= free + len(images[::2]) * size
    check_images(p.client, images[1::2])
    for number, way in enumerate(WAYS):
        pusher = Pusher(p.client, body, number, size)
        pusher.push(f"again-{number}", way)
        check_images(p.client, pusher.images)
    assert p.server.runs == 1
    return images[1::2]


def test_full_to_the_last_byte(body):
    with place(lambda root: ext4_disk(root, 24), REGISTRY_STORAGE_MINFREE="0") as p:
        check_a_full_disk(p, body, MIB)


def test_full_but_for_what_is_to_stay_free(body):
    with place(lambda root: memory_disk(root, 48), REGISTRY_STORAGE_MINFREE="24MiB") as p:
        check_a_full_disk(p, body, MIB)
        assert p.disk.free_bytes() > 20 * MIB


def test_a_small_disk_with_the_settings_that_everybody_has(body):
    with place(lambda root: memory_disk(root, 30)) as p:
        check_a_full_disk(p, body, MIB)
        assert p.disk.free_bytes() > MIB


def test_out_of_inodes(body):
    with place(lambda root: ext4_disk(root, 32, "-N", "512"), REGISTRY_STORAGE_MINFREE="0") as p:
        check_a_full_disk(p, body, 1000)
        assert p.disk.free_bytes() > 20 * MIB


# Read-only for a while.


def check_refused(answer):
    assert (answer.status, answer.code()) in ((500, "UNKNOWN"), (503, "UNAVAILABLE")), answer


def test_read_only_for_a_while(body):
    with place(lambda root: ext4_disk(root, 100)) as p:
        client = p.client
        image = push_image(client, REPO, "here")
        location = client.post(f"/v2/{REPO}/blobs/uploads/").get("Location")
        location = client.patch(location, b"first ").get("Location")
        p.disk.read_only()
        wait_until(lambda: p.health().status == 503, "health telling of it", timeout=30)
        assert "Read-only file system" in p.health().json()["storagedriver_filesystem"]
        check_refused(client.post(f"/v2/{REPO}/blobs/uploads/"))
        check_refused(client.patch(location, b"second"))
        check_refused(client.put(f"/v2/{REPO}/manifests/there", image.manifest, {"Content-Type": OCI_MANIFEST}))
        check_refused(client.delete(f"/v2/{REPO}/manifests/here"))
        assert client.get(f"/v2/{REPO}/manifests/here").body == image.manifest
        assert client.get(f"/v2/{REPO}/blobs/{sha256(image.layers[0])}").body == image.layers[0]
        assert client.head(f"/v2/{REPO}/blobs/{sha256(image.layers[0])}").status == 200
        assert client.get(f"/v2/{REPO}/tags/list").json()["tags"] == ["here"]
        p.disk.read_write()
        wait_until(lambda: p.health().status == 200, "health telling of it", timeout=30)
        location = client.patch(location, b"second").get("Location")
        assert client.put(with_query(location, digest=sha256(b"first second"))).status == 201
        assert client.delete(f"/v2/{REPO}/manifests/here").status == 202
        p.admin.collect()
        push_image(client, REPO, "again")
        assert p.server.runs == 1


def test_read_only_where_nobody_looks(body):
    """Without health checks, each request finds out by itself."""
    with place(lambda root: ext4_disk(root, 100), REGISTRY_HEALTH_STORAGEDRIVER_ENABLED="false") as p:
        image = push_image(p.client, REPO, "here")
        p.disk.read_only()
        answer = p.client.post(f"/v2/{REPO}/blobs/uploads/")
        assert (answer.status, answer.code()) == (500, "UNKNOWN")
        assert p.client.get(f"/v2/{REPO}/manifests/here").body == image.manifest
        assert p.admin.collect()["outcome"] == "done"
        p.disk.read_write()
        push_image(p.client, REPO, "again")
        p.server.says("Read-only file system")


# Broken.


def forget(path):
    """The next to read it has it from the disk."""
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def test_a_blob_that_cannot_be_read(body):
    """Behind a file system whose image has become too short, all that is not in memory is unreadable."""
    with place(lambda root: ext4_disk(root, 100)) as p:
        layer = body(4 * MIB)
        push_image(p.client, REPO, "here", layers=[bytes(layer)])
        data = next(file for file in p.files("data") if file.stat().st_size == layer.size)

        def is_told():
            forget(data)  # but for what the system is just busy with
            try:
                answer = p.client.get(f"/v2/{REPO}/blobs/{layer.digest}")
                print(answer.status, len(answer.body))
                return answer.status == 500  # its link was forgotten, too
            except Closed:
                p.server.says("cannot be read")
                return True
        os.sync()
        os.truncate(p.disk.image, 1)
        wait_until(is_told, "an answer without its end")
        assert p.client.get(f"/v2/{REPO}/manifests/here").status in (200, 500)
