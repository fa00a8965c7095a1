"""One way to analyse a store, in a process of its own: `python -m benchmarks.programs.analysis WHO
WHAT STORE`. Prints what it took, and a digest of its answer, as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import duckdb

from benchmarks.analysis import BEGIN, DAYS
from benchmarks.measuring import measure
from meta_orch.analytics.critical_paths.refreshing import refresh_critical_paths
from meta_orch.analytics.resources.measuring import measure_days
from meta_orch.config import MetaOrchConfig
from meta_orch.domain.time import Window
from meta_orch.store import Store
from meta_orch.store.measuring import Demand

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
_ALL = (
    """
CREATE TEMPORARY TABLE span AS
SELECT 'orchestrator' AS kind, instance AS resource, pipeline, queued_at, started_at, ended_at
FROM run_record
UNION ALL
SELECT 'pool', pool, pipeline, queued_at, started_at, ended_at FROM task_run_record
UNION ALL
SELECT 'queue', queue, pipeline, queued_at, started_at, ended_at FROM task_run_record
""",
    """
CREATE TEMPORARY TABLE resource_hour AS
WITH change AS (
  SELECT kind, resource, queued_at AS moment, 0 AS running, 1 AS queued FROM span
  WHERE queued_at < started_at
  UNION ALL
  SELECT kind, resource, started_at, 1, CASE WHEN queued_at < started_at THEN -1 ELSE 0 END
  FROM span
  UNION ALL
  SELECT kind, resource, ended_at, -1, 0 FROM span
  UNION ALL
  SELECT kind, resource, unnest(range($begin, $end, INTERVAL 1 HOUR)), 0, 0
  FROM (SELECT DISTINCT kind, resource FROM span)
),
instant AS (
  SELECT kind, resource, moment, sum(running) AS running, sum(queued) AS queued
  FROM change
  GROUP BY ALL
),
level AS (
  SELECT
    kind,
    resource,
    moment,
    lead(moment) OVER in_order AS until,
    sum(running) OVER in_order AS running,
    sum(queued) OVER in_order AS queued
  FROM instant
  WINDOW in_order AS (PARTITION BY kind, resource ORDER BY moment)
)
SELECT
  kind,
  resource,
  time_bucket(INTERVAL 1 HOUR, moment) AS hour,
  max(running) AS peak_running,
  max(running + queued) AS peak_wanted,
  sum(running * epoch(until - moment)) AS running_seconds,
  sum(queued * epoch(until - moment)) AS queued_seconds
FROM level
GROUP BY ALL
""",
    """
CREATE TEMPORARY TABLE resource_user AS
WITH cut AS (
  SELECT *, unnest(range(queued_at::DATE, ended_at, INTERVAL 1 DAY)) AS day FROM span
)
SELECT
  kind,
  resource,
  day,
  pipeline,
  sum(greatest(0, epoch(
    least(ended_at, day + INTERVAL 1 DAY) - greatest(started_at, day)
  ))) AS running_seconds,
  sum(greatest(0, epoch(
    least(started_at, day + INTERVAL 1 DAY) - greatest(queued_at, day)
  ))) AS queued_seconds
FROM cut
GROUP BY ALL
""",
)
"""All that measuring finds of such a history, in three queries over the whole of it."""
_PAIRS = """
WITH span AS (
  SELECT row_number() OVER () AS id, pool, pipeline, started_at, ended_at FROM task_run_record
),
earlier AS (
  SELECT
    *,
    unnest(range(time_bucket(INTERVAL 1 HOUR, started_at), ended_at, INTERVAL 1 HOUR)) AS hour
  FROM span
),
later AS (SELECT *, time_bucket(INTERVAL 1 HOUR, started_at) AS hour FROM span)
SELECT
  earlier.pool,
  least(earlier.pipeline, later.pipeline),
  greatest(earlier.pipeline, later.pipeline),
  sum(epoch(least(earlier.ended_at, later.ended_at) - later.started_at)) AS seconds
FROM earlier
JOIN later
  ON later.pool = earlier.pool
  AND later.hour = earlier.hour
  AND later.started_at >= earlier.started_at
  AND later.started_at < earlier.ended_at
WHERE later.started_at > earlier.started_at OR later.id > earlier.id
GROUP BY ALL
"""
_PATHS = Path(__file__).with_name("critical_paths.sql").read_text(encoding="utf-8").split(";")
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


def _hand_all(path: Path) -> object:
    with duckdb.connect(str(path), read_only=True) as connection:
        for statement in _ALL:
            needs = {"begin": BEGIN, "end": _END} if "$begin" in statement else {}
            connection.execute(statement, needs)
        found = connection.execute(
            "SELECT resource, peak_running FROM resource_hour WHERE kind = 'pool'"
        ).fetchall()
    return sorted((pool, int(peak)) for pool, peak in found if peak)


def _hand_pairs(path: Path) -> object:
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(_PAIRS).fetchall()
    return [len(found), round(sum(seconds for *_, seconds in found))]


def _own_pairs(path: Path) -> object:
    with Store(path).read() as reader:
        found = reader.measurements.together(
            Window(BEGIN, _END), "pool", None, demand=Demand(), now=_END, most=10_000_000
        )
    return [len(found), round(sum(pair.seconds for pair in found))]


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
    store = Store(path)
    refresh_critical_paths(store, datetime.now(UTC), runs=1_000_000)
    with store.read() as reader:
        found = reader.answer(
            "SELECT sum(round(on_path * runs)), sum(saves_seconds) FROM critical_path_tasks"
        )
    ((on_path, saves),) = found.rows
    return int(on_path), round(saves)


def _all_paths(path: Path) -> object:
    with duckdb.connect(str(path), read_only=True) as connection:
        for statement in _PATHS:
            connection.execute(statement)
        found = connection.execute(
            "SELECT (SELECT sum(on_path) FROM critical), (SELECT sum(saves) FROM faster)"
        ).fetchone()
    assert found  # noqa: S101  # a row of sums
    return int(found[0]), round(found[1])


def _hand_paths(path: Path) -> object:
    """The paths alone."""
    runs, critical, _ = _PATHS
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute(runs)
        connection.execute(critical)
        found = connection.execute("SELECT sum(on_path) FROM critical").fetchone()
    return int(found[0]) if found else 0


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
    ("all", "hours"): _hand_all,
    ("hand", "pairs"): _hand_pairs,
    ("meta_orch", "pairs"): _own_pairs,
    ("pandas", "hours"): _pandas_hours,
    ("polars", "hours"): _polars_hours,
    ("meta_orch", "medians"): _own_medians,
    ("hand", "medians"): _hand_medians,
    ("pandas", "medians"): _pandas_medians,
    ("polars", "medians"): _polars_medians,
    ("meta_orch", "paths"): _own_paths,
    ("hand", "paths"): _hand_paths,
    ("all", "paths"): _all_paths,
}


def _peak_kilobytes() -> int:
    """Of this program alone: `getrusage` has that of the one that started it in it."""
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1])


def main() -> None:
    who, what, store = sys.argv[1:]
    answer, cost = measure(lambda: WORK[who, what](Path(store)))
    peak = _peak_kilobytes() / 1024
    found: dict[str, Any] = {
        "cpu": cost.cpu,
        "wall": cost.wall,
        "megabytes": peak,
        "answer": crc32(json.dumps(answer).encode()),
    }
    print(json.dumps(found))  # noqa: T201  # for the program that started this one


if __name__ == "__main__":
    main()
