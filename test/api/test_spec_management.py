# SPDX-License-Identifier: Apache-2.0
"""Specification: Deleting tags, manifests and blobs; Cancel a blob upload."""

import pytest

from harness.content import sha256, sha512
from harness.push import OCI_INDEX, OCI_MANIFEST, index, push_blob, push_image, push_manifest, start_upload, with_query

DIGESTS = ["sha256:" + "0" * 64, "sha512:" + "0" * 128]
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def image(shared, repo):
    return push_image(shared, repo, "latest")


@pytest.mark.parametrize("reference", ["latest", *DIGESTS], ids=["tag", "sha256", "sha512"])
def test_manifest_of_an_unknown_repository(shared, repo, reference):
    """Deleting Manifests: 404."""
    answer = shared.delete(f"/v2/{repo}/manifests/{reference}")
    assert answer.status == 404
    assert answer.code() in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN")


@pytest.mark.parametrize("digest", DIGESTS, ids=["sha256", "sha512"])
def test_unknown_blob(shared, repo, digest):
    """Deleting Blobs: 404, in an unknown repository and in a known one."""
    assert shared.delete(f"/v2/{repo}/blobs/{digest}").status == 404
    push_blob(shared, repo, b"some")
    answer = shared.delete(f"/v2/{repo}/blobs/{digest}")
    assert (answer.status, answer.code()) == (404, "BLOB_UNKNOWN")


def test_sha512_manifest(shared, repo, image):
    """Deleting Manifests: by sha512, and the tags that point there; the others stay."""
    digest = sha512(image.manifest)
    answer = shared.put(f"/v2/{repo}/manifests/{digest}?tag=a&tag=b", image.manifest, {"Content-Type": OCI_MANIFEST})
    assert answer.status == 201
    assert shared.delete(f"/v2/{repo}/manifests/{digest}").status == 202
    for reference in (digest, "a", "b"):
        assert shared.get(f"/v2/{repo}/manifests/{reference}").status == 404
    assert shared.delete(f"/v2/{repo}/manifests/{digest}").status == 404
    for reference in (image.digest, "latest"):
        assert shared.get(f"/v2/{repo}/manifests/{reference}").body == image.manifest
    assert shared.get(f"/v2/{repo}/tags/list").json()["tags"] == ["latest"]


def test_tag_of_a_sha512_manifest(shared, repo, image):
    """Deleting tags: the manifest stays."""
    digest = sha512(image.manifest)
    shared.put(f"/v2/{repo}/manifests/{digest}?tag=a", image.manifest, {"Content-Type": OCI_MANIFEST})
    assert shared.delete(f"/v2/{repo}/manifests/a").status == 202
    assert shared.get(f"/v2/{repo}/manifests/a").status == 404
    assert shared.get(f"/v2/{repo}/manifests/{digest}").body == image.manifest


def test_sha512_blob(shared, repo, body):
    """Deleting Blobs: by the digest that it was pushed with."""
    data = bytes(body(1000))
    assert shared.post(f"/v2/{repo}/blobs/uploads/?digest={sha512(data)}", data, OCTETS).status == 201
    url = f"/v2/{repo}/blobs/{sha512(data)}"
    assert shared.delete(url).status == 202
    for method in ("GET", "HEAD", "DELETE"):
        assert shared.request(method, url).status == 404


def test_index_and_its_children(shared, repo, image):
    """Deleting Manifests: one at a time, whatever refers to it."""
    parent = index([image.manifest])
    push_manifest(shared, repo, "multi", parent, OCI_INDEX)
    assert shared.delete(f"/v2/{repo}/manifests/{image.digest}").status == 202
    assert shared.get(f"/v2/{repo}/manifests/multi").body == parent
    push_manifest(shared, repo, "latest", image.manifest)
    assert shared.delete(f"/v2/{repo}/manifests/{sha256(parent)}").status == 202
    assert shared.get(f"/v2/{repo}/manifests/multi").status == 404
    assert shared.get(f"/v2/{repo}/manifests/{image.digest}").body == image.manifest


def test_blobs_outlive_their_manifest(shared, repo, image):
    """Deleting Manifests: its blobs are deleted by themselves."""
    assert shared.delete(f"/v2/{repo}/manifests/{image.digest}").status == 202
    for data in (image.config, *image.layers):
        assert shared.get(f"/v2/{repo}/blobs/{sha256(data)}").body == data


def test_deleted_tag_can_be_set_again(shared, repo, image):
    """Deleting tags: and then it points at what was pushed last."""
    assert shared.delete(f"/v2/{repo}/manifests/latest").status == 202
    other = push_image(shared, repo, "latest", seed="other")
    assert shared.get(f"/v2/{repo}/manifests/latest").body == other.manifest


def test_cancel_after_a_chunk(shared, repo, body):
    """Cancel a blob upload: 204; its Locations are no more, and no blob is left."""
    data = bytes(body(1000))
    first = start_upload(shared, repo)
    second = shared.patch(first, data, OCTETS).get("Location")
    assert shared.delete(second).status == 204
    for location in (first, second):
        assert shared.get(location).status == 404
        assert shared.patch(location, data, OCTETS).status == 404
        assert shared.put(with_query(location, digest=sha256(data)), data, OCTETS).status == 404
        assert shared.delete(location).status == 404
    assert shared.get(f"/v2/{repo}/blobs/{sha256(data)}").status == 404


def test_cancel_one_of_two(shared, repo, body):
    """Cancel a blob upload: the other session goes on."""
    data = bytes(body(1000))
    first, second = start_upload(shared, repo), start_upload(shared, repo)
    assert shared.delete(first).status == 204
    assert shared.put(with_query(second, digest=sha256(data)), data, OCTETS).status == 201


def test_deletion_off(start):
    """Deleting tags, manifests, blobs: 400 or 405 for each; cancelling goes on."""
    client = start(REGISTRY_STORAGE_DELETE_ENABLED="false").client()
    image = push_image(client, "some/repo", "latest")
    for target in (f"manifests/{sha512(image.manifest)}", f"blobs/{image.digest}", f"blobs/{sha256(image.config)}"):
        answer = client.delete(f"/v2/some/repo/{target}")
        assert (answer.status, answer.code()) == (405, "UNSUPPORTED")
    assert client.delete(start_upload(client, "some/repo")).status == 204
    assert client.get(f"/v2/some/repo/blobs/{sha256(image.config)}").body == image.config
