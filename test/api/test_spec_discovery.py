# SPDX-License-Identifier: Apache-2.0
"""Specification: Listing Tags, page by page."""

import re

import pytest

from harness.content import sha256
from harness.push import push_image, push_manifest, with_query


@pytest.fixture
def names(shared, repo):
    """Twelve tags that sort differently as numbers, words and bytes."""
    names = ["1", "10", "2", "A", "Z", "_", "a", "a.1", "a-1", "a_1", "aa", "z"]
    image = push_image(shared, repo, None)
    for name in reversed(names):
        push_manifest(shared, repo, name, image.manifest)
    return sorted(names)


def page(client, repo, **query):
    answer = client.get(with_query(f"/v2/{repo}/tags/list", **query))
    assert answer.status == 200, answer
    assert answer.json()["name"] == repo
    return answer, answer.json()["tags"] or []


def next_of(answer):
    link = answer.get("Link")
    return link and re.fullmatch(r'<([^<>]*)>; *rel="next"', link).group(1)


def walk(client, repo, **query):
    seen, (answer, found) = [], page(client, repo, **query)
    while True:
        seen += found
        target = next_of(answer)
        if not target:
            return seen
        assert found, "a page with nothing on it leads on"
        answer = client.get(target)
        found = answer.json()["tags"] or []


@pytest.mark.parametrize("count", [1, 11, 12, 13, 1000])
def test_full_pages(shared, repo, names, count):
    """Listing Tags: `n` results, unless there are fewer or a Link leads on."""
    answer, found = page(shared, repo, n=count)
    assert found == names[:count] or answer.get("Link")
    assert walk(shared, repo, n=count) == names


@pytest.mark.parametrize("last", ["", "0", "1", "19", "a", "a-", "a1", "aa", "z", "zz", "~", "B", "%", "a b", "\u00e9",
                                  "x" * 1000, "../../x", "\0"], ids=lambda last: ascii(last)[:12])
def test_after_any_last(shared, repo, names, last):
    """Listing Tags: what sorts after it, also if it is no tag of the repository's; or a refusal of what is no tag."""
    answer = shared.get(with_query(f"/v2/{repo}/tags/list", last=last, n=5))
    if re.fullmatch(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", last):
        assert (answer.json()["tags"] or []) == [name for name in names if name > last][:5]
    else:
        assert answer.status in (200, 400)


def test_last_is_no_number(shared, repo, names):
    """Listing Tags: `last` is a tag, and never an index."""
    assert page(shared, repo, last="2")[1] == [name for name in names if name > "2"]
    assert page(shared, repo, last="11", n=1)[1] == ["2"]


def test_after_the_last(shared, repo, names):
    """Listing Tags: nothing, and no Link."""
    for query in ({"last": names[-1]}, {"last": names[-1], "n": 5}, {"last": "zzz", "n": 1}):
        answer, found = page(shared, repo, **query)
        assert (found, answer.get("Link")) == ([], None)


@pytest.mark.parametrize("query", [{"n": 0}, {"n": 0, "last": "a"}, {"n": "00"}])
def test_zero(shared, repo, names, query):
    """Listing Tags: an empty list, and no Link."""
    answer, found = page(shared, repo, **query)
    assert (found, answer.get("Link")) == ([], None)


def test_last_page_has_no_link(shared, repo, names):
    """Listing Tags: the walk ends."""
    answer, found = page(shared, repo, last=names[6], n=100)
    assert (found, answer.get("Link")) == (names[7:], None)


@pytest.mark.parametrize("number", ["99999999999999999999", "-0", "+1", "1e1", " 1", "1 ", "", "\u0661", "1;2", "0x1"])
def test_odd_number(shared, repo, names, number):
    """Listing Tags: refused, or a list as it should be; nothing in between."""
    answer = shared.get(with_query(f"/v2/{repo}/tags/list", n=number))
    if answer.status == 200:
        found = answer.json()["tags"] or []
        assert found == names[:len(found)]
        assert len(found) == len(names) or answer.get("Link") or not found
    else:
        assert answer.status == 400
        assert answer.errors()


def test_link_carries_on_after_changes(shared, repo, names):
    """Listing Tags: the next page begins after the last tag, also when that one has gone."""
    answer, found = page(shared, repo, n=4)
    assert shared.delete(f"/v2/{repo}/manifests/{found[-1]}").status == 202
    assert shared.get(next_of(answer)).json()["tags"] == names[4:8]


def test_only_tags_are_listed(shared, repo):
    """Listing Tags: manifests that have none are not there; a list may be empty."""
    image = push_image(shared, repo, None)
    answer = shared.get(f"/v2/{repo}/tags/list")
    assert answer.status == 404 or not answer.json()["tags"]
    push_manifest(shared, repo, "one", image.manifest)
    push_image(shared, f"{repo}/below", "two")
    assert page(shared, repo)[1] == ["one"]


def test_most_tags_in_a_page(start):
    """Listing Tags: fewer than `n` only with a Link."""
    client = start(REGISTRY_TAGS_MAXTAGS="3").client()
    image = push_image(client, "some/repo", None)
    names = [f"t{number}" for number in range(8)]
    query = "&".join(f"tag={name}" for name in names)
    assert client.put(f"/v2/some/repo/manifests/{sha256(image.manifest)}?{query}", image.manifest,
                      {"Content-Type": image.media_type}).status == 201
    answer, found = page(client, "some/repo", n=5)
    assert len(found) == 5 or answer.get("Link")
    assert walk(client, "some/repo", n=5) == names
    assert walk(client, "some/repo") == names
