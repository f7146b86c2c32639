# SPDX-License-Identifier: Apache-2.0
"""The rows: each is a function of a place (bench.Place) that yields figures, and a line of the table at the end."""

import os
import time

import collection
from contestants import MACHINE, NGINX, ORIGINAL, OURS, Files, Ours, Theirs
from figures import Figure, at_least, at_most
from load import (ROUNDS, Done, beside, compare, copying, curl, echoes, etag, gets, hey, images, in_turn, latencies,
                  openssl_sha256, pull, push, repeated, sample, wrk)
from stores import Filler, body_file

from harness import slow
from harness.content import Body, sha256
from harness.push import push_blob, push_image, start_upload, with_query
from harness.waiting import wait_until, wait_until_settled

MIB, GB = 1 << 20, 1e9
BLOB_MIB = int(os.environ.get("BENCH_MIB", "512"))
EIGHTH_MIB = max(1, BLOB_MIB // 4)
MANIFESTS = int(os.environ.get("BENCH_MANIFESTS", "100000"))
CLIENTS = int(os.environ.get("BENCH_CLIENTS", "1000"))
ENOUGH_FOR_THEIR_CROWD = 9 << 30

# What stands in the way where a target is missed.
ONE_LOOP = ("One loop answers, which shares the processors with the client; nginx has a process for each. Each answer "
            "is looked at on the disk, but once in a moment of the loop: up to three files, where nginx takes one.")
COPIES = ("Beside the hash, the kernel copies each byte twice, out of the socket and into the file, and one thread does "
          "all three. What the two copies take is what dd takes to copy a file.")
PIECES = ("Each piece of a file is sent by a thread of the pool, because reading it may wait for the disk, and comes "
          "back to the loop; nginx sends it in the one thread, and waits.")
DECRYPTED = "Each byte is copied out of the socket, decrypted, hashed and copied into the file, one after the other."
ENCRYPTED = "Each byte is read into memory, encrypted and copied into the socket, where plain ones go by sendfile."
LIBRARIES = "Four fifths of it are pages of libraries' code and tables, most of them the C library's and OpenSSL's."
PAGES = "A page is made by a thread of the pool, and sent by the one loop: the clients wait for each other there."
PULLS_BESIDE = ("Eight clients and the threads that serve them share the processors with the loop that answers; the "
                "machine's is a process that sends back a byte meanwhile.")
HELD = "Each push holds a buffer with what has come of the next piece, its request's memory, and an upload with its hash."
FSYNCS = ("Each part of an image is synced, and so is each directory that is new or has a new entry, most of which commit "
          "the file system's journal; docker-registry syncs files alone. Each request goes to a thread and back.")
NAMES_EACH = "Each name on the page takes two looks at the disk: has it others below it, and a manifest?"


# figures out of samples


def values(samples, field, factor=1.0):
    return {name: getattr(one, field) * factor for name, one in samples.items() if getattr(one, field) is not None}


def of_requests(what, samples, rate=None, cpu=None, worst=None, why=None, at=None):
    yield Figure(what, "requests/s", values(samples, "rate"), rate, why, at)
    yield Figure(what, "CPU µs each", values(samples, "cpu", 1e6), cpu, why, at)
    if worst:
        yield Figure(what, "p99 ms", values(samples, "p99", 1e3), worst, why)


def of_bytes(what, samples, rate=None, cpu=None, why=None, at=None):
    yield Figure(what, "MB/s", values(samples, "rate", 1e-6), rate, why, at)
    yield Figure(what, "CPU s/GB", values(samples, "cpu", GB), cpu, why, at)


def of_memory(what, samples, at=None):
    yield Figure(what, "peak MiB", values(samples, "peak", 1 / MIB), at_most(24), at=at)


# blobs


def push_rows(place):
    ones = [body_file(place.scratch, f"one-{i}", BLOB_MIB * MIB) for i in range(ROUNDS)]
    eight = [body_file(place.scratch, f"eighth-{i}", EIGHTH_MIB * MIB) for i in range(8)]
    with place.running(Ours, Theirs) as servers:
        alone = compare(servers, in_turn([push([one]) for one in ones]))
        together = compare(servers, push(eight))
    alone[MACHINE] = openssl_sha256(*ones[0][::2])
    copied = {MACHINE: copying(*ones[0][::2])}
    alone_is = alone[OURS].rate * 1e-6
    yield from of_bytes(f"push one blob, {BLOB_MIB} MiB", alone, at_least(0.75, MACHINE), at_most(1.0),
                        COPIES)
    yield from of_bytes(f"copy a file, {BLOB_MIB} MiB", copied)
    yield from of_bytes(f"push 8 at once, {EIGHTH_MIB} MiB each", together, at_least(1.3 * alone_is),
                        at_most(1.0), COPIES)
    yield from of_memory("pushing blobs", together)


def pull_rows(place):
    one = body_file(place.scratch, "one", BLOB_MIB * MIB)
    path = f"/v2/pushed/0/blobs/{one[1]}"
    with place.running(Ours, Theirs, Files) as servers:
        for server in servers[:2]:
            push([one])(server)
        servers[2].put(path, one[0])
        alone = compare(servers, pull([(path, one[2])]))
        together = compare(servers, pull([(path, one[2])] * 8))
    yield from of_bytes(f"pull one blob, {BLOB_MIB} MiB", alone, at_least(1, NGINX), at_most(1, NGINX), PIECES)
    yield from of_bytes("pull 8 at once", together, at_least(1, NGINX), at_most(1, NGINX), PIECES)
    yield from of_memory("pulling blobs", together)


def tls_rows(place):
    one = body_file(place.scratch, "one", BLOB_MIB * MIB)
    path = f"/v2/pushed/0/blobs/{one[1]}"
    found = {}
    for tls in (None, place.certificate()):
        with place.running(Ours, Files, tls=tls) as servers:
            pushed = compare(servers[:1], push([one]))
            servers[1].put(path, one[0])
            found[bool(tls)] = pushed, compare(servers, pull([(path, one[2])]))
    for number, what in enumerate(("push", "pull")):
        plain = found[False][number][OURS].rate * 1e-6
        yield from of_bytes(f"{what} over TLS, {BLOB_MIB} MiB", found[True][number], at_least(0.6 * plain),
                            why=DECRYPTED if what == "push" else ENCRYPTED)
        yield from of_memory(f"{what} over TLS", found[True][number])


# small answers


def small_rows(place):
    with place.running(Ours, Theirs, Files) as servers:
        for server in servers[:2]:
            image = push_image(server.client(), "small", "latest")
        manifests, blob = "/v2/small/manifests/", f"/v2/small/blobs/{sha256(image.config)}"
        for path, data in (("/base", b"{}"), (manifests + "latest", image.manifest), (blob, image.config),
                           (manifests + image.digest, image.manifest)):
            servers[2].put(path, data)
        wait_until_settled()
        both = at_least(0.8, NGINX)
        for what, load in (("/v2/", wrk(lambda its: "/base" if its.name == NGINX else "/v2/")),
                           ("manifest by tag", wrk(manifests + "latest")),
                           ("manifest by digest", wrk(manifests + image.digest)),
                           ("304 by tag", wrk(manifests + "latest", headers=etag(manifests + "latest"))),
                           ("blob HEAD", hey("HEAD", blob))):
            samples = compare(servers, load)
            yield from of_requests(what, samples, both, why=ONE_LOOP)
            yield Figure(what, "times theirs", {OURS: samples[OURS].rate / samples[ORIGINAL].rate}, at_least(50),
                         ONE_LOOP)
        yield from of_memory("small answers", samples)


def image_rows(place):
    for where, folder, count in (("tmpfs", None, 400), ("disk", place.disk, 100)):
        with place.running(Ours, Theirs, folder=folder) as servers:
            samples = compare(servers, images(count))
        rate, cpu = (None, at_most(0.6)) if where == "tmpfs" else (at_least(2, ORIGINAL), None)
        yield Figure(f"small image pushed, 4 clients, {where}", "images/s", values(samples, "rate"), rate, FSYNCS)
        yield Figure(f"small image pushed, 4 clients, {where}", "CPU ms each", values(samples, "cpu", 1e3), cpu, FSYNCS)
    yield from of_memory("pushing images", samples)


# lists


def list_rows(place):
    with place.running(Ours, Theirs) as servers:
        for server in servers:
            filler = Filler(server.volume)
            for count in (100, 10_000):
                filler.tags(f"tags/{count}", count)
        wait_until_settled()
        yield from of_requests("tags/list of 100 tags", compare(servers, wrk("/v2/tags/100/tags/list", 8)))
        for what, query in (("all", ""), ("first 100", "?n=100"), ("100 in the middle", "?n=100&last=tag-005000")):
            samples = compare(servers, wrk(f"/v2/tags/10000/tags/list{query}", 8))
            yield from of_requests(f"tags/list of 10,000: {what}", samples, worst=at_most(5) if query else None,
                                   why=PAGES)
        yield from first_page("tags/list of 10,000: first 100", servers, "/v2/tags/10000/tags/list?n=100")
        for server in servers:
            Filler(server.volume).repositories("cat", 10_000)
        wait_until_settled()
        for what, query in (("first page", "?n=100"), ("100 in the middle", "?n=100&last=cat/50/r005050")):
            samples = compare(servers, wrk(f"/v2/_catalog{query}", 8))
            yield from of_requests(f"_catalog of 10,000: {what}", samples, worst=at_most(5), why=NAMES_EACH)
        yield from first_page("_catalog of 10,000: first 100", servers, "/v2/_catalog?n=100")
        yield from of_memory("lists", samples)


def first_page(what, servers, path):
    medians = {server.name: sorted(latencies(server, path, lambda: True, least=15))[7] * 1e3 for server in servers}
    yield Figure(what, "ms, one client", medians, at_most(1), NAMES_EACH if "_catalog" in path else PAGES)


# memory


def memory_rows(place):
    with place.running(Ours, Theirs, Files) as servers:
        yield Figure("memory, idle and empty", "MiB", {its.name: its.memory()[0] / MIB for its in servers}, at_most(6),
                     LIBRARIES)
        grown = {}
        for server in servers:
            server.client().get("/v2/")
            before, count = server.memory()[0], CLIENTS
            connections = [slow.connect(server.port) for _ in range(count)]
            for one in connections:
                one.setblocking(True)
                one.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
            for one in connections:
                assert one.recv(4096).startswith(b"HTTP/1.1 ")
            grown[server.name] = (server.memory()[0] - before) / count / 1024
            for one in connections:
                one.close()
        yield Figure(f"an idle connection, of {CLIENTS}", "KiB", grown, at_most(40))


def crowd_rows(place):
    kinds = [Ours] + [Theirs] * (available_memory() > ENOUGH_FOR_THEIR_CROWD)
    peaks = {}
    for kind in kinds:  # one after the other: theirs needs GiBs
        with place.running(kind) as (server,):
            peaks[server.name] = sample(server, crowd).peak / MIB
    yield Figure(f"{CLIENTS} slow pushes and {CLIENTS} slow pulls", "peak MiB", peaks, at_most(24), HELD)


def available_memory():
    with open("/proc/meminfo", encoding="ascii") as table:
        return next(int(line.split()[1]) << 10 for line in table if line.startswith("MemAvailable"))


def crowd(server):
    pushed, pulled = 64 << 10, 512 << 10
    digest = push_blob(server.client(), "slow", Body("slow", pulled))
    clients = []
    for number in range(CLIENTS):
        data = bytes(Body(f"slow {number}", pushed))
        place = server.client().path(start_upload(server.client(), f"slow/push-{number % 10}"))
        head = (f"PUT {with_query(place, digest=sha256(data))} HTTP/1.1\r\nHost: x\r\n"
                f"Content-Type: application/octet-stream\r\nContent-Length: {pushed}\r\n\r\n")
        clients.append(slow.Push(server.port, head.encode(), data, 2048))
        clients.append(slow.Pull(server.port, f"GET /v2/slow/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
                                 pulled, 4096))
    begun = time.monotonic()
    with slow.Crowd(clients, pace=0.5) as all_of_them:
        wait_until(lambda: all_of_them.rounds > 10 or all_of_them.failure, "ten rounds", timeout=240)
        all_of_them.finish(timeout=240)
    return Done(2 * CLIENTS, time.monotonic() - begun)


# a large store


def start_rows(place):
    with place.volume() as (root, volume):
        Filler(volume).manifests("many", MANIFESTS)
        first, listed = {}, {}
        for kind in (Ours, Theirs):
            with place.over(kind, root) as server:
                for path, times in (("/v2/", first), ("/v2/_catalog?n=100", listed)):
                    assert server.client().get(path).status == 200
                    times[server.name] = (time.monotonic() - server.begun) * 1e3
    what = f"start with {MANIFESTS:,} manifests"
    yield Figure(what, "ms to the first answer", first, at_most(50))
    yield Figure(what, "ms to the first page of the catalog", listed)


def scaling_manifest_rows(place):
    for count in sorted({10, 1000, MANIFESTS}):
        with place.volume() as (root, volume):
            Filler(volume).manifests("many", count)
            with place.over(Ours, root) as server:
                wait_until_settled(server.begun)
                samples = compare([server], wrk("/v2/many/000/manifests/tag-7"), rounds=1)
                yield from of_requests("manifest by tag", samples, at=("manifests in the store", count))


def scaling_client_rows(place):
    with place.running(Ours, Theirs) as servers:
        for server in servers:
            push_image(server.client(), "small", "latest")
        wait_until_settled()
        for connections in (1, 4, 16, 64):
            samples = compare(servers, wrk("/v2/small/manifests/latest", connections), rounds=1)
            yield from of_requests("manifest by tag", samples, at=("clients", connections))


def scaling_blob_rows(place):
    for size in (1, 32, BLOB_MIB, 8 * BLOB_MIB):
        with place.running(Ours) as servers:
            source = body_file(place.scratch, f"of-{size}", size * MIB)
            path, at = f"/v2/pushed/0/blobs/{source[1]}", ("MiB", size)
            for what, load in (("push one blob", push([source])), ("pull one blob", pull([(path, source[2])]))):
                samples = compare(servers, repeated(load, max(1, min(32, 256 // size))), rounds=1)
                yield from of_bytes(what, samples, at=at)
                yield from of_memory(what, samples, at=at)
            source[0].unlink()


# others at work


def beside_rows(place):
    """The files are on the disk, so that they can be out of the page cache."""
    sources = [body_file(place.scratch, f"eighth-{i}", EIGHTH_MIB * MIB) for i in range(8)]
    with place.running(Ours, Theirs, Files, folder=place.disk) as servers:
        paths = [f"/v2/pushed/{i}/blobs/{source[1]}" for i, source in enumerate(sources)]
        for server in servers[:2]:
            push(sources)(server)
            image = push_image(server.client(), "small", "latest")
        servers[2].put("/v2/small/manifests/latest", image.manifest)
        for path, source in zip(paths, sources):
            servers[2].put(path, source[0].read_bytes())
        wait_until_settled()
        for what, drop in (("cached", False), ("not cached", True)):
            def pulls(server, drop=drop):
                data = [server.root / path.lstrip("/") if server.name == NGINX else server.volume.data(source[1])
                        for path, source in zip(paths, sources)]
                return [["sh", "-c", dropping(file, drop) + '"$@"', "sh",
                         *curl("-o", "/dev/null", server.url + path)] for path, file in zip(paths, data)]
            samples = compare(servers, beside(pulls, gets("/v2/small/manifests/latest")))
            samples[MACHINE] = compare(servers[:1], beside(pulls, echoes))[OURS]
            yield Figure(f"a manifest beside 8 pulls, {what}", "p99 ms", values(samples, "p99", 1e3), at_most(5),
                         PULLS_BESIDE)


def dropping(file, drop):
    return f"dd if='{file}' iflag=nocache count=0 status=none; " if drop else ""


ROWS = (
    ("push", push_rows),
    ("pull", pull_rows),
    ("tls", tls_rows),
    ("images", image_rows),
    ("small", small_rows),
    ("lists", list_rows),
    ("memory", memory_rows),
    ("crowd", crowd_rows),
    ("start", start_rows),
    ("beside", beside_rows),
    ("gc", collection.rows),
    ("scaling-clients", scaling_client_rows),
    ("scaling-blobs", scaling_blob_rows),
    ("scaling-manifests", scaling_manifest_rows),
)
