# SPDX-License-Identifier: Apache-2.0
"""docker, podman and skopeo as one: log in, push, pull, over TLS. What they call gives the ended process, with its
words, whether it went well or not."""

import json
import shutil

from . import images


class Docker:
    """The engine trusts a CA of the test's. It takes any certificate on 127.0.0.1, so it is used on another
    address of this machine."""

    def __init__(self, engine, folder):
        self.engine, self.folder = engine, folder
        self.address = engine.address
        self.image = None

    def prepare(self, bodies):
        """An image with a layer for each, to be pushed."""
        images.build(self.engine, self.folder, "made:one", bodies, base="scratch")
        self.image = self.engine.image_id("made:one")

    def _run(self, *words):
        return self.engine.run(["docker", *words], check=False)

    def login(self, registry, user, password):
        return self._run("login", "-u", user, "-p", password, registry)

    def logout(self, registry):
        return self._run("logout", registry)

    def push(self, name):
        self.engine.run(["docker", "tag", self.image, name])
        return self._run("push", name)

    def forget(self):
        """So that what is pulled after this has to come from the registry."""
        self.engine.empty()

    def pull(self, name):
        return self._run("pull", name)

    def check(self, name):
        """What was pulled is what was prepared."""
        assert self.engine.image_id(name) == self.image


class _Containers:
    """What podman and skopeo have in common. `trusts` is the file of a CA."""

    address = "127.0.0.1"
    program = None

    def __init__(self, tools, layout, trusts):
        self.tools, self.layout = tools, layout
        self.certificates = tools.folder / "certificates"
        self.certificates.mkdir()
        shutil.copy(trusts, self.certificates / "ca.crt")
        self.image = None

    def show(self, certificate):
        """From now on, to whoever asks for one."""
        shutil.copy(certificate.certificate, self.certificates / "client.cert")
        shutil.copy(certificate.key, self.certificates / "client.key")

    def login(self, registry, user, password):
        return self._run("login", "--cert-dir", self.certificates, "-u", user, "-p", password, registry)

    def logout(self, registry):
        return self._run("logout", registry)


class Skopeo(_Containers):
    def _run(self, *words):
        return self.tools.run(self.tools.skopeo_command(*words), check=False)

    def prepare(self, bodies):
        self.image = self.layout.image("one", bodies)

    def push(self, name):
        return self._run("copy", "--dest-cert-dir", self.certificates, f"oci:{self.layout.folder}:one",
                         f"docker://{name}")

    def forget(self):
        shutil.rmtree(self._back, ignore_errors=True)

    @property
    def _back(self):
        return self.tools.folder / "back"

    def pull(self, name):
        return self._run("copy", "--src-cert-dir", self.certificates, f"docker://{name}", f"dir:{self._back}")

    def check(self, _):
        manifest = self.layout.read(self.image)
        assert json.loads((self._back / "manifest.json").read_bytes()) == manifest
        for entry in [manifest["config"], *manifest["layers"]]:
            name = entry["digest"][7:]
            assert (self._back / name).read_bytes() == (self.layout.folder / "blobs/sha256" / name).read_bytes()


class Podman(_Containers):
    def _run(self, *words):
        policy = ["--signature-policy", self.tools.policy] if words[0] in ("pull", "push") else []
        return self.tools.run(self.tools.podman_command(words[0], *policy, *words[1:]), check=False)

    def prepare(self, bodies):
        self.layout.image("one", bodies)
        made = self._run("pull", "--quiet", f"oci:{self.layout.folder}:one")
        self.image = made.stdout.split()[-1]

    def push(self, name):
        return self._run("push", "--cert-dir", self.certificates, self.image, f"docker://{name}")

    def forget(self):
        self.tools.podman("image", "rm", "--all", "--force")

    def pull(self, name):
        return self._run("pull", "--cert-dir", self.certificates, name)

    def check(self, name):
        assert self.tools.podman("image", "inspect", "--format", "{{.Id}}", name) == self.image
