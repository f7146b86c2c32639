# SPDX-License-Identifier: Apache-2.0
"""The real binary on a port of its own, over a root of its own, watched from the start to its last word."""

import os
import pathlib
import signal
import subprocess

from . import process
from .place import REPOSITORY
from .push import ALL_MANIFESTS
from .waiting import wait_until
from .wire import Client

SANITIZER_WORDS = ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer", "LeakSanitizer",
                   "MemorySanitizer")
SANITIZER_SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=0",
    "TSAN_OPTIONS": "exitcode=99:halt_on_error=0",
}
START_ATTEMPTS = 5


def binary_path(asan):
    """The binary under test: the plain build, or the one with sanitizers."""
    if asan:
        return pathlib.Path(os.environ.get("REGISTRY_BINARY_ASAN", REPOSITORY / "build" / "asan" / "registry"))
    return pathlib.Path(os.environ.get("REGISTRY_BINARY", REPOSITORY / "build" / "registry"))


class Server:
    """`folder` gets the root and the output; `environment` adds to the settings below and wins, and `arguments` to
    the command line. `address` is another one of this machine's than our own clients use."""

    def __init__(self, folder, asan=False, environment=(), config=None, arguments=(), address="127.0.0.1"):
        self.folder = pathlib.Path(folder)
        self.root = self.folder / "root"
        self.root.mkdir(parents=True, exist_ok=True)
        self.asan = asan
        self.environment = dict(environment)
        self.config = config
        self.arguments = list(arguments)
        self.address = address
        self.process = None
        self.port = None
        self.runs = 0
        self.clean = True

    # life

    def _environment(self):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
        return {**SANITIZER_SETTINGS, **inherited,
                "REGISTRY_HTTP_ADDR": self.host,
                "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(self.root),
                "REGISTRY_STORAGE_DELETE_ENABLED": "true",
                "REGISTRY_LOG_LEVEL": "info",
                "REGISTRY_LOG_ACCESSLOG_DISABLED": "true",
                **self.environment}

    def start(self, port=None):
        """Starts it, and comes back when it accepts connections."""
        binary = binary_path(self.asan)
        assert binary.exists(), f"{binary} is not there: ./dev build"
        for attempt in range(START_ATTEMPTS):
            self.port = port or process.free_port(self.address)
            self.runs += 1
            self.errors_path = self.folder / f"stderr.{self.runs}"
            self.output_path = self.folder / f"stdout.{self.runs}"
            with open(self.errors_path, "wb") as errors, open(self.output_path, "wb") as output:
                command = [str(binary), "serve", *self.arguments] + ([str(self.config)] if self.config else [])
                self.process = process.start(command, env=self._environment(), cwd=self.folder,
                                             stdout=output, stderr=errors)
            if self._came_up():
                return self
            lost_port = "in use" in self.stderr().lower() and attempt + 1 < START_ATTEMPTS
            assert lost_port, f"ended with {self.process.returncode} before it listened:\n{self.stderr()}"
        raise AssertionError("unreachable")

    def _came_up(self):
        wait_until(lambda: self.process.poll() is not None or process.accepts(self.port, self.address),
                   "the server listening", timeout=30)
        return self.process.poll() is None

    def stop(self, timeout=20):
        """Ends it as its users do, and checks how it went: the exit code, its last words, what it left."""
        if self.process is None:
            return
        ended, self.process = self.process, None
        died_before = ended.poll() is not None
        if not died_before:
            ended.send_signal(signal.SIGTERM)
        try:
            ended.wait(timeout)
        except subprocess.TimeoutExpired:
            ended.kill()
            ended.wait()
            self._show()
            raise AssertionError(f"SIGTERM did not end the server within {timeout} s:\n{self.stderr()}") from None
        self._show()
        assert not died_before, f"the server ended by itself with {ended.returncode}:\n{self.stderr()}"
        assert ended.returncode == 0, f"SIGTERM: exit status {ended.returncode}:\n{self.stderr()}"
        self._check_words()
        left = process.session_members(ended.pid)
        assert not left, f"processes left: {left}"
        self._check_files()

    def kill(self):
        """SIGKILL, as a power cut would do it to the process."""
        self.process.kill()
        self.process.wait()
        self.process = None
        self._check_words()

    def restart(self, same_port=False):
        self.stop()
        return self.start(self.port if same_port else None)

    def _show(self):
        print(f"--- stderr of the server, run {self.runs} ---\n{self.stderr()[-8000:]}")

    def _check_words(self):
        text = self.stderr() + self.output_path.read_text(errors="replace")
        found = [word for word in SANITIZER_WORDS if word in text]
        assert not found, f"{found} in the server's output:\n{text}"

    def _check_files(self):
        strays = [str(path) for path in self.root.rglob("*.tmp")]
        assert not strays, f"temporary files left: {strays}"
        allowed = {"root", self.config and pathlib.Path(self.config).name}
        for entry in self.folder.iterdir():
            known = entry.name in allowed or entry.name.startswith(("stderr.", "stdout."))
            assert known, f"the server left {entry} in its working directory"

    # looking at it

    @property
    def pid(self):
        return self.process.pid

    @property
    def host(self):
        return f"{self.address}:{self.port}"

    @property
    def url(self):
        return f"http://{self.host}"

    def client(self, **options):
        """One that takes every kind of manifest, as real ones do."""
        return Client(self.port, **{"headers": {"Accept": ALL_MANIFESTS}, **options})

    def stderr(self):
        return self.errors_path.read_text(errors="replace")

    def says(self, text, timeout=10.0):
        """Waits for it in the log: a line may be written after the answer that a client has of the same thing."""
        wait_until(lambda: text in self.stderr(), f"{text!r} in the log", timeout)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def memory(self):
        return process.resident(self.pid)

    def cpu_seconds(self):
        return process.cpu_seconds(self.pid)

    def bytes_read(self):
        """By its read calls, from the page cache or not."""
        return process.bytes_read(self.pid)

    def descriptors(self):
        return process.descriptors(self.pid)

    def connections(self):
        """How many sockets the server holds (the listening one included)."""
        return sum(target.startswith("socket:") for target in self.descriptors().values())

    def open_files(self):
        """Files below the root that the server has open (the root itself it may keep, and its own in run)."""
        return [target for target in self.descriptors().values()
                if target.startswith(f"{self.root}/") and not target.startswith(f"{self.root}/run/")]
