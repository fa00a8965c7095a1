"""What the analytics cost on a long history."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from benchmarks.measuring import Sample, ratio
from benchmarks.reporting import Table
from benchmarks.settings import Say, Settings
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import Catalogue
from meta_orch.store import Store

NAME = "analysis"
TITLE = "Analysing a long history"
METHOD = """
    A made-up month: runs of a thousand pipelines, each with an attempt of a task in one of fifty
    pools and four queues, at instants of any second, of lengths that spread as those of real ones
    do, stored in the order in which they began, as collectors read them. Asked are

    - the peak of each pool in each hour. meta_orch measures all days, one after the other, and
      finds more: what was queued, what each orchestrator, queue and pipeline used on which day. So
      its yardstick is `all of it by hand`: three queries for just that, over the whole history at
      once and in as much memory as they want;
    - for how long which two pipelines used a pool at once, of all pairs that ever did;
    - the median duration of each pipeline; meta_orch's report asks for failures and queue times
      with it, and for the period before;
    - the critical path of each run of ten tasks, and what each would save.

    The yardsticks are one query for DuckDB, written by hand for just that question, and the same by
    pandas and by polars, which read the columns they need from the same file. Of critical paths it
    is the paths alone; `all of it by hand` is how often each task is on them and what it would
    save, and meta_orch has its slack, what it executed, was queued and waited with it. Each has a
    process of its own; its peak of memory has that of importing everything in it. The answers are
    checked to be the same; medians, of which there are as many.
"""

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAYS: Final = 30
_PIPELINES = 1_000
_POOLS = 50
_QUEUES = 4
_TASKS = 10
_LESS = ("paths", "hand")
"""Who answers less than was asked."""
ROOT = Path(__file__).parent.parent
_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "hours": ("hand", "pandas", "polars", "all", "meta_orch"),
    "pairs": ("hand", "meta_orch"),
    "medians": ("hand", "pandas", "polars", "meta_orch"),
    "paths": ("hand", "all", "meta_orch"),
}
_WORDS = {
    "hand": "one query by hand",
    "pandas": "pandas",
    "polars": "polars",
    "all": "all of it by hand",
}

_RUNS = """
INSERT INTO run_record BY NAME
SELECT
  'airflow' AS instance,
  'pipeline_' || number % $pipelines AS pipeline,
  'run_' || number AS run_id,
  'succeeded' AS state,
  'success' AS native_state,
  1 AS attempt,
  'schedule' AS trigger,
  begun AS scheduled_at,
  begun AS queued_at,
  begun AS started_at,
  begun + to_seconds(
    1 + (exp(5 + 1.2 * sqrt(-2 * ln(1 - u)) * cos(2 * pi() * v)))::INTEGER
  ) AS ended_at,
  true AS is_finished,
  begun AS effective_at,
  uuid() AS revision_id,
  begun AS first_seen_at,
  begun AS changed_at
FROM (
  SELECT
    range AS number,
    $begin + to_seconds((hash(range) % (86400 * ($days - 1)))::INTEGER) AS begun,
    (hash(range, 1) % 1000000) / 1000000.0 AS u,
    (hash(range, 2) % 1000000) / 1000000.0 AS v
  FROM range($count)
)
ORDER BY begun
"""
_ATTEMPTS = """
INSERT INTO task_run_record BY NAME
SELECT
  instance,
  pipeline,
  run_id,
  'task' AS task,
  'task' AS task_run_id,
  1 AS attempt,
  'succeeded' AS state,
  'success' AS native_state,
  queued_at,
  started_at,
  ended_at,
  'pool_' || hash(pipeline) % $pools AS pool,
  1 AS slots,
  'queue_' || hash(pipeline) % $queues AS queue,
  changed_at
FROM run_record
"""
_CHAINS = """
INSERT INTO task_run_record BY NAME
SELECT
  r.instance,
  r.pipeline,
  r.run_id,
  'task_' || step.range AS task,
  'task_' || step.range AS task_run_id,
  1 AS attempt,
  'succeeded' AS state,
  'success' AS native_state,
  r.started_at + (r.ended_at - r.started_at) * (step.range // 2) / $steps AS queued_at,
  r.started_at + (r.ended_at - r.started_at) * (step.range // 2) / $steps AS started_at,
  r.started_at + (r.ended_at - r.started_at) * (
    step.range // 2
    + CASE WHEN hash(r.run_id, step.range // 2) % 2 = step.range % 2 THEN 1 ELSE 0.8 END
  ) / $steps AS ended_at,
  CASE WHEN step.range >= 2 THEN ['task_' || step.range - 2, 'task_' || step.range // 2 * 2 - 1]
    ELSE []::VARCHAR[] END AS upstream_task_run_ids,
  r.changed_at
FROM run_record AS r, range($tasks) AS step
"""


def run(settings: Settings, say: Say) -> Sequence[Table]:
    rows: list[tuple[object, ...]] = []
    for count in settings.intervals:
        path = _history(settings.folder / f"spans_{count}.duckdb", count, say)
        for question in ("hours", "pairs", "medians"):
            rows += _rows(question, count, path, say)
        path.unlink()
    path = _history(settings.folder / "traced.duckdb", settings.traced_runs, say, chains=True)
    rows += _rows("paths", settings.traced_runs, path, say)
    columns = ("question", "runs", "who", "CPU s", "to the query", "wall s", "MB")
    return [Table("CPU seconds and memory of the analytics", columns, rows)]


def _rows(question: str, count: int, path: Path, say: Say) -> Sequence[tuple[object, ...]]:
    answers: dict[str, Mapping[str, Any]] = {}
    for who in _QUESTIONS[question]:
        say(f"{question} of {count:,} runs by {who}")
        answers[who] = _answer(who, question, path)
    if len({answer["answer"] for who, answer in answers.items() if (question, who) != _LESS}) > 1:
        raise ValueError(f"{question} of {count:,} runs: the answers differ: {answers}")
    # What finds more is compared with what finds as much.
    fair = "all" if "all" in answers else "hand"
    yardsticks = {
        who: Sample((float(answers[fair if who == "meta_orch" else "hand"]["cpu"]),))
        for who in answers
    }
    words = {**_WORDS, "meta_orch": "meta_orch"}
    return [
        (
            question,
            f"{count:,}",
            words[who],
            Sample((float(answer["cpu"]),)),
            "" if who == "hand" else ratio(Sample((float(answer["cpu"]),)), yardsticks[who]),
            f"{answer['wall']:.1f}",
            f"{answer['megabytes']:,.0f}",
        )
        for who, answer in answers.items()
    ]


def _history(path: Path, count: int, say: Say, *, chains: bool = False) -> Path:
    say(f"making up {count:,} runs")
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = [PipelineKey("airflow", f"pipeline_{number}") for number in range(_PIPELINES)]
    pipelines = tuple(Pipeline(key, "airflow", key.name) for key in keys)
    with Store(path).write() as writer:
        writer.save_catalogue("airflow", Catalogue(pipelines, "1"), BEGIN)
    values = {"pipelines": _PIPELINES, "begin": BEGIN, "days": DAYS, "count": count}
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_RUNS, values)
        if chains:
            connection.execute(_CHAINS, {"tasks": _TASKS, "steps": _TASKS // 2})
        else:
            connection.execute(_ATTEMPTS, {"pools": _POOLS, "queues": _QUEUES})
    return path


def _answer(who: str, question: str, path: Path) -> Mapping[str, Any]:
    done = subprocess.run(  # noqa: S603  # this interpreter, and our own program
        [sys.executable, "-m", "benchmarks.programs.analysis", who, question, str(path)],
        cwd=ROOT,
        env=os.environ.copy(),
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])
