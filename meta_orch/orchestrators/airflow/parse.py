"""Airflow's JSON, read into domain types.

Strict about identity and time, tolerant of everything else: a state, a run type or an asset
condition that a later Airflow brings is taken as unknown, and a field that an earlier one lacks as
absent. The functions raise `UnreadableJson`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Pool, Task
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.secrets import mask_secrets
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.time import Window
from meta_orch.orchestrators.airflow.pages import Pages
from meta_orch.orchestrators.airflow.schedules import read_schedules, with_next_run
from meta_orch.orchestrators.answers import Fields, UnreadableJson

_RUN_STATES: Mapping[str, RunState] = {
    "queued": RunState.QUEUED,
    "running": RunState.RUNNING,
    "success": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
}
NO_STATE = "none"
"""What Airflow's UI calls the state of a task instance that the scheduler has not looked at."""
_TASK_STATES: Mapping[str, RunState] = {
    **_RUN_STATES,
    NO_STATE: RunState.SCHEDULED,
    # `scheduled` is past waiting for upstream tasks: it waits for a slot.
    "scheduled": RunState.QUEUED,
    "restarting": RunState.RETRYING,
    "up_for_retry": RunState.RETRYING,
    "up_for_reschedule": RunState.WAITING,
    "deferred": RunState.WAITING,
    "awaiting_input": RunState.WAITING,
    "skipped": RunState.SKIPPED,
    "upstream_failed": RunState.UPSTREAM_FAILED,
    "removed": RunState.REMOVED,
}
_TRIGGERS: Mapping[str, RunTrigger] = {
    "scheduled": RunTrigger.SCHEDULE,
    "manual": RunTrigger.MANUAL,
    "backfill": RunTrigger.BACKFILL,
    "asset_triggered": RunTrigger.ASSET,
    "dataset_triggered": RunTrigger.ASSET,  # Airflow 2
    # Somebody pressed Materialize on the asset.
    "asset_materialization": RunTrigger.MANUAL,
    "operator_triggered": RunTrigger.PARENT,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where what is read belongs: the instance's name, and its UI."""

    instance: str
    url: str
    pages: Pages = field(default_factory=Pages)

    def pipeline(self, dag_id: str) -> PipelineKey:
        return PipelineKey(self.instance, dag_id)

    def page(self, path: str) -> str:
        return f"{self.url}/{path}"


@dataclass(frozen=True, slots=True)
class Links:
    """What DAGs have to do with assets and with each other, by DAG id."""

    consumes: Mapping[str, frozenset[AssetRef]]
    produces: Mapping[str, frozenset[AssetRef]]
    triggers: Mapping[str, frozenset[str]] | None
    """None where they stay as they were known, and so below."""
    waits_for: Mapping[str, frozenset[str]] | None = None

    def among(self, dag_ids: Collection[str]) -> Links:
        """Without triggers of, or waiting for, what is no DAG: an operator's target may be a
        template."""

        def existing(
            found: Mapping[str, frozenset[str]] | None,
        ) -> dict[str, frozenset[str]] | None:
            if found is None:
                return None
            return {dag_id: others & set(dag_ids) for dag_id, others in found.items()}

        return replace(self, triggers=existing(self.triggers), waits_for=existing(self.waits_for))

    def apply(self, pipeline: Pipeline, known: Pipeline | None, place: Place) -> Pipeline:
        """The pipeline with them; `known` is what is stored of it."""
        dag_id = pipeline.native_id
        return replace(
            pipeline,
            consumes=_sorted_assets(self.consumes.get(dag_id, frozenset())),
            produces=_sorted_assets(self.produces.get(dag_id, frozenset())),
            triggers=(known.triggers if known else ())
            if self.triggers is None
            else _pipelines(self.triggers.get(dag_id), place),
            waits_for=(known.waits_for if known else ())
            if self.waits_for is None
            else _pipelines(self.waits_for.get(dag_id), place),
        )


def _pipelines(dag_ids: Iterable[str] | None, place: Place) -> tuple[PipelineKey, ...]:
    return tuple(place.pipeline(dag_id) for dag_id in sorted(dag_ids or ()))


def read_pipeline(
    place: Place,
    details: Fields,
    tasks: Iterable[Fields],
    read_latest_run: Callable[[], Fields | None],
    read_source: Callable[[], str | None],
) -> Pipeline:
    """A DAG without its links and its version, from its details and its tasks; from its latest run
    and its source where those tell too little of its schedule."""
    return _with_listed_fields(
        Pipeline(
            key=place.pipeline(details.text("dag_id")),
            orchestrator="airflow",
            native_id=details.text("dag_id"),
            description=details.get_text("doc_md"),
            url=place.page(place.pages.dag(details.text("dag_id"))),
            schedules=read_schedules(details, lambda: _tick_of(read_latest_run()), read_source),
            tasks=read_tasks(tasks),
        ),
        details,
    )


def read_listed_pipeline(place: Place, dag: Fields, known: Pipeline | None) -> Pipeline:
    """A DAG from its entry in the list of DAGs; what that lacks is as it was."""
    dag_id = dag.text("dag_id")
    base = known or Pipeline(
        key=place.pipeline(dag_id),
        orchestrator="airflow",
        native_id=dag_id,
        url=place.page(place.pages.dag(dag_id)),
    )
    return replace(_with_listed_fields(base, dag), schedules=with_next_run(base.schedules, dag))


def read_version(version: Fields) -> str:
    """`v3-01a20a4e-57ff-7d9d-8797-cc2610118019`: people know the number, and only the id is told
    apart from one of a DAG that was deleted and made anew."""
    return f"v{version.get_integer('version_number')}-{version.text('id')}"


def read_tasks(tasks: Iterable[Fields]) -> tuple[Task, ...]:
    """Tasks sorted by name; Airflow keeps each edge on its upstream end."""
    rows = {task.text("task_id"): task for task in tasks}
    upstream: dict[str, set[str]] = defaultdict(set)
    for name, task in rows.items():
        for downstream in task.get_texts("downstream_task_ids"):
            upstream[downstream].add(name)
    return tuple(
        Task(
            name=name,
            kind=task.get_text("operator_name") or _class_name(task),
            upstream=tuple(sorted(upstream[name])),
            retries=task.get_integer("retries"),
            timeout=_read_span(task.get_object("execution_timeout")),
            pool=task.get_text("pool"),
            trigger_rule=task.get_text("trigger_rule"),
            is_mapped=bool(task.get_flag("is_mapped")),
        )
        for name, task in sorted(rows.items())
    )


def read_links(assets: Iterable[Fields], dependencies: Fields | None) -> Links:
    """Args:
    dependencies: the graph that Airflow's UI draws, or None where it was not asked for.
    """
    consumes: dict[str, set[AssetRef]] = defaultdict(set)
    produces: dict[str, set[AssetRef]] = defaultdict(set)
    for asset in assets:
        uri = asset.text("uri")
        name = asset.get_text("name")
        reference = AssetRef(uri, name if name != uri else None)
        for users, side in (
            ("scheduled_dags", consumes),
            ("consuming_dags", consumes),  # what 3.0 calls them
            ("consuming_tasks", consumes),
            ("producing_tasks", produces),
        ):
            for user in asset.get_rows(users, f"an entry in {users}"):
                side[user.text("dag_id")].add(reference)
    return Links(
        {dag_id: frozenset(refs) for dag_id, refs in consumes.items()},
        {dag_id: frozenset(refs) for dag_id, refs in produces.items()},
        None if dependencies is None else _gathered(_read_pairs(dependencies, "trigger")),
        None
        if dependencies is None
        else _gathered((after, before) for before, after in _read_pairs(dependencies, "sensor")),
    )


def read_run(place: Place, run: Fields) -> Run:
    dag_id, run_id = run.text("dag_id"), run.text("dag_run_id")
    native_state = run.text("state")
    versions = run.get_rows("dag_versions", "a DAG version")
    return Run(
        key=RunKey(place.pipeline(dag_id), run_id),
        state=_RUN_STATES.get(native_state, RunState.UNKNOWN),
        native_state=native_state,
        trigger=_read_trigger(run),
        logical_window=_read_window(run),
        scheduled_at=run.get_instant("run_after"),
        queued_at=run.get_instant("queued_at"),
        started_at=run.get_instant("start_date"),
        ended_at=run.get_instant("end_date"),
        parameters=_read_conf(run),
        pipeline_version=read_version(max(versions, key=_version_number)) if versions else None,
        url=place.page(place.pages.run(dag_id, run_id)),
    )


def read_task_run(place: Place, instance: Fields) -> TaskRun:
    dag_id, run_id = instance.text("dag_id"), instance.text("dag_run_id")
    task_id = instance.text("task_id")
    native_state = instance.get_text("state") or NO_STATE
    map_index = instance.get_integer("map_index")
    if map_index is not None and map_index < 0:
        map_index = None
    return TaskRun(
        run=RunKey(place.pipeline(dag_id), run_id),
        task=task_id,
        task_run_id=task_id if map_index is None else f"{task_id}[{map_index}]",
        state=_TASK_STATES.get(native_state, RunState.UNKNOWN),
        native_state=native_state,
        # Airflow counts 0 tries before the first.
        attempt=max(1, instance.get_integer("try_number") or 1),
        map_index=map_index,
        scheduled_at=instance.get_instant("scheduled_when"),
        queued_at=instance.get_instant("queued_when"),
        started_at=instance.get_instant("start_date"),
        ended_at=instance.get_instant("end_date"),
        pool=instance.get_text("pool"),
        slots=max(1, instance.get_integer("pool_slots") or 1),
        queue=instance.get_text("queue") or None,
        worker=instance.get_text("hostname") or None,
        url=place.page(place.pages.task(dag_id, run_id, task_id, map_index)),
    )


def read_pool(place: Place, pool: Fields) -> Pool:
    slots = pool.get_integer("slots")
    return Pool(
        instance=place.instance,
        name=pool.text("name"),
        slots=None if slots is None or slots < 0 else slots,  # -1: no limit
        running=pool.get_integer("running_slots"),
        queued=pool.get_integer("queued_slots"),
    )


def _with_listed_fields(pipeline: Pipeline, dag: Fields) -> Pipeline:
    """With what stands in the list of DAGs as well as in the details."""
    tags = dag.get_rows("tags", "a tag")
    return replace(
        pipeline,
        description=dag.get_text("description") or pipeline.description,
        owners=tuple(sorted(dag.get_texts("owners"))),
        tags=tuple(sorted(tag.text("name") for tag in tags)),
        is_paused=dag.flag("is_paused"),
        source_path=dag.get_text("relative_fileloc") or dag.get_text("fileloc"),
        max_active_runs=dag.get_integer("max_active_runs"),
    )


def _tick_of(run: Fields | None) -> datetime | None:
    """When the schedule last ticked, where that started the run."""
    if run is None or run.get_text("run_type") != "scheduled":
        return None
    return run.get_instant("run_after")


def _class_name(task: Fields) -> str | None:
    reference = task.get_object("class_ref")
    return reference.get_text("class_name") if reference else None


def _read_span(span: Fields | None) -> timedelta | None:
    if span is None:
        return None
    return timedelta(
        days=span.get_integer("days") or 0,
        seconds=span.get_integer("seconds") or 0,
        microseconds=span.get_integer("microseconds") or 0,
    )


def _read_pairs(dependencies: Fields, what: str) -> Iterator[tuple[str, str]]:
    """DAGs between which the graph has a node of one kind, in its direction: `trigger`, from the
    DAG whose operator triggers the other, or `sensor`, to the DAG whose sensor waits."""
    sources: dict[str, set[str]] = defaultdict(set)
    targets: dict[str, set[str]] = defaultdict(set)
    for edge in dependencies.rows("edges", "an edge"):
        source, target = edge.text("source_id"), edge.text("target_id")
        if source.startswith("dag:") and target.startswith(f"{what}:"):
            sources[target].add(source.removeprefix("dag:"))
        elif source.startswith(f"{what}:") and target.startswith("dag:"):
            targets[source].add(target.removeprefix("dag:"))
    for node, dag_ids in sources.items():
        yield from ((dag_id, target) for dag_id in dag_ids for target in targets[node])


def _gathered(pairs: Iterable[tuple[str, str]]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        found[one].add(other)
    return {one: frozenset(others) for one, others in found.items()}


def _read_trigger(run: Fields) -> RunTrigger:
    if run.get_text("triggered_by") == "operator":  # before 3.3 its run type is `manual`
        return RunTrigger.PARENT
    return _TRIGGERS.get(run.get_text("run_type") or "", RunTrigger.UNKNOWN)


def _read_window(run: Fields) -> Window | None:
    start, end = run.get_instant("data_interval_start"), run.get_instant("data_interval_end")
    if start is None or end is None:
        start = end = run.get_instant("logical_date")
    if start is None or end is None or end < start:
        return None
    return Window(start, end)


def _read_conf(run: Fields) -> Mapping[str, Any]:
    conf = run.get_object("conf")
    return mask_secrets(conf.values) if conf else {}


def _version_number(version: Fields) -> int:
    number = version.get_integer("version_number")
    if number is None:
        raise UnreadableJson(f"{version.what} has no version_number")
    return number


def _sorted_assets(assets: Iterable[AssetRef]) -> tuple[AssetRef, ...]:
    return tuple(sorted(assets, key=lambda asset: (asset.uri, asset.name or "")))
