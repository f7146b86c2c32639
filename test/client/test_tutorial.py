# SPDX-License-Identifier: Apache-2.0
"""The walk that people follow, as it is written, through a shell, on a real engine.

The tests are its steps: each goes on from where the one before it ended, so run the whole file.
"""

import json
import re
import shutil

import pytest

from harness.content import sha256
from harness.process import accepts
from harness.push import ALL_MANIFESTS
from harness.volume import Volume
from harness.waiting import wait_until
from harness.wire import Client, Closed

PORT = 5000
IMAGES = ("ubuntu:18.04", "ubuntu:19.10", "nginx:latest")
CATALOG = '{"repositories":["nginx","ubuntu"]}'
COLLECT = "docker exec localregistry bin/registry garbage-collect --delete-untagged /etc/docker/registry/config.yml"
CURL_DIGEST = ('curl -v --silent -H "Accept: application/vnd.docker.distribution.manifest.v2+json" '
               "-X GET http://localhost:5000/v2/ubuntu/manifests/{tag} 2>&1 "
               "| grep Docker-Content-Digest | awk '{{print ($3)}}'")


def answers():
    try:
        return Client(PORT).get("/v2/").status == 200
    except (OSError, Closed):
        return False


@pytest.fixture(scope="module")
def shell(docker, registry_image, everyday_images):
    """Types a command; gives what it printed."""
    assert not accepts(PORT), f"port {PORT} is taken: the walk needs it"
    yield docker.run
    docker.run("docker rm --force --volumes localregistry", check=False)


@pytest.fixture(scope="module")
def walk():
    """What earlier steps saw."""
    return {}


@pytest.fixture
def volume(shell):
    mounts = json.loads(out(shell, "docker inspect --format '{{json .Mounts}}' localregistry"))
    return Volume(next(mount["Source"] for mount in mounts if mount["Destination"] == "/var/lib/registry"))


def out(shell, command):
    return shell(command).stdout.strip()


def push(shell, name):
    """Returns the digest, and everything that was printed."""
    printed = out(shell, f"docker push localhost:5000/{name}")
    tag = name.partition(":")[2]
    said = re.fullmatch(rf"{re.escape(tag)}: digest: (sha256:[0-9a-f]{{64}}) size: \d+", printed.splitlines()[-1])
    assert said, printed
    return said.group(1), printed


def pull_and_compare(engine, walk, names):
    for name in names:
        engine.run(f"docker pull localhost:5000/{name}")
        assert engine.image_id(f"localhost:5000/{name}") == walk["ids"][name]


def test_step_1_run(shell):
    printed = out(shell, "docker run -d -p 5000:5000 -e REGISTRY_STORAGE_DELETE_ENABLED=true "
                         "--name localregistry registry")
    assert re.fullmatch("[0-9a-f]{64}", printed)
    listed = out(shell, "docker ps --filter name=localregistry --format '{{.Names}} {{.Image}} {{.Status}}'")
    assert listed.startswith("localregistry registry Up ")
    wait_until(answers, "the registry in its container")


def test_step_2_tag(shell, docker, walk):
    for name in IMAGES:
        assert out(shell, f"docker tag {name} localhost:5000/{name}") == ""
    walk["ids"] = {name: docker.image_id(name) for name in IMAGES}
    assert len(set(walk["ids"].values())) == 3


def test_step_3_push(shell, walk):
    walk["digests"] = {name: push(shell, name)[0] for name in IMAGES}


def test_step_4_catalog(shell):
    assert out(shell, "curl http://localhost:5000/v2/_catalog") == CATALOG


def test_step_5_tags(shell):
    assert out(shell, "curl http://localhost:5000/v2/ubuntu/tags/list") == '{"name":"ubuntu","tags":["18.04","19.10"]}'


def test_pull_on_an_empty_engine(shell, empty_docker, walk):
    pull_and_compare(empty_docker, walk, IMAGES)
    assert "debian" not in empty_docker.out("docker images")


def test_pull_by_digest(shell, empty_docker, walk):
    digest = walk["digests"]["ubuntu:19.10"]
    empty_docker.run(f"docker pull localhost:5000/ubuntu@{digest}")
    assert empty_docker.image_id(f"localhost:5000/ubuntu@{digest}") == walk["ids"]["ubuntu:19.10"]


def test_pushing_again_moves_no_layer(shell, walk):
    digest, printed = push(shell, "ubuntu:19.10")
    assert digest == walk["digests"]["ubuntu:19.10"]
    assert "Pushed" not in printed
    assert printed.count("Layer already exists") == 4


def parts(tag):
    """{digest: size} of what an image of ubuntu consists of, its manifest too."""
    data = Client(PORT, {"Accept": ALL_MANIFESTS}).get(f"/v2/ubuntu/manifests/{tag}").body
    document = json.loads(data)
    return {sha256(data): len(data),
            **{part["digest"]: part["size"] for part in [document["config"], *document["layers"]]}}


def test_step_6_digest(shell, walk):
    walk["digest"] = out(shell, CURL_DIGEST.format(tag="18.04"))
    assert walk["digest"] == walk["digests"]["ubuntu:18.04"]
    others = parts("19.10")
    walk["own parts"] = {digest: size for digest, size in parts("18.04").items() if digest not in others}


def test_step_7_delete(shell, walk):
    deleted = shell(f"curl -v -X DELETE http://localhost:5000/v2/ubuntu/manifests/{walk['digest']}")
    assert re.search(r"^< HTTP/1\.1 202 ", deleted.stderr, re.MULTILINE)
    assert deleted.stdout == ""
    assert out(shell, "curl http://localhost:5000/v2/ubuntu/tags/list") == '{"name":"ubuntu","tags":["19.10"]}'
    refused = shell("docker pull localhost:5000/ubuntu:18.04", check=False)
    assert refused.returncode != 0 and "manifest unknown" in refused.stderr


def test_step_8_collect(shell, walk, volume):
    before = volume.bytes()
    done = shell(COLLECT)
    eligible = walk["own parts"]
    lines = done.stdout.splitlines()
    assert sorted(line for line in lines if line in ("nginx", "ubuntu")) == ["nginx", "ubuntu"]
    for name, tag in (("ubuntu", "19.10"), ("nginx", "latest")):
        assert f"{name}: marking manifest {walk['digests'][f'{name}:{tag}']} " in lines
    for digest in parts("19.10").keys() - {walk["digests"]["ubuntu:19.10"]}:
        assert f"ubuntu: marking blob {digest}" in lines
    counted = next(i for i, line in enumerate(lines) if re.fullmatch(
        rf"\d+ blobs marked, {len(eligible)} blobs and 0 manifests eligible for deletion", line))
    listed = {line.rpartition(" ")[2] for line in lines[counted + 1:]
              if line.startswith("blob eligible for deletion: ")}
    assert listed == set(eligible)
    for digest in eligible:
        algorithm, _, text = digest.partition(":")
        assert f"Deleting blob: /docker/registry/v2/blobs/{algorithm}/{text[:2]}/{text}" in done.stderr
    assert before - volume.bytes() == sum(eligible.values())
    assert not eligible.keys() & volume.blobs().keys()


def test_step_9_push_again_without_a_restart(shell, empty_docker, walk):
    """The layers that were collected are pushed, the others are there."""
    digest, printed = push(shell, "ubuntu:18.04")
    assert digest == walk["digest"]
    assert printed.count("Pushed") == len(walk["own parts"]) - 2  # but for the config and the manifest
    assert printed.count("Layer already exists") == 2  # the base, and what 19.10 has too
    pull_and_compare(empty_docker, walk, ["ubuntu:18.04"])


def test_step_10_restart(shell, empty_docker, walk):
    assert out(shell, "docker restart localregistry") == "localregistry"
    wait_until(answers, "the registry after its restart")
    assert out(shell, "curl http://localhost:5000/v2/_catalog") == CATALOG
    assert out(shell, "curl http://localhost:5000/v2/ubuntu/tags/list") == '{"name":"ubuntu","tags":["18.04","19.10"]}'
    pull_and_compare(empty_docker, walk, IMAGES)


def test_step_11_delete_the_last_manifest(shell, walk, volume):
    """The repository goes with it; and comes back with the next push."""
    digest = walk["digests"]["nginx:latest"]
    deleted = shell(f"curl -v -X DELETE http://localhost:5000/v2/nginx/manifests/{digest}")
    assert re.search(r"^< HTTP/1\.1 202 ", deleted.stderr, re.MULTILINE)
    shell(COLLECT)
    assert out(shell, "curl http://localhost:5000/v2/_catalog") == '{"repositories":["ubuntu"]}'
    assert volume.repositories() == ["ubuntu"]
    assert push(shell, "nginx:latest")[0] == digest
    assert out(shell, "curl http://localhost:5000/v2/_catalog") == CATALOG


def test_step_12_remove_by_hand(shell, volume):
    """Within a second, and without a restart."""
    shutil.rmtree(volume.repository("nginx"))
    wait_until(lambda: out(shell, "curl http://localhost:5000/v2/_catalog") == '{"repositories":["ubuntu"]}',
               "the repository gone from the catalog", timeout=1)


def test_step_13_delete_a_tag(shell, walk):
    """That tag alone: another tag of the same manifest stays."""
    shell("docker tag ubuntu:19.10 localhost:5000/ubuntu:eoan")
    assert push(shell, "ubuntu:eoan")[0] == walk["digests"]["ubuntu:19.10"]
    deleted = shell("curl -v -X DELETE http://localhost:5000/v2/ubuntu/manifests/19.10")
    assert re.search(r"^< HTTP/1\.1 202 ", deleted.stderr, re.MULTILINE)
    assert out(shell, "curl http://localhost:5000/v2/ubuntu/tags/list") == '{"name":"ubuntu","tags":["18.04","eoan"]}'
    assert out(shell, CURL_DIGEST.format(tag="eoan")) == walk["digests"]["ubuntu:19.10"]


def test_stop(shell):
    assert out(shell, "docker stop localregistry") == "localregistry"
    assert out(shell, "docker inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}}' localregistry") == "0 false"
