"""How soon Dagster shows the state of every pipeline, of which the store holds a long past."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from benchmarks.company import found, give_past, make_run
from benchmarks.measuring import Sample, significant
from benchmarks.postgres import running_postgres
from benchmarks.reporting import Table
from benchmarks.settings import Say, Settings
from meta_orch.config import load_config
from meta_orch.defs import names
from meta_orch.defs.history import as_historical_run
from meta_orch.defs.mirror import mirror
from meta_orch.demo.errors import NotReady
from meta_orch.demo.servers import DagsterServer
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run
from meta_orch.store import Store

NAME = "mirroring"
TITLE = "From a full store to Dagster"
METHOD = """
    A store that holds a company's past, as after a first load; and Dagster, with webserver, daemon
    and code server, that has shown nothing of it yet. The clock starts when Dagster is started. The
    orchestrators are away, so that all work is the mirroring's.

    Dagster is to show the last run of every pipeline, those that failed first, and after that the
    last twenty of each as history. While it is at it, further runs end, one every few seconds, and
    the time until each is shown is taken as well.

    The yardstick is Dagster's own way of writing, event by event, each over a connection of its
    own: runs a second of a few, one at a time, in the same database afterwards.
"""

_APART = 4.0
_WATCH = 0.5
_WORD_EVERY = 15.0
_PATIENCE = 3_600
_PLAIN_RUNS = 40
_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


@dataclass
class _Seen:
    """Seconds since Dagster's start."""

    failing: float | None = None
    """When the last run of every failing pipeline was shown."""
    all: float | None = None
    shown: int = 0
    waits: list[float] = field(default_factory=list)
    """Of the runs that ended meanwhile, from their end."""


def run(settings: Settings, say: Say) -> Sequence[Table]:
    rows = []
    for pipelines, past in settings.mirrored:
        folder = settings.folder / f"{pipelines}"
        say(f"giving {pipelines} pipelines {past} runs each")
        found(folder, pipelines)
        give_past(folder, past, datetime.now(UTC))
        with running_postgres(folder) as url:
            server = _dagster(folder, url)
            begin = time.monotonic()
            with server, DagsterInstance.from_config(str(server.home)) as instance:
                seen = _watch(folder, instance, begin, settings.newcomers, say)
            say("writing runs in Dagster's own way")
            with DagsterInstance.from_config(str(server.home)) as instance:
                plain = _plain_rate(folder, instance)
        rows.append(_row(pipelines, past, seen, plain))
    return [
        Table(
            "Dagster on PostgreSQL: seconds from its start until it shows the last runs",
            (
                *("pipelines", "runs in the store", "of failing pipelines", "of all"),
                *("pipelines a second", "plain, runs a second", "runs that ended meanwhile"),
                "seconds until each was shown",
            ),
            rows,
        )
    ]


def _row(pipelines: int, past: int, seen: _Seen, plain: float) -> tuple[object, ...]:
    failing, whole = seen.failing or 0.0, seen.all or 0.0
    return (
        pipelines,
        f"{pipelines * past:,}",
        significant(failing),
        significant(whole),
        significant(pipelines / whole),
        significant(plain),
        len(seen.waits),
        Sample.of(seen.waits),
    )


def _dagster(folder: Path, url: str) -> DagsterServer:
    return DagsterServer(
        folder / "dagster",
        locations={"meta_orch": "meta_orch.definitions"},
        postgres_url=url,
        settings={"META_ORCH_CONFIG": str(folder / "meta_orch.yaml")},
    )


def _watch(
    folder: Path, instance: DagsterInstance, begin: float, newcomers: int, say: Say
) -> _Seen:
    store = Store(folder / "store.duckdb")
    with store.read() as reader:
        wanted = reader.latest_runs()
    failing = sum(run.state.is_failure for run in wanted.values())
    chance = random.Random(len(wanted))  # noqa: S311  # every run of it meets the same
    waiting: dict[str, float] = {}
    seen = _Seen()
    next_word = time.monotonic()
    next_end = next_word + _APART
    while seen.all is None or waiting or len(seen.waits) < newcomers:
        now = time.monotonic()
        if now - begin > _PATIENCE:
            raise NotReady(f"Dagster shows {seen.shown} of {len(wanted)} pipelines")
        if now >= next_end and len(seen.waits) + len(waiting) < newcomers:
            ended = _end_one(store, chance.choice(list(wanted)), len(waiting) + len(seen.waits))
            waiting[str(ended.revision_id)] = now
            next_end = now + _APART
        for run_id in _finished(instance, list(waiting)):
            seen.waits.append(now - waiting.pop(run_id))
        if seen.failing is None and _count(instance, [DagsterRunStatus.FAILURE]) >= failing:
            seen.failing = now - begin
        if seen.all is None:
            seen.shown = _count(instance, _FINISHED)
            if now >= next_word:
                say(f"{seen.shown} runs shown")
                next_word = now + _WORD_EVERY
            if seen.shown >= len(wanted) and _shows(instance, wanted):
                seen.all = now - begin
        time.sleep(_WATCH)
    return seen


def _end_one(store: Store, pipeline: PipelineKey, number: int) -> Run:
    """As a collector would find it."""
    now = datetime.now(UTC)
    ended = make_run(pipeline, f"newcomer_{number}", now, failed=False)
    with store.write() as writer:
        writer.save_changes(pipeline.instance, Changes("past", runs=(ended,)), now)
    return ended


def _finished(instance: DagsterInstance, run_ids: list[str]) -> list[str]:
    if not run_ids:
        return []
    finished = RunsFilter(run_ids=run_ids, statuses=_FINISHED)
    return [run.run_id for run in instance.get_runs(finished)]


def _count(instance: DagsterInstance, statuses: list[DagsterRunStatus]) -> int:
    return instance.get_runs_count(RunsFilter(statuses=statuses))


def _shows(instance: DagsterInstance, wanted: Mapping[PipelineKey, Run]) -> bool:
    """Whether each pipeline's asset shows a run that is no older than the wanted one."""
    keys = [names.asset_key(pipeline) for pipeline in wanted]
    records = instance.get_asset_records(keys)
    return len(records) == len(keys) and all(record.asset_entry.last_run_id for record in records)


def _plain_rate(folder: Path, instance: DagsterInstance) -> float:
    """Runs a second, of runs that Dagster does not show yet."""
    config = load_config(folder / "meta_orch.yaml")
    source = config.instances[0]
    now = datetime.now(UTC)
    with Store(config.store.path).read() as reader:
        pipelines = reader.pipelines(source.name)[:_PLAIN_RUNS]
    made = [
        as_historical_run(
            make_run(pipeline.key, "plain", now, failed=False),
            pipeline,
            source,
            job_name="plain",
            status=None,
            now=now,
        )
        for pipeline in pipelines
    ]
    begin = time.monotonic()
    for each in made:
        if each is not None:
            mirror(instance, each, None)
    return len(made) / (time.monotonic() - begin)
