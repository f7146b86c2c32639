# SPDX-License-Identifier: Apache-2.0
"""Processes: starting one that dies with the tests, looking at it in /proc, running a client to its end."""

import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import subprocess

from . import leftovers

PR_SET_PDEATHSIG = 1
TICKS = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(command, **options):
    """A daemon of ours: leads its own session, and is told to end when the test run is killed."""
    started = subprocess.Popen(command, start_new_session=True, preexec_fn=_die_with_parent,
                               stdin=subprocess.DEVNULL, **options)
    leftovers.remember(lambda: end(started))
    return started


def end(started, patience=20):
    """SIGTERM, and SIGKILL if that is not enough."""
    if started.poll() is None:
        started.terminate()
        try:
            started.wait(patience)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def kill_session(started):
    """With all that it has started."""
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def run(command, timeout=120, check=True, stdin=subprocess.DEVNULL, **options):
    """Runs a client (a list, or a string for the shell) to its end; its whole output is in the failure."""
    done = subprocess.run(command, shell=isinstance(command, str), stdin=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          encoding="utf-8", errors="replace", check=False, **options)
    if check and done.returncode != 0:
        text = command if isinstance(command, str) else " ".join(map(str, command))
        raise AssertionError(f"`{text}` ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def run_all(commands, timeout=240, **options):
    """Runs clients at the same time; all must succeed. Returns their standard outputs in order."""
    running = [subprocess.Popen(command, shell=isinstance(command, str), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                encoding="utf-8", errors="replace", **options) for command in commands]
    outputs, failed = [], []
    try:
        for command, process in zip(commands, running):
            output, _ = process.communicate(timeout=timeout)
            outputs.append(output)
            if process.returncode != 0:
                failed.append(f"{command} ended with {process.returncode}\n{output}")
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert not failed, "\n".join(failed)
    return outputs


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def reserved_port(address="127.0.0.1"):
    """One that no connection gets meanwhile. Who asks for it by its number, as a server does, can listen there."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((address, 0))
        yield holder.getsockname()[1]


def accepts(port, address="127.0.0.1"):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def resident(pid):
    """(bytes resident now, most ever)"""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def cpu_seconds(pid):
    after_name = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS


def bytes_read(pid):
    fields = dict(line.split(": ") for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["rchar"])


def descriptors(pid):
    """What each open descriptor points at."""
    targets = {}
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            targets[int(entry.name)] = os.readlink(entry.path)
        except FileNotFoundError:
            pass
    return targets


def session_members(session):
    """Processes (not zombies) that belong to a session."""
    members = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            state, _, _, its_session = pathlib.Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_session) == session and state != "Z":
            members.append(int(entry.name))
    return members
