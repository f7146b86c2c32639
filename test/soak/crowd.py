# SPDX-License-Identifier: Apache-2.0
"""Clients that push, pull and delete, in threads of their own, and know what they may expect.

The rule between them: anybody may delete anything at any time, and who was told that something is there may use it
for as long as the grace period lasts, and no longer. So a push that took longer than that since it was first told may
fail; it is then late, and done again. Any other push succeeds.

Some tags are one client's own: only it writes and deletes them, and so their content is known at every moment at
which it is not changing them (the ledger says when that is). The others are everybody's.
"""

import collections
import contextlib
import json
import random
import threading
import time

from harness.content import Body, sha256
from harness.push import ALL_MANIFESTS, OCI_INDEX, OCI_MANIFEST, encode, index, manifest, start_upload, with_query
from harness.wire import Client, KeptAlive

REPOSITORIES = ["soak/a", "soak/b", "soak/a/nested", "other/c"]
BRIEF_REPOSITORIES = [f"brief/{i}/{part}" for i in range(10) for part in ("x", "y/z")]  # empty most of the time
SHARED_TAGS = [f"everybodys-{i}" for i in range(6)]
OWN_TAGS = 4
LAYERS = 30
SIZES = (0, 1, 300, 5_000, 5_001, 70_000, 300_000)
LATE_ATTEMPTS = 20


class Ledger:
    """Which tags are being changed, and how often that has been done."""

    def __init__(self):
        self.lock = threading.Lock()
        self.changes = collections.Counter()
        self.active = collections.Counter()

    @contextlib.contextmanager
    def changing(self, *keys):
        with self.lock:
            self.changes.update(keys)
            self.active.update(keys)
        try:
            yield
        finally:
            with self.lock:
                self.active.subtract(keys)

    def state(self, *keys):
        """The same as before if nothing has changed since then; None while something does."""
        with self.lock:
            return None if any(self.active[key] for key in keys) else [self.changes[key] for key in keys]


class Image:
    """An image, or an index of images."""

    def __init__(self, data, media_type, blobs=(), children=()):
        self.data = data
        self.digest = sha256(data)
        self.media_type = media_type
        self.blobs = blobs  # pairs of digest and bytes
        self.children = children


class World:
    """What the clients share."""

    def __init__(self, port, seed, grace):
        self.port = port
        self.seed = seed
        self.grace = grace
        self.ledger = Ledger()
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.problems = []
        self.own = {}     # (repository, tag): Image, or None if it was deleted
        self.shared = {}  # (repository, tag): one of the images that were pushed there
        self.ended = threading.Event()
        layers = [bytes(Body(f"{seed}/layer/{i}", SIZES[i % len(SIZES)] and SIZES[i % len(SIZES)] + i))
                  for i in range(LAYERS)]
        self.layers = [(sha256(layer), layer) for layer in layers]
        configs = [encode({"architecture": "amd64", "os": "linux", "number": i}) for i in range(6)]
        self.configs = [(sha256(config), config) for config in configs]

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] += by

    def problem(self, text):
        with self.lock:
            self.problems.append(text)
        self.ended.set()


class Member(threading.Thread):
    """One client: does something at random until the end."""

    def __init__(self, world, number):
        super().__init__(daemon=True, name=f"{type(self).__name__} {number}")
        self.world = world
        self.number = number
        self.random = random.Random(f"{world.seed}/{self.name}")
        headers = {"Accept": ALL_MANIFESTS}
        self.client = KeptAlive(world.port, headers=headers) if number % 2 else \
            Client(world.port, headers={**headers, "Connection": "close"})

    def run(self):
        try:
            while not self.world.ended.is_set():
                self.act()
        except Exception as error:  # anything at all is a finding
            self.world.problem(f"{self.name}: {type(error).__name__}: {error}")
        finally:
            if isinstance(self.client, KeptAlive):
                self.client.drop()

    def act(self):
        raise NotImplementedError

    def expect(self, answer, *statuses):
        assert answer.status in statuses, f"{answer!r}, not {statuses}"
        return answer

    def repository(self):
        return self.random.choice(REPOSITORIES)


class Late(Exception):
    """A promise has ended before it was used."""


class Push:
    """One push: what it was told, and since when."""

    def __init__(self, member, name):
        self.client = member.client
        self.random = member.random
        self.world = member.world
        self.name = name
        self.since = time.monotonic()

    def late(self):
        return time.monotonic() - self.since >= self.world.grace

    def expect(self, answer, *statuses):
        """Anything else is a failure; if the push is late, it is that only."""
        if answer.status in statuses:
            return answer
        if self.late() and answer.status in (400, 404):
            raise Late
        raise AssertionError(f"after {time.monotonic() - self.since:.3f} s: {answer!r}, not {statuses}")

    def blob(self, digest, data):
        """As docker does: what is there is not sent."""
        url = f"/v2/{self.name}/blobs/{digest}"
        if self.expect(self.client.head(url), 200, 404).status == 200:
            self.world.count("layers reused")
            return
        location = None
        if self.random.random() < 0.4:
            source = self.random.choice(REPOSITORIES)
            answer = self.client.post(f"/v2/{self.name}/blobs/uploads/?mount={digest}&from={source}")
            if self.expect(answer, 201, 202).status == 201:
                self.world.count("layers mounted")
            else:
                location = answer.get("Location")
        if location or self.expect(self.client.head(url), 200, 404).status == 404:
            self.upload(location or start_upload(self.client, self.name), digest, data)
        self.expect(self.client.head(url), 200)

    def upload(self, location, digest, data):
        self.world.count("layers uploaded")
        if self.random.random() < 0.5:
            answer = self.client.put(with_query(location, digest=digest), data,
                                     {"Content-Type": "application/octet-stream"})
        else:
            answer = self.expect(self.client.patch(location, data, chunked=True), 202)
            answer = self.client.put(with_query(answer.get("Location"), digest=digest))
        self.expect(answer, 201)

    def manifest(self, reference, image):
        answer = self.client.put(f"/v2/{self.name}/manifests/{reference}", image.data,
                                 {"Content-Type": image.media_type})
        assert self.expect(answer, 201).exact("Docker-Content-Digest") == image.digest

    def whole(self, reference, image):
        for child in image.children:
            known = self.client.head(f"/v2/{self.name}/manifests/{child.digest}")
            if self.expect(known, 200, 404).status == 404:
                self.whole(child.digest, child)
        for digest, data in image.blobs:
            self.blob(digest, data)
        self.manifest(reference, image)


class Pusher(Member):
    """Pushes, and deletes."""

    def __init__(self, world, number):
        super().__init__(world, number)
        self.made = 0
        self.deleted = []
        self.choices = [(30, self.push_own), (12, self.push_shared), (10, self.push_own_index),
                        (5, self.push_shared_index), (10, self.retag_own), (6, self.retag_shared),
                        (8, self.push_again), (8, self.delete_own_tag), (8, self.delete_own_manifest),
                        (10, self.come_and_go), (5, self.delete_shared_tag), (5, self.delete_shared_manifest),
                        (2, self.abandon_upload), (2, self.cancel_upload)]

    def act(self):
        weights, actions = zip(*self.choices)
        self.random.choices(actions, weights)[0]()

    # what is pushed

    def image(self):
        """Its layers are everybody's, but for one in some; its manifest is no other's."""
        self.made += 1
        own = f"{self.name}, {self.made}"
        layers = self.random.sample(self.world.layers, self.random.randint(1, 4))
        if self.random.random() < 0.3:
            layer = bytes(Body(f"{self.world.seed}/{own}", self.random.choice((10, 3_000, 20_000))))
            layers.append((sha256(layer), layer))
        config = self.random.choice(self.world.configs)
        if self.random.random() < 0.4:
            text = encode({"architecture": "amd64", "os": "linux", "made": own})
            config = sha256(text), text
        data = manifest(config[1], [layer for _, layer in layers], annotations={"made": own})
        return Image(data, OCI_MANIFEST, [config, *layers])

    def index(self):
        children = [self.image() for _ in range(self.random.randint(1, 3))]
        return Image(index([child.data for child in children]), OCI_INDEX, children=children)

    # where

    def own_key(self):
        return self.repository(), f"of-{self.number}-{self.random.randrange(OWN_TAGS)}"

    def own_image(self):
        """An own tag that is there, and its image; or nothing."""
        mine = [(key, image) for key, image in self.world.own.copy().items()
                if image and key[1].startswith(f"of-{self.number}-")]
        return self.random.choice(sorted(mine, key=lambda entry: entry[0])) if mine else (None, None)

    def shared_key(self):
        return self.repository(), self.random.choice(SHARED_TAGS)

    # pushing

    def push(self, key, image):
        """Tries until it is not late."""
        for _ in range(LATE_ATTEMPTS):
            try:
                Push(self, key[0]).whole(key[1], image)
                self.world.count("pushes")
                return
            except Late:
                self.world.count("late pushes")
        raise AssertionError(f"late {LATE_ATTEMPTS} times")

    def to_own(self, key, image):
        with self.world.ledger.changing(key):
            self.push(key, image)
            self.world.own[key] = image

    def to_shared(self, key, image):
        with self.world.ledger.changing(key):
            self.push(key, image)
            self.world.shared[key] = image

    def push_own(self):
        self.to_own(self.own_key(), self.image())

    def push_own_index(self):
        self.to_own(self.own_key(), self.index())

    def push_shared(self):
        self.to_shared(self.shared_key(), self.image())

    def push_shared_index(self):
        self.to_shared(self.shared_key(), self.index())

    def retag_own(self):
        _, image = self.own_image()
        if image:
            self.to_own(self.own_key(), image)

    def retag_shared(self):
        images = list(self.world.shared.copy().values())
        if images:
            self.to_shared(self.shared_key(), self.random.choice(images))

    def push_again(self):
        """What was deleted before."""
        if self.deleted:
            self.to_own(self.own_key(), self.deleted.pop(self.random.randrange(len(self.deleted))))

    # deleting

    def delete(self, name, reference, *statuses):
        self.expect(self.client.delete(f"/v2/{name}/manifests/{reference}"), *statuses)
        self.world.count("deletes")

    def delete_own_tag(self):
        key, image = self.own_image()
        if image:
            with self.world.ledger.changing(key):
                self.delete(*key, 202)
                self.world.own[key] = None
            self.deleted.append(image)

    def delete_own_manifest(self):
        key, image = self.own_image()
        if image:
            keys = [other for other, its in self.world.own.copy().items()
                    if its is not None and (other[0], its.digest) == (key[0], image.digest)]
            with self.world.ledger.changing(*keys):
                self.delete(key[0], image.digest, 202)
                self.world.own.update(dict.fromkeys(keys))
            self.deleted.append(image)

    def delete_shared_tag(self):
        key = self.shared_key()
        with self.world.ledger.changing(key):
            self.delete(*key, 202, 404)

    def delete_shared_manifest(self):
        name, tag = self.shared_key()
        image = self.world.shared.get((name, tag))
        if image:
            with self.world.ledger.changing(*[(name, other) for other in SHARED_TAGS]):
                self.delete(name, image.digest, 202, 404)

    def come_and_go(self):
        """The only image of a repository, as a rule: its directories come and go, too."""
        key = self.random.choice(BRIEF_REPOSITORIES), f"of-{self.number}-0"
        with self.world.ledger.changing(key):
            image = self.image()
            self.push(key, image)
            self.world.own[key] = image
        pull(self.world, self.client, key)
        with self.world.ledger.changing(key):
            self.delete(key[0], image.digest, 202)
            self.world.own[key] = None

    # uploads that come to nothing

    def abandon_upload(self):
        self.expect(self.client.patch(start_upload(self.client, self.repository()), b"never finished"), 202)

    def cancel_upload(self):
        location = start_upload(self.client, self.repository())
        self.expect(self.client.patch(location, b"cancelled"), 202)
        self.expect(self.client.delete(location), 204)


class Puller(Member):
    """Pulls by tag, and looks at every byte."""

    def act(self):
        own = self.world.own.copy()
        some = self.random.random() < 0.1  # of those that were deleted
        keys = [key for key, image in own.items() if image or some] + [*self.world.shared.copy()]
        if keys:
            pull(self.world, self.client, self.random.choice(sorted(keys)))


def pull(world, client, key):
    before = world.ledger.state(key)
    expected = world.own.get(key)
    missing = []
    digest = pull_manifest(client, key[0], key[1], missing)
    if before is None or world.ledger.state(key) != before:
        world.count("pulls overtaken")
        return
    assert not missing or not digest, f"{key}: {missing} of {digest}, and the tag has not moved"
    if key in world.own:
        assert digest == (expected and expected.digest), f"{key}: {digest}, not {expected and expected.digest}"
    world.count("pulls" if digest else "pulls of nothing")


def pull_manifest(client, name, reference, missing):
    """Its digest, or None. What it needs and is not there goes into `missing`; what is wrong is a failure."""
    answer = client.get(f"/v2/{name}/manifests/{reference}")
    if answer.status == 404:
        return None
    assert answer.status == 200, answer
    digest = answer.exact("Docker-Content-Digest")
    assert sha256(answer.body) == digest, f"{name}: {reference} is not what its digest says"
    document = json.loads(answer.body)
    for child in document.get("manifests", []):
        if pull_manifest(client, name, child["digest"], missing) is None:
            missing.append(child["digest"])
    for part in [document["config"], *document["layers"]] if "config" in document else []:
        blob = client.get(f"/v2/{name}/blobs/{part['digest']}")
        if blob.status == 404:
            missing.append(part["digest"])
            continue
        assert blob.status == 200, blob
        assert sha256(blob.body) == part["digest"], f"{name}: {part['digest']} is not what its digest says"
    return digest


class Collector(threading.Thread):
    """Collects, one run after the other."""

    def __init__(self, world, admin):
        super().__init__(daemon=True)
        self.world = world
        self.admin = admin
        self.runs = 0
        self.sums = collections.Counter()
        self.longest = 0

    def run(self):
        try:
            while not self.world.ended.is_set():
                self.add(self.admin.collect())
        except Exception as error:  # anything at all is a finding
            self.world.problem(f"collector: {type(error).__name__}: {error}")

    def add(self, report):
        assert (report["outcome"], report["skipped"]) == ("done", []), report
        self.runs += 1
        self.longest = max(self.longest, report["longest_slice_us"])
        for name in ("blobs_deleted", "bytes_freed", "manifests_deleted", "links_deleted", "uploads_deleted",
                     "repositories_deleted", "blobs_pinned"):
            self.sums[name] += report[name]
