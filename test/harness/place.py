# SPDX-License-Identifier: Apache-2.0
"""Where things are, and scratch directories on a disk (not on a tmpfs: layers of 2 GiB pass through here)."""

import contextlib
import os
import pathlib
import secrets
import shutil
import subprocess

from . import leftovers

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / "build" / "cache"


def mounts_below(folder):
    """Mount points below a folder, deepest first."""
    prefix = str(folder).rstrip("/") + "/"
    points = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            point = line.split()[4].replace("\\040", " ")
            if point.startswith(prefix) or point == prefix[:-1]:
                points.append(point)
    return sorted(points, key=len, reverse=True)


def remove_tree(folder):
    """Removes a folder with whatever is still mounted in it."""
    for point in mounts_below(folder):
        subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(folder)


@contextlib.contextmanager
def scratch_folder(name="registry-test-"):
    # Hexadecimal: podman takes a path for an image's name, where not every letter may follow every other.
    folder = os.path.join(os.environ.get("TMPDIR") or "/var/tmp", name + secrets.token_hex(6))
    os.mkdir(folder, 0o700)
    undo = leftovers.remember(lambda: remove_tree(folder))
    try:
        yield pathlib.Path(folder)
    finally:
        remove_tree(folder)
        leftovers.forget(undo)
