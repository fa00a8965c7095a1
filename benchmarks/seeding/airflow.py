"""An Airflow's database, filled directly: its scheduler would take days to run as much."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.seeding.copying import Row, Template, read_rows
from benchmarks.seeding.extent import TEMPLATES, Extent, Kind, Outcome
from benchmarks.seeding.filling import Templates, check_counts, copy_database, fill
from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import Airflow2Server, AirflowServer

_PROGRAM = Path(__file__).parents[1] / "programs" / "airflow_template.py"
_SECONDS = 300
_PIPELINE_TABLES = ("dag", "dag_tag", "dag_version", "dag_code", "serialized_dag")
_AIRFLOW_2_PIPELINE_TABLES = ("dag", "dag_tag", "serialized_dag")
"""Its code is a row for each file, and the one that there is does for all. In Airflow 3 each has a
file of its own: for the code of one DAG Airflow looks at all of that file."""
_RUN_TABLES = ("dag_run", "task_instance", "task_instance_history")
"""Without rendered fields, which Airflow keeps of the last thirty runs of each DAG only."""


def pipeline_name(number: int) -> str:
    return f"pipeline_{number:05}"


def seed_airflow(
    folder: Path,
    environment: Path,
    extent: Extent,
    now: datetime,
    server: type[AirflowServer] = AirflowServer,
) -> None:
    """Make the database of a server in `folder`, which has none yet.

    The pipelines are there as long as no DAG processor runs: it would not find their files.
    """
    database = folder / "airflow.db"
    copy_database(_template_database(environment, extent.tasks or 1, server), database)
    tables = _AIRFLOW_2_PIPELINE_TABLES if server is Airflow2Server else _PIPELINE_TABLES
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            templates = _templates(connection, extent, tables)
            for table in (*_RUN_TABLES, *tables):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608
            fill(connection, templates, extent, now)
            check_counts(
                connection, extent, pipelines="dag", runs="dag_run", task_runs="task_instance"
            )
        # Without it SQLite chooses plans that are three to four times as slow.
        connection.execute("ANALYZE")


def _template_database(environment: Path, tasks: int, server: type[AirflowServer]) -> Path:
    """A database in which Airflow itself ran each of `TEMPLATES`, made once per environment."""
    digest = hashlib.sha256(_PROGRAM.read_bytes()).hexdigest()[:10]
    kept = environment / f"benchmark-{tasks}-{digest}.db"
    if not kept.exists():
        with TemporaryDirectory(prefix="meta_orch_") as temporary:
            made = _run_templates(Path(temporary), environment, tasks, server)
            copy_database(made, kept.with_suffix(".part"))
        kept.with_suffix(".part").replace(kept)
    return kept


def _run_templates(folder: Path, environment: Path, tasks: int, make: type[AirflowServer]) -> Path:
    dags = folder / "dags"
    dags.mkdir()
    shutil.copy(_PROGRAM, dags)
    settings = {"BENCHMARK_TASKS": str(tasks)}
    last = f"task_{tasks - 1}"
    conf: Mapping[Outcome, Mapping[str, str]] = {
        Outcome.SUCCEEDED: {},
        Outcome.RETRIED: {last: "stumble"},
        Outcome.FAILED: {last: "fail"},
    }
    with make(folder / "server", dags=dags, environment=environment, settings=settings) as server:
        server.wait_for_dags([_template_name(kind) for kind in Kind])
        begun = [
            (_template_name(kind), server.start_run(_template_name(kind), **conf[outcome]))
            for kind, outcome in TEMPLATES
        ]
        wait_until(
            lambda: all(server.run_state(*run) in {"success", "failed"} for run in begun),
            what="Airflow to run the templates",
            timeout=_SECONDS,
            processes=server.processes,
        )
    return server.database


def _templates(connection: sqlite3.Connection, extent: Extent, tables: Sequence[str]) -> Templates:
    runs = connection.execute("SELECT run_id FROM dag_run ORDER BY id").fetchall()
    return Templates(
        {kind: [(_pipeline(connection, kind, tables), timedelta(0))] for kind in Kind},
        {
            (kind, outcome): _run(connection, kind, run_id, with_tasks=extent.tasks > 0)
            for (kind, outcome), (run_id,) in zip(TEMPLATES, runs, strict=True)
        },
        names=lambda kind, number: {
            _template_name(kind): pipeline_name(number),
            _PROGRAM.stem: pipeline_name(number),
        },
    )


def _pipeline(connection: sqlite3.Connection, kind: Kind, tables: Sequence[str]) -> Template:
    name = _template_name(kind)
    rows: list[Row] = []
    for table in tables:
        rows += read_rows(connection, table, "dag_id = ?", name)
    has_a_file = "dag_code" in tables
    return Template(rows, [name, _PROGRAM.stem] if has_a_file else [name])


def _run(connection: sqlite3.Connection, kind: Kind, run_id: str, *, with_tasks: bool) -> Template:
    name = _template_name(kind)
    rows: list[Row] = []
    for table in _RUN_TABLES if with_tasks else _RUN_TABLES[:1]:
        rows += read_rows(connection, table, "dag_id = ? AND run_id = ?", name, run_id)
    return Template(rows, [name])


def _template_name(kind: Kind) -> str:
    return f"template_{kind}"
