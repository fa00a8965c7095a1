"""Other processes, for the tests that need several and kill some.

They come from one server process that has imported everything, so that each is there at once; each
is a process of its own all the same, and dies of SIGKILL alone.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from typing import Any, Self

PATIENCE = timedelta(seconds=60)
_processes = multiprocessing.get_context("forkserver")
# DuckDB imports pandas at the first query: better once than in each process.
_PRELOADED = ("pandas", "meta_orch.store", "meta_orch.sync")
_processes.set_forkserver_preload(list(_PRELOADED))


def preload(*modules: str) -> None:
    """Have further modules imported once for all workers. Of no use once a worker was started."""
    _processes.set_forkserver_preload([*_PRELOADED, *modules])


@dataclass
class Worker:
    """A process and the pipe to it."""

    process: Any
    pipe: Connection

    @classmethod
    def start(cls, work: Callable[..., None], *arguments: object) -> Self:
        here, there = _processes.Pipe()
        process = _processes.Process(target=work, args=(there, *arguments), daemon=True)
        process.start()
        there.close()  # so that the end of the process is the end of the pipe
        return cls(process, here)

    def hear(self) -> Any:
        """The next thing it says; None once it has ended."""
        if not self.pipe.poll(PATIENCE.total_seconds()):
            raise TimeoutError(f"{self.process} said nothing for {PATIENCE}")
        try:
            return self.pipe.recv()
        except EOFError:
            return None

    def kill(self) -> None:
        """End it as the machine would, and see that it was so."""
        self.process.kill()
        self.process.join(PATIENCE.total_seconds())
        assert self.process.exitcode == -signal.SIGKILL

    def finish(self) -> None:
        """Wait for its own good end."""
        self.process.join(PATIENCE.total_seconds())
        assert self.process.exitcode == 0


def first_to_speak(workers: list[Worker]) -> Worker:
    pipes = {worker.pipe: worker for worker in workers}
    ready = wait(pipes, PATIENCE.total_seconds())
    if not ready:
        raise TimeoutError(f"none of {len(workers)} processes said anything for {PATIENCE}")
    return pipes[ready[0]]  # pyright: ignore[reportArgumentType]  # the pipes that were given
