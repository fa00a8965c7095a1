"""Keys of metadata and tags, one word for one thing, and the values that need more than a line.

Where a key is both on an asset's definition and on an event, Dagster's asset page shows the event's
value, which is the newer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from dagster import MetadataValue

from meta_orch.config import InstanceConfig
from meta_orch.defs import names

PREFIX: Final = "meta_orch"

# On pipelines.
SCHEDULE: Final = f"{PREFIX}/schedule"
NEXT_RUN: Final = f"{PREFIX}/next_run"
PIPELINE_URL: Final = f"{PREFIX}/pipeline_url"
SOURCE: Final = f"{PREFIX}/source"
JOB: Final = f"{PREFIX}/job"
VERSION: Final = f"{PREFIX}/version"
OWNERS: Final = f"{PREFIX}/owners"
NATIVE_TAGS: Final = f"{PREFIX}/native_tags"
TASKS: Final = f"{PREFIX}/tasks"
CONSUMES: Final = f"{PREFIX}/consumes"
PRODUCES: Final = f"{PREFIX}/produces"
DEPENDS_ON: Final = f"{PREFIX}/depends_on"
LEFT_OUT_EDGES: Final = f"{PREFIX}/left_out_edges"
MAX_ACTIVE_RUNS: Final = f"{PREFIX}/max_active_runs"

# On jobs.
ASSET: Final = f"{PREFIX}/asset"

# On instances.
SERVER_URL: Final = f"{PREFIX}/server_url"
SERVER_VERSION: Final = f"{PREFIX}/server_version"
READ_ONLY: Final = f"{PREFIX}/read_only"
POLL_INTERVAL: Final = f"{PREFIX}/poll_interval"
PIPELINES: Final = f"{PREFIX}/pipelines"
RUNNING: Final = f"{PREFIX}/running"
QUEUED: Final = f"{PREFIX}/queued"
RUNS_IN_PROGRESS: Final = f"{PREFIX}/runs_in_progress"
RUNS_SHOWN: Final = f"{PREFIX}/runs_shown"
FAILED_READINGS: Final = f"{PREFIX}/failed_readings"
NEXT_READING: Final = f"{PREFIX}/next_reading"
COMPARED_FROM: Final = f"{PREFIX}/compared_from"
COMPARED_TO: Final = f"{PREFIX}/compared_to"
PIPELINES_LISTED: Final = f"{PREFIX}/pipelines_compared_run_by_run"
RUNS_COMPARED: Final = f"{PREFIX}/runs_compared"
RUNS_MISSING: Final = f"{PREFIX}/runs_missing"
RUNS_GONE: Final = f"{PREFIX}/runs_gone"
RUNS_CHANGED: Final = f"{PREFIX}/runs_changed"
RUNS_REPAIRED: Final = f"{PREFIX}/runs_repaired"
DIFFERENCES: Final = f"{PREFIX}/differences"
RUNS_REMOVED: Final = f"{PREFIX}/runs_removed"
TASK_RUNS_REMOVED: Final = f"{PREFIX}/task_runs_removed"
STORE_BYTES: Final = f"{PREFIX}/store_bytes"
BYTES_FREED: Final = f"{PREFIX}/bytes_freed"
LAST_READ: Final = f"{PREFIX}/last_read"

# On the asset of the edges.
EDGES: Final = f"{PREFIX}/edges"
EDGES_PROPOSED: Final = f"{PREFIX}/edges_proposed"
PROPOSALS: Final = f"{PREFIX}/proposals"
VIOLATIONS: Final = f"{PREFIX}/violations"

# On checks of what pipelines promise.
SLA_SHARE: Final = f"{PREFIX}/sla_share"
SLA_MISSES: Final = f"{PREFIX}/sla_misses"
RISK: Final = f"{PREFIX}/risk"
DEADLINE: Final = f"{PREFIX}/deadline"
EXPECTED_END: Final = f"{PREFIX}/expected_end"
LIKELY_FROM: Final = f"{PREFIX}/likely_from"
LIKELY_TO: Final = f"{PREFIX}/likely_to"
DECIDED_BY: Final = f"{PREFIX}/decided_by"

# On checks of what is usual.
NORMAL_FROM: Final = f"{PREFIX}/normal_from_seconds"
NORMAL_TO: Final = f"{PREFIX}/normal_to_seconds"

# On the assets of the analytics.
PROMISES: Final = f"{PREFIX}/promises"
PROMISES_BROKEN: Final = f"{PREFIX}/promises_broken"
PROMISES_AT_RISK: Final = f"{PREFIX}/promises_at_risk"
KEPT: Final = f"{PREFIX}/kept"
PIPELINES_REFRESHED: Final = f"{PREFIX}/pipelines_refreshed"
RUNS_ANALYSED: Final = f"{PREFIX}/runs_analysed"
SECONDS: Final = f"{PREFIX}/seconds"
WATERMARK: Final = f"{PREFIX}/read_until"
COVERS_FROM: Final = f"{PREFIX}/covers_from"
COVERS_TO: Final = f"{PREFIX}/covers_to"
WORST_TASKS: Final = f"{PREFIX}/worst_tasks"
COVERAGE: Final = f"{PREFIX}/coverage"
ERROR: Final = f"{PREFIX}/error"
NAIVE_ERROR: Final = f"{PREFIX}/error_of_the_median"
WORST_PREDICTED: Final = f"{PREFIX}/worst_predicted"

SPANS: Final = f"{PREFIX}/spans"
SATURATED: Final = f"{PREFIX}/saturated_seconds"
QUEUED_UNITS: Final = f"{PREFIX}/queued_unit_seconds"
RESOURCES: Final = f"{PREFIX}/resources"

CONFLICTS: Final = f"{PREFIX}/conflicts"
CONFLICTS_COMING: Final = f"{PREFIX}/conflicts_coming"
HARM: Final = f"{PREFIX}/harm_unit_seconds"
HARM_COMING: Final = f"{PREFIX}/harm_coming_unit_seconds"
WORST_CONFLICTS: Final = f"{PREFIX}/worst_conflicts"
PLANS: Final = f"{PREFIX}/plans"
PLAN_DATA: Final = f"{PREFIX}/plans_as_data"

REPORT: Final = f"{PREFIX}/report"
FINDINGS: Final = f"{PREFIX}/findings"
PREVIEW: Final = f"{PREFIX}/preview"

# On the asset of the actions.
ACTIONS: Final = f"{PREFIX}/actions"
ACTIONS_FAILED: Final = f"{PREFIX}/actions_failed"

# On the asset of the incidents.
INCIDENTS: Final = f"{PREFIX}/incidents"
INCIDENTS_OPEN: Final = f"{PREFIX}/incidents_open"
INCIDENTS_UNACKNOWLEDGED: Final = f"{PREFIX}/incidents_unacknowledged"
INCIDENTS_LATELY: Final = f"{PREFIX}/incidents_of_the_last_day"
TO_DETECT: Final = f"{PREFIX}/mean_seconds_to_detect"
TO_RECOVER: Final = f"{PREFIX}/mean_seconds_to_recover"
MESSAGES_WAITING: Final = f"{PREFIX}/messages_waiting"
RESOLVED_LATELY: Final = f"{PREFIX}/resolved_lately"

# On runs, their events and checks.
INCIDENT: Final = f"{PREFIX}/incident"
RUN_URL: Final = f"{PREFIX}/run_url"
RUN_ID: Final = f"{PREFIX}/run_id"
STATE: Final = f"{PREFIX}/state"
STARTED_AT: Final = f"{PREFIX}/started_at"
ENDED_AT: Final = f"{PREFIX}/ended_at"
DURATION: Final = f"{PREFIX}/duration_seconds"
QUEUE_TIME: Final = f"{PREFIX}/queue_time_seconds"
TRIGGER: Final = f"{PREFIX}/trigger"
ATTEMPT: Final = f"{PREFIX}/attempt"
LOGICAL_START: Final = f"{PREFIX}/logical_start"
LOGICAL_END: Final = f"{PREFIX}/logical_end"
PARAMETERS: Final = f"{PREFIX}/parameters"
MESSAGE: Final = f"{PREFIX}/message"
FAILED_TASKS: Final = f"{PREFIX}/failed_tasks"

# On what gates say.
DUE_AT: Final = f"{PREFIX}/due_at"
DISPOSITION: Final = f"{PREFIX}/disposition"
CULPRIT: Final = f"{PREFIX}/culprit"
SINCE: Final = f"{PREFIX}/since"
UPSTREAMS: Final = f"{PREFIX}/upstreams"
OVERRIDE: Final = f"{PREFIX}/to_run_all_the_same"

# Tags, on assets and on runs.
INSTANCE: Final = f"{PREFIX}/instance"
ENVIRONMENT: Final = f"{PREFIX}/environment"
ORCHESTRATOR: Final = f"{PREFIX}/orchestrator"
PAUSED: Final = f"{PREFIX}/paused"

LAUNCHED_BY: Final = "user"
"""On runs: what Dagster's Runs page says under "Launched by", which is else "Manually launched"."""
NO_RETRIES: Final = {"dagster/max_retries": "0"}
"""Keeps Dagster from executing a failed run again by itself."""

_TITLES = {"airflow": "Airflow", "prefect": "Prefect", "dagster": "Dagster"}


def orchestrator_title(orchestrator: str) -> str:
    """An adapter's type as people write it."""
    return _TITLES.get(orchestrator, orchestrator.replace("_", " ").title())


def present(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata without what is not known: None, and empty texts and collections."""
    return {
        key: value for key, value in metadata.items() if value is not None and value not in ("", {})
    }


def instance_tags(instance: InstanceConfig) -> dict[str, str]:
    """What assets and sensors are filtered by."""
    tags = {
        INSTANCE: names.tag_value(instance.name),
        ORCHESTRATOR: names.tag_value(instance.type),
    }
    if instance.environment:
        tags[ENVIRONMENT] = names.tag_value(instance.environment)
    return tags


def url(address: str | None) -> MetadataValue | None:
    return MetadataValue.url(address) if address else None


def timestamp(instant: datetime | None) -> MetadataValue | None:
    return MetadataValue.timestamp(instant) if instant else None


def seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else round(duration.total_seconds(), 3)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, most: int = 50
) -> MetadataValue | None:
    """A table in Markdown, None without rows. A column that is empty in every row is left out, and
    what is more than `most` rows is counted below."""
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        return None
    used = [number for number in range(len(columns)) if any(row[number] for row in cells)]
    lines = [
        _line(columns[number] for number in used),
        _line("---" for _ in used),
        *(_line(row[number] for number in used) for row in cells[:most]),
    ]
    if len(cells) > most:
        lines += ["", f"and {len(cells) - most} more"]
    return MetadataValue.md("\n".join(lines))


def cell(value: object) -> str:
    """A value within a Markdown table; None is empty."""
    return "" if value is None else " ".join(str(value).replace("|", "\\|").split())


def link(text: str, address: str | None) -> str:
    """A link in Markdown, or the text alone where there is nowhere to go."""
    text = text.replace("[", "\\[").replace("]", "\\]")
    return f"[{text}](<{address}>)" if address else text


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
