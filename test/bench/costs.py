# SPDX-License-Identifier: Apache-2.0
"""Writes test/bench/COSTS anew."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import costs
from harness.place import scratch_folder

with scratch_folder() as folder:
    found = costs.measure(folder)
costs.write(found)
print(costs.KNOWN.read_text(encoding="utf-8"), end="")
