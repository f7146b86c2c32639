# SPDX-License-Identifier: Apache-2.0
"""Configurations and variables with which the original does not start, or this server does not: both, or a reason.

What both start with, test_beside_effect.py compares.
"""

import os
import shutil

import pytest

from harness import process
from harness.original import PROGRAM
from harness.place import scratch_folder
from harness.server import binary_path
from harness.waiting import wait_until
from harness.wire import Wire

BASE = """version: 0.1
storage:
  filesystem:
    rootdirectory: {root}
http:
  addr: 127.0.0.1:{port}
"""
AT_ONCE = 8


class Start:
    """`serve` of one of the two, begun; {root}, {port} and {folder} are filled in."""

    def __init__(self, program, text, variables):
        self._scratch = scratch_folder()
        self.folder = self._scratch.__enter__()
        self.port = process.free_port()
        (self.folder / "root").mkdir()
        config, self.output = self.folder / "config.yml", self.folder / "output"
        config.write_text(self._filled(text))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("REGISTRY_", "OTEL_"))}
        environment.update({f"REGISTRY_{name}": self._filled(value) for name, value in variables.items()})
        with open(self.output, "wb") as output:
            self.process = process.start([program, "serve", str(config)], env=environment, cwd=self.folder,
                                         stdout=output, stderr=output)

    def _filled(self, text):
        return (text.replace("{root}", str(self.folder / "root")).replace("{port}", str(self.port))
                .replace("{folder}", str(self.folder)))

    def _answers(self):
        """The original listens before it looks for the last files."""
        try:
            with Wire(self.port) as wire:
                wire.send_head("GET", "/")
                return wire.receive(1) != b""
        except OSError:
            return False

    def _words(self):
        return self.output.read_text(errors="replace").replace(str(self.folder), "{folder}")

    def outcome(self):
        """"up", or why not; the process is gone then."""
        try:
            # one may listen at no port, or be told to say nothing
            wait_until(lambda: self.process.poll() is not None or self._answers() or "listening on" in self._words(),
                       "it to start or to end", timeout=30)
            return "up" if self.process.poll() is None else self._words()
        finally:
            process.end(self.process)
            self._scratch.__exit__(None, None, None)


def http(line):
    return f"{BASE}  {line}\n"


def top(line):
    return f"{BASE}{line}\n"


def storage(line):
    return BASE.replace("http:\n", f"  {line}\nhttp:\n")


def driver(line):
    return BASE.replace("    rootdirectory", f"    {line}\n    rootdirectory")


FILESYSTEM = "  filesystem:\n    rootdirectory: {root}\n"
ADDRESS = "127.0.0.1:{port}"
# Neither starts. (configuration, what this server's error names)
REFUSED = [
    ("", 'unsupported version: ""'),
    (BASE.replace("version: 0.1\n", ""), 'unsupported version: ""'),
    (BASE.replace("0.1", "0.2", 1), 'unsupported version: "0.2"'),
    (BASE.replace("0.1", "1", 1), 'unsupported version: "1"'),
    (BASE.replace("version: 0.1", "version: [0.1]"), "unsupported version"),
    ("version: 0.1\nhttp:\n\taddr: x\n", "not yaml"),
    ("version: 0.1\n  x: [\n", "unsupported version"),
    (BASE.replace("storage:\n" + FILESYSTEM, "storage: foo\n"), "storage: expected"),
    (BASE.replace("storage:\n" + FILESYSTEM, "storage: [filesystem]\n"), "storage: expected"),
    (BASE.replace("storage:\n", "storage:\n  inmemory: {}\n"), "storage.inmemory"),
    (BASE.replace(FILESYSTEM, "  s3: {region: x, bucket: y}\n"), "storage.s3"),
    (BASE.replace(ADDRESS, "5000"), "http.addr: expected"),
    (BASE.replace(ADDRESS, "127.0.0.1"), "http.addr: expected"),
    (BASE.replace(ADDRESS, "127.0.0.1:99999"), "http.addr: expected"),
    (BASE.replace(ADDRESS, "192.0.2.1:{port}"), "192.0.2.1"),
    (BASE.replace(f"http:\n  addr: {ADDRESS}\n", "http: x\n"), "http: expected a section"),
    (http("draintimeout: soon"), "http.draintimeout"),
    (http("draintimeout: ''"), "http.draintimeout"),
    (http("draintimeout: 5S"), "http.draintimeout"),
    (http("relativeurls: maybe"), "http.relativeurls"),
    (http("relativeurls: 1"), "http.relativeurls"),
    (http("net: udp"), "http.net"),
    (http("secret: [x]"), "http.secret"),
    (http("headers: x"), "http.headers"),
    (http("headers: [x]"), "http.headers"),
    (http("tls: {certificate: /none, key: /none}"), "/none"),
    (http("tls: {certificate: /none}"), "http.tls.key"),
    (http("tls: {clientcas: /x}"), "http.tls.clientcas"),
    (http("debug: x"), "http.debug"),
    (http("http2: {disabled: x}"), "http.http2.disabled"),
    (top("log: {level: loud}"), "log.level"),
    (top("log: {level: 5}"), "log.level"),
    (top("log: {formatter: xml}"), "log.formatter"),
    (top("log: {fields: x}"), "log.fields"),
    (top("log: {accesslog: {disabled: maybe}}"), "log.accesslog.disabled"),
    (top("log: {accesslog: true}"), "log.accesslog"),
    (top("log: debug"), "log: expected"),
    (top("loglevel: loud"), "loglevel"),
    (top("auth: x"), "auth: expected"),
    (top("auth: {htpasswd: }"), "auth.htpasswd"),
    (top("auth: {htpasswd: {realm: x}}"), "auth.htpasswd.path"),
    (top("auth: {silly: {realm: x}}"), "auth.silly"),
    (top("auth: {foo: {x: y}}"), "auth.foo"),
    (top("auth: {htpasswd: {realm: x, path: /y}, token: {realm: x}}"), "got both"),
    (top("auth: {token: {realm: x}}"), "auth.token"),
    (top("auth: {token: {realm: x, service: s, issuer: z, rootcertbundle: /none}}"), "/none"),
    (top("auth: {token: {realm: x, service: s, issuer: z, rootcertbundle: '{folder}/config.yml'}}"), "certificates"),
    (top("health: {storagedriver: {enabled: maybe}}"), "health.storagedriver.enabled"),
    (top("health: {storagedriver: {interval: x}}"), "health.storagedriver.interval"),
    (top("health: {storagedriver: {threshold: x}}"), "health.storagedriver.threshold"),
    (top("notifications: {endpoints: {name: x}}"), "notifications.endpoints"),
    (top("notifications: {endpoints: [{name: x, url: 'http://h', timeout: x}]}"), "timeout"),
    (top("notifications: {endpoints: [{name: x, url: 'http://h', threshold: x}]}"), "threshold"),
    (top("notifications: {events: {includereferences: x}}"), "notifications.events.includereferences"),
    (top("catalog: {maxentries: x}"), "catalog.maxentries"),
    (top("proxy: {remoteurl: 'http://127.0.0.1:1'}"), "proxy.remoteurl"),
    (storage("delete: true"), "storage.delete"),
    (storage("maintenance: {readonly: {enabled: x}}"), "storage.maintenance.readonly"),
    (storage("maintenance: {readonly: true}"), "storage.maintenance.readonly"),
    (storage("maintenance: {uploadpurging: x}"), "storage.maintenance.uploadpurging"),
    (storage("maintenance: {uploadpurging: {enabled: true, age: x, interval: 24h, dryrun: no}}"), "uploadpurging.age"),
    (storage("maintenance: {uploadpurging: {enabled: true, age: 1h, interval: 5, dryrun: no}}"), "purging.interval"),
    (driver("maxthreads: x"), "maxthreads"),
]
# Neither starts. (variable, value, what this server's error names)
REFUSED_VARIABLES = [
    ("STORAGE", "foo", "STORAGE"),
    ("STORAGE_DELETE", "true", "STORAGE_DELETE"),
    ("STORAGE_S3_BUCKET", "x", "STORAGE_S3_BUCKET"),
    ("STORAGE_INMEMORY", "", "STORAGE_INMEMORY"),
    ("STORAGE_FILESYTEM_ROOTDIRECTORY", "/x", "STORAGE_FILESYTEM_ROOTDIRECTORY"),
    ("HTTP", "x", "HTTP"),
    ("HTTP_ADDR", "nowhere", "http.addr"),
    ("HTTP_HEADERS", "x", "http.headers"),
    ("HTTP_RELATIVEURLS", "maybe", "HTTP_RELATIVEURLS"),
    ("HTTP_DRAINTIMEOUT", "x", "HTTP_DRAINTIMEOUT"),
    ("HTTP_TLS_CERTIFICATE", "/none", "http.tls"),
    ("LOG", "debug", "LOG"),
    ("LOG_LEVEL", "loud", "LOG_LEVEL"),
    ("AUTH", "htpasswd", "auth.htpasswd"),
    ("AUTH", "silly", "silly"),
    ("AUTH_HTPASSWD_REALM", "x", "auth.htpasswd.path"),
    ("AUTH_HTPASWD_PATH", "/x", "AUTH_HTPASWD_PATH"),
    ("AUTH_TOKEN_REALM", "x", "auth.token"),
    ("AUTH_FOO", "x", "AUTH_FOO"),
    ("PROXY_REMOTEURL", "http://127.0.0.1:1", "PROXY_REMOTEURL"),
    ("CATALOG_MAXENTRIES", "x", "CATALOG_MAXENTRIES"),
]

ALIKE, DIFFERENT = {}, {}  # name: (configuration, variables, what this server says or None: it starts, why)


def name_of(text, variables):
    """What there is of it that BASE has not, and the other way round."""
    missing, parts = BASE.splitlines(), []
    for line in text.splitlines():
        if line in missing:
            missing.remove(line)
        else:
            parts.append(line)
    parts += [f"without {line.strip()}" for line in missing]
    return "; ".join(parts + [f"{name}={value!r}" for name, value in variables.items()])


def add(rows, text, variables, says, why=None):
    name = name_of(text, variables)
    assert name not in ALIKE and name not in DIFFERENT, name
    rows[name] = text, variables, says, why


for _text, _says in REFUSED:
    add(ALIKE, _text, {}, _says)
for _name, _value, _says in REFUSED_VARIABLES:
    add(ALIKE, BASE, {_name: _value}, _says)


def different(why, text, says=None, **variables):
    """This server takes what the original does not, or the other way round."""
    add(DIFFERENT, text, variables, says, why)


UNKNOWN = "an unknown key is an error, not a setting that is not there without a word"
SERVICE = "what Kubernetes makes for a service called registry-auth or registry-storage stops nobody"
SAFER = "it is not open, or not encrypted, or nowhere else, where that was not meant"
NANOSECONDS = "nobody means nanoseconds"
MEANT = "what it says is clear"
ELSEWHERE = "the original comes to harm by it, if at all, when somebody needs it"
different(UNKNOWN, top("nonsense: 5"), "nonsense")
different(UNKNOWN, http("nonsense: 5"), "http.nonsense")
different(UNKNOWN, http("Secret: x"), "http.Secret")
different(UNKNOWN, driver("nonsense: 5"), "storage.filesystem.nonsense")
different(UNKNOWN, storage("maintenance: {nonsense: 5}"), "storage.maintenance.nonsense")
different(UNKNOWN, top("auth: {none: {}}"), "auth.none")
different("nothing can be repeated without end", top("x: &a {y: z}"), "anchors")
different("a second document is no mistake of no consequence", BASE + "---\nversion: 0.1\n", "document")
different("a directory that is not mounted is not made", BASE.replace("{root}", "{folder}/a/b"), "directory above")
for _line in ("prefix: x", "prefix: /x"):
    different("it would be no prefix of any path", http(_line), "http.prefix")
different("a header with a blank in its name is none", http("headers: {'X A': [b]}"), "http.headers")
different("a value cannot be two headers", http('headers: {X-A: ["b\\r\\nX: y"]}'), "http.headers")
different("a value that is alone is a list of one", http("headers: {X-A: b}"))
different("a value that is alone is a list of one", BASE, **{"HTTP_HEADERS_X-Foo": "a"})
different(MEANT, http("relativeurls: 'true'"))
different(MEANT, http("net: TCP"))
different(MEANT, top("log: {level: warning}"))
different(MEANT, top("log: {formatter: JSON}"))
different(MEANT, storage("maintenance: {readonly: {enabled: 'true'}}"))
different("what is not said of it is as by default", storage("maintenance: {uploadpurging: {enabled: true}}"))
different("an empty word is none of them", top("log: {formatter: ''}"), "log.formatter")
different("an http.host that is no URL is not used, whatever it is", http("host: '::'"))
different("there is no such socket here", http("net: unix"), "http.net")
different("it keeps nothing in memory", BASE.replace(FILESYSTEM, "  inmemory: {}\n"), "storage.inmemory")
different(NANOSECONDS, http("draintimeout: 5"), "http.draintimeout")
different(NANOSECONDS, top("health: {storagedriver: {interval: 5}}"), "health.storagedriver.interval")
different(NANOSECONDS, top("notifications: {endpoints: [{name: x, url: 'http://h', timeout: 5}]}"), "timeout")
different("there is no time below zero", http("draintimeout: -5s"), "http.draintimeout")
for _line in ("catalog: {maxentries: -5}", "catalog: {maxentries: 1.5}"):
    different("that is no number of entries", top(_line), "catalog.maxentries")
different("that is no number of failures", top("health: {storagedriver: {threshold: -1}}"), "threshold")
different("that is no number of threads", driver("maxthreads: -1"), "maxthreads")
different(SAFER, http("tls: {key: /none}"), "http.tls.key")
different(SAFER, http("tls: {clientcas: [/none]}"), "http.tls.clientcas")
different(SAFER, http("tls: {minimumtls: x}"), "http.tls.minimumtls")
different(SAFER, storage("delete: {enabled: maybe}"), "storage.delete.enabled")
different(SAFER, BASE, "DELETE_ENABLED", STORAGE_DELETE_ENABLED="maybe")
different("who runs it makes the file of users", top("auth: {htpasswd: {realm: x, path: '{folder}/none'}}"),
          "does not exist")
different(ELSEWHERE, top("auth: {htpasswd: {realm: x, path: '{folder}/config.yml'}}"), "name:hash")
different(ELSEWHERE, top("notifications: {endpoints: [{name: x}]}"), "url")
different(ELSEWHERE, top("notifications: {endpoints: [{name: x, url: nowhere}]}"), "url")
different(ELSEWHERE, top("notifications: {endpoints: [{name: x, url: 'http://g'}, {name: x, url: 'http://h'}]}"),
          "two of this name")
different("lists in variables take effect, in versions before 3, too", BASE, "no url",
          NOTIFICATIONS_ENDPOINTS_0_NAME="x")
different("a middleware that there is not is warned of, as any", top("middleware: {registry: [{name: x}]}"))
different("a cache is not needed here", storage("cache: {blobdescriptor: redis}"))
different("a cache is not needed here", BASE, STORAGE_CACHE_BLOBDESCRIPTOR="redis")
different("as version 3 of the original", storage("tag: {concurrencylimit: 5}"))
different("as it is meant: the original cannot set it like this", BASE, STORAGE_MAINTENANCE_READONLY_ENABLED="true")
different("as it is meant: the original cannot set it like this", BASE,
          STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED="false")
different("signatures of schema 1 are not made here", top("compatibility: {schema1: {signingkeyfile: /none}}"))
different(SERVICE, BASE, STORAGE_PORT="tcp://10.0.0.1:80")
different(SERVICE, BASE, STORAGE_SERVICE_HOST="10.0.0.1")
different(SERVICE, BASE, STORAGE_PORT_80_TCP_ADDR="10.0.0.1")
different(SERVICE, BASE, AUTH_PORT="tcp://10.0.0.1:80")
different(SERVICE, BASE, AUTH_SERVICE_HOST="10.0.0.1")


@pytest.fixture(scope="module")
def outcomes():
    """(name, program): its outcome. Some are begun at once: to start takes more waiting than work."""
    rows = [(name, program, *row[:2]) for name, row in {**ALIKE, **DIFFERENT}.items() for program in programs()]
    found = {}
    for begin in range(0, len(rows), AT_ONCE):
        part = rows[begin:begin + AT_ONCE]
        starts = [Start(program, text, variables) for _, program, text, variables in part]
        for (name, program, _, _), start in zip(part, starts):
            found[name, program] = start.outcome()
    return found


def programs():
    assert shutil.which(PROGRAM), f"{PROGRAM} is not installed"
    return PROGRAM, str(binary_path(asan=False))


def both(outcomes, name, says):
    """What the original and this server did; what this one says of an error is a line that tells which."""
    theirs, ours = (outcomes[name, program] for program in programs())
    if says is None:
        assert ours == "up"
    else:
        assert ours != "up" and says in ours.splitlines()[-1], ours
    return theirs, ours


@pytest.mark.parametrize("name", ALIKE)
def test_neither_starts(outcomes, name):
    theirs, ours = both(outcomes, name, ALIKE[name][2])
    assert "up" not in (theirs, ours)


@pytest.mark.parametrize("name", DIFFERENT)
def test_one_starts(outcomes, name):
    theirs, ours = both(outcomes, name, DIFFERENT[name][2])
    assert (theirs == "up") != (ours == "up"), theirs
