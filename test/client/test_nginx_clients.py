# SPDX-License-Identifier: Apache-2.0
"""Clients log in, push and pull through Debian's nginx, which ends TLS on a port of its own."""

import contextlib

from harness import htpasswd, process
from harness.nginx import Nginx, readme_blocks
from harness.place import scratch_folder
from harness.waiting import wait_until

README, README_PREFIX = readme_blocks()
PREFIX = {"REGISTRY_HTTP_PREFIX": "/registry/"}
PASS = "proxy_pass http://127.0.0.1:5000"

USERS = {"alice": "open sesame"}
LOGIN = {"REGISTRY_AUTH_HTPASSWD_PATH": "users", "REGISTRY_AUTH_HTPASSWD_REALM": "nginx"}

# The server's options, nginx's block, and what repositories' names begin with in front of it: clients know no other
# path than /v2/ at the root, and so a path is either nginx's own affair or a part of the name.
SETUPS = [
    (LOGIN, README, ""),
    ({**PREFIX, **LOGIN}, README_PREFIX, ""),
    ({}, f"client_max_body_size 0; location /v2/ {{ {PASS}; }}", ""),
    ({**PREFIX, "REGISTRY_HTTP_RELATIVEURLS": "true"},
     'client_max_body_size 0; proxy_request_buffering off; proxy_http_version 1.1; proxy_set_header Connection "";'
     " location /v2/ { proxy_pass http://kept/registry/v2/; proxy_redirect /registry/ /; }", ""),
    ({}, f"client_max_body_size 0; location = /v2/ {{ {PASS}; }} location /v2/hub/ {{ {PASS}/v2/; }}", "hub/"),
]


def went(done):
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"


def test_push_and_pull(each_client, make_server, authority, body, scratch):
    client = each_client
    certificate = authority.issue(f"nginx-{client.address}", address=client.address)
    client.prepare([body(3_000_000), body(200_000), body(10)])
    users = htpasswd.write(scratch / "users", USERS, cost=5)
    for options, block, names in SETUPS:
        environment = {**options, "REGISTRY_LOG_ACCESSLOG_DISABLED": "false"}
        if options.items() >= LOGIN.items():
            environment["REGISTRY_AUTH_HTPASSWD_PATH"] = str(users)
        server = make_server(environment=environment)
        with contextlib.ExitStack() as undo:
            port = undo.enter_context(process.reserved_port(client.address))
            nginx = Nginx(undo.enter_context(scratch_folder()), certificate, server, block, port, client.address)
            undo.callback(nginx.stop)
            if options.items() >= LOGIN.items():
                assert client.push(f"{nginx.host}/{names}some/repo:one").returncode != 0
                went(client.login(nginx.host, "alice", USERS["alice"]))
            for name in ("some/repo", "another/repo"):  # what is in the first one is mounted from there
                went(client.push(f"{nginx.host}/{names}{name}:one"))
            client.forget()
            name = f"{nginx.host}/{names}another/repo:one"
            went(client.pull(name))
            client.check(name)
            wait_until(lambda: len(server.output_path.read_text().splitlines()) == len(nginx.requests()),
                       "no request to have come another way than through nginx")
