# SPDX-License-Identifier: Apache-2.0
"""The registry that this one replaces: Debian's docker-registry, the code of the registry:2 image.

It keeps no memory of blobs (no cache is configured), so that what is on the disk is what it answers.
"""

import os
import pathlib
import shutil

from . import process
from .push import ALL_MANIFESTS
from .waiting import wait_until
from .wire import Client

PROGRAM = "docker-registry"
SETTINGS = """version: 0.1
log:
  level: info
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {root}
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: 127.0.0.1:{port}
  secret: the same for every run
"""
START_ATTEMPTS = 5


class Original:
    """`folder` gets its configuration and output; `root` is where the content is."""

    def __init__(self, folder, root, settings=SETTINGS, more="", environment=()):
        assert shutil.which(PROGRAM), f"{PROGRAM} is not installed"
        self.folder = pathlib.Path(folder)
        self.root = root
        self.settings = settings + more  # with {root} and {port} to be filled in
        self.environment = dict(environment)  # the same
        self.process = None
        self.port = None
        self.runs = 0

    def _configure(self):
        self.port = process.free_port()
        config = self.folder / "config.yml"
        config.write_text(self._filled(self.settings))
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("REGISTRY_", "OTEL_"))}
        return str(config), {**environment, **{name: self._filled(value) for name, value in self.environment.items()}}

    def _filled(self, text):
        return text.replace("{root}", str(self.root)).replace("{port}", str(self.port))

    def start(self):
        for _ in range(START_ATTEMPTS):
            self.runs += 1
            config, environment = self._configure()
            with open(self.output, "wb") as output:
                self.process = process.start([PROGRAM, "serve", config], env=environment, cwd=self.folder,
                                             stdout=output, stderr=output)
            wait_until(lambda: self.process.poll() is not None or process.accepts(self.port),
                       f"{PROGRAM} listening", timeout=30)
            if self.process.poll() is None:
                return self
            assert "in use" in self.words(), self.words()
        raise AssertionError(f"{PROGRAM} got no port")

    def stop(self):
        if self.process is not None:
            ended, self.process = self.process, None
            process.end(ended)
            left = process.session_members(ended.pid)
            assert not left, f"processes left: {left}"

    def collect(self, *words):
        """Its garbage collection, with nothing but what it does by default unless words are added."""
        assert self.process is None, "not while it serves"
        config, environment = self._configure()
        return process.run([PROGRAM, "garbage-collect", *words, config], env=environment, cwd=self.folder).stdout

    @property
    def output(self):
        return self.folder / f"output.{self.runs}"

    def words(self):
        return self.output.read_text(errors="replace")

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def client(self):
        return Client(self.port, headers={"Accept": ALL_MANIFESTS})
