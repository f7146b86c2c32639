# SPDX-License-Identifier: Apache-2.0
"""An OCI image layout on disk, written by hand: what podman and skopeo copy from."""

import gzip
import json

from .archive import tar_bytes
from .content import sha256
from .push import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor, encode


class Layout:
    def __init__(self, folder):
        self.folder = folder
        self.entries = []
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def _blob(self, media_type, data, **more):
        (self.folder / "blobs" / "sha256" / sha256(data)[7:]).write_bytes(data)
        return descriptor(media_type, data, **more)

    def _save(self):
        (self.folder / "index.json").write_bytes(encode({"schemaVersion": 2, "manifests": self.entries}))

    def _named(self, entry, name):
        self.entries.append({**entry, "annotations": {"org.opencontainers.image.ref.name": name}})
        self._save()

    def _image(self, bodies, architecture):
        layers, diffs = [], []
        for body in bodies:
            archive = tar_bytes({f"data/{body.digest[7:19]}": body})
            diffs.append(sha256(archive))
            layers.append(self._blob(OCI_LAYER, gzip.compress(archive, 1, mtime=0)))
        config = self._blob(OCI_CONFIG, encode({
            "architecture": architecture, "os": "linux", "created": "2020-01-01T00:00:00Z",
            "config": {"Cmd": ["/bin/true"]}, "rootfs": {"type": "layers", "diff_ids": diffs},
            "history": [{"created": "2020-01-01T00:00:00Z", "created_by": "test"} for _ in diffs]}))
        return self._blob(OCI_MANIFEST, encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST,
                                                "config": config, "layers": layers}))

    def image(self, name, bodies, architecture="amd64"):
        """Returns the manifest's digest."""
        entry = self._image(bodies, architecture)
        self._named(entry, name)
        return entry["digest"]

    def index(self, name, images):
        """images: {architecture: bodies}. Returns the digests of the index and of the manifests in it."""
        children = [{**self._image(bodies, architecture), "platform": {"os": "linux", "architecture": architecture}}
                    for architecture, bodies in images.items()]
        entry = self._blob(OCI_INDEX, encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}))
        self._named(entry, name)
        return entry["digest"], [child["digest"] for child in children]

    def read(self, digest):
        return json.loads((self.folder / "blobs" / "sha256" / digest[7:]).read_bytes())
