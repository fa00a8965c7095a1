"""What the mirror needs of Dagster's internals, and what it promises on top of them.

A new version of Dagster that fails here is not to be released with: see `meta_orch/defs/mirror.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetRecordsFilter,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    EventLogEntry,
)
from sqlalchemy import Engine, event

from meta_orch.config import InstanceConfig
from meta_orch.defs import metadata, names
from meta_orch.defs.evaluations import COLLECTOR_IS_FRESH, LAST_RUN_SUCCEEDED
from meta_orch.defs.history import HistoricalRun, as_historical_run
from meta_orch.defs.mirror import cancel_unfinished, ends_shown, is_older, latest_verdicts, mirror
from meta_orch.domain.marks import MIRRORED_TAG
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.store import CollectorStatus
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run

AIRFLOW = InstanceConfig(name=INSTANCE, type="airflow", url="http://airflow.example")
PIPELINE = make_pipeline()
KEY = names.asset_key(PIPELINE.key)
NOW = NOON + timedelta(minutes=20)
READ = CollectorStatus(INSTANCE, NOW, NOW, True, None, "3.3.2", NOW)


def history_of(run: Run, status: CollectorStatus | None = READ) -> HistoricalRun:
    history = as_historical_run(
        run, PIPELINE, AIRFLOW, job_name="airflow_test__daily_orders", status=status, now=NOW
    )
    assert history is not None
    return history


def events_of(instance: DagsterInstance, run: HistoricalRun) -> list[EventLogEntry]:
    return [
        record.event_log_entry
        for record in instance.get_records_for_run(run.run_id, limit=100).records
    ]


def kinds_of(instance: DagsterInstance, run: HistoricalRun) -> list[str]:
    return [entry.get_dagster_event().event_type_value for entry in events_of(instance, run)]


def materializations(instance: DagsterInstance) -> list[str]:
    records = instance.fetch_materializations(AssetRecordsFilter(KEY), limit=100).records
    return [record.run_id for record in records]


def evaluations(instance: DagsterInstance, check: str) -> list[AssetCheckEvaluation]:
    records = instance.event_log_storage.get_asset_check_execution_history(
        AssetCheckKey(KEY, check), limit=100
    )
    return [
        record.event.asset_check_evaluation
        for record in records
        if record.event and record.event.asset_check_evaluation
    ]


def test_a_success_is_a_run_with_its_true_times_and_a_materialization(
    sqlite_instance: DagsterInstance,
) -> None:
    run = history_of(make_run(parameters={"day": "2026-01-04"}, url="http://airflow.example/run"))

    assert mirror(sqlite_instance, run, None)

    record = sqlite_instance.get_run_record_by_id(run.run_id)
    assert record
    assert record.dagster_run.status is DagsterRunStatus.SUCCESS
    assert record.start_time == NOON.timestamp()
    assert record.end_time == (NOON + timedelta(minutes=10)).timestamp()
    assert record.create_timestamp.replace(tzinfo=UTC) == NOON
    assert record.dagster_run.tags[MIRRORED_TAG] == INSTANCE

    latest = sqlite_instance.get_latest_materialization_event(KEY)
    assert latest
    assert latest.run_id == run.run_id
    assert latest.timestamp == record.end_time
    shown = latest.asset_materialization
    assert shown
    assert shown.metadata[metadata.DURATION].value == 600
    assert shown.metadata[metadata.PARAMETERS].value == {"day": "2026-01-04"}
    assert shown.metadata[metadata.RUN_URL].value == "http://airflow.example/run"


def test_who_launched_a_run_is_said_where_dagster_says_it() -> None:
    scheduled, unknown = make_run(trigger=RunTrigger.SCHEDULE), make_run()
    assert history_of(scheduled).tags["user"] == "Airflow: schedule"
    assert history_of(unknown).tags["user"] == "Airflow"


def test_a_run_that_started_before_it_was_due_did_not_wait() -> None:
    early = make_run(queued_at=None, scheduled_at=NOON + timedelta(seconds=1))
    shown = history_of(early).materialization
    assert shown
    assert shown.metadata[metadata.QUEUE_TIME].value == 0


def test_a_run_tells_dagster_its_events_in_the_order_they_happened(
    instance: DagsterInstance,
) -> None:
    run = history_of(make_run())
    mirror(instance, run, None)

    assert kinds_of(instance, run) == [
        "PIPELINE_START",
        "ASSET_MATERIALIZATION_PLANNED",
        "ASSET_CHECK_EVALUATION_PLANNED",
        "ASSET_CHECK_EVALUATION_PLANNED",
        "ASSET_MATERIALIZATION",
        "ASSET_CHECK_EVALUATION",
        "ASSET_CHECK_EVALUATION",
        "PIPELINE_SUCCESS",
    ]
    times = [entry.timestamp for entry in events_of(instance, run)]
    assert times == sorted(times)


def test_a_failure_leaves_its_asset_planned_and_not_materialized(
    instance: DagsterInstance,
) -> None:
    run = history_of(make_run(state=RunState.FAILED, message="no space left"))
    mirror(instance, run, None)

    record = instance.get_run_record_by_id(run.run_id)
    assert record
    assert record.dagster_run.status is DagsterRunStatus.FAILURE
    assert not materializations(instance)
    # This is what turns the asset red in lineage: its latest run failed.
    (asset,) = instance.get_asset_records([KEY])
    assert asset.asset_entry.last_run_id == run.run_id
    (verdict,) = evaluations(instance, LAST_RUN_SUCCEEDED)
    assert not verdict.passed
    last = events_of(instance, run)[-1].get_dagster_event()
    assert last.event_type is DagsterEventType.RUN_FAILURE
    assert "no space left" in (last.message or "")


def test_a_canceled_run_is_canceled_and_its_check_a_warning(instance: DagsterInstance) -> None:
    run = history_of(make_run(state=RunState.CANCELED))
    mirror(instance, run, None)

    record = instance.get_run_record_by_id(run.run_id)
    assert record
    assert record.dagster_run.status is DagsterRunStatus.CANCELED
    (verdict,) = evaluations(instance, LAST_RUN_SUCCEEDED)
    assert (verdict.passed, verdict.severity.value) == (False, "WARN")


def test_a_skipped_run_says_nothing_of_the_asset(instance: DagsterInstance) -> None:
    run = history_of(make_run(state=RunState.SKIPPED))
    mirror(instance, run, None)
    assert kinds_of(instance, run) == ["PIPELINE_START", "PIPELINE_CANCELED"]


def test_a_run_that_never_started_is_placed_when_it_was_due() -> None:
    run = make_run(state=RunState.CANCELED, started_at=None, queued_at=None, ended_at=None)
    assert history_of(run).started_at == run.scheduled_at


def test_a_run_without_any_time_cannot_be_shown() -> None:
    run = make_run(
        state=RunState.CANCELED, started_at=None, queued_at=None, scheduled_at=None, ended_at=None
    )
    assert not as_historical_run(run, PIPELINE, AIRFLOW, job_name="job", status=READ, now=NOW)


def test_dagsters_own_retries_leave_a_failed_external_run_alone(tmp_path: Any) -> None:
    settings = {"run_retries": {"enabled": True, "max_retries": 3}}
    with DagsterInstance.local_temp(str(tmp_path), overrides=settings) as retrying:
        run = history_of(make_run(state=RunState.FAILED))
        mirror(retrying, run, None)
        shown = retrying.get_run_by_id(run.run_id)
    assert shown
    assert shown.tags["dagster/will_retry"] == "false"


def test_a_run_is_shown_once_however_often_it_is_mirrored(
    sqlite_instance: DagsterInstance,
) -> None:
    run = history_of(make_run())
    assert [mirror(sqlite_instance, run, None) for _ in range(3)] == [True, False, False]
    assert len(materializations(sqlite_instance)) == 1
    assert len(kinds_of(sqlite_instance, run)) == 8


def test_each_outcome_of_a_run_is_shown(instance: DagsterInstance) -> None:
    failed = make_run(state=RunState.FAILED)
    cleared = replace(
        failed,
        state=RunState.SUCCEEDED,
        started_at=NOON + timedelta(hours=1),
        ended_at=NOON + timedelta(hours=2),
    )
    for outcome in (failed, cleared):
        mirror(instance, history_of(outcome), None)
    assert [run.status.value for run in instance.get_runs()] == ["SUCCESS", "FAILURE"]


class Killed(BaseException):
    """Stands for the process's end: nothing catches it."""


@contextmanager
def killed_at_write(number: int) -> Iterator[list[str]]:
    """Let no statement that writes to any database happen from the given one on. Yields the
    statements that did."""
    written: list[str] = []

    def count_writes(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            if len(written) >= number:
                raise Killed
            written.append(statement)

    event.listen(Engine, "before_cursor_execute", count_writes)
    try:
        yield written
    finally:
        event.remove(Engine, "before_cursor_execute", count_writes)


def what_is_shown(instance: DagsterInstance) -> Any:
    """All but the announcement of check evaluations, which have followed by now."""
    runs = instance.get_run_records()
    entries = [
        (record.event_log_entry.get_dagster_event(), record.event_log_entry.timestamp)
        for run in runs
        for record in instance.get_records_for_run(run.dagster_run.run_id, limit=99).records
    ]
    return (
        [(r.dagster_run.run_id, r.dagster_run.status, r.start_time, r.end_time) for r in runs],
        [
            (told.event_type_value, timestamp)
            for told, timestamp in entries
            if told.event_type is not DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
        ],
        materializations(instance),
        evaluations(instance, LAST_RUN_SUCCEEDED),
        evaluations(instance, COLLECTOR_IS_FRESH),
        [record.asset_entry.last_run_id for record in instance.get_asset_records([KEY])],
    )


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED])
def test_a_kill_at_any_write_neither_doubles_nor_loses(state: RunState) -> None:
    run = history_of(make_run(state=state))
    with DagsterInstance.ephemeral() as undisturbed:
        mirror(undisturbed, run, None)
        wanted = what_is_shown(undisturbed)
    kills = 0
    for number in count():
        with DagsterInstance.ephemeral() as instance:
            try:
                with killed_at_write(number):
                    mirror(instance, run, None)
            except Killed:
                kills += 1
            else:
                break
            for second in (number, 3):  # and again, while it is written anew
                with suppress(Killed), killed_at_write(second):
                    mirror(instance, run, None)
            mirror(instance, run, None)
            assert what_is_shown(instance) == wanted, f"killed at write {number}"
    assert kills > 10


def test_a_kill_between_any_two_calls_is_mended_on_sqlite_files(
    sqlite_instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = DagsterInstance.report_dagster_event
    for number in (0, 3, 7):
        run = history_of(make_run(f"run_{number}", ended_at=NOON + timedelta(minutes=number + 1)))
        told = count()

        def report_or_die(*args: Any, **kwargs: Any) -> None:
            if next(told) >= number:  # noqa: B023  # called within this turn of the loop only
                raise Killed
            report(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(DagsterInstance, "report_dagster_event", report_or_die)
            with pytest.raises(Killed):
                mirror(sqlite_instance, run, None)
        mirror(sqlite_instance, run, None)
        assert kinds_of(sqlite_instance, run).count("PIPELINE_SUCCESS") == 1
    assert len(materializations(sqlite_instance)) == 3
    assert len(evaluations(sqlite_instance, LAST_RUN_SUCCEEDED)) == 3


def test_what_a_kill_left_of_an_outcome_that_is_no_more_is_ended(
    instance: DagsterInstance,
) -> None:
    shown, lost = history_of(make_run("shown")), history_of(make_run("lost"))
    mirror(instance, shown, None)
    with suppress(Killed), killed_at_write(6):
        mirror(instance, lost, None)
    again = DagsterRun("job", tags={**lost.tags}, status=DagsterRunStatus.STARTED)
    instance.add_run(again)  # executed again by a person, from a mirrored run's page

    assert cancel_unfinished(instance, "another") == 0
    assert cancel_unfinished(instance, INSTANCE) == 1

    assert {run.run_id: run.status.value for run in instance.get_runs()} == {
        shown.run_id: "SUCCESS",
        lost.run_id: "CANCELED",
        again.run_id: "STARTED",
    }
    # Should it come back after all, it is shown.
    assert mirror(instance, lost, None)
    assert len(evaluations(instance, LAST_RUN_SUCCEEDED)) == 2


def test_an_asset_tells_when_the_run_ended_that_it_shows(instance: DagsterInstance) -> None:
    assert ends_shown(instance, [KEY]) == {}
    failed = history_of(make_run(state=RunState.FAILED))
    mirror(instance, failed, None)

    shown = ends_shown(instance, [KEY])[KEY]

    assert shown == failed.ended_at
    assert not is_older(failed, shown)
    assert is_older(history_of(make_run("old", ended_at=NOON + timedelta(minutes=1))), shown)


def test_an_older_run_is_shown_without_changing_its_asset(instance: DagsterInstance) -> None:
    newest = history_of(make_run("newest"))
    older = history_of(
        make_run("older", state=RunState.FAILED, ended_at=NOON)
    ).without_asset_events()
    mirror(instance, newest, None)
    mirror(instance, older, None)

    assert len(instance.get_runs()) == 2
    assert kinds_of(instance, older) == ["PIPELINE_START", "PIPELINE_FAILURE"]
    assert ends_shown(instance, [KEY])[KEY] == newest.ended_at


def test_the_latest_verdict_of_a_check_is_known_and_none_is_made_up(
    instance: DagsterInstance,
) -> None:
    succeeded, fresh = (
        AssetCheckKey(KEY, LAST_RUN_SUCCEEDED),
        AssetCheckKey(KEY, COLLECTOR_IS_FRESH),
    )
    assert latest_verdicts(instance, [succeeded, fresh]) == {}
    mirror(instance, history_of(make_run(state=RunState.FAILED)), None)
    assert latest_verdicts(instance, [succeeded, fresh]) == {succeeded: False, fresh: True}
    mirror(instance, history_of(make_run("next")), None)
    assert latest_verdicts(instance, [succeeded])[succeeded]


def test_times_before_the_epoch_and_an_end_before_the_start_do_no_harm(
    instance: DagsterInstance,
) -> None:
    run = make_run(started_at=NOON, ended_at=NOON - timedelta(seconds=1))
    history = history_of(run)
    assert history.ended_at == history.started_at
    assert mirror(instance, history, None)
    assert not mirror(instance, history, None)


def test_a_stale_reading_is_a_warning_on_the_pipeline(instance: DagsterInstance) -> None:
    late = replace(READ, succeeded_at=datetime(2026, 1, 1, tzinfo=UTC))
    mirror(instance, history_of(make_run(), late), None)
    (verdict,) = evaluations(instance, COLLECTOR_IS_FRESH)
    assert (verdict.passed, verdict.severity.value) == (False, "WARN")
