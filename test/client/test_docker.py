# SPDX-License-Identifier: Apache-2.0
"""Docker engines and the binary on the host: same images after a round trip, many clients, a large layer."""

import json
import os

import pytest

from harness import images
from harness.admin import Verifier
from harness.place import scratch_folder
from harness.push import DOCKER_MANIFEST
from harness.volume import Volume

CLIENTS = 8
LARGE = int(os.environ.get("LAYER_MIB", "512")) << 20  # 2048: as large as layers commonly get
MEMORY_BOUND = 64 << 20   # all the server may ever have resident
MEMORY_GROWTH = 32 << 20  # and what a large layer may add to what it had after a small one


@pytest.fixture(scope="module")
def small_images(docker, session_body):
    """Eight, of two layers each; the first layer is the same in all."""
    shared = session_body("small/shared", 2_000_000)
    names = [f"small:{i}" for i in range(CLIENTS)]
    with scratch_folder() as folder:
        for name in names:
            images.build(docker, folder, name, [shared, session_body(name, 1_000_000)], base="scratch")
    return names


def publish(docker, server, local, remote):
    """Pushes; returns the full name and what was printed."""
    name = f"{server.host}/{remote}"
    docker.run(["docker", "tag", local, name])
    return name, docker.out(["docker", "push", name], timeout=400)


def test_round_trip(server, docker, empty_docker, everyday_images):
    for image in everyday_images:
        name, _ = publish(docker, server, image, image)
        empty_docker.run(["docker", "pull", name])
        assert empty_docker.image_id(name) == docker.image_id(image)
    client = server.client()
    assert client.get("/v2/_catalog").json() == {"repositories": ["nginx", "ubuntu"]}
    assert client.get("/v2/ubuntu/tags/list").json() == {"name": "ubuntu", "tags": ["18.04", "19.10"]}
    assert client.head("/v2/nginx/manifests/latest").get("Content-Type") == DOCKER_MANIFEST
    # and it runs
    empty_docker.run(["docker", "run", "--rm", "--network", "none", f"{server.host}/ubuntu:18.04", "/bin/true"])


def test_pull_after_a_restart_of_the_server(server, docker, empty_docker, small_images):
    name, _ = publish(docker, server, small_images[0], "some/repo:tag")
    server.restart(same_port=True)
    empty_docker.run(["docker", "pull", name])
    assert empty_docker.image_id(name) == docker.image_id(small_images[0])


def test_pushing_again_moves_no_layer(server, docker, small_images):
    _, first = publish(docker, server, small_images[0], "some/repo:one")
    assert first.count(": Pushed") == 2
    _, second = publish(docker, server, small_images[0], "some/repo:two")
    assert second.count(": Layer already exists") == 2
    assert first.splitlines()[-1].split()[2] == second.splitlines()[-1].split()[2]


def test_layers_are_mounted_across_repositories(server, docker, empty_docker, small_images):
    publish(docker, server, small_images[0], "first/repo:tag")
    name, printed = publish(docker, server, small_images[0], "second/repo:tag")
    assert printed.count(": Mounted from first/repo") == 2
    empty_docker.run(["docker", "pull", name])
    assert empty_docker.image_id(name) == docker.image_id(small_images[0])


def test_delete_and_push_again(server, docker, empty_docker, small_images):
    name, printed = publish(docker, server, small_images[0], "some/repo:tag")
    digest = printed.splitlines()[-1].split()[2]
    client = server.client()
    assert client.delete(f"/v2/some/repo/manifests/{digest}").status == 202
    assert empty_docker.run(["docker", "pull", name], check=False).returncode != 0
    publish(docker, server, small_images[0], "some/repo:tag")
    empty_docker.run(["docker", "pull", name])
    assert empty_docker.image_id(name) == docker.image_id(small_images[0])


def test_a_damaged_layer_is_pushed_again(server, docker, empty_docker, small_images):
    """A verification has taken away what made docker skip it; the rest is skipped still."""
    name, _ = publish(docker, server, small_images[0], "some/repo:tag")
    volume = Volume(server.root)
    manifest = json.loads(server.client().get("/v2/some/repo/manifests/tag").body)
    layer = volume.data(manifest["layers"][1]["digest"])
    layer.write_bytes(layer.read_bytes()[:-1])
    assert empty_docker.run(["docker", "pull", name], check=False).returncode != 0
    _, skipped = publish(docker, server, small_images[0], "some/repo:tag")
    assert skipped.count(": Layer already exists") == 2
    assert Verifier(server.root).collect()["moved"] == 1
    assert empty_docker.run(["docker", "pull", name], check=False).returncode != 0
    _, healed = publish(docker, server, small_images[0], "some/repo:tag")
    assert (healed.count(": Pushed"), healed.count(": Layer already exists")) == (1, 1), healed
    empty_docker.run(["docker", "pull", name])
    assert empty_docker.image_id(name) == docker.image_id(small_images[0])


@pytest.mark.parametrize("same", [False, True], ids=["repositories", "one repository"])
def test_eight_clients_at_once(server, docker, empty_docker, small_images, same):
    """All push, then all pull, at the same time; the layer that they share is sent by several at once."""
    names = [f"{server.host}/some/repo:{i}" if same else f"{server.host}/repo{i}:tag" for i in range(CLIENTS)]
    for local, name in zip(small_images, names):
        docker.run(["docker", "tag", local, name])
    docker.run_all([["docker", "push", name] for name in names])
    empty_docker.run_all([["docker", "pull", name] for name in names])
    for local, name in zip(small_images, names):
        assert empty_docker.image_id(name) == docker.image_id(local)
    assert server.memory()[1] < MEMORY_BOUND


def test_a_large_layer(server, docker, empty_docker, session_body, small_images):
    publish(docker, server, small_images[0], "warm/up:tag")
    before = server.memory()[1]
    large = session_body("large", LARGE)
    local = docker.import_files({"large": large}, "large:latest")
    name, _ = publish(docker, server, "large:latest", "large/layer:latest")
    docker.run(["docker", "image", "rm", "large:latest", name])
    pushed = server.memory()[1]
    empty_docker.run(["docker", "pull", name], timeout=400)
    pulled = server.memory()[1]
    assert empty_docker.image_id(name) == local
    manifest = json.loads(server.client().get("/v2/large/layer/manifests/latest").body)
    assert manifest["layers"][0]["size"] >= LARGE
    print(f"peak memory: {before} before, {pushed} after the push, {pulled} after the pull")
    assert pulled < MEMORY_BOUND
    assert pulled - before < MEMORY_GROWTH
    empty_docker.empty()
