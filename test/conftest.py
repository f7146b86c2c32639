# SPDX-License-Identifier: Apache-2.0
"""Fixtures that all tests share. TEST_SEED=… replays a run with the same bytes."""

import itertools
import os
import secrets
import shutil
import signal

import pytest

from harness import leftovers
from harness.content import Body
from harness.place import scratch_folder
from harness.server import Server

MEMORY, ENOUGH = "/dev/shm", 2 << 30
SEED = os.environ.setdefault("TEST_SEED", secrets.token_hex(4))  # workers inherit it


def pytest_configure():
    def end(*_):
        raise KeyboardInterrupt  # so that fixtures are taken down: nothing stays behind
    signal.signal(signal.SIGTERM, end)


def pytest_unconfigure():
    leftovers.clean_up()


def pytest_report_header():
    return f"TEST_SEED={SEED}"


@pytest.fixture
def body(request):
    """body(size) gives fresh bytes, different for every test and call."""
    print(f"TEST_SEED={SEED}")
    counter = itertools.count()
    return lambda size: Body(f"{SEED}/{request.node.nodeid}/{next(counter)}", size)


@pytest.fixture(scope="session")
def session_body():
    """session_body(name, size): for what fixtures of the session build."""
    return lambda name, size: Body(f"{SEED}/session/{name}", size)


@pytest.fixture
def scratch():
    with scratch_folder() as folder:
        yield folder


@pytest.fixture
def in_memory(monkeypatch):
    """Where nothing waits for a disk, more happens at the same time."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        monkeypatch.setenv("TMPDIR", MEMORY)


@pytest.fixture
def make_server():
    """Starts servers; at the end of the test each is stopped and looked at (see Server.stop)."""
    started, folders = [], []

    def make(**options):
        folder = scratch_folder()
        folders.append(folder)
        server = Server(folder.__enter__(), **options)
        started.append(server)
        return server.start()

    failures = []
    try:
        yield make
    finally:
        for server in started:
            try:
                server.stop()
            except AssertionError as failure:
                failures.append(str(failure))
        for folder in folders:
            folder.__exit__(None, None, None)
    assert not failures, "\n".join(failures)
