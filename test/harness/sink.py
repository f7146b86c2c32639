# SPDX-License-Identifier: Apache-2.0
"""A webhook receiver: what arrives at an HTTP server, in order, and what it is told to answer."""

import json
import threading

from .listener import Listener
from .waiting import wait_until


class Arrived:
    """One POST."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def event(self):
        """The only one that it may hold."""
        document = json.loads(self.body)
        assert list(document) == ["events"] and len(document["events"]) == 1, document
        return document["events"][0]


class Sink:
    """`status` is answered, or what `statuses` still holds; while `held`, nothing is."""

    def __init__(self, port=0, certificate=None):
        self.lock = threading.Lock()
        self.arrived = []
        self.status = 200
        self.statuses = []
        self.answer_headers = {}
        self.holding = False  # an event has come that is not answered
        self.going = threading.Event()
        self.going.set()
        self.listener = Listener({"POST": self._take}, port, certificate)
        self.port = self.listener.port

    def _take(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with self.lock:
            self.arrived.append(Arrived(request.path, request.headers, body))
            status = self.statuses.pop(0) if self.statuses else self.status
        if not self.going.is_set():
            self.holding = True
            self.going.wait()
        request.send_response(status)
        for name, value in self.answer_headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    @property
    def url(self):
        return f"{self.listener.url}/events"

    def hold(self):
        self.holding = False
        self.going.clear()

    def release(self):
        self.going.set()

    def close(self):
        self.release()
        self.listener.close()

    def all(self):
        with self.lock:
            return list(self.arrived)

    def events(self):
        return [arrived.event for arrived in self.all()]

    def wait(self, count, timeout=20):
        """The first `count` events, as soon as so many have arrived."""
        wait_until(lambda: len(self.all()) >= count, f"{count} events", timeout=timeout)
        return self.events()


def told_to(*endpoints):
    """The setting; each is a dictionary, or a sink."""
    endpoints = [{"name": f"sink{i}", "url": e.url} if isinstance(e, Sink) else e for i, e in enumerate(endpoints)]
    return {"REGISTRY_NOTIFICATIONS_ENDPOINTS": json.dumps(endpoints)}


def patient(url, **more):
    """An endpoint that is tried again soon, and has time to answer."""
    return {"name": "patient", "url": url, "timeout": "30s", "threshold": 1, "backoff": "10ms", **more}


def short(event):
    """What tells events apart."""
    target = event["target"]
    return event["action"], target["repository"], target.get("tag") or target.get("digest")


def digests(events):
    return [event["target"]["digest"] for event in events]
