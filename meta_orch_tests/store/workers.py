"""What the other processes do in the tests of several processes.

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
from pathlib import Path
from typing import Any, Self

import pandas  # noqa: F401  # DuckDB imports it at the first query: better once than in each process

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Changes
from meta_orch.store import Store
from meta_orch.testing.builders import NOON, make_run, make_task_run

PATIENCE = timedelta(seconds=60)
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


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


def write_pages(pipe: Connection, path: Path, instance: str, pages: int) -> None:
    """Go on where the store says this instance is, a page to a transaction, until there are
    `pages`. Says `("begins", n)` and `("committed", n)`."""
    store = Store(path)
    with store.read() as reader:
        cursor = reader.cursor(instance)
    for number in range(int(cursor or -1) + 1, pages):
        run = make_run(f"run_{number}", PipelineKey(instance, "orders"))
        task_runs = [make_task_run(task, run) for task in ("extract", "load")]
        page = Changes(str(number), runs=(run,), task_runs=tuple(task_runs))
        pipe.send(("begins", number))
        with store.write() as writer:
            writer.save_changes(instance, page, NOON)
        pipe.send(("committed", number))


def read_until_told(pipe: Connection, path: Path) -> None:
    """Look for anything half done until told to stop. Says how many times it looked."""
    store = Store(path)
    looks = 0
    while not pipe.poll(0.05):
        with store.read() as reader:
            torn = reader.answer(
                """
                SELECT r.instance, r.run_id, count(t.task_run_id)
                FROM runs AS r LEFT JOIN task_runs AS t USING (instance, pipeline, run_id)
                GROUP BY ALL HAVING count(t.task_run_id) <> 2
                """
            ).rows
        assert not torn, torn
        looks += 1
    pipe.send(looks)


def hold(pipe: Connection, path: Path, how: str) -> None:
    """Open the store, to `read` or `write`, write something in it, and hold it until told."""
    store = Store(path)
    with getattr(store, how)() as opened:
        if how == "write":
            run = make_run("never", PipelineKey("held", "orders"))
            opened.save_changes("held", Changes("never", runs=(run,)), NOON)
        pipe.send("holding")
        pipe.recv()


def open_and_mark(pipe: Connection, path: Path, instance: str) -> None:
    """Wait for the word, and use the store for the first time."""
    pipe.send("ready")
    pipe.recv()
    with Store(path).write() as writer:
        writer.save_changes(instance, Changes(instance), NOON)
