# SPDX-License-Identifier: Apache-2.0
"""What the original refuses, under each kind of configuration: the same is refused here, or the table says why not."""

import base64
import fnmatch
import hashlib
import time

import pytest

from harness import htpasswd, tokens
from harness.beside import BLOB, NOWHERE, OCTETS, DropIn, Row, Side, check
from harness.content import sha256
from harness.original import SETTINGS, Original
from harness.place import scratch_folder
from harness.push import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, encode, with_query

REALM, SERVICE, ISSUER = "https://auth.test/token?a=b", 'The "Service"', "The Issuer"
KEY, STRANGER = tokens.make_key("ES256"), tokens.make_key("ES256")
CERTIFICATE = tokens.certificate(KEY, "root")
USERS = {"maria": "secret", "josé": "pass:word"}
OLD_USERS = "md5:$apr1$Ey4PVB5d$cOiA4QTFDMy3wCqRQVyAs0\nsha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"  # both: secret
HTPASSWD = "auth:\n  htpasswd:\n    realm: The \"Realm\"\n    path: {folder}/users\n"
TOKEN = (f"auth:\n  token:\n    realm: {REALM}\n    service: {SERVICE}\n    issuer: {ISSUER}\n"
         "    rootcertbundle: {folder}/bundle.pem\n")
KINDS = {
    "open": SETTINGS,
    "htpasswd": SETTINGS + HTPASSWD,
    "token": SETTINGS + TOKEN,
    "readonly": SETTINGS.replace("  maintenance:\n", "  maintenance:\n    readonly:\n      enabled: true\n"),
    "no delete": SETTINGS.replace("  delete:\n    enabled: true\n", ""),
}


@pytest.fixture(scope="module")
def filled():
    """Both with the same content, stopped, and the folder that their configurations name."""
    with scratch_folder() as folder:
        for name in ("original", "root", "ours"):
            (folder / name).mkdir()
        users = htpasswd.write(folder / "users", USERS)
        users.write_text(users.read_text() + OLD_USERS)
        (folder / "bundle.pem").write_text(tokens.pem(CERTIFICATE))
        servers = Original(folder / "original", folder / "root"), DropIn(folder / "ours", SETTINGS)
        sides = []
        for server in servers:
            try:
                side = Side(server.start().client()).fill()
                side.words["UPLOAD"] = side.client.path(side.upload(b"0123456789"))
                sides.append(side)
            finally:
                server.stop()
        yield folder, servers, sides


class Both:
    """The two servers, under one kind of configuration after the other."""

    def __init__(self, folder, servers, sides):
        self.folder, self.servers, self._sides = folder, servers, sides
        self.kind = None

    def sides(self, kind):
        if kind != self.kind:
            self.stop()
            for server, side in zip(self.servers, self._sides):
                server.settings = KINDS[kind].replace("{folder}", str(self.folder))
                side.client.port = server.start().port
            self.kind = kind
        return self._sides

    def stop(self):
        for server in self.servers:
            server.stop()


@pytest.fixture(scope="module")
def both(filled):
    running = Both(*filled)
    try:
        yield running
    finally:
        running.stop()


R = "/v2/a/repo"
M, B = f"{R}/manifests", f"{R}/blobs"
DEAD = f"{B}/uploads/00000000-0000-4000-8000-000000000000"
# Every endpoint of the original.
ENDPOINTS = {
    "base": ("GET", "/v2/"),
    "base, HEAD": ("HEAD", "/v2/"),
    "catalog": ("GET", "/v2/_catalog"),
    "tags": ("GET", R + "/tags/list"),
    "manifest": ("GET", M + "/tag"),
    "manifest, HEAD": ("HEAD", M + "/tag"),
    "manifest, PUT": ("PUT", M + "/new"),
    "manifest, DELETE": ("DELETE", M + "/{NOWHERE}"),
    "blob": ("GET", B + "/{BLOB}"),
    "blob, HEAD": ("HEAD", B + "/{BLOB}"),
    "blob, DELETE": ("DELETE", B + "/{NOWHERE}"),
    "begin": ("POST", B + "/uploads/"),
    "mount": ("POST", B + "/uploads/?mount={BLOB}&from=b"),
    "mount without from": ("POST", B + "/uploads/?mount={BLOB}"),
    "from without mount": ("POST", B + "/uploads/?from=b"),
    "status": ("GET", "{UPLOAD}"),
    "chunk": ("PATCH", "{UPLOAD}"),
    "finish": ("PUT", "{UPLOAD}&digest=x"),
    "cancel": ("DELETE", "{UPLOAD}"),
    "cancel, unknown": ("DELETE", DEAD),
}
# Beside them.
OTHERS = {
    "root": ("GET", "/"),
    "OPTIONS": ("OPTIONS", M + "/tag"),
    "OPTIONS of base": ("OPTIONS", "/v2/"),
    "OPTIONS of the catalog": ("OPTIONS", "/v2/_catalog"),
    "OPTIONS of uploads": ("OPTIONS", B + "/uploads/"),
    "OPTIONS of a blob": ("OPTIONS", B + "/{BLOB}"),
    "POST to base": ("POST", "/v2/"),
    "GET of uploads": ("GET", B + "/uploads/"),
    "method of a manifest": ("POST", M + "/tag"),
    "method of the catalog": ("POST", "/v2/_catalog"),
    "no route": ("GET", R),
    "no slash": ("GET", "/v2"),
    "bad name": ("GET", "/v2/A/tags/list"),
    "long name": ("GET", "/v2/" + 127 * "a/" + "aa/tags/list"),
    "bad digest": ("GET", B + "/sha256:abc"),
    "referrers": ("GET", R + "/referrers/{IMAGE}"),
}


def bearer(*access, key=KEY, algorithm="ES256", head=(), **claims):
    """A header that is made when it is asked for: what a claim or a head says `None` for, it has not."""
    def make(_):
        body = {**tokens.make_claims(ISSUER, SERVICE, access), **claims}
        body = {name: value() if callable(value) else value for name, value in body.items()}
        words = {"kid": tokens.fingerprint(KEY if isinstance(key, bytes) else key), **dict(head)}
        token = tokens.make_token(algorithm, key, {name: value for name, value in body.items() if value is not None},
                                  **{name: value for name, value in words.items() if value is not None})
        return f"Bearer {token}"
    return {"Authorization": make}


def at(seconds):
    return lambda: int(time.time()) + seconds


def changed(_):
    """Another signature."""
    head, claims, signature = bearer()["Authorization"](_).split(".")
    return ".".join((head, claims, ("A" if signature[0] != "A" else "B") + signature[1:]))


def unsigned(_):
    head = tokens.url64(b'{"typ":"JWT","alg":"none"}')
    return f"Bearer {head}.{bearer()['Authorization'](_).split('.')[1]}."


def plain(text):
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def says(text):
    return {"Authorization": text}


def upload(query):
    """An upload with ten bytes, and another query than it was given."""
    return lambda side: side.upload(b"0123456789").partition("?")[0] + query


def put(body, content_type=OCI_MANIFEST, reference="new"):
    return Row("PUT", f"{M}/{reference}", {"Content-Type": content_type} if content_type is not None else {},
               encode(body) if isinstance(body, dict) else body)


def image(**changes):
    """A manifest that is good but for the changes."""
    return {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
            "config": {"mediaType": "application/json", "digest": sha256(BLOB), "size": len(BLOB)}, **changes}


def config(**changes):
    return {"mediaType": "application/json", "digest": sha256(BLOB), "size": len(BLOB), **changes}


def the_image(side):
    return side.image.manifest


ROWS = {}  # (kind of configuration, name): request


def add(kind, name, row):
    assert (kind, name) not in ROWS
    ROWS[kind, name] = row


for _kind in ("htpasswd", "token"):
    for _name, _request in {**ENDPOINTS, **OTHERS}.items():
        add(_kind, _name, Row(*_request))
for _name, _request in {**ENDPOINTS, **OTHERS}.items():
    add("token", f"{_name}, not enough", Row(*_request, bearer("repository:other:*")))
    add("readonly", _name, Row(*_request))
    if "DELETE" in _name or "OPTIONS" in _request:
        add("no delete", _name, Row(*_request))
add("no delete", "cancel", Row("DELETE", Side.upload))

for _name, _header in {
        "good": plain("maria:secret"), "good, with a colon": plain("josé:pass:word"),
        "wrong password": plain("maria:wrong"), "unknown user": plain("nobody:secret"),
        "no password": plain("maria:"), "nothing": plain(":"), "no colon": plain("maria"),
        "an old hash": plain("md5:secret"),
        "another old hash": plain("sha:secret"), "no base64": says("Basic !!!"), "only the scheme": says("Basic"),
        "token": bearer(), "digest": says('Digest username="maria"'), "words": says("maria secret"),
        "small letters": says("basic " + base64.b64encode(b"maria:secret").decode()),
        "two blanks": says("Basic  " + base64.b64encode(b"maria:secret").decode()),
        "a tab": says("Basic\t" + base64.b64encode(b"maria:secret").decode()),
        "more behind": says(plain("maria:secret")["Authorization"] + " x")}.items():
    add("htpasswd", f"says: {_name}", Row("GET", "/v2/", _header))
for _name in ("manifest, PUT", "chunk", "catalog", "no route", "bad name", "method of a manifest"):
    add("htpasswd", f"{_name}, with good credentials", Row(*{**ENDPOINTS, **OTHERS}[_name], plain("maria:secret")))

for _name, _header in {
        "good": bearer(), "expired": bearer(exp=at(-120)), "expired just now": bearer(exp=at(-20)),
        "not yet": bearer(nbf=at(120)), "almost": bearer(nbf=at(20)), "no exp": bearer(exp=None),
        "no nbf": bearer(nbf=None),
        "no iat": bearer(iat=None), "no jti": bearer(jti=None), "no sub": bearer(sub=None),
        "exp is text": bearer(exp="soon"),
        "exp with a fraction": bearer(exp=9e9 + .5), "sub is a number": bearer(sub=5),
        "another iss": bearer(iss="Another"),
        "no iss": bearer(iss=None), "another aud": bearer(aud="Another"), "no aud": bearer(aud=None),
        "a list of aud": bearer(aud=["Another", SERVICE]), "a list of other aud": bearer(aud=["Another"]),
        "aud is a number": bearer(aud=5), "another key": bearer(key=STRANGER),
        "another key, our name": bearer(key=STRANGER, head={"kid": tokens.fingerprint(KEY)}),
        "no kid": bearer(head={"kid": None}), "kid of version 3": bearer(head={"kid": tokens.thumbprint(KEY)}),
        "signed with the certificate": bearer(key=tokens.pem(CERTIFICATE).encode(), algorithm="HS256"),
        "not signed": says(unsigned), "another signature": says(changed), "two parts": says("Bearer a.b"),
        "one part": says("Bearer x"), "only the scheme": says("Bearer"), "basic": plain("maria:secret"),
        "small letters": says(lambda _: "bearer" + bearer()["Authorization"](_)[6:]),
        "two blanks": says(lambda _: "Bearer " + bearer()["Authorization"](_)[6:]),
        "more behind": says(lambda _: bearer()["Authorization"](_) + " x"),
        "no access": bearer(access=None), "access is text": bearer(access="all"),
        "access is an object": bearer(access={"a": 1}),
        "access of numbers": bearer(access=[5]),
        "x5c": bearer(head={"kid": None, "x5c": tokens.x5c(CERTIFICATE)}),
        "x5c of another": bearer(key=STRANGER, head={"kid": None, "x5c": tokens.x5c(tokens.certificate(STRANGER,
                                                                                                       "root"))}),
        "jwk of another": bearer(key=STRANGER, head={"kid": None, "jwk": tokens.jwk_of(STRANGER, kid="x")})}.items():
    add("token", f"says: {_name}", Row("GET", "/v2/", _header))
for _actions in ("pull", "push", "pull,push", "delete", "*"):
    for _name in ("tags", "blob, HEAD", "begin", "finish", "mount", "manifest, PUT", "manifest, DELETE",
                  "cancel, unknown"):
        add("token", f"{_name}, may {_actions}", Row(*ENDPOINTS[_name], bearer(f"repository:a/repo:{_actions}")))
add("token", "catalog, may *", Row("GET", "/v2/_catalog", bearer("registry:catalog:*")))
add("token", "catalog, may pull", Row("GET", "/v2/_catalog", bearer("registry:catalog:pull")))
add("token", "mount, may pull there", Row(*ENDPOINTS["mount"], bearer("repository:a/repo:pull,push",
                                                                      "repository:b:pull")))
add("token", "tags, may pull of another type", Row(*ENDPOINTS["tags"], bearer("plugin:a/repo:pull")))

add("readonly", "put what is there", Row("PUT", M + "/tag", {"Content-Type": OCI_MANIFEST}, the_image))
add("readonly", "chunk of an unknown upload", Row("PATCH", DEAD))

for _name in ("A", "a/B", "a..b", "a___b", "a-", "-a", "a.", "_a", "a/_b", "a+b", "a@b", "a%20b", "a%00b", "%C3%A9",
              "a:5/b", "localhost:5000/x", "a//b", "a/./b", "a/../b", 256 * "a", 128 * "a/" + "a", 255 * "a",
              "a__b", "a--b", "Example.COM/x", "x/tags/list", "x/blobs/uploads", "a%2Fb"):
    add("open", f"name {_name[:40]} {len(_name)}", Row("GET", f"/v2/{_name}/tags/list"))
for _name in ("-t", ".t", 128 * "t", 129 * "t", "a%20b", "a+b", "a/b", "", "a:b", "sha256:abc", "sha256:" + 64 * "g",
              "sha256:" + 64 * "A",
              "sha256:" + 63 * "0", "sha256:", "md5:" + 32 * "0", "sha512:" + 128 * "0", "sha256:" + 64 * "0"):
    for _method in ("GET", "PUT", "DELETE"):
        if (_method, len(_name)) != ("DELETE", 128):
            add("open", f"{_method} reference {_name[:30]} {len(_name)}",
                Row(_method, f"{M}/{_name}", {"Content-Type": OCI_MANIFEST}, the_image if _method == "PUT" else None))
for _name in ("x", "sha256", "sha256:", "sha256:abc", "sha256:" + 64 * "g", "sha256:" + 64 * "A", "sha256:" + 65 * "0",
              "SHA256:" + 64 * "0", "md5:" + 32 * "0", "a+b:x", "sha512:" + 128 * "0", "sha384:" + 96 * "0"):
    for _method in ("GET", "HEAD", "DELETE"):
        add("open", f"{_method} blob {_name[:30]} {len(_name)}", Row(_method, f"{B}/{_name}"))

for _name, _type in {"no type": None, "an empty type": "", "text": "text/plain", "JSON": "application/json",
                     "index": OCI_INDEX,
                     "docker": DOCKER_MANIFEST, "schema 1": "application/vnd.docker.distribution.manifest.v1+prettyjws",
                     "octets": "application/octet-stream", "with a parameter": OCI_MANIFEST + "; charset=utf-8",
                     "in capitals": OCI_MANIFEST.upper(), "no media type": "garbage"}.items():
    add("open", f"put as {_name}", put(the_image, _type))
for _name, _body in {
        "nothing": b"", "a list": b"[]", "null": b"null", "text": b'"x"', "an object": b"{}",
        "more behind": b'{"schemaVersion":2} x',
        "deep": 20000 * b"[", "version as text": b'{"schemaVersion":"2"}', "version 1": b'{"schemaVersion":1}',
        "a version alone": b'{"schemaVersion":2}', "manifests, too": image(manifests=[]),
        "another mediaType": image(mediaType=OCI_INDEX), "no config": image(config=None),
        "no digest": image(config=config(digest="x")), "a short digest": image(config=config(digest="sha256:abc")),
        "layers that are text": image(layers="x"), "a size that is text": image(config=config(size="x")),
        "a size below zero": image(config=config(size=-1)),
        "nothing that is there": image(config=config(digest=NOWHERE), layers=[config(digest="sha256:" + 64 * "1")]),
        "a layer elsewhere": image(layers=[config(digest=NOWHERE, urls=["https://x.test/y"], mediaType=
                                                  "application/vnd.oci.image.layer.nondistributable.v1.tar")])}.items():
    add("open", f"put of {_name}", put(_body))
add("open", "put of docker without mediaType", put(b'{"schemaVersion":2}', DOCKER_MANIFEST))
add("open", "put by sha512", Row("PUT", lambda side: f"{M}/sha512:{hashlib.sha512(the_image(side)).hexdigest()}",
                                 {"Content-Type": OCI_MANIFEST}, the_image))

for _query in ("n=0", "n=-1", "n=x", "n=", "n=1.5", "n=99999999999999999999", "n=1000", "n=1001", "n=+1", "n=01",
               "last=x",
               "last=", "last=%00", "last=%zz", "n=1&n=2", "last=A/b", "last=..%2F..", "last=a&n=x", "other=%zz"):
    add("open", f"catalog ?{_query}", Row("GET", f"/v2/_catalog?{_query}"))
    add("open", f"tags ?{_query}", Row("GET", f"/v2/b/tags/list?{_query}"))
    add("open", f"no tags ?{_query}", Row("GET", f"/v2/no/where/tags/list?{_query}"))

for _method, _more in {"GET": "", "HEAD": "", "PATCH": "", "PUT": "&digest=" + sha256(b"0123456789"),
                       "DELETE": ""}.items():
    for _name, _target in {"no state": upload("?x=1" + _more), "an empty state": upload("?_state=" + _more),
                           "a state that is none": upload("?_state=!!" + _more),
                           "a short state": upload("?_state=AAAA" + _more),
                           "no upload": f"{DEAD}?x=1{_more}", "no id": f"{B}/uploads/xyz?x=1{_more}"}.items():
        add("open", f"{_method} with {_name}", Row(_method, _target, OCTETS))
RANGES = {"the next range": "10-12", "the first range": "0-2", "a long range": "10-20", "a range backwards": "12-10",
          "a range of bytes": "bytes 10-12/13", "no range": "x", "a huge range": "99999999999999999999-5"}
for _name, _headers in {"text": {"Content-Type": "text/plain"},
                        "a parameter": {"Content-Type": "application/octet-stream; x=y"},
                        **{name: {**OCTETS, "Content-Range": value} for name, value in RANGES.items()}}.items():
    add("open", f"chunk with {_name}", Row("PATCH", lambda side: side.upload(b"0123456789"), _headers, b"abc"))
    add("open", f"finish with {_name}", Row("PUT", lambda side: with_query(side.upload(b"0123456789"),
                                                                           digest=sha256(b"0123456789abc")), _headers,
                                                                           b"abc"))
for _digest in ("", "x", "sha256:abc", "md5:" + 32 * "0", "sha256:" + 64 * "A", "sha512:" + 128 * "0", NOWHERE):
    add("open", f"finish as {_digest[:20]} {len(_digest)}",
        Row("PUT", lambda side, digest=_digest: with_query(side.upload(b"x"), digest=digest), OCTETS))
for _query in ("mount=x&from=a/repo", "mount={BLOB}&from=A", "mount={BLOB}&from=", "mount={BLOB}&from=no/where",
               "mount=&from=a/repo",
               "from=b", "mount={NOWHERE}", "digest=x", "digest=sha256:abc", "digest={NOWHERE}", "mount={BLOB}&from=b"):
    add("open", f"begin ?{_query}", Row("POST", f"/v2/c/blobs/uploads/?{_query}"))
add("open", "begin with another digest", Row("POST", "/v2/c/blobs/uploads/?digest={NOWHERE}", OCTETS, b"x"))
for _method in ("TRACE", "PROPFIND", "PATCH", "CONNECT", "FOO", "get"):
    add("open", f"{_method} of a manifest", Row(_method, M + "/tag"))
    add("open", f"{_method} of base", Row(_method, "/v2/"))
add("open", "an unknown expectation", Row("GET", "/v2/", {"Expect": "much"}))
add("open", "an unknown encoding", Row("GET", "/v2/", {"Transfer-Encoding": "gzip"}))
for _path in ("//v2/", "/V2/", "/v1/_ping", "/x", "/favicon.ico", R + "/tags", R + "/tags/list/", R + "/manifests/tag/",
              "/v2/_catalog/", "/v2/_catalog/x", "/v2/%zz/tags/list", R + "/blobs/", R + "/blobs%2Fuploads/"):
    add("open", f"path {_path}", Row("GET", _path))


# What differs, and why that is right. `...` is any value.

STATUS, CODES, CHALLENGE, DETAIL, ALLOW = NAMES = "status", "codes", "Www-Authenticate", "detail", "Allow"
ASKED = {STATUS: "401", CODES: "UNAUTHORIZED", CHALLENGE: ..., DETAIL: ...}
NOT_ASKED = {CODES: None, CHALLENGE: None, DETAIL: None}
TAKEN = {CODES: None}


def refused(status, code, **more):
    return {**({STATUS: status} if status else {}), CODES: code, **more}


IN_JSON = {CODES: None}, {CODES: "UNSUPPORTED"}, "an error is JSON (distribution-spec, Error Codes)"
WRONG_400 = "it is the request that is wrong, and not the server"
BAD_REQUEST = "what is no HTTP, or cannot be decoded, is not guessed at"
ON_DISK = "the state is on the disk: who lost the Location can go on"
NO_UPLOAD = "an upload is looked for by its name, whatever its state says: there is none"
METHOD = "a path's methods are no secret"
DIFFERENCES = [
    ({**ASKED, ALLOW: None}, {STATUS: "200", **NOT_ASKED, ALLOW: ...}, "browsers ask OPTIONS without credentials",
     ["htpasswd: OPTIONS*", "token: OPTIONS", "token: OPTIONS of base", "token: OPTIONS of the catalog*",
      "token: OPTIONS of uploads", "token: OPTIONS of a blob"]),
    ({ALLOW: None}, {ALLOW: "GET, HEAD"}, "OPTIONS tells the methods, of the base too",
     ["token: OPTIONS of base, not enough", "readonly: OPTIONS of base", "no delete: OPTIONS of base"]),
    ({ALLOW: ...}, {ALLOW: "POST"}, "uploads are begun by POST; their other methods are those of one upload",
     ["token: OPTIONS of uploads, not enough", "no delete: OPTIONS of uploads"]),
    ({ALLOW: "GET, HEAD"}, {ALLOW: ""}, "uploads are begun by POST, and that is all", ["readonly: OPTIONS of uploads"]),
    ({CODES: None, ALLOW: "GET, HEAD"}, refused(None, "UNSUPPORTED", **{ALLOW: ""}), "the same, and an error is JSON",
     ["readonly: begin", "readonly: mount*", "readonly: from*"]),
    ({ALLOW: ...}, {ALLOW: ...}, "what is switched off is not offered", ["no delete: OPTIONS",
                                                                         "no delete: OPTIONS of a blob"]),
    ({ALLOW: None}, {ALLOW: ...}, "a 405 tells what is allowed (RFC 9110, 15.5.6)",
     ["no delete: manifest, DELETE", "no delete: blob, DELETE"]),
    ({**ASKED, ALLOW: None}, {**refused("405", "UNSUPPORTED"), ALLOW: ..., CHALLENGE: None, DETAIL: None}, METHOD,
     ["token: method of*", "token: GET of uploads*", "token: POST to base", "htpasswd: method of a manifest",
      "htpasswd: method of the*", "htpasswd: GET of uploads", "htpasswd: POST to base"]),
    ({STATUS: "200", CODES: None, ALLOW: None}, refused("405", "UNSUPPORTED", **{ALLOW: "GET, HEAD"}), METHOD,
     ["token: POST to base, not enough", "readonly: POST to base", "open: TRACE of base", "open: P* of base"]),
    ({STATUS: "404", CODES: "BLOB_UPLOAD_UNKNOWN", ALLOW: None}, refused("405", "UNSUPPORTED", **{ALLOW: ...}), METHOD,
     ["readonly: GET of uploads", "open: path *blobs%2Fuploads/"]),
    (*IN_JSON, ["*: no route*", "htpasswd: method of a manifest, with*", "open: * reference a/b *",
                "open: * reference  0",
                "open: TRACE of a manifest", "open: P* of a manifest", "open: path /V2/", "open: path /v1*",
                "open: path /x",
                "open: path /fav*", "open: path */tags", "open: path /v2/*/x", "open: path */blobs/",
                "open: path /v2/%zz*",
                "open: an unknown expectation", "readonly: * PUT", "readonly: *DELETE", "readonly: chunk",
                "readonly: finish", "readonly: cancel",
                "readonly: method*", "readonly: put*"]),
    ({STATUS: "301"}, {STATUS: "200"}, "the answer that the redirection leads to, at once",
     ["token: no slash, not enough", "readonly: no slash", "open: path */list/", "open: path */_catalog/"]),
    ({STATUS: "301", CODES: None, CHALLENGE: None, DETAIL: None}, ASKED, "the same, where it asks for credentials",
     ["htpasswd: no slash", "token: no slash"]),
    ({STATUS: "404", CODES: None, CHALLENGE: None, DETAIL: None}, ASKED,
     "who somebody is comes first: what a name is, and that there are referrers",
     ["htpasswd: bad name", "token: bad name*", "htpasswd: referrers", "token: referrers*"]),
    ({STATUS: "404"}, {STATUS: "200"}, "the list of referrers is there (distribution-spec, end-12a)",
     ["readonly: referrers"]),
    ({CODES: "BLOB_UPLOAD_INVALID"}, {CODES: "BLOB_UPLOAD_UNKNOWN"}, NO_UPLOAD,
     ["token: cancel, unknown, may delete", "token: cancel, unknown, may [*]",
      *(f"open: {method} with no {what}" for method in ("GET", "PATCH", "PUT", "DELETE") for what in ("upload",
                                                                                                      "id"))]),
    (ASKED, {STATUS: "404", CODES: "BLOB_UPLOAD_UNKNOWN", CHALLENGE: None, DETAIL: None},
     "who may push may end what he has begun; that takes the right to delete otherwise",
     ["token: cancel, unknown, may push", "token: cancel, unknown, may pull,push"]),
    (ASKED, {STATUS: "202", **NOT_ASKED}, "who may not pull there pushes it all (distribution-spec, Mounting a blob)",
     ["token: mount, may pull,push", "token: mount, may [*]"]),
    (ASKED, {STATUS: "200", **NOT_ASKED}, "blanks are blanks", ["*: says: two blanks"]),
    (ASKED, {STATUS: "200", **NOT_ASKED}, "as version 3 of the original: RFC 7519 (2, 4.1.3) and RFC 7638",
     ["token: says: exp with a fraction", "token: says: a list of aud", "token: says: kid of version 3"]),
    ({CHALLENGE: ...}, {CHALLENGE: ...}, "a token that is none is an invalid_token (RFC 6750, 3.1)",
     ["token: says: more behind"]),
    ({STATUS: "404", CODES: "BLOB_UPLOAD_INVALID", ALLOW: None}, refused("405", "UNSUPPORTED", **{ALLOW: "GET, HEAD"}),
     "what is read-only is so for any upload", ["readonly: cancel, unknown", "readonly: chunk of an unknown upload"]),
    ({STATUS: "404", CODES: None}, refused("400", "NAME_INVALID"), "NAME_INVALID says what is wrong",
     ["htpasswd: bad name, with*", "readonly: bad name", *(f"open: name {name}*" for name in (
         "A ", "a/B", "a..b", "a___b", "a- ", "-a", "a. ", "_a", "a/_b", "a+b", "a@b", "a%20b", "%C3%A9"))]),
    ({STATUS: "500", CODES: "UNKNOWN"}, refused("400", "NAME_INVALID"), WRONG_400,
     ["readonly: long name", "open: name a:5*", "open: name localhost*", "open: name * 256", "open: name * 257"]),
    ({STATUS: "301", CODES: None}, refused("400", "NAME_INVALID"), "a path is what it says", ["open: name a//b*",
                                                                                              "open: name a/.*"]),
    ({STATUS: "301", CODES: None}, refused("404", "UNSUPPORTED"), "a path is what it says", ["open: path //v2/",
                                                                                             "open: path */tag/"]),
    ({STATUS: "404", CODES: None}, refused("400", "UNSUPPORTED"), BAD_REQUEST, ["open: name a%00b*"]),
    ({CODES: None}, {CODES: "MANIFEST_UNKNOWN"}, "what is no tag is no manifest's",
     [f"open: {method} reference {name}" for method in ("GET", "DELETE") for name in ("-t*", ".t*", "t* 129", "a%20b*",
                                                                                      "a+b*")]),
    ({STATUS: "404", CODES: None}, refused("400", "TAG_INVALID"), "TAG_INVALID says what is wrong",
     [f"open: PUT reference {name}" for name in ("-t*", ".t*", "t* 129", "a%20b*", "a+b*")]),
    ({STATUS: "500", CODES: "UNKNOWN"}, refused("400", "DIGEST_INVALID"), WRONG_400,
     [f"open: {method} reference {name}" for method in ("GET", "PUT")
      for name in ("a:b*", "sha256:abc*", "sha256:g*", "sha256:A*", "sha256:0* 70", "md5*")]),
    ({STATUS: "404", CODES: None}, refused("400", "DIGEST_INVALID"), "DIGEST_INVALID says what is wrong",
     ["open: * reference sha256: 7", *(f"open: {method} blob {name}" for method in ("GET", "DELETE")
                                       for name in ("x *", "sha256 *", "sha256: *", "SHA256*"))]),
    ({STATUS: "404"}, {STATUS: "400"}, "the same, without a body", [f"open: HEAD blob {name} *" for name in ("x",
                                                                                                             "sha256",
                                                                                                             "sha256:",
                                                                                                             "SHA*")]),
    ({STATUS: "400", CODES: "MANIFEST_INVALID"}, {STATUS: "201", **TAKEN}, "a manifest says itself what it is",
     ["open: put as no type", "open: put as an empty type"]),
    ({STATUS: "500", CODES: "UNKNOWN"}, refused("400", "MANIFEST_INVALID"), WRONG_400,
     ["open: put of null", "open: put of an object", "open: put of version 1"]),
    ({CODES: "DIGEST_INVALID MANIFEST_BLOB_UNKNOWN"}, {CODES: "MANIFEST_INVALID"},
     "a manifest without a config is none",
     ["open: put of a version alone", "open: put of no config"]),
    ({CODES: "DIGEST_INVALID MANIFEST_BLOB_UNKNOWN"}, {CODES: "DIGEST_INVALID"}, "what is no digest is not looked for",
     ["open: put of no digest"]),
    ({STATUS: "500", CODES: "UNKNOWN UNKNOWN MANIFEST_BLOB_UNKNOWN"}, refused("400", "DIGEST_INVALID"), WRONG_400,
     ["open: put of a short digest"]),
    ({STATUS: "201", **TAKEN}, refused("400", "MANIFEST_INVALID"), "nothing is smaller than nothing",
     ["open: put of a size below zero"]),
    ({STATUS: "500", CODES: "UNKNOWN UNKNOWN MANIFEST_BLOB_UNKNOWN"}, {STATUS: "201", **TAKEN},
     "a layer that is elsewhere need not be here; the original has a list of where that may be, which is empty",
     ["open: put of a layer elsewhere"]),
    ({STATUS: "400", CODES: "DIGEST_INVALID"}, {STATUS: "201", **TAKEN}, "sha512 is an algorithm (image-spec, Digests)",
     ["open: put by sha512"]),
    ({STATUS: "200", **TAKEN}, refused("400", "PAGINATION_NUMBER_INVALID"), "as version 3 of the original",
     [f"open: {what} [?]{query}" for what in ("catalog", "tags") for query in ("n=-1", "n=x", "n=", "n=1.5", "n=9*",
                                                                               "n=+1", "last=a&n=x")]),
    ({STATUS: "404", CODES: "NAME_UNKNOWN"}, refused("400", "PAGINATION_NUMBER_INVALID"),
     "the number is wrong wherever it is asked for",
     [f"open: no tags [?]{query}" for query in ("n=-1", "n=x", "n=", "n=1.5", "n=9*", "n=+1", "last=a&n=x")]),
    ({STATUS: "200", **TAKEN}, refused("400", "UNSUPPORTED"), BAD_REQUEST,
     ["open: catalog [?]*%??", "open: tags [?]*%??", "open: CONNECT of base", "open: FOO of base",
      "open: get of base"]),
    ({STATUS: "404", CODES: "NAME_UNKNOWN"}, refused("400", "UNSUPPORTED"), BAD_REQUEST, ["open: no tags [?]*%??"]),
    ({STATUS: "405", CODES: None, ALLOW: ...}, refused("400", "UNSUPPORTED", **{ALLOW: None}), BAD_REQUEST,
     ["open: CONNECT of a manifest", "open: FOO of a manifest", "open: get of a manifest"]),
    ({STATUS: "501", CODES: None}, refused("400", "UNSUPPORTED"), BAD_REQUEST, ["open: an unknown encoding"]),
    ({STATUS: "404", CODES: "BLOB_UPLOAD_INVALID"}, {STATUS: ..., **TAKEN}, ON_DISK,
     [f"open: {method} with {state} state*" for method in ("GET", "PATCH", "PUT", "DELETE") for state in ("no",
                                                                                                          "an empty",
                                                                                                          "a",
                                                                                                          "a short")]),
    ({STATUS: "404"}, {STATUS: "204"}, ON_DISK, ["open: HEAD with *state*"]),
    ({STATUS: "500", CODES: "UNKNOWN"}, {STATUS: "202", **TAKEN}, "bytes are bytes, whatever they are called",
     ["open: chunk with text", "open: chunk with a parameter"]),
    ({STATUS: ..., **TAKEN}, refused("416", "RANGE_INVALID"), "a chunk out of order is 416 (distribution-spec)",
     [f"open: {what} with {name} range*" for what in ("chunk", "finish") for name in ("the first", "no", "a huge")] +
     ["open: * with a range backwards"]),
    ({STATUS: ..., **TAKEN}, refused("400", "SIZE_INVALID"), "as version 3 of the original",
     ["open: * with a long range"]),
    ({STATUS: "202", **TAKEN}, refused("400", "DIGEST_INVALID"),
     "a single POST may push a blob (distribution-spec, end-4b)",
     ["open: begin [?]digest=x", "open: begin [?]digest=sha256:abc", "open: begin with another digest"]),
]


def expected_differences():
    """(kind, name): (theirs, ours, why); each pattern is for some row, and each row for one."""
    found = {}
    for theirs, ours, why, patterns in DIFFERENCES:
        for pattern in patterns:
            keys = [key for key in ROWS if fnmatch.fnmatchcase(": ".join(key), pattern)]
            assert keys, f"{pattern} is no row's"
            for key in keys:
                found.setdefault(key, []).append((theirs, ours, why))
    return found


EXPECTED = expected_differences()


@pytest.mark.parametrize("kind, name", sorted(ROWS, key=lambda key: key[0]), ids=str)
def test_refused(both, kind, name):
    expected = EXPECTED.get((kind, name), [None])
    assert len(expected) == 1, f"it has several reasons: {expected}"
    check(both.sides(kind), ROWS[kind, name], expected[0], NAMES)
