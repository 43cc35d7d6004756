"""Everything that only a POSIX system, or only Linux, can do; each part says what happens elsewhere.

Standard library alone: the guardian, which runs without site-packages, loads this file too. Linux is tested; macOS is
written for (no subreaper, no pipe sizes, `ps` instead of /proc) and untested.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Container, Iterator

LINUX = sys.platform.startswith("linux")

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_F_SETPIPE_SZ = 1031
_SPLICE_F_NONBLOCK = 2
_FIONREAD = 0x541B if LINUX else 0x4004667F

PIPE_SIZE = 1024 * 1024
"""Bytes that a data pipe is enlarged to: what an unprivileged process may ask for (/proc/sys/fs/pipe-max-size)."""


def occupy_standard_descriptors() -> None:
    """Open /dev/null on those of 0, 1 and 2 that are closed, so that nothing else gets their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def become_subreaper() -> None:
    """Adopt orphaned descendants, those that called setsid included (prctl(2)); nothing on other systems."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def is_subreaper() -> bool:
    """Whether this process adopts orphaned descendants; never on other systems."""
    flag = ctypes.c_int(0)
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0)
    return bool(flag.value)


def die_with_parent(parent: int) -> None:
    """Run in a child between fork and exec: SIGKILL it when its parent dies.

    Safe only where the parent is single-threaded, as the guardian is: the signal follows the spawning *thread*.
    """
    if LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(127)


def enlarge_pipe(descriptor: int) -> None:
    """Make a pipe hold `PIPE_SIZE` bytes; it keeps its size where that is not allowed."""
    if LINUX:
        try:
            fcntl.fcntl(descriptor, _F_SETPIPE_SZ, PIPE_SIZE)
        except OSError:
            return


def _system_tee() -> Callable[[int, int, int, int], int] | None:
    tee = getattr(ctypes.CDLL(None, use_errno=True), "tee", None) if LINUX else None
    if tee is not None:
        tee.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint)
        tee.restype = ctypes.c_ssize_t
    return tee


_tee = _system_tee()


def tee_pipe(source: int, sink: int, size: int) -> int:
    """Put what a pipe holds into another one as well, without taking it out and without copying it (`tee`, Linux).

    Args:
        source: read end of a pipe; what is shared stays in it.
        sink: write end of another.
        size: bytes, at most.

    Returns:
        Bytes that both pipes hold now, from the front of the source; 0 at end of file.

    Raises:
        BlockingIOError: there is nothing in the source, or no room in the sink.
        OSError: another reason; on other systems, or where one of the two is no pipe, always.
    """
    if _tee is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    shared = _tee(source, sink, size, _SPLICE_F_NONBLOCK)
    if shared < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return shared


def unread_bytes(descriptor: int) -> int:
    """Bytes in a pipe that its reader has not read yet (FIONREAD); 0 where the system does not tell."""
    count = bytearray(4)
    try:
        fcntl.ioctl(descriptor, _FIONREAD, count)
    except OSError:
        return 0
    return int.from_bytes(count, sys.byteorder)


def lock_now(descriptor: int) -> bool:
    """Take the exclusive flock(2) of an open file; False if another open file description has it.

    The lock belongs to the open file description: it is free when the last process that inherited it is gone.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def descendants(ancestor: int) -> list[tuple[int, int]]:
    """(pid, session) of every living descendant of a process, from one look at the process table; none without one."""
    children: dict[int, list[tuple[int, int]]] = {}
    for pid, parent, session in _process_table():
        children.setdefault(parent, []).append((pid, session))
    found: list[tuple[int, int]] = []
    queue = [ancestor]
    while queue:
        for pid, session in children.get(queue.pop(), ()):
            found.append((pid, session))
            queue.append(pid)
    return found


def relatives(sessions: Container[int], variable: bytes) -> list[int]:
    """The processes that are in one of these sessions, or were started with this `NAME=value` in their environment.

    The environment is looked at on Linux only, and only where the system lets us.
    """
    return [pid for pid, _parent, session in _process_table() if session in sessions or variable in _environment(pid)]


def start_mark(pid: int) -> str | None:
    """When a process started, in the system's own unit; with its number it names it for good. None if not known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    return stat[stat.rindex(b")") + 2 :].split()[19].decode()


def kill_group(pid: int, number: int) -> None:
    """Send a signal to a child that is not reaped yet, and to its process group if it leads one."""
    kill(pid, number)
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def kill(pid: int, number: int) -> None:
    """Send a signal; a process that is gone already is no error."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _environment(pid: int) -> list[bytes]:
    if not LINUX:
        return []
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []  # gone since the listing, or another user's


def _process_table() -> Iterator[tuple[int, int, int]]:
    """(pid, parent, session) of every process that is no zombie."""
    return _process_table_linux() if LINUX else _process_table_ps()


def _process_table_linux() -> Iterator[tuple[int, int, int]]:
    try:
        names = os.listdir("/proc")
    except OSError:
        return  # not mounted, or not for us: what is not known by number cannot be found
    for name in names:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                stat = file.read()
        except OSError:
            continue  # gone since the listing
        state, parent, _group, session = stat[stat.rindex(b")") + 2 :].split()[:4]
        if state not in (b"Z", b"X"):
            yield int(name), int(parent), int(session)


def _process_table_ps() -> Iterator[tuple[int, int, int]]:
    listing = subprocess.run(["/bin/ps", "-axo", "pid=,ppid=,sess=,stat="], capture_output=True, check=False).stdout
    for line in listing.splitlines():
        pid, parent, session, state = line.split(None, 3)
        if not state.startswith(b"Z"):
            yield int(pid), int(parent), int(session) if session.isdigit() else 0
