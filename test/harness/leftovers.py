# SPDX-License-Identifier: Apache-2.0
"""What must be undone at the end of the run, even when it is interrupted in the middle of taking down a fixture."""

_pending = []


def remember(undo):
    """`undo` will be called by clean_up() unless it is forgotten before."""
    _pending.append(undo)
    return undo


def forget(undo):
    if undo in _pending:
        _pending.remove(undo)


def clean_up():
    while _pending:
        try:
            _pending.pop()()
        except Exception as failure:  # the others are still to be undone
            print(f"left behind: {failure}")
