"""What is at risk, by what the store has."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from meta_orch.analytics.predictions.hindsight import replay_deadlines
from meta_orch.analytics.predictions.outlooks import Outlook, Seer
from meta_orch.analytics.predictions.quality import refresh_quality
from meta_orch.analytics.slas.promises import kept_promises
from meta_orch.config import MetaOrchConfig
from meta_orch.config.models import SlaConfig
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, TaskRun
from meta_orch.domain.states import RunState
from meta_orch.store import Store
from meta_orch.testing.builders import INSTANCE, make_pipeline, make_run, make_task_run
from meta_orch_tests.analytics.predictions.nights import (
    CONFIG,
    DAY,
    EXTRACT,
    HOUR,
    MINUTE,
    REPORT,
    TODAY,
    night,
    save,
)
from meta_orch_tests.store.memory import MemoryStore, fresh_store

PAGES = make_pipeline("pages", INSTANCE)


def look(
    store: MemoryStore, now: datetime, config: MetaOrchConfig = CONFIG, seer: Seer | None = None
) -> Outlook | None:
    """That of the next deadline."""
    with store.read() as reader:
        promises = kept_promises(reader, config.slas, now)
        found = (seer or Seer()).outlooks(reader, GateMap(reader, config), promises, now)
    assert len(found) <= 1
    return found[0] if found else None


def test_what_goes_as_ever_is_not_at_risk(store: MemoryStore) -> None:
    save(store, night("extract", TODAY + HOUR, 30))
    found = look(store, TODAY + 2 * HOUR)
    assert found is not None
    assert (found.risk, found.expected) == (0, TODAY + 4 * HOUR)
    assert found.deadline == TODAY + 5 * HOUR


def test_a_late_upstream_that_is_waited_for_puts_its_downstream_at_risk(
    store: MemoryStore,
) -> None:
    """Hours before the deadline, and before the downstream was even due."""
    save(store, night("extract", TODAY + 2.75 * HOUR, None))
    found = look(store, TODAY + 2.9 * HOUR)
    assert found is not None
    # The extract is done at a quarter past three, the report begins as long after it as ever.
    assert found.risk == 1
    assert found.because == (EXTRACT.key.path, REPORT.key.path)
    # Where nothing makes it wait it runs on what is there, and in time.
    without = look(store, TODAY + 2.9 * HOUR, CONFIG.model_copy(update={"gates": ()}))
    assert without is not None
    assert (without.risk, without.expected) == (0, TODAY + 4 * HOUR)


def test_what_failed_and_will_not_run_again_before_the_deadline_is_lost(
    store: MemoryStore,
) -> None:
    save(store, night("extract", TODAY + HOUR, 30))
    save(store, night("report", TODAY + 3 * HOUR, 5, RunState.FAILED))
    found = look(store, TODAY + 4 * HOUR)
    assert found is not None
    assert (found.risk, found.expected) == (1, None)


def test_what_is_kept_or_missed_already_is_asked_no_more(store: MemoryStore) -> None:
    save(store, night("report", TODAY + 3 * HOUR, 60))
    # The next deadline is more than a day ahead.
    assert look(store, TODAY + 4.5 * HOUR) is None


def test_a_run_that_may_only_take_so_long_is_told_of_while_it_runs(store: MemoryStore) -> None:
    config = MetaOrchConfig(
        slas=(SlaConfig(name="short", pipelines="*/report", duration_below=55 * MINUTE),)
    )
    save(store, night("report", TODAY + 3 * HOUR, None))
    found = look(store, TODAY + 3.1 * HOUR, config)
    assert found is not None
    assert (found.risk, found.deadline) == (1, TODAY + 3 * HOUR + 55 * MINUTE)


def pages(at: datetime, width: int, seconds: float | None) -> tuple[Run, list[TaskRun]]:
    """A run with so many task runs of a mapped task."""
    run = make_run(
        f"pages_{at:%d}",
        PAGES,
        RunState.RUNNING if seconds is None else RunState.SUCCEEDED,
        queued_at=at,
        started_at=at,
        ended_at=None if seconds is None else at + timedelta(seconds=seconds),
    )
    return run, [
        make_task_run("page", run, map_index=n, task_run_id=f"page[{n}]", queued_at=at)
        for n in range(width)
    ]


def test_a_run_with_many_task_runs_is_at_risk_once_they_are_there() -> None:
    """A minute for each of ten, or on every fourth day of forty."""
    config = MetaOrchConfig(
        slas=(SlaConfig(name="short", pipelines="*/pages", duration_below=30 * MINUTE),)
    )
    with fresh_store() as writer:
        writer.save_catalogue(INSTANCE, Catalogue((PAGES,), "1"), TODAY - 30 * DAY)
        for day in range(20, 0, -1):
            width = 10 if day % 4 else 40
            run, tasks = pages(TODAY - day * DAY, width, width * (60 + day % 3))
            writer.save_changes(INSTANCE, Changes("c", (run,), tuple(tasks)), TODAY - day * DAY)
        begun, tasks = pages(TODAY, 40, None)
        risks: list[float] = []
        for seen in ([make_task_run("page", begun, RunState.SCHEDULED)], tasks):
            writer.save_changes(INSTANCE, Changes("c", (begun,), tuple(seen)), TODAY)
            found = look(MemoryStore(writer), TODAY + MINUTE, config)
            assert found is not None
            risks.append(found.risk)
    assert risks[0] < 0.5
    assert risks[1] > 0.9


def test_freshness_is_foreseen(store: MemoryStore) -> None:
    config = MetaOrchConfig(
        slas=(SlaConfig(name="daily", pipelines="*/report", fresh_within=23 * HOUR),)
    )
    found = look(store, TODAY + HOUR, config)
    assert found is not None
    assert (found.deadline, found.risk) == (TODAY + 3 * HOUR, 1)


def test_a_chain_with_a_pipeline_that_is_not_there_is_not_foreseen(store: MemoryStore) -> None:
    chain = ("fake/gone", str(REPORT.key))
    sla = SlaConfig(name="end_to_end", chain=chain, finish_by="0 5 * * *")
    config = CONFIG.model_copy(update={"slas": (sla,)})
    assert look(store, TODAY + 2 * HOUR, config) is None
    with store.read() as reader:
        promises = kept_promises(reader, config.slas, TODAY + 6 * HOUR)
        graph = GateMap(reader, config)
    assert promises
    replay_deadlines(store, graph, promises, risk_from=0.5)


def test_news_are_learnt(store: MemoryStore) -> None:
    """One who looked before predicts as one who looks for the first time."""
    seer = Seer()
    look(store, TODAY - DAY + 2 * HOUR, seer=seer)
    for number in range(30):
        save(store, night("report", TODAY - DAY + 3.5 * HOUR + number * 2 * MINUTE, 1))
    save(store, night("extract", TODAY + HOUR, 30))
    old, new = (look(store, TODAY + 2 * HOUR, seer=each) for each in (seer, Seer()))
    assert old is not None
    assert new is not None
    assert (old.low, old.expected, old.high) == (new.low, new.expected, new.high)
    assert old.low is not None
    assert old.low < TODAY + 3.5 * HOUR


def test_how_good_it_was_is_kept_for_those_that_promise(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    store = Store(tmp_path_factory.mktemp("store") / "store.duckdb")
    with store.write() as writer:
        writer.save_catalogue(INSTANCE, Catalogue((EXTRACT, REPORT), "1"), TODAY - 30 * DAY)
        runs = [night("report", TODAY - n * DAY + 3 * HOUR, 60 + n % 5) for n in range(1, 21)]
        runs += [night("extract", TODAY - n * DAY + HOUR, 30) for n in range(1, 21)]
        writer.save_changes(INSTANCE, Changes("c", tuple(runs)), TODAY)
    refresh_quality(store, CONFIG, TODAY)
    (found,) = refresh_quality(store, CONFIG, TODAY)  # what was kept before is replaced
    assert found.pipeline == REPORT.key
    with store.read() as reader:
        frame = reader.query("FROM prediction_quality")
    assert frame[["pipeline", "runs"]].to_numpy().tolist() == [["report", 15]]
    assert frame["coverage"].tolist() == [found.quality.coverage]
