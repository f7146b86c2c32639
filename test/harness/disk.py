# SPDX-License-Identifier: Apache-2.0
"""Small file systems of a test's own, mounted over a directory; who removes the scratch folder unmounts them."""

import contextlib
import os
import subprocess

from .place import scratch_folder


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


class Disk:
    def __init__(self, root, image=None):
        self.root = root
        self.image = image  # the file behind it

    def free_bytes(self):
        state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize

    def free_inodes(self):
        return os.statvfs(self.root).f_favail

    def read_only(self):
        run("mount", "-o", "remount,ro", self.root)

    def read_write(self, *options):
        run("mount", "-o", ",".join(["remount,rw", *options]), self.root)


@contextlib.contextmanager
def memory_disk(root, mib, *options):
    """options are mount's."""
    run("mount", "-t", "tmpfs", "-o", ",".join([f"size={mib}m", *options]), "registry-test", root)
    try:
        yield Disk(root)
    finally:
        run("umount", root)


@contextlib.contextmanager
def ext4_disk(root, mib, *options):
    """Nothing is kept for the administrator; options are mkfs.ext4's."""
    with scratch_folder() as folder:
        image = folder / "image"
        with open(image, "wb") as file:
            file.truncate(mib << 20)
        run("mkfs.ext4", "-q", "-m", "0", *options, image)
        run("mount", "-o", "loop", image, root)
        try:
            os.rmdir(os.path.join(root, "lost+found"))
            yield Disk(root, image)
        finally:
            run("umount", root)
