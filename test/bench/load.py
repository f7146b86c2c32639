# SPDX-License-Identifier: Apache-2.0
"""The clients, the same for every server: wrk, hey and curl, and small Python ones where those cannot do it.

A load is a function of a contestant that says what it has done (Done).
"""

import collections
import contextlib
import multiprocessing
import os
import re
import shlex
import socket
import statistics
import subprocess
import time

from harness import process
from harness.content import sha256
from harness.push import ALL_MANIFESTS, encode, manifest, push_blob, push_manifest, with_query

SECONDS = int(os.environ.get("BENCH_SECONDS", "2"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS = 64

Done = collections.namedtuple("Done", "units seconds p99", defaults=[None])
Sample = collections.namedtuple("Sample", "rate cpu peak p99")  # of a second; seconds for one; bytes; seconds

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


# measuring


def sample(contestant, load):
    contestant.forget_peak()
    before = contestant.cpu()
    done = load(contestant)
    cpu = (contestant.cpu() - before) / done.units if done.units else None
    return Sample(done.units / done.seconds, cpu, contestant.memory()[1], done.p99 if done.units else None)


def median(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def compare(contestants, load, rounds=None):
    """{name: the medians}; in turns, so that what else the machine does strikes all of them."""
    samples = collections.defaultdict(list)
    for _ in range(rounds or ROUNDS):
        for contestant in contestants:
            samples[contestant.name].append(sample(contestant, load))
    return {name: Sample(*map(median, zip(*rows))) for name, rows in samples.items()}


# many small requests


def _seconds(text):
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()
    return float(number) * UNITS[unit]


def wrk(path, connections=CONNECTIONS, headers=()):
    """GETs; `path` may be a function of the contestant, and so may `headers`."""
    def load(contestant):
        its_path = path(contestant) if callable(path) else path
        its_headers = headers(contestant) if callable(headers) else dict(headers)
        words = [f"-H{name}: {value}" for name, value in {"Accept": ALL_MANIFESTS, **its_headers}.items()]
        text = process.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "1m", "--latency", *words,
                            contestant.url + its_path]).stdout
        assert "Non-2xx" not in text and "Socket errors" not in text, f"{contestant.name}{its_path}: {text}"
        count, seconds = re.search(r"(\d+) requests in ([\d.]+\w+),", text).groups()
        return Done(int(count), _seconds(seconds), _seconds(re.search(r"^ +99%\s+(\S+)", text, re.M).group(1)))
    return load


def hey(method, path, connections=CONNECTIONS):
    """What wrk cannot do: answers without the body that their heads announce."""
    def load(contestant):
        text = process.run(["hey", "-z", f"{SECONDS}s", "-c", str(connections), "-m", method,
                            contestant.url + path]).stdout
        found = re.findall(r"\[(\d+)\]\s+(\d+) responses", text)
        assert [status for status, _ in found] == ["200"], text
        return Done(int(found[0][1]), float(re.search(r"Total:\s+([\d.]+)", text).group(1)),
                    float(re.search(r"99% in ([\d.]+)", text).group(1)))
    return load


# blobs


def curl(*words):
    return ["curl", "--silent", "--show-error", "--fail", "--insecure", "--noproxy", "*", *map(str, words)]


def timed(commands):
    begun = time.monotonic()
    process.run_all(commands, timeout=600)
    return time.monotonic() - begun


def _locations(contestant, heads):
    found = [re.search(r"^location: (\S+)", head, re.I | re.M).group(1) for head in heads]
    return [contestant.url + there if there.startswith("/") else there for there in found]


def push(files):
    """Each by one streamed PATCH, all at once; [(path, digest, size)]. The units are bytes."""
    def load(contestant):
        begun = time.monotonic()
        heads = process.run_all([curl("-D-", "-o", "/dev/null", "-X", "POST",
                                      f"{contestant.url}/v2/pushed/{number}/blobs/uploads/")
                                 for number in range(len(files))])
        heads = process.run_all([curl("-D-", "-o", "/dev/null", "-X", "PATCH", "-T", path, "-H", "Expect:",
                                      "-H", "Content-Type: application/octet-stream", there)
                                 for (path, _, _), there in zip(files, _locations(contestant, heads))], timeout=600)
        process.run_all([curl("-X", "PUT", "-H", "Content-Length: 0", with_query(there, digest=digest))
                         for (_, digest, _), there in zip(files, _locations(contestant, heads))], timeout=600)
        return Done(sum(size for _, _, size in files), time.monotonic() - begun)
    return load


def in_turn(loads):
    """Another one each time: content that is there already would be put in the old one's place."""
    times = collections.Counter()

    def load(contestant):
        times[contestant.name] += 1
        return loads[times[contestant.name] % len(loads)](contestant)
    return load


def pull(paths):
    """All at once; [(path, size)]."""
    def load(contestant):
        return Done(sum(size for _, size in paths),
                    timed([curl("-o", "/dev/null", contestant.url + path) for path, _ in paths]))
    return load


def repeated(load, times):
    """One after the other, where one alone is over too soon to be measured."""
    def all_of_them(contestant):
        done = [load(contestant) for _ in range(times)]
        return Done(sum(one.units for one in done), sum(one.seconds for one in done))
    return all_of_them


# images


def _push_images(contestant, worker, count, ready, results):
    client = contestant.client(kept=True)
    ready.wait()
    for number in range(count):
        key = f"{worker}/{number}/{time.time_ns()}"
        config = encode({"architecture": "amd64", "os": "linux", "key": key})
        layer = sha256(key.encode()).encode() * 30
        for data in (config, layer):
            push_blob(client, f"small/{worker}", data)
        push_manifest(client, f"small/{worker}", f"tag-{number % 50}", manifest(config, [layer]))
    client.drop()
    results.put(time.monotonic())


def images(count, workers=4):
    """Small ones: a configuration, a layer of 2 kB and a manifest with a tag, over connections that are kept."""
    def load(contestant):
        ready, results = multiprocessing.Barrier(workers + 1), multiprocessing.Queue()
        members = [multiprocessing.Process(target=_push_images,
                                           args=(contestant, worker, count // workers, ready, results))
                   for worker in range(workers)]
        for member in members:
            member.start()
        ready.wait()
        begun = time.monotonic()
        ended = max(results.get(timeout=300) for _ in members)
        for member in members:
            member.join()
        return Done(count // workers * workers, ended - begun)
    return load


# what one client notices


@contextlib.contextmanager
def _first_in_line():
    """What is measured is the server, not how long this process waits for a processor."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def latencies(contestant, path, until, least=200):
    """Seconds of each GET of a client that asks again and again, until it is told to stop."""
    client = contestant.client(kept=True, headers={"Accept": ALL_MANIFESTS})
    times = []
    with _first_in_line():
        while len(times) < least or not until():
            begun = time.perf_counter()
            answer = client.get(path)
            times.append(time.perf_counter() - begun)
            assert answer.status == 200, answer
            time.sleep(0.0005)
    client.drop()
    return times


def p99(times):
    return statistics.quantiles(times, n=100)[98]


def gets(path):
    """What a client asks for, beside others."""
    return lambda contestant, until: latencies(contestant, path, until)


def beside(commands, ask):
    """What a client notices, who asks again and again, while the commands run again and again. They are one session,
    since the system may give each session the same share: so the server is one of two, and not one of nine."""
    def load(contestant):
        loops = [f"(while {shlex.join(command)}; do :; done; kill $$) &" for command in commands(contestant)]
        running = process.start(["sh", "-c", "\n".join([*loops, "wait"])], stdout=subprocess.DEVNULL)
        begun = time.monotonic()
        try:
            times = ask(contestant, lambda: time.monotonic() - begun > SECONDS)
            assert running.poll() is None, "one of the commands has failed"
        finally:
            process.kill_session(running)
        return Done(len(times), time.monotonic() - begun, p99(times))
    return load


# the machine


def program(words, size):
    """Bytes of a second, and seconds of CPU for one."""
    before, begun = os.times(), time.monotonic()
    process.run(words)
    seconds, after = time.monotonic() - begun, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Sample(size / seconds, cpu / size, None, None)


def openssl_sha256(path, size):
    return program(["openssl", "dgst", "-sha256", path], size)


def copying(path, size):
    """Each byte twice: out of a file, and into another one."""
    copy = path.with_name("copy")
    try:
        return program(["dd", f"if={path}", f"of={copy}", "bs=1M", "status=none"], size)
    finally:
        copy.unlink(missing_ok=True)


def _send_back(listener):
    there, _ = listener.accept()
    while data := there.recv(4096):
        there.sendall(data)


def echoes(contestant, until):
    """As gets, but nobody is asked who has anything else to do: a process that sends back what it gets."""
    times = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = multiprocessing.Process(target=_send_back, args=(listener,))
        other.start()
        with socket.create_connection(listener.getsockname()) as here, _first_in_line():
            while not until():
                begun = time.perf_counter()
                here.sendall(b"?")
                assert here.recv(1) == b"?"
                times.append(time.perf_counter() - begun)
                time.sleep(0.0005)
        other.join()
    return times


def etag(path):
    """The contestant's own, for If-None-Match."""
    def headers(contestant):
        answer = contestant.client(headers={"Accept": ALL_MANIFESTS}).get(path)
        assert answer.status == 200, answer
        return {"If-None-Match": answer.get("Etag")}
    return headers

