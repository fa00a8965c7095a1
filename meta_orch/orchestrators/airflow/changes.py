"""Reading what changed in the runs of an Airflow, without losing any.

A pass reads every run that was updated since the watermark, in the order of their ids, which never
change, and with each page its task instances. Airflow's answers do not say when a run was updated,
so the next watermark is the server's time when the pass began, less an overlap for transactions
that were still open then. It takes effect when the pass is complete; until then the cursor holds
the place within it.

A run that was deleted is updated no more. So from time to time, where a stored open run did not
appear, all open runs are read, and what is still missing is asked for by name.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.orchestrators.airflow.api import AirflowApi, RunsPage, RunsPlace
from meta_orch.orchestrators.airflow.parse import Place, read_run, read_task_run
from meta_orch.orchestrators.answers import Fields, RequestRefused
from meta_orch.orchestrators.base import NotFound
from meta_orch.orchestrators.selection import Selection

_log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=5)
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass under way."""

    began_at: datetime
    """By the server's clock."""
    place: RunsPlace


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading stands. Every instant is UTC, by the server's clock."""

    watermark: datetime
    """Every change before it is stored."""
    horizon: datetime | None = None
    """In the first pass only: runs that ended before it are left out."""
    swept_at: datetime | None = None
    """When all open runs were last read."""
    current: Pass | None = None

    def to_text(self) -> str:
        value: dict[str, Any] = {"format": _FORMAT, "watermark": self.watermark.isoformat()}
        if self.horizon is not None:
            value["horizon"] = self.horizon.isoformat()
        if self.swept_at is not None:
            value["swept_at"] = self.swept_at.isoformat()
        if self.current is not None:
            value["pass"] = {
                "began_at": self.current.began_at.isoformat(),
                **self.current.place.to_json(),
            }
        return json.dumps(value)

    @classmethod
    def from_text(cls, text: str) -> Cursor:
        """Raises `ValueError`, `KeyError` or `TypeError` for what `to_text` did not write."""
        value = json.loads(text)
        if value["format"] != _FORMAT:
            raise ValueError(f"format {value['format']}")
        current = value.get("pass")
        return cls(
            watermark=_instant(value["watermark"]),
            horizon=_instant(value["horizon"]) if "horizon" in value else None,
            swept_at=_instant(value["swept_at"]) if "swept_at" in value else None,
            current=Pass(_instant(current["began_at"]), RunsPlace.from_json(current))
            if current
            else None,
        )


def read_cursor(text: str | None, since: datetime) -> Cursor:
    """The cursor in `text`; a first one where there is none, or one of another version of this."""
    if text is not None:
        try:
            return Cursor.from_text(text)
        except (ValueError, KeyError, TypeError):
            _log.warning("the cursor cannot be read, so runs are read anew since %s", since)
    # What ended since then was updated since then.
    return Cursor(watermark=since.astimezone(UTC), horizon=since.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class ChangeReader:
    api: AirflowApi
    place: Place
    selection: Selection
    sweep_every: timedelta

    def read(self, start: Cursor, open_runs: Collection[RunKey]) -> Iterator[Changes]:
        """The pages of one pass."""
        seen: set[RunKey] = set()
        cursor = start
        for cursor, page in self._updated(start):
            runs, task_runs = self._parse(page.rows, seen, start.horizon)
            yield Changes(cursor.to_text(), runs, task_runs)
        wanted = {run for run in open_runs if run.pipeline.name in self.selection}
        now = cursor.watermark + OVERLAP
        is_due = cursor.swept_at is None or now - cursor.swept_at >= self.sweep_every
        if cursor.swept_at is None or (is_due and not wanted <= seen):
            yield from self._sweep(cursor, replace(cursor, swept_at=now), wanted, seen)

    def _updated(self, cursor: Cursor) -> Iterator[tuple[Cursor, RunsPage]]:
        """Pages of updated runs, each with the cursor that is right once it is durable."""
        current = cursor.current
        while True:
            try:
                page = self.api.runs_updated_since(
                    cursor.watermark, current.place if current else None
                )
            except RequestRefused as error:
                if current is None:
                    raise
                # The place is one that the server does not know, or no longer.
                _log.warning("%s; the pass begins anew", error)
                current = None
                continue
            began_at = current.began_at if current else page.sent_at
            if page.next is None:
                yield Cursor(watermark=began_at - OVERLAP, swept_at=cursor.swept_at), page
                return
            current = Pass(began_at, page.next)
            yield replace(cursor, current=current), page

    def _sweep(
        self, cursor: Cursor, swept: Cursor, wanted: set[RunKey], seen: set[RunKey]
    ) -> Iterator[Changes]:
        """Every open run of the server, then those of `wanted` that are still not among `seen`.

        Until the last page the cursor stays, so that a sweep that stopped begins anew.
        """
        place: RunsPlace | None = None
        while True:
            page = self.api.open_runs(place)
            runs, task_runs = self._parse(page.rows, seen)
            yield Changes(cursor.to_text(), runs, task_runs)
            place = page.next
            if place is None:
                break
        ended, gone = self._ask_for(sorted(wanted - seen))
        runs, task_runs = self._parse(ended, seen)
        yield Changes(swept.to_text(), runs, task_runs, gone)

    def _ask_for(self, runs: Iterable[RunKey]) -> tuple[list[Fields], tuple[RunKey, ...]]:
        found: list[Fields] = []
        gone: list[RunKey] = []
        for run in runs:
            try:
                found.append(self.api.run(run.pipeline.name, run.run_id))
            except NotFound:
                gone.append(run)
        return found, tuple(gone)

    def _parse(
        self, rows: Iterable[Fields], seen: set[RunKey], horizon: datetime | None = None
    ) -> tuple[tuple[Run, ...], tuple[TaskRun, ...]]:
        """The runs that are wanted and not `seen` yet in this pass, and their task runs."""
        runs = {
            (run.key.pipeline.name, run.key.run_id): run
            for run in (read_run(self.place, row) for row in rows)
            if run.key not in seen
            and run.key.pipeline.name in self.selection
            and (horizon is None or run.ended_at is None or run.ended_at >= horizon)
        }
        if not runs:
            return (), ()
        seen |= {run.key for run in runs.values()}
        return tuple(runs.values()), tuple(
            read_task_run(self.place, row)
            for row in self.api.task_instances(runs)
            # Runs of several DAGs share an id, so more is given than was asked for.
            if (row.text("dag_id"), row.text("dag_run_id")) in runs
        )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
