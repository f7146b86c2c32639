# SPDX-License-Identifier: Apache-2.0
"""What is measured: this server, the registry image's, and nginx with the same bytes as files. Nobody writes an access
log; otherwise each has the settings that people get who change nothing.
"""

import contextlib
import io
import os
import pathlib
import subprocess

from harness import process
from harness.original import Original
from harness.server import Server
from harness.volume import Volume
from harness.waiting import wait_until
from harness.wire import Client, KeptAlive

OURS, ORIGINAL, NGINX, MACHINE = "ours", "docker-registry", "nginx", "machine"

NGINX_SETTINGS = """\
daemon off;
worker_processes auto;
pid {folder}/pid;
{user}
events {{ worker_connections 20000; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} {tls};
        root {root};
    }}
}}
"""


def stop(server):
    """Without showing its last words, as tests do."""
    with contextlib.redirect_stdout(io.StringIO()):
        server.stop()


class Contestant:
    """A server that is running, with its processes' time and memory."""

    name = ""
    scheme = "http"

    def __init__(self, folder, root=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.root = root or self.folder / "root"
        self.root.mkdir(exist_ok=True)

    def pids(self):
        raise NotImplementedError

    def cpu(self):
        return sum(process.cpu_seconds(pid) for pid in self.pids())

    def memory(self):
        """(now, most since forget_peak)"""
        return tuple(map(sum, zip(*(process.resident(pid) for pid in self.pids()))))

    def forget_peak(self):
        for pid in self.pids():
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def client(self, kept=False, **options):
        return (KeptAlive if kept else Client)(self.port, **options)

    @property
    def volume(self):
        return Volume(self.root)


class Ours(Contestant):
    name = OURS

    def __init__(self, folder, root=None, tls=None):
        super().__init__(folder, root)
        self.scheme = "https" if tls else "http"
        self.server = Server(self.folder, environment={
            "REGISTRY_LOG_LEVEL": "warn", "REGISTRY_HTTP_LIMITS_CONNECTIONS": "0",
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(self.root), **(tls.settings() if tls else {})})

    def start(self):
        self.server.start()
        self.port = self.server.port
        return self

    def pids(self):
        return [self.server.pid]

    def stop(self):
        stop(self.server)


class Theirs(Contestant):
    name = ORIGINAL

    def __init__(self, folder, root=None):
        super().__init__(folder, root)
        self.original = Original(self.folder, self.root)

    def start(self):
        self.original.start()
        self.port = self.original.port
        return self

    def pids(self):
        return [self.original.process.pid]

    def stop(self):
        self.original.stop()


class Files(Contestant):
    """nginx; a file's path is its request's."""

    name = NGINX

    def __init__(self, folder, tls=None):
        super().__init__(folder)
        self.scheme = "https" if tls else "http"
        self.tls = f"ssl; ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key}" if tls else ""

    def put(self, path, data):
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, bytes):
            place.write_bytes(data)
        else:
            os.link(data, place)

    def start(self):
        with process.reserved_port() as self.port:
            settings = self.folder / "nginx.conf"
            settings.write_text(NGINX_SETTINGS.format(
                folder=self.folder, root=self.root, port=self.port, tls=self.tls,
                user="user root;" if os.geteuid() == 0 else ""))
            with open(self.folder / "error.log", "wb") as errors:
                self.process = process.start(["nginx", "-c", settings, "-p", self.folder, "-e", "stderr"],
                                             stdout=errors, stderr=errors)
            wait_until(lambda: self.process.poll() is not None or process.accepts(self.port), "nginx")
        assert self.process.poll() is None, (self.folder / "error.log").read_text()
        wait_until(lambda: len(self.pids()) > os.cpu_count(), "nginx's workers")
        return self

    def pids(self):
        return process.session_members(self.process.pid)

    def stop(self):
        process.end(self.process)


def machine():
    """What RESULTS.md says of where it was measured."""
    cpu = next((line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith(("model name", "Model"))), "unknown")
    total = next(line.split()[1] for line in pathlib.Path("/proc/meminfo").read_text().splitlines()
                 if line.startswith("MemTotal"))
    return {"processors": f"{len(os.sched_getaffinity(0))} ({cpu})", "memory": f"{int(total) >> 20} GiB",
            "kernel": os.uname().release.split("-")[0]}


def file_system(folder):
    return subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True).stdout.strip()


def versions():
    def first_line(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).splitlines()[0]
    return {ORIGINAL: first_line("docker-registry", "--version"), NGINX: first_line("nginx", "-v"),
            "openssl": first_line("openssl", "version")}
