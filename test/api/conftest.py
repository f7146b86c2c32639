# SPDX-License-Identifier: Apache-2.0
"""Over HTTP the build with sanitizers is used."""

import pytest


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
