# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition: the only place that sleeps, and it says what it was waiting for when it gives up."""

import time

SETTLED = 4.5  # what has changed a moment ago is read each time: storage/memory.c, and the file system's clock


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


def wait_until_settled(begun=None):
    """Until what was changed before `begun` (of the monotonic clock), or now, is answered from memory."""
    begun = begun or time.monotonic()
    wait_until(lambda: time.monotonic() - begun > SETTLED, "what has changed to have stood still")
