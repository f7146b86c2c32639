# SPDX-License-Identifier: Apache-2.0
"""Content: pushed over HTTP where that is quick, else written to the volume as the registry image lays it out."""

from harness.content import Body, sha256
from harness.push import encode, manifest


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def body_file(folder, name, size):
    """A file of bytes that depend on its name: (path, digest, size)."""
    path, made = folder / name, Body(name, size)
    with open(path, "wb") as out:
        out.writelines(made)
    return path, made.digest, size


class Filler:
    """Writes to a volume; the same numbers give the same content."""

    def __init__(self, volume):
        self.volume = volume
        self.config = encode({"architecture": "amd64", "os": "linux"})
        self.blob(self.config)

    def blob(self, data):
        digest = sha256(data)
        write(self.volume.data(digest), data)
        return digest

    def manifest(self, name, number):
        """An image that is its configuration alone, and its manifest's digest."""
        data = manifest(self.config, [], annotations={"number": f"{name}/{number}"})
        link = self.blob(data)
        write(self.volume.revision(name, link), link.encode())
        write(self.volume.layer(name, sha256(self.config)), sha256(self.config).encode())
        return link

    def tag(self, name, tag, digest):
        write(self.volume.current(name, tag), digest.encode())

    def tags(self, name, count):
        digest = self.manifest(name, 0)
        for number in range(count):
            self.tag(name, f"tag-{number:06}", digest)

    def repositories(self, prefix, count):
        for number in range(count):
            name = f"{prefix}/{number % 100:02}/r{number:06}"
            self.tag(name, "latest", self.manifest(name, 0))

    def manifests(self, prefix, count, each=1000):
        """In repositories of so many, each with a tag."""
        for number in range(count):
            name = f"{prefix}/{number // each:03}"
            self.tag(name, f"tag-{number % each}", self.manifest(name, number))
