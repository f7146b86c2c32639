# SPDX-License-Identifier: Apache-2.0
"""A server is killed in the middle of a collection, again and again: what is tagged stays whole, uploads go on, and
the next collection does the rest.

KILL_ROUNDS makes it longer. The moment is when a random one of the files that have to go is gone.
"""

import os
import random
import time

from harness.admin import Admin
from harness.content import Body, sha256
from harness.push import OCI_INDEX, index, manifest, push_blob, push_manifest, start_upload, with_query
from harness.volume import Volume
from harness.waiting import wait_until

ROUNDS = int(os.environ.get("KILL_ROUNDS", "24"))
REPOSITORIES = ["kill/a", "kill/b", "kill/a/c"]
TAGGED = {"delete_untagged": True}
PER_ROUND = 10
PATIENCE = 20


class Content:
    """What was pushed, by (repository, tag)."""

    def __init__(self, client, seed):
        self.client = client
        self.random = random.Random(seed)
        self.seed = seed
        self.made = 0
        self.images = {}  # (manifests, blobs): {digest: bytes}
        self.shared = [bytes(Body(f"{seed}/shared/{i}", 2_000 + i)) for i in range(4)]

    def image(self, name, reference=None):
        """With a layer of its own and a shared one; returns (manifest, blobs)."""
        self.made += 1
        own = bytes(Body(f"{self.seed}/{self.made}", 1_000))
        config = b'{"made": %d}' % self.made
        layers = [own, self.random.choice(self.shared)]
        for blob in [config, *layers]:
            push_blob(self.client, name, blob)
        data = manifest(config, layers)
        push_manifest(self.client, name, reference or sha256(data), data)
        return data, [config, *layers]

    def push(self):
        name = self.random.choice(REPOSITORIES)
        tag = f"tag-{self.made}"
        if self.random.random() < 0.3:
            children = [self.image(name) for _ in range(2)]
            data = index([child for child, _ in children])
            push_manifest(self.client, name, tag, data, OCI_INDEX)
            manifests, blobs = [data, *(child for child, _ in children)], sum((blobs for _, blobs in children), [])
        else:
            data, blobs = self.image(name, tag)
            manifests = [data]
        self.images[name, tag] = manifests, blobs

    def delete_some(self):
        """Half of it: tags, and manifests."""
        for key in self.random.sample(sorted(self.images), len(self.images) // 2):
            manifests, _ = self.images.pop(key)
            reference = key[1] if self.random.random() < 0.5 else sha256(manifests[0])
            assert self.client.delete(f"/v2/{key[0]}/manifests/{reference}").status == 202

    def check(self):
        """All that is tagged, byte for byte."""
        for (name, tag), (manifests, blobs) in self.images.items():
            assert self.client.get(f"/v2/{name}/manifests/{tag}").body == manifests[0]
            for data in manifests:
                assert self.client.get(f"/v2/{name}/manifests/{sha256(data)}").body == data
            for data in blobs:
                assert self.client.get(f"/v2/{name}/blobs/{sha256(data)}").body == data
        for name in REPOSITORIES:
            answer = self.client.get(f"/v2/{name}/tags/list")
            tags = sorted(tag for its, tag in self.images if its == name)
            assert (answer.json()["tags"] if answer.status == 200 else []) == tags


def what_goes(volume):
    """The files that the next collection has to remove."""
    paths = []
    for text in volume.unneeded(**TAGGED):
        where, _, digest = text.rpartition(" ")
        if where == "blob":
            paths.append(volume.data(digest))
        elif where.endswith(": manifest"):
            paths.append(volume.revision(where.partition(":")[0], digest))
        else:
            paths.append(volume.layer(where.partition(":")[0], digest))
    return paths


def kill_when_gone(server, admin, path):
    """In the middle of a collection, as far as nobody was faster."""
    admin.begin(**TAGGED)
    wait_until(lambda: not path.exists(), f"{path} being collected", PATIENCE, interval=0)
    server.kill()


def begin_upload(client, data):
    """All but its last bytes."""
    answer = client.patch(start_upload(client, REPOSITORIES[0]), data[:-10])
    assert answer.status == 202, answer
    return client.path(answer.get("Location"))


def finish_upload(content, location, data):
    """The rest of it; and an image that uses it."""
    client, name = content.client, REPOSITORIES[0]
    assert client.get(location).exact("Range") == f"0-{len(data) - 11}"
    answer = client.patch(location, data[-10:], {"Content-Range": f"{len(data) - 10}-{len(data) - 1}"})
    assert answer.status == 202, answer
    assert client.put(with_query(answer.get("Location"), digest=sha256(data))).status == 201
    push_blob(client, name, b"{}")
    image = manifest(b"{}", [data])
    push_manifest(client, name, f"uploaded-{sha256(data)[7:]}", image)
    content.images[name, f"uploaded-{sha256(data)[7:]}"] = [image], [b"{}", data]


def test_killed_while_it_collects(start, body):
    seed = os.environ.get("TEST_SEED") or f"kill-{time.time_ns()}"
    print(f"TEST_SEED={seed}")
    server = start()
    admin, volume = Admin(server.root), Volume(server.root)
    content = Content(server.client(), seed)
    half_done = 0
    for number in range(ROUNDS):
        for _ in range(PER_ROUND):
            content.push()
        data = bytes(body(5_000))
        location = begin_upload(content.client, data)
        server.restart(same_port=True)  # what was used is not waited for after that
        content.delete_some()
        doomed = what_goes(volume)
        kill_when_gone(server, admin, content.random.choice(doomed))
        left = [path for path in doomed if path.exists()]
        half_done += 0 < len(left) < len(doomed)
        assert volume.missing() == [], f"round {number}"

        server.start(server.port)
        content.check()
        finish_upload(content, location, data)
        content.push()
        report = admin.collect(**TAGGED)
        assert (report["outcome"], report["skipped"]) == ("done", []), report
        assert not set(left) & set(what_goes(volume)), f"round {number}"
        content.check()
        assert volume.missing() == [], f"round {number}"
    print(f"{half_done} of {ROUNDS} kills were in the middle; TEST_SEED={seed}")
    assert half_done >= ROUNDS / 3
    assert volume.temporary() == []


def test_nothing_is_left_in_the_end(start):
    """After a kill, and when pins are over."""
    server = start(REGISTRY_GC_GRACE="1s")
    admin, volume = Admin(server.root), Volume(server.root)
    content = Content(server.client(), "end")
    for _ in range(PER_ROUND):
        content.push()
    server.restart(same_port=True)
    content.delete_some()
    kill_when_gone(server, admin, what_goes(volume)[0])
    server.start(server.port)
    admin.collect_until(lambda: not volume.unneeded(**TAGGED), "the rest being gone", **TAGGED)
    content.check()
    assert volume.unneeded(**TAGGED) == volume.missing() == volume.uploads() == volume.temporary() == []
