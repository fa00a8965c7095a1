"""Many processes on one file: nothing that was committed is lost, nothing is doubled, nothing is
seen half done, whoever is killed and whenever."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from meta_orch.store import Store, StoreBusy
from meta_orch_tests.store.work import hold, open_and_mark, read_until_told, write_pages
from meta_orch_tests.support.workers import Worker, first_to_speak

WRITERS, PAGES, KILLS = 6, 3, 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


def test_writers_that_are_killed_at_random_lose_and_double_nothing(path: Path) -> None:
    chance = random.Random(20260105)  # a fixed course, as far as processes allow
    readers = [Worker.start(read_until_told, path) for _ in range(2)]
    instances = {
        f"writer_{n}": Worker.start(write_pages, path, f"writer_{n}", PAGES) for n in range(WRITERS)
    }
    committed: dict[str, int] = {}
    kills = 0
    while instances:
        worker = first_to_speak(list(instances.values()))
        instance = next(name for name, other in instances.items() if other is worker)
        said = worker.hear()
        if said is None:
            worker.finish()
            del instances[instance]
            continue
        word, number = said
        assert number > committed.get(instance, -1), "what was committed is not written again"
        if word == "committed":
            committed[instance] = number
        elif kills < KILLS and chance.random() < 0.4:
            # Somewhere between waiting for the file and having committed.
            worker.pipe.poll(chance.uniform(0, 0.1))
            worker.kill()
            kills += 1
            instances[instance] = Worker.start(write_pages, path, instance, PAGES)
    assert kills == KILLS

    for reader in readers:
        reader.pipe.send("stop")
        assert reader.hear() > 0
        reader.finish()
    with Store(path).read() as reader:
        rows = reader.answer("SELECT instance, run_id FROM run_record ORDER BY ALL").rows
        assert rows == tuple(
            (f"writer_{writer}", f"run_{page}")
            for writer in range(WRITERS)
            for page in range(PAGES)
        )
        ((task_runs,),) = reader.answer("SELECT count(*) FROM task_run_record").rows
        assert task_runs == WRITERS * PAGES * 2
        assert {reader.cursor(f"writer_{n}") for n in range(WRITERS)} == {str(PAGES - 1)}


def test_a_writer_that_is_killed_in_its_transaction_leaves_nothing_of_it(path: Path) -> None:
    with Store(path).read():
        pass
    writer = Worker.start(hold, path, "write")
    assert writer.hear() == "holding"
    writer.kill()
    with Store(path).read() as reader:
        assert reader.cursor("held") is None
        assert reader.answer("FROM run_record").rows == ()


def test_processes_that_make_the_store_at_once_share_one(path: Path) -> None:
    names = [f"instance_{n}" for n in range(4)]
    workers = [Worker.start(open_and_mark, path, name) for name in names]
    for worker in workers:
        assert worker.hear() == "ready"
    for worker in workers:
        worker.pipe.send("go")
    for worker in workers:
        worker.finish()
    with Store(path).read() as reader:
        assert [reader.cursor(name) for name in names] == names
    assert [entry.name for entry in path.parent.iterdir()] == ["store.duckdb"]


_FORKING = """
import os, sys
from meta_orch.store import Store
store = Store(sys.argv[1])
with store.read():
    pass
child = os.fork()
with store.write() as writer:  # both do
    writer.query("FROM run_record")
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_process_and_its_fork_both_use_it(path: Path) -> None:
    command = [sys.executable, "-W", "ignore:.*fork:DeprecationWarning", "-c", _FORKING, str(path)]
    assert subprocess.run(command, check=True, timeout=60).returncode == 0


def test_several_processes_read_at_once_and_a_writer_waits_for_them(path: Path) -> None:
    with Store(path).read():
        pass
    other = Worker.start(hold, path, "read")
    assert other.hear() == "holding"
    with Store(path, patience=timedelta(0)).read() as reader:
        assert reader.pipelines() == ()
    with pytest.raises(StoreBusy), Store(path, patience=timedelta(0)).write():
        pass
    other.pipe.send("let go")
    with Store(path).write() as writer:
        writer.save_edges([], writer.query("SELECT now()").iloc[0, 0])
    other.finish()


@pytest.mark.parametrize("how", ["read", "write"])
def test_whoever_waits_too_long_is_told_which_process_holds_the_file(path: Path, how: str) -> None:
    other = Worker.start(hold, path, "write")
    assert other.hear() == "holding"
    store = Store(path, patience=timedelta(milliseconds=50))
    with pytest.raises(StoreBusy) as caught, getattr(store, how)():
        pass
    assert f"{path} was held by another process for 0.05 seconds" in str(caught.value)
    assert f"PID {other.process.pid}" in str(caught.value)
    other.pipe.send("let go")
    other.finish()
    with getattr(store, how)():
        pass
