# SPDX-License-Identifier: Apache-2.0
"""What clients were told is there stays there: until they have used it, or the grace period is over."""

import os
import time

import pytest

from harness.admin import Admin
from harness.content import sha256
from harness.push import (OCI_INDEX, OCI_MANIFEST, descriptor, index, manifest, push_blob, push_image, push_manifest,
                          start_upload, with_query)
from harness.volume import Volume
from harness.waiting import wait_until

REPO = "some/repo"
TAGGED = {"delete_untagged": True}
LONG_AGO = 1_000_000_000
LINGER = 2


@pytest.fixture
def hasty(start):
    """A server whose grace is short."""
    return start(REGISTRY_GC_GRACE="1s")


def delete(client, reference, name=REPO):
    assert client.delete(f"/v2/{name}/manifests/{reference}").status == 202


def has(client, digest, name=REPO):
    """Asks in a way that promises nothing."""
    return client.get(f"/v2/{name}/blobs/{digest}").status == 200


def promised(client, digest, name=REPO, kind="blobs"):
    return client.head(f"/v2/{name}/{kind}/{digest}").status == 200


def empty(admin, volume, **options):
    """Collects until nothing is left."""
    return admin.collect_until(lambda: not volume.blobs(), "everything being gone", **options)


# blobs


def test_an_uploaded_blob_waits_for_its_manifest(admin, client):
    config, layer = b"{}", b"the layer"
    push_blob(client, REPO, config)
    push_blob(client, REPO, layer)
    report = admin.collect(**TAGGED)
    assert (report["blobs_deleted"], report["links_deleted"], report["blobs_pinned"]) == (0, 0, 2)
    assert report["bytes_reclaimable"] == len(config + layer)
    push_manifest(client, REPO, "tag", manifest(config, [layer]))
    report = admin.collect(**TAGGED)
    assert (report["blobs_deleted"], report["blobs_pinned"], report["blobs_marked"]) == (0, 0, 3)


def test_an_uploaded_blob_goes_when_its_time_is_over(hasty):
    client, admin, volume = hasty.client(), Admin(hasty.root), Volume(hasty.root)
    push_blob(client, REPO, b"never used")
    reports = empty(admin, volume)
    assert reports[0]["blobs_pinned"] == 1
    assert sum(report["blobs_deleted"] for report in reports) == 1
    assert not volume.repository(REPO).exists()


def test_what_was_asked_for_is_pinned(server, client, admin):
    """HEAD of a layer says that it need not be uploaded."""
    image = push_image(client, REPO, "tag", layers=[b"asked for", b"not asked for"])
    server.restart(same_port=True)  # that all of it was used a moment ago is forgotten
    delete(client, image.digest)
    asked, other = (sha256(layer) for layer in image.layers)
    assert promised(client, asked)
    report = admin.collect()
    assert (report["blobs_deleted"], report["blobs_pinned"]) == (3, 1)
    assert (has(client, asked), has(client, other)) == (True, False)
    push_blob(client, REPO, b"{}")
    again = manifest(b"{}", [b"asked for"])
    push_manifest(client, REPO, "again", again)
    delete(client, sha256(again))
    assert admin.collect()["blobs_pinned"] == 0
    assert not has(client, asked)


def test_reading_promises_nothing(admin, client):
    """GET of a layer: who has all of it need not be told that it is there."""
    image = push_image(client, REPO, "tag")
    assert has(client, sha256(image.layers[0]))
    delete(client, image.digest)
    assert has(client, sha256(image.layers[0]))
    assert admin.collect()["blobs_pinned"] == 0
    assert not has(client, sha256(image.layers[0]))


def test_a_promise_ends(hasty):
    client, admin, volume = hasty.client(), Admin(hasty.root), Volume(hasty.root)
    image = push_image(client, REPO, "tag")
    delete(client, image.digest)
    assert promised(client, sha256(image.layers[0]))
    empty(admin, volume)


def test_a_mounted_blob_waits_for_its_manifest(admin, client):
    image = push_image(client, "other/repo", "tag")
    layer = sha256(image.layers[0])
    answer = client.post(f"/v2/{REPO}/blobs/uploads/?mount={layer}&from=other/repo")
    assert answer.status == 201
    delete(client, image.digest, "other/repo")
    report = admin.collect(**TAGGED)
    assert (report["blobs_deleted"], report["blobs_pinned"]) == (2, 1)
    assert has(client, layer)
    push_blob(client, REPO, b"{}")
    push_manifest(client, REPO, "tag", manifest(b"{}", image.layers))
    admin.collect(**TAGGED)
    assert has(client, layer)


def test_a_pin_is_its_repositorys(admin, client):
    """What one repository was promised keeps the data, and no other's link."""
    image = push_image(client, REPO, "tag")
    push_image(client, "other/repo", "tag", layers=image.layers)
    layer = sha256(image.layers[0])
    for name in (REPO, "other/repo"):
        digest = client.get(f"/v2/{name}/manifests/tag").exact("Docker-Content-Digest")
        delete(client, digest, name)
    assert promised(client, layer)
    admin.collect()
    assert has(client, layer)
    assert not has(client, layer, "other/repo")


def test_an_upload_in_progress(hasty):
    """It takes longer than the grace period, and what the client was told before is still there."""
    client, admin = hasty.client(), Admin(hasty.root)
    config, data = b"{}", b"a layer that takes its time"
    location = start_upload(client, REPO)
    with client.wire() as wire:
        wire.send_head("PATCH", client.path(location), {"Content-Length": len(data)})
        wire.send(data[:10])
        push_blob(client, REPO, config)
        begun = time.monotonic()
        wait_until(lambda: admin.collect(**TAGGED) and time.monotonic() > begun + LINGER,
                   "collections during an upload", timeout=30)
        wire.send(data[10:])
        assert wire.read("PATCH").status == 202
    answer = client.put(with_query(location, digest=sha256(data)))
    assert answer.status == 201, answer
    push_manifest(client, REPO, "tag", manifest(config, [data]))


def test_another_push_was_told_the_same(admin, client):
    """Two clients build on one layer. The first has used it, and deletes its image at once: the second, which is
    still uploading, can use it as well."""
    image = push_image(client, REPO, "base")
    layer, data = image.layers[0], b"the second's own layer"
    location = start_upload(client, REPO)
    for _ in ("the first", "the second"):
        assert promised(client, sha256(layer))
    with client.wire() as wire:
        wire.send_head("PATCH", client.path(location), {"Content-Length": len(data)})
        wire.send(data[:10])
        config = b"{}"
        push_blob(client, REPO, config)
        first = manifest(config, [layer])
        used = time.monotonic()
        push_manifest(client, REPO, "first", first)
        for digest in (image.digest, sha256(first)):
            delete(client, digest)
        wait_until(lambda: admin.collect(**TAGGED) and time.monotonic() > used + LINGER + 1,
                   "collections after the first has used it", timeout=30)
        wire.send(data[10:])
        assert wire.read("PATCH").status == 202
    assert client.put(with_query(location, digest=sha256(data))).status == 201
    push_blob(client, REPO, config)
    push_manifest(client, REPO, "second", manifest(config, [layer, data]))
    admin.collect(**TAGGED)
    assert has(client, sha256(layer))


# manifests


def test_a_manifest_waits_for_its_index(admin, client):
    child = push_image(client, REPO, None)
    report = admin.collect(**TAGGED)
    assert (report["manifests_deleted"], report["blobs_deleted"]) == (0, 0)
    multi = index([child.manifest])
    push_manifest(client, REPO, "multi", multi, OCI_INDEX)
    delete(client, "multi")
    assert admin.collect(**TAGGED)["manifests_deleted"] == 2
    assert client.get(f"/v2/{REPO}/manifests/{child.digest}").status == 404


def test_a_manifest_without_an_index_goes_when_its_time_is_over(hasty):
    client, admin, volume = hasty.client(), Admin(hasty.root), Volume(hasty.root)
    push_image(client, REPO, None)
    assert sum(report["manifests_deleted"] for report in empty(admin, volume, **TAGGED)) == 1


def test_a_manifest_that_was_asked_for(admin, client):
    """HEAD by digest: it may be put into an index now, with all that it has."""
    asked, other = push_image(client, REPO, "asked"), push_image(client, REPO, "other")
    for tag in ("asked", "other"):
        delete(client, tag)
    assert promised(client, asked.digest, kind="manifests")
    report = admin.collect(**TAGGED)
    assert (report["manifests_deleted"], report["blobs_deleted"]) == (1, 3)
    assert client.get(f"/v2/{REPO}/manifests/{other.digest}").status == 404
    push_manifest(client, REPO, "multi", index([asked.manifest]), OCI_INDEX)
    admin.collect(**TAGGED)
    for data in [asked.config, *asked.layers]:
        assert has(client, sha256(data))


def push_signature(client, subject):
    config, layer = b"{}", b"a signature"
    for data in (config, layer):
        push_blob(client, REPO, data)
    data = manifest(config, [layer], artifactType="application/example", subject=descriptor(OCI_MANIFEST, subject))
    return push_manifest(client, REPO, sha256(data), data)


def test_a_referrer_of_what_waits_for_its_tag(admin, client):
    """All is pushed by digest, and the tag comes last."""
    image = push_image(client, REPO, None)
    digest = push_signature(client, image.manifest)
    used = time.monotonic()
    wait_until(lambda: admin.collect(**TAGGED) and time.monotonic() > used + LINGER + 1, "collections", timeout=30)
    push_manifest(client, REPO, "tag", image.manifest)
    assert client.get(f"/v2/{REPO}/manifests/{digest}").status == 200
    assert has(client, sha256(b"a signature"))


# restarts


def test_a_restart_pins_what_is_young(server, client, admin, volume):
    digest = push_blob(client, REPO, b"before the restart")
    server.restart(same_port=True)
    report = admin.collect(**TAGGED)
    assert (report["blobs_deleted"], report["blobs_pinned"]) == (0, 1)
    push_blob(client, REPO, b"{}")
    push_manifest(client, REPO, "tag", manifest(b"{}", [b"before the restart"]))
    admin.collect(**TAGGED)
    assert has(client, digest)
    assert volume.missing() == []


def test_a_promise_survives_a_restart(server, client, admin):
    """Also one that was made long after the layer was pushed, and used."""
    image = push_image(client, REPO, "tag")
    assert promised(client, sha256(image.layers[0]))
    server.restart(same_port=True)
    delete(client, image.digest)
    report = admin.collect()
    assert (report["blobs_deleted"], report["blobs_pinned"]) == (2, 1)
    assert has(client, sha256(image.layers[0]))


def test_a_restart_does_not_pin_what_is_old(server, client, admin, volume):
    digest = push_blob(client, REPO, b"before the restart")
    push_image(client, REPO, "tag")
    server.stop()
    for path in (volume.layer(REPO, digest), volume.data(digest)):
        os.utime(path, (LONG_AGO, LONG_AGO))
    server.start(server.port)
    assert admin.collect()["blobs_deleted"] == 1
    assert digest not in volume.blobs()
    assert volume.missing() == []


def test_a_restart_does_not_pin_what_was_used(server, client, admin, volume):
    image = push_image(client, REPO, "tag")
    server.restart(same_port=True)
    delete(client, image.digest)
    report = admin.collect()
    assert (report["blobs_deleted"], report["blobs_pinned"], report["repositories_deleted"]) == (3, 0, 1)
    assert volume.blobs() == {}


def test_a_kill_pins_what_is_young(server, client, admin):
    digest = push_blob(client, REPO, b"before the kill")
    server.kill()
    server.start(server.port)
    assert admin.collect()["blobs_pinned"] == 1
    assert has(client, digest)
