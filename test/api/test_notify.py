# SPDX-License-Identifier: Apache-2.0
"""Notifications: what is told, in which words, and that it arrives whatever happens in between."""

import base64
import json
import pathlib
import re
import signal
import socket
import time

import pytest

from harness import htpasswd
from harness.configured import KEPT, RELOADED
from harness.content import sha256
from harness.process import free_port
from harness.push import (OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, index, push_blob, push_image, push_manifest,
                          start_upload, with_query)
from harness.sink import digests, patient, short, told_to
from harness.tls import Authority
from harness.waiting import wait_until
from harness.wire import Client

OCTETS = "application/octet-stream"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z")


def metric(server, name, **labels):
    """The value of a sample at the debug address."""
    text = Client(int(server.environment["REGISTRY_HTTP_DEBUG_ADDR"].rpartition(":")[2])).get("/metrics").body.decode()
    for line in text.splitlines():
        if line.startswith(f"registry_notifications_{name}{{") and \
                all(f'{key}="{value}"' in line for key, value in labels.items()):
            return int(line.split()[-1])
    return None


def with_metrics():
    return {"REGISTRY_HTTP_DEBUG_ADDR": f"127.0.0.1:{free_port()}", "REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED": "true"}


# What is told


def test_every_kind(start, sink):
    client = start(**told_to(sink)).client()
    data = b"some bytes"
    digest = push_blob(client, "a/b", data)
    client.head(f"/v2/a/b/blobs/{digest}")
    client.get(f"/v2/a/b/blobs/{digest}")
    assert client.post(f"/v2/c/blobs/uploads/?mount={digest}&from=a/b").status == 201
    image = push_image(client, "a/b", "tag")
    push_manifest(client, "a/b", "other", image.manifest)
    client.head("/v2/a/b/manifests/tag")
    client.get(f"/v2/a/b/manifests/{image.digest}")
    assert client.delete(f"/v2/a/b/manifests/{image.digest}").status == 202
    assert client.delete(f"/v2/a/b/blobs/{digest}").status == 202
    events = sink.wait(14)
    assert [short(event) for event in events] == [
        ("push", "a/b", digest),
        ("pull", "a/b", digest),
        ("pull", "a/b", digest),
        ("mount", "c", digest),
        ("push", "a/b", sha256(image.config)),
        ("push", "a/b", sha256(image.layers[0])),
        ("push", "a/b", "tag"),
        ("push", "a/b", "other"),
        ("pull", "a/b", "tag"),
        ("pull", "a/b", image.digest),
        ("delete", "a/b", image.digest),
        ("delete", "a/b", "other"),
        ("delete", "a/b", "tag"),
        ("delete", "a/b", digest),
    ]
    base = f"http://127.0.0.1:{client.port}/v2"
    blob = {"mediaType": OCTETS, "size": len(data), "digest": digest, "length": len(data)}
    manifest = {"mediaType": OCI_MANIFEST, "size": len(image.manifest), "digest": image.digest,
                "length": len(image.manifest), "repository": "a/b", "url": f"{base}/a/b/manifests/{image.digest}"}
    targets = [event["target"] for event in events]
    assert targets[:3] == 3 * [{**blob, "repository": "a/b", "url": f"{base}/a/b/blobs/{digest}"}]
    assert targets[3] == {**blob, "repository": "c", "fromRepository": "a/b", "url": f"{base}/c/blobs/{digest}"}
    assert targets[6] == {**manifest, "tag": "tag"}
    assert targets[7] == {**manifest, "tag": "other"}
    assert targets[8] == {**manifest, "tag": "tag"}
    assert targets[9] == manifest
    assert targets[10] == {"repository": "a/b", "digest": image.digest}
    assert targets[11] == {"repository": "a/b", "tag": "other"}
    assert targets[13] == {"repository": "a/b", "digest": digest}


def test_who_and_where(start, sink):
    server = start(**told_to(sink))
    login = base64.b64encode(b"maria:secret").decode()
    data = b"bytes"
    location = with_query(start_upload(server.client(), "a"), digest=sha256(data))
    headers = {"Host": "hub.example", "User-Agent": "agent/1 \"quoted\"", "Authorization": f"Basic {login}"}
    assert server.client().put(location, data, headers).status == 201
    server.client().get(f"/v2/a/blobs/{sha256(data)}", {"X-Forwarded-For": "192.0.2.7, 10.0.0.1"})
    push, pull = sink.wait(2)
    assert set(push) == {"id", "timestamp", "action", "target", "request", "actor", "source"}
    assert UUID.fullmatch(push["id"]) and push["id"] != pull["id"]
    assert TIME.fullmatch(push["timestamp"])
    request = push["request"]
    assert UUID.fullmatch(request.pop("id"))
    assert re.fullmatch(r"127\.0\.0\.1:\d+", request.pop("addr"))
    assert request == {"host": "hub.example", "method": "PUT", "useragent": "agent/1 \"quoted\""}
    assert push["target"]["url"] == f"http://hub.example/v2/a/blobs/{sha256(data)}"
    assert push["actor"] == {"name": "maria"}
    assert push["source"].pop("addr") == f"{socket.gethostname()}:{server.port}"
    assert UUID.fullmatch(push["source"].pop("instanceID")) and push["source"] == {}
    assert pull["actor"] == {} and pull["request"]["addr"] == "192.0.2.7" and pull["request"]["method"] == "GET"


def test_who_has_proved_it(start, sink, scratch):
    users = htpasswd.write(scratch / "users", {"maria": "secret"})
    client = start(REGISTRY_AUTH_HTPASSWD_PATH=str(users), **told_to(sink)).client()
    client.headers["Authorization"] = htpasswd.basic("maria", "secret")["Authorization"]
    push_blob(client, "a", b"x")
    assert sink.wait(1)[0]["actor"] == {"name": "maria"}


def test_the_request(start, sink):
    endpoint = {"name": "x", "url": f"http://127.0.0.1:{sink.port}/some/path?q=1",
                "headers": {"Authorization": ["Bearer 123"], "X-Empty": [""], "X-Two": ["1", "2"]}}
    client = start(**told_to(endpoint)).client()
    push_blob(client, "a", b"x")
    push_blob(client, "a", b"y")
    sink.wait(2)
    first = sink.all()[0]
    assert first.path == "/some/path?q=1"
    assert first.headers["Content-Type"] == "application/vnd.docker.distribution.events.v1+json"
    assert first.headers["Authorization"] == "Bearer 123"
    assert first.headers["X-Empty"] == ""
    assert first.headers.get_all("X-Two") == ["1", "2"]
    assert "Expect" not in first.headers
    assert first.body == json.dumps(json.loads(first.body), indent=3).encode()


def test_what_is_not_told(start, sink):
    client = start(**told_to(sink)).client()
    image = push_image(client, "a", "tag")
    sink.wait(3)
    client.get("/v2/")
    client.get("/v2/_catalog")
    client.get("/v2/a/tags/list")
    client.get("/v2/a/manifests/nothing")
    client.get(f"/v2/a/blobs/{sha256(b'nothing')}")
    client.get("/v2/a/manifests/tag", {"If-None-Match": f'"{image.digest}"'})
    client.get(f"/v2/a/referrers/{image.digest}")
    client.post(f"/v2/b/blobs/uploads/?mount={sha256(b'nothing')}&from=a")
    client.delete(f"/v2/a/manifests/{sha256(b'nothing')}")
    client.get("/v2/a/manifests/tag")
    assert [short(event) for event in sink.wait(4)[3:]] == [("pull", "a", "tag")]


def test_references(start, sink):
    client = start(REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES="true", **told_to(sink)).client()
    image = push_image(client, "a", "tag")
    push_manifest(client, "a", "multi", index([image.manifest]), OCI_INDEX)
    client.get("/v2/a/manifests/tag")
    events = sink.wait(5)
    parts = [{"mediaType": kind, "size": len(data), "digest": sha256(data)}
             for kind, data in ((OCI_CONFIG, image.config), (OCI_LAYER, image.layers[0]))]
    assert "references" not in events[0]["target"]
    assert events[2]["target"]["references"] == events[4]["target"]["references"] == parts
    assert events[3]["target"]["references"] == [
        {"mediaType": OCI_MANIFEST, "size": len(image.manifest), "digest": image.digest}]


def test_what_an_endpoint_ignores(start, make_sink):
    pushes, manifests, off = make_sink(), make_sink(), make_sink()
    client = start(**told_to(
        {"name": "pushes", "url": pushes.url, "ignore": {"actions": ["pull", "delete"]}},
        {"name": "manifests", "url": manifests.url, "ignoredmediatypes": [OCTETS]},
        {"name": "off", "url": off.url, "disabled": True})).client()
    image = push_image(client, "a", "tag")
    client.get("/v2/a/manifests/tag")
    client.delete(f"/v2/a/manifests/{image.digest}")
    push_blob(client, "a", b"last")
    push_manifest(client, "a", "last", image.manifest)
    assert [event["action"] for event in pushes.wait(5)] == ["push"] * 5
    assert [short(event) for event in manifests.wait(5)] == [
        ("push", "a", "tag"), ("pull", "a", "tag"), ("delete", "a", image.digest), ("delete", "a", "tag"),
        ("push", "a", "last")]
    assert off.all() == []


def test_from_an_ini_file(make_server, scratch, sink):
    config = scratch / "registry.ini"
    config.write_text(f"[notifications.endpoints.audit]\nurl = {sink.url}\nheaders.X-Key = 1\nignore.actions = pull, push\n")
    client = make_server(asan=True, config=config).client()
    digest = push_blob(client, "a", b"x")
    client.delete(f"/v2/a/blobs/{digest}")
    assert short(sink.wait(1)[0]) == ("delete", "a", digest)
    assert sink.all()[0].headers["X-Key"] == "1"


def test_over_tls(start, make_sink, scratch):
    """Who cannot show a certificate is told nothing."""
    authority = Authority(scratch)
    sink = make_sink(certificate=authority.issue("sink"))
    server = start(**told_to(patient(sink.url)), **with_metrics())
    pushed = push_many(server.client(), 1)
    wait_until(lambda: (metric(server, "events_total", type="Errors") or 0) > 3, "some tries")
    server.says("certificate")
    assert sink.all() == []
    server.stop()
    server.environment["SSL_CERT_FILE"] = str(authority.file)
    server.start()
    assert digests(sink.wait(1)) == pushed


# That it arrives


def push_many(client, count, begin=0):
    return [push_blob(client, "many", b"%d" % number) for number in range(begin, begin + count)]


def test_an_endpoint_that_is_down(start, make_sink):
    port = free_port()
    server = start(**told_to(patient(f"http://127.0.0.1:{port}/")), **with_metrics())
    pushed = push_many(server.client(), 30)
    wait_until(lambda: (metric(server, "events_total", type="Errors") or 0) > 3, "some tries")
    wait_until(lambda: metric(server, "pending_total") == 30, "all to wait")
    sink = make_sink(port=port)
    assert digests(sink.wait(30)) == pushed
    wait_until(lambda: metric(server, "pending_total") == 0, "none to wait")
    assert metric(server, "events_total", type="Events", endpoint="patient") == 30
    assert metric(server, "events_total", type="Successes") == 30
    assert metric(server, "status_total", code="200 OK") == 30
    assert metric(server, "dropped_total") == 0
    assert len(sink.all()) == 30, "each of them once"


def test_an_endpoint_that_refuses(start, sink):
    sink.statuses = [500, 404, 503, 204]
    server = start(**told_to(patient(sink.url, threshold=2)), **with_metrics())
    pushed = push_many(server.client(), 3)
    assert digests(sink.wait(6)) == [pushed[0]] * 4 + pushed[1:]
    wait_until(lambda: metric(server, "events_total", type="Failures") == 3, "the failures to be counted")


def test_a_redirect(start, make_sink):
    """It takes the body along, and does not lead to other protocols."""
    first, second = make_sink(), make_sink()
    first.status = 302
    first.answer_headers = {"Location": second.url}
    server = start(**told_to(patient(first.url)))
    pushed = push_many(server.client(), 1)
    assert digests(second.wait(1)) == pushed
    first.answer_headers = {"Location": "file:///etc/passwd"}
    pushed = push_many(server.client(), 1, 1)
    wait_until(lambda: len(first.all()) > 3, "it to be tried again")
    first.status = 200
    assert digests(first.wait(1))[-1] == pushed[0]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_in_between(make_server, make_sink, end):
    port = free_port()
    endpoints = told_to(patient(f"http://127.0.0.1:{port}/"))
    server = make_server(asan=True, environment={**endpoints, **with_metrics()})
    pushed = push_many(server.client(), 20)
    wait_until(lambda: metric(server, "pending_total") == 20, "all to be on the disk")
    if end == signal.SIGTERM:
        server.stop()
    else:
        server.kill()
    server.start()
    pushed += push_many(server.client(), 20, 20)
    sink = make_sink(port=port)
    assert digests(sink.wait(40)) == pushed
    wait_until(lambda: metric(server, "pending_total") == 0, "none to wait")
    server.stop()
    assert not list((server.root / "run").glob("notify/patient/*")), "nothing is left of an empty queue"


def test_a_stop_does_not_wait(start, sink):
    """What is on its way is sent again after the next start: at least once."""
    server = start(**told_to(patient(sink.url)))
    sink.hold()
    pushed = push_many(server.client(), 5)
    sink.wait(1)
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 5
    sink.release()
    server.start()
    assert digests(sink.wait(6)) == [pushed[0]] + pushed


def test_a_slow_endpoint_slows_nobody(start, make_sink):
    slow, fast = make_sink(), make_sink()
    slow.hold()
    server = start(**told_to(patient(slow.url), {"name": "fast", "url": fast.url}))
    pushed = push_many(server.client(), 50)
    assert digests(fast.wait(50)) == pushed
    assert len(slow.all()) == 1
    slow.release()
    assert digests(slow.wait(50)) == pushed


def test_a_full_queue(start, make_sink):
    port = free_port()
    server = start(REGISTRY_NOTIFICATIONS_QUEUE_EVENTS="7", **told_to(patient(f"http://127.0.0.1:{port}/")),
                   **with_metrics())
    pushed = push_many(server.client(), 20)
    wait_until(lambda: metric(server, "dropped_total", endpoint="patient") == 13, "13 to be dropped")
    assert metric(server, "pending_total") == 7
    sink = make_sink(port=port)
    assert digests(sink.wait(7)) == pushed[:7]
    wait_until(lambda: metric(server, "pending_total") == 0, "none to wait")
    pushed = push_many(server.client(), 1, 20)
    assert digests(sink.wait(8))[7:] == pushed


def test_endpoints_come_and_go(make_server, scratch, make_sink):
    """A reload: what waits for one that has gone is there when it is back."""
    port, other = free_port(), make_sink()
    config = scratch / "registry.ini"
    first = f"[notifications.endpoints.first]\nurl = http://127.0.0.1:{port}/\nbackoff = 10ms\nthreshold = 1\n"
    second = f"[notifications.endpoints.second]\nurl = {other.url}\n"
    config.write_text(first)
    server = make_server(asan=True, config=config)
    pushed = push_many(server.client(), 3)
    wait_until(lambda: list(server.root.glob("run/notify/first/*.events")), "them to be on the disk")

    def reload(text, count):
        config.write_text(text)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.stderr().count("configuration reloaded") == count, "the reload")
    reload(second, 1)
    pushed_later = push_many(server.client(), 2, 3)
    assert digests(other.wait(2)) == pushed_later
    sink = make_sink(port=port)
    reload(first + second, 2)
    assert digests(sink.wait(3)) == pushed
    push_many(server.client(), 1, 5)
    sink.wait(4)
    other.wait(3)


# libcurl


def has_libcurl(server):
    return "libcurl" in pathlib.Path(f"/proc/{server.pid}/maps").read_text()


def test_libcurl_comes_with_the_first_endpoint(configured, scratch, make_sink):
    """By a reload, in the sandbox; nobody else pays for it."""
    authority = Authority(scratch)
    sink = make_sink(certificate=authority.issue("sink"))
    server = configured(environment={"SSL_CERT_FILE": str(authority.file)})
    server.says("in a sandbox")
    push_many(server.client(), 1)
    assert not has_libcurl(server)
    assert RELOADED in server.reload({"notifications.endpoints.sink.url": sink.url})
    pushed = push_many(server.client(), 2, 1)
    assert digests(sink.wait(2)) == pushed
    assert has_libcurl(server)


def test_no_libcurl(configured, scratch):
    """Who wants notifications is told; who does not is served."""
    broken, options = scratch / "libraries", {"notifications.endpoints.x.url": "http://127.0.0.1:1/"}
    broken.mkdir()
    (broken / "libcurl.so.4").write_bytes(b"")
    server = configured({"sandbox.enabled": "false"}, environment={"LD_LIBRARY_PATH": str(broken)})
    line = server.reload({"sandbox.enabled": "false", **options})
    assert KEPT in line and "notifications.endpoints: they take libcurl: " in line and "too short" in line
    push_many(server.client(), 1)
    assert RELOADED in server.reload({"sandbox.enabled": "false"})


def test_no_secret_in_the_log(start):
    endpoint = {"name": "x", "url": f"http://user:hunter2@127.0.0.1:{free_port()}/", "headers": {"X-Key": ["hunter3"]}}
    server = start(REGISTRY_LOG_LEVEL="debug", **told_to(endpoint))
    push_blob(server.client(), "a", b"x")
    server.says("notifications: x: ")
    assert "hunter" not in server.stderr()
