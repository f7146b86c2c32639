# SPDX-License-Identifier: Apache-2.0
"""Bytes that tell where they come from.

A body is never zeros: it is the key stream of a cipher, of which no part is like another, so that a block that is
lost, repeated or moved changes the content. The same seed gives the same bytes again. A cipher is what processors
do fastest: bodies of GiBs are made while they are sent.
"""

import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 1 << 20
NOTHING = bytes(BLOCK)


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
        key = hashlib.sha256(self.seed.encode()).digest()
        stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        for start in range(0, self.size, BLOCK):
            yield stream.update(NOTHING[:self.size - start])

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
