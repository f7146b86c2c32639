# SPDX-License-Identifier: Apache-2.0
"""Configurations that people have, and variables of each kind: the original and this server do the same with them."""

import json
import re

import pytest

from harness import htpasswd, process, tokens
from harness.beside import NOWHERE, DropIn, Side, differences, fits
from harness.original import Original
from harness.place import scratch_folder
from harness.push import push_blob
from harness.sink import Sink
from harness.tls import Authority, TlsClient
from harness.waiting import wait_until

DEFAULT = """version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: {root}
http:
  addr: 127.0.0.1:{port}
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""
TLS = """version: 0.1
log: {level: info, formatter: text, fields: {service: registry, environment: staging}}
storage: {filesystem: {rootdirectory: "{root}"}, delete: {enabled: true}}
http:
  addr: 127.0.0.1:{port}
  secret: asecretforlocaldevelopment
  tls:
    certificate: {folder}/domain.crt
    key: {folder}/domain.pem
    minimumtls: tls1.2
"""
HTPASSWD = """version: 0.1
storage:
  delete: {enabled: true}
  filesystem:
    rootdirectory: {root}
auth:
  htpasswd:
    realm: Registry Realm
    path: {folder}/users
http:
  addr: 127.0.0.1:{port}
  headers:
    Access-Control-Allow-Origin: ['http://ui.test']
    Access-Control-Allow-Methods: ['HEAD', 'GET', 'OPTIONS', 'DELETE']
    Access-Control-Allow-Headers: [Authorization, Accept, Cache-Control]
    Access-Control-Expose-Headers: [Docker-Content-Digest]
"""
TOKEN = """version: 0.1
storage: {filesystem: {rootdirectory: "{root}"}}
http: {addr: "127.0.0.1:{port}"}
auth:
  token:
    autoredirect: false
    realm: https://auth.test/token
    service: registry.test
    issuer: auth.test
    rootcertbundle: {folder}/bundle.pem
"""
NOTIFICATIONS = """version: 0.1
log:
  accesslog:
    disabled: true
  formatter: json
  fields:
    place: here
storage:
  filesystem:
    rootdirectory: {root}
    maxthreads: 100
  maintenance:
    uploadpurging:
      enabled: true
      age: 168h
      interval: 24h
      dryrun: false
http:
  addr: 127.0.0.1:{port}
notifications:
  events:
    includereferences: true
  endpoints:
    - name: off
      disabled: true
      url: http://127.0.0.1:1/
    - name: listener
      disabled: false
      url: {sink}
      headers:
        Authorization: [Bearer 123]
        X-Key: [one, two]
      timeout: 5s
      threshold: 5
      backoff: 1s
      ignoredmediatypes: [application/x-none]
      ignore:
        mediatypes: [application/y-none]
        actions: [pull]
"""
BEHIND = """version: 0.1
loglevel: info
storage:
  filesystem:
    rootdirectory: {root}
  maintenance:
    readonly:
      enabled: true
http:
  addr: 127.0.0.1:{port}
  host: https://hub.test:8443
  prefix: /x/
  draintimeout: 1m
  http2: {disabled: true}
  debug:
    addr: 127.0.0.1:{debug}
    prometheus:
      enabled: true
      path: /stats
catalog:
  maxentries: 4
validation:
  disabled: true
"""
HEALTH = """version: 0.1
log: {formatter: logstash, level: info}
storage: {filesystem: {rootdirectory: "{root}"}}
http: {addr: "127.0.0.1:{port}", relativeurls: true, debug: {addr: "127.0.0.1:{debug}"}}
health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
  file:
    - file: {gone}
      interval: 1s
"""
WARN = DEFAULT.replace("log:\n", "log:\n  level: warn\n")
KUBERNETES = {
    "PORT": "tcp://10.0.0.1:5000", "SERVICE_HOST": "10.0.0.1", "SERVICE_PORT": "5000", "SERVICE_PORT_HTTP": "5000",
    "PORT_5000_TCP": "tcp://10.0.0.1:5000", "PORT_5000_TCP_ADDR": "10.0.0.1", "PORT_5000_TCP_PORT": "5000",
    "PORT_5000_TCP_PROTO": "tcp", "HTTP_PORT": "tcp://10.0.0.1:80", "HTTP_SERVICE_HOST": "10.0.0.1",
    "HTTP_PORT_80_TCP": "tcp://10.0.0.1:80", "PROXY_SERVICE_PORT": "80", "REDIS_PORT_6379_TCP_ADDR": "10.0.0.1",
    "UI_URL": "http://ui.test"}
LEAVES = {
    "STORAGE_DELETE_ENABLED": "true", "STORAGE_FILESYSTEM_ROOTDIRECTORY": "{other}",
    "STORAGE_FILESYSTEM_MAXTHREADS": "50",
    "STORAGE_CACHE_BLOBDESCRIPTOR": "inmemory", "HTTP_RELATIVEURLS": "yes", "HTTP_HEADERS_X-Foo": "[a, b]",
    "HTTP_SECRET": "asecret", "HTTP_DRAINTIMEOUT": "5s", "HTTP_DEBUG_ADDR": "127.0.0.1:{debug}", "HTTP_NET": "tcp",
    "HTTP_DEBUG_PROMETHEUS_ENABLED": "true", "LOG_FIELDS_PLACE": "here", "LOG_ACCESSLOG_DISABLED": "true",
    "LOG_FORMATTER": "json", "LOG_LEVEL": "info", "CATALOG_MAXENTRIES": "4", "VALIDATION_DISABLED": "true",
    "HEALTH_STORAGEDRIVER_ENABLED": "false", "HEALTH_STORAGEDRIVER_INTERVAL": "1m",
    "HEALTH_STORAGEDRIVER_THRESHOLD": "2"}
SECTIONS = {
    "STORAGE_DELETE": '{"enabled": true}', "HTTP_HEADERS": "{X-Foo: [a, b], X-Bar: [c]}", "STORAGE_CACHE": "{}",
    "LOG": "{level: info, formatter: json, fields: {place: here}, accesslog: {disabled: true}}",
    "HTTP_DEBUG": "{addr: '127.0.0.1:{debug}', prometheus: {enabled: true, path: /stats}}",
    "NOTIFICATIONS": "{endpoints: [{name: listener, url: '{sink}', timeout: 5s, headers: {X-Key: [one, two]}}]}",
    "HEALTH": "{storagedriver: {enabled: true, interval: 5s}}", "CATALOG": "{maxentries: 4}"}
LINES = {
    "HTTP_HEADERS": "X-Foo: [a, b]\nX-Bar:\n- c\n", "STORAGE_DELETE": "enabled: true\n", "NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES": "true",
    "NOTIFICATIONS_ENDPOINTS": "- name: listener\n  url: {sink}\n  timeout: 5s\n  headers:\n    X-Key: [one, two]\n"}
EMPTY = {name: "" for name in (
    "AUTH", "HTTP_SECRET", "HTTP_HOST", "HTTP_PREFIX", "HTTP_TLS_CERTIFICATE", "HTTP_TLS_KEY", "PROXY_REMOTEURL",
    "PROXY_USERNAME", "PROXY_PASSWORD", "CATALOG_MAXENTRIES", "LOG_FORMATTER", "REDIS_ADDR", "LOG_FIELDS_PLACE")}
LOGIN = htpasswd.basic("maria", "secret")
# name: (configuration, variables, credentials)
SCENARIOS = {
    "the image's own": (DEFAULT, {}, {}),
    "no more than warnings": (WARN, {}, {}),
    "TLS": (TLS, {}, {}),
    "TLS and passwords by variables": (
        DEFAULT, {"HTTP_TLS_CERTIFICATE": "{folder}/domain.crt", "HTTP_TLS_KEY": "{folder}/domain.pem",
                  "AUTH": "htpasswd",
                  "AUTH_HTPASSWD_REALM": "Registry Realm", "AUTH_HTPASSWD_PATH": "{folder}/users",
                  "HTTP_TLS_MINIMUMTLS": "tls1.3"}, LOGIN),
    "passwords": (HTPASSWD, {}, LOGIN),
    "passwords, nobody": (HTPASSWD, {}, {}),
    "a section of passwords by a variable": (
        DEFAULT, {"AUTH": "{htpasswd: {realm: Registry Realm, path: '{folder}/users'}}"}, LOGIN),
    "tokens": (TOKEN, {}, {}),
    "tokens by variables": (
        DEFAULT, {"AUTH": "token", "AUTH_TOKEN_REALM": "https://auth.test/token", "AUTH_TOKEN_SERVICE": "registry.test",
                  "AUTH_TOKEN_ISSUER": "auth.test", "AUTH_TOKEN_ROOTCERTBUNDLE": "{folder}/bundle.pem"}, {}),
    "notifications": (NOTIFICATIONS, {}, {}),
    "behind a proxy": (BEHIND, {}, {}),
    "health": (HEALTH, {}, {}),
    "health by the names of fields": (
        DEFAULT, {"HEALTH_FILECHECKERS": "[{file: '{gone}', interval: 1s}]", "HTTP_DEBUG_ADDR": "127.0.0.1:{debug}"},
        {}),
    "variables for values": (DEFAULT, LEAVES, {}),
    "variables for sections": (DEFAULT, SECTIONS, {}),
    "variables of several lines": (DEFAULT, LINES, {}),
    "read-only by a variable": (DEFAULT, {"STORAGE_MAINTENANCE": "readonly:\n  enabled: true\n"}, {}),
    "a variable for the whole storage": (
        HTPASSWD, {"STORAGE": "{filesystem: {rootdirectory: '{other}'}}"}, LOGIN),
    "a variable for all of http": (DEFAULT, {"HTTP": "{addr: '127.0.0.1:{port}', relativeurls: true}"}, {}),
    "another kind of auth by a variable": (
        HTPASSWD, {"AUTH": "{token: {realm: 'https://auth.test/token', service: registry.test, issuer: auth.test,"
                           " rootcertbundle: '{folder}/bundle.pem'}}"}, {}),
    "empty variables": (DEFAULT, EMPTY, {}),
    "variables that Kubernetes makes": (DEFAULT, KUBERNETES, {}),
    "lists by index": (DEFAULT, {"NOTIFICATIONS_ENDPOINTS_0_NAME": "listener",
                                 "NOTIFICATIONS_ENDPOINTS_0_URL": "{sink}",
                                 "NOTIFICATIONS_ENDPOINTS_0_TIMEOUT": "5s"}, {}),
    "a host without a scheme": (DEFAULT, {"HTTP_HOST": "hub.test"}, {}),
}
# name: ({what: the original's}, {what: this server's}, why)
DIFFERENCES = {
    "lists by index": ({"told": "nothing"}, {"told": ("push", "told", None, None)},
                       "as version 3 of the original: it was meant, and nobody is told that it is ignored"),
}


class Stage:
    """What a scenario may name: files that both read, and what each side has of its own."""

    def __init__(self, folder, authority):
        self.folder, self.authority = folder, authority
        self.sink, self.debug = Sink(), process.free_port()

    def words(self, text, side):
        for word, value in {"{folder}": self.authority.folder, "{other}": self.folder / f"other.{side}",
                            "{gone}": self.folder / f"gone.{side}", "{sink}": self.sink.url,
                            "{debug}": self.debug}.items():
            text = text.replace(word, str(value))
        return text


class Seen:
    """What can be seen of a server from outside."""

    def __init__(self, server, stage, side, scenario):
        self.server, self.stage, self.side = server, stage, side
        self.text, self.variables, self.credentials = scenario
        self.said = self.text + str(self.variables)
        self.client = server.client()
        if "domain.crt" in self.said:
            self.client = TlsClient(server.port, stage.authority.context())
        self.client.headers.update(self.credentials)
        self.prefix = "/x" if "prefix: /x/" in self.said else ""

    def all(self):
        """{what: how it is}"""
        return {name.lstrip("_"): look() for name, look in (
            (look.__name__, look) for look in (self._base, self._begin, self._statuses, self._debug, self._told,
                                               self._files,
                                               self._log, self._health))}

    def _base(self):
        answer = self.client.get(self.prefix + "/v2/")
        return [answer.status] + sorted(f"{name}: {value}" for name, value in answer.headers
                                        if name not in ("Date", "Content-Length", "Content-Type"))

    def _begin(self):
        answer = self.client.post(f"{self.prefix}/v2/a/blobs/uploads/")
        return answer.status, Side(self.client).masked(answer)["Location"] if answer.status == 202 else None

    def _statuses(self):
        """Deletions, the longest page of the catalog, the prefix, the other protocol."""
        asked = [self.client.delete(f"{self.prefix}/v2/a/manifests/{NOWHERE}"),
                 self.client.get(f"{self.prefix}/v2/_catalog?n=5"), self.client.get("/x/v2/"), self.client.get("/"),
                 self.server.client().get("/v2/")]
        return [answer.status for answer in asked]

    def _debug(self):
        if "{debug}" not in self.said:
            return None
        client = self.server.client()
        client.port = self.stage.debug
        return [client.get(path).status for path in ("/debug/health", "/metrics", "/stats")]

    def _told(self):
        """Of a push, with which headers."""
        if "{sink}" not in self.said or "readonly" in self.said:
            return None
        push_blob(self.client, "told", b"something")
        try:
            wait_until(self.stage.sink.all, "the event", timeout=5 if self.side == "ours" else 1)
        except AssertionError:
            return "nothing"
        arrived = self.stage.sink.all()[0]
        return (arrived.event["action"], arrived.event["target"]["repository"], arrived.headers["Authorization"],
                arrived.headers.get_all("X-Key"))

    def _files(self):
        """Where the data are: an upload has begun, if that is allowed."""
        other = self.stage.folder / f"other.{self.side}"
        return [bool(list(folder.glob("docker/registry/v2/repositories/*"))) for folder in (self.server.root, other)]

    def _log(self):
        """The shape of lines, fields that are added, whether there are lines of information and of access."""
        words = self.server.words()
        lines = [line for line in words.splitlines() if line.startswith(("{", "time="))]
        shape = lines and "text"
        for line in lines:
            if line.startswith("{"):  # the original says some as text before it knows better
                shape = "logstash" if "@timestamp" in json.loads(line) else "json"
        fields = [bool(re.search(rf'\b{field}"?[=:]"?{value}\b', words)) for field, value in
                  (("service", "registry"), ("environment", "staging"), ("place", "here"))]
        return shape, fields, bool(re.search('level"?[=:]"?info', words)), '"GET ' in words

    def _health(self):
        """What becomes of it when the file is there."""
        if "{gone}" not in self.said:
            return None
        (self.stage.folder / f"gone.{self.side}").touch()
        wait_until(lambda: self.client.get("/").status == 503, "it to be out of service", timeout=20)
        client = self.server.client()
        client.port = self.stage.debug
        return list(client.get("/debug/health").json().values())


@pytest.fixture(scope="module")
def authority():
    with scratch_folder() as folder:
        made = Authority(folder)
        made.issue("domain")
        htpasswd.write(folder / "users", {"maria": "secret"})
        (folder / "bundle.pem").write_text(tokens.pem(tokens.certificate(tokens.make_key("ES256"), "root")))
        yield made


def look(folder, authority, side, scenario):
    """Starts one of the two, looks, and stops it."""
    stage = Stage(folder, authority)
    text, variables, _ = scenario
    environment = {f"REGISTRY_{name}": stage.words(value, side) for name, value in variables.items()}
    (folder / side).mkdir()
    if side == "ours":
        server = DropIn(folder / side, stage.words(text, side), environment)
    else:
        (folder / "root").mkdir()
        server = Original(folder / side, folder / "root", stage.words(text, side), environment=environment)
    try:
        return Seen(server.start(), stage, side, scenario).all()
    finally:
        server.stop()
        stage.sink.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_effect(scratch, authority, name):
    theirs, ours = (look(scratch, authority, side, SCENARIOS[name]) for side in ("original", "ours"))
    told = differences(theirs, ours), differences(ours, theirs)
    expected_theirs, expected_ours, why = DIFFERENCES.get(name, ({}, {}, None))
    assert fits(told[0], expected_theirs) and fits(told[1], expected_ours), told
    assert bool(why) == (told != ({}, {})), "a difference has a reason, and a reason a difference"
