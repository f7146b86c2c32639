# SPDX-License-Identifier: Apache-2.0
"""A book of what was pushed, to be compared with what a server has."""

import hashlib
import json

from . import push
from .content import sha256


def sha512(data):
    return "sha512:" + hashlib.sha512(data).hexdigest()


def references(document):
    """Digests of what a manifest names."""
    parts = [document["config"]] if "config" in document else []
    return {part["digest"] for part in parts + document.get("layers", []) + document.get("manifests", [])}


class Book:
    """Content by (repository, digest) and (repository, tag). Whoever pushes through it, has it written down."""

    def __init__(self):
        self.manifests = {}  # (repository, digest): (bytes, media type)
        self.blobs = {}      # (repository, digest): (bytes, the digest under which they are stored)
        self.tags = {}       # (repository, tag): digest
        self.named = set()   # repositories that have, or once had, tags
        self.gone = set()    # (repository, kind, digest): what must answer 404

    def repositories(self):
        return sorted({name for name, _ in self.manifests}, key=str.encode)

    # pushing

    def blob(self, client, name, data):
        digest = push.push_blob(client, name, data)
        self.blobs[name, digest] = data, digest
        self.gone.discard((name, "blobs", digest))
        return digest

    def mount(self, client, source, name, digest):
        answer = client.post(f"/v2/{name}/blobs/uploads/?mount={digest}&from={source}")
        assert answer.status == 201, answer
        self.blobs[name, digest] = self.blobs[source, digest]

    def manifest(self, client, name, tag, data, media_type):
        """Without a tag it is pushed by its digest."""
        digest = push.push_manifest(client, name, tag or sha256(data), data, media_type)
        self.manifests[name, digest] = data, media_type
        self.gone.discard((name, "manifests", digest))
        if tag:
            self.tags[name, tag] = digest
            self.named.add(name)
        return digest

    def image(self, client, name, tag, layers, media_type=push.OCI_MANIFEST):
        """Returns the manifest's bytes."""
        config = push.encode({"architecture": "amd64", "os": "linux", "seed": f"{name}:{tag}",
                              "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]}})
        for blob in [config, *layers]:
            self.blob(client, name, blob)
        data = push.manifest(config, layers, media_type)
        self.manifest(client, name, tag, data, media_type)
        return data

    def adopt(self, client, name, reference):
        """Writes down what another client pushed: it must be whole, and is then held against later answers."""
        answer = client.get(f"/v2/{name}/manifests/{reference}")
        assert answer.status == 200, answer
        digest, document = sha256(answer.body), json.loads(answer.body)
        assert answer.exact("Docker-Content-Digest") == digest
        self.manifests[name, digest] = answer.body, answer.exact("Content-Type")
        if not reference.startswith("sha256:"):
            self.tags[name, reference] = digest
            self.named.add(name)
        if "manifests" in document:
            for child in document["manifests"]:
                self.adopt(client, name, child["digest"])
            return document
        for blob in references(document):
            self.blobs[name, blob] = client.get(f"/v2/{name}/blobs/{blob}").body, blob
            assert sha256(self.blobs[name, blob][0]) == blob
        return document

    # taking away

    def delete_tag(self, client, name, tag):
        assert client.delete(f"/v2/{name}/manifests/{tag}").status == 202
        del self.tags[name, tag]

    def delete_manifest(self, client, name, digest):
        """With the tags that point at it."""
        assert client.delete(f"/v2/{name}/manifests/{digest}").status == 202
        del self.manifests[name, digest]
        self.tags = {key: value for key, value in self.tags.items() if (key[0], value) != (name, digest)}
        self.gone.add((name, "manifests", digest))

    def collected(self, unseen=()):
        """What the original's collection takes: the blobs that no manifest names. It does not see the manifests of
        some repositories, and of a sha512 digest it does not see that its own way to store it is under a sha256."""
        seen = {key: value for key, value in self.manifests.items() if key[0] not in unseen}
        reached = {digest for _, digest in seen}
        for data, _ in seen.values():
            reached |= references(json.loads(data))
        for (name, digest) in [key for key in self.manifests if key[1] not in reached]:
            del self.manifests[name, digest]
            self.tags = {key: value for key, value in self.tags.items() if (key[0], value) != (name, digest)}
            self.gone.add((name, "manifests", digest))
        for (name, digest) in [key for key, (_, stored) in self.blobs.items() if stored not in reached]:
            del self.blobs[name, digest]
            self.gone.add((name, "blobs", digest))

    # comparing

    def check(self, client, catalog=None, tags=None):
        """All of it, byte for byte. The two lists may be told where a server means something else by them."""
        self._check_lists(client, self.repositories() if catalog is None else catalog, tags or {})
        for (name, digest), (data, media_type) in self.manifests.items():
            tagged = [tag for (its, tag), value in self.tags.items() if (its, value) == (name, digest)]
            for reference in [digest, *tagged]:
                self._check_manifest(client, f"/v2/{name}/manifests/{reference}", data, media_type, digest)
        for (name, digest), (data, stored) in self.blobs.items():
            self._check_blob(client, f"/v2/{name}/blobs/{digest}", data, stored)
        for name, kind, digest in self.gone:
            for method in ("GET", "HEAD"):
                answer = client.request(method, f"/v2/{name}/{kind}/{digest}")
                assert answer.status == 404, answer

    def _check_lists(self, client, catalog, tags):
        answer = client.get("/v2/_catalog?n=1000")
        assert answer.status == 200, answer
        assert sorted(answer.json()["repositories"], key=str.encode) == catalog
        for name in self.named:
            answer = client.get(f"/v2/{name}/tags/list")
            assert answer.status == 200, answer
            expected = {tag for its, tag in self.tags if its == name} | set(tags.get(name, ()))
            assert sorted(answer.json()["tags"] or []) == sorted(expected), name

    @staticmethod
    def _check_manifest(client, url, data, media_type, digest):
        for method, body in (("GET", data), ("HEAD", b"")):
            answer = client.request(method, url)
            assert (answer.status, answer.body) == (200, body), f"{method} {url}: {answer}"
            assert answer.exact("Content-Type") == media_type
            assert answer.exact("Content-Length") == str(len(data))
            assert answer.exact("Docker-Content-Digest") == digest

    @staticmethod
    def _check_blob(client, url, data, stored):
        for method, body in (("GET", data), ("HEAD", b"")):
            answer = client.request(method, url)
            assert (answer.status, answer.body) == (200, body), f"{method} {url}: {answer.status} {answer.headers}"
            assert answer.exact("Content-Length") == str(len(data))
            assert answer.exact("Docker-Content-Digest") == stored
