"""Reading the catalogue: a pipeline for each deployment, and one for each flow that has runs
without a deployment (subflows, and flows run by hand).

What Prefect does not keep with a deployment is learned from elsewhere, in a number of requests that
grows with the pages of pipelines and not with the runs: tasks, code versions and who starts whom
from the latest finished runs, data from asset events, next runs from the runs planned ahead. What
these do not show this time stays as it is stored, as long as the definition is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Task
from meta_orch.domain.readings import Catalogue
from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.prefect.client import PAGE, PrefectApi
from meta_orch.orchestrators.prefect.links import Links
from meta_orch.orchestrators.prefect.names import Names
from meta_orch.orchestrators.prefect.parse import (
    Row,
    definition_digest,
    description,
    max_active_runs,
    parent_task_run_ids,
    parse_schedules,
    parse_tasks,
    reading,
)
from meta_orch.orchestrators.selection import Selection

TYPE = "prefect"

MAX_PAGES = 10
"""Of runs looked through for one purpose, and of asset events."""
TASKS_ARRIVE = timedelta(seconds=15)
"""How long after its end a run is taken to have all its task runs on the server."""
EVENTS_PAGE = 50
RUNS_AT_ONCE = 20

_FINISHED = ["COMPLETED", "FAILED", "CRASHED"]
_WITHOUT_DEPLOYMENT = {"flow_runs": {"deployment_id": {"is_null_": True}}}


def read_fingerprint(api: PrefectApi) -> str:
    """One request: how many deployments there are and which was changed last. A change to nothing
    but a schedule is not seen, nor a flow without a deployment."""
    latest = api.post("/deployments/paginate", {"sort": "UPDATED_DESC", "limit": 1, "page": 1})
    with reading(api.instance, "a page of deployments"):
        marks = [f"{row['id']} {row['updated']}" for row in latest["results"]]
        return " ".join([str(latest["count"]), *marks])


@dataclass(slots=True)
class _Found:
    """What runs and events showed of one pipeline."""

    code_version: str | None = None
    run: Row | None = None
    """The finished run that its tasks are read from."""
    triggers: set[PipelineKey] = field(default_factory=set)
    consumes: set[str] = field(default_factory=set)
    produces: set[str] = field(default_factory=set)


class CatalogueReader:
    def __init__(
        self,
        api: PrefectApi,
        links: Links,
        selection: Selection,
        known: Mapping[PipelineKey, Pipeline],
    ) -> None:
        self._api = api
        self._links = links
        self._selection = selection
        self._known = known
        self._names = Names(api)
        self._found: defaultdict[PipelineKey, _Found] = defaultdict(_Found)

    def read(self) -> Catalogue:
        # Read first: what changes while the rest is read, changes the next fingerprint.
        fingerprint = read_fingerprint(self._api)
        now = self._api.asked_at
        flows = self._api.all_rows("/flows/filter", {"sort": "NAME_ASC"})
        deployments = self._api.all_rows("/deployments/filter", {"sort": "NAME_ASC"})
        ad_hoc = self._api.all_rows("/flows/filter", {**_WITHOUT_DEPLOYMENT, "sort": "NAME_ASC"})
        self._names.learn(flows=[*flows, *ad_hoc], deployments=deployments)
        next_runs = self._next_runs(deployments)
        pipelines = {
            pipeline.key: pipeline
            for pipeline in (
                *self._of_deployments(deployments, next_runs),
                *(self._of_flow(flow) for flow in ad_hoc),
            )
            if pipeline.key.name in self._selection
        }
        self._look_through_runs(pipelines, now)
        self._look_through_assets()
        pools = {row["id"]: row.get("work_pool_name") for row in deployments}
        complete = self._with_tasks([self._with_found(p) for p in pipelines.values()], pools)
        return Catalogue(tuple(sorted(complete, key=lambda pipeline: pipeline.key)), fingerprint)

    def _of_deployments(
        self, rows: Sequence[Row], next_runs: Mapping[str, datetime]
    ) -> Iterator[Pipeline]:
        with reading(self._api.instance, "a deployment"):
            for row in rows:
                key = self._names.pipeline_of({**row, "deployment_id": row["id"]})
                if key is None:
                    continue  # its flow was deleted while this was read
                yield Pipeline(
                    key=key,
                    orchestrator=TYPE,
                    native_id=row["id"],
                    description=description(row),
                    tags=tuple(sorted(row.get("tags") or ())),
                    is_paused=bool(row.get("paused")),
                    url=self._links.deployment(row["id"]),
                    version=definition_digest(row),
                    source_path=row.get("entrypoint"),
                    schedules=parse_schedules(row.get("schedules") or (), next_runs),
                    max_active_runs=max_active_runs(row),
                )

    def _of_flow(self, row: Row) -> Pipeline:
        with reading(self._api.instance, "a flow"):
            return Pipeline(
                key=PipelineKey(self._api.instance, row["name"]),
                orchestrator=TYPE,
                native_id=row["id"],
                tags=tuple(sorted(row.get("tags") or ())),
                url=self._links.flow(row["id"]),
                version="flow",
            )

    def _next_runs(self, deployments: Sequence[Row]) -> dict[str, datetime]:
        """The next planned run of each active schedule, by the schedule's id."""
        with reading(self._api.instance, "a deployment"):
            wanted = {
                row["id"]: {s["id"] for s in row.get("schedules") or () if s.get("active")}
                for row in deployments
                if not row.get("paused")
            }
        next_runs: dict[str, datetime] = {}
        planned: Row = {"state": {"type": {"any_": ["SCHEDULED"]}}}
        for _ in range(MAX_PAGES):
            open_for = [d for d, schedules in wanted.items() if schedules - next_runs.keys()]
            if not open_for:
                break
            rows = self._api.rows(
                "/flow_runs/filter",
                {
                    "flow_runs": {**planned, "deployment_id": {"any_": open_for}},
                    "sort": "NEXT_SCHEDULED_START_TIME_ASC",
                },
            )
            before = len(next_runs)
            with reading(self._api.instance, "a planned flow run"):
                for row in rows:
                    due = parse_instant(row.get("next_scheduled_start_time"))
                    schedule = (row.get("created_by") or {}).get("id")
                    if due and schedule:
                        next_runs.setdefault(schedule, due)
            if len(rows) < PAGE or len(next_runs) == before:
                break
        return next_runs

    def _look_through_runs(self, pipelines: Mapping[PipelineKey, Pipeline], now: datetime) -> None:
        """The latest finished runs: all of them once, then those of pipelines not met yet."""
        finished: dict[str, Any] = {
            "state": {"type": {"any_": _FINISHED}},
            "end_time": {"before_": (now - TASKS_ARRIVE).isoformat()},
        }
        latest = self._latest_runs({"flow_runs": finished})
        self._note_triggers(latest)
        for of_deployments in (True, False):
            for _ in range(MAX_PAGES):
                unmet = [
                    pipeline.native_id
                    for pipeline in pipelines.values()
                    if ("/" in pipeline.key.name) is of_deployments
                    and self._found[pipeline.key].run is None
                    and not self._is_known(pipeline)
                ]
                if not unmet:
                    break
                chosen = {"any_": unmet} if of_deployments else {"is_null_": True}
                body: dict[str, Any] = {"flow_runs": {**finished, "deployment_id": chosen}}
                if not of_deployments:
                    body["flows"] = {"id": {"any_": unmet}}
                if len(self._latest_runs(body)) < PAGE:
                    break

    def _latest_runs(self, body: Row) -> list[Row]:
        rows = self._api.rows("/flow_runs/filter", {**body, "sort": "END_TIME_DESC"})
        self._names.ask_for(rows)
        with reading(self._api.instance, "a flow run"):
            for row in rows:
                key = self._names.pipeline_of(row)
                if key is None:
                    continue
                found = self._found[key]
                # A run that failed shows the tasks up to its failure; a complete one is better.
                if found.run is None or (
                    row["state_type"] == "COMPLETED" != found.run["state_type"]
                    and row.get("flow_version") == found.code_version
                ):
                    found.run = row
                    found.code_version = row.get("flow_version")
        return rows

    def _note_triggers(self, rows: Sequence[Row]) -> None:
        children = [row for row in rows if row.get("parent_task_run_id")]
        if not children:
            return
        stand_ins = self._api.rows_by_id(
            "/task_runs/filter", "task_runs", parent_task_run_ids(children)
        )
        by_id = {row["id"]: row for row in rows}
        with reading(self._api.instance, "a task run"):
            parent_of = {row["id"]: row["flow_run_id"] for row in stand_ins}
            unread = sorted({run for run in parent_of.values() if run} - set(by_id))
            parents = list(self._api.rows_by_id("/flow_runs/filter", "flow_runs", unread))
            self._names.ask_for(parents)
            by_id |= {row["id"]: row for row in parents}
            for child in children:
                parent = by_id.get(parent_of.get(child["parent_task_run_id"]) or "")
                starter = self._names.pipeline_of(parent) if parent else None
                started = self._names.pipeline_of(child)
                if starter and started and started.name in self._selection:
                    self._found[starter].triggers.add(started)

    def _look_through_assets(self) -> None:
        """The latest materialization of each asset: who wrote it, and from what."""
        answer = self._api.post(
            "/events/filter",
            {
                "filter": {
                    "event": {"prefix": ["prefect.asset.materialization.succeeded"]},
                    "resource": {"distinct": True},
                },
                "limit": EVENTS_PAGE,
            },
        )
        for _ in range(MAX_PAGES):
            with reading(self._api.instance, "an asset event"):
                for event in answer["events"]:
                    self._note_asset(event)
                next_page = answer.get("next_page")
            if not next_page:
                break
            answer = self._api.get(f"/events/filter/next?{next_page.partition('?')[2]}")

    def _note_asset(self, event: Row) -> None:
        related: defaultdict[str, list[str]] = defaultdict(list)
        for resource in event.get("related") or ():
            related[resource["prefect.resource.role"]].append(resource["prefect.resource.id"])
        run: dict[str, Any] = {"id": None, "flow_id": None, "deployment_id": None}
        for flow in related["flow"]:
            run["flow_id"] = flow.removeprefix("prefect.flow.")
        for deployment in related["deployment"]:
            run["deployment_id"] = deployment.removeprefix("prefect.deployment.")
        key = self._names.pipeline_of(run)
        if key is not None:
            self._found[key].produces.add(event["resource"]["prefect.resource.id"])
            self._found[key].consumes.update(related["asset"])

    def _is_known(self, pipeline: Pipeline) -> bool:
        """Whether what is stored of it, tasks included, is of the same definition."""
        known = self._known.get(pipeline.key)
        return bool(known and known.tasks and _same_definition(known, pipeline))

    def _with_found(self, pipeline: Pipeline) -> Pipeline:
        """With what runs and events showed, now or before. The version is that of the deployment
        and that of the code which its latest run ran: code changes without a deployment too."""
        found = self._found[pipeline.key]
        known = self._known.get(pipeline.key)
        if known is None or not _same_definition(known, pipeline):
            known = pipeline
        code_version = found.code_version or _code_version(known)
        return replace(
            pipeline,
            version=f"{pipeline.version}+{code_version}" if code_version else pipeline.version,
            consumes=_assets(found.consumes | {asset.uri for asset in known.consumes}),
            produces=_assets(found.produces | {asset.uri for asset in known.produces}),
            triggers=tuple(sorted(found.triggers | set(known.triggers))),
            tasks=known.tasks,
        )

    def _with_tasks(
        self, pipelines: Sequence[Pipeline], pools: Mapping[str, str | None]
    ) -> list[Pipeline]:
        outdated = {
            run["id"]: pipeline.key
            for pipeline in pipelines
            if (run := self._found[pipeline.key].run) is not None
            and not (pipeline.tasks and self._known[pipeline.key].version == pipeline.version)
        }
        rows: defaultdict[PipelineKey, list[Row]] = defaultdict(list)
        ids = sorted(outdated)
        for start in range(0, len(ids), RUNS_AT_ONCE):
            chosen = {"flow_run_id": {"any_": ids[start : start + RUNS_AT_ONCE]}}
            for row in self._api.all_rows("/task_runs/filter", {"task_runs": chosen}):
                with reading(self._api.instance, "a task run"):
                    rows[outdated[row["flow_run_id"]]].append(row)
        tasks: dict[PipelineKey, tuple[Task, ...]] = {}
        native_ids = {pipeline.key: pipeline.native_id for pipeline in pipelines}
        with reading(self._api.instance, "a task run"):
            for key, of_run in rows.items():
                tasks[key] = parse_tasks(of_run, pool=pools.get(native_ids[key]))
        return [
            replace(pipeline, tasks=tasks.get(pipeline.key, pipeline.tasks))
            for pipeline in pipelines
        ]


def _same_definition(known: Pipeline, pipeline: Pipeline) -> bool:
    """`pipeline` has the deployment's part of the version only."""
    return (known.version or "").partition("+")[0] == pipeline.version


def _code_version(known: Pipeline) -> str:
    return (known.version or "").partition("+")[2]


def _assets(uris: set[str]) -> tuple[AssetRef, ...]:
    return tuple(AssetRef(uri) for uri in sorted(uris))
