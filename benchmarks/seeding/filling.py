"""Fills a server's database with copies of what the server made itself."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.seeding.copying import Inserter, Template, new_uuids
from benchmarks.seeding.extent import Extent, Kind, Outcome, choose_outcome

_SEED = 20_260_101
"""So that every run of a benchmark has the same rows, but for their distance from today."""


@dataclass(frozen=True, slots=True)
class Templates:
    """What a server made, by what it is copied for."""

    pipelines: Mapping[Kind, Sequence[tuple[Template, timedelta]]]
    """Rows of a pipeline, and how much later its copies are."""
    runs: Mapping[tuple[Kind, Outcome], Template]
    names: Callable[[Kind, int], Mapping[str, str]]
    """What is called otherwise in the pipeline of that number, and how."""

    def each(self) -> Iterable[Template]:
        yield from (template for parts in self.pipelines.values() for template, _ in parts)
        yield from self.runs.values()


def fill(
    connection: sqlite3.Connection, templates: Templates, extent: Extent, now: datetime
) -> None:
    """Insert pipelines and runs; the transaction stays open."""
    chance = random.Random(_SEED)  # noqa: S311  # no secret
    inserter = Inserter(connection, list(templates.each()))
    pipelines: list[tuple[Kind, dict[str, str]]] = []
    for number, kind in enumerate(extent.kinds()):
        parts = templates.pipelines[kind]
        old = {identity for template, _ in parts for identity in template.identities}
        names = templates.names(kind, number)
        identities = {**new_uuids(old - names.keys(), chance), **names}
        for template, shift in parts:
            inserter.insert(template.copy(identities, shift))
        pipelines.append((kind, identities))
    for begin in extent.times(now, chance):
        kind, identities = chance.choice(pipelines)
        template = templates.runs[kind, choose_outcome(kind, chance)]
        shift = begin - template.begin
        own = new_uuids(template.identities - identities.keys(), chance, shift)
        inserter.insert(template.copy({**identities, **own}, shift))
    inserter.flush()


def check_counts(
    connection: sqlite3.Connection, extent: Extent, *, pipelines: str, runs: str, task_runs: str
) -> None:
    """Raises `RuntimeError` where these tables do not hold what they were to hold."""
    wanted = {
        pipelines: extent.pipelines,
        runs: extent.runs,
        task_runs: extent.runs * extent.tasks,
    }
    for rows, count in wanted.items():
        (found,) = connection.execute(f"SELECT count(*) FROM {rows}").fetchone()  # noqa: S608
        if found != count:
            raise RuntimeError(f"{rows}: {found:,} rows came about and not {count:,}")


def copy_database(source: Path, target: Path) -> None:
    """Of a server that has stopped."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)
