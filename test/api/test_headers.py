# SPDX-License-Identifier: Apache-2.0
"""Headers that the configuration adds, and what browsers ask with OPTIONS."""

import pytest

from harness.push import push_image

UI = "https://ui.example.org"
HEADERS = ("{X-Content-Type-Options: [nosniff], Access-Control-Allow-Origin: ['" + UI + "'], "
           "Access-Control-Allow-Methods: [HEAD, GET, OPTIONS, DELETE], Access-Control-Expose-Headers: "
           "[Docker-Content-Digest]}")
MATCHED = ["/v2/", "/v2/_catalog", "/v2/some/repo/tags/list", "/v2/some/repo/manifests/latest",
           "/v2/some/repo/manifests/none", "/v2/no/such/tags/list"]


@pytest.fixture
def adorned(start):
    client = start(REGISTRY_HTTP_HEADERS=HEADERS).client()
    push_image(client, "some/repo", "latest")
    return client


@pytest.mark.parametrize("target", MATCHED)
def test_every_answer_of_a_known_path_has_them(adorned, target):
    answer = adorned.get(target)
    assert answer.exact("X-Content-Type-Options") == "nosniff"
    assert answer.exact("Access-Control-Allow-Origin") == UI
    assert answer.all("Access-Control-Allow-Methods") == ["HEAD", "GET", "OPTIONS", "DELETE"]


@pytest.mark.parametrize("target", ["/", "/v3/", "/v2/some/repo", "/v2/some/repo/things/x"])
def test_other_answers_have_none(adorned, target):
    answer = adorned.get(target)
    assert answer.get("X-Content-Type-Options") is None
    assert answer.get("Access-Control-Allow-Origin") is None


def test_a_wrong_method_has_them_too(adorned):
    answer = adorned.request("PUT", "/v2/_catalog")
    assert answer.status == 405
    assert answer.exact("Access-Control-Allow-Origin") == UI


@pytest.mark.parametrize("target, allow", [("/v2/", "GET, HEAD"), ("/v2/some/repo/tags/list", "GET"),
                                           ("/v2/some/repo/manifests/latest", "DELETE, GET, HEAD, PUT")])
def test_a_preflight(adorned, target, allow):
    answer = adorned.request("OPTIONS", target, headers={
        "Origin": UI, "Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"})
    assert answer.status == 200
    assert answer.body == b""
    assert answer.exact("Allow") == allow
    assert answer.exact("Access-Control-Allow-Origin") == UI
    assert answer.exact("Access-Control-Expose-Headers") == "Docker-Content-Digest"


def test_one_variable_for_one_header(start):
    client = start(**{"REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin": "['*']"}).client()
    assert client.get("/v2/").exact("Access-Control-Allow-Origin") == "*"


def test_there_are_none_by_default(client):
    names = {name for name, _ in client.get("/v2/").headers}
    assert names == {"Date", "Docker-Distribution-Api-Version", "Content-Type", "Content-Length"}
