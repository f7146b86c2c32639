# SPDX-License-Identifier: Apache-2.0
"""A volume that is mounted read-only is served, and says so to who wants to change something."""

import contextlib
import subprocess

from harness import process
from harness.push import push_image
from harness.server import binary_path


@contextlib.contextmanager
def mounted_readonly(folder):
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_pulls_work_and_pushes_are_refused(server):
    image = push_image(server.client(), "app", "1")
    server.stop()
    with mounted_readonly(server.root):
        server.start()
        try:
            client = server.client()
            assert client.get("/v2/app/manifests/1").body == image.manifest
            assert client.head(f"/v2/app/manifests/{image.digest}").status == 200
            answer = client.post("/v2/app/blobs/uploads/")
            assert answer.status == 500 and answer.code() == "UNKNOWN"
            server.says("Read-only file system")
        finally:
            server.stop()
    server.start()


def test_also_one_that_never_had_this_server(server):
    server.stop()
    subprocess.run(["rm", "-r", server.root / "run"], check=True)
    with mounted_readonly(server.root):
        server.start()
        try:
            assert server.client().get("/v2/_catalog").json() == {"repositories": []}
        finally:
            server.stop()
    server.start()


def test_damage_is_told(server, volume, scratch):
    image = push_image(server.client(), "app", "1")
    server.stop()
    volume.data(image.digest).write_bytes(b"torn")
    config = scratch / "config.yml"
    config.write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {server.root}\n")
    with mounted_readonly(server.root):
        done = process.run([str(binary_path(True)), "verify", str(config)], check=False)
    assert done.returncode == 1, done
    told = done.stdout.splitlines()[0]
    assert told.startswith(f"{image.digest}: damaged: 4 bytes"), told
    assert "not moved aside" in told and "Read-only file system" in told
    assert volume.data(image.digest).read_bytes() == b"torn"
    server.start()
