# SPDX-License-Identifier: Apache-2.0
"""The catalog, and its pages: plain byte order of the full names."""

import re

import pytest

from harness.push import push_blob, push_image, push_manifest, with_query

URL = "/v2/_catalog"
NAMES = ["a", "a-b", "a.b", "a/0x", "a/b", "a/b/c", "a0", "a_b", "ab", "b/a", "z"]


@pytest.fixture
def filled(client):
    for name in NAMES[6:] + NAMES[:6]:
        push_image(client, name, "latest")
    return sorted(NAMES, key=str.encode)


def repositories(client, query=""):
    answer = client.get(URL + query)
    assert answer.status == 200, answer
    document = answer.json()
    assert list(document) == ["repositories"]
    return document["repositories"]


def test_empty(client):
    answer = client.get(URL)
    assert answer.status == 200
    assert answer.body.rstrip(b"\n") == b'{"repositories":[]}'
    assert answer.get("Link") is None


def test_compact_and_sorted(client, filled):
    answer = client.get(URL)
    assert answer.body.decode().rstrip("\n") == '{"repositories":[' + ",".join(f'"{n}"' for n in filled) + "]}"
    assert answer.exact("Docker-Distribution-Api-Version") == "registry/2.0"


def test_page(client, filled):
    answer = client.get(URL + "?n=4")
    assert answer.json()["repositories"] == filled[:4]
    encoded = filled[3].replace("/", "%2F")
    assert answer.exact("Link") == f'<{URL}?last={encoded}&n=4>; rel="next"'


@pytest.mark.parametrize("size", range(1, 13))
def test_all_pages(client, filled, size):
    seen, target, pages = [], f"{URL}?n={size}", 0
    while target:
        answer = client.get(target)
        page = answer.json()["repositories"]
        assert len(page) <= size
        seen += page
        link = answer.get("Link")
        target = link and re.fullmatch(r'<(/[^>]*)>; rel="next"', link).group(1)
        pages += 1
        assert pages <= len(filled) + 1
    assert seen == filled


@pytest.mark.parametrize("last", ["a", "a-b", "a/0x", "a/b", "a/bb", "a/b/", "0", "z", "zz", "A", "_"])
def test_last(client, filled, last):
    after = [name for name in filled if name.encode() > last.encode()]
    assert repositories(client, with_query("", last=last)) == after
    assert repositories(client, with_query("", last=last, n=2)) == after[:2]


def test_zero(client, filled):
    answer = client.get(URL + "?n=0")
    assert answer.json()["repositories"] == []
    assert answer.get("Link") is None


@pytest.mark.parametrize("number", ["-1", "x", "1x", "1001", "99999999999999999999"])
def test_number_not_allowed(client, number):
    answer = client.get(f"{URL}?n={number}")
    assert (answer.status, answer.code()) == (400, "PAGINATION_NUMBER_INVALID")


def test_largest_number(client, filled):
    assert repositories(client, "?n=1000") == filled


def test_default_page(client):
    image = push_image(client, "repo/000", "latest")
    names = [f"repo/{i:03}" for i in range(103)]
    for name in names[1:]:
        for blob in (image.config, *image.layers):
            push_blob(client, name, blob)
        push_manifest(client, name, "latest", image.manifest)
    answer = client.get(URL)
    assert answer.json()["repositories"] == names[:100]
    assert answer.exact("Link") == f'<{URL}?last=repo%2F099&n=100>; rel="next"'
    assert repositories(client, "?last=repo%2F099&n=100") == names[100:]


def test_largest_number_is_a_setting(start):
    client = start(REGISTRY_CATALOG_MAXENTRIES="5").client()
    assert client.get(URL + "?n=5").status == 200
    assert client.get(URL + "?n=6").status == 400


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_method_not_offered(client, method):
    answer = client.request(method, URL)
    assert answer.status == 405
    assert "GET" in answer.exact("Allow").split(", ")
