# SPDX-License-Identifier: Apache-2.0
"""What Prometheus reads, in its text format, which is parsed here, and by the Python client of Prometheus."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.process import free_port
from harness.push import push_image, start_upload
from harness.waiting import wait_until
from harness.wire import Client

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="[^"\\]*",?)*)\})? (\S+)$')
TYPES = {"counter", "gauge", "histogram"}


def parse(text):
    """{(name, labels): value}; every line is looked at, and every metric stands in one place under its head."""
    samples, kinds, current = {}, {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split()[2]
            assert current not in kinds, f"{current} twice"
        elif line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name == current and kind in TYPES
            kinds[name] = kind
        else:
            name, labels, value = SAMPLE.match(line).groups()
            base = re.sub("_(bucket|sum|count)$", "", name) if kinds[current] == "histogram" else name
            assert base == current, line
            key = (name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels or "")))
            assert key not in samples, line
            samples[key] = float(value)
    check_histograms(samples, [name for name, kind in kinds.items() if kind == "histogram"])
    others = {(sample.name, frozenset(sample.labels.items())): sample.value
              for family in text_string_to_metric_families(text) for sample in family.samples}
    assert others == samples
    return samples


def check_histograms(samples, names):
    for name in names:
        series = {}
        for (sample, labels), value in samples.items():
            if sample == name + "_bucket":
                rest = frozenset(pair for pair in labels if pair[0] != "le")
                series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
        for rest, buckets in series.items():
            counts = [value for _, value in sorted(buckets)]
            assert counts == sorted(counts)
            assert counts[-1] == samples[name + "_count", rest]
            assert (name + "_sum", rest) in samples


class Watched:
    def __init__(self, start, **settings):
        self.port = free_port()
        self.server = start(REGISTRY_HTTP_DEBUG_ADDR=f"127.0.0.1:{self.port}",
                            REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED="true", **settings)
        self.client = self.server.client()

    def samples(self):
        answer = Client(self.port).get("/metrics")
        assert answer.status == 200
        assert answer.exact("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
        return parse(answer.body.decode())

    def value(self, metric, **labels):
        return self.samples().get((metric, frozenset(labels.items())), 0)


@pytest.fixture
def watched(start):
    return Watched(start)


def test_requests_are_counted_by_code_handler_and_method(watched):
    push_image(watched.client, "some/repo", "latest")
    for _ in range(3):
        watched.client.get("/v2/")
    watched.client.get("/v2/some/repo/manifests/latest")
    watched.client.get("/v2/some/repo/manifests/none")
    watched.client.get("/v3/")
    samples = watched.samples()

    def total(code, handler, method):
        return samples[("registry_http_requests_total",
                        frozenset({"code": code, "handler": handler, "method": method}.items()))]
    assert total("200", "base", "get") == 3
    assert total("200", "manifest", "get") == 1
    assert total("404", "manifest", "get") == 1
    assert total("201", "manifest", "put") == 1
    assert total("202", "blob_upload", "post") >= 1
    assert total("201", "blob_upload_chunk", "put") >= 1
    assert total("404", "other", "get") == 1
    assert samples["registry_http_request_duration_seconds_count",
                   frozenset({"handler": "base", "method": "get"}.items())] == 3
    assert samples["registry_http_response_size_bytes_sum", frozenset({"handler": "base"}.items())] == 6
    assert samples["registry_http_request_size_bytes_bucket",
                   frozenset({"handler": "base", "le": "1024"}.items())] == 3
    assert ("registry_http_request_size_bytes_bucket",
            frozenset({"handler": "base", "le": "2147483648"}.items())) in samples
    assert ("registry_http_request_duration_seconds_bucket",
            frozenset({"handler": "base", "method": "get", "le": "0.005"}.items())) in samples


def test_who_watches_is_not_counted(watched):
    watched.samples()
    names = {dict(labels).get("handler") for _, labels in watched.samples()}
    assert not names & {"metrics", "health"}


def test_requests_in_flight(watched):
    location = start_upload(watched.client, "some/repo")
    assert watched.value("registry_http_in_flight_requests", handler="blob_upload_chunk") == 0
    with watched.client.wire() as wire:
        wire.send_head("PATCH", location, {"Content-Length": "10"})
        wire.send(b"12345")
        wait_until(lambda: watched.value("registry_http_in_flight_requests", handler="blob_upload_chunk") == 1,
                   "the upload being counted")
        assert watched.value("registry_uploads_in_progress") == 1
        assert watched.value("registry_connections", state="body") == 1
        wire.send(b"67890")
        assert wire.read().status == 202
    assert watched.value("registry_http_in_flight_requests", handler="blob_upload_chunk") == 0
    assert watched.value("registry_uploads_in_progress") == 0


def test_a_client_that_goes_away(watched):
    location = start_upload(watched.client, "some/repo")
    with watched.client.wire() as wire:
        wire.send_head("PATCH", location, {"Content-Length": "10"})
        wire.send(b"12345")
        wait_until(lambda: watched.value("registry_uploads_in_progress") == 1, "the upload being counted")
        wire.reset()
    wait_until(lambda: watched.value("registry_http_requests_total", code="499", handler="blob_upload_chunk",
                                     method="patch") == 1, "the end of the upload being counted")
    assert watched.value("registry_uploads_in_progress") == 0


def test_what_is_stored_as_of_the_last_collection(watched, admin_of):
    assert ("registry_storage_blobs", frozenset()) not in watched.samples()
    push_image(watched.client, "some/repo", "latest")
    admin_of(watched.server).collect()
    files = [path for path in watched.server.root.rglob("data") if "/blobs/" in str(path)]
    assert watched.value("registry_storage_blobs") == len(files)
    assert watched.value("registry_storage_bytes") == sum(path.stat().st_size for path in files)


def test_what_is_done_with_files(watched):
    def counts():
        samples = watched.samples()
        return {dict(labels)["action"]: value for (name, labels), value in samples.items()
                if name == "registry_storage_action_seconds_count" and dict(labels)["driver"] == "filesystem"}

    before = counts()
    image = push_image(watched.client, "some/repo", "latest")
    pushed = counts()
    for action, least in (("PutContent", 2), ("Move", 2), ("GetContent", 1)):
        assert pushed[action] >= before.get(action, 0) + least, action
    watched.client.get("/v2/some/repo/tags/list")
    assert counts()["List"] > pushed.get("List", 0)
    assert watched.client.delete(f"/v2/some/repo/manifests/{image.digest}").status == 202
    assert counts()["Delete"] > pushed.get("Delete", 0)
    seconds = watched.value("registry_storage_action_seconds_sum", action="PutContent", driver="filesystem")
    assert 0 < seconds < 600


def test_the_process(watched):
    samples = {name: value for (name, labels), value in watched.samples().items() if not labels}
    assert samples["process_resident_memory_bytes"] > 1 << 20
    assert samples["process_cpu_seconds_total"] >= 0
    assert 0 < samples["process_open_fds"] < samples["process_max_fds"]
    started = wait_until(watched.server.folder.stat, "the folder").st_mtime
    assert abs(samples["process_start_time_seconds"] - started) < 120


def test_another_path(start):
    port = free_port()
    start(REGISTRY_HTTP_DEBUG_ADDR=f"127.0.0.1:{port}", REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED="true",
          REGISTRY_HTTP_DEBUG_PROMETHEUS_PATH="/some/where")
    client = Client(port)
    assert client.get("/some/where").status == 200
    assert client.get("/metrics").status == 404
    assert client.get("/debug/health").status == 200
