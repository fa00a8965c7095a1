"""What the UI waits for: a location that is loaded again, and the graph of its assets."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.company import found
from benchmarks.measuring import MEGABYTE, Cost, Sample, cpu_of, measure, memory_of, ratio
from benchmarks.programs.bare import PIPELINES
from benchmarks.reporting import Table
from benchmarks.seeded import named
from benchmarks.settings import Say, Settings
from meta_orch.demo.errors import DemoError
from meta_orch.demo.servers import DagsterServer

NAME = "graph"
TITLE = "The asset graph in the UI"
METHOD = """
    A code server and a webserver, as in production, serve the company's definitions. The location
    is loaded again, as happens whenever a catalogue changed; then the query is asked that Dagster's
    UI asks before it draws the graph (`benchmarks/asset_graph.graphql`): first by a webserver that
    has just loaded, then again.

    The yardstick is the same with bare assets, jobs and checks, as above. CPU seconds of a load are
    those of the code server and the webserver together, of a query those of the webserver.
"""

ROOT = Path(__file__).parent.parent
_QUERY = (Path(__file__).parent / "asset_graph.graphql").read_text(encoding="utf-8")
_RELOAD = """
    mutation Reload($name: String!) {
      reloadRepositoryLocation(repositoryLocationName: $name) {
        __typename
        ... on WorkspaceLocationEntry { locationOrLoadError { __typename } }
      }
    }
"""
_MODULES = {"bare": "benchmarks.programs.bare", "meta_orch": "meta_orch.definitions"}
_SECONDS = 600


def run(settings: Settings, say: Say) -> Sequence[Table]:
    loads: list[tuple[object, ...]] = []
    queries: list[tuple[object, ...]] = []
    for pipelines in settings.catalogues:
        folder = settings.folder / f"company_{pipelines}"
        configuration = found(folder, pipelines)
        figures = {}
        for name in _MODULES:
            say(f"serving {name} with {pipelines:,} pipelines")
            figures[name] = _measure(name, pipelines, configuration, settings, say)
        loads += (_load_row(pipelines, name, figures) for name in figures)
        queries += (_query_row(pipelines, name, figures) for name in figures)
    return [
        Table(
            "Loading a location again",
            ("pipelines", "location", "CPU s", "to bare", "wall s", "code server MB"),
            loads,
        ),
        Table(
            "Asking for its asset graph",
            (
                *("pipelines", "location", "first: CPU s", "to bare", "first: wall s"),
                *("later: wall s", "answer MB"),
            ),
            queries,
        ),
    ]


Figures = Mapping[str, Mapping[str, Sample]]
"""By location, and by what was measured."""


def _load_row(pipelines: int, name: str, figures: Figures) -> tuple[object, ...]:
    found = figures[name]
    return (
        f"{pipelines:,}",
        name,
        found["load_cpu"],
        ratio(found["load_cpu"], figures["bare"]["load_cpu"]),
        found["load_wall"],
        found["memory"],
    )


def _query_row(pipelines: int, name: str, figures: Figures) -> tuple[object, ...]:
    found = figures[name]
    return (
        f"{pipelines:,}",
        name,
        found["first_cpu"],
        ratio(found["first_cpu"], figures["bare"]["first_cpu"]),
        found["first_wall"],
        found["later_wall"],
        found["answer"],
    )


def _measure(
    name: str, pipelines: int, configuration: Path, settings: Settings, say: Say
) -> dict[str, Sample]:
    server = DagsterServer(
        settings.folder / f"{name}_{pipelines}",
        locations={name: _MODULES[name]},
        settings={
            "META_ORCH_CONFIG": str(configuration),
            "PYTHONPATH": str(ROOT),
            PIPELINES: str(pipelines),
        },
    )
    with server:
        named(server, "Dagster daemon").stop()  # its sensors would find no server
        code_server = named(server, f"Dagster location {name}")
        webserver = named(server, "Dagster webserver")
        loads, firsts, laters, sizes, memory = [], [], [], [], []
        for number in range(settings.reloads):
            say(f"loading {name} with {pipelines:,} pipelines again, {number + 1}. time")
            before = cpu_of([code_server.pid, webserver.pid])
            answer, load = measure(lambda: _ask(server, _RELOAD, name))
            loads.append(Cost(cpu_of([code_server.pid, webserver.pid]) - before, load.wall))
            _require_loaded(answer)
            memory.append(memory_of([code_server.pid]))
            before = cpu_of([webserver.pid])
            content, first = measure(lambda: _ask(server, _QUERY, name))
            firsts.append(Cost(cpu_of([webserver.pid]) - before, first.wall))
            _require_assets(content, pipelines)
            sizes.append(len(content) / MEGABYTE)
            laters += (
                measure(lambda: _ask(server, _QUERY, name))[1].wall for _ in range(settings.queries)
            )
    return {
        "load_cpu": Sample.of(cost.cpu for cost in loads),
        "load_wall": Sample.of(cost.wall for cost in loads),
        "first_cpu": Sample.of(cost.cpu for cost in firsts),
        "first_wall": Sample.of(cost.wall for cost in firsts),
        "later_wall": Sample.of(laters),
        "answer": Sample.of(sizes),
        "memory": Sample.of(memory),
    }


def _ask(server: DagsterServer, query: str, location: str) -> bytes:
    """The answer as it comes: to parse it would be our time, not Dagster's."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_SECONDS)
    try:
        body = json.dumps({"query": query, "variables": {"name": location}})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


def _require_loaded(content: bytes) -> None:
    answer = json.loads(content)
    if b"PythonError" in content or "errors" in answer:
        raise DemoError(f"the location was not loaded again: {answer}")


def _require_assets(content: bytes, least: int) -> None:
    answer: dict[str, Any] = json.loads(content)
    location = answer["data"]["workspaceLocationEntryOrError"]["locationOrLoadError"]
    assets = sum(len(repository["assetNodes"]) for repository in location["repositories"])
    if assets < least:
        raise DemoError(f"the graph has {assets} assets where {least} belong")
