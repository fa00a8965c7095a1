"""From the store to Dagster: finished runs that it does not show yet, also by a job of its own."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dagster import (
    AssetKey,
    DagsterInstance,
    JobDefinition,
    OpExecutionContext,
    in_process_executor,
    job,
    op,
)
from filelock import FileLock, Timeout

from meta_orch.config import InstanceConfig
from meta_orch.defs import metadata, names
from meta_orch.defs.history import as_historical_run
from meta_orch.defs.mirror import (
    Location,
    cancel_unfinished,
    ends_shown,
    holding_connections,
    is_older,
    mirror,
)
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.store import CollectorStatus, Store, StoreReader

AT_ONCE: Final = 200
"""Runs that the job takes from the store at a time: half a minute's work or less, after which runs
that finished meanwhile come first."""
LONGEST_JOB: Final = timedelta(minutes=30)
_MARKED_TOGETHER = 50
_LONGEST_TICK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Progress:
    shown: int
    """Runs that were mirrored."""
    is_complete: bool
    """Whether nothing is left to mirror."""
    is_busy: bool = False
    """Whether another process was at it, so that this one did nothing."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs to mirror and what they are shown with, read at one moment."""

    runs: tuple[Run, ...]
    is_complete: bool
    """Whether these are all there are."""
    pipelines: Mapping[PipelineKey, Pipeline]
    failed_task_runs: Mapping[RunKey, tuple[TaskRun, ...]]
    status: CollectorStatus | None


@dataclass(frozen=True)
class Backlog:
    """The finished runs of one instance that Dagster does not show yet.

    Args:
        history: how many of the last runs of each pipeline are shown.
        jobs: the names of the jobs that stand for the pipelines when the location was loaded.
        clock: gives the time as aware UTC.
    """

    instance: InstanceConfig
    store: Store
    history: int
    jobs: Mapping[PipelineKey, str]
    clock: Callable[[], datetime]

    def read(self, limit: int) -> Batch:
        """The next `limit` runs at most."""
        name = self.instance.name
        with self.store.read() as reader:
            more = self._pending(reader, limit + 1)
            # What is cut off must be the oldest, which is not the last of a longer answer.
            runs = self._pending(reader, limit) if len(more) > limit else more
            return Batch(
                runs=runs,
                is_complete=len(more) <= limit,
                pipelines={
                    pipeline.key: pipeline
                    for pipeline in reader.pipelines(name, {run.key.pipeline.name for run in runs})
                },
                failed_task_runs={
                    run.key: reader.task_runs(run.key) for run in runs if run.state.is_failure
                },
                status=reader.collectors().get(name),
            )

    def work_off(
        self,
        batch: Batch,
        dagster: DagsterInstance,
        location: Location | None,
        *,
        deadline: datetime,
        patience: timedelta = timedelta(0),
    ) -> Progress:
        """Mirror a batch until `deadline`. One process at a time works on an instance.

        Args:
            patience: how long to wait for another process.
        """
        lock = FileLock(self.store.path.with_name(f".mirror_{self.instance.name}.lock"))
        try:
            with lock.acquire(timeout=patience.total_seconds()):
                shown = self._mirror(batch, dagster, location, deadline) if batch.runs else 0
                is_complete = batch.is_complete and shown == len(batch.runs)
                if is_complete:
                    cancel_unfinished(dagster, self.instance.name)
        except Timeout:
            return Progress(shown=0, is_complete=False, is_busy=True)
        return Progress(shown, is_complete)

    def _pending(self, reader: StoreReader, limit: int) -> tuple[Run, ...]:
        return reader.runs_to_mirror(self.instance.name, history=self.history, limit=limit)

    def _mirror(
        self,
        batch: Batch,
        dagster: DagsterInstance,
        location: Location | None,
        deadline: datetime,
    ) -> int:
        """Mirror a batch in its order. Returns how many runs of it, from the first on, are shown by
        now; those are remembered in the store, also when this is left by an error."""
        jobs = self._job_names(batch.pipelines)
        ends = dict(ends_shown(dagster, {names.asset_key(run.key.pipeline) for run in batch.runs}))
        count, unmarked = 0, []
        try:
            with holding_connections(dagster) as writing:
                for run in batch.runs:
                    if self.clock() >= deadline:
                        break
                    self._show(
                        run,
                        batch,
                        writing,
                        job_name=jobs[run.key.pipeline],
                        ends=ends,
                        location=location,
                    )
                    count += 1
                    unmarked.append(run)
                    if len(unmarked) >= _MARKED_TOGETHER:
                        self._mark(unmarked)
                        unmarked = []
        finally:
            self._mark(unmarked)
        return count

    def _show(
        self,
        run: Run,
        batch: Batch,
        dagster: DagsterInstance,
        *,
        job_name: str,
        ends: dict[AssetKey, datetime],
        location: Location | None,
    ) -> None:
        """Mirror a run, as far as its asset is concerned only where that shows no later one: `ends`
        says, and is brought up to date."""
        history = as_historical_run(
            run,
            batch.pipelines[run.key.pipeline],
            self.instance,
            job_name=job_name,
            status=batch.status,
            now=self.clock(),
            location=location.name if location else None,
            task_runs=batch.failed_task_runs.get(run.key, ()),
        )
        if history is None:
            return
        if is_older(history, ends.get(history.asset_key)):
            history = history.without_asset_events()
        elif history.plans_asset:
            ends[history.asset_key] = history.ended_at
        mirror(dagster, history, location)

    def _mark(self, runs: list[Run]) -> None:
        if runs:
            with self.store.write() as writer:
                writer.mark_mirrored(runs, self.clock())

    def _job_names(self, pipelines: Iterable[PipelineKey]) -> Mapping[PipelineKey, str]:
        """Those that the location has, and what it will call pipelines that it has not loaded."""
        if self.jobs.keys() >= set(pipelines):
            return self.jobs
        return names.job_names({*self.jobs, *pipelines})


def build_backlog_job(backlog: Backlog) -> JobDefinition:
    """The job that mirrors what is too much for a tick of the sensor."""
    instance = backlog.instance.name

    @op(name=f"{names.backlog_job_name(instance)}_op")
    def mirror_backlog(context: OpExecutionContext) -> None:
        location = Location.of_op(context)
        deadline = backlog.clock() + LONGEST_JOB
        shown = 0
        while True:
            progress = backlog.work_off(
                backlog.read(AT_ONCE),
                context.instance,
                location,
                deadline=deadline,
                patience=_LONGEST_TICK,
            )
            shown += progress.shown
            context.log.info("%s runs of %s mirrored so far", shown, instance)
            if progress.is_complete or progress.is_busy or backlog.clock() >= deadline:
                break
        context.add_output_metadata({metadata.RUNS_SHOWN: shown})

    @job(
        name=names.backlog_job_name(instance),
        description=(
            f"Shows finished runs of {instance} in Dagster when they are too many for the sensor: "
            "at first, and after a long pause."
        ),
        tags={metadata.INSTANCE: instance},
        executor_def=in_process_executor,
    )
    def mirror_backlog_job() -> None:
        mirror_backlog()

    return mirror_backlog_job
