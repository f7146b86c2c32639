# SPDX-License-Identifier: Apache-2.0
"""Over TLS each client logs in, pushes and pulls: with passwords, with rules, and with tokens; or shows a certificate."""

import re

import pytest

from harness import htpasswd
from harness.clients import Skopeo
from harness.token_server import TokenServer
from harness.volume import Volume

USERS = {"alice": "p4ss:word", "bob": "bob's"}
RULES = """
[rule.1]
who = user:alice
allow = pull, push
[rule.2]
who = user:bob
repositories = team/*
allow = pull
"""


def allowed(user, repository):
    """What the rules say, said by the token server."""
    if user == "alice":
        return {"pull", "push"}
    return {"pull"} if repository.startswith("team/") else set()


@pytest.fixture(params=["htpasswd", "rules", "tokens"])
def guarded(request, each_client, make_server, authority, scratch):
    """(a server that such a thing is in front of, how it is called)"""
    kind, address = request.param, each_client.address
    settings = authority.issue(f"server-{address}", address=address).settings()
    if kind == "tokens":
        tokens = TokenServer(scratch, USERS, allowed, certificate=authority.issue("tokens"))
        request.addfinalizer(tokens.close)
        return make_server(address=address, environment={**settings, **tokens.settings()}), kind
    users = htpasswd.write(scratch / "users", USERS, cost=5)
    config = scratch / "registry.ini"
    config.write_text(f"[auth.htpasswd]\npath = {users}\n" + (RULES if kind == "rules" else ""))
    return make_server(address=address, environment=settings, config=config), kind


WRONG = r"401 Unauthorized|unauthorized|invalid username/password"
NOBODY = r"no basic auth credentials|unauthorized: authentication required"  # the first is docker's, of itself
DENIED = r"denied: requested access to the resource is denied"


def ok(done):
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"


def refused(done, words):
    """What people see says why."""
    said = done.stdout + done.stderr
    assert done.returncode != 0 and re.search(words, said), f"{done.args} ended with {done.returncode}\n{said}"


def test_log_in_push_and_pull(each_client, guarded, body):
    """alice may do everything. So may bob with nothing but a password; rules and tokens let him pull from team/."""
    client, (server, kind) = each_client, guarded
    app, private = f"{server.host}/team/app:one", f"{server.host}/private/app:one"
    as_bob = ok if kind == "htpasswd" else lambda done: refused(done, DENIED)
    client.prepare([body(2_000_000), body(30_000)])
    refused(client.login(server.host, "alice", "wrong"), WRONG)
    refused(client.push(app), NOBODY)
    ok(client.login(server.host, "alice", USERS["alice"]))
    ok(client.push(app))
    ok(client.push(private))
    refused(client.login(server.host, "bob", "wrong"), WRONG)
    ok(client.login(server.host, "bob", USERS["bob"]))
    as_bob(client.push(app + "2"))
    client.forget()
    ok(client.pull(app))
    client.check(app)
    client.forget()
    as_bob(client.pull(private))
    ok(client.logout(server.host))
    refused(client.pull(app), NOBODY)
    volume = Volume(server.root)
    assert set(volume.tags("team/app")) == ({"one", "one2"} if kind == "htpasswd" else {"one"})
    assert set(volume.tags("private/app")) == {"one"}
    for secret in ("p4ss", "bob's"):
        assert secret not in server.stderr()


def test_who_does_not_know_the_ca_is_refused(make_server, authority, tools):
    server = make_server(environment=authority.issue("server").settings())
    done = tools.run(tools.skopeo_command("inspect", f"docker://{server.host}/some/repo:one"), check=False)
    refused(done, "unknown authority")


def test_a_certificate_instead_of_a_password(make_server, authority, tools, layout, body):
    server = make_server(environment=authority.issue("server").settings(
        REGISTRY_HTTP_TLS_CLIENTCAS=f"[{authority.file}]"))
    client = Skopeo(tools, layout, authority.file)
    client.prepare([body(300_000)])
    name = f"{server.host}/some/repo:one"
    refused(client.push(name), "certificate required|bad certificate")
    client.show(authority.issue("client", usage="clientAuth"))
    ok(client.push(name))
    ok(client.pull(name))
    client.check(name)
