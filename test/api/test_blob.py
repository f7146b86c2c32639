# SPDX-License-Identifier: Apache-2.0
"""Blobs: GET, HEAD, ranges, conditions, DELETE."""

import pytest

from harness.content import sha256
from harness.push import push_blob, push_image

SIZE = 300_001  # no power of two, and more than one buffer of any size
NOWHERE = "sha256:" + "0" * 64
BAD_DIGESTS = ["sha256:abc", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha256:" + "A" * 64, "sha256:" + "g" * 64,
               "md5:" + "0" * 32, "sha256", "latest"]


@pytest.fixture
def blob(client, body):
    data = bytes(body(SIZE))
    push_blob(client, "some/repo", data)
    return data


def url(data, name="some/repo"):
    return f"/v2/{name}/blobs/{sha256(data)}"


def check_headers(answer, data):
    assert answer.exact("Content-Type") == "application/octet-stream"
    assert answer.exact("Docker-Content-Digest") == sha256(data)
    assert answer.exact("Etag") == f'"{sha256(data)}"'
    assert answer.exact("Cache-Control") == "max-age=31536000"
    assert answer.exact("Accept-Ranges") == "bytes"
    assert answer.exact("Docker-Distribution-Api-Version") == "registry/2.0"


def test_get(client, blob):
    answer = client.get(url(blob))
    assert answer.status == 200
    check_headers(answer, blob)
    assert answer.exact("Content-Length") == str(SIZE)
    assert answer.body == blob


def test_head(client, blob):
    answer = client.head(url(blob))
    assert answer.status == 200
    check_headers(answer, blob)
    assert answer.exact("Content-Length") == str(SIZE)
    assert answer.body == b""


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 65536, 1 << 20, (1 << 20) + 1])
def test_sizes(client, body, size):
    data = bytes(body(size))
    push_blob(client, "some/repo", data)
    answer = client.get(url(data))
    assert (answer.status, answer.get("Content-Length")) == (200, str(size))
    assert answer.body == data


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_unknown(client, blob, method):
    answer = client.request(method, f"/v2/some/repo/blobs/{NOWHERE}")
    assert answer.status == 404
    if method == "GET":
        assert answer.errors()[0]["code"] == "BLOB_UNKNOWN"
        assert answer.errors()[0]["detail"] == NOWHERE


def test_unknown_repository(client, blob):
    answer = client.get(url(blob, "other/repo"))
    assert answer.status == 404
    assert answer.code() in ("BLOB_UNKNOWN", "NAME_UNKNOWN")


def test_blob_of_another_repository_is_unknown(client, blob):
    push_image(client, "other/repo", "latest")
    answer = client.get(url(blob, "other/repo"))
    assert (answer.status, answer.code()) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize("digest", BAD_DIGESTS)
def test_malformed_digest(client, blob, digest):
    for method in ("GET", "DELETE"):
        answer = client.request(method, f"/v2/some/repo/blobs/{digest}")
        assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")


# ranges

@pytest.mark.parametrize("spelled, first, last", [
    ("0-0", 0, 0),
    ("0-99", 0, 99),
    ("1-1", 1, 1),
    ("100-65635", 100, 65635),
    ("65535-65536", 65535, 65536),
    (f"{SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE - 1),
    ("100-", 100, SIZE - 1),
    ("0-", 0, SIZE - 1),
    ("-1", SIZE - 1, SIZE - 1),
    ("-70000", SIZE - 70000, SIZE - 1),
    (f"-{SIZE * 2}", 0, SIZE - 1),
    (f"5-{SIZE * 2}", 5, SIZE - 1),
])
def test_range(client, blob, spelled, first, last):
    for method in ("GET", "HEAD"):
        answer = client.request(method, url(blob), headers={"Range": f"bytes={spelled}"})
        assert answer.status == 206
        assert answer.exact("Content-Range") == f"bytes {first}-{last}/{SIZE}"
        assert answer.exact("Content-Length") == str(last - first + 1)
        check_headers(answer, blob)
        assert answer.body == (blob[first:last + 1] if method == "GET" else b"")


@pytest.mark.parametrize("spelled", [f"{SIZE}-", f"{SIZE}-{SIZE + 5}", "999999999999999999-"])
def test_range_beyond_the_end(client, blob, spelled):
    answer = client.get(url(blob), {"Range": f"bytes={spelled}"})
    assert answer.status == 416
    assert answer.exact("Content-Range") == f"bytes */{SIZE}"
    assert int(answer.exact("Content-Length")) == len(answer.body) < SIZE
    assert answer.get("Etag") is None and answer.get("Cache-Control") is None


@pytest.mark.parametrize("spelled", ["bytes=5-2", "bytes=a-b", "bytes=", "bytes=-", "bytes=1-2x", "bytes=0x1-2"])
def test_garbage_range(client, blob, spelled):
    """RFC 9110 14.2: an invalid Range may be refused or ignored; never answered with a part."""
    answer = client.get(url(blob), {"Range": spelled})
    assert answer.status in (200, 400, 416)
    if answer.status == 200:
        assert answer.body == blob
    else:
        assert int(answer.exact("Content-Length")) == len(answer.body) < SIZE


def test_unknown_range_unit(client, blob):
    answer = client.get(url(blob), {"Range": "items=0-5"})
    assert answer.status in (200, 416)
    assert answer.status == 416 or answer.body == blob


def test_several_ranges(client, blob):
    """Either all parts or the whole: never one part only as if it were all."""
    answer = client.get(url(blob), {"Range": "bytes=0-9,1000-1019"})
    if answer.status == 200:
        assert answer.body == blob
    else:
        assert answer.status == 206
        assert answer.get("Content-Type").startswith("multipart/byteranges; boundary=")
        assert blob[0:10] in answer.body and blob[1000:1020] in answer.body


def test_range_of_an_empty_blob(client):
    push_blob(client, "some/repo", b"")
    answer = client.get(url(b""), {"Range": "bytes=0-"})
    assert answer.status == 416
    assert answer.exact("Content-Range") == "bytes */0"


def test_resume_after_a_cut(client, blob):
    """What a docker engine does when a download breaks."""
    with client.wire() as wire:
        wire.send_head("GET", url(blob))
        wire.read_head()
        start = wire.receive(1000)
        wire.reset()
    answer = client.get(url(blob), {"Range": f"bytes={len(start)}-"})
    assert start + answer.body == blob


# conditions

@pytest.mark.parametrize("value", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_if_none_match(client, blob, value):
    answer = client.get(url(blob), {"If-None-Match": value.format(sha256(blob))})
    assert answer.status == 304
    assert answer.body == b""
    assert answer.exact("Etag") == f'"{sha256(blob)}"'
    assert answer.exact("Docker-Content-Digest") == sha256(blob)


def test_if_none_match_of_another(client, blob):
    answer = client.get(url(blob), {"If-None-Match": f'"{NOWHERE}"'})
    assert (answer.status, answer.body) == (200, blob)


def test_if_match(client, blob):
    assert client.get(url(blob), {"If-Match": f'"{sha256(blob)}"'}).status == 200
    assert client.get(url(blob), {"If-Match": f'"{NOWHERE}"'}).status == 412


def test_if_range(client, blob):
    same = client.get(url(blob), {"Range": "bytes=5-9", "If-Range": f'"{sha256(blob)}"'})
    assert (same.status, same.body) == (206, blob[5:10])
    other = client.get(url(blob), {"Range": "bytes=5-9", "If-Range": f'"{NOWHERE}"'})
    assert (other.status, other.body) == (200, blob)


# delete

def test_delete(client, blob):
    answer = client.delete(url(blob))
    assert answer.status == 202
    assert answer.exact("Content-Length") == "0"
    for method in ("GET", "HEAD", "DELETE"):
        assert client.request(method, url(blob)).status == 404
    assert client.delete(url(blob)).code() == "BLOB_UNKNOWN"


def test_delete_leaves_other_repositories_alone(client, blob):
    push_blob(client, "other/repo", blob)
    assert client.delete(url(blob)).status == 202
    assert client.get(url(blob, "other/repo")).body == blob


def test_push_again_after_delete(client, blob):
    client.delete(url(blob))
    push_blob(client, "some/repo", blob)
    assert client.get(url(blob)).body == blob


def test_delete_can_be_off(start, body):
    client = start(REGISTRY_STORAGE_DELETE_ENABLED="false").client()
    data = bytes(body(1000))
    push_blob(client, "some/repo", data)
    for digest in (sha256(data), NOWHERE):
        answer = client.delete(f"/v2/some/repo/blobs/{digest}")
        assert (answer.status, answer.code()) == (405, "UNSUPPORTED")
    assert client.get(url(data)).body == data


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH"])
def test_method_not_offered(client, blob, method):
    answer = client.request(method, url(blob))
    assert answer.status == 405
    assert answer.exact("Allow") == "DELETE, GET, HEAD"
