# SPDX-License-Identifier: Apache-2.0
"""skopeo: copies in both formats, many architectures, inspecting, listing, deleting."""

import json

import pytest

from harness.content import sha256
from harness.push import (DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, descriptor, encode, push_blob,
                          push_manifest)

TO = "--dest-tls-verify=false"
FROM = "--src-tls-verify=false"
BOTH = (TO, FROM)
PLAIN = "--tls-verify=false"
CLIENTS = 8


@pytest.fixture
def image(layout, body):
    """Two layers; its digest."""
    return layout.image("one", [body(500_000), body(300_000)])


def stored_type(server, name, reference):
    return server.client().head(f"/v2/{name}/manifests/{reference}").get("Content-Type")


def test_copy_there_and_back(server, tools, layout, image, scratch):
    remote = f"docker://{server.host}/some/repo:one"
    tools.skopeo("copy", TO, f"oci:{layout.folder}:one", remote)
    assert stored_type(server, "some/repo", "one") == OCI_MANIFEST
    back = scratch / "back"
    tools.skopeo("copy", FROM, remote, f"dir:{back}")
    assert json.loads((back / "manifest.json").read_bytes()) == layout.read(image)
    for entry in [layout.read(image)["config"], *layout.read(image)["layers"]]:
        blob = (layout.folder / "blobs" / "sha256" / entry["digest"][7:]).read_bytes()
        assert (back / entry["digest"][7:]).read_bytes() == blob


@pytest.mark.parametrize("form, media_type", [("oci", OCI_MANIFEST), ("v2s2", DOCKER_MANIFEST)])
def test_formats(server, tools, layout, image, form, media_type):
    remote = f"docker://{server.host}/some/repo:{form}"
    tools.skopeo("copy", TO, "--format", form, f"oci:{layout.folder}:one", remote)
    assert stored_type(server, "some/repo", form) == media_type
    raw = json.loads(tools.skopeo("inspect", PLAIN, "--raw", remote))
    assert raw["mediaType"] == media_type


def test_inspect(server, tools, layout, image):
    remote = f"docker://{server.host}/some/repo:one"
    tools.skopeo("copy", TO, f"oci:{layout.folder}:one", remote)
    seen = json.loads(tools.skopeo("inspect", PLAIN, remote))
    assert seen["Name"] == f"{server.host}/some/repo"
    assert seen["Digest"] == image
    assert seen["RepoTags"] == ["one"]
    assert seen["Layers"] == [layer["digest"] for layer in layout.read(image)["layers"]]
    by_digest = f"docker://{server.host}/some/repo@{image}"
    assert json.loads(tools.skopeo("inspect", PLAIN, "--raw", by_digest)) == layout.read(image)


def test_list_tags(server, tools, layout, image):
    for tag in ("one", "18.04", "19.10", "latest"):
        tools.skopeo("copy", TO, f"oci:{layout.folder}:one", f"docker://{server.host}/some/repo:{tag}")
    listed = json.loads(tools.skopeo("list-tags", PLAIN, f"docker://{server.host}/some/repo"))
    assert listed["Tags"] == ["18.04", "19.10", "latest", "one"]


def test_delete(server, tools, layout, image):
    remote = f"docker://{server.host}/some/repo:one"
    tools.skopeo("copy", TO, f"oci:{layout.folder}:one", remote)
    tools.skopeo("delete", PLAIN, remote)
    assert tools.run(tools.skopeo_command("inspect", PLAIN, remote), check=False).returncode != 0
    assert server.client().get(f"/v2/some/repo/manifests/{image}").status == 404
    tools.skopeo("copy", TO, f"oci:{layout.folder}:one", remote)
    assert json.loads(tools.skopeo("inspect", PLAIN, remote))["Digest"] == image


@pytest.mark.parametrize("options, index_type, child_type", [
    ([], OCI_INDEX, OCI_MANIFEST),
    (["--format", "v2s2"], DOCKER_LIST, DOCKER_MANIFEST),
], ids=["oci", "docker"])
def test_all_architectures(server, tools, layout, body, scratch, options, index_type, child_type):
    digest, children = layout.index("multi", {name: [body(100_000)] for name in ("amd64", "arm64", "s390x")})
    remote = f"docker://{server.host}/some/repo:multi"
    tools.skopeo("copy", "--all", TO, *options, f"oci:{layout.folder}:multi", remote)
    assert stored_type(server, "some/repo", "multi") == index_type
    raw = json.loads(tools.skopeo("inspect", PLAIN, "--raw", remote))
    assert [entry["platform"]["architecture"] for entry in raw["manifests"]] == ["amd64", "arm64", "s390x"]
    for entry in raw["manifests"]:
        assert entry["mediaType"] == child_type
        assert stored_type(server, "some/repo", entry["digest"]) == child_type
    if not options:
        assert server.client().head("/v2/some/repo/manifests/multi").get("Docker-Content-Digest") == digest
        assert [entry["digest"] for entry in raw["manifests"]] == children
    tools.skopeo("copy", "--all", FROM, remote, f"dir:{scratch}/back")
    tools.skopeo("copy", "--override-arch", "arm64", FROM, remote, f"dir:{scratch}/arm")


def test_copy_within_the_registry(server, tools, layout, image):
    """Blobs are mounted: nothing is sent again."""
    first, second = (f"docker://{server.host}/{name}:one" for name in ("first/repo", "second/repo"))
    tools.skopeo("copy", TO, f"oci:{layout.folder}:one", first)
    tools.skopeo("copy", *BOTH, first, second)
    assert json.loads(tools.skopeo("inspect", PLAIN, second))["Digest"] == image


def test_sync(server, tools, layout, image, scratch):
    """A repository with all its tags, to another one and to a folder."""
    for tag in ("a", "b"):
        tools.skopeo("copy", TO, f"oci:{layout.folder}:one", f"docker://{server.host}/some/repo:{tag}")
    tools.skopeo("sync", "--src", "docker", "--dest", "dir", FROM, f"{server.host}/some/repo", scratch / "synced")
    assert sorted(entry.name for entry in (scratch / "synced").iterdir()) == ["repo:a", "repo:b"]


def test_zstd(server, tools, layout, image, scratch):
    """Layers compressed anew, with a media type that the registry image had never seen."""
    remote = f"docker://{server.host}/some/repo:zstd"
    tools.skopeo("copy", TO, "--format", "oci", "--dest-compress-format", "zstd", f"oci:{layout.folder}:one", remote)
    stored = json.loads(tools.skopeo("inspect", PLAIN, "--raw", remote))
    assert {layer["mediaType"] for layer in stored["layers"]} == {"application/vnd.oci.image.layer.v1.tar+zstd"}
    tools.skopeo("copy", FROM, remote, f"dir:{scratch / 'back'}")
    for layer in stored["layers"]:
        assert (scratch / "back" / layer["digest"][7:]).read_bytes()[:4] == b"\x28\xb5\x2f\xfd"


def test_umoci(server, tools, scratch, body):
    """A layout that umoci made, there and back, and umoci unpacks what came back."""
    (scratch / "file").write_bytes(bytes(body(200_000)))
    made, back = scratch / "made", scratch / "returned"
    tools.run(["umoci", "init", "--layout", made])
    tools.run(["umoci", "new", "--image", f"{made}:one"])
    tools.run(["umoci", "insert", "--image", f"{made}:one", scratch / "file", "/file"])
    tools.skopeo("copy", TO, f"oci:{made}:one", f"docker://{server.host}/made/by/umoci:one")
    tools.skopeo("copy", FROM, f"docker://{server.host}/made/by/umoci:one", f"oci:{back}:one")
    tools.run(["umoci", "unpack", "--image", f"{back}:one", scratch / "bundle"])
    assert (scratch / "bundle" / "rootfs" / "file").read_bytes() == (scratch / "file").read_bytes()


HELM = ("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
COSIGN = ("application/vnd.oci.image.config.v1+json", "application/vnd.dev.cosign.simplesigning.v1+json")


@pytest.mark.parametrize("types, tag", [(HELM, "0.1.0"), (COSIGN, "sha256-" + "0" * 64 + ".sig")])
def test_artifacts(server, tools, types, tag):
    """What is no image is kept as it is, by a copy too."""
    client = server.client()
    config, layer = b"{}", b"the chart, or the signature"
    for blob in (config, layer):
        push_blob(client, "some/artifact", blob)
    data = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(types[0], config),
                   "layers": [descriptor(types[1], layer, annotations={"its": "own"})]})
    digest = push_manifest(client, "some/artifact", tag, data)
    tools.skopeo("copy", *BOTH, "--preserve-digests", f"docker://{server.host}/some/artifact:{tag}",
                 f"docker://{server.host}/a/copy:{tag}")
    assert client.get(f"/v2/a/copy/manifests/{digest}").body == data
    assert client.get(f"/v2/a/copy/blobs/{sha256(layer)}").body == layer


def test_eight_clients_at_once(server, tools, layout, body):
    """The same image under eight tags, and another eight images in eight repositories: all at once, twice."""
    same = layout.image("same", [body(2_000_000), body(1_000)])
    others = {f"other{i}": layout.image(f"other{i}", [body(600_000)]) for i in range(CLIENTS)}
    for _ in range(2):
        tools.skopeo_all([("copy", TO, f"oci:{layout.folder}:same", f"docker://{server.host}/some/repo:{i}")
                          for i in range(CLIENTS)])
        tools.skopeo_all([("copy", TO, f"oci:{layout.folder}:{name}", f"docker://{server.host}/{name}:tag")
                          for name in others])
    client = server.client()
    for i in range(CLIENTS):
        assert client.head(f"/v2/some/repo/manifests/{i}").get("Docker-Content-Digest") == same
    for name, digest in others.items():
        assert client.head(f"/v2/{name}/manifests/tag").get("Docker-Content-Digest") == digest
    tools.skopeo_all([("copy", FROM, f"docker://{server.host}/{name}:tag", f"dir:{tools.folder}/{name}")
                      for name in others])
