# SPDX-License-Identifier: Apache-2.0
"""The log on standard error, and the access log on standard output."""

import json
import re

from harness.process import free_port
from harness.waiting import wait_until
from harness.wire import Client

COMBINED = re.compile(r'^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET (\S+) HTTP/1\.1" (\d+) (\d+) '
                      r'"(.*)" "(.*)"$')


def access_lines(server, count):
    """The first `count` lines, once they are there; no more must be."""
    def lines():
        text = server.output_path.read_text(encoding="utf-8")
        return text.splitlines() if text.count("\n") >= count else None
    found = wait_until(lines, f"{count} lines of the access log")
    assert len(found) == count, found
    return found


def log_lines(server, what):
    return wait_until(lambda: [line for line in server.stderr().splitlines() if what in line], f"a line with {what}")


def test_combined(start):
    server = start(REGISTRY_LOG_ACCESSLOG_DISABLED="false")
    client = server.client()
    client.get("/v2/", headers={"Referer": 'http://x/"', "User-Agent": "probe/1"})
    client.get("/v2/none/tags/list?n=1")
    first, second = access_lines(server, 2)
    assert COMBINED.match(first).groups() == ("/v2/", "200", "2", r'http://x/\"', "probe/1")
    assert COMBINED.match(second).groups()[:2] == ("/v2/none/tags/list?n=1", "404")


def test_json(start):
    server = start(REGISTRY_LOG_ACCESSLOG_DISABLED="false", REGISTRY_LOG_ACCESSLOG_FORMATTER="json")
    server.client().get("/v2/", headers={"User-Agent": 'pro"be'})
    line = json.loads(access_lines(server, 1)[0])
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                        line.pop("http.request.id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line.pop("time"))
    assert 0 <= line.pop("http.response.duration") < 30
    assert line == {"http.request.remoteaddr": "127.0.0.1", "auth.user.name": "", "http.request.method": "GET",
                    "http.request.host": server.host, "http.request.uri": "/v2/", "http.request.referer": "",
                    "http.request.useragent": 'pro"be', "http.response.status": 200, "http.response.written": 2}


def test_health_checks_have_no_line(start):
    port = free_port()
    server = start(REGISTRY_LOG_ACCESSLOG_DISABLED="false", REGISTRY_HTTP_DEBUG_ADDR=f"127.0.0.1:{port}")
    client = server.client()
    assert client.get("/").status == 200
    assert client.head("/").status == 200
    assert Client(port).get("/debug/health").status == 200
    client.get("/v2/")
    assert "/v2/" in access_lines(server, 1)[0]


def test_it_can_be_switched_off(start):
    server = start(REGISTRY_LOG_ACCESSLOG_DISABLED="true")
    server.client().get("/v2/")
    server.stop()
    assert server.output_path.read_text(encoding="utf-8") == ""


def test_a_failure_in_the_log(start):
    server = start(REGISTRY_LOG_LEVEL="debug", REGISTRY_LOG_FORMATTER="json",
                   REGISTRY_LOG_FIELDS="{service: registry, environment: 'the \"test\"'}")
    server.client().get("/v2/none/manifests/latest", headers={"X-Forwarded-For": "192.0.2.7, 10.0.0.1",
                                                              "Authorization": "Basic c2VjcmV0OnNlY3JldA=="})
    line = json.loads(log_lines(server, "response completed with error")[0])
    assert re.fullmatch(r"[0-9a-f-]{36}", line["http.request.id"])
    assert re.fullmatch(r"[0-9.]+m?s", line["http.response.duration"])
    wanted = {"level": "debug", "msg": "response completed with error", "err.code": "manifest unknown",
              "err.message": "manifest unknown", "http.request.method": "GET", "http.request.host": server.host,
              "http.request.uri": "/v2/none/manifests/latest", "http.request.remoteaddr": "192.0.2.7",
              "http.response.status": "404", "service": "registry", "environment": 'the "test"'}
    assert wanted.items() <= line.items()
    assert "c2VjcmV0" not in server.stderr()


def test_what_proxies_say_must_be_an_address(start):
    server = start(REGISTRY_LOG_LEVEL="debug", REGISTRY_LOG_FORMATTER="json")
    client = server.client()
    client.get("/v2/a/tags/list", headers={"X-Forwarded-For": "someone", "X-Real-Ip": "2001:db8::1"})
    client.get("/v2/b/tags/list", headers={"X-Forwarded-For": "x" * 100})
    wait_until(lambda: server.stderr().count("response completed") == 2, "two lines")
    first, second = [json.loads(line) for line in log_lines(server, "response completed")]
    assert first["http.request.remoteaddr"] == "2001:db8::1"
    assert second["http.request.remoteaddr"] == "127.0.0.1"


def test_logstash(start):
    server = start(REGISTRY_LOG_FORMATTER="logstash")
    line = json.loads(log_lines(server, "listening on")[0])
    assert line["@version"] == "1"
    assert line["message"].startswith("listening on 127.0.0.1:")
    assert list(line)[0] == "@timestamp" and line["level"] == "info"


def test_fields_in_text(start):
    server = start(REGISTRY_LOG_FIELDS_SERVICE="registry", REGISTRY_LOG_FIELDS_MSG="mine")
    assert log_lines(server, "listening on")[0].endswith(" service=registry fields.msg=mine") or \
        log_lines(server, "listening on")[0].endswith(" fields.msg=mine service=registry")


def test_the_new_name_of_the_level_wins(start):
    """The harness sets it."""
    server = start(REGISTRY_LOGLEVEL="debug")
    server.client().get("/v2/none/tags/list")
    assert "response completed with error" not in server.stderr()
    assert "loglevel" not in server.stderr()
