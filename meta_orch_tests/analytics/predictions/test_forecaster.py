"""When pipelines will end, and how delays go on along the graph."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.predictions.durations import DurationModel
from meta_orch.analytics.predictions.forecaster import Expectation, Forecaster, Known
from meta_orch.analytics.predictions.histories import past_run
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron
from meta_orch.domain.time import Window
from meta_orch.store.tracing import PastRun
from meta_orch.testing.builders import make_pipeline, make_run

TODAY = datetime(2026, 3, 20, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
WINDOW = Window(TODAY - DAY + 7 * HOUR, TODAY + 7 * HOUR)
EXTRACT, MODEL = ("airflow", "extract"), ("prefect", "model")


def known(
    name: str,
    hour: float,
    minutes: float,
    *runs: Run,
    schedule: str | None = None,
    late: float = 0,
) -> Known:
    """One that ran each night at an hour, so many minutes late, for so many."""
    past = [
        PastRun(
            PipelineKey("i", name),
            at if schedule else None,
            at + late * MINUTE,
            at + (late + minutes) * MINUTE,
            None,
            None,
        )
        for n in range(20, 0, -1)
        for at in [TODAY - n * DAY + hour * HOUR]
    ]
    model = DurationModel([past_run(run) for run in past])
    return Known([cron(schedule)] if schedule else [], model, past, runs)


def running(name: str, since: datetime, ended: datetime | None = None) -> Run:
    return make_run(
        f"{name}_today",
        make_pipeline(name),
        RunState.SUCCEEDED if ended else RunState.RUNNING,
        scheduled_at=since,
        queued_at=since,
        started_at=since,
        ended_at=ended,
    )


def expected(
    extract: Known, model: Known, now: datetime, *, waits: bool = True
) -> Expectation | None:
    awaited = {MODEL: [EXTRACT]} if waits else {}
    return Forecaster({EXTRACT: extract, MODEL: model}, awaited, now).success(MODEL, WINDOW)


def at(expectation: Expectation | None) -> tuple[int, int]:
    assert expectation is not None
    return expectation.end.expected.hour, expectation.end.expected.minute


def test_what_runs_ends_when_it_has_usually_taken_as_long() -> None:
    model = known("model", 3, 60, running("model", TODAY + 4 * HOUR), schedule="0 3 * * *")
    found = expected(known("extract", 1, 30), model, TODAY + 4.5 * HOUR, waits=False)
    assert at(found) == (5, 0)


def test_what_is_due_begins_as_late_as_it_does_and_takes_as_long() -> None:
    model = known("model", 3, 60, schedule="0 3 * * *", late=10)
    assert at(expected(known("extract", 1, 30), model, TODAY, waits=False)) == (4, 10)


def test_what_should_have_begun_begins_now_at_the_earliest() -> None:
    model = known("model", 3, 60, schedule="0 3 * * *")
    assert at(expected(known("extract", 1, 30), model, TODAY + 5 * HOUR, waits=False)) == (6, 0)


def test_a_delay_goes_on_to_what_waits() -> None:
    slow = known("extract", 1, 30, running("extract", TODAY + 3.5 * HOUR), schedule="0 1 * * *")
    model = known("model", 2, 60)
    found = expected(slow, model, TODAY + 3.6 * HOUR)
    # The extract is done at four; the model begins half an hour after, as ever.
    assert at(found) == (5, 30)
    assert found is not None
    assert found.because == (EXTRACT, MODEL)


def test_what_does_not_wait_is_not_delayed() -> None:
    slow = known("extract", 1, 30, running("extract", TODAY + 3.5 * HOUR), schedule="0 1 * * *")
    model = known("model", 2, 60, schedule="0 2 * * *")
    assert at(expected(slow, model, TODAY + HOUR, waits=False)) == (3, 0)


def test_what_has_its_own_schedule_and_waits_begins_when_both_are_there() -> None:
    model = known("model", 3, 60, schedule="0 3 * * *")
    quick = known("extract", 1, 30, schedule="0 1 * * *")
    found = expected(quick, model, TODAY)
    assert at(found) == (4, 0)


def test_what_is_done_is_known() -> None:
    done = running("model", TODAY + 3 * HOUR, TODAY + 3.25 * HOUR)
    found = expected(known("extract", 1, 30), known("model", 3, 60, done), TODAY + 6 * HOUR)
    assert at(found) == (3, 15)
    assert found is not None
    assert found.end.spread == timedelta()


def test_what_has_no_schedule_and_waits_for_nothing_cannot_be_told() -> None:
    assert expected(known("extract", 1, 30), known("model", 3, 60), TODAY, waits=False) is None


def test_a_cycle_ends() -> None:
    both = {EXTRACT: known("extract", 1, 30), MODEL: known("model", 3, 60)}
    awaited: dict[tuple[str, ...], Sequence[tuple[str, ...]]] = {
        EXTRACT: [MODEL],
        MODEL: [EXTRACT],
    }
    assert Forecaster(both, awaited, TODAY).success(MODEL, WINDOW) is None


def test_a_chain_comes_through_the_first_run_after_the_data() -> None:
    """The model ran at three, before today's extract had ended at four; it will again at six."""
    extract = known("extract", 1, 30, running("extract", TODAY + HOUR, TODAY + 4 * HOUR))
    model = known(
        "model",
        3,
        20,
        running("model", TODAY + 3 * HOUR, TODAY + 3.3 * HOUR),
        schedule="0 */3 * * *",
    )
    forecaster = Forecaster({EXTRACT: extract, MODEL: model}, {}, TODAY + 5 * HOUR)
    assert at(forecaster.through((EXTRACT, MODEL), WINDOW)) == (6, 20)
    assert at(forecaster.success(MODEL, WINDOW)) == (3, 18)


@given(st.floats(0, 120), st.floats(0, 120))
def test_the_later_the_upstream_the_later_the_downstream(one: float, other: float) -> None:
    soon, late = sorted([one, other])
    model = known("model", 2, 60)

    def end(minutes: float) -> datetime:
        began = TODAY + HOUR + minutes * MINUTE
        extract = known("extract", 1, 180, running("extract", began), schedule="0 1 * * *")
        found = expected(extract, model, TODAY + 3 * HOUR)
        assert found is not None
        return found.end.expected

    assert end(soon) <= end(late)
