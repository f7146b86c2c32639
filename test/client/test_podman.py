# SPDX-License-Identifier: Apache-2.0
"""podman and buildah: push, pull, search, both formats."""

import json

import pytest

from harness.push import DOCKER_MANIFEST, OCI_MANIFEST

PLAIN = "--tls-verify=false"


@pytest.fixture
def podman(tools):
    def call(*words, **options):
        policy = ["--signature-policy", tools.policy] if words[0] in ("pull", "push") else []
        return tools.podman(words[0], *policy, *words[1:], **options)
    return call


@pytest.fixture
def image(layout, body, podman):
    """An image in podman's storage: its id."""
    layout.image("one", [body(500_000), body(300_000)])
    return podman("pull", "--quiet", f"oci:{layout.folder}:one").splitlines()[-1]


def diffs(podman, image):
    return json.loads(podman("image", "inspect", "--format", "{{json .RootFS.Layers}}", image))


@pytest.mark.parametrize("form, media_type", [("oci", OCI_MANIFEST), ("v2s2", DOCKER_MANIFEST)])
def test_push_and_pull(server, podman, image, form, media_type):
    name = f"{server.host}/some/repo:one"
    layers = diffs(podman, image)
    podman("push", PLAIN, "--format", form, image, f"docker://{name}")
    assert server.client().head("/v2/some/repo/manifests/one").get("Content-Type") == media_type
    podman("image", "rm", "--force", image)
    assert podman("images", "--quiet") == ""
    pulled = podman("pull", "--quiet", PLAIN, name)
    assert diffs(podman, pulled) == layers
    if form == "oci":
        assert pulled == image


def test_pull_by_digest(server, podman, image):
    podman("push", PLAIN, image, f"docker://{server.host}/some/repo:one")
    digest = server.client().head("/v2/some/repo/manifests/one").get("Docker-Content-Digest")
    podman("image", "rm", "--force", image)
    assert podman("pull", "--quiet", PLAIN, f"{server.host}/some/repo@{digest}") == image


def test_push_to_a_second_repository(server, podman, image):
    for name in ("first/repo", "second/repo"):
        podman("push", PLAIN, image, f"docker://{server.host}/{name}:one")
    client = server.client()
    digests = {client.head(f"/v2/{name}/manifests/one").get("Docker-Content-Digest")
               for name in ("first/repo", "second/repo")}
    assert len(digests) == 1 and None not in digests


def test_search(server, podman, image):
    """podman asks an API of old (404), and then the catalog."""
    podman("push", PLAIN, image, f"docker://{server.host}/some/repo:one")
    assert f"{server.host}/some/repo" in podman("search", PLAIN, f"{server.host}/some")
    listed = podman("search", PLAIN, "--list-tags", f"{server.host}/some/repo")
    assert listed.split() == ["NAME", "TAG", f"{server.host}/some/repo", "one"]


def test_buildah(server, tools, podman, body):
    """A container from nothing, a file in it, committed straight into the registry."""
    (tools.folder / "file").write_bytes(bytes(body(400_000)))
    policy = ["--signature-policy", tools.policy]
    container = tools.buildah("from", *policy, "scratch")
    tools.buildah("add", container, str(tools.folder / "file"), "/file")
    tools.buildah("commit", *policy, PLAIN, container, f"docker://{server.host}/built/here:latest")
    tools.buildah("rm", container)
    assert server.client().get("/v2/built/here/tags/list").json()["tags"] == ["latest"]
    pulled = podman("pull", "--quiet", PLAIN, f"{server.host}/built/here:latest")
    assert len(diffs(podman, pulled)) == 1


def test_buildah_manifest_list(server, tools, body):
    """Two architectures built one after the other, put together and pushed as one."""
    policy = ["--signature-policy", tools.policy]
    container = tools.buildah("from", *policy, "scratch")
    for architecture in ("amd64", "arm64"):
        (tools.folder / architecture).write_bytes(bytes(body(50_000)))
        tools.buildah("add", container, str(tools.folder / architecture), "/file")
        tools.buildah("config", "--arch", architecture, container)
        tools.buildah("commit", *policy, container, f"made-for-{architecture}")
    tools.buildah("manifest", "create", "both", "made-for-amd64", "made-for-arm64")
    tools.buildah("manifest", "push", *policy, PLAIN, "--all", "both", f"docker://{server.host}/built/both:latest")
    tools.buildah("rm", container)
    index = server.client().get("/v2/built/both/manifests/latest")
    entries = json.loads(index.body)["manifests"]
    assert sorted(entry["platform"]["architecture"] for entry in entries) == ["amd64", "arm64"]
    for entry in entries:
        assert server.client().head(f"/v2/built/both/manifests/{entry['digest']}").status == 200
