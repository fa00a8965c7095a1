"""Run one command, and end every process that it led to.

    python supervisor.py GRACE_SECONDS COMMAND [ARGUMENT...]

Standard input is the leash: a pipe whose other end the caller holds. When the caller closes it, or
dies in whatever way, the supervisor ends the command and all its descendants: SIGTERM first,
SIGKILL to what is left after the grace period. The byte `k` on the pipe skips the grace period. A
command that ends by itself takes its descendants with it, and its exit status becomes the
supervisor's.

On Linux the supervisor adopts orphans, so a process that made a session of its own, or whose parent
has died, is still found. Elsewhere such a process is found while it stays in the command's process
group.

This file is run by its path and imports nothing of the package: it has to start in an instant.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterator

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_KILL = b"k"
_POLL_SECONDS = 0.05
_CANNOT_EXECUTE = 127


def supervise(command: list[str], grace: float) -> int:
    """Run `command` until it ends or the leash is let go; its exit status, as a shell gives it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake, wake_end = os.pipe()
    os.set_blocking(wake_end, False)
    signal.set_wakeup_fd(wake_end)
    ends = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    for number in (*ends, signal.SIGCHLD):
        signal.signal(number, lambda number, frame: None)

    silence = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    try:
        child = os.posix_spawnp(command[0], command, os.environ, file_actions=silence, setpgroup=0)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 its log
        return _CANNOT_EXECUTE

    status = None
    leash = sys.stdin.fileno()
    while status is None:
        ready, _, _ = select.select([leash, wake], [], [])
        if leash in ready:
            grace = 0 if os.read(leash, 1) == _KILL else grace
            break
        if set(os.read(wake, 64)) & set(ends):
            break
        status = _reap(child)
    return _end_all(child, grace, status)


def _end_all(child: int, grace: float, status: int | None) -> int:
    """End every descendant; the exit status of `child`."""
    deadline = time.monotonic() + grace
    asked: set[psutil.Process] = set()
    while living := set(_living(child)):
        overdue = time.monotonic() >= deadline
        for process in living if overdue else living - asked:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill() if overdue else process.terminate()
        asked |= living
        time.sleep(_POLL_SECONDS)
        status = _reap(child, status)
    status = _reap(child, status)
    return 128 + signal.SIGKILL if status is None else status


def _living(child: int) -> Iterator[psutil.Process]:
    """Descendants, and members of the command's process group, that have not ended."""
    descendants = {process.pid for process in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, OSError):
            ours = process.pid in descendants or os.getpgid(process.pid) == child
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _reap(child: int, status: int | None = None) -> int | None:
    """Collect every child that has ended, adopted ones too; `child`'s exit status once known."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, result = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(result)
                status = code if code >= 0 else 128 - code
    return status


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[2:], float(sys.argv[1])))
