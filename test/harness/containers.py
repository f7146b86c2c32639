# SPDX-License-Identifier: Apache-2.0
"""podman, buildah and skopeo with a storage and settings of their own: nothing of the machine's is read or written."""

import json
import os

from . import process

SETTINGS = """[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
tmp_dir = "{folder}/libpod"
[network]
network_config_dir = "{folder}/networks"
"""


class Tools:
    def __init__(self, folder):
        self.folder = folder
        for name in ("home", "run", "storage", "runroot", "tmp", "networks"):
            (folder / name).mkdir()
        self.policy = self._write("policy.json", json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CONTAINER", "XDG_"))},
            "HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder / "run"), "TMPDIR": str(folder / "tmp"),
            "CONTAINERS_CONF": self._write("containers.conf", SETTINGS.format(folder=folder)),
            "CONTAINERS_REGISTRIES_CONF": self._write("registries.conf", ""),
            "CONTAINERS_STORAGE_CONF": self._write("storage.conf", '[storage]\ndriver = "vfs"\n'
                                                   f'graphroot = "{folder}/storage"\nrunroot = "{folder}/runroot"\n'),
            "REGISTRY_AUTH_FILE": self._write("auth.json", "{}"),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }

    def _write(self, name, text):
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def _storage(self):
        return ["--root", str(self.folder / "storage"), "--runroot", str(self.folder / "runroot"),
                "--storage-driver", "vfs"]

    def run(self, command, **options):
        return process.run(command, env=self.environment, cwd=self.folder, **options)

    def podman_command(self, *words):
        return ["podman", *self._storage(), *words]

    def podman(self, *words, **options):
        return self.run(self.podman_command(*words), **options).stdout.strip()

    def buildah(self, *words, **options):
        return self.run(["buildah", *self._storage(), *words], **options).stdout.strip()

    def skopeo_command(self, *words):
        return ["skopeo", "--policy", self.policy, *map(str, words)]

    def skopeo(self, *words, **options):
        return self.run(self.skopeo_command(*words), **options).stdout.strip()

    def skopeo_all(self, commands):
        """Copies at the same time: each entry is the words after `skopeo`."""
        return process.run_all([self.skopeo_command(*words) for words in commands],
                               env=self.environment, cwd=self.folder)
