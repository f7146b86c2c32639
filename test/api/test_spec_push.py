# SPDX-License-Identifier: Apache-2.0
"""Specification: Pushing blobs, Mounting a blob, Pushing Manifests and their tags."""

import json

import pytest

from harness.content import sha256, sha512
from harness.push import (OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor, encode, manifest, push_blob,
                          push_image, push_manifest, start_upload, with_query)

NOWHERE = "sha256:" + "0" * 64
LIMIT = 4 << 20
OCTETS = {"Content-Type": "application/octet-stream"}


def uploads(repo, **query):
    target = f"/v2/{repo}/blobs/uploads/"
    return with_query(target, **query) if query else target


def check_blob(client, repo, answer, data, digest):
    """Created, where it says, and there by its digest."""
    assert answer.status == 201, answer
    assert client.get(answer.get("Location")).body == data
    assert client.get(f"/v2/{repo}/blobs/{digest}").body == data
    if answer.get("Docker-Content-Digest"):
        assert answer.get("Docker-Content-Digest") in (sha256(data), sha512(data))


def put_manifest(client, repo, reference, data, media_type=OCI_MANIFEST):
    return client.put(f"/v2/{repo}/manifests/{reference}", data, {"Content-Type": media_type})


def tags(client, repo):
    answer = client.get(f"/v2/{repo}/tags/list")
    return (answer.json()["tags"] or []) if answer.status == 200 else []


@pytest.fixture
def image(shared, repo):
    return push_image(shared, repo, None)


# blobs

@pytest.mark.parametrize("digest", ["sha256:abc", "nonsense", "md5:" + "0" * 32, "sha1:" + "0" * 40, ":",
                                    "sha512:" + "0" * 64, "sha256:" + "G" * 64], ids=lambda digest: digest[:12])
def test_single_post_with_an_invalid_digest(shared, repo, digest):
    """Pushing blobs: an invalid digest, or one of an unsupported algorithm, is a 400."""
    answer = shared.post(uploads(repo, digest=digest), b"data", OCTETS)
    assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")


def test_put_of_another_algorithms_digest(shared, repo, body):
    """Pushing blobs: 400 for what the content does not have, sha512 as well."""
    data = bytes(body(1000))
    location = start_upload(shared, repo)
    answer = shared.put(with_query(location, digest=sha512(data + b"x")), data, OCTETS)
    assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")
    assert shared.head(f"/v2/{repo}/blobs/{sha512(data + b'x')}").status == 404


@pytest.mark.parametrize("announced", [{}, {"digest-algorithm": "sha512"}, {"digest-algorithm": "sha256"}],
                         ids=["nothing", "sha512", "sha256"])
@pytest.mark.parametrize("digest_of", [sha256, sha512])
def test_algorithm(shared, repo, body, announced, digest_of):
    """Pushing a blob in chunks: in chunks; the algorithm is announced, or not, or another one comes at the end."""
    data = bytes(body(200_003))
    answer = shared.post(uploads(repo, **announced))
    assert answer.status == 202
    location = answer.get("Location")
    for first, last in ((0, 99_999), (100_000, 200_001)):
        chunk = {"Content-Range": f"{first}-{last}", **OCTETS}
        answer = shared.patch(location, data[first:last + 1], chunk)
        assert (answer.status, answer.get("Range")) == (202, f"0-{last}")
        location = answer.get("Location")
    last = {"Content-Range": "200002-200002", **OCTETS}
    answer = shared.put(with_query(location, digest=digest_of(data)), data[200_002:], last)
    check_blob(shared, repo, answer, data, digest_of(data))


@pytest.mark.parametrize("name", ["sha1", "md5", "SHA512", "sha512x", "../sha512"])
def test_unsupported_algorithm(shared, repo, name):
    """Pushing blobs: an unsupported algorithm is a 400."""
    answer = shared.post(uploads(repo, **{"digest-algorithm": name}))
    assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_single_post_of_sha512(shared, repo, body, size):
    """Single POST: with whatever digest."""
    data = bytes(body(size))
    check_blob(shared, repo, shared.post(uploads(repo, digest=sha512(data)), data, OCTETS), data, sha512(data))


def test_single_post_with_chunks_of_http(shared, repo, body):
    """Single POST: the length of the content is told by its end."""
    data = bytes(body(100_000))
    answer = shared.post(uploads(repo, digest=sha256(data)), data, OCTETS, chunked=True)
    check_blob(shared, repo, answer, data, sha256(data))


def test_post_with_digest_and_no_body(shared, repo, body):
    """Single POST: a client that PUTs afterwards gets what it wants."""
    data = bytes(body(1000))
    answer = shared.post(uploads(repo, digest=sha256(data)))
    assert answer.status == 202, answer
    answer = shared.put(with_query(answer.get("Location"), digest=sha256(data)), data, OCTETS)
    check_blob(shared, repo, answer, data, sha256(data))


def test_smallest_chunk(shared, repo):
    """Pushing a blob in chunks: a minimum, if there is one, is a number, and chunks of it are taken."""
    answer = shared.post(uploads(repo))
    least = int(answer.get("OCI-Chunk-Min-Length", "1"))
    assert 0 <= least <= 1 << 20
    data = b"x" * max(least, 1)
    answer = shared.patch(answer.get("Location"), data, {"Content-Range": f"0-{len(data) - 1}", **OCTETS})
    assert answer.status == 202


@pytest.mark.parametrize("first", [0, 499, 501, 1000])
def test_final_chunk_out_of_order(shared, repo, body, first):
    """Pushing a blob in chunks: a 416; then the status, and the upload goes on from there."""
    data = bytes(body(1000))
    location = shared.patch(start_upload(shared, repo), data[:500], {"Content-Range": "0-499"}).get("Location")
    answer = shared.put(with_query(location, digest=sha256(data)), data[500:],
                        {"Content-Range": f"{first}-{first + 499}"})
    assert answer.status == 416
    assert answer.errors()
    assert shared.head(f"/v2/{repo}/blobs/{sha256(data)}").status == 404
    answer = shared.get(location)
    assert (answer.status, answer.get("Range")) == (204, "0-499")
    location = with_query(answer.get("Location"), digest=sha256(data))
    answer = shared.put(location, data[500:], {"Content-Range": "500-999"})
    check_blob(shared, repo, answer, data, sha256(data))


def test_status_after_each_chunk(shared, repo, body):
    """Pushing a blob in chunks: the range is that of all bytes so far, from any Location before."""
    data, locations = bytes(body(300)), [start_upload(shared, repo)]
    for first in (0, 100, 200):
        chunk = {"Content-Range": f"{first}-{first + 99}", **OCTETS}
        answer = shared.patch(locations[-1], data[first:first + 100], chunk)
        locations.append(answer.get("Location"))
        for location in locations:
            answer = shared.get(location)
            assert (answer.status, answer.get("Range")) == (204, f"0-{first + 99}")
            assert answer.get("Location")


# mounts

def test_mount_from_anywhere(shared, repo, body):
    """Mounting a blob: without `from`, if it can be found."""
    data = bytes(body(5000))
    push_blob(shared, f"{repo}/source", data)
    check_blob(shared, repo, shared.post(uploads(repo, mount=sha256(data))), data, sha256(data))


def test_mount_from_nowhere(shared, repo, body):
    """Mounting a blob: what is not there starts an upload."""
    data = bytes(body(5000))
    for digest in (sha256(data), sha512(data), "nonsense", ""):
        answer = shared.post(uploads(repo, mount=digest))
        assert answer.status == 202, answer
        assert answer.get("Location")
        assert shared.delete(answer.get("Location")).status == 204
    assert shared.head(f"/v2/{repo}/blobs/{sha256(data)}").status == 404


@pytest.mark.parametrize("source", [True, False])
def test_mount_of_sha512(shared, repo, body, source):
    """Mounting a blob: by the digest that it was pushed with."""
    data = bytes(body(5000))
    answer = shared.post(uploads(f"{repo}/source", digest=sha512(data)), data, OCTETS)
    assert answer.status == 201
    more = {"from": f"{repo}/source"} if source else {}
    check_blob(shared, repo, shared.post(uploads(repo, mount=sha512(data), **more)), data, sha512(data))


def test_mount_of_what_is_there_already(shared, repo, body):
    """Mounting a blob: also into the repository that it is in."""
    data = bytes(body(5000))
    push_blob(shared, repo, data)
    for more in ({}, {"from": repo}, {"from": f"{repo}/none"}):
        answer = shared.post(uploads(repo, mount=sha256(data), **more))
        assert answer.status in (201, 202)
        assert shared.get(f"/v2/{repo}/blobs/{sha256(data)}").body == data


def test_image_of_mounted_blobs(shared, repo):
    """Mounting a blob: it is then the repository's own, for manifests too."""
    source = push_image(shared, f"{repo}/source", "latest")
    assert put_manifest(shared, repo, "latest", source.manifest).code() == "MANIFEST_BLOB_UNKNOWN"
    for data in (source.config, *source.layers):
        assert shared.post(uploads(repo, mount=sha256(data), **{"from": f"{repo}/source"})).status == 201
    push_manifest(shared, repo, "latest", source.manifest)


# manifests

def test_bytes_are_kept(shared, repo, image):
    """Pushing Manifests: the exact bytes, however odd."""
    text = image.manifest.decode()
    for number, data in enumerate(["\n\t " + text + "\r\n\r\n", text.replace('"layers"', '"l\\u0061yers"'),
                                   text.replace("{", '{"dup": 1, "dup": 2,', 1),
                                   text.replace("{", '{"float": 1.0e+2, "long": 12345678901234567890,', 1),
                                   text.replace("{", '{"wide": "\u00e9\\u00e9\U0001f4e6\\/",', 1)]):
        data = data.encode()
        for reference in (f"t{number}", sha256(data)):
            assert put_manifest(shared, repo, reference, data).status == 201, data
            assert shared.get(f"/v2/{repo}/manifests/{reference}").body == data


@pytest.mark.parametrize("digest_of", [sha256, sha512])
def test_location_and_digest(shared, repo, image, digest_of):
    """Pushing Manifests: by digest; a pullable URL, and the digest that the client gave."""
    answer = put_manifest(shared, repo, digest_of(image.manifest), image.manifest)
    assert answer.status == 201
    assert answer.get("Docker-Content-Digest") == digest_of(image.manifest)
    assert shared.get(answer.get("Location")).body == image.manifest


def test_another_sha512(shared, repo, image):
    """Pushing Manifests: the digest must be the content's."""
    for digest in ("sha512:" + "0" * 128, sha512(image.manifest + b" ")):
        answer = put_manifest(shared, repo, digest, image.manifest)
        assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")
        assert shared.head(f"/v2/{repo}/manifests/{digest}").status == 404


def test_sha512_all_the_way(shared, repo, body):
    """Pushing Manifests: a manifest whose blobs, and own digest, are sha512."""
    config, layer = b'{"all": "sha512"}', bytes(body(3000))
    for data in (config, layer):
        assert shared.post(uploads(repo, digest=sha512(data)), data, OCTETS).status == 201
    data = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST,
                   "config": {**descriptor(OCI_CONFIG, config), "digest": sha512(config)},
                   "layers": [{**descriptor(OCI_LAYER, layer), "digest": sha512(layer)}]})
    assert put_manifest(shared, repo, sha512(data), data).status == 201
    assert shared.get(f"/v2/{repo}/manifests/{sha512(data)}").body == data
    for entry in [json.loads(data)["config"], *json.loads(data)["layers"]]:
        assert shared.head(f"/v2/{repo}/blobs/{entry['digest']}").status == 200


def test_missing_sha512_blob(shared, repo):
    """Push: a blob that is not there is told by its digest."""
    config = b"{}"
    push_blob(shared, repo, config)
    data = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(OCI_CONFIG, config),
                   "layers": [{"mediaType": OCI_LAYER, "size": 5, "digest": "sha512:" + "5" * 128}]})
    answer = put_manifest(shared, repo, "latest", data)
    assert answer.status == 400
    assert [entry["code"] for entry in answer.errors()] == ["MANIFEST_BLOB_UNKNOWN"]


@pytest.mark.parametrize("media_type", [
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
])
def test_foreign_layer(shared, repo, media_type):
    """Push: a layer that is served elsewhere, by its urls, need not be here."""
    config = b"{}"
    push_blob(shared, repo, config)
    foreign = {"mediaType": media_type, "size": 123456, "digest": "sha256:" + "f" * 64,
               "urls": ["https://example.com/layer?a=b", "https://mirror.example.com/layer"]}
    data = encode({**json.loads(manifest(config, [])), "layers": [foreign]})
    push_manifest(shared, repo, "foreign", data)
    assert shared.get(f"/v2/{repo}/manifests/foreign").body == data
    assert shared.get(f"/v2/{repo}/blobs/{foreign['digest']}").status == 404


def test_largest_index(shared, repo):
    """Pushing Manifests: 4 MiB, of nothing but descriptors."""
    entry = {"mediaType": OCI_MANIFEST, "size": 1234}
    entries = [{**entry, "digest": f"sha256:{number:064x}"} for number in range(LIMIT // 170)]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "annotations": {"pad": ""}, "manifests": entries}
    missing = LIMIT - len(json.dumps(document))
    document["annotations"]["pad"] = "p" * missing
    data = json.dumps(document).encode()
    assert (len(data), missing > 0) == (LIMIT, True)
    push_manifest(shared, repo, "largest", data, OCI_INDEX)
    assert shared.get(f"/v2/{repo}/manifests/largest").body == data


# tags beside a digest

def accepted_tags(answer):
    """A list header: several lines, several to a line."""
    return [tag.strip() for line in answer.all("OCI-Tag") for tag in line.split(",")]


def put_tagged(client, repo, data, *names, digest_of=sha256):
    query = "&".join(f"tag={name}" for name in names)
    return put_manifest(client, repo, f"{digest_of(data)}?{query}", data)


@pytest.mark.parametrize("digest_of", [sha256, sha512])
@pytest.mark.parametrize("count", [1, 4, 10])
def test_tags(shared, repo, image, digest_of, count):
    """Pushing Manifests: ten tags at least, each answered with OCI-Tag, each pullable."""
    names = [f"v{number}.{'x' * number}" for number in range(count)]
    answer = put_tagged(shared, repo, image.manifest, *names, digest_of=digest_of)
    assert answer.status == 201
    assert sorted(accepted_tags(answer)) == names
    assert answer.get("Docker-Content-Digest") == digest_of(image.manifest)
    assert shared.get(answer.get("Location")).body == image.manifest
    assert tags(shared, repo) == names
    for name in names:
        answer = shared.get(f"/v2/{repo}/manifests/{name}")
        assert (answer.body, answer.get("Docker-Content-Digest")) == (image.manifest, digest_of(image.manifest))
        assert shared.head(f"/v2/{repo}/manifests/{name}").get("Docker-Content-Digest") == digest_of(image.manifest)


def test_ten_long_tags(shared, repo, image):
    """Pushing Manifests: ten of 128 characters."""
    names = [str(number) + "t" * 127 for number in range(10)]
    answer = put_tagged(shared, repo, image.manifest, *names)
    assert (answer.status, sorted(accepted_tags(answer))) == (201, names)
    assert tags(shared, repo) == names


def test_very_many_tags(shared, repo, image):
    """Pushing Manifests: all of them, or a refusal that says so, and then none is there."""
    names = sorted(f"t{number}" for number in range(1000))
    answer = put_tagged(shared, repo, image.manifest, *names)
    if answer.status == 201:
        assert sorted(accepted_tags(answer)) == tags(shared, repo) == names
    else:
        assert answer.status in (400, 414, 431)
        assert tags(shared, repo) == []


@pytest.mark.parametrize("name", ["", ".x", "-x", "a" * 129, "a%20b", "a/b", "a:b", "a,b", "..",
                                  "sha256:" + "0" * 64], ids=lambda name: name[:12] or "empty")
def test_invalid_tag(shared, repo, image, name):
    """Pushing Manifests: what is no tag is not made one; and nothing is half done."""
    answer = put_tagged(shared, repo, image.manifest, "good", name)
    assert answer.status == 400
    assert answer.errors()
    assert tags(shared, repo) == []


def test_tags_are_moved(shared, repo, image):
    """Pushing Manifests: a tag that is there points at the new manifest."""
    put_tagged(shared, repo, image.manifest, "a", "b")
    other = push_image(shared, repo, "c", seed="other")
    assert accepted_tags(put_tagged(shared, repo, other.manifest, "b")) == ["b"]
    bodies = [shared.get(f"/v2/{repo}/manifests/{tag}").body for tag in "abc"]
    assert bodies == [image.manifest, other.manifest, other.manifest]


def test_same_tag_twice(shared, repo, image):
    """Pushing Manifests: it is one tag."""
    answer = put_tagged(shared, repo, image.manifest, "a", "a")
    assert answer.status == 201
    assert set(accepted_tags(answer)) == {"a"}
    assert tags(shared, repo) == ["a"]


def test_other_parameters(shared, repo, image):
    """Pushing Manifests: only `tag` is a tag; escaped or not."""
    answer = put_manifest(shared, repo, f"{image.digest}?Tag=no&tags=no&tag=%61b%2Dc&x", image.manifest)
    assert (answer.status, accepted_tags(answer)) == (201, ["ab-c"])
    assert tags(shared, repo) == ["ab-c"]


def test_no_tags_without_a_good_manifest(shared, repo, image):
    """Pushing Manifests: a refused manifest has none of its tags."""
    answer = put_manifest(shared, repo, f"{NOWHERE}?tag=a", image.manifest)
    assert (answer.status, answer.code()) == (400, "DIGEST_INVALID")
    assert not answer.all("OCI-Tag")
    assert tags(shared, repo) == []


def test_tag_of_an_index(shared, repo, image):
    """Pushing Manifests: of any manifest."""
    data = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_MANIFEST, image.manifest)]})
    answer = put_manifest(shared, repo, f"{sha256(data)}?tag=multi", data, OCI_INDEX)
    assert (answer.status, accepted_tags(answer)) == (201, ["multi"])
    assert shared.get(f"/v2/{repo}/manifests/multi").get("Content-Type") == OCI_INDEX


def test_no_header_without_tags(shared, repo, image):
    """Pushing Manifests: OCI-Tag is for tags of the query."""
    assert not put_manifest(shared, repo, image.digest, image.manifest).all("OCI-Tag")
