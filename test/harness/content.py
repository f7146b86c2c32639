# SPDX-License-Identifier: Apache-2.0
"""Bytes that tell where they come from.

A body is never zeros: every MiB of it is drawn from its own generator, seeded by (seed, position), so that a
block that is lost, repeated or moved changes the content. The same seed gives the same bytes again.
"""

import hashlib
import random

BLOCK = 1 << 20


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def sha512(data):
    return "sha512:" + hashlib.sha512(data).hexdigest()


class Body:
    """`size` bytes that depend on `seed` and on their position; streamed, or whole by `bytes(body)`."""

    def __init__(self, seed, size):
        self.seed = seed
        self.size = size
        self._digest = None

    def __len__(self):
        return self.size

    def __iter__(self):
        for start in range(0, self.size, BLOCK):
            source = random.Random(f"{self.seed}/{start}")
            yield source.randbytes(min(BLOCK, self.size - start))

    def __bytes__(self):
        return b"".join(self)

    @property
    def digest(self):
        if self._digest is None:
            running = hashlib.sha256()
            for block in self:
                running.update(block)
            self._digest = "sha256:" + running.hexdigest()
        return self._digest

    def __repr__(self):
        return f"Body(seed={self.seed!r}, size={self.size})"
