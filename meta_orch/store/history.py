"""What the history tells of two pipelines: which follows which, and which comes too early."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.time import Window
from meta_orch.store import rows
from meta_orch.store.sql import query


@dataclass(frozen=True, slots=True)
class Coincidence:
    """`downstream` started, again and again, soon after `upstream` had succeeded."""

    upstream: PipelineKey
    downstream: PipelineKey
    hits: int
    """Starts of the downstream that came soon after an end of the upstream."""
    starts: int
    """Of the downstream, all."""
    ends: int
    """Successful ones of the upstream, all."""
    gap_low: timedelta
    """From the end to the start: the first and the last tenth are less and more."""
    gap_high: timedelta
    gap_spread: timedelta
    """Standard deviation of the gap."""
    lag_spread: timedelta
    """Standard deviation of the time from the upstream's start to the downstream's."""


@dataclass(frozen=True, slots=True)
class Race:
    """How often a scheduled downstream started before its scheduled upstream had succeeded."""

    upstream: PipelineKey
    downstream: PipelineKey
    days: int
    """Days on which both were due."""
    lost_days: int
    latest: timedelta | None
    """By how much the upstream ended too late, at most, where it did end well."""


def find_coincidences(
    connection: duckdb.DuckDBPyConnection, period: Window, within: timedelta, least: int
) -> tuple[Coincidence, ...]:
    found = connection.execute(
        query("coincidences"),
        {
            "since": period.start,
            "until": period.end,
            "within": max(1, round(within.total_seconds())),
            "least": least,
        },
    ).fetchall()
    return tuple(
        Coincidence(
            PipelineKey(*row[0:2]),
            PipelineKey(*row[2:4]),
            *row[4:7],
            *(timedelta(seconds=seconds) for seconds in row[7:11]),
        )
        for row in found
    )


def find_races(
    connection: duckdb.DuckDBPyConnection,
    edges: Iterable[tuple[PipelineKey, PipelineKey]],
    since: datetime,
) -> tuple[Race, ...]:
    documents = [
        rows.to_text(
            {
                "upstream_instance": upstream.instance,
                "upstream_pipeline": upstream.name,
                "downstream_instance": downstream.instance,
                "downstream_pipeline": downstream.name,
            }
        )
        for upstream, downstream in sorted(set(edges))
    ]
    found = connection.execute(query("races"), {"documents": documents, "since": since}).fetchall()
    return tuple(
        Race(
            PipelineKey(*row[0:2]),
            PipelineKey(*row[2:4]),
            days=row[4],
            lost_days=row[5],
            latest=None if row[6] is None else timedelta(seconds=row[6]),
        )
        for row in found
    )
