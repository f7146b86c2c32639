# SPDX-License-Identifier: Apache-2.0
"""Counts the passwords that a server checks: crypt_r is looked over its shoulder, nothing is measured."""

import pathlib

from . import process

# The library keeps the setting, "$2y$12$", of each call: a write of a few bytes at the end of a file is one.
SOURCE = """
#define _GNU_SOURCE
#include <crypt.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

char *crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
    char *(*real)(const char *, const char *, struct crypt_data *) = dlsym(RTLD_NEXT, "crypt_r");
    int fd = open(getenv("BCRYPT_COUNT"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (write(fd, setting, 7) != 7)
        abort();
    close(fd);
    return real(phrase, setting, data);
}
"""


class BcryptCount:
    """`environment` is for the server, which must be the plain build: a sanitizer has to come first."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        library, self._seen = folder / "bcrypt-count.so", folder / "bcrypt-count"
        source = library.with_suffix(".c")
        source.write_text(SOURCE)
        process.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source])
        self.environment = {"LD_PRELOAD": str(library), "BCRYPT_COUNT": str(self._seen),
                            "REGISTRY_SANDBOX_ENABLED": "false"}  # it writes what it sees beside the data

    def taken(self):
        """What was asked of bcrypt since this was asked last."""
        seen = self._seen.read_text() if self._seen.exists() else ""
        self._seen.unlink(missing_ok=True)
        return [seen[i:i + 7] for i in range(0, len(seen), 7)]
