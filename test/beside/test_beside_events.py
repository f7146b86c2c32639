# SPDX-License-Identifier: Apache-2.0
"""The same walk through the original and this server: both tell the same events, in the same words."""

import json
import re

from harness.content import sha256
from harness.original import Original
from harness.place import scratch_folder
from harness.push import (DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, index, push_blob, push_image,
                          push_manifest, start_upload, with_query)
from harness.server import Server
from harness.sink import Sink
from harness.waiting import wait_until

LOGIN = {"Authorization": "Basic bWFyaWE6c2VjcmV0", "User-Agent": "walker/1", "X-Forwarded-For": "192.0.2.1"}
NEW_EACH_TIME = ("id", "timestamp", "instanceID")


def walk(client):
    """Everything that could be told, and some that could not."""
    data = b"some bytes"
    digest = push_blob(client, "a/b", data)
    for method in (client.head, client.get):
        method(f"/v2/a/b/blobs/{digest}")
    client.get(f"/v2/a/b/blobs/{digest}", {"Range": "bytes=1-3"})
    client.get(f"/v2/a/b/blobs/{digest}", {"If-None-Match": f'"{digest}"'})
    client.get(f"/v2/a/b/blobs/{digest}", LOGIN)
    client.post(f"/v2/c/blobs/uploads/?mount={digest}&from=a/b")
    client.post(f"/v2/c/blobs/uploads/?mount={sha256(b'nothing')}&from=a/b")
    client.put(with_query(start_upload(client, "a/b"), digest=sha256(b"at once")), b"at once", LOGIN)
    image = push_image(client, "a/b", "tag")
    docker = push_image(client, "a/b", None, media_type=DOCKER_MANIFEST)
    push_manifest(client, "a/b", "other", image.manifest)
    push_manifest(client, "a/b", "multi", index([image.manifest]), OCI_INDEX)
    push_manifest(client, "a/b", "list", index([docker.manifest], DOCKER_LIST, DOCKER_MANIFEST), DOCKER_LIST)
    for reference in ("tag", image.digest, "multi", "nothing"):
        client.head(f"/v2/a/b/manifests/{reference}")
        client.get(f"/v2/a/b/manifests/{reference}", LOGIN)
    client.get("/v2/a/b/manifests/tag", {"If-None-Match": f'"{image.digest}"'})
    client.get("/v2/a/b/tags/list")
    client.get("/v2/_catalog")
    assert client.delete(f"/v2/a/b/manifests/{image.digest}").status == 202
    client.delete(f"/v2/a/b/manifests/{image.digest}")
    assert client.delete(f"/v2/a/b/blobs/{digest}").status == 202
    push_blob(client, "last", b"last")


def shape(arrived, port):
    """The body, with words for what is of one run alone; its lines stay as they are."""
    text = arrived.body.decode()
    for name in NEW_EACH_TIME:
        text = re.sub(rf'"{name}": "[^"]+"', f'"{name}": "…"', text)
    return re.sub(r"127\.0\.0\.1:(\d+)", lambda m: "<server>" if int(m[1]) == port else "<client>",
                  text.replace(f":{port}\"", ":<port>\""))


def told_by(make):
    """All POSTs of a server."""
    with scratch_folder() as folder:
        sink = Sink()
        server = make(folder, sink)
        try:
            server.start()
            walk(server.client())
            wait_for_last(sink)
            return [(a.headers["Content-Type"], shape(a, server.port)) for a in sink.all()]
        finally:
            server.stop()
            sink.close()


def wait_for_last(sink):
    wait_until(lambda: any(event["target"]["repository"] == "last" for event in sink.events()), "the last event")


def original(folder, sink):
    endpoints = [{"name": "sink", "url": sink.url, "timeout": "5s"}]
    (folder / "root").mkdir()
    return Original(folder, folder / "root", more="notifications: " + json.dumps(
        {"events": {"includereferences": True}, "endpoints": endpoints}) + "\n")


def ours(folder, sink):
    endpoints = [{"name": "sink", "url": sink.url, "timeout": "5s"}]
    return Server(folder, environment={"REGISTRY_NOTIFICATIONS_ENDPOINTS": json.dumps(endpoints),
                                       "REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES": "true"})


def test_the_same_events():
    theirs, mine = told_by(original), told_by(ours)
    for number, (their, own) in enumerate(zip(theirs, mine)):
        assert own == their, f"event {number}"
    assert len(mine) == len(theirs)
