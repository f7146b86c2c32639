# SPDX-License-Identifier: Apache-2.0
"""TLS on the public address: versions, ciphers, certificates of both sides, and files that change."""

import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness import process
from harness.content import sha256
from harness.push import push_blob, push_image, start_upload, with_query
from harness.server import binary_path
from harness.tls import PING, RSA, Authority, TlsClient, TlsWire, is_let_in, only, spoken
from harness.waiting import wait_until
from harness.wire import Wire

HANDSHAKES = 2000


@pytest.fixture
def start_tls(start, pair):
    return lambda **settings: start(**pair.settings(**settings))


@pytest.fixture
def server(start_tls):
    return start_tls()


@pytest.fixture
def client(server, authority):
    return TlsClient(server.port, authority.context())


@pytest.fixture
def healthy(server, client):
    """After the test the server has let go of all connections and files, and answers."""
    before = server.connections()
    yield
    assert client.get("/v2/").status == 200
    wait_until(lambda: server.connections() <= before, "connections to be closed")
    wait_until(lambda: not server.open_files(), "files to be closed")


# versions and ciphers

@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("minimum, versions", [
    ("tls1.0", "TLSv1_2 TLSv1_3"), ("tls1.1", "TLSv1_2 TLSv1_3"), ("tls1.2", "TLSv1_2 TLSv1_3"), ("tls1.3", "TLSv1_3")])
def test_versions(start_tls, authority, minimum, versions):
    server = start_tls(REGISTRY_HTTP_TLS_MINIMUMTLS=minimum)
    for name in ("TLSv1_1", "TLSv1_2", "TLSv1_3"):
        context = only(authority.context(), ssl.TLSVersion[name])
        if name in versions.split():
            assert spoken(server.port, context)[0] == name.replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL"):
                spoken(server.port, context)
    assert ("TLS 1.0 and 1.1 are not safe" in server.stderr()) == (minimum in ("tls1.0", "tls1.1"))


def test_cipher_suites(start_tls, authority):
    """The server's order counts. A client of TLS 1.2 with none of them is refused; TLS 1.3 has its own."""
    server = start_tls(REGISTRY_HTTP_TLS_CIPHERSUITES="[TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "
                                                      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]")
    old = only(authority.context(), ssl.TLSVersion.TLSv1_2)
    old.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305")
    assert spoken(server.port, old)[1] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    old.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        spoken(server.port, old)
    assert spoken(server.port, authority.context())[0] == "TLSv1.3"


def test_cipher_suites_of_tls_1_3_alone(start_tls, authority):
    server = start_tls(REGISTRY_HTTP_TLS_CIPHERSUITES="TLS_AES_128_GCM_SHA256")
    with pytest.raises(ssl.SSLError):
        spoken(server.port, only(authority.context(), ssl.TLSVersion.TLSv1_2))
    assert spoken(server.port, authority.context())[0] == "TLSv1.3"


def test_rsa(start, authority):
    server = start(**authority.issue("rsa", kind=RSA).settings())
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        spoken(server.port, only(authority.context(), version))


def test_alpn(client):
    """Clients that offer HTTP/2 get HTTP/1.1; those that know nothing else are told at once."""
    client.context.set_alpn_protocols(["h2", "http/1.1"])
    with client.wire() as wire:
        assert wire.socket.selected_alpn_protocol() == "http/1.1"
        wire.send(PING)
        assert wire.read().status == 200
    client.context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError):
        client.wire()


# the API

@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def either(request, client):
    client.context.minimum_version = client.context.maximum_version = request.param
    return client


def test_push_and_pull(either, healthy, body):
    content = body(50_000_000)
    location = start_upload(either, "some/repo")
    assert location.startswith(f"https://127.0.0.1:{either.port}/v2/some/repo/blobs/uploads/")
    answer = either.patch(location, content, chunked=True)
    assert answer.status == 202, answer
    answer = either.put(with_query(answer.get("Location"), digest=content.digest))
    assert answer.status == 201, answer
    path = answer.get("Location")
    assert path == f"https://127.0.0.1:{either.port}/v2/some/repo/blobs/{content.digest}"
    answer = either.get(path)
    assert sha256(answer.body) == content.digest
    answer = either.get(path, {"Range": "bytes=12345678-23456789"})
    assert answer.status == 206 and answer.body == bytes(content)[12345678:23456790]
    assert either.head(path).get("Content-Length") == "50000000"


def test_manifests(either, healthy):
    image = push_image(either, "some/repo", "one")
    assert either.get("/v2/some/repo/manifests/one", {"Accept": "*/*"}).body == image.manifest
    assert either.get("/v2/some/repo/tags/list").json() == {"name": "some/repo", "tags": ["one"]}
    assert either.get("/v2/_catalog").json() == {"repositories": ["some/repo"]}
    assert either.delete(f"/v2/some/repo/manifests/{image.digest}").status == 202


def test_many_requests_on_a_connection(either, healthy, body):
    content = bytes(body(300_000))
    digest = push_blob(either, "some/repo", content)
    with either.wire() as wire:
        for _ in range(200):
            wire.send_head("GET", f"/v2/some/repo/blobs/{digest}")
            assert wire.read().body == content
            wire.send(PING)
            assert wire.read().status == 200


def test_pipelined(either, healthy, body):
    """Several requests to a record, and requests across records: none waits for an event that never comes."""
    digest = push_blob(either, "some/repo", body(100_000))
    blob = f"GET /v2/some/repo/blobs/{digest} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with either.wire() as wire:
        for piece in (1 << 14, 1000, 77):
            requests = (PING + blob) * 20
            for at in range(0, len(requests), piece):
                wire.send(requests[at:at + piece])
            for _ in range(20):
                assert wire.read().body == b"{}"
                assert sha256(wire.read().body) == digest


def test_body_behind_its_head_in_one_record(either, healthy, body):
    content = bytes(body(14_000))
    for _ in range(20):
        location = either.path(with_query(start_upload(either, "some/repo"), digest=sha256(content)))
        with either.wire() as wire:
            wire.send(f"PUT {location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n".encode()
                      + content + PING)
            assert wire.read().status == 201
            assert wire.read().status == 200


def test_slow_reader(either, healthy, body):
    """The socket's buffers are full again and again: the rest of a record waits, and nothing is lost."""
    content = body(20_000_000)
    digest = push_blob(either, "some/repo", content)
    with either.wire(receive_buffer=8192) as wire:
        wire.send_head("GET", f"/v2/some/repo/blobs/{digest}")
        answer = wire.read_head()
        received = []
        while sum(map(len, received)) < 3_000_000:
            received.append(wire.read_exactly(100_000))
            time.sleep(0.01)
        received.append(wire.read_exactly(int(answer.get("Content-Length")) - sum(map(len, received))))
        assert sha256(b"".join(received)) == digest
        wire.send(PING)
        assert wire.read().status == 200


def test_the_server_says_goodbye(client, healthy):
    with client.wire() as wire:
        wire.send(PING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert wire.read().status == 200
        assert wire.at_end()


def test_half_close(client, healthy):
    """close_notify says that no request follows; what was asked is answered."""
    with client.wire() as wire:
        wire.send(PING * 3)
        raw = wire.socket
        farewell = threading.Thread(target=raw.unwrap)  # close_notify, and then waits for the server's
        for _ in range(3):
            assert wire.read().status == 200
        farewell.start()
        farewell.join(10)
        assert not farewell.is_alive()


def test_cut_in_a_body(client, server, healthy, body):
    """What was received stays, as without TLS."""
    location = start_upload(client, "some/repo")
    content = bytes(body(1_000_000))
    with client.wire() as wire:
        wire.send_head("PATCH", client.path(location), {"Content-Length": "2000000"})
        wire.send(content)
        wait_until(lambda: sum(f.stat().st_size for f in server.root.rglob("data")) == len(content), "the bytes")
        wire.reset()
    wait_until(lambda: client.get(location).get("Range") == f"0-{len(content) - 1}", "the upload to be let go of")


# what is no TLS, or not all of it

@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_plain_request(server, healthy, method):
    with Wire(server.port) as wire:
        wire.send_head(method, "/v2/", {"X-Filler": "x" * 10_000})
        answer = wire.read()
        assert (answer.version, answer.status) == ("HTTP/1.0", 400)
        assert b"HTTP request to an HTTPS server" in answer.body
        assert wire.at_end()


@pytest.mark.parametrize("garbage", [b"\0" * 100, b"SSH-2.0-x\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 2000,
                                     b"\x80\x2e\x01\x00\x02" + b"x" * 50])
def test_garbage(server, healthy, garbage):
    with Wire(server.port) as wire:
        wire.send(garbage)
        while wire.receive():  # an alert, at most
            pass


def hello(context):
    """The first flight of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def test_cut_anywhere_in_the_hello(server, client, healthy):
    flight = hello(client.context)
    for end in range(0, len(flight) + 1, 7):
        with Wire(server.port) as wire:
            wire.send(flight[:end])
            if end % 2:
                wire.reset()


@pytest.mark.parametrize("much", [0, 3, 100, None])
def test_who_stalls_in_the_handshake_is_closed(start_tls, authority, much):
    server = start_tls(REGISTRY_HTTP_TIMEOUT_HEAD="1s")
    began = time.monotonic()
    with Wire(server.port) as wire:
        wire.send(hello(authority.context())[:much])
        while wire.receive():
            pass
    assert 0.5 < time.monotonic() - began < 10


def test_idle_after_the_handshake(start_tls, authority):
    """Who is through with it may wait as long as between two requests."""
    server = start_tls(REGISTRY_HTTP_TIMEOUT_HEAD="1s", REGISTRY_HTTP_TIMEOUT_IDLE="30s")
    with TlsWire(server.port, authority.context()) as wire:
        time.sleep(3)
        wire.send(PING)
        assert wire.read().status == 200


def test_many_handshakes_leave_nothing(server, client, healthy):
    """ASan tells at the end of the server what was not freed."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        client.context.minimum_version = client.context.maximum_version = version
        for i in range(HANDSHAKES // 2):
            with client.wire() as wire:
                if i % 4 == 0:
                    wire.send(PING)
                    assert wire.read().status == 200
                if i % 4 == 1:
                    wire.reset()


def test_resumed_sessions(client, healthy):
    """A ticket of the server's is taken by it."""
    client.context.maximum_version = ssl.TLSVersion.TLSv1_2
    with client.wire() as wire:
        wire.send(PING)
        assert wire.read().status == 200
        session = wire.socket.session
    with socket.create_connection(("127.0.0.1", client.port)) as plain:
        with client.context.wrap_socket(plain, server_hostname="localhost", session=session) as again:
            assert again.session_reused
            again.sendall(PING)
            assert again.recv(100).startswith(b"HTTP/1.1 200 OK")


# clients' certificates

@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """Who may come in, and somebody else of the same name."""
    right = Authority(tmp_path_factory.mktemp("clients"), "clients")
    wrong = Authority(tmp_path_factory.mktemp("strangers"), "clients")
    return right, {None: None, "right": right.issue("somebody", usage="clientAuth"),
                   "wrong": wrong.issue("somebody", usage="clientAuth"),
                   "server's": right.issue("server", usage="serverAuth")}


def let_in(server, authority, certificates, version):
    """The names of those who are."""
    return {name for name, certificate in certificates.items()
            if is_let_in(server.port, only(authority.context(certificate), version))}


@pytest.mark.parametrize("setting, welcome", [
    (None, {"right"}), ("require-and-verify-client-cert", {"right"}),
    ("verify-client-cert-if-given", {"right", None}),
    ("require-any-client-cert", {"right", "wrong", "server's"}),
    ("request-client-cert", {"right", "wrong", "server's", None})])
def test_client_certificates(start_tls, authority, clients, setting, welcome):
    settings = {"REGISTRY_HTTP_TLS_CLIENTAUTH": setting} if setting else {}
    server = start_tls(REGISTRY_HTTP_TLS_CLIENTCAS=f"[{clients[0].file}]", **settings)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert let_in(server, authority, clients[1], version) == welcome


def test_several_client_authorities(start_tls, authority, clients):
    """In the registry image's way of variables, too."""
    for settings in ({"REGISTRY_HTTP_TLS_CLIENTCAS": f"[{authority.file}, {clients[0].file}]"},
                     {"REGISTRY_HTTP_TLS_CLIENTCAS_0": str(authority.file),
                      "REGISTRY_HTTP_TLS_CLIENTCAS_1": str(clients[0].file)}):
        server = start_tls(**settings)
        assert let_in(server, authority, clients[1], ssl.TLSVersion.TLSv1_3) == {"right"}


def test_a_big_request_before_the_verdict(start_tls, authority, clients, body):
    """A client without a certificate that sends at once, as TLS 1.3 lets it."""
    server = start_tls(REGISTRY_HTTP_TLS_CLIENTCAS=f"[{clients[0].file}]")
    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
        TlsClient(server.port, authority.context()).post("/v2/some/repo/blobs/uploads/", bytes(body(3_000_000)))
    server.says("TLS handshake with 127.0.0.1: peer did not return a certificate")
    assert not list(server.root.rglob("some"))


# files

def start_fails(tmp_path, **settings):
    """The last line of a server that does not start."""
    done = subprocess.run([binary_path(asan=True), "serve"], check=False, capture_output=True, text=True, timeout=30,
                          env={"REGISTRY_HTTP_ADDR": f"127.0.0.1:{process.free_port()}",
                               "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(tmp_path), **settings})
    assert done.returncode == 1, done
    return done.stderr.strip().splitlines()[-1]


def test_files_that_are_no_good(tmp_path, authority, pair, clients):
    garbage, empty, half = tmp_path / "garbage", tmp_path / "empty", tmp_path / "half"
    garbage.write_text("no certificate\n")
    empty.touch()
    half.write_text(pair.certificate.read_text()[:200])
    locked = tmp_path / "locked.pem"
    process.run(["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", pair.key, "-out", locked])
    other = authority.issue("other")
    c, k = "REGISTRY_HTTP_TLS_CERTIFICATE", "REGISTRY_HTTP_TLS_KEY"
    for changed, words in [
            ({c: "/none"}, "http.tls.certificate: /none: cannot open it: No such file or directory"),
            ({c: str(tmp_path)}, f"http.tls.certificate: {tmp_path}: cannot read it: Is a directory"),
            ({c: str(empty)}, f"http.tls.certificate: {empty}: it is empty"),
            ({c: str(garbage)}, f"http.tls.certificate: {garbage}: no start line"),
            ({c: str(half)}, f"http.tls.certificate: {half}: bad end line"),
            ({k: "/none"}, "http.tls.key: /none: cannot open it: No such file or directory"),
            ({k: str(garbage)}, f"http.tls.key: {garbage}: there is no private key in it"),
            ({k: str(locked)}, f"http.tls.key: {locked}: it is encrypted"),
            ({k: str(other.key)}, f"http.tls.key: {other.key}: key values mismatch"),
            ({k: ""}, "http.tls.certificate: it needs http.tls.key"),
            ({c: ""}, "http.tls.key: it needs http.tls.certificate"),
            ({"REGISTRY_HTTP_TLS_CLIENTCAS": "[/none]"}, "http.tls.clientcas: /none: cannot open it: No such file or directory"),
            ({"REGISTRY_HTTP_TLS_CLIENTCAS": f"[{pair.key}]"}, f"http.tls.clientcas: {pair.key}: "),
            ({"REGISTRY_HTTP_TLS_CLIENTCAS_FIRST": f"{pair.key}"}, f"http.tls.clientcas: {pair.key}: "),
            ({"REGISTRY_HTTP_TLS_CLIENTAUTH": "verify-client-cert-if-given"},
             "http.tls.clientauth: it needs http.tls.clientcas"),
            ({"REGISTRY_HTTP_TLS_CIPHERSUITES": "[TLS_FAST]"}, 'there is no cipher suite "TLS_FAST"'),
            ({"REGISTRY_HTTP_TLS_CIPHERSUITES": "[TLS_RSA_WITH_3DES_EDE_CBC_SHA]"}, "is not safe any longer"),
            ({c: "", k: "", "REGISTRY_HTTP_TLS_CLIENTCAS": f"[{clients[0].file}]"},
             "http.tls.clientcas: it needs http.tls.certificate")]:
        said = start_fails(tmp_path / "root", **pair.settings(**changed))
        assert words in said, (changed, said)


def test_an_expired_certificate_is_told(start, authority, pair):
    """It is served all the same: clients may not mind, as they do not mind it with the registry image."""
    old = authority.issue("old", days=-1)
    server = start(**old.settings())
    server.says(f"http.tls.certificate: {old.certificate}: it has expired")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        spoken(server.port, authority.context())


# beside it

def test_other_addresses_stay_plain(start_tls, authority):
    admin, debug = process.free_port(), process.free_port()
    server = start_tls(REGISTRY_ADMIN_ADDR=f"127.0.0.1:{admin}", REGISTRY_HTTP_DEBUG_ADDR=f"127.0.0.1:{debug}",
                       REGISTRY_HTTP_HTTP2_DISABLED="true")
    assert spoken(server.port, authority.context())
    with Wire(debug) as wire:
        wire.send_head("GET", "/debug/health")
        assert wire.read().status == 200
    with Wire(admin) as wire:
        wire.send_head("GET", "/")
        assert wire.read().version == "HTTP/1.1"
    server.says(f"listening on 127.0.0.1:{server.port}, tls")
