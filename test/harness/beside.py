# SPDX-License-Identifier: Apache-2.0
"""The same requests to the original and to this server: what clients read of the answers, and where they differ."""

import json
import os
import re

from .content import sha256
from .push import (DOCKER_MANIFEST, OCI_INDEX, encode, index, push_blob, push_image, push_manifest, start_upload)
from .server import SANITIZER_SETTINGS, Server

SEEN = ("Content-Type", "Docker-Content-Digest", "Etag", "Location", "Range", "Content-Range", "Allow",
        "Www-Authenticate", "Docker-Distribution-Api-Version")
BLOB = bytes(i * 7 % 251 for i in range(1000))
NOWHERE = "sha256:" + "0" * 64
OCTETS = {"Content-Type": "application/octet-stream"}
EMPTY_INDEX = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
PART = index([b"nowhere"])
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class DropIn(Server):
    """This server with a configuration of the original's, in which {root} and {port} are filled in."""

    def __init__(self, folder, settings, environment=()):
        super().__init__(folder, environment=environment)
        self.config = self.folder / "config.yml"
        self.settings = settings

    def _environment(self):
        self.config.write_text(self._filled(self.settings))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
        return {**SANITIZER_SETTINGS, **inherited,
                **{name: self._filled(value) for name, value in self.environment.items()}}

    def _filled(self, text):
        return text.replace("{root}", str(self.root)).replace("{port}", str(self.port))

    def words(self):
        """All that it said, where the original says it all, too."""
        return self.output_path.read_text(errors="replace") + self.stderr()


class Row:
    """A request; its parts may be functions of the side, and name the side's words in braces."""

    def __init__(self, method, target, headers=(), body=None):
        self.method, self.target, self.headers, self.body = method, target, dict(headers), body


class Side:
    """One of the two servers."""

    def __init__(self, client):
        self.client = client
        self.words = {}
        self.image = None

    def fill(self):
        """The content that every row finds."""
        client = self.client
        push_blob(client, "a/repo", BLOB)
        push_blob(client, "a/repo", b"")
        self.image = push_image(client, "a/repo", "tag")
        push_manifest(client, "a/repo", "same", self.image.manifest)
        docker = push_image(client, "a/repo", "docker", media_type=DOCKER_MANIFEST)
        push_manifest(client, "a/repo", "multi", index([self.image.manifest]), OCI_INDEX)
        push_image(client, "b", "tag")
        self.words = {"BLOB": sha256(BLOB), "EMPTY": sha256(b""), "NOWHERE": NOWHERE, "IMAGE": self.image.digest,
                      "DOCKER": docker.digest, "PART": sha256(PART)}
        return self

    def upload(self, data=b""):
        """The Location of an upload that has begun."""
        location = start_upload(self.client, "a/repo")
        return self.client.patch(location, data, OCTETS).get("Location") if data else location

    def ask(self, row):
        target, body = row.target, row.body
        if callable(target):
            target = target(self)
        if callable(body):
            body = body(self)
        for word, value in self.words.items():
            target = target.replace("{%s}" % word, value)
        headers = {name: self._filled(value) for name, value in row.headers.items()}
        return self._exchange(row.method, target, headers, body)

    def _filled(self, value):
        value = value(self) if callable(value) else value
        for word, digest in self.words.items():
            value = value.replace("{%s}" % word, digest)
        return value

    def _exchange(self, method, target, headers, body):
        """Of the body only what an error says: the original promises one with its 416, and does not send it."""
        length = {"Content-Length": str(len(body or b""))} if body or method in ("POST", "PUT", "PATCH") else {}
        with self.client.wire() as wire:
            try:
                wire.send_head(method, self.client.path(target), {**self.client.headers, **headers, **length})
                wire.send(body or b"")
            except (BrokenPipeError, ConnectionResetError):
                pass  # the answer may be there all the same
            answer = wire.read_head()
            if method != "HEAD" and answer.status >= 400 and "json" in answer.get("Content-Type", ""):
                answer.body = wire.read_body(answer)
            return answer

    def masked(self, answer):
        """What clients read of it; ids, states and the port are of one run."""
        seen = {"status": str(answer.status)}
        for name in SEEN:
            value = answer.get(name)
            if value is not None:
                seen[name] = self._mask(name, value)
        if answer.body:
            errors = answer.errors()
            seen["codes"] = " ".join(error["code"] for error in errors)
            if errors[0]["code"] == "UNAUTHORIZED":  # other details have another shape in each version of the original
                seen["detail"] = " ".join(sorted(json.dumps(each) for each in errors[0]["detail"] or ()))
        for name, value in seen.items():
            for word, digest in self.words.items():
                seen[name] = value = value.replace(digest, "{%s}" % word)
        return seen

    def _mask(self, name, value):
        if name == "Content-Type":
            # JSON is UTF-8: version 3 of the original leaves that out, too
            return re.sub("boundary=.*", "boundary=<any>", value.replace("; charset=utf-8", ""))
        if name == "Www-Authenticate":
            # the original has what it asks for in any order
            return re.sub('scope="([^"]*)"', lambda match: f'scope="{in_order(match[1])}"', value)
        if name == "Location":
            value = UUID.sub("<id>", value.replace(f"//127.0.0.1:{self.client.port}/", "//<host>/"))
            return re.sub(r"_state=[^&]*", "_state=<state>", value)
        return value


def in_order(scope):
    """type:name:action,action … with everything sorted."""
    parts = [part.rpartition(":") for part in scope.split()]
    return " ".join(sorted(f"{resource}:{','.join(sorted(actions.split(',')))}" for resource, _, actions in parts))


def differences(one, other):
    """The names of what is not the same, each with its value."""
    return {name: one.get(name) for name in {**one, **other} if one.get(name) != other.get(name)}


def fits(told, expected):
    """`...` stands for any value."""
    return told.keys() == expected.keys() and all(expected[name] in (..., value) for name, value in told.items())


def check(sides, row, expected, names=None):
    """expected: (what the original says, what this server says, why that is right); None: there is no difference.
    Without names, everything counts."""
    seen = [side.masked(side.ask(row)) for side in sides]
    theirs, ours = [{name: each[name] for name in names or each if name in each} for each in seen]
    told = differences(theirs, ours), differences(ours, theirs)
    expected_theirs, expected_ours, why = expected or ({}, {}, None)
    assert fits(told[0], expected_theirs) and fits(told[1], expected_ours), f"{told} are not {expected}"
    assert bool(why) == (told != ({}, {})), "a difference has a reason, and a reason a difference"
