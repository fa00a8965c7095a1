"""Forgetting what is older than the store is to keep, and giving its room back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from meta_orch.config.models import Retention
from meta_orch.store.sql import query


@dataclass(frozen=True, slots=True)
class Expired:
    """How much is older than the store is to keep."""

    runs: int
    task_runs: int
    """Those of these runs, and those that go before their runs."""


def find_expired(
    connection: duckdb.DuckDBPyConnection, retention: Retention, now: datetime
) -> Expired:
    """What `retention` lets go at `now`. It stands in a temporary table until the connection ends,
    for `forget_expired`: what is counted is what is forgotten."""
    parameters = {
        "runs_before": now - retention.runs if retention.runs else None,
        "task_runs_before": now - retention.task_runs if retention.task_runs else None,
        "last_runs": retention.last_runs,
    }
    connection.execute(query("find_expired"), parameters)
    counted = connection.execute(query("count_expired")).fetchone()
    return Expired(*(counted or (0, 0)))


def forget_expired(
    connection: duckdb.DuckDBPyConnection, retention: Retention, now: datetime
) -> Expired:
    """Remove what `find_expired` finds, and pipelines of which nothing is left."""
    expired = find_expired(connection, retention, now)
    for name in ("forget_task_runs", "forget_mirrored", "forget_runs"):
        connection.execute(query(name))
    if retention.runs:
        connection.execute(query("forget_pipelines"), {"runs_before": now - retention.runs})
    return expired
