"""Dagster's GraphQL answers as domain types."""

from __future__ import annotations

import ast
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from meta_orch.domain.health import Problem, ProblemKind
from meta_orch.domain.logs import LogLine
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Task
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.secrets import mask_text
from meta_orch.orchestrators.dagster.rows import TYPE, RunRow, StepRow, instant, is_mirrored

ASSET_JOB = "__ASSET_JOB"
"""The job that Dagster itself makes of all assets of a location."""

Row = Mapping[str, Any]
_LONGEST = 300
"""Of what is said of a problem."""

_PLACES = ("dagster/uri", "dagster/table_name")
"""Dagster's own keys of metadata for where an asset's data lies."""


def parse_repository(instance: str, repository: Row, base: str) -> Iterator[Pipeline]:
    """Its jobs. `base` is the webserver's address."""
    name, location = repository["name"], repository["location"]["name"]
    schedules = _schedules(repository)
    produces: defaultdict[str, set[AssetRef]] = defaultdict(set)
    consumes: defaultdict[str, set[AssetRef]] = defaultdict(set)
    refs = {_asset(node["assetKey"]): _refs(node) for node in repository["assetNodes"]}
    owners: defaultdict[str, set[str]] = defaultdict(set)
    ops_of_assets: set[str] = set()
    for node in repository["assetNodes"]:
        ops_of_assets.update(node.get("opNames") or ())
        for job in node.get("jobNames") or ():
            if node.get("isMaterializable"):
                produces[job] |= refs[_asset(node["assetKey"])]
                for key in map(_asset, _rows(node, "dependencyKeys")):
                    consumes[job] |= refs.get(key, {AssetRef(key, key)})
            if job != ASSET_JOB:
                owners[job].update(_owners(node))
    for job in repository["jobs"]:
        tags = {tag["key"]: tag["value"] for tag in _rows(job, "tags")}
        if is_mirrored(tags):
            continue
        yield Pipeline(
            key=PipelineKey(instance, f"{location}/{job['name']}"),
            orchestrator=TYPE,
            native_id=f"{name}@{location}:{job['name']}",
            description=job.get("description"),
            owners=tuple(sorted(owners[job["name"]])),
            tags=tuple(
                sorted(
                    f"{key}:{value}" if value else key
                    for key, value in tags.items()
                    if not key.startswith(("dagster/", ".dagster/"))
                )
            ),
            url=f"{base}/locations/{quote(f'{name}@{location}', safe='@')}"
            f"/jobs/{quote(job['name'])}",
            version=job.get("pipelineSnapshotId"),
            schedules=schedules.get(job["name"], ()),
            tasks=_tasks(_rows(job, "solids"), ops_of_assets),
            consumes=_sorted(consumes[job["name"]] - produces[job["name"]]),
            produces=_sorted(produces[job["name"]]),
        )


def parse_run_row(row: Row) -> RunRow:
    origin = row.get("repositoryOrigin") or {}
    return RunRow(
        run_id=row["runId"],
        job=row["jobName"],
        location=origin.get("repositoryLocationName"),
        status=row["status"],
        tags={tag["key"]: tag["value"] for tag in _rows(row, "tags")},
        config=row.get("runConfig"),
        created_at=instant(row.get("creationTime")),
        started_at=instant(row.get("startTime")),
        ended_at=instant(row.get("endTime")),
        parent_run_id=row.get("parentRunId"),
        snapshot_id=row.get("pipelineSnapshotId"),
        steps=tuple(
            StepRow(
                key=step["stepKey"],
                status=step.get("status"),
                started_at=instant(step.get("startTime")),
                ended_at=instant(step.get("endTime")),
                attempts=max(len(step.get("attempts") or ()), 1),
            )
            for step in _rows(row, "stepStats")
        ),
    )


def _schedules(repository: Row) -> dict[str, tuple[Schedule, ...]]:
    """Schedules and sensors by job, in the order of their names."""
    found: defaultdict[str, list[Schedule]] = defaultdict(list)
    for row in sorted(_rows(repository, "schedules"), key=lambda row: row["name"]):
        state = row.get("scheduleState") or {}
        for cron in _crons(row["cronSchedule"]):
            found[row["pipelineName"]].append(
                Schedule(
                    kind=ScheduleKind.CRON,
                    expression=cron,
                    timezone=row.get("executionTimezone") or "UTC",
                    is_active=state.get("status") == "RUNNING",
                    next_at=instant((state.get("nextTick") or {}).get("timestamp")),
                    name=row["name"],
                )
            )
    for row in sorted(_rows(repository, "sensors"), key=lambda row: row["name"]):
        for target in _rows(row, "targets"):
            found[target["pipelineName"]].append(
                Schedule(
                    kind=ScheduleKind.SENSOR,
                    is_active=(row.get("sensorState") or {}).get("status") == "RUNNING",
                    name=row["name"],
                )
            )
    return {job: tuple(schedules) for job, schedules in found.items()}


def _crons(text: str) -> list[str]:
    """A schedule of several expressions comes as the text of a Python list."""
    return list(ast.literal_eval(text)) if text.startswith("[") else [text]


def _tasks(solids: Sequence[Row], ops_of_assets: set[str]) -> tuple[Task, ...]:
    return tuple(
        Task(
            name=solid["name"],
            kind="asset" if solid["name"] in ops_of_assets else "op",
            upstream=tuple(
                sorted(
                    {
                        output["solid"]["name"]
                        for connection in _rows(solid, "inputs")
                        for output in _rows(connection, "dependsOn")
                    }
                )
            ),
            is_mapped=bool(solid.get("isDynamicMapped")),
        )
        for solid in sorted(solids, key=lambda solid: solid["name"])
    )


def _rows(row: Row, name: str) -> Sequence[Row]:
    return row.get(name) or ()


def _asset(key: Row) -> str:
    return "/".join(key["path"])


def _owners(node: Row) -> Iterator[str]:
    for owner in _rows(node, "owners"):
        if owner.get("email"):
            yield owner["email"]
        elif owner.get("team"):
            yield f"team:{owner['team']}"


def _refs(node: Row) -> set[AssetRef]:
    """An asset by its key, and by each place that its metadata says its data lies in."""
    key = _asset(node["assetKey"])
    told = {
        entry["label"]: entry.get("url") or entry.get("text") or entry.get("path")
        for entry in _rows(node, "metadataEntries")
    }
    places = {told.get(label) for label in _PLACES}
    return {AssetRef(key, key), *(AssetRef(place, key) for place in places if place)}


def _sorted(refs: Iterable[AssetRef]) -> tuple[AssetRef, ...]:
    return tuple(sorted(refs, key=lambda ref: (ref.name or "", ref.uri)))


def parse_event(event: Mapping[str, Any]) -> LogLine | None:
    """A line of the log; None for an event that is none."""
    level = logging.getLevelNamesMapping().get(event["level"], logging.INFO)
    least = logging.INFO if event["__typename"] == "LogMessageEvent" else logging.WARNING
    if level < least:
        return None
    text, error = event["message"], event.get("error")
    while error:
        text, error = f"{text}\n{error['message'].strip()}", error.get("cause")
    return LogLine(text, level, instant(float(event["timestamp"]) / 1000), event.get("stepKey"))


def parse_daemon(status: Row) -> Problem | None:
    """A daemon that does not work; None for one that does, or that need not."""
    if status["healthy"] or not status["required"]:
        return None
    beat = instant(status.get("lastHeartbeatTime"))
    said = f"no heartbeat since {beat:%Y-%m-%d %H:%M:%S} UTC" if beat else "has never run"
    errors = [error["message"] for error in _rows(status, "lastHeartbeatErrors")]
    if errors:
        said = f"{said}: {_first_line(errors[0])}"
    part = f"{str(status['daemonType']).replace('_', ' ').lower()} daemon"
    return Problem(ProblemKind.DOWN, part, said, beat)


def parse_location(entry: Row) -> Problem | None:
    """A code location that cannot be loaded; None for one that is."""
    found = entry.get("locationOrLoadError")
    if not found or "message" not in found:
        return None
    return Problem(ProblemKind.IMPORT_FAILED, entry["name"], _first_line(found["message"]))


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return mask_text(lines[0])[:_LONGEST] if lines else "cannot be loaded"
