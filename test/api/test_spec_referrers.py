# SPDX-License-Identifier: Apache-2.0
"""Specification: Pushing Manifests with Subject, Listing Referrers, Enabling the Referrers API."""

import json
import re
import urllib.parse

import pytest

from harness.content import sha256, sha512
from harness.push import (DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, descriptor, encode, index, manifest, push_blob,
                          push_image, push_manifest)

EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
SBOM = "application/vnd.example.sbom.v1+json"
SIGNATURE = "application/vnd.example.signature"
NOWHERE = "sha256:" + "0" * 64


def artifact(subject, /, config_type=EMPTY_TYPE, **more):
    """A manifest that speaks of another one, which is given by its bytes or its digest."""
    if isinstance(subject, bytes):
        subject = descriptor(OCI_MANIFEST, subject)
    elif subject:
        subject = {"mediaType": OCI_MANIFEST, "size": 7682, "digest": subject}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config_type, EMPTY),
                "layers": [], **({"subject": subject} if subject else {}), **more}
    return encode({key: value for key, value in document.items() if value is not None})


def push(client, repo, data, media_type=OCI_MANIFEST, reference=None):
    push_blob(client, repo, EMPTY)
    answer = client.put(f"/v2/{repo}/manifests/{reference or sha256(data)}", data, {"Content-Type": media_type})
    assert answer.status == 201, answer
    return answer


def get(client, repo, digest, **query):
    text = "?" + urllib.parse.urlencode(query) if query else ""
    answer = client.get(f"/v2/{repo}/referrers/{digest}{text}")
    assert answer.status == 200, answer
    assert answer.exact("Content-Type") == OCI_INDEX
    document = json.loads(answer.body)
    assert (document["schemaVersion"], document["mediaType"]) == (2, OCI_INDEX)
    assert isinstance(document["manifests"], list)
    return answer, document["manifests"]


def listed(client, repo, digest, **query):
    return get(client, repo, digest, **query)[1]


def digests(client, repo, digest, **query):
    return sorted(entry["digest"] for entry in listed(client, repo, digest, **query))


def only(client, repo, digest, **query):
    entries = listed(client, repo, digest, **query)
    assert len(entries) == 1, entries
    return entries[0]


@pytest.fixture
def subject(shared, repo):
    return push_image(shared, repo, "latest")


# which are listed

def test_none(shared, repo, subject):
    """Listing Referrers: no match is an empty list."""
    assert listed(shared, repo, subject.digest) == []


def test_unknown_subject(shared, repo, subject):
    """Listing Referrers: never 404."""
    assert listed(shared, repo, NOWHERE) == []
    assert listed(shared, repo, "sha512:" + "0" * 128) == []


def test_unknown_repository(shared, repo):
    """Listing Referrers: never 404, also when nothing has been pushed yet."""
    assert listed(shared, repo, NOWHERE) == []


def test_repository_of_blobs_only(shared, repo):
    """Listing Referrers: never 404."""
    assert listed(shared, repo, push_blob(shared, repo, EMPTY)) == []


@pytest.mark.parametrize("digest", ["sha256:abc", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha256:" + "A" * 64,
                                    "sha256:" + "g" * 64, "sha512:" + "0" * 64, "sha256", "latest", ":", "sha256:",
                                    "md5:" + "0" * 32, "nonsense:" + "0" * 64, "sha256%3Aabc"])
def test_invalid_digest(shared, repo, subject, digest):
    """Listing Referrers: an invalid request is a 400."""
    answer = shared.get(f"/v2/{repo}/referrers/{digest}")
    assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")


def test_invalid_name(shared):
    """Listing Referrers: an invalid request is a 400."""
    answer = shared.get(f"/v2/some/UPPER/referrers/{NOWHERE}")
    assert (answer.status, answer.code()) == (400, "NAME_INVALID")


def test_descriptor(shared, repo, subject):
    """Listing Referrers: a descriptor that leads to the manifest's bytes."""
    data = artifact(subject.manifest, artifactType=SBOM)
    push(shared, repo, data)
    entry = only(shared, repo, subject.digest)
    assert entry == {**descriptor(OCI_MANIFEST, data), "artifactType": SBOM}
    assert shared.get(f"/v2/{repo}/manifests/{entry['digest']}").body == data


def test_several(shared, repo, subject):
    """Listing Referrers: all that have the subject, and no others."""
    other = push_image(shared, repo, "other", seed="other")
    pushed = [artifact(subject.manifest, artifactType=SBOM, annotations={"number": str(i)}) for i in range(5)]
    for data in [*pushed, artifact(other.manifest), artifact(None)]:
        push(shared, repo, data)
    assert digests(shared, repo, subject.digest) == sorted(map(sha256, pushed))
    assert len(listed(shared, repo, other.digest)) == 1


def test_not_of_another_repository(shared, repo, subject):
    """Listing Referrers: of the same namespace."""
    push(shared, repo, artifact(subject.manifest))
    for other in (f"{repo}/below", f"{repo}-beside"):
        push_image(shared, other, "latest")
        assert listed(shared, other, subject.digest) == []


def test_referrer_of_a_referrer(shared, repo, subject):
    """Listing Referrers: the subject is what the field says, not what that one's subject says."""
    first = artifact(subject.manifest, artifactType=SBOM)
    second = artifact(first, artifactType=SIGNATURE)
    push(shared, repo, first)
    push(shared, repo, second)
    assert digests(shared, repo, subject.digest) == [sha256(first)]
    assert digests(shared, repo, sha256(first)) == [sha256(second)]
    assert listed(shared, repo, sha256(second)) == []


def test_listed_once(shared, repo, subject):
    """Listing Referrers: however often it was pushed, under whatever tags."""
    data = artifact(subject.manifest)
    push(shared, repo, data)
    for tag in ("a", "b", "a"):
        push(shared, repo, data, reference=tag)
    assert digests(shared, repo, subject.digest) == [sha256(data)]


def test_index_as_subject(shared, repo, subject):
    """Listing Referrers: of any manifest."""
    parent = index([subject.manifest])
    push_manifest(shared, repo, "multi", parent, OCI_INDEX)
    data = artifact(sha256(parent))
    push(shared, repo, data)
    assert digests(shared, repo, sha256(parent)) == [sha256(data)]
    assert listed(shared, repo, subject.digest) == []


# in which order

def test_referrer_before_its_subject(shared, repo):
    """Push: a subject need not be there, and both orders are the same in the end."""
    config, layer = b'{"late": true}', b"layer that comes late"
    late = manifest(config, [layer])
    data = artifact(late, artifactType=SBOM)
    push(shared, repo, data)
    before = listed(shared, repo, sha256(late))
    push_blob(shared, repo, config)
    push_blob(shared, repo, layer)
    push_manifest(shared, repo, "late", late)
    assert listed(shared, repo, sha256(late)) == before == [{**descriptor(OCI_MANIFEST, data), "artifactType": SBOM}]


def test_referrer_outlives_its_subject(shared, repo, subject):
    """Enabling the Referrers API: what has a subject and is there is listed."""
    data = artifact(subject.manifest)
    push(shared, repo, data)
    assert shared.delete(f"/v2/{repo}/manifests/{subject.digest}").status == 202
    assert digests(shared, repo, subject.digest) == [sha256(data)]


def test_deleted_referrer(shared, repo, subject):
    """Deleting Manifests: it is not there any more, the others are."""
    kept, gone = (artifact(subject.manifest, annotations={"k": k}) for k in ("kept", "gone"))
    push(shared, repo, kept)
    push(shared, repo, gone)
    assert shared.delete(f"/v2/{repo}/manifests/{sha256(gone)}").status == 202
    assert digests(shared, repo, subject.digest) == [sha256(kept)]
    assert shared.get(f"/v2/{repo}/manifests/{subject.digest}").body == subject.manifest
    push(shared, repo, gone)
    assert len(listed(shared, repo, subject.digest)) == 2


def test_deleting_a_referrers_tag_keeps_it(shared, repo, subject):
    """Deleting tags: the manifest stays, and so it is listed."""
    data = artifact(subject.manifest)
    push(shared, repo, data, reference="signature")
    assert shared.delete(f"/v2/{repo}/manifests/signature").status == 202
    assert digests(shared, repo, subject.digest) == [sha256(data)]


def test_fallback_tag(shared, repo, subject):
    """Enabling the Referrers API: what clients listed under the tag of the schema before is listed too."""
    before, after = (artifact(subject.manifest, artifactType=SBOM, annotations={"k": k}) for k in ("before", "after"))
    tag = subject.digest.replace(":", "-")
    push(shared, repo, before)
    fallback = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        descriptor(OCI_MANIFEST, before, artifactType=SBOM, annotations={"k": "before"})]})
    push_manifest(shared, repo, tag, fallback, OCI_INDEX)
    push(shared, repo, after)
    assert digests(shared, repo, subject.digest) == sorted([sha256(before), sha256(after)])
    assert shared.get(f"/v2/{repo}/manifests/{tag}").body == fallback


def test_fallback_tag_of_an_image_without_subject(shared, repo, subject):
    """Enabling the Referrers API: only what has a valid subject; and the tag is a tag like others."""
    stranger = artifact(None, artifactType=SBOM)
    push(shared, repo, stranger)
    fallback = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_MANIFEST, stranger)]})
    push_manifest(shared, repo, subject.digest.replace(":", "-"), fallback, OCI_INDEX)
    assert listed(shared, repo, subject.digest) == []


# what is said of them

def test_type_of_the_config(shared, repo, subject):
    """Listing Referrers: an image without artifactType has its config's."""
    for more in ({}, {"artifactType": ""}, {"annotations": {"a": "b"}}):
        push(shared, repo, artifact(subject.manifest, config_type=SIGNATURE, **more))
    assert [entry["artifactType"] for entry in listed(shared, repo, subject.digest)] == 3 * [SIGNATURE]


def test_own_type_before_the_configs(shared, repo, subject):
    """Listing Referrers: the manifest's own, if present."""
    push(shared, repo, artifact(subject.manifest, config_type=SIGNATURE, artifactType=SBOM))
    assert only(shared, repo, subject.digest)["artifactType"] == SBOM


@pytest.mark.parametrize("more", [{}, {"artifactType": ""}])
def test_index_without_type(shared, repo, subject, more):
    """Listing Referrers: an index has none of its own, and none of a config."""
    data = index([], subject=descriptor(OCI_MANIFEST, subject.manifest), **more)
    answer = push(shared, repo, data, OCI_INDEX)
    assert answer.get("OCI-Subject") == subject.digest
    assert only(shared, repo, subject.digest) == descriptor(OCI_INDEX, data)


def test_index_with_type_and_annotations(shared, repo, subject):
    """Listing Referrers: indexes are described as images are."""
    said = {"artifactType": SBOM, "annotations": {"org.example.k": "v"}}
    data = index([subject.manifest], subject=descriptor(OCI_MANIFEST, subject.manifest), **said)
    push(shared, repo, data, OCI_INDEX)
    assert only(shared, repo, subject.digest) == {**descriptor(OCI_INDEX, data), **said}


def test_no_media_type_of_its_own(shared, repo, subject):
    """Listing Referrers: the descriptor's mediaType is the one that the manifest is served with."""
    data = artifact(subject.manifest, mediaType=None)
    push(shared, repo, data)
    entry = only(shared, repo, subject.digest)
    served = shared.get(f"/v2/{repo}/manifests/{entry['digest']}").exact("Content-Type")
    assert entry["mediaType"] == served == OCI_MANIFEST


def test_annotations(shared, repo, subject):
    """Listing Referrers: the manifest's, unchanged."""
    annotations = {"org.opencontainers.image.created": "2022-01-01T14:42:55Z", "empty": "", "": "empty",
                   "quote": 'a "b" \\ c', "control": "tab\tline\nstart\u0001",
                   "wide": "\u00e9\u20ac\U0001f4e6", "z": "{}"}
    push(shared, repo, artifact(subject.manifest, artifactType=SBOM, annotations=annotations))
    assert only(shared, repo, subject.digest)["annotations"] == annotations


def test_no_annotations(shared, repo, subject):
    """Listing Referrers: none is none; the config's and the subject's are others'."""
    spoken = descriptor(OCI_MANIFEST, subject.manifest, annotations={"of": "the subject"})
    config = descriptor(EMPTY_TYPE, EMPTY, annotations={"of": "the config"})
    push(shared, repo, artifact(None, subject=spoken, config=config, artifactType=SBOM))
    assert not only(shared, repo, subject.digest).get("annotations")


# filters

@pytest.fixture
def two_kinds(shared, repo, subject):
    """An SBOM and two signatures, one of them called so by its config."""
    of_kind = {SBOM: [artifact(subject.manifest, artifactType=SBOM)],
               SIGNATURE: [artifact(subject.manifest, artifactType=SIGNATURE),
                           artifact(subject.manifest, config_type=SIGNATURE)]}
    for data in sum(of_kind.values(), []):
        push(shared, repo, data)
    return of_kind


def test_filter(shared, repo, subject, two_kinds):
    """Listing Referrers: filtered, and said so."""
    for kind, manifests in two_kinds.items():
        answer, entries = get(shared, repo, subject.digest, artifactType=kind)
        assert answer.get("OCI-Filters-Applied") == "artifactType"
        assert sorted(entry["digest"] for entry in entries) == sorted(map(sha256, manifests))
        assert {entry["artifactType"] for entry in entries} == {kind}


def test_no_filter(shared, repo, subject, two_kinds):
    """Listing Referrers: the header is for a filter that was applied."""
    answer, entries = get(shared, repo, subject.digest)
    assert answer.get("OCI-Filters-Applied") is None
    assert len(entries) == 3


@pytest.mark.parametrize("kind", ["application/vnd.example", "nothing", SIGNATURE + "x", SIGNATURE.upper() + "%"])
def test_filter_that_matches_nothing(shared, repo, subject, two_kinds, kind):
    """Listing Referrers: an empty list, filtered."""
    answer, entries = get(shared, repo, subject.digest, artifactType=kind)
    assert entries == []
    assert answer.get("OCI-Filters-Applied") == "artifactType"


def test_filter_of_nothing(shared, repo):
    """Listing Referrers: filtered is what was asked for, also where nothing is."""
    answer, entries = get(shared, repo, NOWHERE, artifactType=SBOM)
    assert (entries, answer.get("OCI-Filters-Applied")) == ([], "artifactType")


def test_filter_spelled_as_in_the_specification(shared, repo, subject, two_kinds):
    """Listing Referrers: the example's query has a bare slash."""
    answer = shared.get(f"/v2/{repo}/referrers/{subject.digest}?artifactType={SIGNATURE}")
    assert answer.get("OCI-Filters-Applied") == "artifactType"
    assert len(json.loads(answer.body)["manifests"]) == 2


def test_index_without_type_matches_no_filter(shared, repo, subject):
    """Listing Referrers: no artifactType, no match."""
    push(shared, repo, index([], subject=descriptor(OCI_MANIFEST, subject.manifest)), OCI_INDEX)
    assert listed(shared, repo, subject.digest, artifactType=OCI_INDEX) == []


def test_other_parameters_filter_nothing(shared, repo, subject, two_kinds):
    """Listing Referrers: only filters that were applied are named."""
    answer, entries = get(shared, repo, subject.digest, annotation="x", mediaType=OCI_INDEX)
    assert len(entries) == 3
    assert answer.get("OCI-Filters-Applied") is None


# the header

def test_subject_header(shared, repo, subject):
    """Pushing Manifests with Subject: OCI-Subject, by tag and by digest, there or not."""
    for spoken in (subject.manifest, NOWHERE, "sha512:" + "1" * 128):
        data = artifact(spoken)
        for reference in ("signature", sha256(data), sha512(data)):
            expected = sha256(spoken) if isinstance(spoken, bytes) else spoken
            assert push(shared, repo, data, reference=reference).get("OCI-Subject") == expected


def test_no_subject_header(shared, repo):
    """Pushing Manifests with Subject: only with a subject; null is none."""
    push_blob(shared, repo, EMPTY)
    for data in (artifact(None), encode({**json.loads(artifact(None)), "subject": None}), index([])):
        media_type = json.loads(data)["mediaType"]
        assert push(shared, repo, data, media_type).get("OCI-Subject") is None


@pytest.mark.parametrize("spoken", ["text", 1, [], {}, {"digest": "sha256:abc"}, {"digest": 5}])
def test_invalid_subject(shared, repo, spoken):
    """Pushing Manifests with Subject: what is no descriptor is no valid manifest."""
    push_blob(shared, repo, EMPTY)
    answer = shared.put(f"/v2/{repo}/manifests/x", artifact(None, subject=spoken), {"Content-Type": OCI_MANIFEST})
    assert answer.status == 400
    assert answer.errors()
    assert shared.get(f"/v2/{repo}/manifests/x").status == 404


def test_docker_manifest_with_subject(shared, repo, subject):
    """Pushing Manifests with Subject: what the header promises, the list keeps."""
    push_blob(shared, repo, EMPTY)
    data = manifest(EMPTY, [], DOCKER_MANIFEST, subject=descriptor(OCI_MANIFEST, subject.manifest))
    answer = push(shared, repo, data, DOCKER_MANIFEST)
    promised = answer.get("OCI-Subject") == subject.digest
    assert digests(shared, repo, subject.digest) == ([sha256(data)] if promised else [])


# sha512

def test_sha512_subject(shared, repo, subject):
    """Listing Referrers: the digest is the subject field's, whatever its algorithm."""
    by_digest = sha512(subject.manifest)
    push(shared, repo, subject.manifest, reference=by_digest)
    data = artifact(by_digest, artifactType=SBOM)
    push(shared, repo, data)
    assert digests(shared, repo, by_digest) == [sha256(data)]
    assert listed(shared, repo, subject.digest) == []


def test_sha512_referrer(shared, repo, subject):
    """Listing Referrers: listed by the digest that it was pushed with."""
    data = artifact(subject.manifest, artifactType=SBOM)
    push(shared, repo, data, reference=sha512(data))
    entry = only(shared, repo, subject.digest)
    assert entry == {"mediaType": OCI_MANIFEST, "size": len(data), "digest": sha512(data), "artifactType": SBOM}
    assert shared.get(f"/v2/{repo}/manifests/{entry['digest']}").body == data


# many

def test_more_than_a_manifest_may_hold(shared, repo, subject):
    """Listing Referrers: in one index or in several, that a Link leads through; none is left out."""
    pushed = [artifact(subject.manifest, annotations={"number": str(i), "pad": "p" * 1_400_000}) for i in range(4)]
    for data in pushed:
        push(shared, repo, data)
    seen, target = [], f"/v2/{repo}/referrers/{subject.digest}"
    while target:
        answer = shared.get(target)
        assert answer.exact("Content-Type") == OCI_INDEX
        seen += [entry["digest"] for entry in json.loads(answer.body)["manifests"]]
        link = answer.get("Link")
        target = link and re.fullmatch(r'<([^>]*)>; rel="next"', link).group(1)
    assert sorted(seen) == sorted(map(sha256, pushed))


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_read_only(shared, repo, method):
    """Endpoints: end-12 is a GET."""
    answer = shared.request(method, f"/v2/{repo}/referrers/{NOWHERE}")
    assert answer.status == 405
    assert "GET" in answer.exact("Allow").split(", ")


def test_survive_a_restart(server, client, repo):
    """Listing Referrers: what was listed stays listed."""
    image = push_image(client, repo, "latest")
    data = artifact(image.manifest, artifactType=SBOM)
    push(client, repo, data)
    server.restart()
    assert digests(server.client(), repo, image.digest) == [sha256(data)]
