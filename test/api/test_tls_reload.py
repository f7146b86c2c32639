# SPDX-License-Identifier: Apache-2.0
"""TLS that changes while the server runs: files by themselves, options by a reload. Who is connected stays."""

import hashlib
import signal
import ssl
import threading
import time

import pytest

from harness.configured import KEPT, RELOADED
from harness.content import sha256
from harness.push import push_blob, start_upload, with_query
from harness.tls import PING, Authority, TlsClient, TlsWire, is_let_in, only, shown, spoken
from harness.volume import Volume
from harness.waiting import wait_until
from harness.wire import Closed, Wire

REPO = "some/repo"
FILES_NOTICED = 10.0  # seconds; they are looked at every second
GIB = 1 << 30


def ask(wire):
    wire.send(PING)
    assert wire.read().status == 200


# files


@pytest.fixture
def pairs(authority, tmp_path):
    """Three, of which a test replaces the first."""
    return [authority.issue(name, folder=tmp_path) for name in ("first", "second", "third")]


def wait_for_certificate(server, authority, name):
    wait_until(lambda: shown(server.port, authority.context()) == name, f"the {name} certificate",
               timeout=FILES_NOTICED)


def test_files_that_change(start, pairs, authority, body):
    """New connections get the new certificate; the old ones go on, also in the middle of a transfer."""
    first, second, _ = pairs
    server = start(**first.settings())
    client = TlsClient(server.port, authority.context())
    content = body(30_000_000)
    digest = push_blob(client, REPO, content)
    location = with_query(start_upload(client, REPO), digest=sha256(bytes(content)[:2_000_000]))
    with client.wire(receive_buffer=8192) as pull, client.wire() as push, client.wire() as idle:
        pull.send_head("GET", f"/v2/{REPO}/blobs/{digest}")
        answer = pull.read_head()
        push.send_head("PUT", client.path(location), {"Content-Length": "2000000"})
        push.send(bytes(content)[:1_000_000])
        ask(idle)
        first.replace(second)
        wait_for_certificate(server, authority, "second")
        assert sha256(pull.read_body(answer)) == digest
        push.send(bytes(content)[1_000_000:2_000_000])
        assert push.read().status == 201
        ask(idle)
        assert (pull.peer(), push.peer(), idle.peer()) == ("first", "first", "first")
    server.says("the new certificate is used from now on")


def test_files_that_change_for_the_worse(start, pairs, authority):
    first, second, _ = pairs
    server = start(**first.settings())
    first.key.write_text("no key\n")
    server.says("the certificate in use is kept", timeout=FILES_NOTICED)
    time.sleep(3)
    assert server.stderr().count("the certificate in use is kept") == 1
    assert shown(server.port, authority.context()) == "first"
    first.replace(second)
    wait_for_certificate(server, authority, "second")


def test_a_signal_takes_them_at_once(start, pairs, authority):
    first, second, _ = pairs
    server = start(**first.settings())
    first.replace(second)
    server.process.send_signal(signal.SIGHUP)
    wait_for_certificate(server, authority, "second")
    first.key.write_text("no key\n")
    server.process.send_signal(signal.SIGHUP)
    server.says(KEPT, timeout=FILES_NOTICED)
    assert shown(server.port, authority.context()) == "second"


class Transfer(threading.Thread):
    """Goes through `steps`, which tell how much each of them moved, and stands still while that is `limit` or more."""

    def __init__(self, steps, limit):
        super().__init__()
        self.steps, self.limit = steps, limit
        self.moved, self.failure = 0, None
        self.changed = threading.Condition()
        self.start()

    def run(self):
        try:
            for size in self.steps:
                with self.changed:
                    self.moved += size
                    self.changed.wait_for(lambda: self.moved < self.limit)
        except Exception as failure:  # told by whoever waits
            self.failure = failure

    def may_go_to(self, limit):
        with self.changed:
            self.limit = limit
            self.changed.notify()

    def has_moved(self, size):
        assert not self.failure, repr(self.failure)
        return self.moved >= size


def pulling(wire, content):
    """Its bytes are looked at by their digest alone."""
    wire.send_head("GET", f"/v2/{REPO}/blobs/{content.digest}")
    assert int(wire.read_head().get("Content-Length")) == len(content)
    seen, missing = hashlib.sha256(), len(content)
    while missing:
        data = wire.receive(min(missing, 1 << 16))
        if not data:
            raise Closed(f"{missing} bytes short")
        seen.update(data)
        missing -= len(data)
        yield len(data)
    assert seen.hexdigest() == content.digest[7:]


def pushing(wire, target, content):
    wire.send_head("PUT", target, {"Content-Length": str(len(content))})
    for block in content:
        wire.send(block)
        yield len(block)
    answer = wire.read()
    assert answer.status == 201, answer


def put_into(volume, content):
    """A blob that was pushed some time ago."""
    data, link = volume.data(content.digest), volume.layer(REPO, content.digest)
    for path in (data, link):
        path.parent.mkdir(parents=True)
    with open(data, "wb") as file:
        file.writelines(content)
    link.write_text(content.digest)


def test_a_gibibyte_each_way_while_certificates_change(make_server, pairs, authority, body):
    """By the files alone in the first half of both, with SIGHUP in the second: neither transfer can end before that,
    and each has moved since."""
    first, second, third = pairs
    server = make_server(environment=first.settings())
    volume, old, new = Volume(server.root), body(GIB), body(GIB)
    put_into(volume, old)
    client = TlsClient(server.port, authority.context())
    target = client.path(with_query(start_upload(client, REPO), digest=new.digest))
    with client.wire() as pull_wire, client.wire() as push_wire:
        transfers = [Transfer(pulling(pull_wire, old), GIB // 2), Transfer(pushing(push_wire, target, new), GIB // 2)]

        def wait_for_bytes(size):
            wait_until(lambda: all(t.has_moved(size) for t in transfers), f"{size} bytes each way", timeout=120)

        def let(size):
            for transfer in transfers:
                transfer.may_go_to(size)

        try:
            wait_for_bytes(GIB // 4)
            first.replace(second)
            wait_for_certificate(server, authority, "second")
            assert RELOADED not in server.stderr()
            let(GIB * 7 // 8)
            wait_for_bytes(GIB * 5 // 8)
            first.replace(third)
            server.process.send_signal(signal.SIGHUP)
            wait_for_certificate(server, authority, "third")
            server.says(RELOADED, timeout=FILES_NOTICED)
            assert not any(t.has_moved(GIB) for t in transfers)
        finally:
            let(GIB + 1)
            for transfer in transfers:
                transfer.join(120)
        assert all(t.has_moved(GIB) for t in transfers)
        assert (pull_wire.peer(), push_wire.peer()) == ("first", "first")
        for wire in (pull_wire, push_wire):
            ask(wire)
    with open(volume.data(new.digest), "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == new.digest[7:]


# options


@pytest.fixture(scope="module")
def clients(authority, tmp_path_factory):
    """{name: a context}, and the file with the CA of the friend."""
    friends = Authority(tmp_path_factory.mktemp("friends"), "clients")
    strangers = Authority(tmp_path_factory.mktemp("strangers"), "clients")
    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    contexts = {"1.2 aes": only(authority.context(), old), "1.2 chacha": only(authority.context(), old),
                "1.3": only(authority.context(), new),
                "friend": only(authority.context(friends.issue("friend", usage="clientAuth")), new),
                "stranger": only(authority.context(strangers.issue("stranger", usage="clientAuth")), new)}
    contexts["1.2 aes"].set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    contexts["1.2 chacha"].set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
    return contexts, friends.file


def tls_options(pair, **more):
    options = {"http.tls.certificate": pair.certificate, "http.tls.key": pair.key}
    return {**options, **{f"http.tls.{key}": value for key, value in more.items()}}


EVERYBODY = {"1.2 aes", "1.2 chacha", "1.3", "friend", "stranger"}


@pytest.mark.parametrize("before, after, let_in_before, let_in_after", [
    ({}, {"minimumtls": "tls1.3"}, EVERYBODY, {"1.3", "friend", "stranger"}),
    ({}, {"ciphersuites": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"}, EVERYBODY, EVERYBODY - {"1.2 aes"}),
    ({}, {"clientcas": "FRIENDS"}, EVERYBODY, {"friend"}),
    ({"clientcas": "FRIENDS", "clientauth": "verify-client-cert-if-given"}, {"clientcas": "FRIENDS"},
     EVERYBODY - {"stranger"}, {"friend"}),
], ids=["minimumtls", "ciphersuites", "clientcas", "clientauth"])
def test_an_option_changes(configured, authority, pair, clients, body, before, after, let_in_before, let_in_after):
    """For who comes after it. "1.2 aes" is in, with half an upload, half a download and a connection that waits, and
    could not come in now: neither anew nor with the session that it had."""
    contexts, friends = clients
    before, after = ({key: friends if value == "FRIENDS" else value for key, value in options.items()}
                     for options in (before, after))
    server = configured(tls_options(pair, **before))

    def let_in():
        return {name for name, context in contexts.items() if is_let_in(server.port, context)}

    assert let_in() == let_in_before
    client = TlsClient(server.port, contexts["1.2 aes"])
    content = bytes(body(8_000_000))
    digest = push_blob(client, REPO, content)
    target = client.path(with_query(start_upload(client, "another"), digest=digest))
    with client.wire(receive_buffer=8192) as pull, client.wire() as push, client.wire() as idle:
        pull.send_head("GET", f"/v2/{REPO}/blobs/{digest}")
        head = pull.read_head()
        push.send_head("PUT", target, {"Content-Length": str(len(content))})
        push.send(content[:4_000_000])
        ask(idle)
        assert RELOADED in server.reload(tls_options(pair, **after))
        assert let_in() == let_in_after
        assert not is_let_in(server.port, contexts["1.2 aes"], session=idle.socket.session)
        assert pull.read_body(head) == content
        push.send(content[4_000_000:])
        assert push.read().status == 201
        for wire in (pull, push, idle):
            ask(wire)
    server.reload(tls_options(pair, **before))
    assert let_in() == let_in_before


def test_another_pair_by_its_name(configured, authority, pair):
    server = configured(tls_options(pair))
    assert shown(server.port, authority.context()) == "one"
    server.reload(tls_options(authority.issue("other")))
    assert shown(server.port, authority.context()) == "other"


def test_an_option_that_is_no_good_changes_nothing(configured, authority, pair, clients):
    server = configured(tls_options(pair, clientcas=clients[1]))
    for wrong in ({"minimumtls": "tls9"}, {"ciphersuites": "TLS_FAST"}, {"clientcas": "/none"}, {"key": "/none"},
                  {"certificate": ""}):
        assert KEPT in server.reload(tls_options(pair, **{"clientcas": clients[1], **wrong})), wrong
        assert is_let_in(server.port, clients[0]["friend"]) and not is_let_in(server.port, clients[0]["1.3"])


def test_tls_comes_and_goes(configured, authority, pair):
    """On the same port. A connection stays what it is."""
    server = configured()
    with Wire(server.port) as plain:
        ask(plain)
        server.reload(tls_options(pair))
        with TlsWire(server.port, authority.context()) as encrypted:
            ask(plain)
            ask(encrypted)
            server.reload()
            ask(plain)
            ask(encrypted)
            with Wire(server.port) as again:
                ask(again)
            with pytest.raises(ssl.SSLError):
                spoken(server.port, authority.context())
