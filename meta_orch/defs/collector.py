"""What one tick of an instance's sensor does: read what changed into the store, then show what is
new in Dagster.

Each part ends within its share of the time that Dagster gives a tick, and the next tick goes on
where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from dagster import (
    AssetMaterialization,
    DagsterError,
    DagsterInstance,
    DagsterRunStatus,
    RunRecord,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
)

from meta_orch.config import InstanceConfig, MetaOrchConfig
from meta_orch.defs import metadata, names
from meta_orch.defs.actions import publish_actions
from meta_orch.defs.backlog import Backlog
from meta_orch.defs.connection import KeptConnection, is_own_dagster
from meta_orch.defs.freshness import publish_freshness
from meta_orch.defs.gate_publisher import GatePublisher
from meta_orch.defs.mirror import Location
from meta_orch.defs.reload import Reloader, catalogue_digest
from meta_orch.dependencies.gates import Holder
from meta_orch.dependencies.reading import known_pipelines
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.store import CollectorStatus, Store, StoreError
from meta_orch.sync import Collection, collect

READING: Final = timedelta(seconds=20)
"""Of a tick, for reading. What was asked by then may take as long again to be answered."""
TICK: Final = timedelta(seconds=45)
"""Of the minute that Dagster gives a tick. What was begun by then may take a second or two."""
AT_ONCE: Final = 50
"""Runs that a tick mirrors itself. More are a job's, which takes ten seconds to come up."""
AFTER_A_FAILED_JOB: Final = timedelta(minutes=10)
"""How long ticks do what they can themselves, before the job is launched again."""
_LISTED_RUNS = 50
_DIGEST_LENGTH = 12
_HAVE_BEGUN = frozenset({RunState.RUNNING, RunState.WAITING, RunState.RETRYING, RunState.CANCELING})


class CollectorFailed(DagsterError):
    """A tick could not do its work. The text says why; a trace would add nothing.

    It is a `DagsterError` so that Dagster shows this text first, and not one of its own.
    """


@dataclass(frozen=True)
class Collector:
    """What the sensor of one instance works with.

    Args:
        pipelines: how many pipelines of the instance the location has loaded.
        config: tells of edges that no orchestrator knows.
        gates: keeps the checks of `gated` pipelines as their gates are.
        holder: keeps them from running where they must not; None where nothing can.
        clock: gives the time as aware UTC.
    """

    instance: InstanceConfig
    store: Store
    backlog: Backlog
    reloader: Reloader
    connection: KeptConnection
    clock: Callable[[], datetime]
    pipelines: int
    config: MetaOrchConfig = field(default_factory=MetaOrchConfig)
    gates: GatePublisher | None = None
    holder: Holder | None = None
    gated: Sequence[AssetPath] = ()

    def tick(self, context: SensorEvaluationContext) -> RunRequest | SkipReason:
        """Read, store, and show what is new.

        Raises:
            CollectorFailed: the orchestrator or the store did not give what was asked. What the
                store holds already is shown all the same.
        """
        try:
            with self.reloader.tick():
                return self._tick(context, Location.of_sensor(context), self.clock() + TICK)
        except MetaOrchError as error:
            raise CollectorFailed(str(error)) from None

    def _tick(
        self, context: SensorEvaluationContext, location: Location | None, deadline: datetime
    ) -> RunRequest | SkipReason:
        failure: MetaOrchError | None = None
        words = []
        left_alone = self._left_alone()
        if left_alone:
            words.append(left_alone)
        else:
            try:
                words.append(_words(self._read(context.instance)))
            except StoreError:
                raise
            except MetaOrchError as error:
                failure = error
        with self.store.read() as reader:
            status = reader.collectors().get(self.instance.name)
            in_progress = reader.runs_in_progress(self.instance.name)
            has_holds = any(h.state.is_open for h in reader.last_holds(self.instance.name).values())
        if failure is None and not left_alone:
            self._update_own_asset(context, in_progress, status)
            words.append(f"{len(in_progress)} in progress; {self.pipelines} pipelines")
        words.append(self._reload(location, status))
        request = None
        if not self.reloader.is_asking:  # a reload waits for this tick's end: pipelines before runs
            request, mirrored = self._mirror(context.instance, location, deadline)
            words.append(mirrored)
        if (self.gated or has_holds) and not self.reloader.is_asking:
            is_there = failure is None and not left_alone
            words += self._keep_gates(context.instance, deadline, is_there=is_there)
        self._publish_freshness(context.instance, status, deadline)
        summary = "; ".join(filter(None, words))
        context.log.info(summary)
        if request is not None:
            if failure is not None:  # a tick that fails launches nothing
                context.log.error(str(failure))
            return request
        if failure is not None:
            raise failure
        return SkipReason(summary)

    def _left_alone(self) -> str:
        """Why nothing is asked now, and until when; empty where the circuit is closed."""
        with self.store.read() as reader:
            status = reader.collectors().get(self.instance.name)
        if status is None or not status.circuit.is_open(self.clock()):
            return ""
        return (
            f"left alone until {status.circuit.retry_at:%H:%M:%S} UTC after "
            f"{status.circuit.failures} readings that brought nothing: {status.error}"
        )

    def _read(self, dagster: DagsterInstance) -> Collection:
        with self.connection.adapter(dagster) as orchestrator:
            return collect(
                orchestrator,
                self.store,
                clock=self.clock,
                deadline=self.clock() + READING,
                lookback=self.instance.lookback,
                config=self.config,
                poll_interval=self.instance.poll_interval,
            )

    def _mirror(
        self, dagster: DagsterInstance, location: Location | None, deadline: datetime
    ) -> tuple[RunRequest | None, str]:
        """Mirror what a tick can, or have the job launched."""
        if is_own_dagster(self.instance):
            return None, ""  # Dagster shows its own runs
        last = self._last_job_run(dagster)
        if last is not None and not last.dagster_run.is_finished:
            return None, f"run {last.dagster_run.run_id[:8]} mirrors a backlog"
        batch = self.backlog.read(AT_ONCE)
        if not batch.is_complete and not self._failed_lately(last):
            # The key makes two ticks after one and the same run ask for one and the same next run.
            after = last.dagster_run.run_id if last else "nothing"
            return RunRequest(run_key=f"after {after}"), "more to mirror than fits in a tick"
        progress = self.backlog.work_off(batch, dagster, location, deadline=deadline)
        if progress.is_busy:
            return None, "another process mirrors"
        more = "" if progress.is_complete else ", more to come"
        return None, f"{progress.shown} mirrored{more}"

    def _keep_gates(
        self, dagster: DagsterInstance, deadline: datetime, *, is_there: bool
    ) -> list[str]:
        """Show what the gates say and, where the orchestrator answers, hold what they hold."""
        if self.gates is None:
            return []
        decisions = self.gates.decide(dagster, self.gated)
        changed = self.gates.publish(dagster, decisions, deadline)
        words = [f"{changed} gates changed"] if changed else []
        if is_there and self.holder is not None:
            with self.connection.adapter(dagster) as orchestrator:
                catalogue = self.gates.known.catalogue
                held = self.holder.keep(orchestrator, decisions, catalogue, deadline)
            if held.has_acted:
                publish_actions(dagster, self.store)
            words += held.words
        return words

    def _last_job_run(self, dagster: DagsterInstance) -> RunRecord | None:
        job = RunsFilter(job_name=names.backlog_job_name(self.instance.name))
        return next(iter(dagster.get_run_records(job, limit=1)), None)

    def _failed_lately(self, record: RunRecord | None) -> bool:
        if record is None or record.dagster_run.status is not DagsterRunStatus.FAILURE:
            return False
        ended_at = datetime.fromtimestamp(record.end_time or 0, UTC)
        return self.clock() - ended_at < AFTER_A_FAILED_JOB

    def _update_own_asset(
        self,
        context: SensorEvaluationContext,
        in_progress: Sequence[Run],
        status: CollectorStatus | None,
    ) -> None:
        """Put on the instance's asset what runs now, where that is not what it says already."""
        what = repr([(run.key, run.native_state) for run in in_progress])
        digest = sha256(what.encode()).hexdigest()[:_DIGEST_LENGTH]
        if digest != context.cursor:
            context.instance.report_runless_asset_event(
                _snapshot(self.instance.name, in_progress, status)
            )
            context.update_cursor(digest)

    def _publish_freshness(
        self, dagster: DagsterInstance, status: CollectorStatus | None, deadline: datetime
    ) -> None:
        publish_freshness(
            dagster,
            self.instance,
            status,
            self._shown_pipelines,
            clock=self.clock,
            deadline=deadline,
        )

    def _stored_pipelines(self) -> Sequence[Pipeline]:
        with self.store.read() as reader:
            return reader.pipelines(self.instance.name)

    def _shown_pipelines(self) -> list[PipelineKey]:
        if is_own_dagster(self.instance):
            return []
        return [pipeline.key for pipeline in self._stored_pipelines()]

    def _digest(self) -> str:
        with self.store.read() as reader:
            pipelines = known_pipelines(reader, self.config, self.instance.name)
            return catalogue_digest(pipelines, reader.judgements())

    def _reload(self, location: Location | None, status: CollectorStatus | None) -> str:
        """Have the location loaded again where the store has another catalogue than it shows."""
        if is_own_dagster(self.instance) or location is None or status is None:
            return ""
        name = self.instance.name
        if not self.reloader.compare(name, status.catalogue_read_at, self._digest):
            return ""
        return f"the catalogue changed: {self.reloader.ask(location.name)}"


def _words(collection: Collection) -> str:
    behind = "caught up" if collection.caught_up else "not caught up yet"
    if collection.history_to is not None:
        behind += f": history up to {collection.history_to:%Y-%m-%d %H:%M} UTC is still to be read"
    return f"{collection.runs} runs read, {behind}"


def _snapshot(
    instance: str, in_progress: Sequence[Run], status: CollectorStatus | None
) -> AssetMaterialization:
    """What an instance's asset says: what runs now. Its data is what the store holds, which a
    reading has just brought up to date."""
    begun = sum(run.state in _HAVE_BEGUN for run in in_progress)
    return AssetMaterialization(
        names.instance_key(instance),
        metadata=metadata.present(
            {
                metadata.RUNNING: begun,
                metadata.QUEUED: len(in_progress) - begun,
                metadata.RUNS_IN_PROGRESS: metadata.table(
                    ("pipeline", "run", "state", "since (UTC)"),
                    (
                        (
                            run.key.pipeline.name,
                            metadata.link(run.key.run_id, run.url),
                            run.native_state,
                            f"{run.effective_at:%Y-%m-%d %H:%M:%S}" if run.effective_at else "",
                        )
                        for run in in_progress
                    ),
                    most=_LISTED_RUNS,
                ),
                metadata.SERVER_VERSION: status.server_version if status else None,
                metadata.LAST_READ: metadata.timestamp(status.succeeded_at if status else None),
            }
        ),
    )
