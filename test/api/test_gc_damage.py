# SPDX-License-Identifier: Apache-2.0
"""What cannot be read is named, and all that it might reach is kept; the rest is collected."""

import shutil

import pytest

from harness import process
from harness.admin import Admin
from harness.push import push_image
from harness.server import binary_path
from harness.volume import TREE, Volume

BAD, GOOD = "the/bad", "the/good"
TAGGED = {"delete_untagged": True}


def torn(path):
    path.write_bytes(path.read_bytes()[:-7])


def emptied(path):
    path.write_bytes(b"")


def garbage(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n not what one expects")


def other_digest(path):
    path.write_text("sha256:" + "0" * 64)


def without_data(path):
    shutil.rmtree(path.parent)


def manifest_data(volume, image):
    return volume.data(image.digest)


def revision(volume, image):
    return volume.revision(BAD, image.digest)


def current(volume, _):
    return volume.current(BAD, "tag")


# what is damaged, how, and whether it is the digest (or the tag) that the report names
DAMAGE = {
    "a torn manifest": (manifest_data, torn, True),
    "an empty manifest": (manifest_data, emptied, True),
    "a manifest that is garbage": (manifest_data, garbage, True),
    "a manifest that is gone": (manifest_data, without_data, True),
    "a torn revision": (revision, torn, True),
    "an empty revision": (revision, emptied, True),
    "a revision that is garbage": (revision, garbage, True),
    "a revision of something else": (revision, other_digest, True),
    "a torn tag": (current, torn, False),
    "an empty tag": (current, emptied, False),
    "a tag that is garbage": (current, garbage, False),
}


@pytest.fixture
def damaged(start):
    """damaged(change) gives a server on a volume that change(volume, image) was done to: in the bad repository are
    an untagged image and the tagged one, in the good one an image that can go and one that stays."""
    def make(change, **environment):
        server = start(**environment)
        client, volume = server.client(), Volume(server.root)
        for name in (BAD, GOOD):
            old = push_image(client, name, "tag", seed="old")
            image = push_image(client, name, "tag", seed="new")
            if name == BAD:
                bad = image
        server.stop()
        change(volume, bad)
        server.start()
        return server, bad, old
    return make


def keeps_what_is_bad(volume, before, report):
    """Of the bad repository nothing went, of the good one the old image."""
    assert report["outcome"] == "done", report
    assert report["skipped_count"] == len(report["skipped"]) >= 1, report
    assert all(entry["reason"] for entry in report["skipped"])
    assert report["manifests_deleted"] == 1
    assert report["blobs_deleted"] == 3
    after = volume.listing()
    prefix = str(volume.repository(BAD)) + "/"
    assert {path: what for path, what in after.items() if path.startswith(prefix)} == before
    return report["skipped"]


def below(volume, name):
    prefix = str(volume.repository(name)) + "/"
    return {path: what for path, what in volume.listing().items() if path.startswith(prefix)}


def sound(volume, image):
    """All blobs but the image's manifest: if that is damaged, the server moves it aside, now or in a moment."""
    return set(volume.blobs()) - {image.digest}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage(damaged, what):
    place, how, by_digest = DAMAGE[what]
    server, image, old = damaged(lambda volume, image: how(place(volume, image)))
    volume, before = Volume(server.root), below(Volume(server.root), BAD)
    blobs = sound(volume, image)
    skipped = keeps_what_is_bad(volume, before, Admin(server.root).collect(**TAGGED))
    named = image.digest if by_digest else "tag"
    assert any(entry["what"] == f"{BAD}: {named}" for entry in skipped), skipped
    assert len(blobs) - len(sound(volume, image)) == 3
    assert server.client().get(f"/v2/{GOOD}/manifests/tag").status == 200
    assert server.client().get(f"/v2/{GOOD}/manifests/{old.digest}").status == 404


def test_damage_is_healed_by_a_push(damaged):
    """Then the run goes through, and takes what was kept."""
    server, _, _ = damaged(lambda volume, image: torn(manifest_data(volume, image)))
    admin, volume = Admin(server.root), Volume(server.root)
    assert admin.collect(**TAGGED)["skipped_count"] == 1
    push_image(server.client(), BAD, "tag", seed="new")
    report = admin.collect(**TAGGED)
    assert (report["skipped"], report["manifests_deleted"], report["blobs_deleted"]) == ([], 1, 3)
    assert volume.unneeded(**TAGGED) == volume.missing() == []


def test_a_directory_that_is_no_repository(damaged):
    """Someone has moved a repository to a name that cannot be: what its links name is kept."""
    def move(volume, _):
        volume.repository(BAD).rename(volume.repository("the/BAD one"))
    server, image, _ = damaged(move)
    volume = Volume(server.root)
    blobs, before = volume.blobs(), below(volume, "the/BAD one")
    report = Admin(server.root).collect(**TAGGED)
    assert (report["outcome"], report["blobs_deleted"]) == ("done", 3), report
    assert any("the/BAD one" in entry["what"] for entry in report["skipped"]), report
    assert below(volume, "the/BAD one") == before
    assert len(volume.blobs()) == len(blobs) - 3
    volume.repository("the/BAD one").rename(volume.repository(BAD))
    assert server.client().get(f"/v2/{BAD}/manifests/tag").body == image.manifest
    assert volume.missing() == []


def test_a_stray_data_file(damaged):
    """A file of that name stops the collection of the registry image."""
    def stray(volume, _):
        path = volume.blobs_folder / "sha256" / "ab" / "not-a-digest" / "data"
        path.parent.mkdir(parents=True)
        path.write_text("somebody's")
    server, _, _ = damaged(stray)
    volume = Volume(server.root)
    report = Admin(server.root).collect(**TAGGED)
    assert (report["outcome"], report["blobs_deleted"]) == ("done", 6), report
    assert (volume.blobs_folder / "sha256" / "ab" / "not-a-digest" / "data").read_text() == "somebody's"


def test_strays_that_mean_nothing(damaged):
    """Files that somebody left beside the repositories are nobody's business."""
    def strays(volume, _):
        (volume.repositories_folder / "notes.txt").write_text("mine")
        (volume.repositories_folder / "lost+found").mkdir()
        (volume.blobs_folder / "README").write_text("mine")
    server, _, _ = damaged(strays)
    volume = Volume(server.root)
    report = Admin(server.root).collect(**TAGGED)
    assert (report["outcome"], report["blobs_deleted"]) == ("done", 6), report
    assert (volume.repositories_folder / "notes.txt").read_text() == "mine"
    assert volume.missing() == []


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_the_command_says_so(damaged, scratch, online):
    server, image, _ = damaged(lambda volume, image: torn(manifest_data(volume, image)))
    if not online:
        server.stop()
    config = scratch / "config.yml"
    config.write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {server.root}\n")
    done = process.run([str(binary_path(True)), "garbage-collect", "-m", str(config)], check=False)
    assert done.returncode == 1, done
    assert done.stderr.rstrip().splitlines()[-1].startswith("failed to garbage collect: "), done.stderr
    assert BAD in done.stderr and image.digest in done.stderr
    assert (server.root / TREE).exists()
    assert len(sound(Volume(server.root), image)) == 12 - 3 - 1
