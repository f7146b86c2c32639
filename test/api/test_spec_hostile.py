# SPDX-License-Identifier: Apache-2.0
"""Specification: Error Codes, for what nobody should ask: every route, and names that lead elsewhere.

Each test sends a table to one route. The answer is a refusal in the specification's form, the server goes on, and
below its root there is nothing that was not there before.
"""

import json
import os

import pytest

from harness.content import sha256
from harness.push import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, encode, push_image, start_upload
from harness.wire import Client

REPO = "hostile/repo"
GOOD = "sha256:" + "0" * 64
ID = "00000000-0000-4000-8000-000000000000"
CODES = {"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
         "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED",
         "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS",
         "TAG_INVALID", "RANGE_INVALID", "PAGINATION_NUMBER_INVALID"}  # the registry image's own

ENCODINGS = ["%", "%2", "%zz", "%%", "%00", "a%00b", "a%0d%0aX-Evil:%20yes", "%ff%fe", "%c0%ae%c0%ae", "%u002e",
             "%ef%bc%8e%ef%bc%8e", "\xe9", "a b", "a%20b", "a\tb", "a%09b", "a\x7fb", "%7f", "%252e%252e"]
TRAVERSALS = ["..", ".", "../..", "%2e%2e", "..%2f..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..", "..;", "%2fetc",
              "x/../y", "x/./y", "x/%2e%2e/y", "....//", "a/..%2f..%2f..%2f..%2f..%2f..%2ftmp%2fevil", "~", "~root"]
WORDS = ["$(id)", "`id`", "${HOME}", "a;b", "a|b", "a&b", "'", '"', "<x>", "a\\b", "*", "a,b", "a@b", "{}", "%s%n%s%n",
         "%25s%25n", "a=b", "a+b", "a!b", "a^b", "a(b)"]
NAMES = ENCODINGS + TRAVERSALS + WORDS + [
    "", "/", "UPPER", "x/UPPER", "x//y", "x/", "-x", "x-", "x/-y", "_x", "x/_layers", "x/_manifests/tags", "_uploads",
    "_catalog", "x..y", "x/.y", "x/y.", "x___y", "x._y", "a" * 256, "a" * 5000, "a/" * 200 + "a",
    "/".join(["a"] * 2500)]
DIGESTS = [f"sha256:{tail}" for tail in ENCODINGS + TRAVERSALS + WORDS] + [
    "sha256:", ":", "::", ":" + "0" * 64, "sha256::" + "0" * 63, "sha256:" + "0" * 63, "sha256:" + "0" * 65,
    "sha256:" + "A" * 64, "sha256:" + "g" * 64, "sha256:" + "0" * 5000, "sha512:" + "0" * 64, "SHA256:" + "0" * 64,
    "md5:" + "0" * 32, "sha256+b64:" + "0" * 64, "..:" + "0" * 64, "../x:" + "0" * 64, "a" * 5000 + ":" + "0" * 64,
    "sha256:" + "../" * 21 + "0", "sha256%00:" + "0" * 64, GOOD + "%00", GOOD + "%2f..", " " + GOOD, GOOD + "%20"]
REFERENCES = DIGESTS + ENCODINGS + ["..", ".", "%2e%2e", "..%2fx", "-x", ".x", "a" * 129, "a" * 5000, "a%2fb", "~",
                                    "_manifests%2ftags", "$(id)", "a;b", "a@b", "a+b", "*", "@" + GOOD]
IDS = ENCODINGS + TRAVERSALS + WORDS + [
    ID, ID.upper(), ID + "/data", ID + "/startedat", ID + "%2fdata", ID + "%00", ID[:-1], ID + "0", "x" * 5000, "0",
    "_uploads", "hashstates", "../" + ID, "../../_layers/sha256/" + "0" * 64, "%2e%2e%2f_manifests"]
OTHER_PATHS = ["/v2/%2e%2e/%2e%2e/etc/passwd", "/v2/../../etc/passwd", "/etc/passwd", "//etc/passwd", "/v2/_catalog/..",
               "/v2/_catalog%00", "/v2%00/", "/v2/%", "/%2e%2e/", "/..", "/./", "/v2/" + "a/" * 2000, "/" + "a" * 8000,
               "/v2/x/blobs/uploads/../../../y/tags/list", f"/v2/x/blobs/{GOOD}/..", "/v2/x/manifests/", "/v2/x/blobs/",
               "/v2/x/referrers/", "/v2/tags/list", "/v2/manifests/latest", "/v2/x/tags/list/x", "/v2/x/tags",
               "/v2/x/_trust/tuf/root.json", "/docker/registry/v2/repositories", "/v2/.well-known/x", "/debug/vars"]

MANIFEST = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})  # nothing in it is missing
PUT_MANIFEST = (MANIFEST, {"Content-Type": OCI_INDEX})
BYTES = (b"data", {"Content-Type": "application/octet-stream"})
ROUTES = {
    "name": [("GET", "/v2/{}/tags/list"), ("GET", "/v2/{}/manifests/latest"), ("HEAD", "/v2/{}/manifests/latest"),
             ("PUT", "/v2/{}/manifests/latest", *PUT_MANIFEST), ("DELETE", "/v2/{}/manifests/latest"),
             ("PUT", f"/v2/{{}}/manifests/{sha256(MANIFEST)}?tag=x", *PUT_MANIFEST),
             ("GET", f"/v2/{{}}/blobs/{GOOD}"), ("HEAD", f"/v2/{{}}/blobs/{GOOD}"),
             ("DELETE", f"/v2/{{}}/blobs/{GOOD}"),
             ("GET", f"/v2/{{}}/referrers/{GOOD}"), ("POST", "/v2/{}/blobs/uploads/"),
             ("POST", f"/v2/{{}}/blobs/uploads/?digest={sha256(b'data')}", *BYTES),
             ("POST", f"/v2/{{}}/blobs/uploads/?mount={GOOD}&from={REPO}"),
             ("GET", f"/v2/{{}}/blobs/uploads/{ID}"), ("PATCH", f"/v2/{{}}/blobs/uploads/{ID}", *BYTES),
             ("PUT", f"/v2/{{}}/blobs/uploads/{ID}?digest={sha256(b'data')}", *BYTES),
             ("DELETE", f"/v2/{{}}/blobs/uploads/{ID}")],
    "digest": [("GET", f"/v2/{REPO}/blobs/{{}}"), ("HEAD", f"/v2/{REPO}/blobs/{{}}"),
               ("DELETE", f"/v2/{REPO}/blobs/{{}}"), ("GET", f"/v2/{REPO}/referrers/{{}}")],
    "reference": [("GET", f"/v2/{REPO}/manifests/{{}}"), ("HEAD", f"/v2/{REPO}/manifests/{{}}"),
                  ("PUT", f"/v2/{REPO}/manifests/{{}}", *PUT_MANIFEST), ("DELETE", f"/v2/{REPO}/manifests/{{}}")],
    "id": [(method, f"/v2/{REPO}/blobs/uploads/{{}}{query}", *data) for method, query, *data in (
        ("GET", ""), ("HEAD", ""), ("PATCH", "", *BYTES), ("DELETE", ""),
        ("PUT", f"?digest={sha256(b'data')}", *BYTES))],
    "path": [("GET", "{}"), ("HEAD", "{}"), ("PUT", "{}", *BYTES), ("DELETE", "{}"), ("POST", "{}", *BYTES)],
}
TABLES = {"name": NAMES, "digest": DIGESTS, "reference": REFERENCES, "id": IDS, "path": OTHER_PATHS}


def files_below(root):
    """But for the health check's, which comes and goes."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + [name for name in files if not name.startswith("probe")]:
            path = os.path.join(folder, name)
            found[path] = os.lstat(path).st_size if name in files else None
    return found


def check_refused(answer, method, what):
    assert 400 <= answer.status < 500, (what, answer)
    if method == "HEAD":
        assert answer.body == b"", what
    else:
        assert {entry["code"] for entry in answer.errors()} <= CODES, (what, answer)
    assert answer.get("X-Evil") is None, what


@pytest.fixture
def hostile(shared_server):
    """A client; after the test the server is there, and its root is as it was."""
    image = push_image(shared_server.client(), REPO, "latest")
    before = files_below(shared_server.root)
    yield Client(shared_server.port, timeout=10)
    assert shared_server.alive()
    client = shared_server.client()
    assert client.get("/v2/").status == 200
    assert client.get(f"/v2/{REPO}/manifests/latest").body == image.manifest
    assert client.get(f"/v2/{REPO}/tags/list").json()["tags"] == ["latest"]
    assert files_below(shared_server.root) == before
    assert sorted(entry.name for entry in shared_server.folder.iterdir()) == ["root", "stderr.1", "stdout.1"]


@pytest.mark.parametrize("kind, route", [(kind, route) for kind, routes in ROUTES.items() for route in routes],
                         ids=lambda value: f"{value[0]} {value[1][:40]}" if isinstance(value, tuple) else value)
def test_paths(hostile, kind, route):
    """Error Codes: a 4xx in JSON has the specification's form."""
    method, template, data, headers = (*route, None, {})[:4]
    for value in TABLES[kind]:
        target = template.format(value)
        check_refused(hostile.request(method, target, data, headers), method, target[:200])


DIGESTS_IN_QUERIES = [digest.replace("&", "%26").replace("+", "%2b") for digest in DIGESTS] + ["", "x", "0" * 64]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_digest_in_a_query(hostile, method):
    """Pushing blobs: a digest that cannot be is refused, and what an upload has is kept."""
    location = start_upload(hostile, REPO) if method == "PUT" else f"/v2/{REPO}/blobs/uploads/?"
    try:
        for digest in DIGESTS_IN_QUERIES:
            answer = hostile.request(method, f"{location}&digest={digest}", *BYTES)
            if method == "POST" and "%" in digest and answer.status == 202:
                assert hostile.delete(answer.get("Location")).status == 204  # as if there were no digest
            else:
                check_refused(answer, method, digest[:200])
    finally:
        if method == "PUT":
            assert hostile.get(location).get("Range") == "0-0"
            assert hostile.delete(location).status == 204


QUERIES = ["", "&", "&&&&", "=", "=x", "%", "%zz", "%00", "?", "??", "x" * 8000, "a=b&" * 2000, "&" * 8000, "\xe9=\xff",
           *(f"{name}={value}" for name in ("n", "last", "artifactType", "ns")
             for value in ("", "%", "%zz", "%00", "%ff", "-1", "9" * 400, "..%2f..", "%0d%0aX-Evil:%20yes", "a" * 5000,
                           "\xff", "%F0%9F%93%A6", '"', "%22%7D", "<", "1&n=2", "1;n=2"))]


@pytest.mark.parametrize("path", ["/v2/", "/v2/_catalog", f"/v2/{REPO}/tags/list", f"/v2/{REPO}/referrers/{GOOD}",
                                  f"/v2/{REPO}/manifests/latest", "/v2/hostile/none/tags/list"])
def test_queries(hostile, path):
    """Error Codes: an answer in JSON, or a refusal that is JSON too."""
    for query in QUERIES:
        answer = hostile.get(f"{path}?{query}")
        if answer.status == 200:
            json.loads(answer.body)
            assert answer.get("X-Evil") is None
        else:
            check_refused(answer, "GET", query[:200])


@pytest.mark.parametrize("name", ["mount", "from", "digest-algorithm", "digest", "mount=" + GOOD + "&from"])
def test_queries_of_an_upload(hostile, name):
    """Pushing blobs, Mounting: a start, or a refusal; from where nobody may mount nothing is."""
    for value in ENCODINGS + TRAVERSALS + WORDS + ["", "x" * 5000, REPO + "%00", GOOD + "%00", "md5", "/" * 1000]:
        answer = hostile.post(f"/v2/{REPO}/blobs/uploads/?{name}={value}")
        if answer.status == 202:
            assert hostile.delete(answer.get("Location")).status == 204
        else:
            check_refused(answer, "POST", value[:200])


ENTRY = {"mediaType": OCI_LAYER, "size": 4, "digest": GOOD}


def image_of(**fields):
    return encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {**ENTRY, "mediaType": OCI_CONFIG},
                   "layers": [], **fields})


BODIES = {
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "deep in a field": image_of()[:-1] + b',"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "not UTF-8": image_of(annotations={"k": "XX"}).replace(b"XX", b"\xff\xfe"),
    "NUL": image_of(annotations={"k": "XX"}).replace(b"XX", b"\0\0"),
    "byte order mark": b"\xef\xbb\xbf" + image_of(),
    "UTF-16": image_of().decode().encode("utf-16"),
    "two documents": image_of() + image_of(),
    "cut": image_of()[:-10],
    "half an escape": b'{"schemaVersion": 2, "mediaType": "\\u12',
    "lone surrogate": b'{"schemaVersion": 2, "mediaType": "\\ud800"}',
    "number as version": b'{"schemaVersion": 1e999}',
    "version of text": image_of(schemaVersion="2"),
    "type of a list": image_of(mediaType=[OCI_MANIFEST]),
    "layers of text": image_of(layers="all"),
    "layers of an object": image_of(layers={"0": ENTRY}),
    "layer of text": image_of(layers=["x"]),
    "layer of nothing": image_of(layers=[{}]),
    "config of text": image_of(config="x"),
    "config of null": image_of(config=None),
    **{f"digest {digest[:20]!r}": image_of(layers=[{**ENTRY, "digest": digest}]) for digest in (
        "", "sha256:", "sha256:../../../../etc/passwd", "sha256:" + "../" * 21 + "x", "/etc/passwd", "md5:" + "0" * 32,
        "sha256:" + "0" * 63 + "\0", GOOD + "\0", "sha256:" + "0" * 100_000, "sha256:%s%n", "\ud800")},
    **{f"size {size!r}": image_of(config={**ENTRY, "size": size}) for size in (-1, 1.5, "4", [], 10 ** 400, 2 ** 64)},
    "manifests of text": encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": "x"}),
    "child of text": encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": ["x"]}),
    "child elsewhere": encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {**ENTRY, "digest": "sha256:../../x"}]}),
}


@pytest.mark.parametrize("data", BODIES.values(), ids=BODIES)
def test_manifests(hostile, data):
    """Pushing Manifests: what is none is refused."""
    media_type = OCI_INDEX if OCI_INDEX.encode() in data else OCI_MANIFEST
    for reference in ("evil", sha256(data)):
        answer = hostile.put(f"/v2/{REPO}/manifests/{reference}", data, {"Content-Type": media_type})
        check_refused(answer, "PUT", data[:200])
        assert hostile.get(f"/v2/{REPO}/manifests/{reference}").status == 404


@pytest.mark.parametrize("value", ["", "x", ";", "/", "a/b/c", "application/", OCI_MANIFEST + "/..", "\xff\xfe",
                                   "a" * 5000, '"' + OCI_INDEX + '"', OCI_MANIFEST + "," + OCI_INDEX],
                         ids=lambda value: ascii(value)[:30])
def test_manifest_types(hostile, value):
    """Pushing Manifests: a type that the document has not."""
    answer = hostile.put(f"/v2/{REPO}/manifests/evil", b'{"schemaVersion": 2, "mediaType": "x"}',
                         {"Content-Type": value})
    check_refused(answer, "PUT", value)
