# SPDX-License-Identifier: Apache-2.0
"""Specification: where a Location leads, behind proxies, prefixes and hosts; RFC 7231, RFC 7239, RFC 5988."""

import re

import pytest

from harness.content import sha256
from harness.locations import CONFIG, REPO, check_links, check_locations

# the server's settings

@pytest.mark.parametrize("settings, base", [
    ({}, "http://127.0.0.1:{port}/some/prefix"),
    ({"REGISTRY_HTTP_RELATIVEURLS": "true"}, "/some/prefix"),
    ({"REGISTRY_HTTP_HOST": "https://pub.example:444/some/prefix/"}, "https://pub.example:444/some/prefix"),
    ({"REGISTRY_HTTP_HOST": "https://pub.example/some/prefix/", "REGISTRY_HTTP_RELATIVEURLS": "true"},
     "https://pub.example/some/prefix"),
    ({"REGISTRY_HTTP_HOST": "pub.example"}, "http://127.0.0.1:{port}/some/prefix"),
], ids=["alone", "relative", "host", "host and relative", "no URL"])
def test_prefix(start, settings, base):
    """Push: a location can be followed, so it has the prefix too."""
    client = start(REGISTRY_HTTP_PREFIX="/some/prefix/", **settings).client()
    check_locations(client, base.format(port=client.port), "/some/prefix")
    check_links(client, "/some/prefix")
    assert client.get("/some/prefix/v2/").status == 200
    assert client.get("/some/prefix/v2/_catalog").json() == {"repositories": ["some/repo"]}
    assert client.get(f"/some/prefix{REPO}/referrers/{sha256(CONFIG)}").status == 200
    assert client.get("/").status == 200
    for target in ("/v2/", f"{REPO}/tags/list", "/some/v2/", "/some/prefix", "/some/prefixv2/", "/some/prefix/",
                   "/some/prefix/some/prefix/v2/", "/x/some/prefix/v2/", "/v2/some/prefix/v2/", "/SOME/prefix/v2/"):
        answer = client.get(target)
        assert answer.status == 404, target
        assert answer.errors()


@pytest.mark.parametrize("settings, base", [
    ({}, "http://127.0.0.1:{port}"),
    ({"REGISTRY_HTTP_RELATIVEURLS": "true"}, ""),
    ({"REGISTRY_HTTP_HOST": "https://pub.example:444"}, "https://pub.example:444"),
], ids=["request", "relative", "host"])
def test_all_locations(start, settings, base):
    """Push: absolute or relative, all of a kind."""
    client = start(**settings).client()
    check_locations(client, base.format(port=client.port))
    check_links(client)


# the request's words

@pytest.mark.parametrize("headers, origin", [
    ({"Forwarded": "for=192.0.2.60;proto=https;by=203.0.113.43;host=out.example"}, "https://out.example"),
    ({"Forwarded": "For=192.0.2.60; Proto=HTTPS; Host=out.example"}, "https://out.example"),
    ({"Forwarded": 'for="[2001:db8::1]:4711";host="[2001:db8::2]:8443";proto=https'}, "https://[2001:db8::2]:8443"),
    ({"Forwarded": "host=first.example;proto=https, host=second.example;proto=http"}, "https://first.example"),
    ({"Forwarded": "host=out.example"}, "http://out.example"),
    ({"Forwarded": "for=192.0.2.60"}, "http://inner.example"),
    ({"X-Forwarded-Proto": "https"}, "https://inner.example"),
    ({"X-Forwarded-Host": "out.example:8443"}, "http://out.example:8443"),
    ({"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "out.example , inner"}, "https://out.example"),
    ({"Forwarded": "proto=https;host=a.example", "X-Forwarded-Host": "b.example"}, "https://a.example"),
    ({"X-Forwarded-For": "192.0.2.60"}, "http://inner.example"),
], ids=lambda value: ",".join(value) if isinstance(value, dict) else value)
def test_behind_a_proxy(shared, headers, origin):
    """Push, RFC 7239: the location is the one that the client sees."""
    check_locations(shared, origin, headers={"Host": "inner.example", **headers})


@pytest.mark.parametrize("headers", [
    {"X-Forwarded-Host": "evil.example/path"}, {"X-Forwarded-Host": "user@evil.example"},
    {"X-Forwarded-Host": "evil.example?q"}, {"X-Forwarded-Host": 'evil"x'}, {"X-Forwarded-Host": "<evil>"},
    {"X-Forwarded-Proto": "javascript"}, {"X-Forwarded-Proto": "https://evil.example/"}, {"X-Forwarded-Proto": "\xff"},
    {"Forwarded": "host=evil.example/path"}, {"Forwarded": 'host="evil.example'}, {"Forwarded": "host=\"a\\\"b\""},
    {"Forwarded": ";;==;,,"}, {"Forwarded": "proto;host"}, {"Forwarded": "proto=gopher"}, {"Forwarded": "host="},
    {"X-Forwarded-Host": ""}, {"X-Forwarded-Host": ", a.example"}, {"X-Forwarded-Host": "a" * 3000},
], ids=lambda headers: repr(headers)[:40])
def test_nonsense_from_a_proxy(shared, headers):
    """Push, RFC 7231 7.1.2: a location is a URL, absolute or relative, whatever was said; or it is refused."""
    answer = shared.post(f"{REPO}/blobs/uploads/", headers={"Host": "inner.example", **headers})
    if answer.status == 202:
        plain = r"(https?://([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\])(:[0-9]+)?)?" + REPO + r"/blobs/uploads/[^/]*"
        assert re.fullmatch(plain, answer.get("Location")), answer
        assert shared.delete(shared.path(answer.get("Location"))).status == 204
    else:
        assert answer.status == 400
