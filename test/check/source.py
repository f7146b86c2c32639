# SPDX-License-Identifier: Apache-2.0
"""C files as the rules see them: lines, with comments and strings blanked out, each at its place."""

import functools
import pathlib
import re

LAYERS = ("lib", "storage", "gc", "server")
SOURCES = LAYERS + ("test", "image", ".ci")
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


class Source:
    """One file; `name` is its path from the top of the tree."""

    def __init__(self, top, path):
        self.path = path
        self.name = path.relative_to(top).as_posix()
        self.layer = self.name.split("/")[0]

    @functools.cached_property
    def text(self):
        return self.path.read_text(encoding="utf-8", errors="replace")

    @functools.cached_property
    def lines(self):
        return self.text.splitlines()

    @functools.cached_property
    def code(self):
        """The lines without comments and without what stands in quotes."""
        def blank(match):
            token = match.group()
            return _blank(token) if token[0] == "/" else token[0] + _blank(token[1:-1]) + token[-1]
        return TOKEN.sub(blank, self.text).splitlines()

    @functools.cached_property
    def strings(self):
        """(line number, content) of each string literal that is not an include's."""
        found = []
        for match in TOKEN.finditer(self.text):
            if match.group()[0] == '"':
                number = self.text.count("\n", 0, match.start()) + 1
                if not INCLUDE.match(self.lines[number - 1]):
                    found.append((number, match.group()[1:-1]))
        return found

    @functools.cached_property
    def includes(self):
        """(line number, "<" or '"', path) of each #include."""
        found = []
        for number, line in enumerate(self.lines, 1):
            match = INCLUDE.match(line)
            if match:
                found.append((number, match.group(1), match.group(2)))
        return found


def find(top, *endings, folders=SOURCES):
    """The files below some folders of the tree, in order."""
    top = pathlib.Path(top)
    paths = [path for folder in folders for path in (top / folder).rglob("*")
             if path.is_file() and "__pycache__" not in path.parts]
    return [Source(top, path) for path in sorted(paths) if not endings or path.suffix in endings]
