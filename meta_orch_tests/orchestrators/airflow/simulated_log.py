"""What the tasks of a simulated Airflow log, as Airflow 3 tells it and as Airflow 2 does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]


def log_of(task_instance: Mapping[str, Any], attempt: int) -> list[Entry]:
    """One that fails says why."""
    at = task_instance["start_date"]
    is_last = attempt == task_instance["try_number"]
    entries: list[Entry] = [
        {"event": "::group::Log message source details"},
        {"event": f"/logs/{task_instance['task_id']}/{attempt}.log"},
        {"event": "::endgroup::"},
        {"event": "Worker startup parse complete", "level": "info", "timestamp": at},
    ]
    if task_instance["state"] == "failed" or not is_last:
        error = {"exc_type": "ValueError", "exc_value": "cannot go on with 1"}
        entries.append(
            {
                "event": "Task failed with exception",
                "level": "error",
                "timestamp": at,
                "error_detail": [error],
            }
        )
    return entries


def answer(entries: Sequence[Entry], token: str | None, *, has_ended: bool) -> Mapping[str, Any]:
    """As Airflow 3 gives it."""
    following = None if has_ended else str(len(entries))
    return {"content": entries[int(token or 0) :], "continuation_token": following}


def told_by_v1(body: Mapping[str, Any]) -> Mapping[str, Any]:
    text = "\n".join(_line(entry) for entry in body["content"])
    return {"content": repr([("worker", text)]), "continuation_token": body["continuation_token"]}


def _line(entry: Entry) -> str:
    if "timestamp" not in entry:
        return f" INFO - {entry['event']}"
    errors = "".join(
        f"\nTraceback (most recent call last):\n{error['exc_type']}: {error['exc_value']}"
        for error in entry.get("error_detail", ())
    )
    return (
        f"[{entry['timestamp']}] {{task.py:1}} {entry['level'].upper()} - {entry['event']}{errors}"
    )
