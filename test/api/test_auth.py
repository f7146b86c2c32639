# SPDX-License-Identifier: Apache-2.0
"""auth.htpasswd, and rules: who is asked, who is let in, and what the others are told."""

import itertools
import os
import signal
import subprocess

import pytest

from harness import htpasswd, process
from harness.admin import Admin
from harness.bcrypt_count import BcryptCount
from harness.content import sha256
from harness.htpasswd import basic
from harness.place import scratch_folder
from harness.push import OCI_MANIFEST, manifest, with_query
from harness.server import Server, binary_path
from harness.tls import Authority, TlsClient
from harness.waiting import wait_until

ALICE, BOB, ROOT, EVE = (basic(name, f"{name}'s password") for name in ("alice", "bob", "root", "eve"))
USERS = {name: f"{name}'s password" for name in ("alice", "bob", "root", "eve")}
CHALLENGE = 'Basic realm="Registry"'
DIGEST = sha256(b"nothing")
UPLOAD = "/v2/team/a/blobs/uploads/00000000-0000-4000-8000-000000000000"

# Every route: method, path, what the registry image asks for.
ROUTES = [
    ("GET", "/v2/", None),
    ("HEAD", "/v2/", None),
    ("GET", "/v2/_catalog", [("registry", "catalog", "*")]),
    ("GET", "/v2/team/a/tags/list", ["pull"]),
    ("GET", "/v2/team/a/manifests/x", ["pull"]),
    ("HEAD", "/v2/team/a/manifests/x", ["pull"]),
    ("PUT", "/v2/team/a/manifests/x", ["pull", "push"]),
    ("DELETE", f"/v2/team/a/manifests/{DIGEST}", ["delete"]),
    ("GET", f"/v2/team/a/blobs/{DIGEST}", ["pull"]),
    ("HEAD", f"/v2/team/a/blobs/{DIGEST}", ["pull"]),
    ("DELETE", f"/v2/team/a/blobs/{DIGEST}", ["delete"]),
    ("GET", f"/v2/team/a/referrers/{DIGEST}", ["pull"]),
    ("POST", "/v2/team/a/blobs/uploads/", ["pull", "push"]),
    ("GET", UPLOAD, ["pull"]),
    ("HEAD", UPLOAD, ["pull"]),
    ("PATCH", UPLOAD, ["pull", "push"]),
    ("PUT", UPLOAD, ["pull", "push"]),
    ("DELETE", UPLOAD, ["delete"]),
]

RULES = """
[rule.root]
who = user:root
allow = pull, push, delete, admin
[rule.team]
who = user:alice, group:ci
repositories = team/*, lib/**
allow = pull, push
[rule.read]
who = *
repositories = team/*
allow = pull
[rule.public]
who = anonymous
repositories = public/**
allow = pull
[group.ci]
members = robot, builder
"""


def details(wanted):
    if wanted is None:
        return None
    rows = [w if isinstance(w, tuple) else ("repository", "team/a", w) for w in wanted]
    return [{"Type": kind, "Class": "", "Name": name, "Action": action} for kind, name, action in rows]


@pytest.fixture
def folder():
    with scratch_folder() as path:
        yield path


@pytest.fixture
def users(folder):
    return htpasswd.write(folder / "users", USERS)


@pytest.fixture
def closed(start, users):
    """A server with users, and without rules."""
    return start(REGISTRY_AUTH_HTPASSWD_PATH=str(users), REGISTRY_LOG_LEVEL="debug",
                 REGISTRY_LOG_ACCESSLOG_DISABLED="false")


def with_rules(make_server, folder, users, rules=RULES, **environment):
    config = folder / "registry.ini"
    config.write_text(f"[auth.htpasswd]\npath = {users}\n{rules}")
    return make_server(asan=True, config=config, environment=environment)


@pytest.fixture
def ruled(make_server, folder, users):
    return with_rules(make_server, folder, users)


def push(client, repo, who, data, tag="latest"):
    """A blob and a manifest; the status of each step until one fails."""
    begun = client.post(f"/v2/{repo}/blobs/uploads/", headers=who)
    if begun.status != 202:
        return [begun.status]
    put = client.put(with_query(begun.get("Location"), digest=sha256(data)), data, headers=who)
    document = manifest(data, [data])
    done = client.put(f"/v2/{repo}/manifests/{tag}", document, {**who, "Content-Type": OCI_MANIFEST})
    return [begun.status, put.status, done.status]


# Asking and refusing


@pytest.mark.parametrize("method,path,wanted", ROUTES)
def test_nobody_gets_in_anywhere(closed, method, path, wanted):
    client = closed.client()
    bad = [{}, basic("alice", "wrong"), basic("nobody", "alice's password"), basic("", ""),
           {"Authorization": "Basic"}, {"Authorization": "Basic !!!"}, {"Authorization": "Basic YWxpY2U="},
           {"Authorization": "Bearer x"}, {"Authorization": "x" * 5000}]
    for headers in bad:
        answer = client.request(method, path, headers=headers)
        assert answer.status == 401, (headers, answer)
        assert answer.exact("Www-Authenticate") == CHALLENGE
        assert answer.get("Docker-Distribution-Api-Version") == "registry/2.0"
        if method != "HEAD":
            error = answer.errors()[0]
            assert error["code"] == "UNAUTHORIZED" and error["message"] == "authentication required"
            assert "detail" in error and error["detail"] == details(wanted)


@pytest.mark.parametrize("method,path,wanted", ROUTES)
def test_a_user_gets_in_everywhere(closed, method, path, wanted):
    answer = closed.client().request(method, path, headers=ALICE)
    assert answer.status not in (401, 403), answer
    assert answer.all("Www-Authenticate") == []


def test_what_is_open_to_all(closed):
    client = closed.client()
    assert client.get("/").status == 200
    assert client.request("OPTIONS", "/v2/").status not in (401, 403)
    assert client.request("OPTIONS", "/v2/team/a/tags/list").status not in (401, 403)
    assert client.get("/v2/team/a/nothing").status == 404


def test_credentials_come_before_names_and_bodies(closed):
    client = closed.client()
    assert client.get("/v2/UPPER/tags/list").status == 401
    assert client.get("/v2/UPPER/tags/list", ALICE).status == 400
    assert client.put("/v2/team/a/manifests/x", b"no manifest").status == 401
    with client.wire() as wire:  # no body was asked for, none is waited for
        wire.send_head("PUT", "/v2/team/a/manifests/x", {"Content-Length": "1000000", "Expect": "100-continue"})
        head = wire.read_head()
        assert head.status == 401


def test_a_realm_is_quoted(start, users):
    server = start(REGISTRY_AUTH="htpasswd", REGISTRY_AUTH_HTPASSWD_PATH=str(users),
                   REGISTRY_AUTH_HTPASSWD_REALM='\'a "b" \\c\'')
    assert server.client().get("/v2/").exact("Www-Authenticate") == 'Basic realm="a \\"b\\" \\\\c"'


def test_a_scheme_has_no_case(closed):
    client = closed.client()
    value = ALICE["Authorization"].split(" ")[1]
    for scheme in ("basic", "BASIC"):
        assert client.get("/v2/", {"Authorization": f"{scheme} {value}"}).status == 200


def test_no_password_is_in_a_log(closed):
    client = closed.client()
    client.get("/v2/", ALICE)
    client.get("/v2/", basic("alice", "wr0ng-secret"))
    client.get("/v2/team/a/tags/list", {**ALICE, "Referer": "https://user:hush@host/x"})
    with client.wire() as wire:
        wire.send_head("GET", "http://user:hush@host/v2/", ALICE)
        wire.read()
    closed.stop()
    text = closed.stderr() + closed.output_path.read_text()
    for secret in ("password", "wr0ng", "hush", ALICE["Authorization"].split()[1]):
        assert secret not in text, secret
    lines = closed.output_path.read_text().splitlines()
    assert [line.split(" ")[2] for line in lines] == ["alice", "-", "alice", "alice"]
    assert '"https://host/x"' not in text and '"host/x"' in text


def test_requests_on_one_connection_are_asked_one_by_one(closed):
    with closed.client().wire() as wire:
        for headers, status in ((ALICE, 200), ({}, 401), (BOB, 200), (basic("bob", "x"), 401), (ALICE, 200)):
            wire.send_head("GET", "/v2/", headers)
            assert wire.read().status == status


# What it costs


CHECK = "$2y$12$"


@pytest.fixture(params=["plain", "tls"])
def counted(request, make_server, folder):
    """(a client, what counts the checks): of a server whose passwords have the cost 12."""
    count, settings = BcryptCount(folder), {}
    if request.param == "tls":
        authority = Authority(folder)
        settings = authority.issue("server").settings()
    path = htpasswd.write(folder / "users", {name: USERS[name] for name in ("alice", "bob")}, cost=12)
    server = make_server(environment={"REGISTRY_AUTH_HTPASSWD_PATH": str(path), **count.environment, **settings})
    return TlsClient(server.port, authority.context()) if settings else server.client(), count


def test_a_hundred_requests_pay_for_one_check(counted, body):
    """Over one connection and over many; a push is such requests."""
    client, count = counted
    with client.wire() as wire:
        for _ in range(50):
            wire.send_head("GET", "/v2/", ALICE)
            assert wire.read().status == 200
    assert {client.get("/v2/", ALICE).status for _ in range(50)} == {200}
    assert push(client, "team/a", ALICE, bytes(body(5000))) == [202, 201, 201]
    assert count.taken() == [CHECK]
    assert {client.get("/v2/", BOB).status for _ in range(3)} == {200}
    assert count.taken() == [CHECK], "another user has a password of their own"


def test_who_is_refused_pays_each_time(counted):
    """And as much for a user whom nobody knows: the time does not tell who is there."""
    client, count = counted
    for refused in (basic("alice", "wrong"), basic("nobody", "wrong")):
        assert [client.get("/v2/", refused).status for _ in range(2)] == [401, 401]
        assert count.taken() == [CHECK, CHECK]


def test_many_at_once_pay_for_one_check(counted):
    """What 30 connections ask before the first of them has its answer."""
    client, count = counted
    wires = [client.wire() for _ in range(30)]
    for wire in wires:
        wire.send_head("GET", "/v2/", ALICE)
    assert [wire.read().status for wire in wires] == [200] * 30
    for wire in wires:
        wire.close()
    assert count.taken() == [CHECK]


def test_a_flood_of_wrong_passwords_keeps_no_user_out(start, folder):
    path = htpasswd.write(folder / "users", USERS, cost=12)
    server = start(REGISTRY_AUTH_HTPASSWD_PATH=str(path), REGISTRY_HTTP_TIMEOUT_HEAD="2s")
    assert server.client().get("/v2/", ALICE).status == 200
    wires = []
    for number in range(40):
        wires.append(server.client().wire())
        wires[-1].send_head("GET", "/v2/", basic("alice", f"guess {number}"))
    for _ in range(20):
        assert server.client(timeout=2).get("/v2/", ALICE).status == 200
    for wire in wires[:20]:
        wire.reset()
    for wire in wires[20:]:
        assert wire.read().status == 401, "who waits for the verdict is not slow"
        wire.close()


# The file


def test_a_changed_file_is_picked_up(closed, users):
    client = closed.client()
    assert client.get("/v2/", ALICE).status == 200
    htpasswd.write(users, {"carol": "new", "bob": "bob's password"})
    wait_until(lambda: client.get("/v2/", basic("carol", "new")).status == 200, "the new file being read")
    assert client.get("/v2/", ALICE).status == 401, "who is no longer there, is out, remembered or not"
    assert client.get("/v2/", BOB).status == 200


def test_a_broken_file_changes_nothing(closed, users):
    client = closed.client()
    for number, breaking in enumerate((lambda: users.write_text("no colon, but secret\n"), users.unlink,
                                       lambda: users.mkdir())):
        breaking()
        wait_until(lambda n=number: closed.stderr().count("the users stay as they were") > n, "a line in the log")
        assert client.get("/v2/", ALICE).status == 200
    users.rmdir()
    assert "secret" not in closed.stderr()
    htpasswd.write(users, {"carol": "new"})
    wait_until(lambda: client.get("/v2/", basic("carol", "new")).status == 200, "the good file being read")


def test_what_it_does_not_start_with(folder, users):
    def start_with(text):
        config = folder / "registry.ini"
        config.write_text(text)
        with pytest.raises(AssertionError) as failure, scratch_folder() as place:
            Server(place, asan=True, config=config).start()
        return str(failure.value)

    assert "does not exist" in start_with("[auth.htpasswd]\npath = /no/such/file\n")
    assert "auth.htpasswd.path: expected" in start_with("auth = htpasswd\n")
    users.write_text("alice\n")
    assert "users:1: expected name:hash" in start_with(f"[auth.htpasswd]\npath = {users}\n")
    assert "rules need auth.htpasswd" in start_with("[rule.1]\nwho = *\n")
    users.write_text("")
    for rule, word in (("whom = *", "rule.1.whom: unknown option"), ("who = me", "who: expected user:NAME"),
                       ("who = group:x", "there is no [group.x]"), ("allow = all", "who: expected somebody")):
        text = start_with(f"[auth.htpasswd]\npath = {users}\n[rule.1]\n{rule}\n")
        assert word in text and "registry.ini:4" in text, text
    assert "expected htpasswd or token, got both" in start_with("[auth.htpasswd]\npath=x\n[auth.token]\nrealm=x\n")
    assert "no such auth here" in start_with("[auth.silly]\nrealm=x\n")


def test_a_reload_takes_other_rules(ruled, folder, users):
    client = ruled.client()
    assert client.get("/v2/team/a/tags/list", EVE).status == 404
    config = folder / "registry.ini"
    good = config.read_text()
    config.write_text(good + "[rule.bad]\nwho = me\n")
    os.kill(ruled.pid, signal.SIGHUP)
    ruled.says("not reloaded")
    assert client.get("/v2/team/a/tags/list", EVE).status == 404
    config.write_text(good.replace("who = *", "who = user:bob"))
    os.kill(ruled.pid, signal.SIGHUP)
    wait_until(lambda: client.get("/v2/team/a/tags/list", EVE).status == 403, "the new rules")
    assert client.get("/v2/team/a/tags/list", BOB).status == 404


# Rules

RIGHTS = {"pull": {"alice", "bob", "eve", "root"}, "push": {"alice", "root"}, "delete": {"root"},
          "cancel": {"alice", "root"}, None: {"alice", "bob", "eve", "root"}}


@pytest.mark.parametrize("method,path,wanted", ROUTES)
def test_rules_for_every_route(ruled, method, path, wanted):
    client = ruled.client()
    right = wanted and (wanted[-1] if isinstance(wanted[-1], str) else None)
    right = "cancel" if (method, path) == ("DELETE", UPLOAD) else right
    for name, headers in (("alice", ALICE), ("bob", BOB), ("root", ROOT), ("eve", EVE)):
        answer = client.request(method, path, headers=headers)
        if name in RIGHTS[right]:
            assert answer.status not in (401, 403), (name, answer)
            continue
        assert answer.status == 403 and answer.all("Www-Authenticate") == []
        error = answer.errors()[0]
        assert error["code"] == "DENIED" and error["detail"] == details(wanted)


def test_two_users_push(ruled, body):
    client, data = ruled.client(), bytes(body(5000))
    assert push(client, "team/a", ALICE, data) == [202, 201, 201]
    assert push(client, "team/a", BOB, data) == [403]
    assert push(client, "lib/x/y", ALICE, data) == [202, 201, 201]
    assert push(client, "other", ALICE, data) == [403]
    assert push(client, "other", ROOT, data) == [202, 201, 201]
    assert client.get("/v2/team/a/manifests/latest", BOB).status == 200
    assert client.get("/v2/lib/x/y/manifests/latest", BOB).status == 403
    assert client.get("/v2/team/a/manifests/latest").status == 401


def test_an_upload_is_for_who_may_push_there(ruled, body):
    client, data = ruled.client(), bytes(body(100))
    location = client.post("/v2/team/a/blobs/uploads/", headers=ALICE).get("Location")
    assert client.patch(location, data, headers=BOB).status == 403
    assert client.patch(location, data).status == 401
    assert client.patch(location, data, headers=ALICE).status == 202
    elsewhere = location.replace("/team/a/", "/lib/b/")
    assert client.put(with_query(elsewhere, digest=sha256(data)), headers=ALICE).status == 404
    assert client.put(with_query(location, digest=sha256(data)), headers=ALICE).status == 201


def test_public_repositories(ruled, body):
    client, data = ruled.client(), bytes(body(100))
    assert client.get("/v2/").status == 200
    assert client.get("/v2/", basic("alice", "wrong")).status == 401
    assert push(client, "public/x", ROOT, data) == [202, 201, 201]
    assert client.get("/v2/public/x/manifests/latest").status == 200
    assert client.get("/v2/public/x/manifests/latest", EVE).status == 200
    assert client.get("/v2/public/x/manifests/latest", basic("eve", "wrong")).status == 401
    assert client.delete("/v2/public/x/manifests/latest").status == 401


def test_the_catalog_shows_what_one_may_pull(ruled, body):
    client, data = ruled.client(), bytes(body(100))
    names = [f"{folder}/{name}" for folder in ("lib", "other", "public", "team") for name in "abcde"]
    for name in names:
        assert push(client, name, ROOT, data)[-1] == 201

    def listed(headers, **parameters):
        answer = client.get(with_query("/v2/_catalog", **parameters), headers)
        assert answer.status == 200
        return answer.json()["repositories"], answer.get("Link")

    def mine(*folders):
        return [name for name in names if name.split("/")[0] in folders]

    assert listed(ROOT) == (names, None)
    assert listed(ALICE) == (mine("lib", "public", "team"), None)
    assert listed(BOB) == (mine("public", "team"), None)
    assert listed({}) == (mine("public"), None)
    for n in (1, 2, 5, 10, 11):
        got, last = [], None
        for _ in itertools.count():
            page, link = listed(BOB, n=n, **({"last": last} if last else {}))
            got += page
            assert (link is None) == (len(got) == 10) and len(page) == min(n, 10 - len(got) + len(page))
            if link is None:
                break
            last = page[-1]
            assert f"last={last.replace('/', '%2F')}&n={n}" in link
        assert got == mine("public", "team")


def test_a_mount_needs_the_right_to_its_source(ruled, body):
    client, data = ruled.client(), bytes(body(1000))
    for repo in ("secret/x", "lib/x"):
        assert push(client, repo, ROOT, data)[-1] == 201

    def mount(who, **parameters):
        return client.post(with_query("/v2/team/a/blobs/uploads/", mount=sha256(data), **parameters), headers=who)

    refused = mount(ALICE, **{"from": "secret/x"})
    absent = mount(ALICE, **{"from": "secret/none"})
    assert refused.status == absent.status == 202, "what is there is not told"
    assert {name for name, _ in refused.headers} == {name for name, _ in absent.headers}
    assert mount(ALICE).status == 202, "from anywhere is from where one may not, too"
    assert client.head(f"/v2/team/a/blobs/{sha256(data)}", ALICE).status == 404
    assert mount(ALICE, **{"from": "lib/x"}).status == 201
    assert mount(BOB, **{"from": "lib/x"}).status == 403


def test_without_rules_any_mount_is_fine(closed, body):
    client, data = closed.client(), bytes(body(1000))
    assert push(client, "some/x", ALICE, data)[-1] == 201
    answer = client.post(with_query("/v2/other/y/blobs/uploads/", mount=sha256(data)), headers=BOB)
    assert answer.status == 201


# Administrators


def test_the_admin_address_asks_and_the_socket_does_not(make_server, folder, users):
    port = process.free_port()
    server = with_rules(make_server, folder, users, REGISTRY_ADMIN_ADDR=f"127.0.0.1:{port}")
    admin = Admin(server.root, port)
    assert Admin(server.root).get("/admin/gc").status == 200
    refused = admin.get("/admin/gc")
    assert refused.status == 401 and refused.exact("Www-Authenticate") == CHALLENGE
    assert admin.get("/admin/gc", ALICE).status == 403
    assert admin.get("/admin/gc", basic("root", "wrong")).status == 401
    assert admin.get("/admin/gc", ROOT).status == 200


def test_the_debug_address_asks_nobody(start, users):
    port = process.free_port()
    server = start(REGISTRY_AUTH_HTPASSWD_PATH=str(users), REGISTRY_HTTP_DEBUG_ADDR=f"127.0.0.1:{port}")
    client = server.client()
    client.port = port
    assert client.get("/debug/health").status == 200


# Together with the command


def test_the_command_makes_lines_that_count(start, folder):
    line = subprocess.run([binary_path(True), "htpasswd", "dora"], input=b"explorer\n", check=True,
                          capture_output=True).stdout
    (folder / "users").write_bytes(line)
    client = start(REGISTRY_AUTH_HTPASSWD_PATH=str(folder / "users")).client()
    assert client.get("/v2/", basic("dora", "explorer")).status == 200
    assert client.get("/v2/", basic("dora", "explorer\n")).status == 401
