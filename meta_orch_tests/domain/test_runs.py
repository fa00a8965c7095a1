"""A run's states, its duration, and the name of each of its outcomes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.states import FAILURE_STATES, TERMINAL_STATES, RunState

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
FINISHED = Run(
    key=RunKey(PipelineKey("airflow", "daily_orders"), "scheduled__2026-03-29"),
    state=RunState.SUCCEEDED,
    native_state="success",
    started_at=NOON,
    ended_at=NOON + timedelta(minutes=5),
)

name_parts = st.text(min_size=1).filter(lambda part: "/" not in part)


def test_every_failure_is_an_end() -> None:
    assert FAILURE_STATES <= TERMINAL_STATES


def test_a_state_that_is_not_known_is_never_taken_for_an_end() -> None:
    assert not RunState.UNKNOWN.is_terminal


@pytest.mark.parametrize("state", sorted(set(RunState) - TERMINAL_STATES))
def test_a_run_in_no_terminal_state_is_no_failure(state: RunState) -> None:
    assert not state.is_failure


def test_the_duration_runs_from_start_to_end() -> None:
    assert FINISHED.duration == timedelta(minutes=5)


@pytest.mark.parametrize("missing", ["started_at", "ended_at"])
def test_a_run_without_a_start_or_an_end_has_no_duration(missing: str) -> None:
    assert replace(FINISHED, **{missing: None}).duration is None


def test_the_same_outcome_has_the_same_revision() -> None:
    assert FINISHED.revision_id == replace(FINISHED, message="read again").revision_id


@pytest.mark.parametrize(
    "change",
    [
        {"state": RunState.FAILED},
        {"attempt": 2},
        {"started_at": NOON + timedelta(seconds=1)},
        {"ended_at": NOON + timedelta(minutes=6)},
        {"key": RunKey(FINISHED.key.pipeline, "scheduled__2026-03-30")},
        {"key": RunKey(PipelineKey("airflow_b", "daily_orders"), FINISHED.key.run_id)},
    ],
    ids=["state edited", "retried", "cleared", "ended later", "another run", "another instance"],
)
def test_another_outcome_has_another_revision(change: dict) -> None:
    assert replace(FINISHED, **change).revision_id != FINISHED.revision_id


def test_revisions_stay_what_they_were_in_earlier_versions() -> None:
    """They are the ids of the runs already mirrored: a change here mirrors each of them again."""
    assert str(FINISHED.revision_id) == "594fd2b3-0319-5c02-972d-c368279a279f"


@given(name_parts, st.lists(name_parts, min_size=1, max_size=3))
def test_a_pipeline_key_survives_being_written_and_read(instance: str, parts: list[str]) -> None:
    key = PipelineKey(instance, "/".join(parts))
    assert PipelineKey.parse(str(key)) == key
    assert key.path == (instance, *parts)


@pytest.mark.parametrize("text", ["", "orders", "/orders", "airflow/"])
def test_a_text_without_an_instance_or_a_name_is_no_pipeline(text: str) -> None:
    with pytest.raises(ValueError, match="write it as INSTANCE/NAME"):
        PipelineKey.parse(text)


def test_an_outcome_is_the_same_in_whatever_zone_its_times_are_given() -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    assert FINISHED.started_at
    elsewhere = replace(FINISHED, started_at=FINISHED.started_at.astimezone(nepal))
    assert elsewhere.revision_id == FINISHED.revision_id


def test_a_finished_run_takes_effect_when_it_ends() -> None:
    assert FINISHED.effective_at == FINISHED.ended_at


@pytest.mark.parametrize("known", ["started_at", "queued_at", "scheduled_at"])
def test_a_run_without_an_end_takes_effect_at_the_last_time_known(known: str) -> None:
    earlier = dict.fromkeys(["started_at", "queued_at", "scheduled_at"])
    run = replace(FINISHED, state=RunState.WAITING, **{**earlier, known: NOON})
    assert run.effective_at == NOON


def test_an_end_that_a_cleared_run_still_has_does_not_count() -> None:
    assert replace(FINISHED, state=RunState.RUNNING).effective_at == FINISHED.started_at
