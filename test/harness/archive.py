# SPDX-License-Identifier: Apache-2.0
"""Tar archives, of files that may be larger than memory."""

import io
import tarfile


def write_tar(stream, files):
    """A tar archive of {name: body}; bodies may be larger than memory."""
    for name, body in files.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(body)
        stream.write(entry.tobuf(tarfile.GNU_FORMAT))
        for block in [body] if isinstance(body, bytes) else body:
            stream.write(block)
        stream.write(b"\0" * (-len(body) % tarfile.BLOCKSIZE))
    stream.write(b"\0" * (2 * tarfile.BLOCKSIZE))


def tar_bytes(files):
    stream = io.BytesIO()
    write_tar(stream, files)
    return stream.getvalue()
