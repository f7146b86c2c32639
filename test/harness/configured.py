# SPDX-License-Identifier: Apache-2.0
"""A server whose options are in a file alone, so that the file can change and be reloaded."""

import os
import signal

from .server import SANITIZER_SETTINGS, Server
from .waiting import wait_until

RELOADED = "configuration reloaded"
KEPT = "the configuration is not reloaded"


class ConfiguredServer(Server):
    """`options` are lines of the file: {"tags.maxtags": 3}; a list stands for several lines."""

    def __init__(self, folder, options=(), arguments=(), environment=()):
        super().__init__(folder, asan=True, environment=environment, arguments=arguments)
        self.config = self.folder / "registry.ini"
        self.options = dict(options)

    def _environment(self):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
        self.write(self.options)
        return {**SANITIZER_SETTINGS, **inherited, **self.environment}

    def own_options(self):
        return {"http.addr": f"127.0.0.1:{self.port}", "storage.filesystem.rootdirectory": str(self.root),
                "log.accesslog.disabled": "true"}

    def write(self, options):
        """The whole file anew, at once; the server does not know of it yet."""
        self.options = dict(options)
        lines = []
        for key, values in {**self.own_options(), **self.options}.items():
            lines += [f"{key} = {value}\n" for value in (values if isinstance(values, list) else [values])]
        fresh = self.config.with_suffix(".fresh")
        fresh.write_text("".join(lines), encoding="utf-8")
        fresh.replace(self.config)

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def reload(self, options=()):
        """Writes the file, and waits for what the server says of it; returns that line."""
        self.write(options)
        return self.reload_as_is()

    def reload_as_is(self):
        before = len(self._words())
        self.hang_up()
        return wait_until(lambda: self._words()[before:], "a word about the reload")[0]

    def _words(self):
        return [line for line in self.stderr().splitlines() if RELOADED in line or KEPT in line]
