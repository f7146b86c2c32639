# SPDX-License-Identifier: Apache-2.0
"""Over HTTP the build with sanitizers is used."""

import itertools
import os

import pytest

from harness import process
from harness.admin import Admin
from harness.configured import ConfiguredServer
from harness.place import scratch_folder
from harness.server import Server, binary_path
from harness.sink import Sink
from harness.tls import Authority
from harness.volume import Volume

_numbers = itertools.count(1)


@pytest.fixture
def start(make_server):
    """start(REGISTRY_…=value) gives a server with these settings."""
    return lambda **environment: make_server(asan=True, environment=environment)


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def client(server):
    return server.client()


@pytest.fixture
def configured():
    """configured(options, …) starts a server; at the end each is stopped and looked at."""
    started, folders = [], []

    def make(options=(), **more):
        folders.append(scratch_folder())
        server = ConfiguredServer(folders[-1].__enter__(), options, **more)
        started.append(server)
        return server.start()

    try:
        yield make
    finally:
        for server in started:
            server.stop()
        for folder in folders:
            folder.__exit__(None, None, None)


@pytest.fixture(scope="module")
def shared_server():
    """One for all tests of a module, for those that have a repository of their own: `repo`."""
    with scratch_folder() as folder:
        server = Server(folder, asan=True)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def shared(shared_server):
    return shared_server.client()


@pytest.fixture
def repo():
    """A name that no other test uses."""
    return f"spec/number-{next(_numbers)}"


@pytest.fixture
def admin(server):
    return Admin(server.root)


@pytest.fixture
def admin_of():
    """admin_of(server): for a test with a server of its own."""
    return lambda server: Admin(server.root)


@pytest.fixture
def volume(server):
    return Volume(server.root)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    """A certificate of it for the server."""
    return authority.issue("one")


@pytest.fixture
def volume_of():
    """volume_of(server): for a test with a server of its own."""
    return lambda server: Volume(server.root)


@pytest.fixture
def make_sink():
    """make_sink(port=…) is a receiver of events."""
    sinks = []

    def make(**options):
        sinks.append(Sink(**options))
        return sinks[-1]
    yield make
    for sink in sinks:
        sink.close()


@pytest.fixture
def sink(make_sink):
    return make_sink()


@pytest.fixture
def command_on_volume(server, scratch):
    """command_on_volume(words…) runs `registry words… FILE` for the server's volume."""
    config = scratch / "config.yml"
    config.write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {server.root}\n")

    def run(*words):
        return process.run([str(binary_path(True)), *words, str(config)], check=False,
                           env={name: value for name, value in os.environ.items()
                                if not name.startswith("REGISTRY_")})
    return run


@pytest.fixture(params=["online", "offline"])
def switch(request, server):
    """Stops the server, if the command is to work by itself."""
    return server.stop if request.param == "offline" else lambda: None
