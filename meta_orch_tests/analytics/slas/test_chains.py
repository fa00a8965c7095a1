"""Chains of pipelines as if they were one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.slas.chains import chain_runs
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.testing.builders import make_pipeline, make_run

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAMES = ("extract", "model", "report")


def run(name: str, at: float, took: float | None = 1, state: RunState = RunState.SUCCEEDED) -> Run:
    """One that began so many hours after midnight."""
    begun = MONDAY + at * HOUR
    return make_run(
        f"{name}_{at:g}",
        make_pipeline(name),
        RunState.RUNNING if took is None else state,
        scheduled_at=begun,
        queued_at=begun,
        started_at=begun,
        ended_at=None if took is None else begun + took * HOUR,
    )


def through(*runs: Run) -> list[tuple[str, str]]:
    links = [[r for r in runs if r.key.pipeline.name == name] for name in NAMES]
    return [(found.key.run_id, found.state.value) for found in chain_runs(links)]


def test_it_ends_with_the_last_pipeline_that_the_data_came_through() -> None:
    links = [[run("extract", 1)], [run("model", 3)], [run("report", 5)]]
    (found,) = chain_runs(links)
    assert found.key == links[-1][0].key
    assert (found.due_at, found.started_at) == (MONDAY + HOUR, MONDAY + HOUR)
    assert found.ended_at == MONDAY + 6 * HOUR


def test_a_run_that_began_before_its_data_was_there_is_not_the_one() -> None:
    assert through(run("extract", 1), run("model", 1.5), run("report", 5)) == [
        ("extract_1", "waiting")
    ]


def test_a_failed_link_is_made_good_by_a_later_success() -> None:
    failed = run("model", 3, 1, RunState.FAILED)
    assert through(run("extract", 1), failed) == [("model_3", "failed")]
    assert through(run("extract", 1), failed, run("model", 5), run("report", 7)) == [
        ("report_7", "succeeded")
    ]


def test_while_a_link_runs_so_does_the_chain() -> None:
    assert through(run("extract", 1), run("model", 3, None)) == [("model_3", "running")]


def test_each_run_of_the_first_is_one_of_the_chain() -> None:
    assert through(
        *(run("extract", 1), run("model", 2), run("report", 3)),
        *(run("extract", 25), run("model", 26), run("report", 27)),
        run("extract", 49, 1, RunState.FAILED),
    ) == [("report_3", "succeeded"), ("report_27", "succeeded"), ("extract_49", "failed")]


some = st.lists(
    st.builds(run, st.sampled_from(NAMES), st.integers(0, 60), st.none() | st.integers(0, 5)),
    max_size=12,
)


@given(some)
def test_a_chain_takes_as_long_as_its_links_or_longer(runs: list[Run]) -> None:
    links = [[r for r in runs if r.key.pipeline.name == name] for name in NAMES]
    found = [*chain_runs(links)]
    assert len(found) == len(links[0])
    for whole, first in zip(found, links[0], strict=True):
        assert (whole.started_at, whole.due_at) == (first.started_at, first.due_at)
        if whole.state is RunState.SUCCEEDED:
            assert first.duration is not None
            assert whole.duration is not None
            assert whole.key.pipeline.name == NAMES[-1]
            assert whole.duration >= first.duration
