# SPDX-License-Identifier: Apache-2.0
"""The image: its size, its files, and the ways in which people run it."""

import json
import secrets
import time

import pytest

from harness import hardened
from harness.content import sha256
from harness.push import ALL_MANIFESTS, push_blob, push_image, start_upload
from harness.waiting import wait_until
from harness.wire import Client, Closed

LARGEST = 10 << 20
IDLE_KIB = 6 << 10
KILL_AFTER = 10  # seconds that `docker stop` waits before it kills
AT_ONCE = 3
CONFIG_PATHS = ("/etc/docker/registry/config.yml", "/etc/distribution/config.yml")
CONFIG = """version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :{port}
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""


class Container:
    """One that runs the image; published on a port of localhost that the engine picks."""

    def __init__(self, engine, image, *options, arguments=(), port=5000, volume=None):
        self.engine = engine
        self.name = "r" + secrets.token_hex(6)
        self.volume = volume or self.name
        self.inner = port
        engine.run(["docker", "run", "--detach", "--name", self.name, "--publish", f"127.0.0.1::{port}",
                    "--volume", f"{self.volume}:/var/lib/registry", *options, image, *arguments])
        self.ready()

    def ready(self):
        wait_until(lambda: not self.running() or self._answers(), "the registry in its container")
        assert self.running(), self.logs()
        return self.client()

    def _answers(self):
        try:
            return self.client().get("/v2/").status == 200
        except (OSError, Closed):
            return False

    def client(self):
        published = self.engine.out(["docker", "port", self.name, f"{self.inner}/tcp"]).splitlines()[0]
        return Client(int(published.rpartition(":")[2]), {"Accept": ALL_MANIFESTS})

    def inspect(self, template):
        return self.engine.out(["docker", "inspect", "--format", template, self.name])

    def running(self):
        return self.inspect("{{.State.Running}}") == "true"

    def logs(self):
        logs = self.engine.run(["docker", "logs", self.name])
        return logs.stdout + logs.stderr

    def execute(self, *words, **options):
        return self.engine.run(["docker", "exec", self.name, *words], **options)

    def stop(self):
        """Returns how long it took; it must have ended by itself, and well."""
        started = time.monotonic()
        self.engine.run(["docker", "stop", self.name])
        took = time.monotonic() - started
        assert self.inspect("{{.State.ExitCode}}") == "0", self.logs()
        return took

    def remove(self):
        self.engine.run(["docker", "rm", "--force", "--volumes", self.name], check=False)
        self.engine.run(["docker", "volume", "rm", "--force", self.volume], check=False)


@pytest.fixture
def run(docker, registry_image):
    """run(options of `docker run`, …) gives a container that answers."""
    containers = []

    def start(*options, image=registry_image, **more):
        containers.append(Container(docker, image, *options, **more))
        return containers[-1]

    yield start
    for container in containers:
        container.remove()


def in_image(docker, image, *words, entrypoint=None, check=True):
    chosen = ["--entrypoint", entrypoint] if entrypoint else []
    return docker.run(["docker", "run", "--rm", *chosen, image, *words], check=check)


# what is in it

@pytest.mark.parametrize("image", ["registry", "registry:slim"])
def test_size(docker, slim_image, image):
    size = int(docker.out(["docker", "image", "inspect", "--format", "{{.Size}}", image]))
    assert size <= LARGEST, f"{image} has {size} bytes"


@pytest.mark.parametrize("image", ["registry", "registry:slim"])
def test_settings(docker, slim_image, image):
    settings = json.loads(docker.out(["docker", "image", "inspect", "--format", "{{json .Config}}", image]))
    assert settings["ExposedPorts"] == {"5000/tcp": {}}
    assert settings["Volumes"] == {"/var/lib/registry": {}}
    assert settings.get("WorkingDir", "") in ("", "/")
    assert settings.get("User", "") in ("", "root", "0", "0:0")
    assert settings["Entrypoint"] == ["/entrypoint.sh"] or image == "registry:slim"


def test_files(docker, registry_image):
    script = " && ".join(["test -x /bin/registry", "test -x /entrypoint.sh", "test -d /var/lib/registry",
                          "test -s /etc/ssl/certs/ca-certificates.crt", "test $PWD = /", "which wget",
                          *(f"test -s {path}" for path in CONFIG_PATHS)])
    in_image(docker, registry_image, "-c", script, entrypoint="/bin/sh")


def test_its_binary_is_hardened(docker, registry_image, scratch):
    name = docker.run(["docker", "create", registry_image]).stdout.strip()
    docker.run(["docker", "cp", f"{name}:/bin/registry", scratch / "registry"])
    docker.run(["docker", "rm", name])
    hardened.check(scratch / "registry")


@pytest.mark.parametrize("arguments", [["--version"], ["/bin/registry", "--version"], ["registry", "--version"]],
                         ids=" ".join)
def test_entrypoint_runs_the_binary(docker, registry_image, arguments):
    assert "registry" in in_image(docker, registry_image, *arguments).stdout


def test_entrypoint_gives_a_shell(docker, registry_image):
    assert in_image(docker, registry_image, "sh", "-c", "true").returncode == 0


def test_slim_has_no_shell(docker, slim_image):
    for shell in ("/bin/sh", "/bin/busybox"):
        assert in_image(docker, slim_image, "-c", "true", entrypoint=shell, check=False).returncode == 127


# how it is run

def check_serves(client, name="some/repo"):
    image = push_image(client, name, "latest")
    assert client.get(f"/v2/{name}/manifests/latest").body == image.manifest
    assert client.get(f"/v2/{name}/blobs/{sha256(image.layers[0])}").body == image.layers[0]
    return image


@pytest.mark.parametrize("options", [
    [],
    ["--user", "1234:1234"],
    ["--user", "4321"],
    ["--read-only"],
    ["--read-only", "--user", "1234:1234"],
    ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
], ids=" ".join)
def test_ways_of_running(run, options):
    container = run(*options)
    check_serves(container.client())
    assert container.stop() < AT_ONCE


def test_slim(run, slim_image):
    container = run("--read-only", "--user", "1234:1234", image=slim_image)
    check_serves(container.client())
    assert "registry" in container.execute("bin/registry", "--version").stdout
    assert container.stop() < AT_ONCE


@pytest.fixture
def settings_file(scratch):
    """A configuration that is not the image's own: port 5555."""
    scratch.chmod(0o755)
    file = scratch / "settings.yml"
    file.write_text(CONFIG.format(port=5555))
    return file


@pytest.mark.parametrize("path", CONFIG_PATHS)
@pytest.mark.parametrize("image", ["registry", "registry:slim"])
def test_configuration_file(run, settings_file, slim_image, path, image):
    """Wherever it is mounted, it is read."""
    container = run("--volume", f"{settings_file}:{path}:ro", image=image, port=5555)
    check_serves(container.client())


@pytest.mark.parametrize("arguments, port", [
    (["/etc/docker/registry/config.yml"], 5000),
    (["/etc/distribution/config.yml"], 5000),
    (["serve", "/etc/docker/registry/config.yml"], 5000),
    (["serve", "/etc/distribution/config.yml"], 5000),
    (["/my/settings.yml"], 5555),
    (["serve", "/my/settings.yml"], 5555),
], ids=str)
def test_arguments(run, settings_file, arguments, port):
    container = run("--volume", f"{settings_file}:/my/settings.yml:ro", arguments=arguments, port=port)
    check_serves(container.client())


def test_health_checks_of_compose_files(run):
    container = run()
    assert container.execute("sh", "-c", "wget -q -O- http://localhost:5000/v2/").stdout == "{}"
    container.execute("wget", "--spider", "-q", "http://localhost:5000/v2/")
    container.execute("sh", "-c", "wget --no-verbose --tries=1 --spider http://localhost:5000/ || exit 1")
    assert container.execute("wget", "-q", "-O-", "http://127.0.0.1:5000/none", check=False).returncode != 0


def test_binary_from_the_working_directory(run):
    assert "registry" in run().execute("bin/registry", "--version").stdout


def test_first_process_is_the_registry(run):
    """Signals reach it; no shell stands in between."""
    assert run().execute("cat", "/proc/1/comm").stdout.strip() == "registry"


def test_environment(run, body):
    container = run("--env", "REGISTRY_HTTP_ADDR=:5001", "--env", "REGISTRY_STORAGE_DELETE_ENABLED=true",
                    "--env", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/var/lib/registry/below", port=5001)
    client = container.client()
    digest = push_blob(client, "some/repo", bytes(body(1000)))
    assert client.delete(f"/v2/some/repo/blobs/{digest}").status == 202
    container.execute("test", "-d", "/var/lib/registry/below/docker/registry/v2")


def test_idle_memory(run):
    status = dict(line.split(":", 1) for line in run().execute("cat", "/proc/1/status").stdout.splitlines())
    assert int(status["VmHWM"].split()[0]) < IDLE_KIB


def test_notifications(run, body):
    """With the libcurl that is linked into it. Who is told is the server itself, which refuses."""
    endpoints = [{"name": "self", "url": "http://localhost:5000/elsewhere"}]
    container = run("--env", f"REGISTRY_NOTIFICATIONS_ENDPOINTS={json.dumps(endpoints)}")
    push_blob(container.client(), "some/repo", bytes(body(1000)))
    wait_until(lambda: "notifications: self: answered with 404" in container.logs(), "the refusal in the log")


# how it ends

def test_stop_while_transfers_are_in_progress(run, body):
    container = run()
    client = container.client()
    data = bytes(body(32 << 20))
    digest = push_blob(client, "some/repo", data)
    with client.wire() as upload, client.wire(receive_buffer=4096) as download, client.wire() as idle:
        upload.send_head("PATCH", client.path(start_upload(client, "some/repo")), {"Transfer-Encoding": "chunked"})
        upload.send_chunk(data[:100_000])
        download.send_head("GET", f"/v2/some/repo/blobs/{digest}")
        assert download.read_head().status == 200
        idle.send_head("GET", "/v2/")
        assert idle.read().status == 200
        assert container.stop() < KILL_AFTER - 0.5  # it drains for 8


def test_restart_keeps_everything(docker, run):
    container = run()
    image = check_serves(container.client())
    docker.run(["docker", "restart", container.name])
    client = container.ready()
    assert client.get("/v2/_catalog").json() == {"repositories": ["some/repo"]}
    assert client.get("/v2/some/repo/manifests/latest").body == image.manifest
    assert client.get(f"/v2/some/repo/blobs/{sha256(image.layers[0])}").body == image.layers[0]


def test_volume_goes_to_another_container(docker, run):
    first = run()
    image = check_serves(first.client())
    first.stop()
    docker.run(["docker", "rm", first.name])
    second = run(volume=first.volume)
    answer = second.client().get("/v2/some/repo/manifests/latest")
    assert answer.body == image.manifest


def test_killed_and_started_again(docker, run):
    """What was answered 201 is there."""
    container = run()
    image = check_serves(container.client())
    docker.run(["docker", "kill", container.name])
    docker.run(["docker", "start", container.name])
    client = container.ready()
    assert client.get("/v2/some/repo/manifests/latest").body == image.manifest
