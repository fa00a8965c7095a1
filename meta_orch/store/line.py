"""A line that processes stand in, on their way to a file that one of them may hold."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: whoever tries at the right moment comes first
    fcntl = None

_PAUSE = 0.01


@contextmanager
def first_in_line(folder: Path, deadline: float) -> Iterator[bool]:
    """Be the one process that is first in the line of `folder`; whether that came to be by the
    deadline (of `time.monotonic`).

    A lock on the folder itself, so that no file is left behind; the system takes it from a process
    that dies. Where the file system has no such locks, everybody is let in.
    """
    descriptor = os.open(folder, os.O_RDONLY) if fcntl else None
    try:
        yield descriptor is None or _lock(descriptor, deadline)
    finally:
        if descriptor is not None:
            os.close(descriptor)  # and with it goes the lock


def _lock(descriptor: int, deadline: float) -> bool:
    assert fcntl  # noqa: S101  # for the type checker: without it there is no descriptor
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # All who wait pause alike: were pauses to grow, who came last would be served first.
            pause = _PAUSE * random.uniform(0.5, 1.5)  # noqa: S311  # against lockstep, no secret
            if time.monotonic() + pause > deadline:
                return False
            time.sleep(pause)
        except OSError:
            return True
        else:
            return True
