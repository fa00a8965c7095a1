"""The runs that led to a run, across orchestrators."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.critical_paths.batches import batches
from meta_orch.analytics.critical_paths.graph import TaskGraph
from meta_orch.analytics.critical_paths.report import path_report, saved_if_earlier
from meta_orch.analytics.critical_paths.run_graphs import RunGraphs
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.testing.builders import make_pipeline, make_run

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EXTRACT = make_pipeline("extract", "airflow")
LOOKUP = make_pipeline("lookup", "prefect")
REPORT = make_pipeline("report", "dagster")
UPSTREAM: dict[AssetPath, list[AssetPath]] = {
    REPORT.key.path: [EXTRACT.key.path, LOOKUP.key.path],
}


def run(name: str, start: float, minutes: float, due: float | None = None, day: int = 0) -> Run:
    pipeline = {p.key.name: p for p in (EXTRACT, LOOKUP, REPORT)}[name]
    begun = MIDNIGHT + day * DAY + start * MINUTE
    at = begun if due is None else min(begun, MIDNIGHT + day * DAY + due * MINUTE)
    return make_run(
        f"{name}_{day}_{start:g}",
        pipeline,
        RunState.SUCCEEDED,
        trigger=RunTrigger.MANUAL if due is None else RunTrigger.SCHEDULE,
        scheduled_at=at,
        queued_at=at,
        started_at=begun,
        ended_at=begun + minutes * MINUTE,
    )


def graphs(*runs: Run, of: PipelineKey = REPORT.key) -> list[TaskGraph]:
    return [*RunGraphs(runs, lambda path: UPSTREAM.get(path, [])).of(of, 10)]


def path(graph: TaskGraph) -> list[tuple[str, float, float, float]]:
    """Each with what it waited, was queued and executed, in minutes."""
    return [
        (step.node.name, step.waited / MINUTE, step.queued / MINUTE, step.executed / MINUTE)
        for step in graph.critical_path().steps
    ]


def test_it_goes_back_to_the_pipeline_that_decided_and_to_when_that_was_due() -> None:
    (graph,) = graphs(
        run("extract", 65, 30, due=60), run("lookup", 60, 5), run("report", 120, 10, due=115)
    )
    assert path(graph) == [("airflow/extract", 0, 5, 30), ("dagster/report", 20, 5, 10)]
    assert graph.critical_path().makespan == 70 * MINUTE


def test_what_had_not_ended_when_it_began_did_not_lead_to_it() -> None:
    (graph,) = graphs(run("extract", 60, 90), run("lookup", 50, 5), run("report", 120, 10))
    assert [name for name, *_ in path(graph)] == ["prefect/lookup", "dagster/report"]


def test_each_day_has_its_own_runs_and_the_last_is_first() -> None:
    days = [
        r
        for day in range(3)
        for r in (run("extract", 60, 30 + day, day=day), run("report", 120, 10, day=day))
    ]
    found = graphs(*days)
    assert [graph.nodes.keys() for graph in found] == [
        {f"airflow/extract\nextract_{day}_60", f"dagster/report\nreport_{day}_120"}
        for day in (2, 1, 0)
    ]


def test_what_is_older_than_a_day_did_not_lead_to_it() -> None:
    (graph,) = graphs(run("extract", 0, 10), run("report", 120, 10, day=1))
    assert len(graph.nodes) == 1


def test_a_schedule_that_is_earlier_saves_what_it_had_waited_for_nothing() -> None:
    """The report is due at two, and its data is there at half past one."""
    found = graphs(run("extract", 60, 30, due=60), run("report", 120, 10, due=120))
    saved = saved_if_earlier(found, 20 * MINUTE)
    assert saved == {"airflow/extract": timedelta(), "dagster/report": 20 * MINUTE}
    saved = saved_if_earlier(found, 45 * MINUTE)
    assert saved["dagster/report"] == 30 * MINUTE
    report = {share.task: share for share in path_report(batches(found)).tasks}
    assert report["airflow/extract"].saves == timedelta()
    assert report["airflow/extract"].slack == 30 * MINUTE
    assert report["dagster/report"].saves == 3 * MINUTE


def test_what_is_started_by_another_comes_as_long_after_it_as_it_did() -> None:
    found = graphs(run("extract", 60, 30, due=60), run("report", 100, 10))
    saved = saved_if_earlier(found, 20 * MINUTE)
    assert saved == {"airflow/extract": 20 * MINUTE, "dagster/report": 10 * MINUTE}


some = st.lists(
    st.builds(
        run,
        st.sampled_from(["extract", "lookup", "report"]),
        st.integers(0, 600),
        st.integers(0, 120),
        st.none() | st.integers(0, 600),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda r: r.key,
)


@given(some, st.integers(0, 60))
def test_the_path_is_no_longer_than_the_whole_and_earlier_is_never_later(
    runs: list[Run], minutes: int
) -> None:
    for graph in graphs(*runs):
        found = graph.critical_path()
        assert sum((s.waited + s.queued + s.executed for s in found.steps), timedelta()) == (
            found.makespan
        )
        assert all(slack >= timedelta() for slack in graph.slack().values())
        for id_ in graph.nodes:
            sooner = graph.makespan_if(earlier={id_: minutes * MINUTE})
            assert found.makespan - minutes * MINUTE <= sooner <= found.makespan
        assert graph.makespan_if() == found.makespan


@pytest.mark.parametrize("pipeline", [EXTRACT, LOOKUP])
def test_what_depends_on_nothing_is_a_path_by_itself(pipeline: object) -> None:
    assert len(graphs(run("extract", 0, 10), run("lookup", 0, 10), of=pipeline.key)) == 1  # type: ignore[attr-defined]  # it is one
