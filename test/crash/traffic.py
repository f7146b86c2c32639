# SPDX-License-Identifier: Apache-2.0
"""Clients that push, move tags and delete, as docker does, over a server that may be killed at any moment.

Each knows what it was answered, and what it was not: a request that was cut off may have been done or not. Tags and
manifests are one client's own; layers are everybody's, but for one in each image. A client whose server went away
waits until it is told that there is one again, and goes on with the request that was cut off.
"""

import collections
import contextlib
import random
import threading

from harness.content import Body, sha256
from harness.push import ALL_MANIFESTS, OCI_INDEX, OCI_MANIFEST, encode, index, manifest, with_query
from harness.wire import Closed, KeptAlive

REPOSITORIES = ["kill/a", "kill/b", "kill/a/c"]
OWN_TAGS = 3
LAYERS = 24
SIZES = (0, 1, 300, 5_000, 70_000, 300_000)
DELETED_KEPT = 10


class Cut(Exception):
    """The server has gone before it answered."""


@contextlib.contextmanager
def cuts():
    """A server that does not answer is no server that has gone."""
    try:
        yield
    except TimeoutError:
        raise
    except (OSError, Closed) as error:
        raise Cut from error


class Image:
    """An image, or an index of images. `own`: the digests that no other image has."""

    def __init__(self, data, media_type, blobs=(), own=(), children=()):
        self.data = data
        self.digest = sha256(data)
        self.media_type = media_type
        self.blobs = blobs  # pairs of digest and bytes
        self.own = frozenset(own)
        self.children = children


class World:
    """What the clients share, and where they wait while there is no server."""

    def __init__(self, port, seed):
        self.port = port
        self.seed = seed
        self.changed = threading.Condition()
        self.counts = collections.Counter()
        self.problems = []
        self.waiting = 0
        self.epoch = 0
        self.ended = False
        layers = [bytes(Body(f"{seed}/layer/{i}", SIZES[i % len(SIZES)] and SIZES[i % len(SIZES)] + i))
                  for i in range(LAYERS)]
        self.layers = [(sha256(layer), layer) for layer in layers]

    def count(self, what):
        with self.changed:
            self.counts[what] += 1

    def problem(self, text):
        with self.changed:
            self.problems.append(text)
            self.changed.notify_all()

    def wait_for_server(self):
        """A client's: until there is a server again. False: there will be none."""
        with self.changed:
            self.waiting += 1
            self.changed.notify_all()
            epoch = self.epoch
            self.changed.wait_for(lambda: self.epoch != epoch)
            return not self.ended

    def wait_for_clients(self, members, patience):
        """Until all have seen that the server is gone."""
        with self.changed:
            all_wait = self.changed.wait_for(lambda: self.waiting == len(members) or self.problems, patience)
            assert all_wait, f"{self.waiting} of {len(members)} clients have seen that the server is gone"

    def wait_for_trouble(self, seconds):
        with self.changed:
            self.changed.wait_for(lambda: self.problems, seconds)

    def go_on(self, ended=False):
        with self.changed:
            self.waiting = 0
            self.epoch += 1
            self.ended = ended
            self.changed.notify_all()


class Member(threading.Thread):
    def __init__(self, world, number):
        super().__init__(daemon=True, name=f"{type(self).__name__} {number}")
        self.world = world
        self.number = number
        self.random = random.Random(f"{world.seed}/{self.name}")
        self.client = KeptAlive(world.port, headers={"Accept": ALL_MANIFESTS})

    def run(self):
        try:
            going = True
            while going:
                try:
                    self.act()
                except Cut:
                    self.world.count("requests cut off")
                    going = self.world.wait_for_server()
        except Exception as error:  # anything at all is a finding
            self.world.problem(f"{self.name}: {type(error).__name__}: {error}")
        finally:
            self.client.drop()

    def act(self):
        raise NotImplementedError

    def ask(self, method, target, *words, expect, **options):
        with cuts():
            answer = self.client.request(method, target, *words, **options)
        assert answer.status in expect, f"{method} {target}: {answer!r}, not {expect}"
        return answer


class Upload:
    """Bytes on their way; `least` of them were acknowledged, and at most `most` were sent."""

    def __init__(self, member, name, digest, data):
        self.member = member
        self.name = name
        self.digest = digest
        self.data = data
        self.location = None
        self.least = self.most = 0
        self.finishing = False

    def run(self):
        """Goes on wherever it is. False: it is gone, and has to begin again."""
        if self.location is None:
            answer = self.member.ask("POST", f"/v2/{self.name}/blobs/uploads/", expect=[202])
            self.location = self.member.client.path(answer.get("Location"))
        elif not self.look():
            return False
        while self.least < len(self.data) and self.member.random.random() < 0.8:
            self.piece(self.member.random.randint(1, len(self.data) - self.least))
        self.finishing, self.most = True, len(self.data)
        self.member.ask("PUT", with_query(self.location, digest=self.digest), self.data[self.least:],
                        {"Content-Type": "application/octet-stream"}, expect=[201])
        return True

    def piece(self, size):
        begin, end = self.least, self.least + size
        self.most = end
        answer = self.member.ask("PATCH", self.location, self.data[begin:end],
                                 {"Content-Range": f"{begin}-{end - 1}"}, expect=[202])
        self.location = self.member.client.path(answer.get("Location"))
        assert answer.exact("Range") == f"0-{end - 1}", answer
        self.least = end

    def look(self):
        """After the server was killed: what was acknowledged is there, and nothing that was never sent."""
        answer = self.member.ask("GET", self.location, expect=[204, 404])
        if answer.status == 404:
            assert self.finishing, f"an upload of which {self.least} bytes were acknowledged is gone"
            return False
        size = int(answer.exact("Range").partition("-")[2]) + 1
        size = 0 if size == 1 and self.least == 0 else size  # of none it says 0-0
        assert self.least <= size <= self.most, f"{size} bytes, not {self.least} to {self.most}"
        self.member.world.count("uploads resumed")
        self.least = self.most = size
        return True


class Push:
    """Of an image to a tag, or by its digest. It can be run again after it was cut off."""

    def __init__(self, member, name, tag, image):
        self.member = member
        self.name = name
        self.tag = tag
        self.image = image
        self.told = set()  # digests of blobs that are there
        self.upload = None
        self.children = [Push(member, name, None, child) for child in image.children]

    def run(self, again):
        """again: the server is another one, which need not know what it never wrote down."""
        if again:
            self.told &= self.image.own
        for child in self.children:
            child.run(again)
        for digest, data in self.image.blobs:
            if digest not in self.told:
                self.blob(digest, data)
                self.told.add(digest)
        reference = self.tag or self.image.digest
        self.member.may_become(self.name, self.tag, self.image)
        answer = self.member.ask("PUT", f"/v2/{self.name}/manifests/{reference}", self.image.data,
                                 {"Content-Type": self.image.media_type}, expect=[201])
        assert answer.exact("Docker-Content-Digest") == self.image.digest
        self.told = set()
        self.member.has_become(self.name, self.tag, self.image)
        self.member.world.count("pushes")

    def blob(self, digest, data):
        url = f"/v2/{self.name}/blobs/{digest}"
        if self.upload and self.upload.digest == digest:
            done, self.upload = self.upload.run(), None
            if done:
                return
        if self.member.ask("HEAD", url, expect=[200, 404]).status == 200:
            return
        if self.member.random.random() < 0.4:
            source = self.member.random.choice(REPOSITORIES)
            answer = self.member.ask("POST", f"/v2/{self.name}/blobs/uploads/?mount={digest}&from={source}",
                                     expect=[201, 202])
            if answer.status == 201:
                self.member.world.count("mounts")
                return
        self.upload = Upload(self.member, self.name, digest, data)
        assert self.upload.run()
        self.upload = None

    def fresh(self):
        """Triples of repository, digest and bytes: acknowledged, and nobody else's."""
        for digest, data in self.image.blobs:
            if digest in self.told & self.image.own:
                yield self.name, digest, data
        for child in self.children:
            yield from child.fresh()


class Delete:
    """Of a tag, or of its manifest with all tags that point at it."""

    def __init__(self, member, key, image, by_digest):
        self.member = member
        self.key = key
        self.image = image
        self.by_digest = by_digest
        self.keys = [key]
        if by_digest:
            self.keys = [other for other, images in member.tags.items()
                         if other[0] == key[0] and images == [image]]

    def run(self, again):
        for name, tag in self.keys:
            self.member.may_become(name, tag, None)
        reference = self.image.digest if self.by_digest else self.key[1]
        self.member.ask("DELETE", f"/v2/{self.key[0]}/manifests/{reference}", expect=[202, 404] if again else [202])
        for name, tag in self.keys:
            self.member.has_become(name, tag, None)
        self.member.world.count("deletes")

    def fresh(self):
        return ()


class Cancel:
    """An upload that comes to nothing."""

    def __init__(self, member, name):
        self.member = member
        self.name = name
        self.location = None

    def run(self, again):
        if self.location is None:
            answer = self.member.ask("POST", f"/v2/{self.name}/blobs/uploads/", expect=[202])
            self.location = self.member.client.path(answer.get("Location"))
        gone = [404] if again else []
        self.member.ask("PATCH", self.location, b"never finished", expect=[202, *gone])
        self.member.ask("DELETE", self.location, expect=[204, *gone])
        self.member.world.count("uploads cancelled")

    def fresh(self):
        return ()


class Pusher(Member):
    """tags: {(repository, tag): [images that it may be, None for none]}."""

    def __init__(self, world, number):
        super().__init__(world, number)
        self.made = 0
        self.tags = {}
        self.deleted = []
        self.job = None
        self.cut = False

    def act(self):
        if self.job is None:
            self.job = self.choose()
        again, self.cut = self.cut, True  # until it has come to its end
        self.job.run(again)
        self.job, self.cut = None, False

    def choose(self):
        name = self.random.choice(REPOSITORIES)
        key = name, f"of-{self.number}-{self.random.randrange(OWN_TAGS)}"
        known = [(other, images[0]) for other, images in self.tags.items() if images != [None]]
        what = self.random.random()
        if known and what < 0.12:
            return Push(self, *key, self.random.choice(known)[1])  # the tag moves to what is there
        if known and what < 0.32:
            other, image = self.random.choice(known)
            self.deleted = [*self.deleted, image][-DELETED_KEPT:]
            return Delete(self, other, image, by_digest=self.random.random() < 0.5)
        if self.deleted and what < 0.4:
            return Push(self, *key, self.deleted.pop())
        if what < 0.45:
            return Cancel(self, name)
        return Push(self, *key, self.index() if what < 0.6 else self.image())

    def image(self):
        self.made += 1
        text = f"{self.name}, {self.made}"
        layer = bytes(Body(f"{self.world.seed}/{text}", self.random.choice((10, 3_000, 20_000, 200_000))))
        config = encode({"architecture": "amd64", "os": "linux", "made": text})
        own = [(sha256(config), config), (sha256(layer), layer)]
        shared = self.random.sample(self.world.layers, self.random.randint(1, 3))
        data = manifest(config, [layer, *(layer for _, layer in shared)])
        return Image(data, OCI_MANIFEST, [*own, *shared], own=[digest for digest, _ in own])

    def index(self):
        children = [self.image() for _ in range(self.random.randint(1, 2))]
        return Image(index([child.data for child in children]), OCI_INDEX, children=children)

    def may_become(self, name, tag, image):
        if tag:
            images = self.tags.setdefault((name, tag), [None])
            if image not in images:
                images.append(image)

    def has_become(self, name, tag, image):
        if tag:
            self.tags[name, tag] = [image]


class Collector(Member):
    """Collects, one run after the other."""

    def __init__(self, world, admin):
        super().__init__(world, 0)
        self.admin = admin

    def act(self):
        with cuts():
            answer = self.admin.start(delete_untagged=self.random.random() < 0.7)
            assert answer.status in (202, 409), answer
            report = self.admin.wait_until_idle()
        assert (report["outcome"], report["skipped"]) == ("done", []), report
        self.world.count("collections")
