"""What would have been said of deadlines that have passed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.predictions.hindsight import PipelinePast, replay_deadlines, seen_at
from meta_orch.analytics.predictions.replay import Warnings
from meta_orch.analytics.slas.promises import Promise, kept_promises
from meta_orch.config import MetaOrchConfig
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.store.tracing import PastRun
from meta_orch.testing.builders import make_run
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
from meta_orch_tests.store.memory import MemoryStore


def promised(store: MemoryStore, now: datetime) -> Sequence[Promise]:
    with store.read() as reader:
        return kept_promises(reader, CONFIG.slas, now)


def warned(
    store: MemoryStore, promises: Sequence[Promise], config: MetaOrchConfig = CONFIG
) -> Warnings:
    with store.read() as reader:
        graph = GateMap(reader, config)
    found = replay_deadlines(store, graph, promises, risk_from=0.5)
    assert found.keys() == {REPORT.key}
    return found[REPORT.key]


def held_up(store: MemoryStore, day: datetime) -> None:
    """A night in which the extract begins late, and the report, which waits for it, an hour and a
    half after it, as ever: it misses five o'clock."""
    save(store, night("extract", day + 2.75 * HOUR, 30), night("report", day + 4.75 * HOUR, 60))


def test_where_all_went_well_nothing_would_have_been_said(store: MemoryStore) -> None:
    found = warned(store, promised(store, TODAY))
    for alarms in (found.alarms, found.by_median, found.by_p95):
        assert (alarms.right, alarms.wrong, alarms.missed) == (0, 0, 0)


def test_a_late_upstream_would_have_been_told_before_the_pipeline_itself_was_late(
    store: MemoryStore,
) -> None:
    held_up(store, TODAY)
    found = warned(store, promised(store, TODAY + 6 * HOUR))
    assert (found.alarms.right, found.alarms.wrong, found.alarms.missed) == (1, 0, 0)
    assert found.alarms.leads == (1.5 * HOUR,)
    # Who looks at the report alone waits for it to begin, until an hour is not enough any more.
    assert found.by_median.leads == (45 * MINUTE,)


def test_without_the_edge_it_would_have_been_told_no_sooner(store: MemoryStore) -> None:
    held_up(store, TODAY)
    found = warned(
        store, promised(store, TODAY + 6 * HOUR), CONFIG.model_copy(update={"gates": ()})
    )
    assert found.alarms.leads == found.by_median.leads


def test_a_failure_that_nothing_follows_is_told_at_once(store: MemoryStore) -> None:
    save(store, night("extract", TODAY + HOUR, 30))
    save(store, night("report", TODAY + 3 * HOUR, 5, RunState.FAILED))
    found = warned(store, promised(store, TODAY + 6 * HOUR))
    assert found.alarms.leads == (1.5 * HOUR,)


def test_what_came_later_changes_nothing_of_what_would_have_been_said(store: MemoryStore) -> None:
    held_up(store, TODAY)
    promises = promised(store, TODAY + 6 * HOUR)
    before = warned(store, promises)
    for number in range(1, 8):
        day = TODAY + number * DAY
        save(store, night("extract", day + HOUR, 30), night("report", day + 3 * HOUR, 110))
    assert warned(store, promises) == before


instants = st.integers(0, 300).map(lambda minutes: TODAY + minutes * MINUTE)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    queued, started, ended = sorted(draw(st.tuples(instants, instants, instants)))
    state = draw(st.sampled_from([RunState.SUCCEEDED, RunState.FAILED]))
    return make_run("run", EXTRACT, state, queued_at=queued, started_at=started, ended_at=ended)


@given(runs(), instants)
def test_a_run_is_seen_without_anything_of_its_future(run: Run, at: datetime) -> None:
    seen = seen_at(run, at)
    if seen is None:
        assert run.queued_at is not None
        assert at < run.queued_at
        return
    for instant in (seen.queued_at, seen.started_at, seen.ended_at):
        assert instant is None or instant <= at
    assert seen.state.is_terminal == (seen.ended_at is not None)
    assert seen == run or not seen.state.is_terminal


@given(st.lists(st.tuples(instants, st.integers(0, 100)), min_size=1, max_size=30), instants)
def test_no_success_is_known_before_its_end(
    spans: Sequence[tuple[datetime, int]], at: datetime
) -> None:
    successes = sorted(
        (
            PastRun(REPORT.key, None, start, start + minutes * MINUTE, None, None)
            for start, minutes in spans
        ),
        key=lambda run: run.ended_at,
    )
    known = PipelinePast(REPORT, successes, ()).as_of(at)
    assert len(known.past) == sum(run.ended_at <= at for run in successes)
    assert all(run.ended_at <= at for run in known.past)
    assert (known.model is None) == (len(known.past) < 5)
    assert all(lag >= 0 for lag in known.lags)
