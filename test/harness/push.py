# SPDX-License-Identifier: Apache-2.0
"""Pushing over HTTP, as the specification puts it: blobs, manifests, whole small images."""

import json
import urllib.parse

from .content import sha256

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
ALL_MANIFESTS = ", ".join((OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST))


def encode(document):
    return json.dumps(document, indent=3).encode()


def with_query(location, **parameters):
    """Adds parameters to a Location as clients do."""
    query = urllib.parse.urlencode(parameters)
    return location + ("&" if "?" in location else "?") + query


def descriptor(media_type, data, **more):
    return {"mediaType": media_type, "size": len(data), "digest": sha256(data), **more}


def manifest(config, layers, media_type=OCI_MANIFEST, **more):
    oci = media_type == OCI_MANIFEST
    return encode({"schemaVersion": 2, "mediaType": media_type,
                   "config": descriptor(OCI_CONFIG if oci else DOCKER_CONFIG, config),
                   "layers": [descriptor(OCI_LAYER if oci else DOCKER_LAYER, layer) for layer in layers], **more})


def index(children, media_type=OCI_INDEX, child_type=OCI_MANIFEST, **more):
    """Children are manifests' bytes."""
    architectures = ("amd64", "arm64", "s390x", "ppc64le", "riscv64")
    entries = [descriptor(child_type, child, platform={"os": "linux", "architecture": architectures[i % 5]})
               for i, child in enumerate(children)]
    return encode({"schemaVersion": 2, "mediaType": media_type, "manifests": entries, **more})


class Image:
    """An image that was pushed: its parts as bytes."""

    def __init__(self, config, layers, manifest_bytes, media_type):
        self.config = config
        self.layers = layers
        self.manifest = manifest_bytes
        self.media_type = media_type

    @property
    def digest(self):
        return sha256(self.manifest)


def start_upload(client, name):
    answer = client.post(f"/v2/{name}/blobs/uploads/")
    assert answer.status == 202, answer
    return answer.get("Location")


def push_blob(client, name, data):
    """In two requests; returns the digest."""
    data = bytes(data)
    location = with_query(start_upload(client, name), digest=sha256(data))
    answer = client.put(location, data, {"Content-Type": "application/octet-stream"})
    assert answer.status == 201, answer
    return sha256(data)


def push_manifest(client, name, reference, data, media_type=OCI_MANIFEST):
    answer = client.put(f"/v2/{name}/manifests/{reference}", data, {"Content-Type": media_type})
    assert answer.status == 201, answer
    assert answer.exact("Docker-Content-Digest") == sha256(data)
    return sha256(data)


def push_image(client, name, reference, seed="", layers=None, media_type=OCI_MANIFEST):
    """A small image; what is different in `seed` is a different image. Reference None pushes by digest."""
    config = encode({"architecture": "amd64", "os": "linux", "seed": f"{name}:{reference}:{seed}",
                     "rootfs": {"type": "layers", "diff_ids": []}})
    layers = [f"layer of {name}:{reference}:{seed}".encode()] if layers is None else layers
    for blob in [config, *layers]:
        push_blob(client, name, blob)
    data = manifest(config, layers, media_type)
    push_manifest(client, name, reference or sha256(data), data, media_type)
    return Image(config, layers, data, media_type)
