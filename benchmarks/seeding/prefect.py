"""A Prefect's database, filled directly."""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.seeding.copying import Row, Template, read_rows
from benchmarks.seeding.extent import TEMPLATES, Extent, Kind, Outcome
from benchmarks.seeding.filling import Templates, check_counts, copy_database, fill
from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import PrefectServer

_PROGRAM = Path(__file__).parents[1] / "programs" / "prefect_template.py"
_SECONDS = 300
_DEPLOYMENT = "nightly"
_DAY = timedelta(days=1)
_TABLES = (
    *("flow_run", "flow_run_state", "task_run", "task_run_state"),
    *("flow", "deployment", "deployment_schedule", "events", "event_resources"),
)


def pipeline_name(number: int) -> str:
    return f"pipeline-{number:05}/{_DEPLOYMENT}"


def seed_prefect(folder: Path, environment: Path, extent: Extent, now: datetime) -> None:
    """Make the database of a `PrefectServer` in `folder`, which has none yet.

    Of the states of a run only the latest is there, which is the one that Prefect's lists give; and
    there are no events.
    """
    database = folder / "prefect.db"
    copy_database(_template_database(environment, extent.tasks or 1), database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            templates = _templates(connection, extent, now)
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608
            fill(connection, templates, extent, now)
            check_counts(
                connection,
                extent,
                pipelines="deployment",
                runs="flow_run WHERE end_time IS NOT NULL",
                task_runs="task_run",
            )
        connection.execute("ANALYZE")


def _template_database(environment: Path, tasks: int) -> Path:
    """A database in which Prefect itself ran each of `TEMPLATES`, made once per environment."""
    digest = hashlib.sha256(_PROGRAM.read_bytes()).hexdigest()[:10]
    kept = environment / f"benchmark-{tasks}-{digest}.db"
    if not kept.exists():
        with TemporaryDirectory(prefix="meta_orch_") as temporary:
            made = _run_templates(Path(temporary), environment, tasks)
            copy_database(made, kept.with_suffix(".part"))
        kept.with_suffix(".part").replace(kept)
    return kept


def _run_templates(folder: Path, environment: Path, tasks: int) -> Path:
    last = f"task_{tasks - 1}"
    outcomes: Mapping[Outcome, Mapping[str, str]] = {
        Outcome.SUCCEEDED: {},
        Outcome.RETRIED: {last: "stumble"},
        Outcome.FAILED: {last: "fail"},
    }
    with PrefectServer(
        folder / "server",
        flows=_PROGRAM,
        environment=environment,
        settings={"BENCHMARK_TASKS": str(tasks)},
    ) as server:
        server.wait_for_deployments([f"{_flow_name(kind)}/{_DEPLOYMENT}" for kind in Kind])
        begun = [
            server.start_run(f"{_flow_name(kind)}/{_DEPLOYMENT}", outcomes=outcomes[outcome])
            for kind, outcome in TEMPLATES
        ]
        wait_until(
            lambda: (
                all(server.run_state(run) in {"COMPLETED", "FAILED"} for run in begun)
                # Prefect writes task runs down after their flow has ended.
                and len(_filter(server, "task_runs", _ENDED)) == len(begun) * tasks
                and len(_filter(server, "flow_runs", _PLANNED)) >= len(Kind)
            ),
            what="Prefect to run the templates",
            timeout=_SECONDS,
            processes=server.processes,
        )
    return server.folder / "prefect.db"


_ENDED = {"task_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}}}
_PLANNED = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}


def _filter(server: PrefectServer, kind: str, body: Mapping[str, object]) -> list[object]:
    return server.request("POST", f"/api/{kind}/filter", body)


def _templates(connection: sqlite3.Connection, extent: Extent, now: datetime) -> Templates:
    flows = {kind: _flow_id(connection, kind) for kind in Kind}
    runs = connection.execute(
        "SELECT id FROM flow_run WHERE end_time IS NOT NULL ORDER BY created"
    ).fetchall()
    return Templates(
        {
            kind: [
                (Template(_pipeline_rows(connection, flow), _names(kind)), timedelta(0)),
                _planned(connection, kind, flow, now),
            ]
            for kind, flow in flows.items()
        },
        {
            template: Template(_run_rows(connection, run, with_tasks=extent.tasks > 0))
            for template, (run,) in zip(TEMPLATES, runs, strict=True)
        },
        names=lambda kind, number: dict(
            zip(_names(kind), (f"pipeline-{number:05}", f"pipeline_{number:05}"), strict=True)
        ),
    )


def _pipeline_rows(connection: sqlite3.Connection, flow: str) -> list[Row]:
    deployment = "deployment_id IN (SELECT id FROM deployment WHERE flow_id = ?)"
    return [
        *read_rows(connection, "flow", "id = ?", flow),
        *read_rows(connection, "deployment", "flow_id = ?", flow),
        *read_rows(connection, "deployment_schedule", deployment, flow),
    ]


def _planned(
    connection: sqlite3.Connection, kind: Kind, flow: str, now: datetime
) -> tuple[Template, timedelta]:
    """The runs that Prefect has planned ahead, moved on until none is due today."""
    planned = connection.execute(
        "SELECT id, next_scheduled_start_time FROM flow_run"
        " WHERE flow_id = ? AND state_type = 'SCHEDULED' ORDER BY 2",
        (flow,),
    ).fetchall()
    rows = [row for run, _ in planned for row in _run_rows(connection, run, with_tasks=False)]
    first = datetime.fromisoformat(planned[0][1]).replace(tzinfo=UTC)
    return Template(rows, _names(kind)), math.ceil((now + _DAY - first) / _DAY) * _DAY


def _run_rows(connection: sqlite3.Connection, run: str, *, with_tasks: bool) -> list[Row]:
    latest = "id = (SELECT state_id FROM flow_run WHERE id = ?)"
    rows = [
        *read_rows(connection, "flow_run", "id = ?", run),
        *read_rows(connection, "flow_run_state", latest, run),
    ]
    if with_tasks:
        latest = "id IN (SELECT state_id FROM task_run WHERE flow_run_id = ?)"
        rows += read_rows(connection, "task_run", "flow_run_id = ?", run)
        rows += read_rows(connection, "task_run_state", latest, run)
    return rows


def _flow_id(connection: sqlite3.Connection, kind: Kind) -> str:
    return connection.execute("SELECT id FROM flow WHERE name = ?", (_flow_name(kind),)).fetchone()[
        0
    ]


def _flow_name(kind: Kind) -> str:
    return f"template-{kind}"


def _names(kind: Kind) -> tuple[str, str]:
    """Of the flow, and of its function."""
    return _flow_name(kind), f"template_{kind}"
