#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check.py [tree [build]]: the house rules of HACKING.md. Prints what breaks them as `file:line: what, which rule`."""

import pathlib
import sys

import objects
import rules


def findings(top, build):
    for rule in rules.RULES:
        yield from rule(top)
    yield from objects.mutable_variables(build, top)


def main(top=None, build=None):
    top = pathlib.Path(top or pathlib.Path(__file__).resolve().parents[2])
    build = pathlib.Path(build or top / "build")
    if not any(objects.object_files(build, top)):
        sys.exit(f"{build} has no objects to look at: build first")
    found = list(findings(top, build))
    for name, line, what, rule in found:
        print(f"{name}:{line}: {what}, rule: {rule}")
    print(f"house rules: {len(found)} broken" if found else "house rules: kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
