# SPDX-License-Identifier: Apache-2.0
"""Real clients log in, push and pull: with passwords, with rules, and with a token server of the test's own."""

import base64
import http.server
import json
import threading
import urllib.parse

import pytest

from harness import htpasswd, tokens
from harness.place import scratch_folder

USERS = {"alice": "p4ss:word", "bob": "bob's"}
ISSUER, SERVICE = "tokens.test", "registry.test"


@pytest.fixture
def image(layout, body):
    return layout.image("one", [body(500_000), body(300_000)])


@pytest.fixture
def settings(scratch):
    path = htpasswd.write(scratch / "users", USERS, cost=5)
    config = scratch / "registry.ini"
    config.write_text(f"[auth.htpasswd]\npath = {path}\n"
                      "[rule.1]\nwho = user:alice\nallow = pull, push\n"
                      "[rule.2]\nwho = *\nrepositories = team/*\nallow = pull\n")
    return config


class TokenServer:
    """Gives everybody in USERS a token for what they ask, but bob none to push."""

    def __init__(self, folder):
        self.key = tokens.make_key("ES256")
        self.bundle = folder / "bundle.pem"
        self.bundle.write_text(tokens.pem(tokens.certificate(self.key, "root")))
        self.asked = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def do_POST(self):  # OAuth: docker asks this way first, and is content with a refusal
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_error(404)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def settings(self):
        return {"REGISTRY_AUTH_TOKEN_REALM": f"http://127.0.0.1:{self.server.server_port}/token",
                "REGISTRY_AUTH_TOKEN_SERVICE": SERVICE, "REGISTRY_AUTH_TOKEN_ISSUER": ISSUER,
                "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE": str(self.bundle)}

    def answer(self, request):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(text).decode().partition(":")
        self.asked.append(query)
        if scheme != "Basic" or USERS.get(user) != password or query["service"] != [SERVICE]:
            request.send_error(401)
            return
        scopes = [scope for entry in query.get("scope", []) for scope in entry.split()]
        if user == "bob":
            scopes = [scope.replace("pull,push", "pull").replace("push,pull", "pull") for scope in scopes]
        claims = tokens.make_claims(ISSUER, SERVICE, scopes, user)
        token = tokens.make_token("ES256", self.key, claims, kid=tokens.fingerprint(self.key))
        body = json.dumps({"token": token, "access_token": token, "expires_in": 300}).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def token_server():
    with scratch_folder() as folder:
        server = TokenServer(folder)
        try:
            yield server
        finally:
            server.stop()


def creds(user):
    return f"{user}:{USERS[user]}"


def skopeo_walks(server, tools, layout, image):
    """alice pushes, bob pulls and must not push, a stranger gets nothing."""
    source, remote = f"oci:{layout.folder}:one", f"docker://{server.host}/team/app:one"
    to = ["copy", "--dest-tls-verify=false"]
    tools.skopeo(*to, "--dest-creds", creds("alice"), source, remote)
    seen = tools.skopeo("inspect", "--tls-verify=false", "--creds", creds("bob"), remote)
    assert json.loads(seen)["Digest"] == image
    for command in ([*to, "--dest-creds", creds("bob"), source, remote + "2"], [*to, source, remote],
                    [*to, "--dest-creds", "alice:wrong", source, remote],
                    ["inspect", "--tls-verify=false", remote]):
        assert tools.run(tools.skopeo_command(*command), check=False).returncode != 0, command


def test_skopeo_with_rules(make_server, tools, layout, image, settings):
    skopeo_walks(make_server(config=settings), tools, layout, image)


def test_skopeo_with_tokens(make_server, tools, layout, image, token_server):
    skopeo_walks(make_server(environment=token_server.settings()), tools, layout, image)
    assert token_server.asked


def test_podman_logs_in(make_server, tools, layout, image, settings, scratch):
    server = make_server(config=settings)
    policy, logins = ["--signature-policy", tools.policy], ["--authfile", str(scratch / "logins.json")]
    local = tools.podman("pull", *policy, "--quiet", f"oci:{layout.folder}:one").splitlines()[-1]
    name = f"{server.host}/team/app:one"
    tools.podman("login", *logins, "--tls-verify=false", "-u", "alice", "-p", USERS["alice"], server.host)
    tools.podman("push", *policy, *logins, "--tls-verify=false", local, f"docker://{name}")
    tools.podman("image", "rm", "--force", local)
    assert tools.podman("pull", *policy, *logins, "--quiet", "--tls-verify=false", name) == local


@pytest.mark.parametrize("kind", ["rules", "tokens"])
def test_docker_logs_in(docker, make_server, settings, token_server, body, kind):
    server = make_server(config=settings) if kind == "rules" else make_server(environment=token_server.settings())
    name = f"{server.host}/team/app:one"
    image = docker.import_files({"file": body(1_000_000)}, name)
    refused = docker.run(["docker", "push", name], check=False)
    assert refused.returncode != 0
    try:
        docker.run(["docker", "login", "-u", "alice", "-p", USERS["alice"], server.host])
        docker.run(["docker", "push", name])
        docker.empty()
        docker.run(["docker", "pull", name])
        assert docker.image_id(name) == image
        docker.run(["docker", "login", "-u", "bob", "-p", USERS["bob"], server.host])
        docker.run(["docker", "tag", name, name + "2"])
        assert docker.run(["docker", "push", name + "2"], check=False).returncode != 0
    finally:
        docker.run(["docker", "logout", server.host], check=False)
