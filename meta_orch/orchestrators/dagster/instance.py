"""The Dagster instance that this process belongs to, read through `DagsterInstance`.

Of the methods used here `get_run_records` is marked public. `all_instigator_state`,
`get_job_snapshot` and `get_run_step_stats` are unmarked methods of that public class; the tests on
a real instance tell when one of them changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import dagster
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

from meta_orch.config.models import InstanceConfig
from meta_orch.domain.health import Problem
from meta_orch.domain.logs import LogPage
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Task
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.orchestrators.base import ActingRefused, OrchestratorError, Server
from meta_orch.orchestrators.dagster.rows import OPEN_STATUSES, TYPE, RunRow, StepRow, instant

LATEST_RUNS = 200
"""How many runs the fingerprint looks at."""
SCAN_PAGE = 500
SCAN_PAGES = 10


class InstanceSource:
    """What an instance tells of itself.

    It holds runs and not code, so its pipelines are the jobs that have runs, with the tasks of
    their latest run. A job that was never run, and what a job looks like now, is only known to a
    webserver: give its `url` to see that. For the same reason nothing can be started here.
    """

    def __init__(self, config: InstanceConfig, instance: DagsterInstance | None) -> None:
        self._name = config.name
        self._lookback = config.lookback
        self._given = instance
        self._own: DagsterInstance | None = None

    @property
    def _instance(self) -> DagsterInstance:
        if self._given is not None:
            return self._given
        if self._own is None:
            try:
                self._own = DagsterInstance.get()
            except dagster.DagsterError as error:
                raise OrchestratorError(
                    self._name,
                    f"this process belongs to no Dagster instance ({type(error).__name__}): set "
                    "DAGSTER_HOME, or give the `url` of a webserver",
                ) from error
        return self._own

    def now(self) -> datetime:
        return datetime.now(UTC)

    def read_server(self) -> Server:
        with self._asking():
            self._records(None, limit=1)
        return Server(version=dagster.__version__, now=self.now())

    def read_fingerprint(self) -> str:
        """Two reads: the jobs of the latest runs, and the schedules and sensors."""
        with self._asking():
            jobs = {
                (_location(run) or "", run.job_name, self._snapshot_id(run) or "")
                for run in self._own_runs(self._records(None, limit=LATEST_RUNS))
            }
            marks = [repr(mark) for mark in (sorted(jobs), self._schedules())]
        return sha256("\n".join(marks).encode()).hexdigest()

    def read_pipelines(self, known: Mapping[PipelineKey, Pipeline]) -> tuple[Pipeline, ...]:
        with self._asking():
            runs: defaultdict[PipelineKey, list[DagsterRun]] = defaultdict(list)
            for run in self._recent_runs():
                row = _to_row(run)
                runs[PipelineKey(self._name, row.pipeline_name)].append(run)
            schedules = self._schedules()
            pipelines = [self._pipeline(key, of_job, schedules) for key, of_job in runs.items()]
            # Jobs that ran longer ago stay as known while the instance keeps a run of them.
            pipelines += (
                pipeline
                for key, pipeline in known.items()
                if key not in runs
                and self._records(RunsFilter(job_name=key.name.rpartition("/")[2]), limit=1)
            )
            return tuple(pipelines)

    def read_runs(self, *, updated_after: datetime, before: str | None, limit: int) -> list[RunRow]:
        with self._asking():
            chosen = RunsFilter(updated_after=updated_after)
            return [self._row(r) for r in self._records(chosen, limit=limit, cursor=before)]

    def read_open_runs(self, *, before: str | None, limit: int) -> list[RunRow]:
        with self._asking():
            chosen = RunsFilter(statuses=[DagsterRunStatus(status) for status in OPEN_STATUSES])
            return [self._row(r) for r in self._records(chosen, limit=limit, cursor=before)]

    def read_runs_by_id(self, run_ids: list[str]) -> list[RunRow]:
        with self._asking():
            return [self._row(record) for record in self._records(RunsFilter(run_ids=run_ids))]

    def list_runs(
        self, job: str, *, updated_after: datetime, before: str | None, limit: int
    ) -> list[RunRow]:
        with self._asking():
            chosen = RunsFilter(job_name=job, updated_after=updated_after)
            records = self._records(chosen, limit=limit, cursor=before)
            return [_to_row(record.dagster_run, record) for record in records]

    def run_url(self, run_id: str) -> str | None:
        """Dagster shows its own runs; from here the webserver's address is not known."""
        return None

    def check_may_start_runs(self) -> None:
        raise ActingRefused(
            self._name, "an instance read from within starts no runs: give its webserver's `url`"
        )

    def start_run(
        self, pipeline: Pipeline, *, request_id: str, parameters: Mapping[str, Any]
    ) -> RunRow:
        raise ActingRefused(self._name, f"{pipeline.key} is started through a webserver's `url`")

    def read_log(self, run_id: str, cursor: str | None) -> LogPage:
        """Nothing: Dagster shows the log of its own run already."""
        return LogPage((), cursor or "")

    def read_health(self) -> tuple[Problem, ...]:
        """None: whoever asks is run by the daemon that would have to be well."""
        return ()

    def cancel_run(self, run_id: str) -> None:
        raise ActingRefused(self._name, f"run {run_id} is canceled through a webserver's `url`")

    def close(self) -> None:
        if self._own is not None:
            self._own.dispose()
            self._own = None

    def _records(
        self, filters: RunsFilter | None, *, limit: int | None = None, cursor: str | None = None
    ) -> list[RunRecord]:
        return list(self._instance.get_run_records(filters, limit=limit, cursor=cursor))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except OrchestratorError:
            raise
        except Exception as error:
            # Whatever the storage's database driver raises; the cause stays attached.
            raise OrchestratorError(
                self._name, f"the instance's storage does not answer ({type(error).__name__})"
            ) from error

    def _recent_runs(self) -> Iterator[DagsterRun]:
        """Newest first."""
        cursor: str | None = None
        since = RunsFilter(created_after=self.now() - max(self._lookback, timedelta(days=1)))
        for _ in range(SCAN_PAGES):
            records = self._records(since, limit=SCAN_PAGE, cursor=cursor)
            yield from self._own_runs(records)
            if len(records) < SCAN_PAGE:
                return
            cursor = records[-1].dagster_run.run_id

    def _own_runs(self, records: Iterable[RunRecord]) -> Iterator[DagsterRun]:
        for record in records:
            if not _to_row(record.dagster_run).is_mirrored:
                yield record.dagster_run

    def _pipeline(
        self,
        key: PipelineKey,
        runs: list[DagsterRun],
        schedules: Mapping[tuple[str, str], Schedule],
    ) -> Pipeline:
        latest = runs[0]
        snapshot_id = self._snapshot_id(latest)
        location = _location(latest) or ""
        started_by = sorted(
            {
                name
                for run in runs
                for tag in ("dagster/schedule_name", "dagster/sensor_name")
                if (name := run.tags.get(tag))
            }
        )
        written = {asset.to_user_string() for run in runs for asset in run.asset_selection or ()}
        return Pipeline(
            key=key,
            orchestrator=TYPE,
            native_id=key.name,
            version=snapshot_id,
            schedules=tuple(
                schedules[location, name] for name in started_by if (location, name) in schedules
            ),
            tasks=self._tasks(snapshot_id) if snapshot_id else (),
            produces=tuple(AssetRef(asset, asset) for asset in sorted(written)),
        )

    def _snapshot_id(self, run: DagsterRun) -> str | None:
        """Of the whole job: a run of a selection has a snapshot of that selection."""
        if run.job_snapshot_id is None or not self._instance.has_job_snapshot(run.job_snapshot_id):
            return None
        lineage = self._instance.get_job_snapshot(run.job_snapshot_id).lineage_snapshot
        return (lineage.parent_snapshot_id if lineage else None) or run.job_snapshot_id

    def _tasks(self, snapshot_id: str) -> tuple[Task, ...]:
        if not self._instance.has_job_snapshot(snapshot_id):
            return ()
        structure = self._instance.get_job_snapshot(snapshot_id).dep_structure_snapshot
        return tuple(
            Task(
                name=node.node_name,
                kind="op",
                upstream=tuple(
                    sorted(
                        {
                            output.node_name
                            for dependency in node.input_dep_snaps
                            for output in dependency.upstream_output_snaps
                        }
                    )
                ),
                is_mapped=node.is_dynamic_mapped,
            )
            for node in sorted(
                structure.node_invocation_snaps, key=lambda invocation: invocation.node_name
            )
        )

    def _schedules(self) -> dict[tuple[str, str], Schedule]:
        """Schedules and sensors by location and name, as far as they were ever turned on or off or
        ticked. The instance keeps a schedule's cron expression without its time zone, so it is
        given as a rule that the code holds."""
        if self._instance.schedule_storage is None:
            return {}  # an instance in memory has none
        found: dict[tuple[str, str], Schedule] = {}
        for state in self._instance.all_instigator_state():
            crons = getattr(state.instigator_data, "cron_schedule", None)
            location = state.origin.repository_origin.code_location_origin.location_name
            found[location, state.instigator_name] = Schedule(
                kind=ScheduleKind.TIMETABLE if crons else ScheduleKind.SENSOR,
                expression=f"cron {crons if isinstance(crons, str) else ', '.join(crons)}"
                if crons
                else None,
                is_active=state.is_running,
                name=state.instigator_name,
            )
        return dict(sorted(found.items()))

    def _row(self, record: RunRecord) -> RunRow:
        run = record.dagster_run
        row = _to_row(run)
        if row.is_mirrored or record.start_time is None:
            steps = ()
        else:
            steps = tuple(
                StepRow(
                    key=stats.step_key,
                    status=stats.status.value if stats.status else None,
                    started_at=instant(stats.start_time),
                    ended_at=instant(stats.end_time),
                    attempts=max(stats.attempts or 1, 1),
                )
                for stats in self._instance.get_run_step_stats(run.run_id)
            )
        return _to_row(run, record, steps)


def _to_row(
    run: DagsterRun, record: RunRecord | None = None, steps: tuple[StepRow, ...] = ()
) -> RunRow:
    return RunRow(
        run_id=run.run_id,
        job=run.job_name,
        location=_location(run),
        status=run.status.value,
        tags=run.tags,
        config=run.run_config,
        created_at=_aware(record.create_timestamp) if record else None,
        started_at=instant(record.start_time) if record else None,
        ended_at=instant(record.end_time) if record else None,
        parent_run_id=run.parent_run_id,
        snapshot_id=run.job_snapshot_id,
        steps=steps,
    )


def _location(run: DagsterRun) -> str | None:
    return run.remote_job_origin.location_name if run.remote_job_origin else None


def _aware(instant: datetime) -> datetime:
    """Some storages give UTC without saying so."""
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
