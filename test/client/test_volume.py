# SPDX-License-Identifier: Apache-2.0
"""A volume goes from the original to this server, back, through the original's collection, and here again."""

import gzip
import json
import shutil

import pytest

from harness import images
from harness.book import Book, sha512
from harness.content import sha256
from harness.push import (DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, encode, index,
                          manifest, push_image, start_upload, with_query)

PLAIN = "--tls-verify=false"
TO = "--dest-tls-verify=false"
TREE = "docker/registry/v2"
EMPTY_INDEX = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})


def link(root, *parts):
    return root.joinpath(TREE, "repositories", *parts)


def shards(root, digest):
    algorithm, text = digest.split(":")
    return root / TREE / "blobs" / algorithm / text[:2] / text / "data"


# what the original is given


def push_with_skopeo(book, original, tools, layout, body):
    """Both formats, and an index of three architectures."""
    client = original.client()
    bodies = [body(300_000), body(120_000)]
    layout.image("one", bodies)
    for form, media_type in (("oci", OCI_MANIFEST), ("v2s2", DOCKER_MANIFEST)):
        tools.skopeo("copy", TO, "--format", form, f"oci:{layout.folder}:one",
                     f"docker://{original.host}/by/skopeo:{form}")
        document = book.adopt(client, "by/skopeo", form)
        assert document["mediaType"] == media_type
        for layer, content in zip(document["layers"], bodies):
            assert bytes(content) in gzip.decompress(book.blobs["by/skopeo", layer["digest"]][0])
    digest, children = layout.index("multi", {name: [body(50_000)] for name in ("amd64", "arm64", "s390x")})
    tools.skopeo("copy", "--all", TO, f"oci:{layout.folder}:multi", f"docker://{original.host}/by/skopeo:multi")
    book.adopt(client, "by/skopeo", "multi")
    assert book.tags["by/skopeo", "multi"] == digest
    assert all(("by/skopeo", child) in book.manifests for child in children)


def push_with_podman(book, original, tools, layout):
    policy = ["--signature-policy", tools.policy]
    image = tools.podman("pull", *policy, "--quiet", f"oci:{layout.folder}:one").splitlines()[-1]
    for form in ("oci", "v2s2"):
        tools.podman("push", *policy, PLAIN, "--format", form, image, f"docker://{original.host}/by/podman:{form}")
        book.adopt(original.client(), "by/podman", form)


def push_with_docker(book, original, docker, folder, body):
    images.build(docker, folder, "volume:docker", [body(200_000), body(100_000)], base="scratch")
    name = f"{original.host}/by/docker:one"
    docker.run(["docker", "tag", "volume:docker", name])
    docker.run(["docker", "push", name])
    assert book.adopt(original.client(), "by/docker", "one")["mediaType"] == DOCKER_MANIFEST


def push_by_hand(book, client, body):
    for name in ("hand", "hand/0nested", "hand/nested/deep", "hand-made"):
        book.image(client, name, "latest", [bytes(body(10_000)), b""])
    children = [book.image(client, "hand", None, [bytes(body(1_000))], DOCKER_MANIFEST) for _ in range(2)]
    book.manifest(client, "hand", "list", index(children, DOCKER_LIST, DOCKER_MANIFEST), DOCKER_LIST)
    children = [book.image(client, "hand", None, [bytes(body(1_000))]) for _ in range(2)]
    inner = index(children)
    book.manifest(client, "hand", "inner", inner, OCI_INDEX)
    book.manifest(client, "hand", "outer", index([inner], child_type=OCI_INDEX), OCI_INDEX)
    book.manifest(client, "hand", "empty", EMPTY_INDEX, OCI_INDEX)
    book.image(client, "hand", None, [bytes(body(2_000))])  # never had a tag
    book.image(client, "hand", "moved", [bytes(body(2_001))])
    book.image(client, "hand", "moved", [bytes(body(2_002))])  # the first one has lost its tag
    book.blob(client, "hand", bytes(body(3_000)))  # nothing refers to it
    book.image(client, "doomed", "tag", [bytes(body(4_000))])
    book.image(client, "doomed", "stays", [bytes(body(4_001))])
    book.manifest(client, "only/index", "empty", index([], annotations={"its": "own"}), OCI_INDEX)


def push_by_mounts(book, client, name, tag="latest"):
    """A repository that nothing was uploaded to."""
    data, media_type = book.manifests["hand", book.tags["hand", "latest"]]
    document = json.loads(data)
    for part in [document["config"], *document["layers"]]:
        book.mount(client, "hand", name, part["digest"])
    book.manifest(client, name, tag, data, media_type)


def upload_sha512(client, name, data):
    location = with_query(start_upload(client, name), digest=sha512(data))
    answer = client.put(location, data, {"Content-Type": "application/octet-stream"})
    assert answer.status == 201, answer


def push_aliases(book, client, root, body):
    """sha512 as the original stores it: under the sha256, with an alias link. One image names its layer by sha256 and
    one by sha512; of the latter the original's collection takes the layer away."""
    for tag, digest_of in (("by-sha256", sha256), ("by-sha512", sha512)):
        data, config = bytes(body(7_000)), encode({"tag": tag})
        upload_sha512(client, "alias", data)
        alias = link(root, "alias", "_layers", "sha512", sha512(data)[7:], "link")
        assert alias.read_text() == sha256(data), "the original no longer leaves aliases"
        for digest in (sha256(data), sha512(data)):
            book.blobs["alias", digest] = data, sha256(data)
        book.blob(client, "alias", config)
        layer = {"mediaType": OCI_LAYER, "size": len(data), "digest": digest_of(data)}
        image = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [layer],
                        "config": {"mediaType": OCI_CONFIG, "size": len(config), "digest": sha256(config)}})
        book.manifest(client, "alias", tag, image, OCI_MANIFEST)


def abandon_upload(client, body):
    location = client.patch(start_upload(client, "hand"), bytes(body(5_000))).get("Location")
    assert client.patch(location, bytes(body(5_000))).status == 202
    return client.path(location).partition("?")[0]


# what is changed here


def change(book, client, body):
    """Everything that a client can do to a volume."""
    book.image(client, "by/skopeo", "new", [bytes(body(20_000))])
    book.image(client, "by/podman", "v2s2", [bytes(body(20_001))], DOCKER_MANIFEST)  # moves the tag
    book.manifest(client, "hand", "moved", book.manifests["hand", book.tags["hand", "latest"]][0], OCI_MANIFEST)
    push_by_mounts(book, client, "mounted/here")
    book.delete_tag(client, "hand", "inner")
    book.delete_tag(client, "hand-made", "latest")
    book.delete_manifest(client, "doomed", book.tags["doomed", "tag"])
    children = [book.image(client, "new/repo", None, [bytes(body(9_000))]) for _ in range(2)]
    book.manifest(client, "new/repo", "multi", index(children), OCI_INDEX)
    book.manifest(client, "new/index", "empty", index([], annotations={"no": "layers"}), OCI_INDEX)
    push_native_sha512(book, client, bytes(body(8_000)))


def push_native_sha512(book, client, data):
    upload_sha512(client, "new/sha512", data)
    book.blobs["new/sha512", sha512(data)] = data, sha512(data)
    config = encode({})
    book.blob(client, "new/sha512", config)
    layer = {"mediaType": OCI_LAYER, "size": len(data), "digest": sha512(data)}
    image = json.loads(manifest(config, []))
    book.manifest(client, "new/sha512", "latest", encode({**image, "layers": [layer]}), OCI_MANIFEST)


def push_again(book, client, gone):
    """What the collection took is taken back, the blobs first."""
    for name, kind, digest, data, media_type in gone:
        if kind == "manifests":
            book.manifest(client, name, None, data, media_type)
        elif digest.startswith("sha512:"):
            upload_sha512(client, name, data)
            book.blobs[name, digest] = data, digest
            book.gone.discard((name, kind, digest))
        else:
            book.blob(client, name, data)


def lost(before_manifests, before_blobs, book):
    blobs = [(name, "blobs", digest, data, None) for (name, digest), (data, _) in before_blobs.items()
             if (name, digest) not in book.blobs]
    return blobs + [(name, "manifests", digest, data, media_type)
                    for (name, digest), (data, media_type) in before_manifests.items()
                    if (name, digest) not in book.manifests]


def test_there_and_back(original, ours, docker, tools, layout, body, scratch):
    book = Book()
    original.start()
    client = original.client()
    push_with_skopeo(book, original, tools, layout, body)
    push_with_podman(book, original, tools, layout)
    push_with_docker(book, original, docker, scratch, body)
    push_by_hand(book, client, body)
    push_by_mounts(book, client, "only/mounts")
    push_aliases(book, client, ours.root, body)
    upload = abandon_upload(client, body)
    # The original lists a repository by its layers, this server by its manifests.
    layered = [name for name in book.repositories() if name != "only/index"]
    book.check(client, catalog=layered)
    original.stop()

    ours.start()
    book.check(ours.client())
    assert ours.client().get(upload).status in (204, 404)
    change(book, ours.client(), body)
    book.check(ours.client())
    ours.stop()

    original.start()
    layered = [name for name in book.repositories() if name != "only/index"]
    book.check(original.client(), catalog=layered)
    original.stop()

    listed = book.repositories()
    manifests, blobs = dict(book.manifests), dict(book.blobs)
    original.collect()
    book.collected(unseen=["only/index"])
    gone = lost(manifests, blobs, book)
    kinds = {(name, kind) for name, kind, *_ in gone}
    assert kinds == {("hand", "blobs"), ("doomed", "blobs"), ("alias", "blobs"), ("only/index", "manifests")}

    ours.start()
    # The dangling link of the manifest, and its tag's, are left by the collection: both names are still listed.
    book.check(ours.client(), catalog=listed, tags={"only/index": ["empty"]})
    push_again(book, ours.client(), gone)
    book.tags["only/index", "empty"] = next(digest for name, kind, digest, *_ in gone if kind == "manifests")
    book.check(ours.client())
    ours.stop()


# leftovers of crashes, deletions and collections


@pytest.fixture
def left(original, ours):
    """left(change) starts this server on a volume of the original's that change(root, image) was done to."""
    def start(damage):
        original.start()
        image = push_image(original.client(), "some/repo", "tag")
        other = push_image(original.client(), "some/repo", "other")
        original.stop()
        damage(ours.root, image)
        client = ours.start().client()
        answer = client.get("/v2/some/repo/manifests/other")
        assert (answer.status, answer.body) == (200, other.manifest), "the neighbour was not touched"
        assert client.get("/v2/_catalog").json() == {"repositories": ["some/repo"]}
        return client, image
    return start


def revision(root, image):
    return link(root, "some/repo", "_manifests", "revisions", "sha256", image.digest[7:], "link")


def current(root, _=None):
    return link(root, "some/repo", "_manifests", "tags", "tag", "current", "link")


def layer(root, image):
    return link(root, "some/repo", "_layers", "sha256", sha256(image.layers[0])[7:], "link")


def data_of_manifest(root, image):
    return shards(root, image.digest)


def data_of_layer(root, image):
    return shards(root, sha256(image.layers[0]))


def emptied(path):
    path.write_bytes(b"")


def torn(path):
    path.write_bytes(path.read_bytes()[:-20])


def with_newline(path):
    path.write_text(path.read_text() + "\n")


def without_folder(path):
    shutil.rmtree(path.parent)


def removed(path):
    path.unlink()


# (what is damaged, how) -> the answers for the tag, the manifest's digest, the layer
LEFTOVERS = {
    "an empty tag": (current, emptied, 404, 200, 200),
    "a torn tag": (current, torn, 404, 200, 200),
    "a tag with a newline": (current, with_newline, 200, 200, 200),
    "a tag without a link": (current, removed, 404, 200, 200),
    "a tag without anything": (current, without_folder, 404, 200, 200),
    "an empty revision": (revision, emptied, 404, 404, 200),
    "a revision with a newline": (revision, with_newline, 200, 200, 200),
    "a tag whose revision is gone": (revision, removed, 404, 404, 200),
    "an empty layer link": (layer, emptied, 200, 200, 404),
    "a layer link with a newline": (layer, with_newline, 200, 200, 200),
    "a layer without a link": (layer, removed, 200, 200, 404),
    "an empty manifest": (data_of_manifest, emptied, 404, 404, 200),
    "a torn manifest": (data_of_manifest, torn, 404, 404, 200),
    "a manifest that is gone": (data_of_manifest, without_folder, 404, 404, 200),
    "a layer that is gone": (data_of_layer, without_folder, 200, 200, 404),
}


@pytest.mark.parametrize("what", LEFTOVERS)
def test_leftovers(left, what):
    """None is a failure of the server, none is served as something else, and a push heals each."""
    place, how, *expected = LEFTOVERS[what]
    client, image = left(lambda root, image: how(place(root, image)))
    urls = ["/v2/some/repo/manifests/tag", f"/v2/some/repo/manifests/{image.digest}",
            f"/v2/some/repo/blobs/{sha256(image.layers[0])}"]
    whole = [image.manifest, image.manifest, image.layers[0]]
    for url, data, status in zip(urls, whole, expected):
        for method in ("GET", "HEAD"):
            answer = client.request(method, url)
            assert answer.status == status, f"{method} {url}: {answer}"
        if status == 200:
            assert client.get(url).body == data
    assert client.get("/v2/some/repo/tags/list").json()["tags"] == ["other", "tag"]
    push_image(client, "some/repo", "tag")
    assert [client.get(url).body for url in urls] == whole


def test_leftovers_of_uploads(original, ours, body):
    """Cancelled ones of which a hash is left, and one whose beginning was never written."""
    original.start()
    client = original.client()
    push_image(client, "some/repo", "tag")
    location = start_upload(client, "some/repo")
    assert client.delete(location).status == 204
    cancelled = client.path(location).partition("?")[0]
    folder = link(ours.root, "some/repo", "_uploads", cancelled.rpartition("/")[2])
    assert [entry.name for entry in folder.iterdir()] == ["hashstates"], "the original no longer leaves these"
    without_start = client.path(start_upload(client, "some/repo")).partition("?")[0]
    link(ours.root, "some/repo", "_uploads", without_start.rpartition("/")[2], "startedat").unlink()
    original.stop()

    client = ours.start().client()
    data = bytes(body(100))
    for method in ("GET", "HEAD", "PATCH", "DELETE"):
        answer = client.request(method, cancelled, data if method == "PATCH" else None)
        assert answer.status == 404, answer
    finish = with_query(cancelled, digest=sha256(data))
    assert client.put(finish, data).status == 404
    assert client.get(f"/v2/some/repo/blobs/{sha256(data)}").status == 404
    assert client.put(with_query(without_start, digest=sha256(data)), data).status in (201, 404)
    assert client.get("/v2/_catalog").json() == {"repositories": ["some/repo"]}
