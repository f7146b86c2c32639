# SPDX-License-Identifier: Apache-2.0
"""Manifests: PUT with its checks, GET and HEAD with their headers, DELETE by digest and by tag."""

import json

import pytest

from harness.content import sha256
from harness.push import (ALL_MANIFESTS, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, descriptor, encode,
                          index, manifest, push_blob, push_image, push_manifest)
from harness.wire import Client

URL = "/v2/some/repo/manifests/"
NOWHERE = "sha256:" + "0" * 64
LIMIT = 4 << 20


@pytest.fixture
def image(client):
    return push_image(client, "some/repo", "latest")


def put(client, reference, data, media_type=OCI_MANIFEST):
    return client.put(URL + reference, data, {"Content-Type": media_type})


def check_refused(answer, status, code):
    assert (answer.status, answer.code()) == (status, code), answer


# get

@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_get_and_head(client, media_type):
    image = push_image(client, "some/repo", "latest", media_type=media_type)
    for reference in ("latest", image.digest):
        for method in ("GET", "HEAD"):
            answer = client.request(method, URL + reference, headers={"Accept": ALL_MANIFESTS})
            assert answer.status == 200
            assert answer.exact("Content-Type") == media_type
            assert answer.exact("Content-Length") == str(len(image.manifest))
            assert answer.exact("Docker-Content-Digest") == image.digest
            assert answer.exact("Etag") == f'"{image.digest}"'
            assert answer.exact("Docker-Distribution-Api-Version") == "registry/2.0"
            assert answer.body == (image.manifest if method == "GET" else b"")


@pytest.mark.parametrize("media_type, child_type", [(OCI_INDEX, OCI_MANIFEST), (DOCKER_LIST, DOCKER_MANIFEST)])
def test_index(client, media_type, child_type):
    children = [push_image(client, "some/repo", None, seed=i, media_type=child_type) for i in range(3)]
    data = index([child.manifest for child in children], media_type, child_type)
    push_manifest(client, "some/repo", "multi", data, media_type)
    for reference in ("multi", sha256(data)):
        answer = client.get(URL + reference, {"Accept": ALL_MANIFESTS})
        assert answer.exact("Content-Type") == media_type
        assert answer.body == data
    for child in children:
        assert client.get(URL + child.digest, {"Accept": child_type}).body == child.manifest


@pytest.mark.parametrize("accept", [{}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": DOCKER_MANIFEST},
                                    {"Accept": f"text/html, {OCI_MANIFEST};q=0.5"}])
def test_what_was_stored_is_what_is_served(client, image, accept):
    """Whatever the Accept: the bytes are those of the digest."""
    for reference in ("latest", image.digest):
        answer = Client(client.port).get(URL + reference, accept)
        assert (answer.status, answer.body) == (200, image.manifest)
        assert answer.exact("Content-Type") == OCI_MANIFEST


def test_several_accept_lines(client, image):
    with client.wire() as wire:
        wire.send_head("GET", URL + "latest", [("Accept", "application/json"), ("Accept", DOCKER_MANIFEST),
                                               ("Accept", OCI_MANIFEST), ("Accept", OCI_INDEX)])
        assert wire.read().body == image.manifest


def test_media_type_comes_from_the_content(client, image):
    """Neither has a mediaType of its own: `manifests` tells the index."""
    plain = encode({key: value for key, value in json.loads(image.manifest).items() if key != "mediaType"})
    push_manifest(client, "some/repo", "plain", plain, OCI_MANIFEST)
    assert client.get(URL + "plain").exact("Content-Type") == OCI_MANIFEST
    both = encode({"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST, image.manifest)]})
    push_manifest(client, "some/repo", "both", both, OCI_INDEX)
    assert client.get(URL + "both").exact("Content-Type") == OCI_INDEX


@pytest.mark.parametrize("spelled", ['"{}"', "{}"])
def test_if_none_match(client, image, spelled):
    for reference in ("latest", image.digest):
        answer = client.get(URL + reference, {"If-None-Match": spelled.format(image.digest)})
        assert (answer.status, answer.body) == (304, b"")
    assert client.get(URL + "latest", {"If-None-Match": f'"{NOWHERE}"'}).body == image.manifest


def test_range_is_ignored(client, image):
    answer = client.get(URL + "latest", {"Range": "bytes=0-4"})
    assert (answer.status, answer.body) == (200, image.manifest)


def test_unknown(client, image):
    answer = client.get(URL + "no-such-tag")
    check_refused(answer, 404, "MANIFEST_UNKNOWN")
    assert answer.errors()[0]["detail"] == "unknown tag=no-such-tag"
    answer = client.get(URL + NOWHERE)
    check_refused(answer, 404, "MANIFEST_UNKNOWN")
    assert answer.errors()[0]["detail"] == f"unknown manifest name=some/repo revision={NOWHERE}"


def test_unknown_repository(client):
    answer = client.get("/v2/no/such/manifests/latest")
    assert answer.status == 404
    assert answer.code() in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN")


def test_manifest_of_another_repository_is_unknown(client, image):
    push_image(client, "other/repo", "latest")
    check_refused(client.get(f"/v2/other/repo/manifests/{image.digest}"), 404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("tag", [".x", "-x", "a" * 129, "a%20b", "a~b"])
def test_invalid_tag(client, image, tag):
    check_refused(client.get(URL + tag), 404, "MANIFEST_UNKNOWN")
    answer = put(client, tag, image.manifest)
    assert answer.status == 400
    assert answer.code() in ("MANIFEST_INVALID", "TAG_INVALID")


@pytest.mark.parametrize("tag", ["a", "_", "A.b-C_d", "0", "a" * 128, "v1.0.0-rc.1", "latest."])
def test_valid_tag(client, image, tag):
    push_manifest(client, "some/repo", tag, image.manifest)
    assert client.get(URL + tag).body == image.manifest


@pytest.mark.parametrize("digest", ["sha256:abc", "sha256:" + "0" * 63, "sha256:" + "X" * 64, "md5:" + "0" * 32])
def test_malformed_digest(client, image, digest):
    for answer in (client.get(URL + digest), put(client, digest, image.manifest), client.delete(URL + digest)):
        check_refused(answer, 400, "DIGEST_INVALID")


# put

def test_put(client, image):
    answer = put(client, "other", image.manifest)
    assert answer.status == 201
    assert answer.exact("Docker-Content-Digest") == image.digest
    assert answer.exact("Location") == f"http://127.0.0.1:{client.port}{URL}{image.digest}"
    assert answer.exact("Content-Length") == "0"
    assert client.get(answer.exact("Location")).body == image.manifest


def test_put_with_a_parameter_of_the_type(client, image):
    assert put(client, "other", image.manifest, OCI_MANIFEST + "; charset=utf-8").status == 201


def test_put_in_chunked_encoding(client, image):
    answer = client.put(URL + "other", image.manifest, {"Content-Type": OCI_MANIFEST}, chunked=True)
    assert answer.status == 201
    assert client.get(URL + "other").body == image.manifest


def test_put_by_digest_makes_no_tag(client, image):
    other = push_image(client, "some/repo", None, seed="other")
    assert client.get(URL + other.digest).body == other.manifest
    assert client.get("/v2/some/repo/tags/list").json()["tags"] == ["latest"]


def test_tag_moves(client, image):
    other = push_image(client, "some/repo", "latest", seed="newer")
    assert other.digest != image.digest
    assert client.get(URL + "latest").body == other.manifest
    assert client.get(URL + image.digest).body == image.manifest


def test_put_by_another_digest(client, image):
    check_refused(put(client, NOWHERE, image.manifest), 400, "DIGEST_INVALID")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream",
                                          "application/vnd.docker.distribution.manifest.v1+json"])
def test_unknown_type(client, image, content_type):
    check_refused(put(client, "other", image.manifest, content_type), 400, "MANIFEST_INVALID")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"no json", b"{}", b'{"schemaVersion": 2'])
def test_no_manifest(client, data):
    answer = put(client, "other", data)
    assert answer.status == 400
    assert answer.errors()
    assert client.get(URL + "other").status == 404


def test_type_of_the_body_is_not_that_of_the_header(client, image):
    check_refused(put(client, "other", image.manifest, DOCKER_MANIFEST), 400, "MANIFEST_INVALID")
    check_refused(put(client, "other", image.manifest, OCI_INDEX), 400, "MANIFEST_INVALID")


def test_manifest_that_is_also_an_index(client, image):
    """CVE-2021-41190: one document, two meanings."""
    document = {**json.loads(image.manifest), "manifests": [descriptor(OCI_MANIFEST, image.manifest)]}
    document.pop("mediaType")
    check_refused(put(client, "other", encode(document)), 400, "MANIFEST_INVALID")
    check_refused(put(client, "other", encode(document), OCI_INDEX), 400, "MANIFEST_INVALID")


def test_missing_blobs(client):
    config, layers = b"{}", [b"layer one", b"layer two"]
    push_blob(client, "some/repo", layers[0])
    answer = put(client, "latest", manifest(config, layers))
    assert answer.status == 400
    errors = answer.errors()
    assert {entry["code"] for entry in errors} == {"MANIFEST_BLOB_UNKNOWN"}
    assert {entry["detail"] for entry in errors} == {sha256(config), sha256(layers[1])}
    assert client.get(URL + "latest").status == 404


def test_blobs_of_another_repository_are_missing(client):
    image = push_image(client, "other/repo", "latest")
    check_refused(put(client, "latest", image.manifest), 400, "MANIFEST_BLOB_UNKNOWN")


def test_sparse_index(client, image):
    """An index may be pushed for some platforms only: the registry image refuses it, people mirror so."""
    data = index([image.manifest, b'{"another": "one"}'])
    push_manifest(client, "some/repo", "multi", data, OCI_INDEX)
    assert client.get(URL + "multi").body == data


def test_nested_and_empty_index(client, image):
    empty = index([])
    push_manifest(client, "some/repo", "empty", empty, OCI_INDEX)
    inner = index([image.manifest])
    push_manifest(client, "some/repo", "inner", inner, OCI_INDEX)
    outer = index([inner], child_type=OCI_INDEX)
    push_manifest(client, "some/repo", "outer", outer, OCI_INDEX)
    assert client.get(URL + "outer").body == outer


def test_artifact(client):
    """Config of any type, no layers, unknown fields: kept as they are."""
    empty = b"{}"
    push_blob(client, "some/repo", empty)
    data = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example.thing",
                   "config": descriptor("application/vnd.oci.empty.v1+json", empty), "layers": [],
                   "annotations": {"k": "v"}, "somethingElse": [1, 2.5, None, "\u00e9"]})
    push_manifest(client, "some/repo", "artifact", data)
    assert client.get(URL + "artifact").body == data


def test_same_layer_twice(client):
    config, layer = b'{"twice": true}', b"the same"
    push_blob(client, "some/repo", config)
    push_blob(client, "some/repo", layer)
    push_manifest(client, "some/repo", "twice", manifest(config, [layer, layer]))


def padded_to(size):
    empty = b"{}"
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [], "annotations": {"pad": ""},
                "config": descriptor("application/vnd.oci.empty.v1+json", empty)}
    document["annotations"]["pad"] = "p" * (size - len(encode(document)))
    data = encode(document)
    assert len(data) == size
    return data


@pytest.mark.parametrize("chunked", [True, False])
def test_size_limit(client, chunked):
    push_blob(client, "some/repo", b"{}")
    headers = {"Content-Type": OCI_MANIFEST}
    largest = padded_to(LIMIT)
    assert client.put(URL + "largest", largest, headers, chunked=chunked).status == 201
    assert client.get(URL + "largest").body == largest
    answer = client.put(URL + "larger", padded_to(LIMIT + 1), headers, chunked=chunked)
    assert answer.status == 413
    assert answer.errors()
    assert client.get(URL + "larger").status == 404


# delete

def test_delete_by_digest(client, image):
    push_manifest(client, "some/repo", "second", image.manifest)
    other = push_image(client, "some/repo", "other", seed="other")
    answer = client.delete(URL + image.digest)
    assert answer.status == 202
    assert answer.exact("Content-Length") == "0"
    for reference in (image.digest, "latest", "second"):
        check_refused(client.get(URL + reference), 404, "MANIFEST_UNKNOWN")
    assert client.get("/v2/some/repo/tags/list").json()["tags"] == ["other"]
    assert client.get(URL + "other").body == other.manifest
    check_refused(client.delete(URL + image.digest), 404, "MANIFEST_UNKNOWN")


def test_delete_by_tag_removes_just_the_tag(client, image):
    push_manifest(client, "some/repo", "second", image.manifest)
    answer = client.delete(URL + "latest")
    assert answer.status == 202
    check_refused(client.get(URL + "latest"), 404, "MANIFEST_UNKNOWN")
    for reference in (image.digest, "second"):
        assert client.get(URL + reference).body == image.manifest
    assert client.get("/v2/some/repo/tags/list").json()["tags"] == ["second"]
    check_refused(client.delete(URL + "latest"), 404, "MANIFEST_UNKNOWN")


def test_delete_unknown(client, image):
    check_refused(client.delete(URL + NOWHERE), 404, "MANIFEST_UNKNOWN")
    check_refused(client.delete(URL + "no-such-tag"), 404, "MANIFEST_UNKNOWN")


def test_delete_leaves_other_repositories_alone(client, image):
    push_blob(client, "other/repo", image.config)
    push_blob(client, "other/repo", image.layers[0])
    push_manifest(client, "other/repo", "latest", image.manifest)
    assert client.delete(URL + image.digest).status == 202
    assert client.get("/v2/other/repo/manifests/latest").body == image.manifest


def test_push_again_after_delete(client, image):
    client.delete(URL + image.digest)
    push_manifest(client, "some/repo", "latest", image.manifest)
    assert client.get(URL + "latest").body == image.manifest


def test_delete_can_be_off(start):
    client = start(REGISTRY_STORAGE_DELETE_ENABLED="false").client()
    image = push_image(client, "some/repo", "latest")
    for reference in ("latest", image.digest, NOWHERE, "no-such-tag"):
        check_refused(client.delete(URL + reference), 405, "UNSUPPORTED")
    assert client.get(URL + "latest").body == image.manifest


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_method_not_offered(client, image, method):
    answer = client.request(method, URL + "latest")
    assert answer.status == 405
    assert answer.exact("Allow") == "DELETE, GET, HEAD, PUT"


def test_everything_survives_a_restart(server, client, image):
    server.restart()
    client = server.client()
    assert client.get(URL + "latest").body == image.manifest
    assert client.get(f"/v2/some/repo/blobs/{sha256(image.layers[0])}").body == image.layers[0]
    assert client.get("/v2/_catalog").json() == {"repositories": ["some/repo"]}
