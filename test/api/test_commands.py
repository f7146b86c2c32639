# SPDX-License-Identifier: Apache-2.0
"""The words of the command line beside serve and garbage-collect: check-config, htpasswd, healthcheck."""

import ctypes
import os
import pathlib
import pty
import re
import socket
import threading

import pytest

from harness import process
from harness.server import binary_path
from harness.tls import Authority

LINE = re.compile(r"(?P<key>[\w.-]+) = (?P<value>.*?)  ; (?P<source>.+)")


def registry(*words, check=True, given=b"", **environment):
    """Runs it with the REGISTRY_ variables of the test alone; `given` is its standard input."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    reading, writing = os.pipe()
    os.write(writing, given)
    os.close(writing)
    with os.fdopen(reading) as stdin:
        return process.run([str(binary_path(asan=True)), *map(str, words)], check=check, stdin=stdin,
                           env={**inherited, **environment})


def effective(output):
    """key -> (value, source); a key that is there several times has its values joined by commas."""
    found = {}
    for line in output.splitlines():
        match = LINE.fullmatch(line)
        assert match, f"not a line of key = value  ; source: {line!r}"
        before = found.get(match["key"])
        value = f"{before[0]},{match['value']}" if before else match["value"]
        found[match["key"]] = (value, match["source"])
    return found


# check-config


def test_each_value_and_where_it_comes_from(scratch):
    file = scratch / "config.yml"
    file.write_text("version: 0.1\nhttp:\n  addr: :5555\n  secret: hush\nlog: {level: debug}\n", encoding="utf-8")
    done = registry("check-config", "--log.level=error", file, "--gc.interval", "24h",
                    REGISTRY_TAGS_MAXTAGS="5", REGISTRY_WHATEVER="x")
    values = effective(done.stdout)
    assert values["http.addr"] == (":5555", f"{file}:3")
    assert values["http.secret"] == ("***", f"{file}:4")
    assert values["log.level"] == ("error", "flag")
    assert values["gc.interval"] == ("24h", "flag")
    assert values["tags.maxtags"] == ("5", "REGISTRY_TAGS_MAXTAGS")
    assert values["catalog.maxentries"] == ("1000", "default")
    assert done.stderr == "warning: REGISTRY_WHATEVER: unknown variable, ignored\n"


def test_the_file_of_the_environment(scratch):
    file = scratch / "config.yml"
    file.write_text("version: 0.1\nhttp: {addr: ':1'}\n", encoding="utf-8")
    values = effective(registry("check-config", REGISTRY_CONFIGURATION_PATH=str(file)).stdout)
    assert values["http.addr"] == (":1", f"{file}:2")
    assert effective(registry("check-config").stdout)["http.addr"] == (":5000", "default")


@pytest.mark.parametrize("name, text, wanted", [
    ("c.yml", "version: 0.1\nhttp:\n  adr: x\n", ":3: http.adr: unknown option"),
    ("c.yml", "version: 0.1\nlog:\n  accesslog:\n    enabled: true\n", ":4: log.accesslog.enabled: unknown option"),
    ("c.yml", "version: 0.1\nhttp:\n  draintimeout: soon\n", ":3: http.draintimeout: expected a duration"),
    ("c.yml", "version: 0.2\n", ':1: unsupported version: "0.2"'),
    ("c.yml", "http: [\n", ":"),
    ("c.ini", "[http]\nadr = x\n", ":2: http.adr: unknown option"),
    ("c.ini", "[storage.delete]\nenabled = perhaps\n", ":2: storage.delete.enabled: expected true or false"),
    ("c.ini", "[http]\nprefix = x\n", "http.prefix: a path that begins and ends with a slash"),
])
def test_errors_have_their_place(scratch, name, text, wanted):
    file = scratch / name
    file.write_text(text, encoding="utf-8")
    done = registry("check-config", file, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert wanted in done.stderr and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"{file}:") or wanted.startswith("http.prefix")


@pytest.mark.parametrize("words, variables, wanted", [
    (["--tags.maxtags=x"], {}, '--tags.maxtags: expected a whole number, got "x"'),
    (["--no.such=x"], {}, "--no.such: unknown option"),
    ([], {"REGISTRY_TAGS_MAXTAGS": "x"}, 'REGISTRY_TAGS_MAXTAGS: expected a whole number, got "x"'),
    ([], {"REGISTRY_HTTP": "{adr: x}"}, "REGISTRY_HTTP: http.adr: unknown option"),
    (["/nowhere/c.yml"], {}, "/nowhere/c.yml: cannot open it: No such file or directory"),
])
def test_errors_of_the_other_sources(words, variables, wanted):
    done = registry("check-config", *words, check=False, **variables)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", wanted + "\n")


# files that people have

V2 = """\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""
V3 = """\
version: 0.1
log:
  level: debug
  fields:
    service: registry
    environment: development
storage:
  delete:
    enabled: true
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
  tag:
    concurrencylimit: 5
http:
  addr: :5000
  debug:
    addr: :5001
    prometheus:
      enabled: true
      path: /metrics
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""
CORS = """\
version: 0.1
storage:
  filesystem: {rootdirectory: /data, maxthreads: "100"}
  delete: {enabled: yes}
  maintenance:
    uploadpurging: {enabled: true, age: 48h, interval: 12h, dryrun: false}
    readonly: {enabled: false}
http:
  addr: 0.0.0.0:5000
  host: https://hub.example.org
  secret: asecretforlocaldevelopment
  draintimeout: 60s
  http2: {disabled: true}
  headers:
    Access-Control-Allow-Origin: ['http://ui.example.org']
    Access-Control-Allow-Methods: [HEAD, GET, OPTIONS, DELETE]
    Access-Control-Expose-Headers: [Docker-Content-Digest]
catalog: {maxentries: 5000}
validation: {disabled: true}
"""
TLS = """\
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http:
  addr: :443
  tls:
    certificate: CERTIFICATE
    key: KEY
    clientcas: [AUTHORITY, AUTHORITY]
    minimumtls: tls1.3
    ciphersuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
"""
NOTIFICATIONS = """\
version: 0.1
log: {accesslog: {disabled: true}, level: info, formatter: json}
storage: {filesystem: {rootdirectory: /var/lib/registry}, cache: {blobdescriptor: redis}}
redis: {addr: 'redis:6379', password: hunter2, pool: {maxidle: 16}}
notifications:
  events: {includereferences: true}
  endpoints:
    - name: ci
      url: https://ci.example.org/hook
      headers: {Authorization: [Bearer hunter2]}
      timeout: 500ms
      threshold: 5
      backoff: 1s
      ignoredmediatypes: [application/octet-stream]
"""
HTPASSWD = """\
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}, delete: {enabled: true}}
auth:
  htpasswd:
    realm: Registry Realm
    path: FILE
"""
TOKEN = """\
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
auth:
  token:
    realm: https://auth.example.org/token
    service: registry.example.org
    issuer: auth.example.org
    rootcertbundle: FILE
"""
# name, text, values that are in effect
FILES = [
    ("registry 2", V2, {"http.addr": ":5000", "storage.filesystem.rootdirectory": "/var/lib/registry",
                        "storage.delete.enabled": "false", "log.level": "info",
                        "http.headers.X-Content-Type-Options": "nosniff"}),
    ("registry 3", V3, {"http.debug.addr": ":5001", "http.debug.prometheus.enabled": "true", "log.level": "debug",
                        "storage.delete.enabled": "true", "http.debug.prometheus.path": "/metrics"}),
    ("a user interface", CORS, {"http.addr": "0.0.0.0:5000", "http.host": "https://hub.example.org",
                                "http.draintimeout": "1m", "storage.delete.enabled": "true",
                                "storage.maintenance.uploadpurging.age": "48h", "catalog.maxentries": "5000",
                                "storage.filesystem.rootdirectory": "/data", "http.secret": "***",
                                "http.headers.Access-Control-Allow-Origin": "http://ui.example.org",
                                "http.headers.Access-Control-Allow-Methods": "HEAD,GET,OPTIONS,DELETE"}),
    ("notifications", NOTIFICATIONS, {"log.formatter": "json", "log.accesslog.disabled": "true"}),
]


def leaves(text):
    """The keys of a file's values, by its indentation; what stands in braces belongs to the key before."""
    path = []
    for line in text.splitlines()[1:]:
        indent, name = re.match(r"([ -]*)(\S+?):(?: |$)", line).groups()
        path = [(depth, part) for depth, part in path if depth < len(indent)] + [(len(indent), name)]
        if not line.endswith(":"):
            yield ".".join(part for _, part in path)


@pytest.mark.parametrize("text, wanted", [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_files_that_people_have(scratch, text, wanted):
    """What they say is in effect, or is named in a warning: nothing is ignored in silence, no secret is told."""
    file = scratch / "config.yml"
    file.write_text(text, encoding="utf-8")
    done = registry("check-config", file)
    values = effective(done.stdout)
    assert {key: values[key][0] for key in wanted} == wanted
    told = {re.sub(r"\.\d+\b", "", key) for key, (_, source) in values.items() if source.startswith(f"{file}:")}
    told |= set(re.findall(rf"^warning: {re.escape(str(file))}:\d+: ([\w.]+):", done.stderr, re.M))
    for leaf in leaves(text):
        assert any(f"{leaf}.".startswith(f"{key}.") or key.startswith(f"{leaf}.") for key in told), leaf
    assert "hunter2" not in done.stdout + done.stderr
    assert "asecret" not in done.stdout + done.stderr


def test_a_file_with_tls(scratch):
    authority = Authority(scratch)
    certificate = authority.issue("domain")
    file = scratch / "config.yml"
    text = TLS.replace("AUTHORITY", str(authority.file)).replace("KEY", str(certificate.key))
    file.write_text(text.replace("CERTIFICATE", str(certificate.certificate)), encoding="utf-8")
    values = effective(registry("check-config", file).stdout)
    assert values["http.tls.certificate"] == (str(certificate.certificate), f"{file}:6")
    assert values["http.tls.key"] == (str(certificate.key), f"{file}:7")
    assert values["http.tls.clientcas"] == (f"{authority.file},{authority.file}", f"{file}:8")
    assert values["http.tls.minimumtls"] == ("tls1.3", f"{file}:9")
    pathlib.Path(certificate.key).unlink()
    done = registry("check-config", file, check=False)
    assert (done.returncode, done.stdout) == (1, "") and str(certificate.key) in done.stderr


@pytest.mark.parametrize("kind, text", [("htpasswd", HTPASSWD), ("token", TOKEN)])
def test_a_file_with_access_control(scratch, kind, text):
    """The file that it names has to be there: without it, nobody could say who may do what."""
    file, users = scratch / "config.yml", scratch / "users"
    file.write_text(text.replace("FILE", str(users)), encoding="utf-8")
    done = registry("check-config", file, check=False)
    assert (done.returncode, done.stdout) == (1, "") and str(users) in done.stderr
    if kind == "htpasswd":
        users.write_text(registry("htpasswd", "--cost=4", "joe", given=b"hush\n").stdout, encoding="utf-8")
    else:
        users.write_bytes(Authority(scratch).file.read_bytes())
    done = registry("check-config", file)
    values = effective(done.stdout)
    for leaf in leaves(text):
        if leaf.startswith("auth."):
            line = next(n for n, each in enumerate(text.splitlines(), 1) if f"    {leaf.split('.')[-1]}: " in each)
            assert values[leaf] == (re.search(rf"{leaf.split('.')[-1]}: (.*)", text)[1].replace("FILE", str(users)),
                                    f"{file}:{line}")
    assert done.stderr == ""


@pytest.mark.parametrize("text, wanted", [
    ("proxy: {remoteurl: 'https://registry-1.docker.io', username: joe, password: hunter2}", "proxy.remoteurl"),
    ("storage: {s3: {region: eu, bucket: b, secretkey: hunter2}}", "storage.s3"),
    ("storage: {inmemory: {}}", "storage.inmemory"),
])
def test_files_that_cannot_be_served_say_why(scratch, text, wanted):
    file = scratch / "config.yml"
    file.write_text(f"version: 0.1\n{text}\n", encoding="utf-8")
    done = registry("check-config", file, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{file}:2: {wanted}: ") and "hunter2" not in done.stderr


# htpasswd


def crypt(password, hashed):
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password, hashed.encode()).decode()


@pytest.mark.parametrize("given, password, words, cost", [
    (b"secret\n", b"secret", [], "10"),
    (b"secret\r\nmore\n", b"secret", [], "10"),
    (b"no end", b"no end", ["--cost", "4"], "04"),
    ("pässwörd:\n".encode(), "pässwörd:".encode(), ["--cost=5"], "05"),
    (b"x" * 72 + b"\n", b"x" * 72, ["--cost=4"], "04"),
])
def test_a_line_for_htpasswd(given, password, words, cost):
    done = registry("htpasswd", *words, "joe", given=given)
    user, hashed = done.stdout.rstrip("\n").split(":")
    assert user == "joe"
    assert re.fullmatch(rf"\$2y\${cost}\$[./A-Za-z0-9]{{53}}", hashed)
    assert crypt(password, hashed) == hashed
    assert crypt(password[1:], hashed) != hashed
    assert done.stderr == ""


@pytest.mark.parametrize("user, given, wanted", [
    ("a:b", b"secret\n", "no colon"), ("", b"secret\n", "empty"), ("a\nb", b"secret\n", "control"),
    ("joe", b"", "no password"), ("joe", b"\n", "is empty"), ("joe", b"x" * 73 + b"\n", "72 bytes"),
    ("joe", b"x" * 500 + b"\n", "72 bytes"), ("joe", b"a\0b\n", "NUL"),
])
def test_what_makes_no_line(user, given, wanted):
    done = registry("htpasswd", "--cost=4", user, given=given, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert wanted in done.stderr


def on_a_terminal(*answers):
    """Types each answer when it is asked for; what the terminal showed, and how it ended."""
    command = str(binary_path(asan=True))
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command, [command, "htpasswd", "--cost=4", "joe"])
    shown, left = b"", list(answers)
    while True:
        try:
            piece = os.read(terminal, 1000)
        except OSError:
            piece = b""
        if not piece:
            break
        shown += piece
        if shown.endswith(b": ") and left:
            os.write(terminal, left.pop(0))
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_terminal_is_asked_twice_and_shows_nothing():
    shown, status = on_a_terminal(b"hush hush\n", b"hush hush\n")
    assert status == 0 and "hush" not in shown
    assert re.search(r"^joe:(\$2y\$04\$.{53})\r?$", shown, re.M)


def test_a_terminal_with_two_answers():
    shown, status = on_a_terminal(b"hush\n", b"hash\n")
    assert status == 1 and "not the same" in shown and "$2y$" not in shown


def test_a_terminal_is_interrupted():
    shown, status = on_a_terminal(b"\x03")
    assert status == 1 and "no password" in shown


# healthcheck


def health(server, *words):
    return registry("healthcheck", f"--http.addr={server}", *words, check=False)


def test_a_server_that_is_there(server):
    assert health(server.host).returncode == 0
    assert health(f":{server.port}").returncode == 0
    assert health(f"0.0.0.0:{server.port}").returncode == 0
    assert health(server.host, "--http.prefix=/x/").returncode == 0


def test_a_server_that_is_not():
    done = health(f"127.0.0.1:{process.free_port()}")
    assert done.returncode == 1 and "refused" in done.stderr
    assert health("127.0.0.1:0").returncode == 1
    assert health("").returncode == 1


@pytest.fixture
def impostor():
    """impostor(answer) listens, takes one connection and answers that; None: nothing at all."""
    sockets, threads = [], []

    def answer_one(listening, answer):
        connection = listening.accept()[0]
        sockets.append(connection)
        if answer is not None:
            connection.recv(1000)
            connection.sendall(answer)
            connection.close()

    def make(answer):
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)
        threads.append(threading.Thread(target=answer_one, args=(listening, answer)))
        threads[-1].start()
        return f"127.0.0.1:{listening.getsockname()[1]}"

    yield make
    for thread in threads:
        thread.join(10)
    for each in sockets:
        each.close()


@pytest.mark.parametrize("answer, status", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0), (b"HTTP/1.1 401 Unauthorized\r\n\r\n", 0),
    (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 1), (b"", 1), (b"HTT", 1), (None, 1),
])
def test_what_else_may_answer(impostor, answer, status):
    assert health(impostor(answer)).returncode == status


def test_tls_has_only_to_take_the_connection(impostor):
    assert health(impostor(b""), "--http.tls.certificate=/x").returncode == 0
