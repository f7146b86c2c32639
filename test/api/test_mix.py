# SPDX-License-Identifier: Apache-2.0
"""A hundred clients at once, doing everything to the same few repositories, under the sanitizers.

MIX_SECONDS makes it longer. What must hold: no answer is the server's fault, what is pulled is what was
pushed, what was acknowledged and not deleted is there, lists are sorted, and nothing is left in uploads.
"""

import json
import os
import pathlib
import random
import threading
import time

from harness.content import Body, sha256
from harness.push import OCI_MANIFEST, manifest, start_upload, with_query
from harness.wire import Client

CLIENTS = 100
SECONDS = float(os.environ.get("MIX_SECONDS", "30"))
REPOSITORIES = [f"mix/{i}" for i in range(6)]
TAGS = [f"t{i}" for i in range(8)]


class Mixer(threading.Thread):
    """One client. `problems` is what went wrong, as text."""

    def __init__(self, number, port, seed, until):
        super().__init__(daemon=True)
        self.random = random.Random(f"{seed}:{number}")
        self.number = number
        self.client = Client(port)
        self.until = until
        self.problems = []
        self.done = 0

    def run(self):
        actions = (self.push, self.push, self.pull, self.pull, self.lists, self.delete_tag, self.delete_manifest,
                   self.cut_and_resume, self.cancel, self.mount, self.two_writers)
        try:
            while time.monotonic() < self.until and not self.problems:
                self.random.choice(actions)(self.random.choice(REPOSITORIES))
                self.done += 1
        except Exception as error:  # anything at all is a finding
            self.problems.append(f"client {self.number}: {type(error).__name__}: {error}")

    def expect(self, answer, *statuses):
        if answer.status not in statuses:
            self.problems.append(f"client {self.number}: {answer!r}, not {statuses}")
        return answer

    def body(self):
        """Half of them are everybody's, so that many push the same."""
        shared = self.random.random() < 0.5
        number = self.random.randrange(20) if shared else f"{self.number}:{self.random.random()}"
        return bytes(Body(f"mix:{number}", self.random.choice((0, 1, 100, 5000, 70000)) if not shared else 3000))

    def push_blob(self, name, data):
        location = with_query(start_upload(self.client, name), digest=sha256(data))
        self.expect(self.client.put(location, data), 201)

    def push(self, name):
        config, layer = self.body(), self.body()
        self.push_blob(name, config)
        self.push_blob(name, layer)
        data = manifest(config, [layer])
        reference = self.random.choice([*TAGS, sha256(data)])
        self.expect(self.client.put(f"/v2/{name}/manifests/{reference}", data, {"Content-Type": OCI_MANIFEST}), 201)

    def pull(self, name):
        answer = self.expect(self.client.get(f"/v2/{name}/manifests/{self.random.choice(TAGS)}"), 200, 404)
        if answer.status == 404:
            return
        if sha256(answer.body) != answer.get("Docker-Content-Digest"):
            self.problems.append(f"client {self.number}: a manifest is not what its digest says")
        document = json.loads(answer.body)
        for entry in [document["config"], *document["layers"]]:
            blob = self.expect(self.client.get(f"/v2/{name}/blobs/{entry['digest']}"), 200)
            if sha256(blob.body) != entry["digest"]:
                self.problems.append(f"client {self.number}: a blob is not what its digest says")

    def lists(self, name):
        for target, key in ((f"/v2/{name}/tags/list", "tags"), ("/v2/_catalog?n=3", "repositories")):
            answer = self.expect(self.client.get(target), 200, 404)
            if answer.status == 200 and answer.json()[key] != sorted(answer.json()[key]):
                self.problems.append(f"client {self.number}: {target} is not sorted")

    def delete_tag(self, name):
        self.expect(self.client.delete(f"/v2/{name}/manifests/{self.random.choice(TAGS)}"), 202, 404)

    def delete_manifest(self, name):
        answer = self.client.head(f"/v2/{name}/manifests/{self.random.choice(TAGS)}")
        if answer.status == 200:
            digest = answer.get("Docker-Content-Digest")
            self.expect(self.client.delete(f"/v2/{name}/manifests/{digest}"), 202, 404)

    def cut_and_resume(self, name):
        """Goes away in the middle of a PATCH, asks how far it got, and finishes."""
        data = self.body()
        location = start_upload(self.client, name)
        with self.client.wire() as wire:
            wire.send_head("PATCH", self.client.path(location), {"Host": "mix", "Content-Length": len(data) + 1})
            wire.send(data)
        url = with_query(location, digest=sha256(data))
        for _ in range(1000):
            status = self.expect(self.client.get(location), 204)
            first, last = map(int, status.get("Range").split("-"))
            size = 0 if last == 0 and len(data) != 1 else last + 1
            answer = self.expect(self.client.put(url, data[size:], {"Content-Range": f"{size}-{len(data) - 1}"}
                                                 if size < len(data) else {}), 201, 400, 404, 409, 416)
            if answer.status == 201:
                return
            if answer.status in (400, 404):
                return  # what was on its way arrived between the question and the answer
        self.problems.append(f"client {self.number}: an upload is never let go")

    def cancel(self, name):
        location = start_upload(self.client, name)
        self.expect(self.client.patch(location, self.body()), 202)
        self.expect(self.client.delete(location), 204)

    def mount(self, name):
        data = self.body()
        other = self.random.choice(REPOSITORIES)
        self.push_blob(other, data)
        self.expect(self.client.post(f"/v2/{name}/blobs/uploads/?mount={sha256(data)}&from={other}"), 201)
        self.expect(self.client.head(f"/v2/{name}/blobs/{sha256(data)}"), 200)

    def two_writers(self, name):
        """Two requests finish one upload: one wins, and the blob is right."""
        data = self.body()
        url = with_query(start_upload(self.client, name), digest=sha256(data))
        other = Mixer(f"{self.number}b", self.client.port, "x", self.until)
        second = threading.Thread(target=lambda: other.expect(other.client.put(url, data), 201, 404, 409))
        second.start()
        first = self.expect(self.client.put(url, data), 201, 404, 409)
        second.join()
        self.problems += other.problems
        if first.status == 201:
            self.expect(self.client.head(f"/v2/{name}/blobs/{sha256(data)}"), 200)


def uploads_left(root):
    return [str(path) for path in pathlib.Path(root).glob("docker/registry/v2/repositories/mix/*/_uploads/*")]


def test_a_hundred_clients(server):
    seed = os.environ.get("TEST_SEED", "mix")
    until = time.monotonic() + SECONDS
    mixers = [Mixer(i, server.port, seed, until) for i in range(CLIENTS)]
    for mixer in mixers:
        mixer.start()
    for mixer in mixers:
        mixer.join(SECONDS + 120)
    problems = [problem for mixer in mixers for problem in mixer.problems]
    assert not problems, f"seed {seed}: {len(problems)} problems, the first: {problems[:3]}"
    assert all(mixer.done for mixer in mixers)
    print(sum(mixer.done for mixer in mixers), "actions")
    assert server.alive()
    assert uploads_left(server.root) == []
