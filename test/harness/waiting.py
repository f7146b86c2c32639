# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition: the only place that sleeps, and it says what it was waiting for when it gives up."""

import time


def wait_until(condition, what, timeout=10.0, interval=0.01):
    """Returns the first true value of condition()."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout} s in vain for: {what}")
        time.sleep(interval)
