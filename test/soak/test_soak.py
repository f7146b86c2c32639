# SPDX-License-Identifier: Apache-2.0
"""Collections one after the other while clients push, pull and delete: nothing that is needed is ever missing, no push
fails, and in the end nothing is left that nobody needs.

SOAK_SECONDS and SOAK_RUNS make it longer: it ends when both are reached. With either, a server with sanitizers has
its turn as well.
"""

import os
import time

import pytest
from crowd import BRIEF_REPOSITORIES, REPOSITORIES, Collector, Puller, Pusher, World, pull, pull_manifest

from harness.admin import Admin
from harness.volume import Volume
from harness.waiting import wait_until

RUNS = int(os.environ.get("SOAK_RUNS", "150"))
SECONDS = float(os.environ.get("SOAK_SECONDS", "40"))
LONG = "SOAK_RUNS" in os.environ or "SOAK_SECONDS" in os.environ
PATIENCE = 120
PUSHERS, PULLERS = 6, 3
GRACE = 1
TAGGED = {"delete_untagged": True}
SETTINGS = {"REGISTRY_GC_GRACE": f"{GRACE}s", "REGISTRY_GC_DELETE_UNTAGGED": "true",
            "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE": "10s"}


def crowd(world, collector):
    """All at work, until the collector has done its runs and the time is over."""
    members = [Pusher(world, i) for i in range(PUSHERS)] + [Puller(world, i) for i in range(PULLERS)]
    begun = time.monotonic()
    for member in [*members, collector]:
        member.start()
    try:
        wait_until(lambda: world.ended.is_set() or
                   (collector.runs >= RUNS and time.monotonic() - begun >= SECONDS),
                   f"{RUNS} collections", timeout=SECONDS + PATIENCE + RUNS / 5, interval=0.1)
    finally:
        world.ended.set()
        for member in [*members, collector]:
            member.join(60)
    assert not any(member.is_alive() for member in [*members, collector])
    return time.monotonic() - begun


def pull_everything(world, client):
    """Every tag that is listed, and every one that ought to be."""
    pulled = 0
    for name in REPOSITORIES + BRIEF_REPOSITORIES:
        answer = client.get(f"/v2/{name}/tags/list")
        listed = set(answer.json()["tags"]) if answer.status == 200 else set()
        expected = {tag for (its, tag), image in world.own.items() if its == name and image}
        assert {tag for tag in listed if tag.startswith("of-")} == expected, name
        for tag in listed:
            missing = []
            assert pull_manifest(client, name, tag, missing), f"{name}:{tag} is listed and not there"
            assert not missing, f"{name}:{tag}: {missing}"
            pull(world, client, (name, tag))
            pulled += 1
    return pulled


@pytest.mark.parametrize("asan", [False] + [True] * LONG, ids=["plain"] + ["sanitizers"] * LONG)
def test_soak(in_memory, make_server, asan):
    seed = os.environ.get("TEST_SEED") or f"soak-{time.time_ns()}"
    print(f"TEST_SEED={seed}")
    server = make_server(asan=asan, environment=SETTINGS)
    world, admin, volume = World(server.port, seed, GRACE), Admin(server.root), Volume(server.root)
    collector = Collector(world, admin)
    seconds = crowd(world, collector)
    assert not world.problems, f"TEST_SEED={seed}: {len(world.problems)} problems, the first: {world.problems[:3]}"

    client = server.client()
    pull_everything(world, client)
    for report in admin.collect_until(lambda: not volume.uploads() and not volume.unneeded(**TAGGED),
                                      "all that nobody needs being gone", timeout=90):
        collector.add(report)
    tags = pull_everything(world, client)
    assert volume.missing() == []
    assert volume.unneeded(**TAGGED) == []
    assert volume.uploads() == []
    assert volume.temporary() == []
    assert not volume.repository("brief").exists()
    summary(world, collector, seed, seconds, tags)
    assert collector.runs >= RUNS
    assert all(collector.sums[name] for name in ("blobs_deleted", "manifests_deleted", "links_deleted",
                                                 "uploads_deleted", "repositories_deleted", "blobs_pinned"))
    assert world.counts["late pushes"] < world.counts["pushes"] / 10


def summary(world, collector, seed, seconds, tags):
    counts = ", ".join(f"{count} {what}" for what, count in sorted(world.counts.items()))
    print(f"soak of {seconds:.0f} s: {collector.runs} runs, {counts}; {collector.sums['blobs_deleted']} blobs and "
          f"{collector.sums['manifests_deleted']} manifests collected, {tags} tags left; longest slice "
          f"{collector.longest / 1000:.1f} ms; TEST_SEED={seed}")
