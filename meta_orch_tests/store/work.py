"""What other processes do with a store in the tests of several processes."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Changes
from meta_orch.store import Store
from meta_orch.testing.builders import NOON, make_run, make_task_run


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
    while not pipe.poll(0.1):
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
