# SPDX-License-Identifier: Apache-2.0
"""The administrator's side of a server: its collections and verifications, over the socket below its root or over
TCP."""

import os
import pathlib
import socket

from .push import encode
from .waiting import wait_until
from .wire import Client, Wire

COLLECTION = "/admin/gc"
VERIFICATION = "/admin/verify"
LONGEST_RUN = 120
CHANGES = ("blobs_deleted", "manifests_deleted", "links_deleted", "uploads_deleted", "repositories_deleted",
           "blobs_pinned")


class _UnixWire(Wire):
    """A connection to a unix socket, whose path may be longer than the system takes."""

    def __init__(self, path, timeout):
        self.port = 0
        self.pending = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self.socket.connect(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)


class Admin(Client):
    """`root` is the server's root directory; with `port`, its admin listener is asked instead."""

    runs = COLLECTION

    def __init__(self, root, port=0, timeout=30):
        super().__init__(port, timeout=timeout)
        self.socket_path = pathlib.Path(root) / "run" / "admin.sock"

    def wire(self, **options):
        if self.port:
            return super().wire(**options)
        return _UnixWire(self.socket_path, options.get("timeout", self.timeout))

    def start(self, **options):
        """Begins a run; options are dry_run and, of a collection, delete_untagged."""
        body = encode(options) if options else None
        return self.post(self.runs, body, {"Content-Type": "application/json"} if options else {})

    def status(self):
        answer = self.get(self.runs)
        assert answer.status == 200, answer
        return answer.json()

    def stop(self):
        """The run ends before all is done."""
        return self.delete(self.runs)

    def wait_until_idle(self, timeout=LONGEST_RUN, interval=0.002):
        """Returns the report of the last run."""
        return wait_until(self._last_if_idle, f"the end of {self.runs}", timeout, interval)

    def _last_if_idle(self):
        status = self.status()
        return None if status["running"] else status["last"]

    def begin(self, **options):
        """Begins a run, which must be possible; returns its number."""
        answer = self.start(**options)
        assert answer.status == 202, answer
        assert answer.exact("Location") == self.runs
        return answer.json()["run"]

    def collect(self, **options):
        """A whole run; returns its report."""
        self.begin(**options)
        return self.wait_until_idle()

    def collect_until(self, condition, what, timeout=60, **options):
        """Collects until a condition holds and no run finds anything more; returns the reports."""
        reports = []

        def nothing_more():
            reports.append(self.collect(**options))
            return condition() and not any(reports[-1][name] for name in CHANGES)

        wait_until(nothing_more, what, timeout, interval=0.1)
        return reports


class Verifier(Admin):
    """The same with verifications."""

    runs = VERIFICATION

    def by_itself(self):
        return self.status()["by_itself"]
