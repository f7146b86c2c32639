# SPDX-License-Identifier: Apache-2.0
"""Specification: Pulling manifests, Pulling blobs, Checking if content exists, API (RFC 9110's conditions)."""

import hashlib

import pytest

from harness.content import sha256, sha512
from harness.push import OCI_INDEX, OCI_MANIFEST, index, push_blob, push_image, push_manifest, with_query

NOWHERE = {"sha256": "sha256:" + "0" * 64, "sha512": "sha512:" + "0" * 128}
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def image(shared, repo):
    return push_image(shared, repo, "latest")


@pytest.fixture
def blob(shared, repo, body):
    data = bytes(body(5000))
    push_blob(shared, repo, data)
    return data


def blob_url(repo, data):
    return f"/v2/{repo}/blobs/{sha256(data)}"


# what is not there

@pytest.mark.parametrize("reference", ["no-such-tag", *NOWHERE.values()], ids=["tag", *NOWHERE])
def test_no_such_manifest(shared, repo, image, reference):
    """Pulling manifests, Checking if content exists: 404, with GET and HEAD."""
    for name in (repo, f"{repo}/none"):
        assert shared.head(f"/v2/{name}/manifests/{reference}").status == 404
        answer = shared.get(f"/v2/{name}/manifests/{reference}")
        assert (answer.status, answer.code()) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("digest", NOWHERE.values(), ids=NOWHERE)
def test_no_such_blob(shared, repo, image, digest):
    """Pulling blobs, Checking if content exists: 404, with GET and HEAD."""
    for name in (repo, f"{repo}/none"):
        assert shared.head(f"/v2/{name}/blobs/{digest}").status == 404
        answer = shared.get(f"/v2/{name}/blobs/{digest}")
        assert (answer.status, answer.code()) == (404, "BLOB_UNKNOWN")


def test_layer_is_no_manifest(shared, repo, image):
    """Pulling manifests: what was pushed as a blob is not found as a manifest."""
    for data in (image.config, image.layers[0]):
        assert shared.get(f"/v2/{repo}/manifests/{sha256(data)}").status == 404


# sha512

@pytest.fixture
def image512(shared, repo):
    """A manifest that was pushed by its sha512 digest."""
    image = push_image(shared, repo, "latest")
    answer = shared.put(f"/v2/{repo}/manifests/{sha512(image.manifest)}", image.manifest,
                        {"Content-Type": OCI_MANIFEST})
    assert answer.status == 201, answer
    return image


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_manifest_by_sha512(shared, repo, image512, method):
    """Pulling manifests: by the digest that it was pushed with, and headers that agree."""
    digest = sha512(image512.manifest)
    answer = shared.request(method, f"/v2/{repo}/manifests/{digest}")
    assert answer.status == 200
    assert answer.get("Docker-Content-Digest") == digest
    assert answer.get("Content-Type") == OCI_MANIFEST
    assert answer.get("Content-Length") == str(len(image512.manifest))
    assert answer.body == (image512.manifest if method == "GET" else b"")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_blob_by_sha512(shared, repo, body, method):
    """Pulling blobs: Docker-Content-Digest is a digest of the body."""
    data = bytes(body(70_001))
    push = f"/v2/{repo}/blobs/uploads/?digest={sha512(data)}"
    assert shared.post(push, data, OCTETS).status == 201
    answer = shared.request(method, f"/v2/{repo}/blobs/{sha512(data)}")
    assert answer.status == 200
    assert answer.get("Docker-Content-Digest") in (sha512(data), sha256(data))
    assert answer.get("Content-Length") == str(len(data))
    assert answer.body == (data if method == "GET" else b"")


def test_range_of_a_sha512_blob(shared, repo, body):
    """Pulling blobs: ranges, and conditions with the tag that was given."""
    data = bytes(body(70_001))
    assert shared.post(f"/v2/{repo}/blobs/uploads/?digest={sha512(data)}", data, OCTETS).status == 201
    url = f"/v2/{repo}/blobs/{sha512(data)}"
    answer = shared.get(url, {"Range": "bytes=60000-"})
    assert (answer.status, answer.body) == (206, data[60000:])
    assert answer.get("Content-Range") == "bytes 60000-70000/70001"
    assert shared.get(url, {"If-None-Match": answer.get("Etag")}).status == 304


@pytest.mark.parametrize("digest", ["sha512:abc", "sha512:" + "0" * 64, "sha256:" + "0" * 128, "sha512:" + "G" * 128,
                                    "sha512:" + "A" * 128, "sha512:" + "0" * 127], ids=lambda digest: digest[:16])
def test_malformed_sha512(shared, repo, image, digest):
    """Pulling blobs, manifests: such a digest cannot be."""
    for kind in ("blobs", "manifests"):
        answer = shared.get(f"/v2/{repo}/{kind}/{digest}")
        assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")


# manifests of other shapes

def test_content_type_has_no_parameters(shared, repo, image):
    """Pulling manifests: no parameters, also when it was pushed with some."""
    data = index([image.manifest])
    for number, parameters in enumerate(("; charset=utf-8", ";charset=UTF-8;x=y", " ;")):
        pushed = {"Content-Type": OCI_INDEX + parameters}
        assert shared.put(f"/v2/{repo}/manifests/t{number}", data, pushed).status == 201
        assert shared.get(f"/v2/{repo}/manifests/t{number}").get("Content-Type") == OCI_INDEX


def test_sparse_and_nested_index_by_digest(shared, repo, image):
    """Pulling manifests: parents and children, each by its digest, as they were pushed."""
    missing = b'{"not": "here"}'
    inner = index([image.manifest, missing])
    middle = index([inner, image.manifest], child_type=OCI_INDEX)
    outer = index([middle, b'{"nor": "this"}'], child_type=OCI_INDEX)
    for data in (outer, middle, inner):
        push_manifest(shared, repo, sha256(data), data, OCI_INDEX)
    for data in (outer, middle, inner):
        answer = shared.get(f"/v2/{repo}/manifests/{sha256(data)}")
        assert (answer.body, answer.get("Content-Type")) == (data, OCI_INDEX)
    answer = shared.get(f"/v2/{repo}/manifests/{sha256(missing)}")
    assert (answer.status, answer.code()) == (404, "MANIFEST_UNKNOWN")


def test_tag_that_looks_like_a_digest(shared, repo, image):
    """Pulling manifests: a tag has no colon, so these are tags."""
    for tag in ("sha256-" + "0" * 64, "sha256", "f" * 64, "sha512-" + "a" * 64):
        push_manifest(shared, repo, tag, image.manifest)
        assert shared.get(f"/v2/{repo}/manifests/{tag}").body == image.manifest


# conditions: RFC 9110, 13

def test_conditions_of_a_head(shared, repo, blob, image):
    """API, RFC 9110 13.1.2: for HEAD as for GET."""
    same = {"If-None-Match": f'"{sha256(blob)}"'}
    assert shared.head(blob_url(repo, blob), same).status == 304
    assert shared.head(f"/v2/{repo}/manifests/latest", {"If-None-Match": f'"{image.digest}"'}).status == 304
    assert shared.head(blob_url(repo, blob), {"If-None-Match": f'"{image.digest}"'}).status == 200


@pytest.mark.parametrize("value, status", [
    ('"{}"', 200), ("*", 200), ('"x", "{}"', 200), ('"{}","y"', 200),
    ('"x"', 412), ('"x", "y"', 412),
])
def test_if_match(shared, repo, blob, value, status):
    """API, RFC 9110 13.1.1: one of a list, or any."""
    answer = shared.get(blob_url(repo, blob), {"If-Match": value.format(sha256(blob))})
    assert answer.status == status
    assert answer.body == blob if status == 200 else answer.errors()


@pytest.mark.parametrize("value", ['"x"', '"x", "y"', 'W/"x"', '""', '"{}'])
def test_if_none_match_of_others(shared, repo, blob, value):
    """API, RFC 9110 13.1.2: none of these is this blob."""
    answer = shared.get(blob_url(repo, blob), {"If-None-Match": value.format(sha256(blob)[:-1])})
    assert (answer.status, answer.body) == (200, blob)


@pytest.mark.parametrize("value, status", [
    ('"{}"', 206), ('"x"', 200), ("Sat, 29 Oct 1994 19:43:31 GMT", 200),
])
def test_if_range(shared, repo, blob, value, status):
    """API, RFC 9110 13.1.5: another validator gets the whole."""
    answer = shared.get(blob_url(repo, blob), {"Range": "bytes=5-9", "If-Range": value.format(sha256(blob))})
    assert (answer.status, answer.body) == (status, blob[5:10] if status == 206 else blob)


def test_order_of_conditions(shared, repo, blob):
    """API, RFC 9110 13.2.2: If-Match, If-None-Match, then ranges."""
    same, other = f'"{sha256(blob)}"', '"x"'
    for headers, status in [({"If-Match": other, "If-None-Match": same}, 412),
                            ({"If-Match": same, "If-None-Match": same}, 304),
                            ({"If-None-Match": same, "Range": "bytes=0-4"}, 304),
                            ({"If-Match": other, "Range": "bytes=0-4"}, 412),
                            ({"If-None-Match": other, "Range": "bytes=0-4"}, 206),
                            ({"If-None-Match": same, "Range": "bytes=99999-"}, 304)]:
        assert shared.get(blob_url(repo, blob), headers).status == status, headers


def test_condition_on_what_is_not_there(shared, repo):
    """API, RFC 9110 13.2.1: a 404 stays one."""
    for value in ("*", '"x"'):
        for name in ("If-None-Match", "If-Match"):
            answer = shared.get(f"/v2/{repo}/blobs/{NOWHERE['sha256']}", {name: value})
            assert answer.status in (404, 412), answer
            assert shared.get(f"/v2/{repo}/manifests/none", {name: value}).status in (404, 412)


def test_if_range_without_range(shared, repo, blob):
    """API, RFC 9110 13.1.5: ignored."""
    answer = shared.get(blob_url(repo, blob), {"If-Range": f'"{sha256(blob)}"'})
    assert (answer.status, answer.body) == (200, blob)


# other parameters

def test_namespace_parameter(shared, repo, image):
    """Registry Proxying: `ns` may be ignored; it changes nothing of what is there."""
    for path, data in ((f"manifests/{image.digest}", image.manifest), (f"blobs/{sha256(image.config)}", image.config)):
        answer = shared.get(with_query(f"/v2/{repo}/{path}", ns="docker.example.io"))
        assert (answer.status, answer.body) == (200, data)


def test_warnings(shared, repo, image):
    """Warnings: if there is any, it is `299 -` with a text, and they are short."""
    for target in ("/v2/", f"/v2/{repo}/manifests/latest", f"/v2/{repo}/tags/list", f"/v2/{repo}/manifests/none"):
        warnings = shared.get(target).all("Warning")
        assert all(value.startswith('299 - "') and value.endswith('"') for value in warnings)
        assert sum(map(len, warnings)) <= 4096


def test_digest_header_is_of_the_body(shared, repo, image, blob):
    """Pulling blobs, manifests: whatever digest is named, the body has it."""
    for target in ("manifests/latest", f"manifests/{image.digest}", f"blobs/{sha256(blob)}"):
        answer = shared.get(f"/v2/{repo}/{target}")
        algorithm, _, digest = answer.get("Docker-Content-Digest").partition(":")
        assert hashlib.new(algorithm, answer.body).hexdigest() == digest
