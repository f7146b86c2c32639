# SPDX-License-Identifier: Apache-2.0
"""The ping, the root, and what every answer has in common."""

import pytest

from harness.push import push_image, start_upload

VERSION = "Docker-Distribution-Api-Version"


def test_ping(client):
    answer = client.get("/v2/")
    assert answer.status == 200
    assert answer.body == b"{}"
    assert answer.exact(VERSION) == "registry/2.0"
    assert answer.exact("Content-Length") == "2"
    assert answer.json() == {}


def test_ping_head(client):
    answer = client.head("/v2/")
    assert answer.status == 200
    assert answer.body == b""


def test_root_says_it_lives(client):
    answer = client.get("/")
    assert answer.status == 200
    assert answer.body == b""
    assert answer.exact("Cache-Control") == "no-cache"
    assert answer.get(VERSION) is None


@pytest.mark.parametrize("target, tidy", [
    ("/v2", "/v2/"),
    ("/v2/some/repo/tags/list/", "/v2/some/repo/tags/list"),
])
def test_slash_at_the_end(client, target, tidy):
    """Too many or too few: the same answer, or the way to it."""
    push_image(client, "some/repo", "latest")
    answer = client.get(target)
    if answer.status == 301:
        assert client.path(answer.exact("Location")) == tidy
    else:
        assert (answer.status, answer.body) == (200, client.get(tidy).body)


@pytest.mark.parametrize("target", ["/v2//some/repo/tags/list", "/v2/some//repo/tags/list", "/v2/./some/tags/list",
                                    "/v2/../v2/tags/list", "/v2/some/%2e%2e/tags/list", "/v2/..%2f..%2fx/tags/list"])
def test_untidy_path(client, target):
    """It names nothing: sent to the tidy path, or refused."""
    assert client.get(target).status in (301, 400, 404)


@pytest.mark.parametrize("target", ["/v3/", "/v2/name", "/v2/name/other/thing", "/v1/search?q=x", "/favicon.ico",
                                    "/v2/_unknown"])
def test_unknown_path(client, target):
    answer = client.get(target)
    assert answer.status == 404
    assert answer.errors()


@pytest.mark.parametrize("name", ["UPPER", "a/B", "a..b", "-a", "a-", "a/_b", "a___b", "a" * 256, "a/" * 127 + "aa"],
                         ids=lambda name: name[:20])
@pytest.mark.parametrize("rest", ["tags/list", "manifests/latest", "blobs/sha256:" + "0" * 64],
                         ids=["tags", "manifests", "blobs"])
def test_invalid_name(client, name, rest):
    answer = client.get(f"/v2/{name}/{rest}")
    assert (answer.status, answer.code()) == (400, "NAME_INVALID")


@pytest.mark.parametrize("name", ["a", "a/b/c/d/e/f", "a-b", "a--b", "a_b", "a__b", "a.b", "0", "a/0/b",
                                  "blobs", "tags/list", "manifests/x", "blobs/uploads", "v2", "a" * 200],
                         ids=lambda name: name[:20])
def test_valid_name(client, name):
    image = push_image(client, name, "latest")
    assert client.get(f"/v2/{name}/tags/list").json() == {"name": name, "tags": ["latest"]}
    assert client.get(f"/v2/{name}/manifests/latest").body == image.manifest


def test_name_of_255_characters(client):
    name = "a" * 127 + "/" + "b" * 127
    push_image(client, name, "latest")
    assert client.get(f"/v2/{name}/tags/list").status == 200


def test_percent_encoding_is_the_same_path(client):
    image = push_image(client, "some/repo", "latest")
    plain = client.get(f"/v2/some/repo/manifests/{image.digest}")
    encoded = client.get(f"/v2/some%2Frepo/manifests/{image.digest.replace(':', '%3A')}")
    assert (encoded.status, encoded.body) == (plain.status, plain.body) == (200, image.manifest)


@pytest.mark.parametrize("target", ["/v2/", "/v2/_catalog", "/v2/x/tags/list", "/v2/x/manifests/latest",
                                    "/v2/x/blobs/sha256:" + "0" * 64, "/v2/none/manifests/latest"])
def test_version_header_is_everywhere(client, target):
    push_image(client, "x", "latest")
    assert client.get(target).exact(VERSION) == "registry/2.0"


def test_error_of_a_head_request_has_no_body(client):
    answer = client.head("/v2/none/manifests/latest")
    assert answer.status == 404
    assert answer.body == b""
    assert int(answer.exact("Content-Length")) == len(client.get("/v2/none/manifests/latest").body)


@pytest.mark.parametrize("headers, origin", [
    ({"Host": "registry.example:8443"}, "http://registry.example:8443"),
    ({"Host": "[::1]:5000"}, "http://[::1]:5000"),
    ({"Host": "r.example", "X-Forwarded-Proto": "https"}, "https://r.example"),
    ({"Host": "inner", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "out.example, other"}, "https://out.example"),
    ({"Host": "inner", "Forwarded": 'proto=https;host="out.example:444", proto=http'}, "https://out.example:444"),
    ({"Host": "inner", "Forwarded": "proto=https", "X-Forwarded-Host": "no.example"}, "https://inner"),
])
def test_location_is_absolute_and_follows_the_request(client, headers, origin):
    answer = client.post("/v2/some/repo/blobs/uploads/", headers=headers)
    assert answer.status == 202
    assert answer.exact("Location").startswith(origin + "/v2/some/repo/blobs/uploads/")


def test_relative_locations(start):
    client = start(REGISTRY_HTTP_RELATIVEURLS="true").client()
    assert start_upload(client, "some/repo").startswith("/v2/some/repo/blobs/uploads/")


@pytest.mark.parametrize("relative", ["false", "true"])
def test_configured_host_wins(start, relative):
    client = start(REGISTRY_HTTP_HOST="https://pub.example:444", REGISTRY_HTTP_RELATIVEURLS=relative).client()
    answer = client.post("/v2/some/repo/blobs/uploads/", headers={"X-Forwarded-Host": "other.example"})
    assert answer.exact("Location").startswith("https://pub.example:444/v2/some/repo/blobs/uploads/")
