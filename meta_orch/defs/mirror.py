"""Showing external runs as runs of Dagster: the one module that uses Dagster's internals.

A historical run is the only way that open-source Dagster has to put a run that it did not execute
on its Runs page and timeline, with the times it really had, and to show the asset of a failed one
red. The API for it is not public; `dagster` is pinned to a minor version, and
`meta_orch_tests/defs/test_mirror.py` fails where it behaves otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from dagster import (
    AssetCheckKey,
    AssetKey,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    OpExecutionContext,
    RunsFilter,
    SensorEvaluationContext,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.events import (
    AssetMaterializationPlannedData,
    JobFailureData,
    StepMaterializationData,
)
from dagster._core.remote_origin import RemoteRepositoryOrigin
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster_shared.error import SerializableErrorInfo

from meta_orch.defs.history import HistoricalRun
from meta_orch.domain.marks import MIRRORED_TAG

_T = TypeVar("_T")

_LAST_EVENTS = {
    DagsterRunStatus.SUCCESS: DagsterEventType.PIPELINE_SUCCESS,
    DagsterRunStatus.FAILURE: DagsterEventType.PIPELINE_FAILURE,
    DagsterRunStatus.CANCELED: DagsterEventType.PIPELINE_CANCELED,
}
_VERDICTS = {
    AssetCheckExecutionRecordStatus.SUCCEEDED: True,
    AssetCheckExecutionRecordStatus.FAILED: False,
}
_REVISION_UUID_VERSION = 5
"""That of `Run.revision_id`; Dagster names the runs that it executes by version 4."""
_ROUNDING = timedelta(milliseconds=1)
"""Dagster keeps times as floating point numbers."""
_EVALUATIONS_SINCE_A_KILL = 20
"""Of one check, at most, until what the kill left is written again."""
_STATEMENT_MILLISECONDS = 60_000
_STATEMENTS_WITHIN_OTHERS = 5
_KEYS_AT_ONCE = 500
"""In one query: databases limit its parameters."""


@dataclass(frozen=True)
class Location:
    """The code location that a sensor or an operation is in, so that Dagster's pages link a run to
    its job."""

    origin: RemoteRepositoryOrigin

    @property
    def name(self) -> str:
        return self.origin.code_location_origin.location_name

    @classmethod
    def of_sensor(cls, context: SensorEvaluationContext) -> Location | None:
        """None where a test evaluates the sensor by itself."""
        if context.code_location_origin is None or context.repository_name is None:
            return None
        return cls(RemoteRepositoryOrigin(context.code_location_origin, context.repository_name))

    @classmethod
    def of_op(cls, context: OpExecutionContext) -> Location | None:
        """None where a test executes the job by itself."""
        origin = context.run.remote_job_origin
        return cls(origin.repository_origin) if origin else None


@contextmanager
def holding_connections(instance: DagsterInstance) -> Iterator[DagsterInstance]:
    """The same instance with connections to its database that stay open, for much writing.

    Dagster opens one for each statement, so as not to fill a PostgreSQL with those of all its
    processes; held open, as its webserver does it, six times as many runs a second are written.
    """
    if not instance.is_persistent:
        yield instance
        return
    with DagsterInstance.from_ref(instance.get_ref()) as own:
        own.optimize_for_webserver(
            statement_timeout=_STATEMENT_MILLISECONDS,
            pool_recycle=-1,
            max_overflow=_STATEMENTS_WITHIN_OTHERS,
        )
        try:
            yield own
        finally:
            for storage in (own.run_storage, own.event_log_storage, own.schedule_storage):
                engine = getattr(storage, "_engine", None)
                if engine is not None:
                    engine.dispose()  # which Dagster's own `dispose` leaves to chance


def mirror(instance: DagsterInstance, run: HistoricalRun, location: Location | None) -> bool:
    """Show a run. Returns False where it was shown already, and then changes nothing.

    The run is complete once its last event has set its end. Where a kill left less, its events are
    deleted and written again. Not for two processes at once: they would both write.
    """
    record = instance.get_run_record_by_id(run.run_id)
    planned: Collection[AssetCheckKey] = ()
    if record is None:
        _add(instance, run, location)
    elif record.dagster_run.status is run.status and _is_at(record.end_time, run.ended_at):
        return False
    else:
        instance.event_log_storage.delete_events(run.run_id)
        planned = _planned_checks(instance, run)
    for at, event in _events(run, planned):
        instance.report_dagster_event(event, run_id=run.run_id, timestamp=at.timestamp())
    return True


def ends_shown(
    instance: DagsterInstance, assets: Collection[AssetKey]
) -> Mapping[AssetKey, datetime]:
    """When the run ended that each asset's state is of. An asset without such a run is left out."""
    latest = {
        record.asset_entry.asset_key: record.asset_entry.last_run_id
        for record in instance.get_asset_records(list(assets))
        if record.asset_entry.last_run_id
    }
    ended = {
        record.dagster_run.run_id: record.end_time
        for part in _parts(set(latest.values()))
        for record in instance.get_run_records(RunsFilter(run_ids=part))
        if record.end_time is not None
    }
    return {
        asset: datetime.fromtimestamp(ended[run_id], UTC)
        for asset, run_id in latest.items()
        if run_id in ended
    }


def is_older(run: HistoricalRun, shown: datetime | None) -> bool:
    """Whether an asset shows a later run already."""
    return shown is not None and run.ended_at < shown - _ROUNDING


def cancel_unfinished(instance: DagsterInstance, mirrored: str) -> int:
    """End runs that show those of the instance `mirrored` and that a kill left unfinished. For when
    nothing is left to mirror: the external run came to another outcome since, and this one would
    count as running for ever. Returns how many there were."""
    begun = RunsFilter(statuses=[DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED])
    left = [
        run
        for run in instance.get_runs(begun)
        if run.tags.get(MIRRORED_TAG) == mirrored
        # One that somebody executes again from a mirrored one's page has its tags, and really runs.
        and UUID(run.run_id).version == _REVISION_UUID_VERSION
    ]
    for run in left:
        instance.report_run_canceled(run, "The run came to another outcome before this was shown.")
    return len(left)


def tag_run(instance: DagsterInstance, run_id: str, tags: Mapping[str, str]) -> bool | None:
    """Add tags to a run. Returns whether that changed anything; None where there is no such run."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return None
    if tags.items() <= run.tags.items():
        return False
    instance.add_run_tags(run_id, dict(tags))
    return True


def latest_verdicts(
    instance: DagsterInstance, checks: Collection[AssetCheckKey]
) -> Mapping[AssetCheckKey, bool]:
    """Whether each check passed when last evaluated. One that never was is left out."""
    return {
        key: _VERDICTS[record.status]
        for part in _parts(checks)
        for key, record in instance.event_log_storage.get_latest_asset_check_execution_by_key(
            part
        ).items()
        if record.status in _VERDICTS
    }


@dataclass(frozen=True)
class Evaluated:
    """The last outcome of a check."""

    passed: bool
    at: datetime
    storage_id: int


def latest_outcome(instance: DagsterInstance, check: AssetCheckKey) -> Evaluated | None:
    """None where it was never evaluated, or is being so."""
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])
    record = found.get(check)
    if record is None or record.status not in _VERDICTS:
        return None
    # The database's own time is in whole seconds.
    seconds = record.event.timestamp if record.event else record.create_timestamp
    at = datetime.fromtimestamp(seconds, UTC)
    return Evaluated(_VERDICTS[record.status], at, record.id)


def _add(instance: DagsterInstance, run: HistoricalRun, location: Location | None) -> None:
    instance.run_storage.add_historical_run(
        DagsterRun(
            run_id=run.run_id,
            job_name=run.job_name,
            tags=run.tags,
            status=DagsterRunStatus.NOT_STARTED,
            remote_job_origin=location.origin.get_job_origin(run.job_name) if location else None,
        ),
        run_creation_time=run.started_at,
    )


def _planned_checks(instance: DagsterInstance, run: HistoricalRun) -> Collection[AssetCheckKey]:
    """Checks whose evaluation in this run Dagster expects or has. That outlives the deletion of
    events, and to be told twice to expect one is an error to Dagster."""
    return [
        evaluation.asset_check_key
        for evaluation in run.evaluations
        if any(
            record.run_id == run.run_id
            for record in instance.event_log_storage.get_asset_check_execution_history(
                evaluation.asset_check_key, limit=_EVALUATIONS_SINCE_A_KILL
            )
        )
    ]


def _events(
    run: HistoricalRun, planned: Collection[AssetCheckKey]
) -> Iterator[tuple[datetime, DagsterEvent]]:
    """In the order in which Dagster is to be told; the last one completes the run."""

    def event(
        kind: DagsterEventType, data: object = None, message: str | None = None
    ) -> DagsterEvent:
        return DagsterEvent(
            event_type_value=kind.value,
            job_name=run.job_name,
            message=message,
            event_specific_data=data,  # type: ignore[arg-type]  # a union of forty classes
        )

    yield run.started_at, event(DagsterEventType.PIPELINE_START)
    if run.plans_asset:
        yield (
            run.started_at,
            event(
                DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
                AssetMaterializationPlannedData(run.asset_key),
            ),
        )
    for evaluation in run.evaluations:
        if evaluation.asset_check_key not in planned:
            yield (
                run.started_at,
                event(
                    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
                    AssetCheckEvaluationPlanned(
                        asset_key=evaluation.asset_key, check_name=evaluation.check_name
                    ),
                ),
            )
    if run.materialization:
        yield (
            run.ended_at,
            event(
                DagsterEventType.ASSET_MATERIALIZATION,
                StepMaterializationData(run.materialization),
            ),
        )
    for evaluation in run.evaluations:
        yield run.ended_at, event(DagsterEventType.ASSET_CHECK_EVALUATION, evaluation)
    failure = JobFailureData(error=SerializableErrorInfo(run.message, stack=[], cls_name=None))
    yield (
        run.ended_at,
        event(
            _LAST_EVENTS[run.status],
            failure if run.status is DagsterRunStatus.FAILURE else None,
            run.message,
        ),
    )


def _is_at(timestamp: float | None, instant: datetime) -> bool:
    return (
        timestamp is not None and abs(timestamp - instant.timestamp()) < _ROUNDING.total_seconds()
    )


def _parts(values: Iterable[_T]) -> Iterator[list[_T]]:
    rest = list(values)
    for start in range(0, len(rest), _KEYS_AT_ONCE):
        yield rest[start : start + _KEYS_AT_ONCE]
