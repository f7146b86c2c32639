# SPDX-License-Identifier: Apache-2.0
"""Files of users, as Apache's htpasswd makes them."""

import base64
import ctypes
import os
import pathlib
import secrets

ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def bcrypt(password, cost=4, kind="2y"):
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    salt = "".join(secrets.choice(ALPHABET) for _ in range(21)) + "u"
    return library.crypt(password.encode(), f"${kind}${cost:02}${salt}".encode()).decode()


def write(path, users, cost=4):
    """users: {"name": "password"}; the file is there all at once."""
    path = pathlib.Path(path)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text("".join(f"{name}:{bcrypt(password, cost)}\n" for name, password in users.items()))
    os.replace(fresh, path)
    return path


def basic(user, password):
    """The header."""
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}
