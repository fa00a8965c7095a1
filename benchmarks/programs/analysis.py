"""One way to analyse a store, in a process of its own: `python -m benchmarks.programs.analysis WHO
WHAT STORE`. Prints what it took, and a digest of its answer, as JSON."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import duckdb

from benchmarks.analysis import BEGIN, DAYS
from benchmarks.measuring import measure
from meta_orch.analytics.refreshing import refresh_critical_paths
from meta_orch.analytics.resources.measuring import measure_days
from meta_orch.config import MetaOrchConfig
from meta_orch.domain.time import Window
from meta_orch.store import Store

_END = BEGIN + timedelta(days=DAYS)
_HOURS = """
WITH change AS (
  SELECT pool, started_at AS moment, 1 AS running FROM task_run_record
  UNION ALL
  SELECT pool, ended_at, -1 FROM task_run_record
  UNION ALL
  SELECT pool, unnest(range($begin, $end, INTERVAL 1 HOUR)), 0
  FROM (SELECT DISTINCT pool FROM task_run_record)
),
instant AS (SELECT pool, moment, sum(running) AS running FROM change GROUP BY ALL),
level AS (
  SELECT pool, moment, sum(running) OVER (PARTITION BY pool ORDER BY moment) AS running
  FROM instant
)
SELECT pool, time_bucket(INTERVAL 1 HOUR, moment) AS hour, max(running) AS peak
FROM level
GROUP BY ALL
"""
_MEDIANS = """
SELECT instance, pipeline, median(epoch(ended_at - started_at))
FROM run_record
WHERE state = 'succeeded' AND ended_at >= $begin AND ended_at < $end
GROUP BY ALL
"""


def _hand_hours(path: Path) -> object:
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(_HOURS, {"begin": BEGIN, "end": _END}).fetchall()
    return sorted((pool, int(peak)) for pool, _, peak in found if peak)


def _hand_medians(path: Path) -> object:
    with duckdb.connect(str(path), read_only=True) as connection:
        return len(connection.execute(_MEDIANS, {"begin": BEGIN, "end": _END}).fetchall())


def _own_hours(path: Path) -> object:
    store = Store(path)
    days = [(BEGIN + timedelta(days=number)).date() for number in range(DAYS)]
    measure_days(store, MetaOrchConfig(), days, _END)
    with store.read() as reader:
        found = reader.answer(
            "SELECT resource, peak_running FROM resource_hours WHERE kind = 'pool'"
        )
    return sorted((name.partition("/")[2], int(peak)) for name, peak in found.rows if peak)


def _own_medians(path: Path) -> object:
    with Store(path).read() as reader:
        return len(reader.reports.pipelines(Window(BEGIN, _END), BEGIN - timedelta(days=1)))


def _own_paths(path: Path) -> object:
    return refresh_critical_paths(Store(path), datetime.now(UTC), runs=1_000_000).runs


def _read_paths(path: Path) -> object:
    """The same rows, read and thrown away."""
    runs = 0
    with Store(path).read() as reader:
        keys = reader.traces.out_of_date()
        for start in range(0, len(keys), 200):
            for _ in reader.traces.last_runs(keys[start : start + 200], most=1_000_000):
                runs += 1
    return runs


def _pandas_hours(path: Path) -> object:
    import pandas as pd

    with duckdb.connect(str(path), read_only=True) as connection:
        spans: Any = connection.execute(
            "SELECT pool, started_at AT TIME ZONE 'UTC' AS started_at, "
            "ended_at AT TIME ZONE 'UTC' AS ended_at FROM task_run_record"
        ).df()
    starts = pd.DataFrame({"pool": spans["pool"], "moment": spans["started_at"], "running": 1})
    ends = pd.DataFrame({"pool": spans["pool"], "moment": spans["ended_at"], "running": -1})
    naive = [at.replace(tzinfo=None) for at in (BEGIN, _END)]
    hours = pd.date_range(*naive, freq="h", inclusive="left", unit="us")
    marks = pd.MultiIndex.from_product([spans["pool"].unique(), hours], names=["pool", "moment"])
    every: Any = pd.concat([starts, ends, marks.to_frame(index=False).assign(running=0)])
    instants = every.groupby(["pool", "moment"], sort=True)["running"].sum().reset_index()
    instants["running"] = instants.groupby("pool")["running"].cumsum()
    instants["hour"] = instants["moment"].dt.floor("h")
    found = instants.groupby(["pool", "hour"])["running"].max()
    return sorted((pool, int(peak)) for (pool, _), peak in found.items() if peak)


def _pandas_medians(path: Path) -> object:
    with duckdb.connect(str(path), read_only=True) as connection:
        runs: Any = connection.execute(
            "SELECT pipeline, started_at, ended_at FROM run_record WHERE state = 'succeeded'"
        ).df()
    runs["seconds"] = (runs["ended_at"] - runs["started_at"]).dt.total_seconds()
    return len(runs.groupby("pipeline")["seconds"].median())


def _polars_hours(path: Path) -> object:
    import polars as pl

    with duckdb.connect(str(path), read_only=True) as connection:
        spans = connection.execute(
            "SELECT pool, epoch_us(started_at) AS s, epoch_us(ended_at) AS e FROM task_run_record"
        ).pl()
    hour = 3_600_000_000
    begin = int(BEGIN.timestamp() * 1_000_000)
    hours = pl.DataFrame({"moment": [begin + number * hour for number in range(24 * DAYS)]})
    marks = spans.select("pool").unique().join(hours, how="cross")
    every = pl.concat(
        [
            spans.select("pool", pl.col("s").alias("moment"), pl.lit(1).alias("running")),
            spans.select("pool", pl.col("e").alias("moment"), pl.lit(-1).alias("running")),
            marks.select("pool", "moment", pl.lit(0).alias("running")),
        ]
    )
    instants = every.group_by("pool", "moment").agg(pl.col("running").sum()).sort("pool", "moment")
    found = (
        instants.with_columns(pl.col("running").cum_sum().over("pool"))
        .with_columns((pl.col("moment") // hour).alias("hour"))
        .group_by("pool", "hour")
        .agg(pl.col("running").max())
    )
    rows = found.select("pool", "running").iter_rows()
    return sorted((pool, int(peak)) for pool, peak in rows if peak)


def _polars_medians(path: Path) -> object:
    import polars as pl

    with duckdb.connect(str(path), read_only=True) as connection:
        runs = connection.execute(
            "SELECT pipeline, epoch(ended_at - started_at) AS seconds FROM run_record "
            "WHERE state = 'succeeded'"
        ).pl()
    return len(runs.group_by("pipeline").agg(pl.col("seconds").median()))


WORK: dict[tuple[str, str], Callable[[Path], object]] = {
    ("meta_orch", "hours"): _own_hours,
    ("hand", "hours"): _hand_hours,
    ("pandas", "hours"): _pandas_hours,
    ("polars", "hours"): _polars_hours,
    ("meta_orch", "medians"): _own_medians,
    ("hand", "medians"): _hand_medians,
    ("pandas", "medians"): _pandas_medians,
    ("polars", "medians"): _polars_medians,
    ("meta_orch", "paths"): _own_paths,
    ("hand", "paths"): _read_paths,
}


def main() -> None:
    who, what, store = sys.argv[1:]
    answer, cost = measure(lambda: WORK[who, what](Path(store)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found: dict[str, Any] = {
        "cpu": cost.cpu,
        "wall": cost.wall,
        "megabytes": peak,
        "answer": crc32(json.dumps(answer).encode()),
    }
    print(json.dumps(found))  # noqa: T201  # for the program that started this one


if __name__ == "__main__":
    main()
