# SPDX-License-Identifier: Apache-2.0
"""Large blobs: flat memory, an answer soon after the last byte, and none of it sent twice after a restart. Long lists:
complete, in order, page by page.

The plain build: what a sanitizer keeps aside would hide the number. LARGE_MIB=20480 is a layer of 20 GiB, and lists of
10,000 entries.
"""

import hashlib
import itertools
import os
import re
import time

from harness.content import BLOCK, sha256
from harness.push import push_blob, push_image, start_upload, with_query

LARGE = int(os.environ.get("LARGE_MIB", "256")) << 20
MEMORY_GROWTH = 16 << 20
ANSWER_S = 5
PIECES = 4
MANY, PAGE = 10000 if "LARGE_MIB" in os.environ else 2000, 97


class Part:
    """The next blocks of a body, hashed as they go."""

    def __init__(self, blocks, size, running):
        self.blocks, self.size, self.running = blocks, size, running

    def __len__(self):
        return self.size

    def __iter__(self):
        for block in itertools.islice(self.blocks, self.size // BLOCK):
            self.running.update(block)
            yield block


def finish(client, location, digest):
    """The final PUT, and how long it took."""
    begun = time.monotonic()
    answer = client.put(with_query(location, digest=digest))
    took = time.monotonic() - begun
    assert answer.status == 201, answer
    assert took < ANSWER_S, f"the answer to the final PUT came after {took:.1f} s"
    return took


def check_content(client, digest):
    running = hashlib.sha256()
    with client.wire() as wire:
        wire.send_head("GET", f"/v2/some/repo/blobs/{digest}")
        missing = int(wire.read_head().get("Content-Length"))
        assert missing == LARGE
        while missing:
            block = wire.receive(min(missing, BLOCK))
            running.update(block)
            missing -= len(block)
    assert "sha256:" + running.hexdigest() == digest


def test_in_one_piece(make_server, body):
    server = make_server()
    client = server.client(timeout=120)
    push_blob(client, "some/repo", bytes(body(1 << 20)))
    before = server.memory()[1]
    running = hashlib.sha256()
    location = start_upload(client, "some/repo")
    answer = client.patch(location, Part(iter(body(LARGE)), LARGE, running), chunked=True)
    assert answer.status == 202, answer
    digest = "sha256:" + running.hexdigest()
    took = finish(client, answer.get("Location"), digest)
    check_content(client, digest)
    grown = server.memory()[1] - before
    print(f"{LARGE >> 20} MiB in and out: {grown >> 10} KiB of memory, {took:.2f} s for the final PUT")
    assert grown < MEMORY_GROWTH


def test_in_pieces_with_restarts(make_server, body):
    """A restart and a kill between the pieces: the upload goes on where it was, and its hash, too."""
    server = make_server()
    running, blocks, piece = hashlib.sha256(), iter(body(LARGE)), LARGE // PIECES
    location = start_upload(server.client(), "some/repo")
    for number in range(PIECES):
        client = server.client(timeout=120)
        first = number * piece
        answer = client.patch(location, Part(blocks, piece, running),
                              {"Content-Range": f"{first}-{first + piece - 1}"})
        assert answer.status == 202, answer
        assert answer.get("Range") == f"0-{first + piece - 1}"
        location = client.path(answer.get("Location"))
        if number == 1:
            server.restart()
        if number == 2:
            server.kill()
            server.start()
    client, digest = server.client(timeout=120), "sha256:" + running.hexdigest()
    read_before = server.bytes_read()
    took = finish(client, location, digest)
    read = server.bytes_read() - read_before
    print(f"{LARGE >> 20} MiB in {PIECES} pieces: {took:.2f} s for the final PUT, {read} bytes read for it")
    assert read < LARGE // 2, "what was hashed before is not read again"
    check_content(client, digest)
    assert server.memory()[1] < 64 << 20


def pages(client, target, key):
    """All items, page by page, as the Link headers lead; and the longest a page took."""
    items, slowest = [], 0
    while target:
        begun = time.monotonic()
        answer = client.get(target)
        slowest = max(slowest, time.monotonic() - begun)
        assert answer.status == 200, answer
        items.append(answer.json()[key])
        link = answer.get("Link")
        target = link and re.fullmatch('<([^>]*)>; rel="next"', link).group(1)
    return items, slowest


def check_pages(client, target, key, expected):
    found, slowest = pages(client, f"{target}?n={PAGE}", key)
    assert [len(page) for page in found[:-1]] == [PAGE] * (len(found) - 1)
    assert list(itertools.chain(*found)) == expected
    print(f"{len(expected)} {key}: {len(found)} pages, {slowest * 1000:.1f} ms the slowest")


def test_many_tags(make_server, volume_of):
    server = make_server()
    digest = push_image(server.client(), "many/tags", "v0", b"layer").digest
    names = [f"v{number}" for number in range(MANY)]
    for name in names:
        link = volume_of(server).current("many/tags", name)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.write_text(digest)
    whole = server.client().get("/v2/many/tags/tags/list")
    assert whole.status == 200 and whole.json()["tags"] == sorted(names), whole
    check_pages(server.client(), "/v2/many/tags/tags/list", "tags", sorted(names))


def test_many_repositories(make_server, volume_of):
    """Names that sort otherwise than their directories do: "a-b" stands before "a/b"."""
    server, digest = make_server(), sha256(b"{}")
    names = [f"team{number % 7}{'-/'[number % 2]}app-{number}" for number in range(MANY)]
    for name in names:
        link = volume_of(server).revision(name, digest)
        link.parent.mkdir(parents=True)
        link.write_text(digest)
    check_pages(server.client(), "/v2/_catalog", "repositories", sorted(names))
