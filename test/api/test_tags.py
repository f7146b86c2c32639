# SPDX-License-Identifier: Apache-2.0
"""The list of tags, and its pages."""

import re

import pytest

from harness.push import push_blob, push_image, push_manifest

URL = "/v2/some/repo/tags/list"
TAGS = ["1.9", "18.04", "B", "_x", "a", "a-b", "a.b", "aB", "b", "latest"]


@pytest.fixture
def tagged(client):
    """One manifest with ten tags, set in no order."""
    image = push_image(client, "some/repo", TAGS[4])
    for tag in TAGS[5:] + TAGS[:4]:
        push_manifest(client, "some/repo", tag, image.manifest)
    return sorted(tag.encode() for tag in TAGS)


def tags(client, query=""):
    answer = client.get(URL + query)
    assert answer.status == 200, answer
    document = answer.json()
    assert list(document) == ["name", "tags"]
    assert document["name"] == "some/repo"
    return [tag.encode() for tag in document["tags"] or ()]


def next_page(answer):
    link = answer.get("Link")
    return link and re.fullmatch(r'<(/[^>]*)>; rel="next"', link).group(1)


def test_compact_and_sorted(client, tagged):
    answer = client.get(URL)
    names = ",".join(f'"{tag.decode()}"' for tag in tagged)
    assert answer.body.decode().rstrip("\n") == '{"name":"some/repo","tags":[' + names + "]}"
    assert answer.get("Link") is None
    assert answer.exact("Docker-Distribution-Api-Version") == "registry/2.0"


def test_page(client, tagged):
    answer = client.get(URL + "?n=3")
    assert answer.json()["tags"] == [tag.decode() for tag in tagged[:3]]
    assert answer.exact("Link") == f'<{URL}?last={tagged[2].decode()}&n=3>; rel="next"'


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 10, 11])
def test_all_pages(client, tagged, size):
    seen, target, pages = [], f"{URL}?n={size}", 0
    while target:
        answer = client.get(target)
        page = answer.json()["tags"] or []
        assert len(page) <= size
        seen += [tag.encode() for tag in page]
        target = next_page(answer)
        pages += 1
        assert pages <= len(tagged) + 1
    assert seen == tagged


def test_last(client, tagged):
    assert tags(client, "?last=a") == [tag for tag in tagged if tag > b"a"]
    assert tags(client, "?last=a-") == [tag for tag in tagged if tag > b"a-"]
    assert tags(client, "?last=zzz") == []
    assert tags(client, "?n=2&last=a") == [tag for tag in tagged if tag > b"a"][:2]
    assert tags(client, "?last=a&n=2") == [tag for tag in tagged if tag > b"a"][:2]


def test_zero(client, tagged):
    answer = client.get(URL + "?n=0")
    assert answer.json()["tags"] == []
    assert answer.get("Link") is None


def test_more_than_there_are(client, tagged):
    assert tags(client, "?n=100000") == tagged


@pytest.mark.parametrize("number", ["-1", "x", "1x", "1.5", "0x10"])
def test_no_number(client, tagged, number):
    answer = client.get(f"{URL}?n={number}")
    assert (answer.status, answer.code()) == (400, "PAGINATION_NUMBER_INVALID")


def test_unknown_repository(client):
    answer = client.get(URL)
    assert (answer.status, answer.code()) == (404, "NAME_UNKNOWN")
    assert answer.errors()[0]["detail"] == {"name": "some/repo"}


def test_unknown_repository_with_last(client):
    assert client.get(URL + "?last=a").status == 404


def test_other_query_parameters_are_dropped(client, tagged):
    link = client.get(URL + "?x=1&n=1&y=2").exact("Link")
    assert link == f'<{URL}?last={tagged[0].decode()}&n=1>; rel="next"'


def test_all_tags_deleted(client, tagged):
    """The last tag is gone: the repository has a manifest, and no tags."""
    for tag in tagged:
        assert client.delete(f"/v2/some/repo/manifests/{tag.decode()}").status == 202
    assert tags(client) == []


def test_only_blobs(client):
    push_blob(client, "some/repo", b"no tag refers to this")
    answer = client.get(URL)
    assert answer.status == 404 or answer.json()["tags"] in ([], None)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_method_not_offered(client, method):
    answer = client.request(method, URL)
    assert answer.status == 405
    assert "GET" in answer.exact("Allow").split(", ")
