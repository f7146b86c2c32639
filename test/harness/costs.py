# SPDX-License-Identifier: Apache-2.0
"""What a request costs: instructions of our own code, and its calls of the system for files and sockets, by callgrind.

Neither depends on how fast or how busy the machine is. Libraries are left out, and so is llhttp where it is compiled
in: their versions differ. So are the calls by which threads wait for each other, and the clock: how often they are
made depends on who is faster. Compilers make little difference: gcc 12 and 14 half a percent.

valgrind does not know openat2, by which the server finds out whether an answer that it remembers is still true:
openat2.c stands in for it, so that what is answered from memory is counted as that.
"""

import collections
import os
import pathlib
import re
import shutil
import time

from . import process
from .content import Body, sha256
from .place import REPOSITORY
from .push import ALL_MANIFESTS, encode, manifest, push_blob, push_image, push_manifest, start_upload, with_query
from .server import binary_path
from .waiting import wait_until, wait_until_settled
from .wire import KeptAlive

KNOWN = REPOSITORY / "test" / "bench" / "COSTS"
SETTINGS = {
    "REGISTRY_STORAGE_FILESYSTEM_MAXTHREADS": "4",
    "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED": "false",
    "REGISTRY_HEALTH_STORAGEDRIVER_ENABLED": "false",
    "REGISTRY_VERIFY_INTERVAL": "0",
    "REGISTRY_LOG_LEVEL": "warn",
    "REGISTRY_LOG_ACCESSLOG_DISABLED": "true",
}
CALLS = re.compile(r"^_*(open|openat|stat|fstat|fstatat|statvfs|fstatvfs|read|pread|write|pwrite|unlinkat|renameat|"
                   r"mkdirat|fsync|sync_file_range|syncfs|utimensat|ftruncate|flock|posix_fadvise|readdir|fdopendir|"
                   r"closedir|syscall|sendmsg|recv|sendfile|close)(64)?(@|$)")
MIB = 1 << 20
REPEATS = 2  # the least of them counts: a body may come in more pieces, and a timer be due

Cost = collections.namedtuple("Cost", "instructions calls")


def known():
    """{what: Cost}"""
    lines = [line.split("|") for line in KNOWN.read_text(encoding="utf-8").splitlines() if "|" in line]
    return {what.strip(): Cost(int(instructions), int(calls)) for what, instructions, calls in lines}


def write(costs):
    head = [line for line in KNOWN.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    lines = [f"{what:24} | {cost.instructions:7} | {cost.calls:4}" for what, cost in costs.items()]
    KNOWN.write_text("\n".join(head + lines) + "\n", encoding="utf-8")


def stand_in(folder):
    """openat2.c, compiled."""
    library = pathlib.Path(folder) / "openat2.so"
    process.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, pathlib.Path(__file__).with_name("openat2.c"), "-ldl"])
    return str(library)


class Counted:
    """The server under callgrind, in a folder of its own."""

    def __init__(self, folder):
        assert shutil.which("valgrind"), "valgrind is not installed"
        self.folder = pathlib.Path(folder)
        self.port = process.free_port()
        self.dumps = 0
        environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
        with open(self.folder / "output", "wb") as output:
            self.process = process.start(
                ["valgrind", "--tool=callgrind", "--dump-line=no",
                 f"--vgdb-prefix={self.folder}/vgdb", f"--callgrind-out-file={self.folder}/out",
                 binary_path(asan=False), "serve"],
                env={**environment, **SETTINGS, "LD_PRELOAD": stand_in(self.folder),
                     "REGISTRY_HTTP_ADDR": f"127.0.0.1:{self.port}",
                     "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(self.folder / "root")},
                stdout=output, stderr=output)
        wait_until(lambda: self.process.poll() is not None or process.accepts(self.port), "the server", timeout=60)
        assert self.process.poll() is None, self.words()

    def words(self):
        return (self.folder / "output").read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        try:
            assert self.process.wait(30) == 0, self.words()
        finally:
            process.end(self.process)

    def since(self):
        """What it did since the last time."""
        self.dumps += 1
        process.run(["vgdb", f"--vgdb-prefix={self.folder}/vgdb", f"--pid={self.process.pid}", "dump"])
        path = pathlib.Path(f"{self.folder}/out.{self.dumps}")
        return read_profile(wait_until(lambda: path.exists() and path.read_text(), "the profile"))


def read_profile(text):
    """Callgrind's format: positions say in which object (ob) and function (fn) the lines that follow are, and whom they
    call (cfn); the line after `calls=` is what that has cost there."""
    names, where, is_call = {}, {}, False
    instructions = calls = 0
    for line in text.splitlines():
        position = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?", line)
        if position:
            called, kind, number, name = position.groups()
            if name:
                names[kind, number] = name
            where[called + kind] = names[kind, number]
        elif line.startswith("calls="):
            is_call = True
            if where["ob"].endswith("/registry") and CALLS.search(where["cfn"]):
                calls += int(line[6:].split()[0])
        elif re.match(r"[\d+*-]", line):
            if not is_call and where["ob"].endswith("/registry") and "llhttp" not in where["fn"]:
                instructions += int(line.split()[1])
            is_call = False
    return Cost(instructions, calls)


class Requests:
    """The fixed ones. Each is done `count` times, and can be done again: content depends on how often."""

    def __init__(self, server):
        self.client = KeptAlive(server.port, headers={"Accept": ALL_MANIFESTS}, timeout=60)
        self.pushed = 0
        self.image = push_image(self.client, "costs/images", "latest")
        self.large = bytes(Body("costs", MIB))
        push_blob(self.client, "costs/images", self.large)
        for number in range(50):
            push_manifest(self.client, "costs/images", f"tag-{number:02}", self.image.manifest)
        for number in range(20):
            push_image(self.client, f"costs/others/{number:02}", "latest")
        self.made = time.monotonic()

    def all(self):
        """{what: (how often, the request)}"""
        manifests = "/v2/costs/images/manifests"
        etag = {"If-None-Match": f'"{self.image.digest}"'}
        return {
            "GET /v2/": (40, self.get("/v2/")),
            "manifest by tag": (40, self.settled(f"{manifests}/latest")),
            "manifest by digest": (40, self.settled(f"{manifests}/{self.image.digest}")),
            "manifest, 304": (40, self.settled(f"{manifests}/latest", 304, etag)),
            "blob HEAD": (40, self.head(f"/v2/costs/images/blobs/{sha256(self.image.config)}")),
            "blob GET, 1 MiB": (5, self.get(f"/v2/costs/images/blobs/{sha256(self.large)}")),
            "tags, a page of 10": (10, self.settled("/v2/costs/images/tags/list?n=10")),
            "catalog, a page of 10": (10, self.settled("/v2/_catalog?n=10")),
            "small image pushed": (4, self.push_image),
            "1 MiB pushed in a PATCH": (3, self.push_blob),
        }

    def get(self, path, status=200, headers=()):
        def request():
            assert self.client.get(path, headers=headers).status == status
        return request

    def settled(self, path, *expected):
        """What has changed a moment ago is read again each time, and the moment is over sooner or later."""
        get = self.get(path, *expected)

        def request():
            wait_until_settled(self.made)
            get()
        return request

    def head(self, path):
        def request():
            assert self.client.head(path).status == 200
        return request

    def push_image(self):
        """Two blobs and a manifest with a new tag."""
        self.pushed += 1
        config = encode({"architecture": "amd64", "os": "linux", "number": f"{self.pushed:06}"})
        layer = f"layer {self.pushed:06}".encode() * 100
        for data in (config, layer):
            push_blob(self.client, "costs/pushed", data)
        push_manifest(self.client, "costs/pushed", f"tag-{self.pushed:06}", manifest(config, [layer]))

    def push_blob(self):
        answer = self.client.patch(start_upload(self.client, "costs/images"), self.large,
                                   {"Content-Type": "application/octet-stream"})
        assert answer.status == 202, answer
        answer = self.client.put(with_query(answer.get("Location"), digest=sha256(self.large)))
        assert answer.status == 201, answer


def measure(folder):
    """{what: Cost} of one request each."""
    server = Counted(folder)
    try:
        requests = Requests(server)
        costs = {}
        for _, request in requests.all().values():
            request()
        server.since()
        for what, (count, request) in requests.all().items():
            found = []
            for _ in range(REPEATS):
                for _ in range(count):
                    request()
                found.append(server.since())
            costs[what] = Cost(*(round(min(column) / count) for column in zip(*found)))
        requests.client.drop()
        return costs
    finally:
        server.stop()
