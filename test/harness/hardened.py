# SPDX-License-Identifier: Apache-2.0
"""What a program was built with against those who find a hole in it."""

import re

from . import process


def check(path):
    """Position-independent, nothing writable that is executable, no table of functions to overwrite, guarded stacks
    and buffers."""
    header, segments, dynamic, symbols = (process.run(["readelf", "-W", option, str(path)]).stdout
                                          for option in ("-h", "-l", "-d", "--dyn-syms"))
    assert re.search(r"Type:\s+DYN", header), "PIE"
    assert re.search(r"FLAGS_1.*\bNOW\b.*\bPIE\b", dynamic), "PIE, bound at the start"
    assert "GNU_RELRO" in segments, "RELRO"
    stack = re.search(r"GNU_STACK\s.*", segments).group()
    assert " RW " in stack and "E" not in stack.split()[-2], stack
    assert not re.search(r"^\s+LOAD\s.*\sRWE\s", segments, re.MULTILINE), "W^X"
    assert "__stack_chk_fail" in symbols, "stack protector"
    assert re.search(r"__\w+_chk\b", symbols.replace("__stack_chk_fail", "")), "_FORTIFY_SOURCE"
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
