"""A collector that is killed again and again, anywhere, loses nothing and doubles nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from meta_orch.domain.readings import Changes
from meta_orch.store import Store
from meta_orch.sync import collect
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run, make_task_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.support.workers import Worker

RUNS, PAGE_SIZE, KILLS = 20, 2, 4


class Server(FakeOrchestrator):
    """The same runs each time it is made. It tells of each page it is asked for."""

    def __init__(self, pipe: Connection | None = None) -> None:
        super().__init__(INSTANCE, page_size=PAGE_SIZE, now=NOON)
        self.pipe = pipe
        self.add_pipeline(make_pipeline())
        for number in range(RUNS):
            run = make_run(f"run_{number:02}")
            self.add_run(run, [make_task_run(task, run) for task in ("extract", "load")])

    def read_changes(self, *arguments: Any, **options: Any) -> Iterator[Changes]:
        for page in super().read_changes(*arguments, **options):
            if self.pipe:
                self.pipe.send("page")
            yield page


def read_all(pipe: Connection, path: Path) -> None:
    """Collect, saving after every page, and say when there is nothing left."""
    server = Server(pipe)

    def clock() -> datetime:
        return server.advance(timedelta(minutes=1))

    collection = collect(
        server,
        Store(path),
        clock=clock,
        deadline=NOON + timedelta(days=9),
        lookback=timedelta(days=9),
    )
    pipe.send(collection.runs)


def test_a_collector_that_is_killed_anywhere_loses_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)  # a fixed course, as far as processes allow
    path = tmp_path / "store.duckdb"
    pages = 0
    for _ in range(KILLS):
        collector = Worker.start(read_all, path)
        for _ in range(chance.randint(0, 3)):
            assert collector.hear() == "page"
            pages += 1
        collector.pipe.poll(chance.uniform(0, 0.05))  # a moment later, but not after the next page
        collector.kill()
    collector = Worker.start(read_all, path)
    while (said := collector.hear()) == "page":
        pages += 1
    collector.finish()
    assert 0 < said < RUNS, "it went on where the killed ones stopped"

    server = Server()
    with Store(path).read() as reader:
        rows = reader.answer("SELECT run_id, state FROM runs ORDER BY run_id").rows
        assert rows == tuple((run.key.run_id, run.state.value) for run in server.runs)
        assert reader.answer("SELECT count(*) FROM task_run_record").rows == ((2 * RUNS,),)
        assert reader.pipelines() == (make_pipeline(),)
        assert reader.collectors()[INSTANCE].caught_up
