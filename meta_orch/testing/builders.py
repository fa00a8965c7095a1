"""Pipelines, runs and task runs with sensible defaults, for tests.

Each takes any field of its type by keyword; what is left out is plausible and fixed, so that two
calls with the same arguments give equal values.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.states import RunState

INSTANCE = "airflow_test"
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""When the runs made here started, unless told otherwise."""

_NOT_BEGUN = frozenset({RunState.SCHEDULED, RunState.QUEUED})


def make_pipeline(
    name: str = "daily_orders", instance: str = INSTANCE, **overrides: Any
) -> Pipeline:
    """A pipeline of an Airflow-like orchestrator: `make_pipeline("refunds", is_paused=True)`."""
    return Pipeline(
        **{
            "key": PipelineKey(instance, name),
            "orchestrator": "airflow",
            "native_id": name,
            "version": "1",
            **overrides,
        }
    )


def make_run(
    run_id: str = "run_1",
    pipeline: Pipeline | PipelineKey | str = "daily_orders",
    state: RunState = RunState.SUCCEEDED,
    **overrides: Any,
) -> Run:
    """A run, by default one of `daily_orders` that started at `NOON` and succeeded ten minutes
    later. The times fit the state: a running one has no end, a queued one no start."""
    begun = state not in _NOT_BEGUN
    return Run(
        **{
            "key": RunKey(_pipeline_key(pipeline), run_id),
            "state": state,
            "native_state": state.value,
            "scheduled_at": NOON - timedelta(minutes=1),
            "queued_at": None if state is RunState.SCHEDULED else NOON - timedelta(seconds=5),
            "started_at": NOON if begun else None,
            "ended_at": NOON + timedelta(minutes=10) if state.is_terminal else None,
            **overrides,
        }
    )


def make_task_run(
    task: str = "extract",
    run: Run | RunKey | None = None,
    state: RunState = RunState.SUCCEEDED,
    **overrides: Any,
) -> TaskRun:
    """One attempt of a task in `run`, by default in `make_run()`."""
    if run is None:
        run = make_run()
    begun = state not in _NOT_BEGUN
    return TaskRun(
        **{
            "run": run.key if isinstance(run, Run) else run,
            "task": task,
            "task_run_id": task,
            "state": state,
            "native_state": state.value,
            "queued_at": None if state is RunState.SCHEDULED else NOON,
            "started_at": NOON + timedelta(seconds=5) if begun else None,
            "ended_at": NOON + timedelta(minutes=5) if state.is_terminal else None,
            **overrides,
        }
    )


def _pipeline_key(pipeline: Pipeline | PipelineKey | str) -> PipelineKey:
    if isinstance(pipeline, Pipeline):
        return pipeline.key
    if isinstance(pipeline, PipelineKey):
        return pipeline
    return PipelineKey(INSTANCE, pipeline)
