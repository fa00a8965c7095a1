"""The sensor that starts pipelines when others have run: `triggers` in meta_orch.yaml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    JobDefinition,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from meta_orch.config import MetaOrchConfig
from meta_orch.config.models import TriggerConfig
from meta_orch.defs import metadata
from meta_orch.defs.asset_watch import DagsterAssetWatch
from meta_orch.dependencies.gates import KnownGates
from meta_orch.dependencies.triggers import ask_gates, evaluate_triggers, is_asked_for
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.triggers import Firing, FiringState
from meta_orch.store import Store

SENSOR_NAME: Final = "meta_orch__triggers"
FIRING_TAG: Final = f"{metadata.PREFIX}/firing"
TRIGGER_TAG: Final = f"{metadata.PREFIX}/trigger"
SILENCE: Final = timedelta(minutes=3)
"""How long a Dagster run may give no sign of life before it counts as dead: as long as Dagster's
own monitoring, where it is on, gives a run to start. One that lives all the same does no harm: both
follow one run."""
_WORKING: Final = {DagsterRunStatus.STARTING, DagsterRunStatus.STARTED}
"""What is only queued may be so for long."""
_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(minutes=10)
_SHORTEST_INTERVAL = 5


def build_trigger_sensor(
    config: MetaOrchConfig,
    store: Store,
    jobs: Mapping[PipelineKey, str],
    pipeline_jobs: Sequence[JobDefinition],
    *,
    gates: KnownGates,
    clock: Callable[[], datetime],
) -> list[SensorDefinition]:
    """The sensor; none where there are no triggers, or nothing that they could start is known yet.

    Args:
        jobs: the name of each pipeline's job.
        pipeline_jobs: those jobs.
        gates: have a say in what is started when another succeeded.
        clock: gives the time as aware UTC.
    """
    wanted = {PipelineKey.parse(trigger.run) for trigger in config.triggers}
    targets = {jobs[key] for key in wanted if key in jobs}
    if not targets:
        return []
    interval = min(i.poll_interval.total_seconds() for i in config.instances)

    @sensor(
        name=SENSOR_NAME,
        jobs=[job for job in pipeline_jobs if job.name in targets],
        minimum_interval_seconds=max(_SHORTEST_INTERVAL, round(interval)),
        default_status=DefaultSensorStatus.RUNNING,
        description="Starts pipelines when others have run: `triggers` in meta_orch.yaml.",
    )
    def triggers(context: SensorEvaluationContext) -> SensorResult:
        now = clock()
        _fail_the_silent(context.instance, store, config.triggers, now)
        fired = evaluate_triggers(store, config, now, DagsterAssetWatch(context.instance))
        with store.read() as reader:
            waiting = reader.triggers.firings(is_open=True)
        runs = _runs_by_firing(context.instance, [firing.id for firing in waiting])
        if canceled := [firing for firing in waiting if _is_canceled(firing, runs)]:
            _end(canceled, store, now)
            waiting = [firing for firing in waiting if firing not in canceled]
        waiting = _let_through(waiting, config.triggers, store, gates, now)
        requests = list(_requests(waiting, runs, context.instance, jobs, now))
        for firing in fired:
            context.log.info("%s: %s (%s)", firing.trigger, firing.state, firing.reason)
        said = f"{len(fired)} fired; {len(waiting)} under way"
        return SensorResult(run_requests=requests, skip_reason=None if requests else said)

    return [triggers]


def _fail_the_silent(
    dagster: DagsterInstance, store: Store, triggers: Sequence[TriggerConfig], now: datetime
) -> None:
    """Fails the Dagster runs whose process died; nobody else does where Dagster does not monitor
    runs."""
    tags = {TRIGGER_TAG: [trigger.name for trigger in triggers]}
    for record in dagster.get_run_records(RunsFilter(tags=tags, statuses=[*_WORKING])):
        run = record.dagster_run
        with store.read() as reader:
            firing = reader.triggers.firing(run.tags.get(FIRING_TAG, ""))
        signs = [record.update_timestamp]
        if firing and firing.followed_at:
            signs.append(firing.followed_at)
        if now - max(signs) > SILENCE:
            message = "It gave no sign of life."
            if firing and firing.state.is_open:
                message += " Another takes up what it followed."
            dagster.report_run_failed(run, message)


def _is_canceled(firing: Firing, runs: Mapping[str, Sequence[DagsterRun]]) -> bool:
    """Whether somebody canceled its Dagster run before anything was started."""
    found = runs.get(firing.id)
    return (
        firing.state in {FiringState.PLANNED, FiringState.WAITING}
        and bool(found)
        and found[0].status is DagsterRunStatus.CANCELED
    )


def _end(canceled: Iterable[Firing], store: Store, now: datetime) -> None:
    with store.write() as writer:
        for firing in canceled:
            message = "Its Dagster run was canceled before it was started."
            ended = replace(firing, state=FiringState.CANCELED, ended_at=now, message=message)
            writer.triggers.save(ended)


def _let_through(
    waiting: Sequence[Firing],
    triggers: Sequence[TriggerConfig],
    store: Store,
    gates: KnownGates,
    now: datetime,
) -> list[Firing]:
    """Those that no gate keeps from being started. What the gates say of the others is saved where
    it has changed."""
    asked = [firing for firing in waiting if is_asked_for(firing, triggers)]
    if not asked:
        return [*waiting]
    with store.read() as reader:
        answered = list(ask_gates(asked, gates.keeper(reader, now), now))
    if changed := [firing for firing in answered if firing not in asked]:
        with store.write() as writer:
            for firing in changed:
                writer.triggers.save(firing)
    free = {firing.id for firing in answered if firing.state is FiringState.PLANNED}
    return [firing for firing in waiting if firing not in asked or firing.id in free]


def _requests(
    waiting: Sequence[Firing],
    runs: Mapping[str, Sequence[DagsterRun]],
    dagster: DagsterInstance,
    jobs: Mapping[PipelineKey, str],
    now: datetime,
) -> Iterator[RunRequest]:
    """A Dagster run for each firing that none works on: a new one, or one whose run died."""
    for firing in reversed(waiting):
        earlier = runs.get(firing.id, [])
        job = jobs.get(firing.target)
        if job is None or not _is_free(earlier, dagster, now):
            continue
        yield RunRequest(
            run_key=_run_key(firing, earlier),
            job_name=job,
            run_config={"ops": {"start_run": {"config": {"firing": firing.id}}}},
            tags={FIRING_TAG: firing.id, TRIGGER_TAG: firing.trigger},
        )


def _run_key(firing: Firing, earlier: Sequence[DagsterRun]) -> str:
    """Another one for each run that is over; where one was made and never launched, its own, by
    which Dagster launches it."""
    over = sum(run.status is not DagsterRunStatus.NOT_STARTED for run in earlier)
    return f"{firing.id} {over + 1}" if over else firing.id


def _runs_by_firing(
    dagster: DagsterInstance, firings: Sequence[str]
) -> Mapping[str, list[DagsterRun]]:
    """The last first."""
    if not firings:
        return {}
    found: dict[str, list[DagsterRun]] = {}
    for run in dagster.get_runs(RunsFilter(tags={FIRING_TAG: list(firings)})):
        found.setdefault(run.tags[FIRING_TAG], []).append(run)
    return found


def _is_free(runs: Sequence[DagsterRun], dagster: DagsterInstance, now: datetime) -> bool:
    """Whether no Dagster run works on it, and the last one has been over for long enough."""
    if not runs or runs[0].status is DagsterRunStatus.NOT_STARTED:
        return True
    last = runs[0]
    if not last.is_finished:
        return False
    record = dagster.get_run_record_by_id(last.run_id)
    ended = datetime.fromtimestamp(record.end_time, UTC) if record and record.end_time else now
    return now - ended >= min(_PAUSE * (2 ** (len(runs) - 1)) - _PAUSE, _LONGEST_PAUSE)
