# SPDX-License-Identifier: Apache-2.0
"""What is one repository's is not another's, whoever asks: blobs, manifests, uploads."""

import pytest

from harness.content import sha256
from harness.push import push_blob, push_image, start_upload, with_query


@pytest.fixture
def other(client):
    """A repository that exists."""
    push_image(client, "some/other", "latest")
    return "some/other"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", ["some/other", "not/there", "some", "some/repo/below"])
def test_content_is_served_where_it_is_linked(client, other, method, name):
    image = push_image(client, "some/repo", "latest")
    digests = [sha256(image.config), *map(sha256, image.layers)]
    for digest in digests:
        assert client.request(method, f"/v2/some/repo/blobs/{digest}").status == 200
        assert client.request(method, f"/v2/{name}/blobs/{digest}").status == 404
    assert client.request(method, f"/v2/some/repo/manifests/{image.digest}").status == 200
    assert client.request(method, f"/v2/{name}/manifests/{image.digest}").status == 404


def test_a_manifest_cannot_name_what_another_has(client, other):
    """Else a manifest would be a way to read any blob whose digest one knows."""
    image = push_image(client, "some/repo", "latest")
    answer = client.put(f"/v2/{other}/manifests/stolen", image.manifest, {"Content-Type": image.media_type})
    assert (answer.status, answer.code()) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert client.get(f"/v2/{other}/blobs/{sha256(image.layers[0])}").status == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_an_upload_is_used_where_it_was_begun(client, other, body, method):
    data = bytes(body(1000))
    location = client.path(start_upload(client, "some/repo"))
    moved = location.replace("/v2/some/repo/", f"/v2/{other}/", 1)
    target = with_query(moved, digest=sha256(data)) if method == "PUT" else moved
    answer = client.request(method, target, data if method in ("PATCH", "PUT") else None)
    assert (answer.status, answer.code()) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert client.put(with_query(location, digest=sha256(data)), data).status == 201, "it is where it was"
    assert client.get(f"/v2/{other}/blobs/{sha256(data)}").status == 404


def test_deleting_in_one_leaves_the_other(client, other, body):
    data = bytes(body(1000))
    for name in ("some/repo", other):
        push_blob(client, name, data)
    assert client.delete(f"/v2/some/repo/blobs/{sha256(data)}").status == 202
    assert client.get(f"/v2/some/repo/blobs/{sha256(data)}").status == 404
    assert client.get(f"/v2/{other}/blobs/{sha256(data)}").body == data
