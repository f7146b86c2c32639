# SPDX-License-Identifier: Apache-2.0
"""Measures this server beside the registry image's and nginx, in one run on one machine.

    ./dev bench             all rows, into test/bench/RESULTS.md
    ./dev bench PATTERN     the rows whose name matches, on the screen alone

BENCH_SECONDS (2) is how long each load of small requests takes, BENCH_ROUNDS (3) how often everything is measured in
turns, BENCH_MIB (512) the size of the large blob, BENCH_MANIFESTS (100000) of the large store, BENCH_IMAGES (5000) of
the collection's, BENCH_CLIENTS (1000) of the crowds.
"""

import contextlib
import os
import pathlib
import re
import secrets
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from contestants import file_system, machine, versions
from figures import growth, missed, table, write
from load import ROUNDS, SECONDS
from rows import ROWS

from harness import leftovers, slow
from harness.place import remove_tree, scratch_folder
from harness.tls import Authority
from harness.volume import Volume

RESULTS = pathlib.Path(__file__).parent / "RESULTS.md"


class Place:
    """Where a row has its servers: in memory, unless it asks for the disk."""

    def __init__(self, memory, disk):
        self.memory = pathlib.Path(memory)
        self.disk = pathlib.Path(disk)
        self.scratch = self.memory / "scratch"
        self.scratch.mkdir()

    def clear(self):
        for folder in (self.memory, self.disk):
            for entry in folder.iterdir():
                remove_tree(entry)
        self.scratch.mkdir()

    def certificate(self):
        return Authority(self.scratch).issue("localhost")

    @contextlib.contextmanager
    def running(self, *kinds, folder=None, tls=None):
        """These servers, each with an empty root."""
        started = []
        try:
            for kind in kinds:
                options = {"tls": tls} if tls else {}
                server = kind((folder or self.memory) / f"{kind.name}-{secrets.token_hex(4)}", **options)
                started.append(server.start())
            yield started
        finally:
            for server in started:
                server.stop()
                remove_tree(server.folder)

    @contextlib.contextmanager
    def volume(self):
        root = self.memory / "volume"
        root.mkdir()
        try:
            yield root, Volume(root)
        finally:
            remove_tree(root)

    @contextlib.contextmanager
    def over(self, kind, root):
        """A server over a volume that is there; `begun` is when it was started."""
        folder = self.memory / f"{kind.name}-{secrets.token_hex(4)}"
        server = kind(folder, root=root)
        server.begun = time.monotonic()
        server.start()
        try:
            yield server
        finally:
            server.stop()
            remove_tree(folder)


def measure(pattern):
    chosen = [(name, row) for name, row in ROWS if re.search(pattern, name)]
    assert chosen, f"no row matches {pattern}: {', '.join(name for name, _ in ROWS)}"
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    figures = []
    with tempfile.TemporaryDirectory(prefix="registry-bench-", dir=memory) as folder, scratch_folder() as disk:
        place = Place(folder, disk)
        for name, row in chosen:
            print(f"== {name}", flush=True)
            begun = time.monotonic()
            found = list(row(place))
            print(f"{table(found)}in {time.monotonic() - begun:.0f} s", flush=True)
            figures += found
            place.clear()
        where = {"storage in memory": file_system(folder), "storage on the disk": file_system(disk)}
    return figures, where


def report(figures, where):
    facts = {**machine(), **where, **versions()}
    return "\n".join([
        "# What `./dev bench` has measured", "",
        "Written by `./dev bench`. Ratios of one row, CPU time and memory count: absolute rates are this machine's.", "",
        *[f"- {name}: {value}" for name, value in facts.items()],
        f"- {ROUNDS} rounds, in turns; medians. Loads of small requests take {SECONDS} s each: wrk with one thread "
        "and 64 connections (8 for lists), hey for HEAD, curl for blobs, on the same processors as the servers.",
        "- The settings are those that people get who change nothing, fsync and all checks of content included; "
        "nobody writes an access log. nginx serves the same bytes as files, with a worker for each processor.",
        "- What is asked for again and again was pushed seconds before: the server remembers what it has read once that has "
        "stood still.",
        "- Small blobs of the series take longer to begin than to send: each is three runs of curl to push, one to pull.", "",
        table(figures), "## How it grows", "", growth(figures), "## Not reached", "", missed(figures)])


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # what it has started ends with it
    slow.allow_descriptors(15000)
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        figures, where = measure(pattern)
    finally:
        leftovers.clean_up()
    if not pattern:
        write(RESULTS, report(figures, where))
    print("How it grows:\n" + growth(figures))
    print("Not reached:\n" + missed(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
