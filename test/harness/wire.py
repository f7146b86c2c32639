# SPDX-License-Identifier: Apache-2.0
"""HTTP as it is on the wire: what is sent is what the test says, what comes back keeps its spelling.

`Wire` is a connection, `Client` makes one per request, `KeptAlive` keeps one for all. A request whose body the server
refuses to read is still given the server's answer: a failing write is no failure as long as a response can be read.
"""

import contextlib
import json
import socket

JSON_TYPES = ("application/json", "application/json; charset=utf-8")


class Closed(Exception):
    """The server closed the connection where bytes were due."""


class Response:
    def __init__(self, status, reason, version, headers, body=b""):
        self.status = status
        self.reason = reason
        self.version = version
        self.headers = headers  # pairs, in order, spelled as received
        self.body = body

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name, otherwise=None):
        values = self.all(name)
        assert len(values) < 2, f"{name} is there {len(values)} times"
        return values[0] if values else otherwise

    def exact(self, name):
        """The value of a header that must be spelled just so."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) == 1, f"no single {name} in {self.headers}"
        return values[0]

    def json(self):
        assert self.get("Content-Type") in JSON_TYPES, self
        return json.loads(self.body)

    def errors(self):
        """The entries of an error body, whose shape is checked."""
        document = self.json()
        assert list(document) == ["errors"] and document["errors"], document
        for entry in document["errors"]:
            assert {"code", "message"} <= set(entry) <= {"code", "message", "detail"}, entry
            assert entry["code"] == entry["code"].upper()
            assert isinstance(entry["message"], str)
        return document["errors"]

    def code(self):
        return self.errors()[0]["code"]

    def __repr__(self):
        return f"{self.version} {self.status} {self.reason} {self.headers} {self.body[:2000]!r}"


class Wire:
    """One TCP connection."""

    def __init__(self, port, timeout=30, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = port
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Goes away without a word: RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_head(self, method, target, headers=(), version="HTTP/1.1"):
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        if version == "HTTP/1.1" and not any(name.lower() == "host" for name, _ in pairs):
            pairs.insert(0, ("Host", f"127.0.0.1:{self.port}"))
        lines = [f"{method} {target} {version}"] + [f"{name}: {value}" for name, value in pairs]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def send_chunk(self, data):
        """An empty one would be the last."""
        if data:
            self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def finish_writing(self):
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self, size=65536):
        if self.pending:
            data, self.pending = self.pending[:size], self.pending[size:]
            return data
        return self.socket.recv(size)

    def _line(self):
        while b"\r\n" not in self.pending:
            more = self.socket.recv(65536)
            if not more:
                raise Closed(f"in a head, after {self.pending!r}")
            self.pending += more
        line, _, self.pending = self.pending.partition(b"\r\n")
        return line.decode("latin-1")

    def read_exactly(self, size):
        parts, missing = [], size
        while missing:
            data = self.receive(missing)
            if not data:
                raise Closed(f"{missing} of {size} bytes short")
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def read_head(self):
        version, status, reason = (self._line() + "  ").split(" ", 2)
        headers = []
        while line := self._line():
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        return Response(int(status), reason.strip(), version, headers)

    def read_body(self, response):
        if response.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self._line().split(";")[0], 16):
                parts.append(self.read_exactly(size))
                assert self._line() == ""
            while self._line():
                pass
            return b"".join(parts)
        if (length := response.get("Content-Length")) is not None:
            return self.read_exactly(int(length))
        parts = []
        while data := self.receive():
            parts.append(data)
        return b"".join(parts)

    def read(self, method="GET"):
        """The next final response, with its body."""
        response = self.read_head()
        while response.status < 200:
            response = self.read_head()
        if method != "HEAD" and response.status not in (204, 304):
            response.body = self.read_body(response)
        return response

    def at_end(self):
        """Waits for the server to close, and says whether nothing came before that."""
        try:
            return not self.receive()
        except ConnectionResetError:
            return True


class Client:
    """One request, one connection."""

    def __init__(self, port, headers=(), timeout=30):
        self.port = port
        self.headers = dict(headers)
        self.timeout = timeout

    def wire(self, **options):
        return Wire(self.port, **{"timeout": self.timeout, **options})

    def path(self, location):
        """The request target of a Location, absolute or not."""
        if location.startswith("/"):
            return location
        rest = location.split("://", 1)[1]
        return "/" + rest.split("/", 1)[1]

    def request(self, method, target, body=None, headers=(), chunked=False):
        """The body is bytes, or an iterable with a length; `chunked` sends it without its length."""
        pairs = {**self.headers, **dict(headers)}
        if chunked:
            pairs.setdefault("Transfer-Encoding", "chunked")
        elif body is not None or method in ("POST", "PUT", "PATCH"):
            pairs.setdefault("Content-Length", str(len(body or b"")))
        with self.wire() as wire:
            try:
                wire.send_head(method, self.path(target), pairs)
                for block in [body] if isinstance(body, (bytes, bytearray)) else body or ():
                    (wire.send_chunk if chunked else wire.send)(block)
                if chunked:
                    wire.send(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass  # the answer may be there all the same
            return wire.read(method)

    def get(self, target, headers=()):
        return self.request("GET", target, headers=headers)

    def head(self, target, headers=()):
        return self.request("HEAD", target, headers=headers)

    def post(self, target, body=None, headers=(), **options):
        return self.request("POST", target, body, headers, **options)

    def put(self, target, body=None, headers=(), **options):
        return self.request("PUT", target, body, headers, **options)

    def patch(self, target, body=None, headers=(), **options):
        return self.request("PATCH", target, body, headers, **options)

    def delete(self, target, headers=()):
        return self.request("DELETE", target, headers=headers)


class KeptAlive(Client):
    """All requests over one connection, as long as the server leaves it open."""

    def __init__(self, *words, **options):
        super().__init__(*words, **options)
        self.kept = None

    def wire(self, **options):
        if self.kept is None:
            self.kept = super().wire(**options)
        return contextlib.nullcontext(self.kept)

    def request(self, *words, **options):
        try:
            answer = super().request(*words, **options)
        except BaseException:
            self.drop()
            raise
        if (answer.get("Connection") or "").lower() == "close":
            self.drop()
        return answer

    def drop(self):
        if self.kept is not None:
            self.kept.close()
            self.kept = None
