# SPDX-License-Identifier: Apache-2.0
"""What a collection takes away and what it leaves."""

import json
import os

from harness.admin import Admin
from harness.content import sha256
from harness.push import (OCI_INDEX, OCI_MANIFEST, descriptor, encode, index, manifest, push_blob, push_image,
                          push_manifest, start_upload)
from harness.volume import Volume

REPO = "some/repo"
TAGGED = {"delete_untagged": True}
SHORT = {"REGISTRY_GC_GRACE": "1s"}
LONG_AGO = 1_000_000_000


def digests(*images):
    """All that images consist of."""
    return {sha256(part) for image in images for part in [image.manifest, image.config, *image.layers]}


def delete(client, reference, name=REPO):
    answer = client.delete(f"/v2/{name}/manifests/{reference}")
    assert answer.status == 202, answer


def assert_pulls(client, image, reference, name=REPO):
    for what in (reference, image.digest):
        answer = client.get(f"/v2/{name}/manifests/{what}")
        assert (answer.status, answer.body) == (200, image.manifest), answer
    for data in [image.config, *image.layers]:
        answer = client.get(f"/v2/{name}/blobs/{sha256(data)}")
        assert (answer.status, answer.body) == (200, data), answer


def assert_gone(client, image, name=REPO):
    for url in [f"manifests/{image.digest}", *(f"blobs/{sha256(data)}" for data in [image.config, *image.layers])]:
        assert client.get(f"/v2/{name}/{url}").status == 404


def assert_done(report, **expected):
    """The run went through all; `expected` is what it counted."""
    assert (report["outcome"], report["skipped"]) == ("done", []), report
    assert {name: report[name] for name in expected} == expected, report


def collect_unneeded(admin, volume, **options):
    """Collects until pins have ended and all is gone that nothing needs."""
    return admin.collect_until(lambda: not volume.unneeded(**options), "all that nothing needs being gone", **options)


def total(reports, what):
    return sum(report[what] for report in reports)


# images


def test_nothing_there(admin):
    assert_done(admin.collect(), repositories=0, blobs=0, blobs_deleted=0)


def test_nothing_to_do(admin, client, volume):
    image = push_image(client, REPO, "tag")
    before = volume.listing()
    assert_done(admin.collect(**TAGGED), repositories=1, manifests=1, blobs=3, blobs_marked=3, blobs_deleted=0)
    assert volume.listing() == before
    assert_pulls(client, image, "tag")


def test_a_deleted_image_frees_its_own_layers(admin, client, volume):
    shared = b"what both have"
    stays = push_image(client, REPO, "stays", layers=[shared, b"first"])
    goes = push_image(client, REPO, "goes", layers=[shared, b"second", b"third"])
    before = volume.blobs()
    delete(client, goes.digest)
    gone = digests(goes) - {sha256(shared)}
    assert_done(admin.collect(), blobs_deleted=4, links_deleted=3, bytes_freed=sum(before[one] for one in gone))
    assert set(before) - set(volume.blobs()) == gone
    assert set(volume.layers(REPO)) == digests(stays) - {stays.digest}
    for digest in gone:
        assert not volume.data(digest).parent.exists()
        assert not volume.layer(REPO, digest).parent.exists()
        assert not volume.revision(REPO, digest).parent.exists()
    assert_pulls(client, stays, "stays")
    goes.layers.remove(shared)
    assert_gone(client, goes)
    assert volume.unneeded() == volume.missing() == []


def test_what_another_repository_has_stays_there(admin, client, volume):
    layer = b"in both"
    stays = push_image(client, "other/repo", "tag", layers=[layer])
    goes = push_image(client, REPO, "tag", layers=[layer, b"alone"])
    delete(client, goes.digest)
    assert_done(admin.collect(), blobs_deleted=3)
    assert_pulls(client, stays, "tag", "other/repo")
    assert client.get(f"/v2/{REPO}/blobs/{sha256(layer)}").status == 404
    assert set(volume.blobs()) == digests(stays)


def test_the_same_image_again(admin, client):
    """All of it is uploaded again, and is whole."""
    image = push_image(client, REPO, "tag")
    delete(client, image.digest)
    admin.collect()
    for data in [image.config, *image.layers]:
        assert client.head(f"/v2/{REPO}/blobs/{sha256(data)}").status == 404
    again = push_image(client, REPO, "tag")
    assert again.digest == image.digest
    admin.collect()
    assert_pulls(client, again, "tag")


def test_a_blob_that_was_deleted(admin, client, volume):
    image = push_image(client, REPO, "tag")
    lone = push_blob(client, REPO, b"deleted by hand")
    assert client.delete(f"/v2/{REPO}/blobs/{lone}").status == 202
    assert_done(admin.collect(), blobs_deleted=1)
    assert set(volume.blobs()) == digests(image)


def test_links_of_layers_that_no_manifest_uses(start):
    """Though another repository keeps the data."""
    server = start(**SHORT)
    client, admin, volume = server.client(), Admin(server.root), Volume(server.root)
    image = push_image(client, REPO, "tag", layers=[b"mounted and not used"])
    other = push_image(client, "other/repo", "tag")
    mounted = client.post(f"/v2/other/repo/blobs/uploads/?mount={sha256(image.layers[0])}&from={REPO}")
    assert mounted.status == 201
    reports = collect_unneeded(admin, volume)
    assert total(reports, "links_deleted") == 1
    assert total(reports, "blobs_deleted") == 0
    assert set(volume.layers("other/repo")) == {sha256(other.config), sha256(other.layers[0])}
    assert_pulls(client, image, "tag")


# without tags


def test_untagged_stays_in_a_plain_run(admin, client, volume):
    image = push_image(client, REPO, "tag")
    delete(client, "tag")
    before = volume.blobs()
    assert_done(admin.collect(), manifests_deleted=0, blobs_deleted=0)
    assert volume.blobs() == before
    assert_pulls(client, image, image.digest)


def test_untagged_goes_if_told(admin, client, volume):
    image = push_image(client, REPO, "tag")
    push_image(client, REPO, "other")
    delete(client, "tag")
    assert_done(admin.collect(**TAGGED), manifests_deleted=1, blobs_deleted=3)
    assert_gone(client, image)
    assert volume.unneeded(**TAGGED) == []


def test_overwritten_goes_if_told(admin, client, volume):
    old = push_image(client, REPO, "tag", seed="old")
    new = push_image(client, REPO, "tag", seed="new")
    assert_done(admin.collect(), manifests_deleted=0)
    assert_pulls(client, old, old.digest)
    assert_done(admin.collect(**TAGGED), manifests_deleted=1, blobs_deleted=3)
    assert_gone(client, old)
    assert_pulls(client, new, "tag")
    assert not volume.history(REPO, "tag", old.digest).exists()
    assert volume.history(REPO, "tag", new.digest).exists()


def test_as_configured(start):
    """What the request does not say, the configuration does."""
    server = start(REGISTRY_GC_DELETE_UNTAGGED="true")
    client, admin = server.client(), Admin(server.root)
    image = push_image(client, REPO, "tag")
    push_image(client, REPO, "other")
    delete(client, "tag")
    assert_done(admin.collect(delete_untagged=False), delete_untagged=False, manifests_deleted=0)
    assert_pulls(client, image, image.digest)
    assert_done(admin.collect(), delete_untagged=True, manifests_deleted=1)


def test_one_tag_of_several(admin, client):
    image = push_image(client, REPO, "one")
    push_manifest(client, REPO, "two", image.manifest)
    delete(client, "one")
    assert_done(admin.collect(**TAGGED), manifests_deleted=0, blobs_deleted=0)
    assert_pulls(client, image, "two")


# indexes


def push_index(client, name, reference, children, **more):
    data = index(children, **more)
    push_manifest(client, name, reference or sha256(data), data, OCI_INDEX)
    return data


def push_children(client, *seeds):
    return [push_image(client, REPO, None, seed=seed) for seed in seeds]


def test_children_of_a_tagged_index_stay(admin, client, volume):
    children = push_children(client, "amd64", "arm64")
    data = push_index(client, REPO, "multi", [child.manifest for child in children])
    assert_done(admin.collect(**TAGGED), manifests=3, manifests_deleted=0, blobs_deleted=0)
    for child in children:
        assert_pulls(client, child, child.digest)
    assert set(volume.blobs()) == digests(*children) | {sha256(data)}


def test_children_go_with_their_index(admin, client, volume):
    children = push_children(client, "amd64", "arm64")
    push_index(client, REPO, "multi", [child.manifest for child in children])
    other = push_image(client, REPO, "other")
    delete(client, "multi")
    assert_done(admin.collect(**TAGGED), manifests_deleted=3, blobs_deleted=7)
    for child in children:
        assert_gone(client, child)
    assert set(volume.blobs()) == digests(other)


def test_a_child_of_two_indexes(admin, client):
    both, one = push_children(client, "both", "one")
    push_index(client, REPO, "goes", [both.manifest, one.manifest])
    push_index(client, REPO, "stays", [both.manifest])
    delete(client, "goes")
    assert_done(admin.collect(**TAGGED), manifests_deleted=2, blobs_deleted=4)
    assert_pulls(client, both, both.digest)
    assert_gone(client, one)


def test_an_index_in_an_index(admin, client):
    children = push_children(client, "amd64", "arm64")
    inner = push_index(client, REPO, None, [child.manifest for child in children])
    push_index(client, REPO, "outer", [inner], child_type=OCI_INDEX)
    other = push_image(client, REPO, "other")
    assert_done(admin.collect(**TAGGED), manifests_deleted=0, blobs_deleted=0)
    assert_pulls(client, children[1], children[1].digest)
    delete(client, "outer")
    assert_done(admin.collect(**TAGGED), manifests_deleted=4, blobs_deleted=8)
    for child in children:
        assert_gone(client, child)
    assert_pulls(client, other, "other")


def test_a_child_with_a_tag_of_its_own(admin, client):
    child = push_image(client, REPO, "child")
    push_index(client, REPO, "multi", [child.manifest])
    delete(client, "multi")
    assert_done(admin.collect(**TAGGED), manifests_deleted=1, blobs_deleted=1)
    assert_pulls(client, child, "child")


# referrers


def push_referrer(client, subject, text):
    """An attestation of a manifest; returns what it consists of."""
    config, layer = b"{}", text.encode()
    push_blob(client, REPO, config)
    push_blob(client, REPO, layer)
    data = manifest(config, [layer], artifactType="application/example", subject=descriptor(OCI_MANIFEST, subject))
    push_manifest(client, REPO, sha256(data), data)
    return data, layer


def referrers(client, subject):
    answer = client.get(f"/v2/{REPO}/referrers/{sha256(subject)}")
    assert answer.status == 200, answer
    return {entry["digest"] for entry in json.loads(answer.body)["manifests"]}


def test_referrers_of_what_stays(start):
    server = start(**SHORT)
    client, admin, volume = server.client(), Admin(server.root), Volume(server.root)
    image = push_image(client, REPO, "tag")
    signature, layer = push_referrer(client, image.manifest, "a signature")
    of_signature, other_layer = push_referrer(client, signature, "a signature of the signature")
    extra = push_image(client, REPO, None)  # when its time is over, so would be theirs
    reports = admin.collect_until(lambda: not volume.data(extra.digest).exists(), "the end of pins", **TAGGED)
    assert total(reports, "manifests_deleted") == 1
    assert referrers(client, image.manifest) == {sha256(signature)}
    assert referrers(client, signature) == {sha256(of_signature)}
    for data in (layer, other_layer):
        assert client.get(f"/v2/{REPO}/blobs/{sha256(data)}").body == data


def test_referrers_go_with_their_subject(start):
    server = start(**SHORT)
    client, admin, volume = server.client(), Admin(server.root), Volume(server.root)
    goes, stays = push_image(client, REPO, "goes"), push_image(client, REPO, "stays")
    signature, layer = push_referrer(client, goes.manifest, "a signature")
    of_signature, other_layer = push_referrer(client, signature, "a signature of the signature")
    kept, kept_layer = push_referrer(client, stays.manifest, "another signature")
    delete(client, "goes")
    assert total(collect_unneeded(admin, volume, **TAGGED), "manifests_deleted") == 3
    assert referrers(client, goes.manifest) == referrers(client, signature) == set()
    assert referrers(client, stays.manifest) == {sha256(kept)}
    assert set(volume.blobs()) == digests(stays) | {sha256(kept), sha256(kept_layer), sha256(b"{}")}
    assert not {sha256(of_signature), sha256(layer), sha256(other_layer)} & set(volume.layers(REPO))


def test_a_plain_run_keeps_referrers_of_nothing(start):
    server = start(**SHORT)
    client, admin, volume = server.client(), Admin(server.root), Volume(server.root)
    image = push_image(client, REPO, "goes")
    signature, layer = push_referrer(client, image.manifest, "a signature")
    delete(client, image.digest)
    collect_unneeded(admin, volume)
    assert client.get(f"/v2/{REPO}/manifests/{sha256(signature)}").body == signature
    assert client.get(f"/v2/{REPO}/blobs/{sha256(layer)}").body == layer
    assert_gone(client, image)


# emptied directories


def catalog(client):
    return client.get("/v2/_catalog").json()["repositories"]


def test_an_emptied_repository_goes(admin, client, volume):
    stays = push_image(client, "some/other", "tag")
    goes = push_image(client, REPO, "tag")
    delete(client, goes.digest)
    assert_done(admin.collect(), repositories_deleted=1)
    assert catalog(client) == ["some/other"]
    assert not volume.repository(REPO).exists()
    assert set(volume.blobs()) == digests(stays)
    assert client.get(f"/v2/{REPO}/tags/list").status == 404


def test_nested_repositories(admin, client, volume):
    """A repository below another stays when that goes; and what is above an emptied one goes with it."""
    upper = push_image(client, "a", "tag")
    lower = push_image(client, "a/b/c", "tag")
    deep = push_image(client, "x/y/z", "tag")
    delete(client, upper.digest, "a")
    delete(client, deep.digest, "x/y/z")
    assert_done(admin.collect(), repositories_deleted=2)
    assert catalog(client) == ["a/b/c"]
    assert_pulls(client, lower, "tag", "a/b/c")
    assert [path.name for path in volume.repository("a").iterdir()] == ["b"]
    assert not volume.repository("x").exists()
    again = push_image(client, "x/y/z", "tag")
    assert_pulls(client, again, "tag", "x/y/z")


def test_the_last_of_all(admin, client, volume):
    image = push_image(client, REPO, "tag")
    delete(client, image.digest)
    assert_done(admin.collect(), repositories_deleted=1, blobs_deleted=3)
    assert catalog(client) == []
    assert volume.blobs() == {}
    assert [name for _, _, names in os.walk(volume.root / "docker") for name in names] == []


# uploads


def abandon(client, volume, name=REPO, seconds=LONG_AGO):
    """An upload that nobody has written to for long."""
    location = start_upload(client, name)
    location = client.patch(location, b"some bytes").get("Location")
    path = client.path(location).partition("?")[0]
    folder = volume.repository(name, "_uploads", path.rpartition("/")[2])
    (folder / "startedat").write_text("2001-09-09T01:46:40Z")
    for entry in [*folder.rglob("*"), folder]:
        os.utime(entry, (seconds, seconds))
    return path, folder


def test_abandoned_uploads_go(admin, client, volume):
    push_image(client, REPO, "tag")
    path, folder = abandon(client, volume)
    young = client.path(start_upload(client, REPO)).partition("?")[0]
    assert_done(admin.collect(), uploads=2, uploads_deleted=1)
    assert client.get(path).status == 404
    assert not folder.exists()
    assert client.get(young).status == 204


def test_the_age_of_uploads(start):
    server = start(REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE="1s")
    client, admin, volume = server.client(), Admin(server.root), Volume(server.root)
    push_image(client, REPO, "tag")
    path = client.path(start_upload(client, REPO)).partition("?")[0]
    assert client.get(path).status == 204
    reports = admin.collect_until(lambda: not volume.uploads(), "the upload being given up")
    assert total(reports, "uploads_deleted") == 1
    assert client.get(path).status == 404


def test_uploads_alone_make_no_repository(admin, client, volume):
    abandon(client, volume)
    assert_done(admin.collect(), uploads_deleted=1, repositories_deleted=1)
    assert not volume.repository(REPO).exists()


def test_leftovers_of_cancelled_uploads(admin, client, volume):
    """The registry image leaves a hash of what was cancelled."""
    push_image(client, REPO, "tag")
    left = volume.repository(REPO, "_uploads", "0f60ec3b-d1ae-4b07-9dd0-ea9ba4b1c97b", "hashstates", "sha256", "0")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"sha\x03")
    for path in [left, *left.parents[:3]]:
        os.utime(path, (LONG_AGO, LONG_AGO))
    assert_done(admin.collect(), uploads_deleted=1)
    assert volume.uploads() == []


def test_an_index_without_media_type(admin, client, volume):
    """Kept as what it looks like."""
    image = push_image(client, REPO, "tag", seed="child")
    document = {"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST, image.manifest)]}
    push_manifest(client, REPO, "multi", encode(document), OCI_INDEX)
    delete(client, "tag")
    assert_done(admin.collect(**TAGGED), manifests_deleted=0, blobs_deleted=0)
    assert_pulls(client, image, image.digest)
