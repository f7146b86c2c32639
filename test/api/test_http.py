# SPDX-License-Identifier: Apache-2.0
"""The protocol under the API: framing, connections, clients that behave oddly."""

import os
import signal
import ssl
import threading
import time

import pytest

from harness.content import sha256
from harness.process import accepts
from harness.push import push_blob, push_image, start_upload, with_query
from harness.waiting import wait_until
from harness.wire import Closed

PING = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
QUICK = 2.0  # seconds: far above any real answer, far below any client's patience


@pytest.fixture
def healthy(server):
    """After the test the server has let go of all connections and files, and answers."""
    before = server.connections()
    yield
    assert server.client().get("/v2/").status == 200
    wait_until(lambda: server.connections() <= before, "connections to be closed")
    wait_until(lambda: not server.open_files(), "files to be closed")


@pytest.fixture
def wire(client, healthy):
    with client.wire() as connection:
        yield connection


def check_refused_and_closed(wire, status):
    answer = wire.read()
    assert answer.status == status, answer
    assert wire.at_end()


# what is not HTTP

def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def test_tls_on_the_plain_port_is_answered_at_once(wire):
    """Docker, podman and skopeo try TLS first, and fall back to plain HTTP upon this answer."""
    started = time.monotonic()
    wire.send(client_hello())
    received = b""
    while data := wire.receive():
        received += data
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close\r\n" in received.lower()
    assert time.monotonic() - started < QUICK


def test_old_tls_hello(wire):
    """One that happens to hold no line feed in its first bytes."""
    wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(0x80, 0xa0)))
    assert wire.receive().startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("head", [
    b"nonsense\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /v2/\r\n\r\n",
    b"GET /v2/ HTTP/x.y\r\n\r\n",
    b"GET /v2/ HTTQ/1.1\r\nHost: x\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\nbad name : 1\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    b"GET /v2/\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n",
])
def test_malformed_request(wire, head):
    wire.send(head)
    check_refused_and_closed(wire, 400)


@pytest.mark.parametrize("lines", [
    ["Content-Length: 5", "Content-Length: 6"],
    ["Content-Length: 5", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: chunked", "Content-Length: 5"],
    ["Content-Length: -5"],
    ["Content-Length: 5x"],
    ["Content-Length: 99999999999999999999999"],
])
def test_ambiguous_framing(client, wire, lines):
    """RFC 9112 6.3: two meanings of where a body ends are a smuggled request: refuse, close."""
    path = client.path(start_upload(client, "some/repo"))
    wire.send("\r\n".join([f"PATCH {path} HTTP/1.1", "Host: x", *lines, "", "hello"]).encode())
    check_refused_and_closed(wire, 400)


@pytest.mark.parametrize("coding", ["gzip", "chunked, gzip", "gzip, chunked", "xchunked"])
def test_unknown_transfer_coding(client, wire, coding):
    path = client.path(start_upload(client, "some/repo"))
    wire.send(f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\nhello".encode())
    answer = wire.read()
    assert answer.status in (400, 501)
    assert wire.at_end()


@pytest.mark.parametrize("head", [b"GET /v2/ HTTP/1.1\r\n\r\n", b"GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"])
def test_one_host(wire, head):
    wire.send(head)
    assert wire.read().status == 400


@pytest.mark.parametrize("head", [
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Big: " + b"y" * (2 << 20) + b"\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + b"X-Many: y\r\n" * 200_000 + b"\r\n",
    b"GET /v2/" + b"x" * (2 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
], ids=["one line", "many lines", "target"])
def test_oversized_head(wire, head):
    try:
        wire.send(head)
    except (BrokenPipeError, ConnectionResetError):
        pass
    answer = wire.read()
    assert answer.status in ((414, 431) if head.startswith(b"GET /v2/x") else (431,))


def test_endless_head(server, wire):
    """A head that never ends is refused, and kept nowhere."""
    before = server.memory()[0]
    wire.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Endless: ")
    try:
        for _ in range(1024):
            wire.send(b"z" * 65536)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert wire.read().status == 431
    assert server.memory()[1] - before < 16 << 20


def test_long_but_allowed_head(wire):
    """Tokens of several KiB are usual behind a login."""
    wire.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"t" * 6000 + b"\r\n\r\n")
    assert wire.read().status == 200


# methods and versions

@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "PATCH", "POST"])
def test_method_not_offered(client, method):
    push_image(client, "some/repo", "latest")
    answer = client.request(method, "/v2/some/repo/manifests/latest")
    assert answer.status == 405
    assert answer.exact("Allow") == "DELETE, GET, HEAD, PUT"


def test_made_up_method(client):
    """One that no standard knows may also be refused by the parser."""
    answer = client.request("FROB", "/v2/")
    assert answer.status in (400, 405, 501)
    assert answer.errors()


@pytest.mark.parametrize("target, allowed", [
    ("/v2/some/repo/manifests/latest", "DELETE, GET, HEAD, PUT"),
    ("/v2/some/repo/blobs/sha256:" + "0" * 64, "DELETE, GET, HEAD"),
])
def test_options(client, target, allowed):
    answer = client.request("OPTIONS", target)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.exact("Allow") == allowed


def test_http_1_0(wire):
    wire.send(b"GET /v2/ HTTP/1.0\r\n\r\n")
    answer = wire.read()
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.get("Transfer-Encoding") is None
    assert wire.at_end()


def test_http_1_0_keep_alive(wire):
    """Asked for, it may be granted; the answer says so, or the connection is closed."""
    wire.socket.settimeout(QUICK)
    wire.send(b"GET /v2/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    answer = wire.read()
    assert answer.body == b"{}"
    if answer.get("Connection", "").lower() == "keep-alive":
        wire.send(b"GET /v2/ HTTP/1.0\r\n\r\n")
        assert wire.read().body == b"{}"
    assert wire.at_end()


def test_absolute_form(wire):
    wire.send(b"GET http://some.host/v2/ HTTP/1.1\r\nHost: some.host\r\n\r\n")
    assert wire.read().body == b"{}"


@pytest.mark.parametrize("target", ["/v2/", "/v2/some/repo/manifests/latest", "/v2/none/manifests/latest"])
def test_head_has_no_body(client, wire, target):
    """On one connection: a body would be taken for the next answer."""
    push_image(client, "some/repo", "latest")
    for _ in range(3):
        wire.send_head("HEAD", target)
        answer = wire.read("HEAD")
        assert int(answer.get("Content-Length")) > 0
    wire.send(PING)
    assert wire.read().body == b"{}"


# connections

def test_keep_alive(client, wire):
    image = push_image(client, "some/repo", "latest")
    for _ in range(5):
        wire.send_head("GET", "/v2/some/repo/manifests/latest")
        assert wire.read().body == image.manifest
        wire.send_head("GET", f"/v2/some/repo/blobs/{sha256(image.config)}")
        assert wire.read().body == image.config
        wire.send_head("GET", "/v2/some/repo/manifests/none")
        assert wire.read().status == 404


def test_whole_push_on_one_connection(client, wire, body):
    data = bytes(body(200_000))
    wire.send_head("POST", "/v2/some/repo/blobs/uploads/", {"Content-Length": "0"})
    location = client.path(wire.read().get("Location"))
    wire.send_head("PATCH", location, {"Transfer-Encoding": "chunked"})
    wire.send_chunk(data)
    wire.send(b"0\r\n\r\n")
    location = client.path(wire.read().get("Location"))
    wire.send_head("PUT", with_query(location, digest=sha256(data)), {"Content-Length": "0"})
    assert wire.read().status == 201
    wire.send_head("GET", f"/v2/some/repo/blobs/{sha256(data)}")
    assert wire.read().body == data


def test_connection_close(wire):
    wire.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = wire.read()
    assert answer.body == b"{}"
    assert answer.get("Connection", "").lower() == "close"
    assert wire.at_end()


def test_pipelined_requests_are_answered_in_order(client, wire, body):
    blobs = [bytes(body(size)) for size in (10, 200_000, 1, 70_000, 0)]
    for blob in blobs:
        push_blob(client, "some/repo", blob)
    heads = [f"GET /v2/some/repo/blobs/{sha256(blob)} HTTP/1.1\r\nHost: x\r\n\r\n" for blob in blobs]
    wire.send("".join(heads).encode() + PING + b"GET /v2/nothing/here HTTP/1.1\r\nHost: x\r\n\r\n" + PING)
    for blob in blobs:
        assert wire.read().body == blob
    assert wire.read().body == b"{}"
    assert wire.read().status == 404
    assert wire.read().body == b"{}"


def test_pipelined_uploads(client, wire, body):
    """A body, and right behind it the next request."""
    first, second = bytes(body(1000)), bytes(body(70_000))
    requests = b""
    for data in (first, second):
        location = client.path(with_query(start_upload(client, "some/repo"), digest=sha256(data)))
        requests += f"PUT {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
    wire.send(requests + PING)
    for data in (first, second):
        assert wire.read().status == 201
    assert wire.read().body == b"{}"
    for data in (first, second):
        assert client.get(f"/v2/some/repo/blobs/{sha256(data)}").body == data


def test_half_closed_client_gets_its_answer(client, wire, body):
    data = bytes(body(2_000_000))
    push_blob(client, "some/repo", data)
    wire.send_head("GET", f"/v2/some/repo/blobs/{sha256(data)}")
    wire.finish_writing()
    assert wire.read().body == data
    assert wire.at_end()


def test_half_closed_after_the_body(client, wire, body):
    data = bytes(body(300_000))
    location = with_query(start_upload(client, "some/repo"), digest=sha256(data))
    wire.send_head("PUT", client.path(location), {"Content-Length": str(len(data))})
    wire.send(data)
    wire.finish_writing()
    assert wire.read().status == 201
    assert wire.at_end()


def test_empty_lines_before_a_request(wire):
    wire.send(b"\r\n\r\n" + PING)
    assert wire.read().body == b"{}"


def test_request_byte_by_byte(wire):
    for byte in PING:
        wire.send(bytes([byte]))
    assert wire.read().body == b"{}"


def test_body_byte_by_byte(client, wire, body):
    data = bytes(body(500))
    path = client.path(start_upload(client, "some/repo"))
    wire.send_head("PATCH", path, {"Transfer-Encoding": "chunked"})
    for byte in data:
        for part in b"1", b"\r", b"\n", bytes([byte]), b"\r\n":
            wire.send(part)
    wire.send(b"0\r\n")
    wire.send(b"\r\n")
    answer = wire.read()
    assert (answer.status, answer.get("Range")) == (202, "0-499")
    answer = client.put(with_query(answer.get("Location"), digest=sha256(data)))
    assert answer.status == 201


def test_chunk_extensions_and_trailers(client, wire, body):
    data = bytes(body(26))
    path = client.path(with_query(start_upload(client, "some/repo"), digest=sha256(data)))
    wire.send_head("PUT", path, {"Transfer-Encoding": "chunked", "Trailer": "X-After"})
    wire.send(b"1A;name=value\r\n" + data + b"\r\n0\r\nX-After: 1\r\n\r\n" + PING)
    assert wire.read().status == 201
    assert wire.read().body == b"{}"


# expectations

def test_expect_continue(client, wire, body):
    data = bytes(body(100_000))
    path = client.path(with_query(start_upload(client, "some/repo"), digest=sha256(data)))
    wire.send_head("PUT", path, {"Content-Length": str(len(data)), "Expect": "100-continue"})
    assert wire.read_head().status == 100
    wire.send(data)
    assert wire.read().status == 201


def test_expect_continue_of_a_refused_body(wire):
    """The final answer comes instead of the 100: the body is never sent."""
    wire.send_head("PATCH", "/v2/some/repo/blobs/uploads/01234567-89ab-4cde-8f01-23456789abcd",
                   {"Content-Length": "1000000", "Expect": "100-continue"})
    answer = wire.read_head()
    assert answer.status == 404


def test_body_without_waiting_for_the_100(client, body):
    """Before, while, or after the server makes up its mind: often enough to meet each moment."""
    for _ in range(100):
        data = bytes(body(1000))
        path = client.path(with_query(start_upload(client, "some/repo"), digest=sha256(data)))
        with client.wire(timeout=5) as wire:
            wire.send_head("PUT", path, {"Content-Length": "1000", "Expect": "100-continue"})
            wire.send(data)
            assert wire.read().status == 201
            wire.send(PING)
            assert wire.read().body == b"{}"


def test_unknown_expectation(wire):
    wire.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n")
    assert wire.read().status == 417


# errors before the body was read

@pytest.mark.parametrize("chunked", [True, False])
def test_refusal_reaches_a_client_that_writes_first(client, body, healthy, chunked):
    """64 MiB to an upload that does not exist: written to the end, or until it fails, and then read."""
    target = "/v2/some/repo/blobs/uploads/01234567-89ab-4cde-8f01-23456789abcd"
    answer = client.patch(target, body(64 << 20), chunked=chunked)
    assert (answer.status, answer.code()) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_refused_small_body_keeps_the_connection_in_step(wire):
    """The next request is not looked for inside the refused body."""
    wire.send_head("PATCH", "/v2/some/repo/blobs/uploads/01234567-89ab-4cde-8f01-23456789abcd",
                   {"Content-Length": str(len(PING))})
    wire.send(PING)
    assert wire.read().status == 404
    try:
        wire.send(PING)
        assert wire.read().body == b"{}"
        wire.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            wire.receive()
    except (Closed, BrokenPipeError, ConnectionResetError):
        pass  # closing is the other right thing


def test_body_where_none_is_expected(client, wire):
    wire.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    assert wire.read().status in (200, 400)
    assert client.get("/v2/").status == 200


# slow and absent readers

def test_slow_reader_of_a_big_blob(server, client, body, healthy):
    """It holds up nobody, and costs the server no memory."""
    data = bytes(body(32 << 20))
    push_blob(client, "some/repo", data)
    with client.wire(receive_buffer=4096) as wire:
        wire.send_head("GET", f"/v2/some/repo/blobs/{sha256(data)}")
        wire.read_head()
        started = time.monotonic()
        for _ in range(50):
            assert client.get("/v2/").status == 200
        assert time.monotonic() - started < 5
        assert wire.read_exactly(len(data)) == data


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_reader_gone_mid_blob(client, body, healthy, leave):
    data = bytes(body(16 << 20))
    push_blob(client, "some/repo", data)
    for _ in range(5):
        wire = client.wire(receive_buffer=4096)
        wire.send_head("GET", f"/v2/some/repo/blobs/{sha256(data)}")
        wire.read_head()
        getattr(wire, leave)()
    assert client.get(f"/v2/some/repo/blobs/{sha256(data)}").body == data


def test_connections_that_say_nothing(client, healthy):
    """A hundred of them, and half a request on each of another hundred."""
    silent = [client.wire() for _ in range(200)]
    for wire in silent[:100]:
        wire.send(b"GET /v2/ HT")
    assert client.get("/v2/").status == 200
    for wire in silent:
        wire.close()


def test_clients_side_by_side(client, body, healthy):
    """Each gets its own bytes."""
    bodies = [bytes(body(500_000 + i)) for i in range(8)]
    failures = []

    def work(data):
        try:
            for _ in range(3):
                push_blob(client, "some/repo", data)
                assert client.get(f"/v2/some/repo/blobs/{sha256(data)}").body == data
        except Exception as failure:  # told to the main thread below
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(data,)) for data in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_same_blob_side_by_side(client, body, healthy):
    """Eight clients push the same layer at once: all succeed, one copy."""
    data = bytes(body(3_000_000))
    answers = []

    def work():
        answers.append(push_blob(client, "some/repo", data))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [sha256(data)] * 8
    assert client.get(f"/v2/some/repo/blobs/{sha256(data)}").body == data


# the end

def test_sigterm_with_idle_connections(server, client):
    """Connections kept alive do not hold up the end."""
    wires = [client.wire() for _ in range(10)]
    for wire in wires[:5]:
        wire.send(PING)
        wire.read()
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 5
    for wire in wires:
        assert wire.at_end()
        wire.close()


def test_sigterm_lets_a_download_finish(make_server, body):
    """Within the drain time; new connections are refused meanwhile."""
    server = make_server(asan=True, environment={"REGISTRY_HTTP_DRAINTIMEOUT": "20s"})
    client = server.client()
    data = bytes(body(16 << 20))
    push_blob(client, "some/repo", data)
    with client.wire(receive_buffer=4096) as wire:
        wire.send_head("GET", f"/v2/some/repo/blobs/{sha256(data)}")
        wire.read_head()
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: not accepts(server.port), "the port to be closed")
        assert wire.read_exactly(len(data)) == data
    wait_until(lambda: not server.alive(), "the end of the server")
    assert server.process.returncode == 0
    server.process = None


def test_sigterm_with_a_stuck_client_ends_in_time(make_server, body):
    server = make_server(asan=True, environment={"REGISTRY_HTTP_DRAINTIMEOUT": "1s"})
    client = server.client()
    with client.wire() as wire:
        wire.send_head("PATCH", client.path(start_upload(client, "some/repo")), {"Content-Length": "1000000"})
        wire.send(bytes(body(1000)))
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 5
