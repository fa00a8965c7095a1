"""A company that runs an extract and a report each night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meta_orch.config import EdgeConfig, MetaOrchConfig
from meta_orch.config.models import GateConfig, SlaConfig
from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.ticks import cron
from meta_orch.testing.builders import INSTANCE, make_pipeline, make_run
from meta_orch_tests.store.memory import MemoryStore

TODAY = datetime(2026, 3, 20, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EXTRACT = make_pipeline("extract", INSTANCE, schedules=(cron("0 1 * * *"),))
REPORT = make_pipeline("report", INSTANCE, schedules=(cron("0 3 * * *"),))
BY_FIVE = SlaConfig(name="by_five", pipelines="*/report", finish_by="0 5 * * *")
CONFIG = MetaOrchConfig(
    slas=(BY_FIVE,),
    edges=(EdgeConfig(upstream=str(EXTRACT.key), downstream=str(REPORT.key)),),
    gates=(GateConfig(downstream="*"),),
)


def night(
    name: str, at: datetime, minutes: float | None, state: RunState = RunState.SUCCEEDED
) -> Run:
    return make_run(
        f"{name}_{at:%d_%H%M}",
        EXTRACT if name == "extract" else REPORT,
        RunState.RUNNING if minutes is None else state,
        trigger=RunTrigger.SCHEDULE,
        scheduled_at=at,
        queued_at=at,
        started_at=at,
        ended_at=None if minutes is None else at + minutes * MINUTE,
    )


def save(store: MemoryStore, *runs: Run) -> None:
    last = max(run.ended_at or run.started_at or TODAY for run in runs)
    with store.write() as writer:
        writer.save_changes(INSTANCE, Changes("c", runs), last)
