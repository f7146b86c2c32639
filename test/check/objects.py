# SPDX-License-Identifier: Apache-2.0
"""The rule that is checked on what the compiler made: no variable that outlives a call, but the log's."""

import pathlib
import re
import subprocess

from source import LAYERS

MUTABLE = re.compile(r"^\.(?:data|bss|tdata|tbss|sdata|sbss)(?!\.rel\.ro)(?:\.|$)|^\*COM\*$")
EXEMPT = ("lib/log.c",)
RULE = "no variable outlives a call"


def object_files(build, top):
    """(object, source's name) for each object that CMake made of a source that is still there."""
    for path in sorted(pathlib.Path(build).glob("CMakeFiles/*.dir/**/*.o")):
        name = re.sub(r"^CMakeFiles/[^/]*\.dir/", "", path.relative_to(build).as_posix())[:-len(".o")]
        if name.split("/")[0] in LAYERS and pathlib.Path(top, name).exists():
            yield path, name


def variables(path):
    """The names of what an object keeps in memory that can be written."""
    listing = subprocess.run(["nm", "--format=sysv", "--defined-only", str(path)], check=True,
                             stdout=subprocess.PIPE, encoding="utf-8").stdout
    for line in listing.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and fields[3] in ("OBJECT", "TLS") and MUTABLE.match(fields[6]):
            # One inside a function is name.0 to gcc and function.name to clang.
            yield [part for part in fields[0].split(".") if part and not part.isdigit()][-1]


def line_of(source, name):
    for number, line in enumerate(pathlib.Path(source).read_text(encoding="utf-8").splitlines(), 1):
        if re.search(rf"\b{re.escape(name)}\b", line):
            return number
    return 1


def mutable_variables(build, top):
    for path, name in object_files(build, top):
        if name in EXEMPT:
            continue
        for variable in variables(path):
            yield name, line_of(pathlib.Path(top, name), variable), f"{variable} can be written", RULE
