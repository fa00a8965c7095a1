"""The logs of flow runs and of their tasks, which Prefect keeps together."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import timedelta

from meta_orch.domain.logs import LogLine, LogPage
from meta_orch.domain.runs import RunKey, TaskRun
from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.prefect.client import PrefectApi
from meta_orch.orchestrators.prefect.parse import Row, reading

_OVERLAP = timedelta(seconds=15)
"""Lines come in batches, every two seconds from each process: one may come after a later one."""
_MOST = 1_000


def read_log(
    api: PrefectApi, run: RunKey, task_runs: Iterable[TaskRun], cursor: str | None
) -> LogPage:
    """Lines from INFO on that are not read yet, a thousand or so at most.

    Args:
        cursor: the time of the last line that was read, and what was read shortly before it.
    """
    last, seen = json.loads(cursor) if cursor else (None, [])
    chosen: Row = {"flow_run_id": {"any_": [run.run_id]}, "level": {"ge_": logging.INFO}}
    since = parse_instant(last)
    if since is not None:
        chosen = {**chosen, "timestamp": {"after_": (since - _OVERLAP).isoformat()}}
    tasks = {task_run.task_run_id: task_run.task for task_run in task_runs}
    found: list[Row] = []
    with reading(api.instance, "a line of a log"):
        for page in api.pages("/logs/filter", {"logs": chosen, "sort": "TIMESTAMP_ASC"}):
            found += page
            if sum(row["id"] not in seen for row in found) >= _MOST:
                break
        lines = tuple(
            LogLine(
                row["message"],
                row["level"],
                parse_instant(row["timestamp"]),
                tasks.get(row.get("task_run_id") or ""),
            )
            for row in found
            if row["id"] not in seen
        )
        newest = found[-1]["timestamp"] if found else last
    return LogPage(lines, json.dumps((newest, [row["id"] for row in found] or seen)))
