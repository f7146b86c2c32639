# SPDX-License-Identifier: Apache-2.0
"""The collection beside the registry image's: the same volume, one after the other; and what clients notice of it.

Half of the images were deleted, or have lost their tags. The original has to be stopped for its collection; this server
serves meanwhile.
"""

import itertools
import multiprocessing
import os
import random
import shutil
import time

from contestants import ORIGINAL, OURS, stop
from figures import Figure, at_most
from load import p99

from harness.admin import Admin
from harness.content import sha256
from harness.original import Original
from harness.push import ALL_MANIFESTS, manifest, push_blob, push_manifest
from harness.server import Server
from harness.volume import Volume
from harness.wire import Client

IMAGES = int(os.environ.get("BENCH_IMAGES", "5000"))
REPOSITORIES = 10
SHARED_LAYERS = 20
LONG_AGO = 1_000_000_000
PULLS, PUSHES = 1500, 600
ROUNDS = 3
POLL = 0.01  # seconds: each question costs the server time, too
TARGET_RATIO = 20
TARGET_LATENCY = 1.5

# What stands in the way where a target is missed.
SERVING = ("Removing the files and their directories, one by one, takes the kernel longer than that by itself. Beside it "
           "manifests are compared with their digests, and what goes is asked for once more before it does: clients are "
           "served meanwhile, in between slices. docker-registry is stopped and looks once.")
TURNS = ("A slice is one more thread at work on the same directories; a push is a dozen turns, each of which may meet "
         "one.")


# the volume


def write(path, data):
    os.makedirs(path.parent, exist_ok=True)
    path.write_bytes(data)


class Writer:
    """Images as the registry image lays them out."""

    def __init__(self, root, untagged):
        self.volume = Volume(root)
        self.untagged = untagged
        self.random = random.Random("bench")
        self.written = set()

    def blob(self, data):
        digest = sha256(data)
        if digest not in self.written:
            self.written.add(digest)
            write(self.volume.data(digest), data)
        return digest

    def layer(self, name, data):
        digest = self.blob(data)
        if (name, digest) not in self.written:
            self.written.add((name, digest))
            write(self.volume.layer(name, digest), digest.encode())

    def image(self, name, number, shared, deleted):
        config = b'{"architecture": "amd64", "os": "linux", "number": %d}' % number
        layers = [self.random.randbytes(2_000), *self.random.sample(shared, 2)]
        for data in [config, *layers]:
            self.layer(name, data)
        digest = self.blob(manifest(config, layers))
        if deleted and self.untagged:
            write(self.volume.revision(name, digest), digest.encode())
            return
        if deleted:
            # what deleting leaves: the directory of the revision, without its link
            os.makedirs(self.volume.revision(name, digest).parent)
            return
        link = digest.encode()
        write(self.volume.revision(name, digest), link)
        write(self.volume.history(name, f"tag-{number}", digest), link)
        write(self.volume.current(name, f"tag-{number}"), link)

    def fill(self):
        shared = [self.random.randbytes(2_000) for _ in range(SHARED_LAYERS)]
        for number in range(IMAGES):
            self.image(f"bench/{number % REPOSITORIES}", number, shared, number // REPOSITORIES % 2 == 1)
        for folder, _, files in os.walk(self.volume.root):
            for entry in files:
                os.utime(os.path.join(folder, entry), (LONG_AGO, LONG_AGO))


# the collections


def of_the_original(folder, root, *words):
    """(seconds, seconds of CPU)"""
    original = Original(folder, root)
    before, begun = os.times(), time.monotonic()
    original.collect(*words)
    seconds, after = time.monotonic() - begun, os.times()
    return seconds, (after.children_user + after.children_system - before.children_user - before.children_system)


def of_ours(server, **options):
    admin, before, begun = Admin(server.root), server.cpu_seconds(), time.monotonic()
    admin.begin(**options)
    report = admin.wait_until_idle(interval=POLL)
    return time.monotonic() - begun, server.cpu_seconds() - before, report


# what clients notice


def collect_on(root, over, results):
    """Dry runs, one after the other, from a process that otherwise sleeps: it must not disturb what is measured."""
    admin, runs, longest = Admin(root), 0, 0
    while not over.is_set():
        admin.begin(dry_run=True)
        report = admin.wait_until_idle(interval=0.1)
        runs, longest = runs + 1, max(longest, report["longest_slice_us"])
    results.put((runs, longest))


class Collecting:
    """While it is entered, the server collects."""

    def __init__(self, server):
        self.over, self.results = multiprocessing.Event(), multiprocessing.Queue()
        self.process = multiprocessing.Process(target=collect_on, args=(server.root, self.over, self.results))
        self.runs = self.longest = 0

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.runs, self.longest = self.results.get(timeout=60)
        self.process.join()


def timed(action, count):
    """Milliseconds of each."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - begun))
    return times


def puller(server):
    client = Client(server.port, headers={"Accept": ALL_MANIFESTS})
    kept = itertools.cycle([number for number in range(IMAGES) if number // REPOSITORIES % 2 == 0])

    def pull():
        number = next(kept)
        name = f"bench/{number % REPOSITORIES}"
        answer = client.get(f"/v2/{name}/manifests/tag-{number}")
        assert answer.status == 200, answer
        document = answer.body.decode()
        for digest in [text.split('"')[0] for text in document.split('"digest": "')[1:]]:
            assert client.get(f"/v2/{name}/blobs/{digest}").status == 200
    return pull


def pusher(server):
    client = Client(server.port)
    numbers = itertools.count()

    def push():
        config, layer = b'{"pushed": %d}' % next(numbers), os.urandom(2_000)
        for data in (config, layer):
            push_blob(client, "bench/pushed", data)
        push_manifest(client, "bench/pushed", "latest", manifest(config, [layer]))
    return push


def latencies(server):
    """{what: (idle, collecting)}: the times of pulls and pushes, in turns."""
    found, runs, longest = {}, 0, 0
    for what, action, count in (("pull", puller(server), PULLS), ("push", pusher(server), PUSHES)):
        idle, busy = [], []
        for _ in range(ROUNDS):
            idle += timed(action, count // ROUNDS)
            with Collecting(server) as collecting:
                busy += timed(action, count // ROUNDS)
            runs, longest = runs + collecting.runs, max(longest, collecting.longest)
        found[what] = idle, busy
    return found, runs, longest


# the figures


def collections(folder, untagged):
    """The two collections. Leaves the server running on what it has collected; (server, figures)."""
    root = folder / "ours" / "root"
    root.mkdir(parents=True)
    Writer(root, untagged).fill()
    copy = folder / "copy"
    shutil.copytree(root, copy)
    (folder / "original").mkdir(parents=True)
    wall, cpu = of_the_original(folder / "original", copy, *(["--delete-untagged"] if untagged else []))
    server = Server(folder / "ours", environment={"REGISTRY_LOG_LEVEL": "warn"})
    server.start()
    our_wall, our_cpu, report = of_ours(server, delete_untagged=untagged)
    assert (report["outcome"], report["skipped"]) == ("done", []), report
    assert Volume(copy).blobs() == Volume(root).blobs(), "they have not left the same blobs"
    what = f"collect {IMAGES:,} images, half of them {'without a tag' if untagged else 'deleted'}"
    return server, [
        Figure(what, "s", {OURS: our_wall, ORIGINAL: wall}, at_most(1 / TARGET_RATIO, ORIGINAL), SERVING),
        Figure(what, "CPU s", {OURS: our_cpu, ORIGINAL: cpu}),
        Figure(what, "peak MiB", {OURS: server.memory()[1] / (1 << 20)}),
        Figure(what, "ms, the longest slice", {OURS: report["longest_slice_us"] / 1000})]


def notice(server):
    found, _, longest = latencies(server)
    for what, (idle, busy) in found.items():
        yield Figure(f"{what} an image while it runs", "p99, times idle", {OURS: p99(busy) / p99(idle)},
                     at_most(TARGET_LATENCY), TURNS)
    yield Figure("dry runs beside those", "ms, the longest slice", {OURS: longest / 1000})


def rows(place):
    server = None
    try:
        for untagged in (True, False):
            server, figures = collections(place.memory / f"gc-{untagged}", untagged)
            yield from figures
            if untagged:
                stop(server)
        yield from notice(server)
    finally:
        if server:
            stop(server)
