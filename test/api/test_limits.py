# SPDX-License-Identifier: Apache-2.0
"""How many connections, how large a head, how large a manifest; and read-only by an administrator's word."""

import signal

import pytest

from harness.admin import Admin
from harness.push import push_image, start_upload
from harness.waiting import wait_until
from harness.wire import Wire

KIB = 1024


def assert_alive(wire):
    wire.send_head("GET", "/v2/")
    assert wire.read().status == 200


def admitted(port):
    """A connection, if there is a place for it: those that are closed may be counted for a moment more."""
    wire = Wire(port)
    wire.send_head("GET", "/v2/")
    try:
        if wire.read().status == 200:
            return wire
    except ConnectionError:
        pass
    wire.close()
    return None


def assert_refused(port):
    with Wire(port) as wire:
        answer = wire.read()
        assert (answer.status, answer.code()) == (503, "UNAVAILABLE")
        assert answer.exact("Connection") == "close"
        assert wire.at_end()


@pytest.mark.parametrize("setting", ["REGISTRY_HTTP_LIMITS_CONNECTIONS", "REGISTRY_HTTP_LIMITS_PERCLIENT"])
def test_one_connection_too_many(start, setting):
    server = start(**{setting: "3"})
    wires = [wait_until(lambda: admitted(server.port), "a connection") for _ in range(3)]
    before = server.stderr().count("connections are refused: ")
    assert_refused(server.port)
    assert_refused(server.port)
    server.says("connections are refused: ")
    assert server.stderr().count("connections are refused: ") == max(before, 1)
    assert Admin(server.root).get("/admin/gc").status == 200  # this door is always open
    wires.pop().close()
    wires.append(wait_until(lambda: admitted(server.port), "a place that is free again"))
    for wire in wires:
        assert_alive(wire)
        wire.close()


@pytest.mark.parametrize("limit, size, status", [("8KiB", 7 * KIB, 200), ("8KiB", 9 * KIB, 431), ("256KiB", 200 * KIB, 200),
                                                 ("256KiB", 300 * KIB, 431)])
def test_the_head(start, limit, size, status):
    client = start(REGISTRY_HTTP_LIMITS_HEAD=limit).client()
    assert client.get("/v2/", headers={"X-Long": "x" * (size - 200)} if size < 65536 else
                      {f"X-Long-{i}": "x" * 8000 for i in range(size // 8000)}).status == status


def test_the_manifest(start):
    client = start(REGISTRY_HTTP_LIMITS_MANIFEST="8KiB").client()
    image = push_image(client, "some/repo", "latest")
    headers = {"Content-Type": image.media_type}
    padded = image.manifest + b" " * (8 * KIB - len(image.manifest))
    assert client.put("/v2/some/repo/manifests/fits", padded, headers).status == 201
    answer = client.put("/v2/some/repo/manifests/large", padded + b" ", headers)
    assert (answer.status, answer.code()) == (413, "MANIFEST_INVALID")


def test_read_only_by_an_administrators_word(start):
    server = start()
    client, admin = server.client(), Admin(server.root)
    push_image(client, "some/repo", "latest")
    assert admin.get("/admin/readonly").json() == {"readonly": False}
    assert admin.put("/admin/readonly", b'{"readonly": true}').json() == {"readonly": True}
    assert admin.get("/admin/readonly").json() == {"readonly": True}
    answer = client.post("/v2/some/repo/blobs/uploads/")
    assert (answer.status, answer.code()) == (405, "UNSUPPORTED")
    assert client.delete("/v2/some/repo/manifests/latest").status == 405
    assert client.get("/v2/some/repo/manifests/latest").status == 200
    assert admin.put("/admin/readonly", b'{"readonly": false}').status == 200
    start_upload(client, "some/repo")


def test_a_word_against_the_settings(start):
    """It ends with the process, and a reload that changes nothing leaves it alone."""
    server = start(REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED="true")
    admin = Admin(server.root)
    assert admin.get("/admin/readonly").json() == {"readonly": True}
    assert admin.put("/admin/readonly", b'{"readonly": false}').json() == {"readonly": False}
    start_upload(server.client(), "some/repo")
    server.process.send_signal(signal.SIGHUP)
    server.says("configuration reloaded")
    assert admin.get("/admin/readonly").json() == {"readonly": False}
    server.restart()
    assert server.client().post("/v2/some/repo/blobs/uploads/").status == 405


@pytest.mark.parametrize("body", [b"", b"true", b"{}", b'{"readonly": 1}', b'{"readonly": true, "x": 1}', b"x" * 5000])
def test_words_that_make_no_sense(server, body):
    admin = Admin(server.root)
    assert admin.put("/admin/readonly", body).status == 400
    assert admin.get("/admin/readonly").json() == {"readonly": False}
