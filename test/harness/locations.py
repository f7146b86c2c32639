# SPDX-License-Identifier: Apache-2.0
"""Where a server's answers lead: every way to push, each Location looked at and followed."""

import re

from .content import sha256
from .push import OCI_MANIFEST, manifest, with_query

REPO = "/v2/some/repo"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
OCTETS = {"Content-Type": "application/octet-stream"}
CONFIG, LAYER = b"{}", b"a layer that goes through many hands"


def all_locations(client, prefix="", headers=()):
    """Pushes an image in every way there is; returns what each step called its Location."""
    pairs, seen = dict(headers), {}

    def step(name, answer, status):
        assert answer.status == status, (name, answer)
        seen[name] = answer.get("Location")
        return seen[name]

    uploads = f"{prefix}{REPO}/blobs/uploads/"
    location = step("start", client.post(uploads, headers=pairs), 202)
    location = step("chunk", client.patch(location, LAYER, {**pairs, **OCTETS}), 202)
    location = step("status", client.get(location, pairs), 204)
    step("finish", client.put(with_query(location, digest=sha256(LAYER)), headers=pairs), 201)
    step("single", client.post(with_query(uploads, digest=sha256(CONFIG)), CONFIG, {**pairs, **OCTETS}), 201)
    mount = with_query(f"{prefix}/v2/another/blobs/uploads/", mount=sha256(CONFIG), **{"from": "some/repo"})
    step("mount", client.post(mount, headers=pairs), 201)
    data = manifest(CONFIG, [LAYER])
    for reference in ("one", "two", sha256(data)):
        answer = client.put(f"{prefix}{REPO}/manifests/{reference}", data, {**pairs, "Content-Type": OCI_MANIFEST})
        step("manifest", answer, 201)
    return seen


def check_locations(client, base, prefix="", headers=()):
    """All begin with `base`, and all can be followed."""
    seen = all_locations(client, prefix, headers)
    data = manifest(CONFIG, [LAYER])
    expected = {"finish": (f"{REPO}/blobs/{sha256(LAYER)}", LAYER),
                "single": (f"{REPO}/blobs/{sha256(CONFIG)}", CONFIG),
                "mount": (f"/v2/another/blobs/{sha256(CONFIG)}", CONFIG),
                "manifest": (f"{REPO}/manifests/{sha256(data)}", data)}
    for name, location in seen.items():
        if name in expected:
            assert location == base + expected[name][0]
            assert client.get(location).body == expected[name][1]
        else:
            assert re.fullmatch(re.escape(base) + REPO + r"/blobs/uploads/" + UUID + r"(\?.*)?", location), location


def check_links(client, prefix="", path=None):
    """Relative, and leading on: below `path`, if the server is asked for something else than a client is."""
    seen, target = [], f"{prefix}{REPO}/tags/list?n=1"
    while target:
        answer = client.get(target)
        seen += answer.json()["tags"] or []
        target = answer.get("Link")
        target = target and re.fullmatch(r'<(.*)>; rel="next"', target).group(1)
        assert target is None or target.startswith(f"{prefix if path is None else path}{REPO}/tags/list?")
    assert seen == ["one", "two"]
    assert answer.status == 200
