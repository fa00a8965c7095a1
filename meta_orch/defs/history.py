"""What Dagster shows of a finished run: a value, made without Dagster's instance or a clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    DagsterRunStatus,
    MetadataValue,
)

from meta_orch.config import InstanceConfig
from meta_orch.defs import metadata, names
from meta_orch.defs.assets import next_run
from meta_orch.defs.checks import evaluate_freshness, evaluate_last_run
from meta_orch.defs.evaluations import as_evaluation
from meta_orch.domain.marks import MIRRORED_TAG
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.runs import Run, TaskRun
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.store import CollectorStatus

_STATUSES = {
    RunState.SUCCEEDED: DagsterRunStatus.SUCCESS,
    RunState.FAILED: DagsterRunStatus.FAILURE,
    RunState.UPSTREAM_FAILED: DagsterRunStatus.FAILURE,
    RunState.CANCELED: DagsterRunStatus.CANCELED,
    RunState.SKIPPED: DagsterRunStatus.CANCELED,
    RunState.REMOVED: DagsterRunStatus.CANCELED,
}
_SAYS_NOTHING_OF_THE_DATA = frozenset({RunState.SKIPPED, RunState.REMOVED})


@dataclass(frozen=True, slots=True)
class HistoricalRun:
    """A run as Dagster shows it: one job's, of one asset."""

    run_id: str
    """A UUID that names this outcome of the external run."""
    job_name: str
    asset_key: AssetKey
    status: DagsterRunStatus
    """Success, failure or canceled."""
    started_at: datetime
    ended_at: datetime
    tags: Mapping[str, str]
    message: str
    """What its last event says."""
    plans_asset: bool
    """Whether it was to update the asset, so that a failure shows on it."""
    materialization: AssetMaterialization | None
    evaluations: tuple[AssetCheckEvaluation, ...]

    def without_asset_events(self) -> Self:
        """The run alone, for one that is older than what its asset shows: Dagster takes for an
        asset's latest what it was told last."""
        return replace(self, plans_asset=False, materialization=None, evaluations=())


def as_historical_run(
    run: Run,
    pipeline: Pipeline,
    instance: InstanceConfig,
    *,
    job_name: str,
    status: CollectorStatus | None,
    now: datetime,
    location: str | None = None,
    task_runs: Iterable[TaskRun] = (),
) -> HistoricalRun | None:
    """What Dagster is to show of a run that is finished; None where no time of it is known.

    Args:
        job_name: the job that stands for the pipeline.
        status: how the instance's last reading went, and `now` to compare it with.
        location: the code location that has the job.
        task_runs: the run's, of which those that failed are listed.
    """
    started_at = run.started_at or run.queued_at or run.scheduled_at or run.ended_at
    if started_at is None:
        return None
    key = names.asset_key(pipeline.key)
    plans_asset = run.state not in _SAYS_NOTHING_OF_THE_DATA
    return HistoricalRun(
        run_id=str(run.revision_id),
        job_name=job_name,
        asset_key=key,
        status=_STATUSES[run.state],
        started_at=started_at,
        ended_at=max(started_at, run.ended_at or started_at),
        tags=_tags(run, pipeline, instance),
        message=_message(run, pipeline),
        plans_asset=plans_asset,
        materialization=AssetMaterialization(
            key, metadata=_metadata(run, pipeline, job_name=job_name, location=location)
        )
        if run.state is RunState.SUCCEEDED
        else None,
        evaluations=(
            as_evaluation(evaluate_last_run(pipeline.key, run, task_runs)),
            as_evaluation(evaluate_freshness(key, instance, status, now)),
        )
        if plans_asset
        else (),
    )


def _tags(run: Run, pipeline: Pipeline, instance: InstanceConfig) -> dict[str, str]:
    """Few, as the Runs page prints them in every row: the rest is told by the run's events."""
    title = metadata.orchestrator_title(pipeline.orchestrator)
    is_known = run.trigger is not RunTrigger.UNKNOWN
    return {
        MIRRORED_TAG: instance.name,
        metadata.RUN_ID: run.key.run_id,
        metadata.LAUNCHED_BY: f"{title}: {run.trigger.value}" if is_known else title,
        **metadata.NO_RETRIES,  # they would launch the job, and so start the pipeline
    }


def _message(run: Run, pipeline: Pipeline) -> str:
    title = metadata.orchestrator_title(pipeline.orchestrator)
    said = f": {run.message}" if run.message else ""
    where = f" ({run.url})" if run.url else ""
    return f"{title} run {run.key.run_id} is {run.native_state}{said}{where}"


def _metadata(
    run: Run, pipeline: Pipeline, *, job_name: str, location: str | None
) -> dict[str, Any]:
    due = run.queued_at or run.scheduled_at
    # Prefect starts a run up to some seconds before it is due.
    queue_time = max(run.started_at - due, timedelta(0)) if run.started_at and due else None
    window = run.logical_window
    return metadata.present(
        {
            metadata.RUN_URL: metadata.url(run.url),
            metadata.RUN_ID: run.key.run_id,
            metadata.DURATION: metadata.seconds(run.duration),
            metadata.QUEUE_TIME: metadata.seconds(queue_time),
            metadata.STARTED_AT: metadata.timestamp(run.started_at),
            metadata.ENDED_AT: metadata.timestamp(run.ended_at),
            metadata.TRIGGER: run.trigger.value,
            metadata.ATTEMPT: run.attempt if run.attempt > 1 else None,
            metadata.LOGICAL_START: metadata.timestamp(window.start) if window else None,
            metadata.LOGICAL_END: metadata.timestamp(window.end) if window else None,
            metadata.PARAMETERS: MetadataValue.json(dict(run.parameters))
            if run.parameters
            else None,
            metadata.NEXT_RUN: metadata.timestamp(next_run(pipeline)),
            metadata.JOB: MetadataValue.job(job_name, location) if location else None,
        }
    )
