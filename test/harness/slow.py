# SPDX-License-Identifier: Apache-2.0
"""Many slow clients in one thread: each sends or takes a little in each round, and a round has its time."""

import hashlib
import resource
import socket
import threading
import time


def allow_descriptors(count):
    """For this process and those it starts, as far as its own limit goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard >= count, f"{count} descriptors are needed, {hard} are allowed"
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def connect(port, receive_buffer=None):
    one = socket.socket()
    if receive_buffer:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    one.connect(("127.0.0.1", port))
    one.setblocking(False)
    return one


class Push:
    """Sends a head and a body, piece by piece; `answer` is what came back."""

    def __init__(self, port, head, body, piece):
        self.socket = connect(port)
        self.rest = memoryview(head + body)
        self.piece = piece
        self.answer = b""

    def go_on(self, much):
        if self.rest:
            try:
                self.rest = self.rest[self.socket.send(self.rest[:much or self.piece]):]
            except BlockingIOError:
                return
        else:
            self.read()

    def read(self):
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        assert data, f"cut off after {self.answer!r}"
        self.answer += data

    @property
    def done(self):
        return b"\r\n\r\n" in self.answer


class Pull:
    """Takes an answer piece by piece; `digest` of its body when it is done."""

    def __init__(self, port, head, size, piece):
        self.socket = connect(port, receive_buffer=4096)
        self.rest = memoryview(head)
        self.piece = piece
        self.size = size
        self.head = b""
        self.received = 0
        self.running = hashlib.sha256()

    def go_on(self, much):
        if self.rest:
            self.rest = self.rest[self.socket.send(self.rest):]
            return
        try:
            data = self.socket.recv(much or self.piece)
        except BlockingIOError:
            return
        assert data, f"cut off after {self.received} of {self.size} bytes"
        if b"\r\n\r\n" not in self.head:
            self.head, _, data = (self.head + data).partition(b"\r\n\r\n")
            self.head += b"\r\n\r\n"
            assert self.head.startswith(b"HTTP/1.1 200 "), self.head
        self.received += len(data)
        self.running.update(data)

    @property
    def done(self):
        return self.received == self.size

    @property
    def digest(self):
        return "sha256:" + self.running.hexdigest()


class Crowd:
    """Keeps its clients going in a thread, a round each `pace` seconds, until it is told to hurry."""

    def __init__(self, clients, pace):
        self.clients = clients
        self.pace = pace
        self.hurry = threading.Event()
        self.rounds = 0
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.hurry.set()
        self.thread.join()
        for client in self.clients:
            client.socket.close()

    def _run(self):
        try:
            while waiting := [client for client in self.clients if not client.done]:
                begun = time.monotonic()
                for client in waiting:
                    client.go_on(65536 if self.hurry.is_set() else None)
                self.rounds += 1
                self.hurry.wait(max(0, self.pace - (time.monotonic() - begun)))
        except (AssertionError, OSError) as failure:
            self.failure = failure

    def finish(self, timeout):
        """All of them come to their end; fails if one was cut off."""
        self.hurry.set()
        self.thread.join(timeout)
        if self.failure:
            raise self.failure
        assert not self.thread.is_alive(), f"{sum(not c.done for c in self.clients)} clients are not done"
