# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, slow ones and idle ones: what they cost in memory, and what they leave to others.

Here, where no other test runs beside it, since it is about speed; with the plain build, since it is about memory.
LOAD_CLIENTS=… is how many of each kind there are.
"""

import os
import re
import resource
import statistics
import time

import pytest

from harness import process, slow
from harness.content import Body, sha256
from harness.push import push_blob, start_upload, with_query
from harness.waiting import wait_until
from harness.wire import Closed, Wire

CLIENTS = int(os.environ.get("LOAD_CLIENTS", "1000"))
MIB = 1 << 20
MEMORY_MAX, IDLE_MAX = 24 * MIB, 6 * MIB
PUSHED, PULLED, FAST = 64 << 10, 512 << 10, 96 * MIB


@pytest.fixture
def server(make_server):
    slow.allow_descriptors(15000)
    return make_server(asan=False, environment={"REGISTRY_HTTP_LIMITS_CONNECTIONS": "0"})


def test_idle(server):
    """With nothing stored and nobody there, the server is small."""
    assert server.client().get("/v2/").status == 200
    assert server.memory()[1] < IDLE_MAX


def speeds(server, source, digest):
    """Bytes per second of a fast client: (pushing, pulling)."""
    location = with_query(start_upload(server.client(), "fast"), digest=digest)
    begun = time.monotonic()
    process.run(["curl", "-sS", "--fail", "-T", str(source), "-H", "Expect:",
                 server.url + server.client().path(location)])
    pushed = time.monotonic()
    process.run(["curl", "-sS", "--fail", "-o", "/dev/null", f"{server.url}/v2/fast/blobs/{digest}"])
    pulled = time.monotonic()
    return FAST / (pushed - begun), FAST / (pulled - pushed)


def slow_push(server, number, body):
    location = server.client().path(start_upload(server.client(), f"slow/push-{number % 10}"))
    data = bytes(body)
    head = f"PUT {with_query(location, digest=sha256(data))} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
    return slow.Push(server.port, head.encode(), data, 512)


def slow_pull(server, digest):
    return slow.Pull(server.port, f"GET /v2/slow/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), PULLED, 2048)


def test_slow_clients(server, body, scratch):
    """A thousand push slowly, a thousand pull slowly; one that is fast keeps half of its speed; none is cut off."""
    source = scratch / "fast"
    with open(source, "wb") as out:
        big = Body("fast", FAST)
        for block in big:
            out.write(block)
    digest = push_blob(server.client(), "slow", body(PULLED))
    alone = [speeds(server, source, big.digest)]
    clients = [slow_push(server, number, body(PUSHED)) for number in range(CLIENTS)]
    clients += [slow_pull(server, digest) for _ in range(CLIENTS)]
    with slow.Crowd(clients, pace=1) as crowd:
        wait_until(lambda: crowd.rounds > 2 or crowd.failure, "all of them being at it", timeout=60)
        among = [speeds(server, source, big.digest) for _ in range(3)]
        slowly = server.memory()[1]
        assert not any(client.done for client in clients), "they were not slow"
        crowd.finish(timeout=120)
    assert all(client.answer.startswith(b"HTTP/1.1 201 ") for client in clients[:CLIENTS])
    assert {client.digest for client in clients[CLIENTS:]} == {digest}
    alone.append(speeds(server, source, big.digest))
    ratios = [max(b) / min(a) for a, b in zip(zip(*alone), zip(*among))]  # others use the machine, too
    peak = server.memory()[1]
    print(f"{2 * CLIENTS} slow clients: peak {slowly / MIB:.1f} MiB, {peak / MIB:.1f} when they hurry; "
          f"a fast one keeps {ratios[0]:.2f} of its speed pushing, {ratios[1]:.2f} pulling")
    assert peak < MEMORY_MAX
    assert min(ratios) >= 0.5


def test_descriptors_run_out(make_server, body):
    """Who is connected stays so and is told what is wrong, who comes is turned away; then all goes on."""
    server = make_server(asan=True)
    data = bytes(body(300000))
    location = start_upload(server.client(), "few")
    with server.client().wire() as early:
        early.send_head("PUT", server.client().path(with_query(location, digest=sha256(data))),
                        {"Content-Length": len(data)})
        early.send(data[:100000])
        wait_until(lambda: any("/_uploads/" in path for path in server.open_files()), "the upload being open")
        allowed = max(server.descriptors()) + 3
        before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (allowed, before[1]))
        connections = [Wire(server.port) for _ in range(10)]
        refused = []
        for wire in connections:
            try:
                wire.send_head("GET", f"/v2/few/blobs/{sha256(data)}")
                refused.append(wire.read())
            except (Closed, ConnectionError):
                refused.append(None)
        assert {answer and (answer.status, answer.code()) for answer in refused} == {None, (503, "UNAVAILABLE")}
        server.says("Too many open files")
        assert server.stderr().count("connections are turned away") == 1, "no flood of lines"
        for wire in connections:
            wire.close()
        wait_until(lambda: len(server.descriptors()) < allowed, "them being gone")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        early.send(data[100000:])
        assert early.read().status == 201
    assert server.client().get(f"/v2/few/blobs/{sha256(data)}").body == data


ATTACKS = {
    "slow head": ["-H", "-i", "1"],
    "slow body": ["-B", "-i", "1", "-s", "100000"],
    "slow read": ["-X", "-n", "1", "-z", "512", "-k", "3"],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_slowhttptest(make_server, body, scratch, attack):
    """With the settings that everybody has."""
    slow.allow_descriptors(15000)
    server = make_server(asan=False)
    digest = push_blob(server.client(), "some", body(MIB))
    path = "blobs/uploads/" if attack == "slow body" else f"blobs/{digest}"
    with open(scratch / "said", "w+", encoding="utf-8") as said:
        attacker = process.start(["slowhttptest", *ATTACKS[attack], "-c", str(CLIENTS), "-r", str(CLIENTS), "-l", "6",
                                  "-u", f"{server.url}/v2/some/{path}"], stdout=said, stderr=said)
        try:
            wait_until(lambda: server.connections() > CLIENTS / 2, "most of them being there")
            waits = []
            while attacker.poll() is None:
                begun = time.monotonic()
                assert sha256(server.client().get(f"/v2/some/blobs/{digest}").body) == digest
                waits.append(time.monotonic() - begun)
        finally:
            process.end(attacker)
        said.seek(0)
        text = re.sub("\x1b\\[[0-9;]*m", "", said.read())
    peak = server.memory()[1]
    usual = statistics.median(waits)
    print(f"{attack}: {len(waits)} pulls of a MiB beside it, {usual:.2f} s as a rule, {max(waits):.2f} s the longest, "
          f"{peak / MIB:.1f} MiB")
    assert set(re.findall("service available: +([A-Z]+)", text)) == {"YES"}, text
    assert usual < 1
    assert peak < MEMORY_MAX


def test_idle_connections(server):
    """Ten times as many that do nothing, before and after a request."""
    empty = server.memory()[0]
    connections = [slow.connect(server.port) for _ in range(10 * CLIENTS)]
    wait_until(lambda: server.connections() > 10 * CLIENTS, "all of them being accepted", timeout=60)
    for one in connections:
        one.setblocking(True)
        one.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
    for one in connections:
        assert one.recv(4096).startswith(b"HTTP/1.1 200 ")
    now, peak = server.memory()
    print(f"{10 * CLIENTS} idle connections: {now / MIB:.1f} MiB, {(now - empty) / len(connections):.0f} bytes each")
    assert peak < MEMORY_MAX
    assert server.client().get("/v2/").status == 200
    for one in connections:
        one.close()
    wait_until(lambda: server.connections() < 10, "all of them being gone", timeout=60)
