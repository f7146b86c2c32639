# SPDX-License-Identifier: Apache-2.0
"""Images to push: a Debian base made by debootstrap, and docker builds on it."""

import os

from . import process
from .place import CACHE, scratch_folder

RELEASE = "trixie"
BASE = f"debian:{RELEASE}-slim"


def debian_mirror():
    """The Debian archive that this machine's own apt uses."""
    lines = process.run(["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)",
                         "Created-By: Packages"]).stdout.splitlines()
    mirrors = [uri for label, _, uri in (line.partition("|") for line in lines)
               if label == "Debian" or (not label and "security" not in uri)]
    assert mirrors, "apt knows no Debian archive"
    return mirrors[0]


def base_archive():
    """A tar archive of a minimal Debian, made once and kept below build/."""
    archive = CACHE / f"debian-{RELEASE}-minbase.tar"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with scratch_folder("registry-base-") as folder:
            root = folder / "root"
            process.run(["debootstrap", "--variant=minbase", RELEASE, str(root), debian_mirror()], timeout=600)
            parts = ("var/cache/apt/archives", "var/lib/apt/lists", "proc", "sys", "dev")
            excluded = [f"--exclude=./{part}/*" for part in parts]
            made = CACHE / f".{archive.name}.{os.getpid()}"
            process.run(["tar", "--create", "--file", str(made), "--directory", str(root), *excluded, "."], timeout=300)
            made.rename(archive)
    return archive


def add_base(engine):
    engine.run(["docker", "import", str(base_archive()), BASE], timeout=300)


def build(engine, folder, name, layers, base=BASE):
    """`docker build` of an image with a layer for each body."""
    context = folder / name.replace(":", "_").replace("/", "_")
    context.mkdir()
    lines = [f"FROM {base}"]
    for i, body in enumerate(layers):
        with open(context / f"layer{i}", "wb") as file:
            file.writelines(body)
        lines.append(f"COPY layer{i} /data/{body.digest[7:19]}")
    lines.append('CMD ["/bin/true"]')
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    engine.run(["docker", "build", "--quiet", "--tag", name, str(context)], timeout=300)
