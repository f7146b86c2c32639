# SPDX-License-Identifier: Apache-2.0
"""Uploads: monolithic, streamed, chunked, mounted, resumed, refused."""

import re

import pytest

from harness.content import sha256
from harness.push import push_blob, start_upload, with_query
from harness.waiting import wait_until

UPLOADS = "/v2/some/repo/blobs/uploads/"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OCTETS = {"Content-Type": "application/octet-stream"}


def check_step(client, answer, status, range_value):
    """What each answer inside an upload carries; returns the next Location."""
    assert answer.status == status, answer
    location = answer.exact("Location")
    uuid = answer.exact("Docker-Upload-Uuid")
    assert UUID.fullmatch(uuid)
    assert location.startswith(f"http://127.0.0.1:{client.port}{UPLOADS}{uuid}?"), location
    assert answer.exact("Range") == range_value
    if status != 204:
        assert answer.exact("Content-Length") == "0"
    return location


def check_done(client, answer, data):
    assert answer.status == 201, answer
    assert answer.exact("Docker-Content-Digest") == sha256(data)
    assert answer.exact("Content-Length") == "0"
    location = answer.exact("Location")
    assert location == f"http://127.0.0.1:{client.port}/v2/some/repo/blobs/{sha256(data)}"
    assert client.get(location).body == data


def check_unknown(answer):
    assert (answer.status, answer.code()) == (404, "BLOB_UPLOAD_UNKNOWN")


def status(client, location):
    return client.get(location)


# the ways of pushing a blob

def test_start(client):
    check_step(client, client.post(UPLOADS), 202, "0-0")


def test_two_uploads_differ(client):
    assert client.post(UPLOADS).get("Docker-Upload-Uuid") != client.post(UPLOADS).get("Docker-Upload-Uuid")


def test_post_then_put(client, body):
    data = bytes(body(100_003))
    location = check_step(client, client.post(UPLOADS), 202, "0-0")
    check_done(client, client.put(with_query(location, digest=sha256(data)), data, OCTETS), data)


@pytest.mark.parametrize("size", [0, 1, 65536, 1_500_001])
def test_single_post(client, body, size):
    data = bytes(body(size))
    answer = client.post(with_query(UPLOADS, digest=sha256(data)), data, OCTETS)
    check_done(client, answer, data)


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("headers", [{}, OCTETS])
def test_one_patch_then_put(client, body, chunked, headers):
    """As docker does it (chunked, no Content-Type), and as podman does."""
    data = bytes(body(1_100_009))
    location = check_step(client, client.post(UPLOADS), 202, "0-0")
    answer = client.patch(location, data, headers, chunked=chunked)
    location = check_step(client, answer, 202, f"0-{len(data) - 1}")
    check_done(client, client.put(with_query(location, digest=sha256(data))), data)


def test_chunks_with_content_range(client, body):
    data = bytes(body(200_000))
    location = check_step(client, client.post(UPLOADS), 202, "0-0")
    for first, end in ((0, 65_536), (65_536, 65_537), (65_537, 150_001)):
        answer = client.patch(location, data[first:end], {**OCTETS, "Content-Range": f"{first}-{end - 1}"})
        location = check_step(client, answer, 202, f"0-{end - 1}")
    rest = {**OCTETS, "Content-Range": f"150001-{len(data) - 1}"}
    check_done(client, client.put(with_query(location, digest=sha256(data)), data[150_001:], rest), data)


def test_chunks_without_content_range(client, body):
    data = bytes(body(10_000))
    location = start_upload(client, "some/repo")
    for first in range(0, 10_000, 1_000):
        location = check_step(client, client.patch(location, data[first:first + 1000]), 202, f"0-{first + 999}")
    check_done(client, client.put(with_query(location, digest=sha256(data))), data)


def test_put_in_chunked_encoding(client, body):
    data = bytes(body(70_000))
    location = with_query(start_upload(client, "some/repo"), digest=sha256(data))
    check_done(client, client.put(location, data, chunked=True), data)


def test_small_pieces_of_chunked_encoding(client, body):
    data = bytes(body(5_000))
    location = start_upload(client, "some/repo")
    pieces = [data[i:i + 7] for i in range(0, len(data), 7)]
    answer = client.patch(location, pieces, chunked=True)
    location = check_step(client, answer, 202, "0-4999")
    check_done(client, client.put(with_query(location, digest=sha256(data))), data)


def test_digest_may_be_escaped_or_not(client, body):
    data = bytes(body(100))
    for digest in (sha256(data), sha256(data).replace(":", "%3A")):
        location = start_upload(client, "some/repo")
        joint = "&" if "?" in location else "?"
        check_done(client, client.put(f"{location}{joint}digest={digest}", data), data)


def test_empty_blob(client):
    location = start_upload(client, "some/repo")
    check_done(client, client.put(with_query(location, digest=sha256(b""))), b"")


def test_empty_patch(client, body):
    data = bytes(body(10))
    location = check_step(client, client.patch(start_upload(client, "some/repo"), b""), 202, "0-0")
    location = check_step(client, client.patch(location, data), 202, "0-9")
    check_done(client, client.put(with_query(location, digest=sha256(data))), data)


def test_blob_that_is_there_already(client, body):
    data = bytes(body(100_000))
    for name in ("some/repo", "some/repo", "other/repo"):
        push_blob(client, name, data)
        assert client.get(f"/v2/{name}/blobs/{sha256(data)}").body == data


def test_a_form_is_a_body_like_any_other(client, body):
    data = b"digest=sha256:" + b"0" * 64 + b"&x=" + bytes(body(100))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    location = with_query(start_upload(client, "some/repo"), digest=sha256(data))
    check_done(client, client.put(location, data, headers), data)


def test_many_uploads_side_by_side(client, body):
    """Interleaved chunks of different uploads stay apart."""
    bodies = [bytes(body(30_000)) for _ in range(5)]
    locations = [start_upload(client, "some/repo") for _ in bodies]
    for first in range(0, 30_000, 10_000):
        for i, data in enumerate(bodies):
            locations[i] = client.patch(locations[i], data[first:first + 10_000]).get("Location")
    for data, location in zip(bodies, locations):
        check_done(client, client.put(with_query(location, digest=sha256(data))), data)


# status and cancel

@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_status(client, body, method):
    location = start_upload(client, "some/repo")
    check_step(client, client.request(method, location), 204, "0-0")
    location = client.patch(location, bytes(body(5_000))).get("Location")
    check_step(client, client.request(method, location), 204, "0-4999")


def test_status_needs_only_the_path(client, body):
    location = start_upload(client, "some/repo")
    client.patch(location, bytes(body(5_000)))
    check_step(client, client.get(location.split("?")[0]), 204, "0-4999")


def test_cancel(client, body):
    location = start_upload(client, "some/repo")
    location = client.patch(location, bytes(body(5_000))).get("Location")
    answer = client.delete(location)
    assert answer.status == 204
    assert UUID.fullmatch(answer.exact("Docker-Upload-Uuid"))
    assert answer.body == b""
    check_unknown(client.get(location))
    check_unknown(client.delete(location))
    check_unknown(client.patch(location, b"x"))
    check_unknown(client.put(with_query(location, digest=sha256(b"x")), b"x"))


def test_cancel_leaves_nothing(server, client, body):
    location = start_upload(client, "some/repo")
    location = client.patch(location, bytes(body(5_000))).get("Location")
    uuid = location.split("?")[0].rsplit("/", 1)[1]
    client.delete(location)
    assert not list(server.root.rglob(uuid))


def test_finished_upload_is_gone(server, client, body):
    data = bytes(body(100))
    location = start_upload(client, "some/repo")
    uuid = location.split("?")[0].rsplit("/", 1)[1]
    client.put(with_query(location, digest=sha256(data)), data)
    check_unknown(client.get(location))
    assert not list(server.root.rglob(uuid))


def test_unknown_upload(client):
    location = UPLOADS + "01234567-89ab-4cde-8f01-23456789abcd"
    for method in ("GET", "DELETE"):
        check_unknown(client.request(method, location))
    check_unknown(client.patch(location, b"x"))
    check_unknown(client.put(with_query(location, digest=sha256(b"x")), b"x"))


def test_malformed_upload_id(client):
    for odd in ("x", "..%2f..%2fx", "a" * 300):
        assert client.patch(UPLOADS + odd, b"x").status in (301, 400, 404)


def test_upload_of_another_repository(client, body):
    location = start_upload(client, "some/repo").replace("/some/repo/", "/other/repo/")
    answer = client.patch(location, bytes(body(10)))
    assert answer.status == 404
    assert answer.code() in ("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID")


# refusals

def test_wrong_digest(client, body):
    data, other = bytes(body(1000)), bytes(body(1000))
    location = start_upload(client, "some/repo")
    answer = client.put(with_query(location, digest=sha256(other)), data)
    assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")
    for content in (data, other):
        assert client.get(f"/v2/some/repo/blobs/{sha256(content)}").status == 404


def test_wrong_digest_in_a_single_post(client, body):
    data, other = bytes(body(1000)), bytes(body(1000))
    answer = client.post(with_query(UPLOADS, digest=sha256(other)), data)
    assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")
    for content in (data, other):
        assert client.get(f"/v2/some/repo/blobs/{sha256(content)}").status == 404


@pytest.mark.parametrize("digest", [None, "", "sha256:abc", "nonsense", "sha256:" + "G" * 64, "md5:" + "0" * 32])
def test_put_without_a_good_digest_keeps_the_upload(client, body, digest):
    data = bytes(body(1000))
    location = client.patch(start_upload(client, "some/repo"), data).get("Location")
    answer = client.put(location if digest is None else with_query(location, digest=digest))
    assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")
    answer = client.put(with_query(location, digest=sha256(data)))
    check_done(client, answer, data)


@pytest.mark.parametrize("first", [0, 400, 600, 1000])
def test_chunk_out_of_order(client, body, first):
    data = bytes(body(2000))
    location = client.patch(start_upload(client, "some/repo"), data[:500],
                            {"Content-Range": "0-499"}).get("Location")
    answer = client.patch(location, data[first:first + 100], {"Content-Range": f"{first}-{first + 99}"})
    assert (answer.status, answer.code()) == (416, "RANGE_INVALID")
    answer = status(client, location)
    location = check_step(client, answer, 204, "0-499")
    location = client.patch(location, data[500:], {"Content-Range": "500-1999"}).get("Location")
    check_done(client, client.put(with_query(location, digest=sha256(data))), data)


def test_last_chunk_out_of_order(client, body):
    data = bytes(body(1000))
    location = client.patch(start_upload(client, "some/repo"), data[:500]).get("Location")
    answer = client.put(with_query(location, digest=sha256(data)), data[500:], {"Content-Range": "600-1099"})
    assert (answer.status, answer.code()) == (416, "RANGE_INVALID")


def test_first_chunk_not_at_zero(client):
    answer = client.patch(start_upload(client, "some/repo"), b"x" * 100, {"Content-Range": "100-199"})
    assert (answer.status, answer.code()) == (416, "RANGE_INVALID")


def test_old_location_does_not_write_twice(client, body):
    """A chunk sent again (its answer was lost) says so by its range, and is refused."""
    data = bytes(body(1000))
    first = start_upload(client, "some/repo")
    span = {"Content-Range": "0-999"}
    assert client.patch(first, data, span).status == 202
    assert client.patch(first, data, span).status == 416


def test_length_that_is_not_the_range(client):
    answer = client.patch(start_upload(client, "some/repo"), b"x" * 100, {"Content-Range": "0-49"})
    assert (answer.status, answer.code()) == (400, "SIZE_INVALID")


@pytest.mark.parametrize("value", ["x", "0", "5-2", "-5", "0-", "99999999999999999999-99999999999999999999"])
def test_garbage_content_range(client, value):
    answer = client.patch(start_upload(client, "some/repo"), b"x" * 100, {"Content-Range": value})
    assert answer.status in (400, 416)
    assert answer.errors()


def test_invalid_name(client):
    answer = client.post("/v2/Some/repo/UPPER/blobs/uploads/")
    assert (answer.status, answer.code()) == (400, "NAME_INVALID")


def test_uploads_without_the_slash(client):
    answer = client.post("/v2/some/repo/blobs/uploads")
    assert answer.status in (202, 301)
    if answer.status == 301:
        assert answer.exact("Location").endswith(UPLOADS)


# mounts

def test_mount(client, body):
    data = bytes(body(50_000))
    digest = push_blob(client, "source/repo", data)
    answer = client.post(with_query(UPLOADS, mount=digest, **{"from": "source/repo"}))
    check_done(client, answer, data)


def test_mount_unescaped(client, body):
    data = bytes(body(100))
    digest = push_blob(client, "source/repo", data)
    check_done(client, client.post(f"{UPLOADS}?mount={digest}&from=source/repo"), data)


@pytest.mark.parametrize("parameters", [
    {"mount": "sha256:" + "0" * 64, "from": "source/repo"},
    {"mount": "there", "from": "no/such/repo"},
    {"mount": "there", "from": "UPPER"},
    {"mount": "there", "from": "third/repo"},
    {"mount": "nonsense", "from": "source/repo"},
])
def test_mount_that_cannot_be_is_a_start(client, body, parameters):
    data = bytes(body(100))
    digest = push_blob(client, "source/repo", data)
    push_blob(client, "third/repo", b"something else")
    if parameters["mount"] == "there":
        parameters = {**parameters, "mount": digest}
    location = check_step(client, client.post(with_query(UPLOADS, **parameters)), 202, "0-0")
    check_done(client, client.put(with_query(location, digest=digest), data), data)


def test_mount_survives_deletion_at_the_source(client, body):
    data = bytes(body(100))
    digest = push_blob(client, "source/repo", data)
    client.post(with_query(UPLOADS, mount=digest, **{"from": "source/repo"}))
    assert client.delete(f"/v2/source/repo/blobs/{digest}").status == 202
    assert client.get(f"/v2/some/repo/blobs/{digest}").body == data


# interruptions

@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("leave", ["close", "reset", "finish_writing"])
def test_client_gone_mid_body(server, client, body, chunked, leave):
    """What arrived is kept, and the upload goes on from there."""
    data, sent = bytes(body(1_000_000)), 300_000
    location = start_upload(client, "some/repo")
    with client.wire() as wire:
        how = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(data))}
        wire.send_head("PATCH", client.path(location), how)
        if chunked:
            wire.send_chunk(data[:sent])
        else:
            wire.send(data[:sent])
        stored = lambda: status(client, location).get("Range")  # noqa: E731
        if leave == "reset":  # a reset throws away what the server has not read yet
            wait_until(lambda: sum(f.stat().st_size for f in server.root.rglob("_uploads/*/data")) == sent,
                       "the bytes on disk")
        getattr(wire, leave)()
        wait_until(lambda: stored() == f"0-{sent - 1}", "what was received to be the upload's state")
    location = status(client, location).get("Location")

    def resume():
        """While the server has not seen the other connection's end, the upload may be busy (409)."""
        answer = client.patch(location, data[sent:], {"Content-Range": f"{sent}-{len(data) - 1}"})
        return answer.status != 409 and answer

    location = check_step(client, wait_until(resume, "the upload to be free"), 202, f"0-{len(data) - 1}")
    check_done(client, client.put(with_query(location, digest=sha256(data))), data)


def test_client_gone_mid_put(client, body):
    data = bytes(body(500_000))
    location = start_upload(client, "some/repo")
    with client.wire() as wire:
        wire.send_head("PUT", client.path(with_query(location, digest=sha256(data))),
                       {"Content-Length": str(len(data))})
        wire.send(data[:100_000])
    assert client.get(f"/v2/some/repo/blobs/{sha256(data)}").status == 404
    push_blob(client, "some/repo", data)


def test_broken_chunked_encoding(client, body):
    data = bytes(body(1000))
    location = start_upload(client, "some/repo")
    with client.wire() as wire:
        wire.send_head("PATCH", client.path(location), {"Transfer-Encoding": "chunked"})
        wire.send_chunk(data)
        wire.send(b"this is no size\r\n")
        assert wire.read().status == 400
        assert wire.at_end()
    push_blob(client, "some/repo", data)


def test_upload_survives_a_restart(server, client, body):
    data = bytes(body(400_000))
    location = client.patch(start_upload(client, "some/repo"), data[:250_001]).get("Location")
    path = client.path(location).split("?")[0]
    server.restart()
    client = server.client()
    location = check_step(client, client.get(path), 204, "0-250000")
    answer = client.patch(location, data[250_001:])
    location = check_step(client, answer, 202, "0-399999")
    check_done(client, client.put(with_query(location, digest=sha256(data))), data)
