# SPDX-License-Identifier: Apache-2.0
"""The same requests to the original and to this server: where the answers differ, the table says why."""

import pytest

from harness.beside import (BLOB, EMPTY_INDEX, NOWHERE, OCTETS, PART, Row, Side, check)
from harness.content import sha256
from harness.original import Original
from harness.place import scratch_folder
from harness.push import OCI_INDEX, OCI_MANIFEST, encode, manifest, with_query
from harness.server import Server

DIGEST = sha256(BLOB)


def chunk(side):
    return side.upload(b"0123456789")


def finish(digest, data=b""):
    return lambda side: with_query(side.upload(data), digest=digest)


def bare(location):
    return location.partition("?")[0]


R = "/v2/a/repo"
M = f"{R}/manifests"
B = f"{R}/blobs"
ROWS = {
    # base
    "base": Row("GET", "/v2/"),
    "base, HEAD": Row("HEAD", "/v2/"),
    "root": Row("GET", "/"),
    # blobs
    "blob": Row("GET", B + "/{BLOB}"),
    "blob, HEAD": Row("HEAD", B + "/{BLOB}"),
    "empty blob": Row("GET", B + "/{EMPTY}"),
    "blob unknown": Row("GET", B + "/{NOWHERE}"),
    "blob unknown, HEAD": Row("HEAD", B + "/{NOWHERE}"),
    "blob of another repository": Row("GET", "/v2/b/blobs/{BLOB}"),
    "blob of no repository": Row("GET", "/v2/no/where/blobs/{BLOB}"),
    "blob, short digest": Row("GET", B + "/sha256:abc"),
    "blob, other algorithm": Row("GET", B + "/md5:" + "0" * 32),
    "blob, DELETE unknown": Row("DELETE", B + "/{NOWHERE}"),
    # ranges
    "range": Row("GET", B + "/{BLOB}", {"Range": "bytes=10-19"}),
    "range, HEAD": Row("HEAD", B + "/{BLOB}", {"Range": "bytes=10-19"}),
    "range, open": Row("GET", B + "/{BLOB}", {"Range": "bytes=990-"}),
    "range, last": Row("GET", B + "/{BLOB}", {"Range": "bytes=-5"}),
    "range, clamped": Row("GET", B + "/{BLOB}", {"Range": "bytes=990-5000"}),
    "range, beyond": Row("GET", B + "/{BLOB}", {"Range": "bytes=1000-"}),
    "range, reversed": Row("GET", B + "/{BLOB}", {"Range": "bytes=9-5"}),
    "range, garbage": Row("GET", B + "/{BLOB}", {"Range": "bytes=x"}),
    "range, other unit": Row("GET", B + "/{BLOB}", {"Range": "lines=1-2"}),
    "range, several": Row("GET", B + "/{BLOB}", {"Range": "bytes=0-1,5-6"}),
    # conditions
    "if-none-match": Row("GET", B + "/{BLOB}", {"If-None-Match": '"{BLOB}"'}),
    "if-none-match, list": Row("GET", B + "/{BLOB}", {"If-None-Match": '"x", "{BLOB}"'}),
    "if-none-match, any": Row("GET", B + "/{BLOB}", {"If-None-Match": "*"}),
    "if-none-match, other": Row("GET", B + "/{BLOB}", {"If-None-Match": '"{NOWHERE}"'}),
    "if-match": Row("GET", B + "/{BLOB}", {"If-Match": '"{BLOB}"'}),
    "if-match, other": Row("GET", B + "/{BLOB}", {"If-Match": '"{NOWHERE}"'}),
    "if-range": Row("GET", B + "/{BLOB}", {"Range": "bytes=0-1", "If-Range": '"{BLOB}"'}),
    "if-range, other": Row("GET", B + "/{BLOB}", {"Range": "bytes=0-1", "If-Range": '"{NOWHERE}"'}),
    "manifest, if-none-match": Row("GET", M + "/tag", {"If-None-Match": '"{IMAGE}"'}),
    "manifest, if-none-match other": Row("GET", M + "/tag", {"If-None-Match": '"{NOWHERE}"'}),
    # uploads
    "begin": Row("POST", B + "/uploads/"),
    "begin, no slash": Row("POST", B + "/uploads"),
    "mount": Row("POST", "/v2/b/blobs/uploads/?mount={BLOB}&from=a/repo"),
    "mount, unknown": Row("POST", "/v2/b/blobs/uploads/?mount={NOWHERE}&from=a/repo"),
    "mount, bad digest": Row("POST", "/v2/b/blobs/uploads/?mount=x&from=a/repo"),
    "mount, no from": Row("POST", "/v2/c/blobs/uploads/?mount={BLOB}"),
    "all in one": Row("POST", "/v2/c/blobs/uploads/?digest={BLOB}", OCTETS, BLOB),
    "status": Row("GET", chunk),
    "status, empty": Row("GET", Side.upload),
    "status, no state": Row("GET", lambda side: bare(chunk(side))),
    "chunk": Row("PATCH", Side.upload, OCTETS, b"0123456789"),
    "chunk, no type": Row("PATCH", Side.upload, {}, b"0123456789"),
    "chunk, wrong place": Row("PATCH", chunk, {**OCTETS, "Content-Range": "20-29"}, b"0123456789"),
    "chunk, unknown upload": Row("PATCH", B + "/uploads/00000000-0000-4000-8000-000000000000", OCTETS, b"x"),
    "finish": Row("PUT", finish(DIGEST, BLOB), OCTETS),
    "finish, all at once": Row("PUT", finish(DIGEST), OCTETS, BLOB),
    "finish, other digest": Row("PUT", finish(NOWHERE, BLOB), OCTETS),
    "finish, no digest": Row("PUT", chunk, OCTETS),
    "finish, bad digest": Row("PUT", finish("sha256:abc"), OCTETS),
    "cancel": Row("DELETE", Side.upload),
    "cancel, unknown": Row("DELETE", B + "/uploads/00000000-0000-4000-8000-000000000000"),
    # manifests
    "manifest": Row("GET", M + "/tag"),
    "manifest, HEAD": Row("HEAD", M + "/tag"),
    "manifest by digest": Row("GET", M + "/{IMAGE}"),
    "manifest, docker": Row("GET", M + "/docker"),
    "manifest, index": Row("GET", M + "/multi"),
    "manifest, other accept": Row("GET", M + "/tag", {"Accept": "*/*"}),
    "manifest unknown": Row("GET", M + "/none"),
    "manifest unknown, digest": Row("GET", M + "/{NOWHERE}"),
    "manifest of no repository": Row("HEAD", "/v2/no/where/manifests/tag"),
    "manifest, bad digest": Row("GET", M + "/sha256:abc"),
    "put": Row("PUT", M + "/again", {"Content-Type": OCI_MANIFEST}, lambda side: side.image.manifest),
    "put, empty index": Row("PUT", M + "/empty", {"Content-Type": OCI_INDEX}, EMPTY_INDEX),
    "put, no JSON": Row("PUT", M + "/bad", {"Content-Type": OCI_MANIFEST}, b"{"),
    "put, wrong digest": Row("PUT", M + "/{NOWHERE}", {"Content-Type": OCI_MANIFEST},
                             lambda side: side.image.manifest),
    "put, missing blobs": Row("PUT", M + "/bad", {"Content-Type": OCI_MANIFEST}, manifest(b"no", [b"where"])),
    "put, missing child": Row("PUT", M + "/part", {"Content-Type": OCI_INDEX}, PART),
    "put, schema 3": Row("PUT", M + "/bad", {"Content-Type": OCI_MANIFEST}, encode({"schemaVersion": 3})),
    "put, too large": Row("PUT", M + "/big", {"Content-Type": OCI_MANIFEST}, b" " * (4 * 1024 * 1024 + 1)),
    "delete, unknown": Row("DELETE", M + "/{NOWHERE}"),
    "delete a tag": Row("DELETE", M + "/same"),
    "delete": Row("DELETE", M + "/{IMAGE}"),
    # lists
    "tags": Row("GET", "/v2/b/tags/list"),
    "tags, no repository": Row("GET", "/v2/no/where/tags/list"),
    "tags, bad number": Row("GET", "/v2/b/tags/list?n=-1"),
    "tags, HEAD": Row("HEAD", "/v2/b/tags/list"),
    "catalog": Row("GET", "/v2/_catalog"),
    "catalog, page": Row("GET", "/v2/_catalog?n=1"),
    "catalog, bad number": Row("GET", "/v2/_catalog?n=x"),
    "catalog, too many": Row("GET", "/v2/_catalog?n=1001"),
    "referrers": Row("GET", R + "/referrers/{IMAGE}"),
    # paths and methods
    "no route": Row("GET", "/v2/a/repo"),
    "search of old": Row("GET", "/v1/search?q=x"),
    "bad name": Row("GET", "/v2/A/tags/list"),
    "no slash": Row("GET", "/v2"),
    "method of a blob": Row("PUT", B + "/{BLOB}"),
    "method of a manifest": Row("POST", M + "/tag"),
    "method of tags": Row("DELETE", "/v2/b/tags/list"),
    "method of the catalog": Row("POST", "/v2/_catalog"),
    "options": Row("OPTIONS", M + "/tag"),
}

STATUS, TYPE, CONTENT, CODES = "status", "Content-Type", "Docker-Content-Digest", "codes"
BYTES, TEXT, JSON = "application/octet-stream", "text/plain", "application/json"
UPLOAD = "http://<host>/v2/%s/blobs/uploads/<id>?_state=<state>"
AS_JSON = "an error is JSON (distribution-spec, Error Codes)"
IGNORED = "a Range that is not understood is ignored (RFC 9110, 14.2)"
NOT_OF_IT = "what describes the blob is not said of an error"


def error_of(digest, code, kind):
    """An error that the original gives the headers of the blob."""
    return ({TYPE: kind, CONTENT: digest, "Etag": f'"{digest}"', CODES: None},
            {TYPE: JSON, CONTENT: None, "Etag": None, CODES: code})


def created(name, digest):
    """An upload, where this server has the blob already."""
    return ({STATUS: "202", "Location": UPLOAD % name, "Range": "0-0", CONTENT: None},
            {STATUS: "201", "Location": f"http://<host>/v2/{name}/blobs/{digest}", "Range": None, CONTENT: digest})


WHOLE = {STATUS: "416", TYPE: TEXT}, {STATUS: "200", TYPE: BYTES}
BAD_NUMBER = {STATUS: "200", CODES: None}, {STATUS: "400", CODES: "PAGINATION_NUMBER_INVALID"}
WORDS_AS_JSON = {TYPE: TEXT, CODES: None}, {TYPE: JSON, CODES: "UNSUPPORTED"}
NO_STATE = "BLOB_UPLOAD_INVALID"
NO_UPLOAD = ({CODES: NO_STATE}, {CODES: "BLOB_UPLOAD_UNKNOWN"},
             "an upload is looked for by its name, whatever its state says: there is none")

# name: (what the original says, what this server says, why that is right)
DIFFERENCES = {
    "range, beyond": (*error_of("{BLOB}", "RANGE_INVALID", TEXT), NOT_OF_IT),
    "range, reversed": (*WHOLE, IGNORED),
    "range, garbage": (*WHOLE, IGNORED),
    "range, other unit": (*WHOLE, IGNORED),
    "range, several": ({STATUS: "206", TYPE: "multipart/byteranges; boundary=<any>"}, {STATUS: "200", TYPE: BYTES},
                       "a server may answer with the whole of it, and no client asks for several parts"),
    "if-match, other": (*error_of("{BLOB}", "UNSUPPORTED", BYTES), NOT_OF_IT),
    "manifest, if-none-match": ({CONTENT: None, "Etag": None}, {CONTENT: "{IMAGE}", "Etag": '"{IMAGE}"'},
                                "a 304 has the Etag that a 200 would have (RFC 9110, 15.4.5)"),
    "begin, no slash": ({STATUS: "301", "Location": "/v2/a/repo/blobs/uploads/", "Range": None},
                        {STATUS: "202", "Location": UPLOAD % "a/repo", "Range": "0-0"},
                        "clients turn a redirected POST into a GET"),
    "mount, no from": (*created("c", "{BLOB}"), "a mount may leave it to the registry where from (distribution-spec)"),
    "all in one": (*created("c", "{BLOB}"), "a single POST may push a blob (distribution-spec, end-4b)"),
    "status, no state": ({STATUS: "404", TYPE: JSON, "Location": None, "Range": None, CODES: NO_STATE},
                         {STATUS: "204", TYPE: None, "Location": UPLOAD % "a/repo", "Range": "0-9", CODES: None},
                         "the state is on the disk: who lost the Location can go on"),
    "chunk, wrong place": ({STATUS: "202", TYPE: None, "Location": UPLOAD % "a/repo", "Range": "0-19", CODES: None},
                           {STATUS: "416", TYPE: JSON, "Location": None, "Range": None, CODES: "RANGE_INVALID"},
                           "a chunk out of order is 416 (distribution-spec); the original puts it somewhere else"),
    "chunk, unknown upload": NO_UPLOAD,
    "cancel, unknown": NO_UPLOAD,
    "manifest, other accept": ({STATUS: "404", TYPE: JSON, CONTENT: None, "Etag": None, CODES: "MANIFEST_UNKNOWN"},
                               {STATUS: "200", TYPE: OCI_MANIFEST, CONTENT: "{IMAGE}", "Etag": '"{IMAGE}"',
                                CODES: None},
                               "what was pushed is served, and */* takes it"),
    "manifest, bad digest": ({STATUS: "500", CODES: "UNKNOWN"}, {STATUS: "400", CODES: "DIGEST_INVALID"},
                             "it is the request that is wrong"),
    "put, missing child": ({STATUS: "400", TYPE: JSON, CONTENT: None, "Location": None, CODES: "MANIFEST_BLOB_UNKNOWN"},
                           {STATUS: "201", TYPE: None, CONTENT: "{PART}", CODES: None,
                            "Location": "http://<host>/v2/a/repo/manifests/{PART}"},
                           "an index may be pushed for some of its platforms"),
    "put, schema 3": ({STATUS: "500", CODES: "UNKNOWN"}, {STATUS: "400", CODES: "MANIFEST_INVALID"},
                      "it is the request that is wrong"),
    "put, too large": ({STATUS: "400"}, {STATUS: "413"}, "a manifest over the limit is 413 (distribution-spec)"),
    "delete a tag": ({STATUS: "400", TYPE: JSON, CODES: "DIGEST_INVALID"}, {STATUS: "202", TYPE: None, CODES: None},
                     "a tag can be deleted (distribution-spec, end-9; version 3 of the original)"),
    "tags, bad number": (*BAD_NUMBER, "as version 3 of the original, which has pages of tags"),
    "catalog, bad number": (*BAD_NUMBER, "as version 3 of the original"),
    "referrers": ({STATUS: "404", TYPE: TEXT}, {STATUS: "200", TYPE: OCI_INDEX},
                  "the list of referrers is there (distribution-spec, end-12a)"),
    "bad name": ({STATUS: "404", TYPE: TEXT, CODES: None}, {STATUS: "400", TYPE: JSON, CODES: "NAME_INVALID"},
                 "NAME_INVALID says what is wrong"),
    "no slash": ({STATUS: "301", TYPE: "text/html", "Location": "/v2/"}, {STATUS: "200", TYPE: JSON, "Location": None},
                 "the answer that the redirection leads to, at once"),
    "tags, HEAD": ({TYPE: TEXT}, {TYPE: JSON}, AS_JSON),
    "no route": (*WORDS_AS_JSON, AS_JSON),
    "search of old": (*WORDS_AS_JSON, AS_JSON),
    "method of a blob": (*WORDS_AS_JSON, AS_JSON),
    "method of a manifest": (*WORDS_AS_JSON, AS_JSON),
    "method of tags": (*WORDS_AS_JSON, AS_JSON),
    "method of the catalog": (*WORDS_AS_JSON, AS_JSON),
}


@pytest.fixture(scope="module")
def sides():
    """Both, each on its own root, with the same content."""
    with scratch_folder() as folder:
        for name in ("original", "root", "ours"):
            (folder / name).mkdir()
        original, ours = Original(folder / "original", folder / "root"), Server(folder / "ours")
        try:
            yield Side(original.start().client()).fill(), Side(ours.start().client()).fill()
        finally:
            original.stop()
            ours.stop()


@pytest.mark.parametrize("name", ROWS)
def test_beside(sides, name):
    check(sides, ROWS[name], DIFFERENCES.get(name))


def test_every_difference_has_its_row():
    assert set(DIFFERENCES) <= set(ROWS)
