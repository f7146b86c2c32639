# SPDX-License-Identifier: Apache-2.0
"""The sandbox, as a server has it: test_sandbox.c says what it keeps from a process. And what the build has."""

import pathlib
import signal

from harness import hardened, htpasswd
from harness.place import scratch_folder
from harness.push import push_blob
from harness.server import binary_path
from harness.waiting import wait_until


def no_new_rights(server):
    lines = pathlib.Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return "NoNewPrivs:\t1" in lines


def test_every_thread_is_in_it(server, body):
    push_blob(server.client(), "some", body(1000))
    server.says("in a sandbox")
    assert no_new_rights(server)
    for thread in pathlib.Path(f"/proc/{server.pid}/task").iterdir():
        assert "NoNewPrivs:\t1" in (thread / "status").read_text().splitlines()


def test_it_can_be_switched_off(start):
    server = start(REGISTRY_SANDBOX_ENABLED="false")
    assert not no_new_rights(server)
    assert "sandbox" not in server.stderr()


def test_a_link_out_of_the_volume_leads_nowhere(server, body, scratch):
    """Whoever can write into the volume cannot make the server read what is outside of it."""
    data = bytes(body(1000))
    digest = push_blob(server.client(), "some", data)
    path = server.root / "docker/registry/v2/blobs/sha256" / digest[7:9] / digest[7:] / "data"
    secret = scratch / "secret"
    secret.write_bytes(data)
    path.unlink()
    path.symlink_to(secret)
    answer = server.client().get(f"/v2/some/blobs/{digest}")
    assert answer.status == 500 and data not in answer.body
    path.unlink()


def test_a_reload_may_name_any_file(make_server, scratch):
    """The keeper opens it, for as long as the configuration names it; and what is there from the start."""
    with scratch_folder() as elsewhere:
        users, config = elsewhere / "users", scratch / "registry.ini"
        htpasswd.write(users, {"alice": "password"})
        config.write_text("[log]\nlevel = info\n")
        server = make_server(asan=True, config=config)
        children = pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        assert len(children) == 1, "the keeper"
        config.write_text(f"[auth.htpasswd]\npath = {users}\n")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.client().get("/v2/").status == 401, "the new settings")
        assert server.client().get("/v2/", htpasswd.basic("alice", "password")).status == 200
        htpasswd.write(users, {"bob": "password"})
        wait_until(lambda: server.client().get("/v2/", htpasswd.basic("bob", "password")).status == 200, "the new file")
        server.restart()
        assert server.client().get("/v2/", htpasswd.basic("bob", "password")).status == 200
        server.kill()
        wait_until(lambda: not pathlib.Path(f"/proc/{children[0]}").exists(), "the keeper's end")
        server.start()


def test_the_binary_is_hardened():
    hardened.check(binary_path(asan=False))
