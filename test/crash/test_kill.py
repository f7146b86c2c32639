# SPDX-License-Identifier: Apache-2.0
"""A server is killed at random moments while clients push, move tags and delete, and collections run; another one
takes its place: it is there at once, has everything that was acknowledged, byte for byte, nothing that was deleted,
nothing torn, and each upload can go on.

KILL_ROUNDS makes it longer: `./dev crash` does 500. A kill does not lose what the kernel has not yet written: what is
on the disk after a crash of the machine, the other tests of this folder say.
"""

import hashlib
import os
import random
import time

from traffic import REPOSITORIES, Collector, Pusher, World

from harness.admin import Admin
from harness.volume import Volume

ROUNDS = int(os.environ.get("KILL_ROUNDS", "10"))
PUSHERS = 5
SHORTEST, LONGEST = 0.02, 0.6  # seconds between two kills
PATIENCE = 30
START = 3  # seconds, on a machine that does other things


class Checker:
    """Looks at what there is while no client is at work."""

    def __init__(self, client, pushers, volume):
        self.client = client
        self.pushers = pushers
        self.volume = volume
        self.looked_at = 0
        self.seen = set()

    def check(self):
        self.seen = set()
        self.check_data()
        for pusher in self.pushers:
            for (name, tag), images in pusher.tags.items():
                self.check_tag(name, tag, images)
            for name, digest, data in pusher.job.fresh() if pusher.job else ():
                self.check_blob(name, digest, data)
        self.check_lists()

    def check_data(self):
        """No file is anything else than its name says."""
        for digest in self.volume.blobs():
            data = self.volume.data(digest).read_bytes()
            assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest, f"{digest} is torn: {len(data)} bytes"

    def check_tag(self, name, tag, images):
        answer = self.client.get(f"/v2/{name}/manifests/{tag}")
        if answer.status == 404:
            assert None in images, f"{name}:{tag} is gone, and was {images[0].digest}"
            return
        assert answer.status == 200, answer
        image = next((image for image in images if image and image.data == answer.body), None)
        assert image, f"{name}:{tag} is none of {[image and image.digest for image in images]}"
        self.check_image(name, image)

    def check_image(self, name, image):
        answer = self.client.get(f"/v2/{name}/manifests/{image.digest}")
        assert (answer.status, answer.body) == (200, image.data), f"{name}: {answer}"
        for child in image.children:
            self.check_image(name, child)
        for digest, data in image.blobs:
            self.check_blob(name, digest, data)

    def check_blob(self, name, digest, data):
        if (name, digest) not in self.seen:
            self.seen.add((name, digest))
            answer = self.client.get(f"/v2/{name}/blobs/{digest}")
            assert (answer.status, answer.body) == (200, data), f"{name}: {digest}: {answer.status}"
            self.looked_at += 1

    def check_lists(self):
        """Tags that are certain are listed; and whatever is listed can be pulled."""
        for name in REPOSITORIES:
            answer = self.client.get(f"/v2/{name}/tags/list")
            assert answer.status in (200, 404), answer
            listed = answer.json()["tags"] or [] if answer.status == 200 else []
            certain = {tag for pusher in self.pushers for (its, tag), images in pusher.tags.items()
                       if its == name and None not in images}
            assert certain <= set(listed), f"{name}: {certain - set(listed)} not listed"
            for tag in listed:
                assert self.client.head(f"/v2/{name}/manifests/{tag}").status == 200, f"{name}:{tag} is listed only"


def start_again(server):
    begun = time.monotonic()
    server.start(server.port)
    took = time.monotonic() - begun
    assert took < START, f"it took {took:.1f} s to start"
    return took


def test_killed_at_work(in_memory, make_server):
    seed = os.environ.get("TEST_SEED") or f"kill-{time.time_ns()}"
    print(f"TEST_SEED={seed}")
    server = make_server()
    chance = random.Random(seed)
    world = World(server.port, seed)
    pushers = [Pusher(world, i) for i in range(PUSHERS)]
    members = [*pushers, Collector(world, Admin(server.root))]
    checker = Checker(server.client(), pushers, Volume(server.root))
    slowest = 0
    for member in members:
        member.start()
    try:
        for number in range(ROUNDS):
            world.wait_for_trouble(chance.uniform(SHORTEST, LONGEST))
            assert world.waiting == 0 or world.problems, "a client was cut off by a server that lives"
            server.kill()
            world.wait_for_clients(members, PATIENCE)
            assert not world.problems, f"TEST_SEED={seed}, round {number}: {world.problems[:3]}"
            slowest = max(slowest, start_again(server))
            checker.check()
            world.go_on(ended=number == ROUNDS - 1)
        for member in members:
            member.join(PATIENCE)
        assert not world.problems, f"TEST_SEED={seed}, at the end: {world.problems[:3]}"
        checker.check()
    finally:
        world.go_on(ended=True)
    counts = ", ".join(f"{count} {what}" for what, count in sorted(world.counts.items()))
    print(f"{ROUNDS} kills: {counts}; {checker.looked_at} blobs looked at, slowest start {slowest * 1000:.0f} ms, "
          f"{len(checker.volume.temporary())} temporary files left; TEST_SEED={seed}")
    assert world.counts["requests cut off"] >= ROUNDS
    server.kill()  # what was cut off in the middle of a file has left one beside it
