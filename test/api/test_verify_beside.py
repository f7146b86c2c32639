# SPDX-License-Identifier: Apache-2.0
"""Verifications beside clients, beside collections, cut off by a kill, and on a volume that goes to the registry image
and comes back.

VERIFY_SECONDS makes the crowd's test longer.
"""

import os
import random
import threading
import time

import pytest

from harness.admin import Admin, Verifier
from harness.content import Body, sha256
from harness.original import Original
from harness.push import OCI_INDEX, index, push_blob, push_image, push_manifest
from harness.volume import TREE, Volume
from harness.waiting import wait_until

SECONDS = float(os.environ.get("VERIFY_SECONDS", "4"))
REPO = "some/repo"
KILLS = 6
DAMAGED = 200


@pytest.fixture
def seed():
    value = os.environ.get("TEST_SEED") or f"verify-{time.time_ns()}"
    print(f"TEST_SEED={value}")
    return value


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    return bytes(data)


def moved_aside(volume):
    """{path: bytes}"""
    return {path: path.read_bytes() for path in (volume.root / TREE / "quarantine").rglob("*") if path.is_file()}


def assert_pulls(client, image, reference="tag", name=REPO):
    assert client.get(f"/v2/{name}/manifests/{reference}").body == image.manifest
    for data in [image.config, *image.layers]:
        assert client.get(f"/v2/{name}/blobs/{sha256(data)}").body == data


# beside clients


class Crowd:
    """Threads that go on until the time is over; what goes wrong in one is the test's."""

    def __init__(self):
        self.over = threading.Event()
        self.wrong = []
        self.threads = []

    def add(self, what):
        def go_on():
            try:
                while not self.over.is_set():
                    what()
            except BaseException as error:  # pylint: disable=broad-except
                self.wrong.append(error)
                self.over.set()
        self.threads.append(threading.Thread(target=go_on))

    def run(self, seconds):
        for thread in self.threads:
            thread.start()
        self.over.wait(seconds)
        self.over.set()
        for thread in self.threads:
            thread.join()
        for error in self.wrong:
            raise error


def test_beside_a_crowd(start, seed):
    """Pushes of the same layers again and again, deletes, collections, damage, healing. What was accepted is whole,
    and nothing good is ever moved aside."""
    server = start(REGISTRY_GC_GRACE="1s", REGISTRY_VERIFY_INTERVAL="1s", REGISTRY_VERIFY_RATE="0")
    volume = Volume(server.root)
    shared = [bytes(Body(f"{seed}/{i}", 30_000)) for i in range(4)]
    victims = {f"victim-{i}": None for i in range(3)}
    for name in victims:
        victims[name] = push_image(server.client(), name, "tag", layers=[f"{name} of {seed}".encode()])
    crowd, counts = Crowd(), {"pushes": 0, "heals": 0, "runs": 0}

    def pusher(number):
        client, choice = server.client(), random.Random(f"{seed}/{number}")

        def push():
            tag = f"tag-{number}-{choice.randrange(3)}"
            image = push_image(client, REPO, tag, seed=str(choice.random()), layers=choice.sample(shared, 2))
            assert_pulls(client, image, tag)
            if choice.random() < 0.5:
                assert client.delete(f"/v2/{REPO}/manifests/{tag}").status == 202
            counts["pushes"] += 1
        return push

    def breaker():
        client, choice = server.client(), random.Random(f"{seed}/breaker")

        def damage():
            name = choice.choice(sorted(victims))
            image = victims[name]
            data = choice.choice([image.config, *image.layers, image.manifest])
            flip(volume.data(sha256(data)))
            if choice.random() < 0.5:
                wait_until(lambda: not volume.data(sha256(data)).exists(), "the damage being moved aside", 60)
            if data is image.manifest:
                push_manifest(client, name, "tag", data)
            else:
                push_blob(client, name, data)
            assert_pulls(client, image, "tag", name)
            counts["heals"] += 1
        return damage

    def verify():
        report = Verifier(server.root).collect()
        assert report["outcome"] == "done", report
        good = {sha256(data) for data in shared}
        assert not good & {finding["what"] for finding in report["findings"]}, report
        counts["runs"] += 1

    for number in range(2):
        crowd.add(pusher(number))
    crowd.add(breaker())
    crowd.add(verify)
    crowd.add(lambda: Admin(server.root).collect(delete_untagged=True))
    crowd.run(SECONDS)
    print(counts)
    assert min(counts.values()) > 0, counts
    for path, data in moved_aside(volume).items():
        assert sha256(data) != f"sha256:{path.name.partition('.')[0]}", f"{path} is what it should be"
    report = Verifier(server.root).collect()
    assert report["findings"] == [], report
    assert volume.missing() == []
    for name, image in victims.items():
        assert_pulls(server.client(), image, "tag", name)


def test_what_is_deleted_meanwhile_is_no_finding(start, seed):
    server = start(REGISTRY_GC_GRACE="1s", REGISTRY_VERIFY_INTERVAL="0")
    admin, verifier, crowd = Admin(server.root), Verifier(server.root), Crowd()
    client = server.client()

    def come_and_go():
        image = push_image(client, REPO, "tag", seed=str(random.random()))
        listed = push_manifest(client, REPO, "multi", index([image.manifest]), OCI_INDEX)
        for digest in (listed, image.digest):
            assert client.delete(f"/v2/{REPO}/manifests/{digest}").status == 202

    def verify():
        report = verifier.collect()
        assert (report["outcome"], report["findings"]) == ("done", []), report

    crowd.add(come_and_go)
    crowd.add(lambda: admin.collect(delete_untagged=True))
    crowd.add(verify)
    crowd.run(SECONDS / 2)


# cut off


def test_killed_while_it_moves_things_aside(server, seed):
    """Each is in its old place or moved, and never lost, and never both."""
    volume, choice = Volume(server.root), random.Random(seed)
    wrong = {}
    for number in range(DAMAGED):
        digest, data = sha256(b"right %d" % number), b"wrong %d" % number
        path = volume.data(digest)
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        wrong[digest] = data

    def where(digest):
        path = volume.data(digest)
        return ([path] if path.exists() else []) + volume.quarantined(digest)

    middle = 0
    for _ in range(KILLS):
        before = len(moved_aside(volume))
        enough = min(before + choice.randrange(1, DAMAGED // KILLS), DAMAGED)
        Verifier(server.root).begin()
        wait_until(lambda enough=enough: len(moved_aside(volume)) >= enough, "some being moved", interval=0)
        server.kill()
        for digest, data in wrong.items():
            places = where(digest)
            assert len(places) == 1 and places[0].read_bytes() == data, places
        middle += len(moved_aside(volume)) < DAMAGED
        server.start(server.port)
    assert middle >= KILLS / 2, middle
    report = Verifier(server.root).collect()
    assert report["outcome"] == "done"
    assert all(where(digest) == volume.quarantined(digest) for digest in wrong)
    assert volume.blobs() == {} and len(moved_aside(volume)) == DAMAGED
    assert volume.temporary() == []


# the registry image on the same volume


def test_the_registry_image_does_not_see_what_was_moved(server, scratch):
    """It serves, lists and collects as if that were not there, and stores what is pushed again."""
    client, volume, verifier = server.client(), Volume(server.root), Verifier(server.root)
    image, other = push_image(client, REPO, "tag"), push_image(client, REPO, "other")
    torn = push_image(client, "torn/repo", "tag")
    layer = sha256(image.layers[0])
    flip(volume.data(layer))
    volume.data(torn.digest).write_bytes(b"")
    assert verifier.collect()["moved"] == 2
    moved = moved_aside(volume)
    server.stop()

    folder = scratch / "original"
    folder.mkdir()
    original = Original(folder, server.root).start()
    try:
        client = original.client()
        assert_pulls(client, other, "other")
        assert client.get("/v2/_catalog").json()["repositories"] == [REPO, "torn/repo"]
        assert client.get(f"/v2/{REPO}/blobs/{layer}").status == 404
        assert client.get("/v2/torn/repo/manifests/tag").status == 404
        push_blob(client, REPO, image.layers[0])
        assert_pulls(client, image)
    finally:
        original.stop()
    said = original.collect()
    assert f"marking manifest {other.digest}" in said, said
    assert moved_aside(volume) == moved

    server.start()
    client = server.client()
    assert_pulls(client, image)
    assert_pulls(client, other, "other")
    admin = Admin(server.root)
    assert admin.collect()["outcome"] == "done"
    assert moved_aside(volume) == moved
    assert_pulls(client, other, "other")
    for data in [torn.config, *torn.layers]:
        push_blob(client, "torn/repo", data)
    push_manifest(client, "torn/repo", "tag", torn.manifest)
    assert_pulls(client, torn, "tag", "torn/repo")
    report = Verifier(server.root).collect()
    assert report["findings"] == [], report
