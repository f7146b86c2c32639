# SPDX-License-Identifier: Apache-2.0
"""A docker engine of our own: own data, own socket, own bridge; nothing of it is left on the machine.

It does not touch the firewall (no iptables, no masquerading): ports are published on localhost by its userland
proxy, and a build that needs the network says `--network host`.
"""

import http.client
import json
import os
import secrets
import socket
import subprocess

from . import leftovers, process
from .archive import write_tar
from .waiting import wait_until


class _Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class _Bridge:
    """A network interface that no other engine uses."""

    def __init__(self):
        taken = process.run(["ip", "-4", "-o", "addr"]).stdout + process.run(["ip", "-4", "route"]).stdout
        free = [i for i in range(16, 240) if f"172.31.{i}." not in taken]
        self.name = "rt" + secrets.token_hex(4)
        self.address = f"172.31.{secrets.choice(free)}.1/24"
        process.run(["ip", "link", "add", "name", self.name, "type", "bridge"])
        leftovers.remember(self.remove)
        try:
            process.run(["ip", "addr", "add", self.address, "dev", self.name])
            process.run(["ip", "link", "set", self.name, "up"])
        except BaseException:
            self.remove()
            raise

    def remove(self):
        process.run(["ip", "link", "delete", self.name], check=False)
        leftovers.forget(self.remove)


def _root_is_mount_point():
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return any(line.split()[4] == "/" for line in table)


class Engine:
    """`folder` is its own; the path of the socket in it must be short."""

    def __init__(self, folder, trusts=None):
        self.folder = folder
        self.trusts = trusts  # a file with the CAs that it trusts, instead of the machine's
        self.socket = f"{folder}/s"
        self.bridge = None
        self.process = None
        self.log = folder / "log"
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{self.socket}",
                            "DOCKER_CONFIG": str(folder / "client"), "HOME": str(folder / "home")}
        for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION", "DOCKER_DEFAULT_PLATFORM"):
            self.environment.pop(name, None)

    def start(self):
        for name in ("client", "home"):
            (self.folder / name).mkdir()
        self.bridge = _Bridge()
        settings = dict(os.environ)
        if not _root_is_mount_point():
            settings["DOCKER_RAMDISK"] = "1"  # in a chroot pivot_root fails
        if self.trusts:
            settings["SSL_CERT_FILE"] = str(self.trusts)
        command = ["dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec",
                   "--pidfile", f"{self.folder}/pid", "--host", f"unix://{self.socket}",
                   "--config-file", f"{self.folder}/none.json", "--bridge", self.bridge.name,
                   "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]
        (self.folder / "none.json").write_text("{}")
        with open(self.log, "wb") as log:
            self.process = process.start(command, stdout=log, stderr=log, env=settings)
        wait_until(lambda: self.process.poll() is not None or self._answers(), "the docker engine", timeout=60)
        assert self.process.poll() is None, f"dockerd ended:\n{self.log.read_text(errors='replace')[-4000:]}"
        self._agree_on_version()
        return self

    @property
    def address(self):
        """Of the machine on the engine's network: not one that it trusts blindly, as it does 127.0.0.1."""
        return self.bridge.address.split("/")[0]

    def _get(self, path):
        connection = _Unix(self.socket)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _answers(self):
        try:
            return self._get("/_ping")[0] == 200
        except OSError:
            return False

    def _agree_on_version(self):
        """A client much newer than the engine has to be told to speak its language."""
        spoken = json.loads(self._get("/version")[1])["ApiVersion"]
        if self.run("docker version", check=False).returncode != 0:
            self.environment["DOCKER_API_VERSION"] = spoken

    def stop(self):
        try:
            if self.process is not None:
                self._end()
        finally:
            if self.bridge is not None:
                self.bridge.remove()
                self.bridge = None

    def _end(self):
        ended, self.process = self.process, None
        process.end(ended, patience=60)
        # what the engine started is in the session that it leads, or says in its arguments where it lives
        wait_until(lambda: not self._left(ended.pid), "the engine's processes to end", timeout=30)

    def _left(self, session):
        left = process.session_members(session)
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                try:
                    with open(f"{entry.path}/cmdline", "rb") as line:
                        if str(self.folder).encode() in line.read():
                            left.append(int(entry.name))
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return left

    # using it

    def run(self, command, **options):
        """A command line, as one types it; or a list."""
        return process.run(command, env=self.environment, **options)

    def out(self, command, **options):
        return self.run(command, **options).stdout.strip()

    def image_id(self, name):
        return self.out(["docker", "image", "inspect", "--format", "{{.Id}}", name])

    def import_files(self, files, name):
        """An image of one layer, streamed: {name: body}."""
        with subprocess.Popen(["docker", "import", "-", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env=self.environment) as importing:
            write_tar(importing.stdin, files)
            importing.stdin.close()
            assert importing.wait(timeout=300) == 0
        return self.image_id(name)

    def run_all(self, commands, **options):
        return process.run_all(commands, env=self.environment, **options)

    def empty(self):
        """Forgets all images (and containers), so that nothing is left to be reused."""
        containers = self.out("docker ps --all --quiet").split()
        if containers:
            self.run(["docker", "rm", "--force", *containers])
        images = self.out("docker images --all --quiet").split()
        if images:
            self.run(["docker", "image", "rm", "--force", *sorted(set(images))], check=False)
        self.run("docker image prune --all --force")
        self.run("docker volume prune --force")
        assert not self.out("docker images --all --quiet")
