# SPDX-License-Identifier: Apache-2.0
"""A volume as its files say, without a server: what is in it, what reaches what, and what nothing needs."""

import hashlib
import json
import os
import pathlib

TREE = "docker/registry/v2"
PARTS = ("_layers", "_manifests", "_uploads")


def _digests(folder):
    """{digest: its directory} of a directory that has one for each."""
    return {f"{algorithm.name}:{entry.name}": entry
            for algorithm in _entries(folder) for entry in _entries(algorithm)}


def _entries(folder):
    return sorted(folder.iterdir()) if folder.is_dir() else []


class Volume:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.blobs_folder = self.root / TREE / "blobs"
        self.repositories_folder = self.root / TREE / "repositories"

    # where things are

    def repository(self, name, *parts):
        return self.repositories_folder.joinpath(name, *parts)

    def data(self, digest):
        algorithm, text = digest.split(":")
        return self.blobs_folder / algorithm / text[:2] / text / "data"

    def layer(self, name, digest):
        return self.repository(name, "_layers", *digest.split(":"), "link")

    def quarantined(self, digest):
        """What was moved aside of it, the oldest first."""
        algorithm, text = digest.split(":")
        return sorted((self.root / TREE / "quarantine" / algorithm).glob(f"{text}.*"))

    def revision(self, name, digest):
        return self.repository(name, "_manifests", "revisions", *digest.split(":"), "link")

    def current(self, name, tag):
        return self.repository(name, "_manifests", "tags", tag, "current", "link")

    def history(self, name, tag, digest):
        return self.repository(name, "_manifests", "tags", tag, "index", *digest.split(":"), "link")

    # what is there

    def repositories(self):
        names = set()
        for folder, below, _ in os.walk(self.repositories_folder):
            if any(part in below for part in PARTS):
                names.add(os.path.relpath(folder, self.repositories_folder))
            below[:] = [entry for entry in below if entry not in PARTS]
        return sorted(names)

    def blobs(self):
        """{digest: size}"""
        return {f"{algorithm.name}:{blob.name}": (blob / "data").stat().st_size
                for algorithm in _entries(self.blobs_folder) for shard in _entries(algorithm)
                for blob in _entries(shard) if (blob / "data").exists()}

    def bytes(self):
        return sum(self.blobs().values())

    def layers(self, name):
        """{digest: what its link says}"""
        return {digest: (folder / "link").read_text()
                for digest, folder in _digests(self.repository(name, "_layers")).items() if (folder / "link").exists()}

    def manifests(self, name):
        revisions = _digests(self.repository(name, "_manifests", "revisions"))
        return {digest for digest, folder in revisions.items() if (folder / "link").exists()}

    def tags(self, name):
        """{tag: digest}"""
        return {tag.name: (tag / "current" / "link").read_text()
                for tag in _entries(self.repository(name, "_manifests", "tags"))
                if (tag / "current" / "link").exists()}

    def uploads(self):
        return [str(path) for name in self.repositories() for path in _entries(self.repository(name, "_uploads"))]

    def temporary(self):
        return [str(path) for path in self.root.rglob("*.tmp")]

    def listing(self):
        """{path: what is there}: of everything that is content."""
        found = {}
        for folder, folders, files in os.walk(self.root / "docker"):
            for entry in folders:
                path = os.path.join(folder, entry)
                found[path] = "directory", os.stat(path).st_mtime_ns
            for entry in files:
                path = os.path.join(folder, entry)
                with open(path, "rb") as file:
                    found[path] = hashlib.sha256(file.read()).hexdigest(), os.stat(path).st_mtime_ns
        return found

    # what is needed

    def document(self, digest):
        return json.loads(self.data(digest).read_bytes())

    def reached(self, name, delete_untagged):
        """(manifests, blobs) of a repository that tags reach, or that its manifests reach; manifests are blobs too."""
        manifests = {digest: self.document(digest) for digest in self.manifests(name)}
        pending = set(self.tags(name).values()) if delete_untagged else set(manifests)
        seen, blobs = set(), set()
        while pending:
            digest = pending.pop()
            blobs.add(digest)
            if digest in seen or digest not in manifests:
                continue
            seen.add(digest)
            document = manifests[digest]
            pending |= {child["digest"] for child in document.get("manifests", [])}
            blobs |= {part["digest"] for part in [document.get("config"), *document.get("layers", [])] if part}
            pending |= {other for other, text in manifests.items()
                        if (text.get("subject") or {}).get("digest") == digest}
        return seen, blobs

    def unneeded(self, delete_untagged=False):
        """What a collection without grace would remove, in words."""
        found, needed = [], set()
        for name in self.repositories():
            manifests, blobs = self.reached(name, delete_untagged)
            links = self.layers(name)
            found += [f"{name}: manifest {digest}" for digest in self.manifests(name) - manifests]
            found += [f"{name}: layer link {digest}" for digest in links if digest not in blobs]
            needed |= blobs | {target for digest, target in links.items() if digest in blobs}
        return found + [f"blob {digest}" for digest in self.blobs() if digest not in needed]

    def missing(self):
        """What tags reach and is not there, in words."""
        found = []
        for name in self.repositories():
            manifests, blobs = self.reached(name, delete_untagged=True)
            links = self.layers(name)
            found += [f"{name}: tag {tag}" for tag, digest in self.tags(name).items() if digest not in manifests]
            for digest in sorted(blobs):
                data = self.data(links.get(digest, digest))
                if digest not in manifests and digest not in links:
                    found.append(f"{name}: no link {digest}")
                elif not data.exists():
                    found.append(f"{name}: no data {digest}")
        return found
