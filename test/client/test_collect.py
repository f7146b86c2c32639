# SPDX-License-Identifier: Apache-2.0
"""A volume of the original's is collected here, and goes back; and the two say the same of it."""

import json
import os
import shutil

import pytest

from harness import process
from harness.admin import Admin
from harness.book import Book, references
from harness.content import sha256, sha512
from harness.push import (DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, encode, index,
                          start_upload, with_query)
from harness.server import binary_path
from harness.volume import Volume

LONG_AGO = 1_000_000_000
SHARED = b"a layer of many"


def make_old(root):
    """Nothing on the volume is young enough to be waited for."""
    for folder, folders, files in os.walk(root):
        for entry in [*folders, *files]:
            os.utime(os.path.join(folder, entry), (LONG_AGO, LONG_AGO))


def fill(book, client, body):
    """Of everything something that stays, and something that goes."""
    for media_type in (OCI_MANIFEST, DOCKER_MANIFEST):
        kind = "oci" if media_type == OCI_MANIFEST else "docker"
        book.image(client, "one", f"{kind}-stays", [bytes(body(10_000)), SHARED], media_type)
        book.image(client, "one", f"{kind}-goes", [bytes(body(10_001)), SHARED], media_type)
        book.delete_manifest(client, "one", book.tags["one", f"{kind}-goes"])
    children = [book.image(client, "two/multi", None, [bytes(body(1_000)), SHARED], DOCKER_MANIFEST) for _ in range(2)]
    book.manifest(client, "two/multi", "list", index(children, DOCKER_LIST, DOCKER_MANIFEST), DOCKER_LIST)
    inner = index([book.image(client, "two/multi", None, [bytes(body(1_001))])])
    book.manifest(client, "two/multi", "inner", inner, OCI_INDEX)
    book.manifest(client, "two/multi", "outer", index([inner], child_type=OCI_INDEX), OCI_INDEX)
    book.image(client, "one", "moved", [bytes(body(2_000))])
    book.image(client, "one", "moved", [bytes(body(2_001))])  # the first one has lost its tag
    book.blob(client, "one", bytes(body(3_000)))  # nothing refers to it
    book.image(client, "emptied", "tag", [bytes(body(4_000)), SHARED])
    book.delete_manifest(client, "emptied", book.tags["emptied", "tag"])
    book.named.discard("emptied")


def collected_here(book):
    """Blobs go that no manifest of their repository names, with their links."""
    needed = {(name, digest) for (name, _), (data, _) in book.manifests.items()
              for digest in references(json.loads(data))}
    for key in [key for key in book.blobs if key not in needed]:
        del book.blobs[key]
        book.gone.add((key[0], "blobs", key[1]))


def command(root, scratch, *words):
    """This server's `garbage-collect` on a volume; what it prints."""
    config = scratch / "collect.yml"
    config.write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n")
    done = process.run([str(binary_path(False)), "garbage-collect", *words, str(config)])
    assert all(" level=info msg=\"" in line and "eleting " in line for line in done.stderr.splitlines()), done
    return done.stdout


def test_there_and_back(original, ours, body):
    book, volume = Book(), Volume(ours.root)
    fill(book, original.start().client(), body)
    original.stop()
    make_old(ours.root)

    ours.start()
    before = set(volume.blobs())
    report = Admin(ours.root).collect()
    collected_here(book)
    assert (report["outcome"], report["skipped"]) == ("done", [])
    # two images of a manifest, a config and a layer; the lone blob; the emptied repository
    assert report["blobs_deleted"] == len(before - set(volume.blobs())) == 3 + 3 + 1 + 3
    assert report["repositories_deleted"] == 1
    book.check(ours.client())
    assert volume.unneeded() == volume.missing() == []
    book.image(ours.client(), "one", "new", [bytes(body(5_000)), SHARED])
    ours.stop()

    book.check(original.start().client())
    original.stop()
    before = volume.blobs()
    assert "0 blobs and 0 manifests eligible for deletion" in original.collect()
    assert volume.blobs() == before
    book.check(original.start().client())
    book.image(original.client(), "emptied", "again", [bytes(body(4_000)), SHARED])
    book.check(original.client())


def test_the_original_deletes_untagged_after_us(original, ours, body):
    """Where there are no indexes, nothing is left for it to do."""
    book, volume = Book(), Volume(ours.root)
    client = original.start().client()
    for tag in ("one", "two"):
        for _ in range(2):
            book.image(client, "repo", tag, [bytes(body(1_000)), SHARED])
    original.stop()
    make_old(ours.root)
    ours.start()
    assert Admin(ours.root).collect(delete_untagged=True)["manifests_deleted"] == 2
    ours.stop()
    told = original.collect("-m")
    assert "7 blobs marked, 0 blobs and 0 manifests eligible for deletion" in told
    assert volume.missing() == []
    assert sorted(volume.tags("repo")) == ["one", "two"]


def test_aliases_are_followed(original, ours, body):
    """A sha512 digest as the original stores it: the data has the name of its sha256. Its own collection takes the
    data away while an image needs it."""
    client, volume = original.start().client(), Volume(ours.root)
    data, config = bytes(body(7_000)), b"{}"
    for digest, content in ((sha512(data), data), (sha256(config), config)):
        answer = client.put(with_query(start_upload(client, "alias"), digest=digest), content)
        assert answer.status == 201, answer
    layer = {"mediaType": OCI_LAYER, "size": len(data), "digest": sha512(data)}
    image = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [layer],
                    "config": {"mediaType": OCI_CONFIG, "size": len(config), "digest": sha256(config)}})
    answer = client.put("/v2/alias/manifests/tag", image, {"Content-Type": OCI_MANIFEST})
    assert answer.status == 201, answer
    original.stop()
    assert volume.layer("alias", sha512(data)).read_text() == sha256(data), "the original no longer leaves aliases"
    make_old(ours.root)

    client = ours.start().client()
    report = Admin(ours.root).collect(delete_untagged=True)
    assert (report["outcome"], report["skipped"], report["blobs_deleted"]) == ("done", [], 0), report
    assert volume.layer("alias", sha512(data)).exists()
    assert client.get(f"/v2/alias/blobs/{sha512(data)}").body == data
    assert client.delete("/v2/alias/manifests/tag").status == 202
    report = Admin(ours.root).collect(delete_untagged=True)
    assert report["blobs_deleted"] == 3, report
    assert volume.blobs() == {}


# what is printed


def fill_without_indexes(book, client, body):
    for name in ("one", "two/deep"):
        book.image(client, name, "stays", [bytes(body(1_000)), SHARED])
        book.image(client, name, "moved", [bytes(body(1_001))])
        book.image(client, name, "moved", [bytes(body(1_002))])
        book.image(client, name, "goes", [bytes(body(1_003)), SHARED])
        book.delete_manifest(client, name, book.tags[name, "goes"])
        book.blob(client, name, bytes(body(1_004)))


def links(volume):
    return {(name, digest) for name in volume.repositories() for digest in volume.layers(name)}


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
@pytest.mark.parametrize("words", [[], ["-m"]], ids=["plain", "untagged"])
def test_the_same_lines(original, ours, scratch, body, words, online):
    """Apart from their order: blobs come in none. The original's next version tells of links of layers, too, which
    it removes, and so does this server."""
    fill_part = fill_without_indexes if words else fill
    fill_part(Book(), original.start().client(), body)
    original.stop()
    make_old(ours.root)
    theirs = original.collect("--dry-run", *words).splitlines()
    if online:
        ours.start()
    volume = Volume(ours.root)
    before = links(volume)
    foretold = command(ours.root, scratch, "--dry-run", *words).splitlines()
    assert links(volume) == before
    told = command(ours.root, scratch, *words).splitlines()
    gone = {f"{name}: layer link eligible for deletion: {digest}" for name, digest in before - links(volume)}
    assert gone and set(told) == set(foretold) == set(theirs) | gone


def test_the_same_blobs_go(original, ours, scratch, body):
    """On copies of one volume."""
    fill_without_indexes(Book(), original.start().client(), body)
    original.stop()
    make_old(ours.root)
    copy = scratch / "copy"
    shutil.copytree(ours.root, copy)
    command(copy, scratch, "--delete-untagged")
    original.collect("--delete-untagged")
    assert Volume(copy).blobs() == Volume(ours.root).blobs()
    assert Volume(copy).missing() == []
