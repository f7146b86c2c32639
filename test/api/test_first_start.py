# SPDX-License-Identifier: Apache-2.0
"""The first start on a volume that cannot be written to, or hardly: one line says why it cannot be served; or it is
served, what cannot be stored is refused, and when there is room all is well, without a restart."""

import os

import pytest

from harness import process
from harness.disk import memory_disk
from harness.place import scratch_folder
from harness.push import push_image
from harness.server import Server, binary_path

NO_RESERVE = {"REGISTRY_STORAGE_MINFREE": "0"}
TREE = 6  # inodes: the root, and what leads to the blobs and to the repositories


def registry(root, word):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    with scratch_folder() as folder:
        config = folder / "config.yml"
        config.write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n"
                          "http:\n  addr: 127.0.0.1:0\n")
        return process.run([str(binary_path(True)), word, str(config)], check=False, timeout=20, env=environment)


@pytest.mark.parametrize("options, why", [
    (["ro"], "docker: Read-only file system"),
    (["nr_inodes=1"], "docker: No space left on device"),
    ([f"nr_inodes={TREE - 1}"], "repositories: No space left on device"),
], ids=["read-only", "no inode", "too few inodes"])
def test_one_line_says_why(options, why):
    with scratch_folder() as root, memory_disk(root, 1, *options):
        done = registry(root, "serve")
    assert done.returncode == 1, done
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1 and "level=error" in lines[0], lines
    assert str(root) in lines[0] and why in lines[0], lines


@pytest.mark.parametrize("inodes", [TREE, TREE + 1, TREE + 2])
def test_served_without_inodes(inodes):
    """Whatever there is no inode for: run, the lock in it, or the administrators' socket."""
    with scratch_folder() as folder:
        server = Server(folder, asan=True, environment=NO_RESERVE)
        with memory_disk(server.root, 16, f"nr_inodes={inodes}") as disk:
            server.start()
            try:
                client = server.client()
                assert client.get("/v2/_catalog").json() == {"repositories": []}
                answer = client.post("/v2/app/blobs/uploads/")
                assert (answer.status, answer.code()) == (507, "UNKNOWN"), answer
                disk.read_write("nr_inodes=1000")
                image = push_image(client, "app", "1")
                assert client.get("/v2/app/manifests/1").body == image.manifest
                done = registry(server.root, "garbage-collect")
                assert done.returncode != 0 and "another process" in done.stderr, done
                assert client.get("/v2/app/manifests/1").body == image.manifest
            finally:
                server.stop()


def test_served_without_a_free_byte():
    with scratch_folder() as folder:
        server = Server(folder, asan=True, environment=NO_RESERVE)
        with memory_disk(server.root, 1):
            filler = server.root / "filler"
            with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
                while file.write(bytes(4096)):
                    pass
            server.start()
            try:
                client = server.client()
                answer = client.post("/v2/app/blobs/uploads/")
                assert (answer.status, answer.code()) == (507, "UNKNOWN"), answer
                filler.unlink()
                image = push_image(client, "app", "1")
                assert client.get("/v2/app/manifests/1").body == image.manifest
            finally:
                server.stop()
