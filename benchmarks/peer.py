"""The same work done by the nearest peer, dagster-airlift, which reads Airflow 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import yaml

from benchmarks.counting_proxy import CountingProxy
from benchmarks.measuring import significant
from benchmarks.postgres import running_postgres
from benchmarks.reporting import Table
from benchmarks.seeded import PastAirflow, PastAirflow2, SeededPast
from benchmarks.seeding import Extent
from benchmarks.settings import Say, Settings

NAME = "peer"
TITLE = "Beside dagster-airlift"
METHOD = """
    A real Airflow whose database was filled with pipelines and with runs that ended one to five
    hours ago, each with three task runs; and an empty Dagster on PostgreSQL for each of the two.
    Each does its work in a process of its own, in the same order: it reads the pipelines and loads
    their definitions, brings the runs into Dagster, and has a tick in which nothing is new.

    dagster-airlift is used as its documentation shows: DAGs alone, and with three tasks of each DAG
    mapped to assets (those of dynamic DAGs it cannot map). By itself its sensor looks back a minute
    at first; here it is told to begin before the runs. It returns its events for Dagster to write;
    they are written here, one by one, as Dagster's daemon does. A successful run is one event for
    it. For meta_orch, which reads the task runs with the runs, it is a run of Dagster: of eight
    events or so for the last of each pipeline, of two for one before it.

    Missed are runs of which nothing came to Dagster. dagster-airlift is given three minutes to
    bring them: Dagster gives a tick one.
"""

ROOT = Path(__file__).parent.parent
_LOOKBACK = timedelta(hours=5)
_TASKS = 3


@dataclass(frozen=True)
class _Work:
    """What one of the two did on one server."""

    parts: Mapping[str, Any]
    """What the program reported."""
    requests: Mapping[str, int]
    """By the part that they were sent in."""
    error: str = ""
    """Why it could not, where it could not."""


def run(settings: Settings, say: Say) -> Sequence[Table]:
    rows: list[tuple[object, ...]] = []
    airlift = f"dagster-airlift {version('dagster-airlift')}"
    for pipelines, runs in settings.peer:
        for kind in (PastAirflow2, PastAirflow):
            extent = Extent(pipelines, runs, _TASKS, lookback=_LOOKBACK)
            folder = settings.folder / f"{kind.__name__}_{pipelines}"
            past = kind(folder, extent)
            say(f"filling an Airflow with {pipelines} pipelines and {runs} runs")
            past.seed(datetime.now(UTC))
            with past:
                about = (past.version(), pipelines)
                say(f"{past.version()}: meta_orch, {pipelines} pipelines")
                rows.append((*about, "meta_orch", *_cells(_meta_orch(past), runs)))
                for tasks in (0, _TASKS):
                    name = f"{airlift}, tasks mapped" if tasks else airlift
                    say(f"{past.version()}: {name}, {pipelines} pipelines")
                    rows.append((*about, name, *_cells(_airlift(past, tasks), runs)))
    return [
        Table(
            "The same server, the same work",
            (
                *("server", "pipelines", "by", "to load: requests", "s", "CPU s"),
                *("requests a run", "runs a second", "events a second", "missed"),
                *("idle tick: requests", "CPU s"),
            ),
            rows,
        )
    ]


def _cells(work: _Work, runs: int) -> tuple[object, ...]:
    if work.error:
        return (work.error, *[""] * 8)
    parts, requests = work.parts, work.requests
    wall = parts["ingest"]["wall"]
    was_ended = parts.get("ended_early")
    return (
        requests["load"],
        significant(parts["load"]["wall"]),
        significant(parts["load"]["cpu"]),
        f"{requests['ingest'] / runs:.2f}",
        significant(parts["runs"] / wall),
        significant(parts["events"] / wall),
        f"{runs - parts['runs']}, ended after {wall:.0f} s" if was_ended else runs - parts["runs"],
        "" if was_ended else requests["idle"],
        "" if was_ended else significant(parts["idle"]["cpu"]),
    )


def _meta_orch(past: SeededPast) -> _Work:
    with _dagster_home(past, "meta_orch") as home, CountingProxy(past.server.url) as proxy:
        config = past.config(proxy.url, lookback="6h").model_dump(mode="json")
        wanted = ("name", "type", "url", "login", "lookback")
        configuration = home / "meta_orch.yaml"
        instances = [{name: config[name] for name in wanted}]
        configuration.write_text(json.dumps({"instances": instances}))
        return _work(proxy, "benchmarks.programs.peer", str(configuration), str(home))


def _airlift(past: SeededPast, tasks: int) -> _Work:
    login = past.login()["login"]
    variable = login["password"].removeprefix("${").removesuffix("}")
    since = (datetime.now(UTC) - _LOOKBACK - timedelta(hours=1)).timestamp()
    with _dagster_home(past, f"airlift_{tasks}") as home, CountingProxy(past.server.url) as proxy:
        return _work(
            proxy,
            "benchmarks.programs.airlift",
            *(proxy.url, login["username"], variable, str(since), str(home), str(tasks)),
        )


def _work(proxy: CountingProxy, program: str, *arguments: str) -> _Work:
    """Run a program, and count its requests from one line of its output to the next."""
    parts: dict[str, Any] = {}
    requests: dict[str, int] = {}
    before = 0
    command = [sys.executable, "-W", "ignore", "-m", program, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with TemporaryFile("w+") as errors:
        with subprocess.Popen(  # noqa: S603  # this package's own program
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process:
            for line in process.stdout or ():
                part = json.loads(line)
                now = len(proxy.exchanges)
                requests |= dict.fromkeys(part, now - before)
                parts |= part
                before = now
        if process.returncode != 0:
            errors.seek(0)
            return _Work({}, {}, _explain(proxy, errors.read()))
    return _Work(parts, requests)


def _explain(proxy: CountingProxy, errors: str) -> str:
    refused = [e for e in proxy.exchanges if e.status >= HTTPStatus.BAD_REQUEST]
    if refused:
        return f"fails: {refused[-1].name} gives {refused[-1].status}"
    return f"fails: {errors.strip().splitlines()[-1]}"


@contextmanager
def _dagster_home(past: SeededPast, name: str) -> Iterator[Path]:
    """That of an empty Dagster."""
    home = Path(past.server.folder).parent / f"dagster_{name}"
    home.mkdir()
    with running_postgres(home) as url:
        storage = {"postgres": {"postgres_url": url}}
        (home / "dagster.yaml").write_text(
            yaml.safe_dump({"storage": storage, "telemetry": {"enabled": False}})
        )
        yield home
