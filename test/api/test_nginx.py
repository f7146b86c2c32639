# SPDX-License-Identifier: Apache-2.0
"""Behind Debian's nginx, which ends TLS on another port: where Locations lead, and what becomes of bodies."""

import contextlib
import urllib.parse

import pytest

from harness import htpasswd, process
from harness.content import sha256
from harness.locations import check_links, check_locations
from harness.nginx import Nginx, readme_blocks
from harness.place import scratch_folder
from harness.push import OCI_MANIFEST, start_upload, with_query
from harness.tls import PING, TlsClient
from harness.waiting import wait_until

REPO = "some/repo"
README, README_PREFIX = readme_blocks()
PASS = "proxy_pass http://127.0.0.1:5000"
SAID = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme"
PREFIX = {"REGISTRY_HTTP_PREFIX": "/registry/"}
RELATIVE = {"REGISTRY_HTTP_RELATIVEURLS": "true"}
HOST = {"REGISTRY_HTTP_HOST": "https://{front}"}
HOST_AND_PATH = {"REGISTRY_HTTP_HOST": "https://{front}/registry/"}


class ProxiedClient(TlsClient):
    """Takes a relative Location as a URL relative to its request, and follows only what leads to the proxy."""

    def request(self, method, target, *more, **options):
        answer = super().request(method, target, *more, **options)
        front = f"https://127.0.0.1:{self.port}"
        for i, (name, value) in enumerate(answer.headers):
            if name.lower() == "location":
                answer.headers[i] = (name, urllib.parse.urljoin(front + self.path(target), value))
                assert answer.headers[i][1].startswith(front + "/"), f"{value} does not lead through the proxy"
        return answer


@pytest.fixture
def proxied(authority, pair, start):
    """proxied(the server's options, nginx's block) gives a server, and a client of the nginx in front of it."""
    with contextlib.ExitStack() as undo:
        def make(options, block):
            port = undo.enter_context(process.reserved_port())
            server = start(**{key: value.format(front=f"127.0.0.1:{port}") for key, value in options.items()})
            nginx = Nginx(undo.enter_context(scratch_folder()), pair, server, block, port)
            undo.callback(nginx.stop)
            return server, ProxiedClient(port, authority.context())
        yield make


# Where Locations lead. By default nginx turns a Location that begins as its proxy_pass into one of its own;
# `proxy_redirect off` takes that away, so that it is our server that has to be right.

@pytest.mark.parametrize("options, block, asked, told", [
    ({}, README, "", ""),
    (PREFIX, README_PREFIX, "", ""),
    (PREFIX, README_PREFIX, "/registry", "/registry"),
    ({**PREFIX, **RELATIVE}, README_PREFIX, "", ""),
    ({}, f"location /v2/ {{ {PASS}; }}", "", ""),
    ({}, f"location /v2/ {{ {PASS}; proxy_redirect off; proxy_set_header X-Forwarded-Host $http_host;"
         " proxy_set_header X-Forwarded-Proto $scheme; }", "", ""),
    ({}, f"location /v2/ {{ {PASS}; proxy_redirect off;"
         " proxy_set_header Forwarded 'for=$remote_addr;proto=$scheme;host=\"$http_host\"'; }", "", ""),
    (RELATIVE, f"location /v2/ {{ {PASS}; proxy_redirect off; }}", "", ""),
    (RELATIVE, f"location /v2/ {{ {PASS}; proxy_redirect off; proxy_set_header Host $host; }}", "", ""),
    (HOST, f"location /v2/ {{ {PASS}; proxy_redirect off; }}", "", ""),
    ({}, f"location /registry/ {{ {PASS}/; }}", "/registry", "/registry"),
    (HOST_AND_PATH, f"location /registry/ {{ {PASS}/; proxy_redirect off; }}", "/registry", "/registry"),
    (PREFIX, f"location /registry/ {{ {PASS}; proxy_redirect off; {SAID}; }}", "/registry", "/registry"),
    ({**PREFIX, **HOST_AND_PATH}, f"location /registry/ {{ {PASS}; proxy_redirect off; }}", "/registry", "/registry"),
    (PREFIX, f"location /v2/ {{ {PASS}/registry/v2/; }}", "", ""),
    ({**PREFIX, **HOST}, f"location /v2/ {{ {PASS}/registry/v2/; proxy_redirect off; }}", "", ""),
    ({**PREFIX, **RELATIVE}, f"location /v2/ {{ {PASS}/registry/v2/; proxy_redirect /registry/ /; }}", "", ""),
], ids=["README", "README with a prefix", "README with a prefix, asked with it", "README with a prefix, relative",
        "nginx as it is", "X-Forwarded-Host", "Forwarded", "relative", "relative, the port is lost", "host",
        "a path taken away", "a path taken away, host", "a path passed on", "a path passed on, host",
        "a path added", "a path added, host", "a path added, relative"])
def test_locations(proxied, options, block, asked, told):
    """Clients ask below the path `asked`, and are told to go on below `told`."""
    _, client = proxied(options, block)
    check_locations(client, f"https://127.0.0.1:{client.port}{told}", asked)
    ours = "/registry" if "REGISTRY_HTTP_PREFIX" in options else ""
    # nginx translates no Link; the registry image's begins with its own path, and so does ours
    if ours == told or block == README_PREFIX:
        check_links(client, asked, ours)


# Bodies

BLOCKS = {
    "README": README,
    "nginx as it is": f"client_max_body_size 0; location /v2/ {{ {PASS}; {SAID}; }}",
    "kept connections": "client_max_body_size 0; proxy_request_buffering off; proxy_http_version 1.1;"
                        ' proxy_set_header Connection "";'
                        f" location /v2/ {{ proxy_pass http://kept; {SAID}; }}",
}


@pytest.mark.parametrize("block", BLOCKS)
def test_bodies(proxied, body, block):
    server, client = proxied({}, BLOCKS[block])
    content = body(25_000_000)
    location = start_upload(client, REPO)
    answer = client.patch(location, content, chunked=True)
    assert answer.status == 202 and answer.get("Range") == f"0-{len(content) - 1}"
    answer = client.put(with_query(answer.get("Location"), digest=content.digest))
    assert answer.status == 201
    path = answer.get("Location")
    answer = client.get(path)
    assert sha256(answer.body) == content.digest
    answer = client.get(path, {"Range": "bytes=12345678-23456789"})
    assert answer.status == 206 and answer.body == bytes(content)[12345678:23456790]
    assert client.head(path).get("Content-Length") == "25000000"
    other = body(5_000_000)
    assert client.put(with_query(start_upload(client, REPO), digest=other.digest), other).status == 201
    assert sha256(client.get(f"/v2/{REPO}/blobs/{other.digest}").body) == other.digest


@pytest.mark.parametrize("block", BLOCKS)
def test_expect_100_continue(proxied, body, block):
    _, client = proxied({}, BLOCKS[block])
    content = bytes(body(3_000_000))
    target = client.path(with_query(start_upload(client, REPO), digest=sha256(content)))
    with client.wire() as wire:
        wire.send_head("PUT", target, {"Content-Length": str(len(content)), "Expect": "100-continue"})
        assert wire.read_head().status == 100
        wire.send(content)
        assert wire.read().status == 201
        wire.send(PING)
        assert wire.read().status == 200


@pytest.mark.parametrize("block", ["README", "kept connections"])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
def test_a_body_that_nginx_does_not_hold_back(proxied, body, block, chunked):
    server, client = proxied({}, BLOCKS[block])
    content = bytes(body(8_000_000))
    half = len(content) // 2
    target = client.path(start_upload(client, REPO))
    with client.wire() as wire:
        send = wire.send_chunk if chunked else wire.send
        wire.send_head("PATCH", target, {"Transfer-Encoding": "chunked"} if chunked else
                       {"Content-Length": str(len(content))})
        send(content[:half])
        wait_until(lambda: sum(f.stat().st_size for f in server.root.rglob("data")) == half, "half of it on the disk")
        send(content[half:])
        if chunked:
            wire.send(b"0\r\n\r\n")
        assert wire.read().status == 202


@pytest.mark.parametrize("block", BLOCKS)
def test_who_is_refused_is_told_why(proxied, body, scratch, block):
    """While the body is on its way: the answer must not be lost between the two, which would be a 502."""
    users = htpasswd.write(scratch / "users", {"alice": "secret"})
    server, client = proxied({"REGISTRY_AUTH_HTPASSWD_PATH": str(users)}, BLOCKS[block])
    direct, alice = server.client(), htpasswd.basic("alice", "secret")
    content = bytes(body(6_000_000))
    unknown = f"/v2/{REPO}/blobs/uploads/00000000-0000-4000-8000-000000000000"
    for method, target, headers in (("PUT", f"/v2/{REPO}/manifests/x", {**alice, "Content-Type": OCI_MANIFEST}),
                                    ("PATCH", unknown, alice), ("PATCH", unknown, {}),
                                    ("POST", f"/v2/{REPO}/blobs/uploads/", {}),
                                    ("POST", "/v2/UPPER/blobs/uploads/", alice)):
        wanted = direct.request(method, target, content, headers)
        assert 400 <= wanted.status < 500
        for chunked in (False, True) * 2:
            answer = client.request(method, target, content, headers, chunked=chunked)
            assert (answer.status, answer.body) == (wanted.status, wanted.body), (method, target, headers)
            assert client.get("/v2/", alice).status == 200
