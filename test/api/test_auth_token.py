# SPDX-License-Identifier: Apache-2.0
"""auth.token: the challenge, the tokens that count, and what they give. The tokens are made by another library."""

import json
import re
import time

import pytest

from harness import tokens
from harness.content import sha256
from harness.htpasswd import basic
from harness.place import scratch_folder
from harness.push import OCI_MANIFEST, manifest, with_query
from harness.server import Server
from harness.waiting import wait_until

ISSUER, SERVICE, REALM = "the issuer", "registry.test", "https://auth.test/token"
DIGEST = sha256(b"nothing")


class Authority:
    """Keys of each kind, and the files that make a server trust them."""

    def __init__(self, folder):
        self.root, self.leaf = tokens.make_key("ES256"), tokens.make_key("RS256")
        self.root_certificate = tokens.certificate(self.root, "root")
        self.leaf_certificate = tokens.certificate(self.leaf, "leaf", self.root, "root")
        self.bundle = folder / "bundle.pem"
        self.bundle.write_text(tokens.pem(self.root_certificate))
        self.keys = {name: tokens.make_key(name) for name in ("EdDSA", "ES384", "HS256", "RS256")}
        self.jwks = folder / "jwks.json"
        self.jwks.write_text(json.dumps({"keys": [tokens.jwk_of(key, kid=name) for name, key in self.keys.items()]}))

    def token(self, *access, algorithm="ES256", key=None, kid=None, **claims):
        key = key or self.root
        body = {**tokens.make_claims(ISSUER, SERVICE, access), **claims}
        return tokens.make_token(algorithm, key, body, kid=kid or tokens.fingerprint(key))

    def bearer(self, *access, **options):
        return {"Authorization": "Bearer " + self.token(*access, **options)}


@pytest.fixture(scope="module")
def authority():
    with scratch_folder() as folder:
        yield Authority(folder)


def settings(authority, **more):
    return {"REGISTRY_AUTH": "token", "REGISTRY_AUTH_TOKEN_REALM": REALM, "REGISTRY_AUTH_TOKEN_SERVICE": SERVICE,
            "REGISTRY_AUTH_TOKEN_ISSUER": ISSUER, "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE": str(authority.bundle),
            "REGISTRY_AUTH_TOKEN_JWKS": str(authority.jwks), **more}


@pytest.fixture(scope="module")
def server(authority):
    with scratch_folder() as folder:
        started = Server(folder, asan=True, environment=settings(
            authority, REGISTRY_LOG_ACCESSLOG_DISABLED="false", REGISTRY_LOG_LEVEL="debug"))
        started.start()
        try:
            yield started
        finally:
            started.stop()


@pytest.fixture
def client(server):
    return server.client()


def challenge(scope="", error=""):
    text = f'Bearer realm="{REALM}",service="{SERVICE}"'
    return text + (f',scope="{scope}"' if scope else "") + (f',error="{error}"' if error else "")


ROUTES = [
    ("GET", "/v2/", ""),
    ("GET", "/v2/_catalog", "registry:catalog:*"),
    ("GET", "/v2/team/a/tags/list", "repository:team/a:pull"),
    ("HEAD", "/v2/team/a/manifests/x", "repository:team/a:pull"),
    ("PUT", "/v2/team/a/manifests/x", "repository:team/a:pull,push"),
    ("DELETE", f"/v2/team/a/manifests/{DIGEST}", "repository:team/a:delete"),
    ("POST", "/v2/team/a/blobs/uploads/", "repository:team/a:pull,push"),
    ("POST", f"/v2/team/a/blobs/uploads/?mount={DIGEST}&from=lib/b",
     "repository:team/a:pull,push repository:lib/b:pull"),
    ("DELETE", "/v2/team/a/blobs/uploads/00000000-0000-4000-8000-000000000000", "repository:team/a:delete"),
    ("GET", f"/v2/team/a/referrers/{DIGEST}", "repository:team/a:pull"),
]


@pytest.mark.parametrize("method,path,scope", ROUTES)
def test_challenges(client, authority, method, path, scope):
    for headers, error in (({}, ""), (basic("a", "b"), ""), ({"Authorization": "Bearer"}, ""),
                           ({"Authorization": "Bearer x.y.z"}, "invalid_token"),
                           (authority.bearer(), "insufficient_scope" if scope else None)):
        answer = client.request(method, path, headers=headers)
        if error is None:
            assert answer.status == 200
            continue
        assert answer.status == 401
        assert answer.exact("Www-Authenticate") == challenge(scope, error)
        if method != "HEAD":
            found = answer.errors()[0]
            wanted = [dict(zip(("Type", "Name", "Action"), (*part.rsplit(":", 1)[0].split(":", 1), action)), Class="")
                      for part in scope.split() for action in part.rsplit(":", 1)[1].split(",")]
            assert found["code"] == "UNAUTHORIZED" and found["detail"] == (wanted or None)


def test_a_push_and_a_pull(client, authority, body):
    data = bytes(body(3000))
    pusher, puller = (authority.bearer(f"repository:team/app:{actions}") for actions in ("pull,push", "pull"))
    begun = client.post("/v2/team/app/blobs/uploads/", headers=pusher)
    assert begun.status == 202
    assert client.put(with_query(begun.get("Location"), digest=sha256(data)), data, pusher).status == 201
    document = manifest(data, [data])
    target = "/v2/team/app/manifests/latest"
    assert client.put(target, document, {**pusher, "Content-Type": OCI_MANIFEST}).status == 201
    assert client.get(target, puller).body == document
    assert client.put(target, document, {**puller, "Content-Type": OCI_MANIFEST}).status == 401
    assert client.delete(target, pusher).status == 401
    assert client.get("/v2/team/app2/tags/list", puller).status == 401
    assert client.get("/v2/_catalog", pusher).status == 401
    assert client.get("/v2/_catalog", authority.bearer("registry:catalog:*")).json()["repositories"] == ["team/app"]
    every = authority.bearer("repository:team/app:*")
    assert client.put(target, document, {**every, "Content-Type": OCI_MANIFEST}).status == 201
    assert client.delete(target, every).status == 202


def test_a_mount_needs_pull_at_its_source(client, authority, body):
    data = bytes(body(500))
    source = authority.bearer("repository:lib/b:pull,push")
    begun = client.post("/v2/lib/b/blobs/uploads/", headers=source)
    assert client.put(with_query(begun.get("Location"), digest=sha256(data)), data, source).status == 201
    target = f"/v2/team/m/blobs/uploads/?mount={sha256(data)}&from=lib/b"
    here = "repository:team/m:pull,push"
    assert client.post(target, headers=authority.bearer(here)).status == 202
    assert client.post(target.split("&", maxsplit=1)[0], headers=authority.bearer(here)).status == 202
    assert client.post(target, headers=authority.bearer(here, "repository:lib/b:pull")).status == 201


def test_every_kind_of_key(client, authority):
    for algorithm, key in authority.keys.items():
        names = [algorithm] + ([] if algorithm == "HS256" else [tokens.thumbprint(key), tokens.fingerprint(key)])
        for kid in names:
            headers = authority.bearer(algorithm=algorithm, key=key, kid=kid)
            assert client.get("/v2/", headers).status == 200, (algorithm, kid)
    for kid in (tokens.thumbprint(authority.root), tokens.fingerprint(authority.root)):
        assert client.get("/v2/", authority.bearer(kid=kid)).status == 200
    claims = tokens.make_claims(ISSUER, SERVICE)
    for chain in ([authority.leaf_certificate, authority.root_certificate], [authority.leaf_certificate]):
        token = tokens.make_token("RS256", authority.leaf, claims, x5c=tokens.x5c(*chain))
        assert client.get("/v2/", {"Authorization": f"Bearer {token}"}).status == 200


def test_tokens_that_do_not_count(client, authority):
    stranger = tokens.make_key("ES256")
    good = authority.token()
    bad = [authority.token(key=stranger), authority.token(key=stranger, kid=tokens.fingerprint(authority.root)),
           authority.token(iss="another"), authority.token(aud="another"), authority.token(aud=[]),
           authority.token(exp=1), authority.token(nbf=99999999999), authority.token(access="all"), authority.token(sub=5),
           authority.token(algorithm="HS256", key=authority.bundle.read_bytes(),
                           kid=tokens.thumbprint(authority.root)),
           good[:-3], good + "x", "", "x", "x" * 20000]
    for token in bad:
        answer = client.get("/v2/", {"Authorization": f"Bearer {token}"})
        assert answer.status == 401
        assert answer.exact("Www-Authenticate") in (challenge(error="invalid_token"), challenge())
    assert client.get("/v2/", {"Authorization": f"bearer {good}"}).status == 200
    assert client.get("/v2/", authority.bearer(aud=["x", SERVICE])).status == 200


def test_a_token_that_is_remembered_expires(client, authority):
    headers = authority.bearer(exp=int(time.time()) - 57)  # the leeway is 60 s
    assert client.get("/v2/", headers).status == 200
    deadline = time.monotonic() + 20
    while client.get("/v2/", headers).status == 200:
        assert time.monotonic() < deadline, "it is good for ever"


def test_names_in_the_log_and_no_token(server, client, authority):
    headers = authority.bearer(sub="jane doe\" \\")
    client.get("/v2/", headers)

    def text():
        return server.stderr() + server.output_path.read_text()
    wait_until(lambda: 'jane\\x20doe\\"\\x20\\\\ [' in text(), "the name")
    assert headers["Authorization"].split(".")[2] not in text()


def test_autoredirect(start, authority):
    client = start(**settings(authority, REGISTRY_AUTH_TOKEN_AUTOREDIRECT="true")).client()

    def realm(**headers):
        return re.match('Bearer realm="([^"]*)"', client.get("/v2/", headers).exact("Www-Authenticate")).group(1)

    assert realm(Host="reg.test:1") == "https://reg.test:1/auth/token"
    assert realm(Host="reg.test", **{"X-Forwarded-Proto": "http"}) == "http://reg.test/auth/token"
    client = start(**settings(authority, REGISTRY_AUTH_TOKEN_AUTOREDIRECT="true",
                              REGISTRY_AUTH_TOKEN_AUTOREDIRECTPATH="/x")).client()
    assert realm(Host="reg.test") == "https://reg.test/x"


def test_algorithms_can_be_left_out(start, authority):
    client = start(**settings(authority, REGISTRY_AUTH_TOKEN_SIGNINGALGORITHMS="[EdDSA, RS256]")).client()
    statuses = {name: client.get("/v2/", authority.bearer(algorithm=name, key=key, kid=name)).status
                for name, key in authority.keys.items()}
    assert statuses == {"EdDSA": 200, "RS256": 200, "ES384": 401, "HS256": 401}


def test_files_of_keys_that_change(start, scratch):
    folder = scratch / "keys"
    folder.mkdir()
    first, second = Authority(folder), tokens.make_key("ES256")
    server = start(**settings(first))
    client = server.client()

    def status(key, **options):
        token = first.token(key=key, **options)
        return client.get("/v2/", {"Authorization": f"Bearer {token}"}).status

    assert (status(first.root), status(second)) == (200, 401)
    first.bundle.write_text(tokens.pem(tokens.certificate(second, "second")))
    wait_until(lambda: status(second) == 200, "the new bundle being read")
    assert status(first.root) == 401, "who is no longer trusted is out, remembered or not"
    assert status(first.keys["ES384"], algorithm="ES384", kid="ES384") == 200, "the other file still counts"
    first.jwks.write_text(json.dumps({"keys": [tokens.jwk_of(first.root, kid="root")]}))
    wait_until(lambda: status(first.root, kid="root") == 200, "the new set being read")
    assert status(first.keys["ES384"], algorithm="ES384", kid="ES384") == 401
    first.bundle.write_text("nothing of use")
    server.says("the keys of tokens stay as they were")
    assert status(second) == 200


def test_what_it_does_not_start_with(authority):
    for change, word in ((("ISSUER", ""), "auth.token.issuer: expected"), (("SERVICE", ""), "auth.token.service"),
                         (("REALM", ""), "auth.token.realm"), (("JWKS", str(authority.bundle)), "expected a JWK set"),
                         (("ROOTCERTBUNDLE", "/no/such"), "/no/such: cannot open it"),
                         (("SIGNINGALGORITHMS", "none"), "signingalgorithms: expected EdDSA")):
        environment = settings(authority, **{"REGISTRY_AUTH_TOKEN_" + change[0]: change[1]})
        with pytest.raises(AssertionError) as failure, scratch_folder() as place:
            Server(place, asan=True, environment=environment).start()
        assert word in str(failure.value)
