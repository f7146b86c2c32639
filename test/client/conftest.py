# SPDX-License-Identifier: Apache-2.0
"""Real clients: a docker engine, podman, skopeo. A client that is missing is a failure, never a skip."""

import contextlib
import shutil

import pytest

from harness import clients, images
from harness.containers import Tools
from harness.engine import Engine
from harness.layout import Layout
from harness.original import Original
from harness.place import REPOSITORY, scratch_folder
from harness.server import Server
from harness.tls import Authority


@contextlib.contextmanager
def engine(trusts=None):
    for tool in ("dockerd", "docker", "ip"):
        assert shutil.which(tool), f"{tool} is not installed"
    with scratch_folder("rt-") as folder:
        running = Engine(folder, trusts)
        try:
            yield running.start()
        finally:
            running.stop()


@pytest.fixture(scope="session")
def docker():
    """The engine that builds and pushes."""
    with engine() as running:
        yield running


@pytest.fixture(scope="session")
def _other_docker():
    with engine() as running:
        yield running


@pytest.fixture
def empty_docker(_other_docker):
    """Another engine, that has nothing."""
    _other_docker.empty()
    return _other_docker


@pytest.fixture(scope="session")
def authority():
    """A CA."""
    with scratch_folder() as folder:
        yield Authority(folder)


@pytest.fixture(scope="session")
def _trusting_docker(authority):
    with engine(authority.file) as running:
        yield running


@pytest.fixture(params=["docker", "podman", "skopeo"])
def each_client(request, authority, scratch):
    """Each of them, trusting the authority, logged in nowhere, with no image."""
    if request.param == "docker":
        running = request.getfixturevalue("_trusting_docker")
        running.empty()
        return clients.Docker(running, scratch)
    made = clients.Podman if request.param == "podman" else clients.Skopeo
    return made(request.getfixturevalue("tools"), request.getfixturevalue("layout"), authority.file)


@pytest.fixture(scope="session")
def base_image(docker):
    images.add_base(docker)
    return images.BASE


@pytest.fixture(scope="session")
def everyday_images(docker, base_image, session_body):
    """What the tutorial pushes, under the same names: ubuntu 18.04 and 19.10 share a layer, and each has its own."""
    shared = session_body("shared", 3_000_000)
    with scratch_folder() as folder:
        for name in ("ubuntu:18.04", "ubuntu:19.10", "nginx:latest"):
            own = [session_body(f"{name}/{i}", 1_000_000 + i) for i in range(2)]
            images.build(docker, folder, name, own if name.startswith("nginx") else [shared, *own])
    return ["ubuntu:18.04", "ubuntu:19.10", "nginx:latest"]


@pytest.fixture(scope="session")
def registry_image(docker, base_image):
    """The image that people run, built as the README says."""
    docker.run("docker build -t registry --network host .", cwd=REPOSITORY, timeout=900)
    return "registry"


@pytest.fixture(scope="session")
def slim_image(docker, registry_image):
    docker.run("docker build -t registry:slim --target slim --network host .", cwd=REPOSITORY, timeout=900)
    return "registry:slim"


@pytest.fixture
def ours(scratch):
    """This server, not started."""
    folder = scratch / "ours"
    folder.mkdir()
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def original(scratch, ours):
    """The original on the same volume, not started."""
    folder = scratch / "original"
    folder.mkdir()
    server = Original(folder, ours.root)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(make_server):
    """The plain build on the host."""
    return make_server()


@pytest.fixture
def tools(scratch):
    """podman, buildah, skopeo"""
    return Tools(scratch)


@pytest.fixture
def layout(scratch):
    """An image layout to be filled."""
    folder = scratch / "layout"
    folder.mkdir()
    return Layout(folder)
