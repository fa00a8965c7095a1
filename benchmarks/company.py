"""A made-up company of any size, in a store: the same one for the same size.

Two thirds of its pipelines are Airflow DAGs and one third Prefect deployments. Each has an owner, a
schedule, six tasks and a file that it writes; most read the files of up to two others, of either
orchestrator.
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Task
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, RunKey
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.store import Store

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
TASKS = ("extract", "check", "load", "transform", "test", "publish")
TEAMS = 25
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_REACH = 40
"""How many places before it, at most, what a pipeline reads stands."""

_CONFIGURATION = """\
    version: 1
    instances:
      - {name: airflow_prod, type: airflow, url: "http://127.0.0.1:1"}
      - {name: prefect_prod, type: prefect, url: "http://127.0.0.1:1/api"}
    store: {path: store.duckdb}
"""


def make_pipelines(count: int) -> list[Pipeline]:
    # No secret depends on it, and every run has to meet the same company.
    chance = random.Random(count)  # noqa: S311
    return [_pipeline(number, chance) for number in range(count)]


def found(folder: Path, pipelines: int) -> Path:
    """Make the company's store and its configuration in a folder; the path of the latter."""
    by_instance: defaultdict[str, list[Pipeline]] = defaultdict(list)
    for pipeline in make_pipelines(pipelines):
        by_instance[pipeline.key.instance].append(pipeline)
    folder.mkdir(parents=True, exist_ok=True)
    with Store(folder / "store.duckdb").write() as writer:
        for instance, known in by_instance.items():
            writer.save_catalogue(instance, Catalogue(tuple(known), fingerprint="1"), SINCE)
    configuration = folder / "meta_orch.yaml"
    configuration.write_text(dedent(_CONFIGURATION))
    return configuration


def give_past(folder: Path, runs: int, now: datetime) -> None:
    """Give each pipeline `runs` finished runs, one an hour up to `now`; the last of every tenth
    pipeline failed."""
    store = Store(folder / "store.duckdb")
    with store.read() as reader:
        pipelines = [pipeline.key for pipeline in reader.pipelines()]
    for instance in sorted({pipeline.instance for pipeline in pipelines}):
        own = [key for key in pipelines if key.instance == instance]
        for age in range(runs):
            past = tuple(
                make_run(key, f"run_{age:05}", now - age * _HOUR, failed=(number + age) % 10 == 0)
                for number, key in enumerate(own)
            )
            with store.write() as writer:
                writer.save_changes(instance, Changes("past", runs=past), now)


def make_run(pipeline: PipelineKey, run_id: str, ended_at: datetime, *, failed: bool) -> Run:
    state = RunState.FAILED if failed else RunState.SUCCEEDED
    return Run(
        key=RunKey(pipeline, run_id),
        state=state,
        native_state=state.value,
        trigger=RunTrigger.SCHEDULE,
        scheduled_at=ended_at - 2 * _MINUTE,
        started_at=ended_at - _MINUTE,
        ended_at=ended_at,
    )


def _pipeline(number: int, chance: random.Random) -> Pipeline:
    orchestrator = "prefect" if number % 3 == 2 else "airflow"  # noqa: PLR2004  # each third
    name = f"pipeline_{number:05}" + ("/nightly" if orchestrator == "prefect" else "")
    reach = range(max(0, number - _REACH), number)
    read = sorted(chance.sample(reach, min(len(reach), chance.choice((0, 1, 1, 2)))))
    cron = f"{chance.randrange(60)} {chance.randrange(24)} * * *"
    return Pipeline(
        key=PipelineKey(f"{orchestrator}_prod", name),
        orchestrator=orchestrator,
        native_id=name,
        description=f"Loads table {number} of the warehouse and tests it.",
        owners=(f"team:team_{number % TEAMS}",),
        tags=(f"domain:{number % TEAMS}", "warehouse"),
        url=f"http://127.0.0.1:1/dags/{name}",
        version="1",
        source_path=f"pipelines/{name}.py",
        schedules=(Schedule(ScheduleKind.CRON, cron, timezone="Europe/Berlin", next_at=SINCE),),
        tasks=tuple(
            Task(task, "PythonOperator", (TASKS[place - 1],) if place else (), retries=2)
            for place, task in enumerate(TASKS)
        ),
        consumes=tuple(AssetRef(_file(other)) for other in read),
        produces=(AssetRef(_file(number)),),
        max_active_runs=1,
    )


def _file(number: int) -> str:
    return f"s3://warehouse/tables/{number}.parquet"
