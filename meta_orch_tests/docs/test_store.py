"""docs/store.md shows the views as they are, and its examples run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.domain.edges import Edge, EdgeKind
from meta_orch.domain.pipelines import Pool, Task
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.states import RunState
from meta_orch.store import CollectorStatus, Store
from meta_orch.testing.builders import make_pipeline, make_run, make_task_run

PAGE = Path(__file__).parents[2] / "docs" / "store.md"
INSTANCE = "airflow_prod"
TEXT = PAGE.read_text(encoding="utf-8")
VIEWS = [
    *("pipelines", "runs", "task_runs", "schedules", "tasks", "edges", "pools", "collectors"),
    "dataset_uses",
    *("gate_overrides", "holds", "actions", "firings"),
    "kept_runs",
    *("critical_paths", "critical_path_tasks", "prediction_quality"),
    *("sla_attainment", "sla_misses", "outlooks"),
    *("work_pools", "pool_settings", "resource_hours", "resource_users"),
    *("conflicts", "stagger_plans", "stagger_moves"),
    *("problems", "alerts", "incidents", "incident_events", "silences", "deliveries"),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", TEXT)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store in which every question of the page has an answer."""
    store = Store(tmp_path_factory.mktemp("store") / "store.duckdb")
    pipeline = make_pipeline(
        "daily_orders",
        INSTANCE,
        owners=("team:orders",),
        tasks=(Task("extract", pool="default_pool"),),
        schedules=(Schedule(ScheduleKind.CRON, "0 6 * * *"),),
    )
    with store.write() as writer:
        now: datetime = writer.answer("SELECT now()").rows[0][0]
        runs = [
            make_run(
                f"run_{n}",
                pipeline,
                state=RunState.FAILED if n == 1 else RunState.SUCCEEDED,
                queued_at=now - timedelta(hours=n, seconds=30),
                started_at=now - timedelta(hours=n),
                ended_at=now - timedelta(hours=n - 0.5),
                parameters={"region": "north"},
            )
            for n in range(1, 5)
        ]
        running = make_run(
            "run_0", pipeline, state=RunState.RUNNING, started_at=now - timedelta(hours=9)
        )
        task_runs = [make_task_run("extract", run, pool="default_pool") for run in runs]
        writer.save_catalogue(INSTANCE, Catalogue((pipeline,), "f"), now)
        writer.save_changes(INSTANCE, Changes("c", (*runs, running), tuple(task_runs)), now)
        writer.save_pools(INSTANCE, [Pool(INSTANCE, "default_pool", 128, 12, 3)], now)
        orders = pipeline.key.path
        writer.save_edges(
            [
                Edge(orders, (INSTANCE, "refunds"), EdgeKind.DATA, "shares s3://lake/orders"),
                Edge((INSTANCE, "refunds"), ("sales", "report"), EdgeKind.DECLARED, "declared"),
            ],
            now,
        )
        writer.save_collector(CollectorStatus(INSTANCE, now, now, True, None, "3.3.2", now))
    return store


def as_on_the_page(store: Store, view: str) -> Iterator[str]:
    with store.read() as reader:
        columns = reader.query(
            """
            SELECT column_name, data_type, columns.comment, views.comment
            FROM duckdb_columns() AS columns
            JOIN duckdb_views() AS views ON views.view_name = columns.table_name
            WHERE views.view_name = ?
            ORDER BY column_index
            """,
            [view],
        ).itertuples(index=False, name=None)
    rows = list(columns)
    yield from (f"### {view}", rows[0][3], "", "| column | type | what it is |", "|---|---|---|")
    for name, kind, comment, _ in rows:
        short = kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
        yield f"| `{name}` | {short} | {comment} |"


@pytest.mark.parametrize("view", VIEWS)
def test_the_page_shows_every_column_of_every_view_with_what_it_is(store: Store, view: str) -> None:
    section = "\n".join(as_on_the_page(store, view))
    assert section + "\n" in TEXT
    assert "| None |" not in section


def test_the_page_shows_every_view(store: Store) -> None:
    with store.read() as reader:
        assert sorted(VIEWS) == [row[0] for row in reader.views().rows]


@pytest.mark.parametrize("question", blocks("sql"), ids=lambda text: text.splitlines()[0][3:])
def test_every_question_on_the_page_has_an_answer(store: Store, question: str) -> None:
    with store.read() as reader:
        assert reader.answer(question).rows


def test_the_python_on_the_page_runs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.path.parent.parent)
    Path(".meta_orch").mkdir(exist_ok=True)
    Path(".meta_orch/store.duckdb").write_bytes(store.path.read_bytes())
    (code,) = blocks("python")
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102  # our own page
    assert len(names["failed"]) == 1  # pyright: ignore[reportArgumentType]  # a DataFrame
    assert names["latest"]
