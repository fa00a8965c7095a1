"""Reading the runs that changed.

Dagster lists runs by falling id, and of those only what was updated after an instant. A run never
leaves that list while it is paged through, and one that joins it above the page is in the next
pass, so nothing hides. The progress of a run's steps does not update the run: what is stored as
open is read again each time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import RunKey
from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.dagster.rows import RunRow, Source, to_run, to_task_runs
from meta_orch.orchestrators.selection import Selection

OVERLAP = timedelta(minutes=1)
"""How much is read twice: clocks that differ, rows that were committed late."""
PAGE_SIZE = 50
"""Runs on one page, with their steps."""

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Cursor:
    watermark: datetime
    """What was updated before it is in."""
    horizon: datetime | None = None
    """In a first pass: runs that ended before it are left out."""
    began_at: datetime | None = None
    """When the pass that is under way began, by the server's clock; None between passes."""
    before: str | None = None
    """The last run that this pass read."""

    def write(self) -> str:
        fields = {name: getattr(self, name) for name in ("watermark", "horizon", "began_at")}
        instants = {name: value and value.isoformat() for name, value in fields.items()}
        return json.dumps({"version": _VERSION, **instants, "before": self.before})

    @classmethod
    def read(cls, text: str) -> Self | None:
        """What `write` wrote; None where another version of this adapter wrote it."""
        stored = json.loads(text)
        watermark = parse_instant(stored.get("watermark"))
        if stored.get("version") != _VERSION or watermark is None:
            return None
        return cls(
            watermark=watermark,
            horizon=parse_instant(stored["horizon"]),
            began_at=parse_instant(stored["began_at"]),
            before=stored["before"],
        )


class ChangesReader:
    """One pass over the runs of an instance."""

    def __init__(
        self,
        instance: str,
        source: Source,
        selection: Selection,
        open_runs: Collection[RunKey],
        *,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._instance = instance
        self._source = source
        self._selection = selection
        self._page_size = page_size
        self._open = {run.run_id: run for run in open_runs if run.pipeline.name in selection}
        self._seen: set[str] = set()

    def read(self, cursor: Cursor | None, *, since: datetime) -> Iterator[Changes]:
        place = cursor or Cursor(watermark=since, horizon=since)
        if place.horizon and place.began_at is None:
            yield from self._open_for_long(place)
        while True:
            rows = self._source.read_runs(
                updated_after=place.watermark, before=place.before, limit=self._page_size
            )
            if not rows and place.before and not self._source.read_runs_by_id([place.before]):
                # The run to go on from was deleted: nothing after it is found any more.
                place = replace(place, before=None)
                continue
            if place.began_at is None:
                place = replace(place, began_at=self._source.now())
            if len(rows) < self._page_size:
                break
            place = replace(place, before=rows[-1].run_id)
            yield self._changes(rows, place)
        began_at = place.began_at or place.watermark
        finished = Cursor(watermark=max(place.watermark, began_at - OVERLAP))
        last = self._changes(rows, place)
        missing = sorted(set(self._open) - self._seen)
        for start in range(0, len(missing), self._page_size):
            yield last
            last = self._missing(missing[start : start + self._page_size], place)
        yield replace(last, cursor=finished.write())

    def _open_for_long(self, place: Cursor) -> Iterator[Changes]:
        """Before a first pass: what is open, though nothing happened to it since the horizon."""
        before: str | None = None
        while True:
            rows = self._source.read_open_runs(before=before, limit=self._page_size)
            if rows:
                before = rows[-1].run_id
                yield self._changes(rows, place)
            if len(rows) < self._page_size:
                return

    def _missing(self, run_ids: list[str], place: Cursor) -> Changes:
        rows = self._source.read_runs_by_id(run_ids)
        gone = set(run_ids) - {row.run_id for row in rows}
        changes = self._changes(rows, place)
        return replace(changes, gone=tuple(self._open[run_id] for run_id in sorted(gone)))

    def _changes(self, rows: Sequence[RunRow], place: Cursor) -> Changes:
        self._seen.update(row.run_id for row in rows)
        chosen = [
            (row, RunKey(PipelineKey(self._instance, row.pipeline_name), row.run_id))
            for row in rows
            if not row.is_mirrored
            and row.pipeline_name in self._selection
            and not (place.horizon and row.ended_at and row.ended_at < place.horizon)
        ]
        url = self._source.run_url
        return Changes(
            cursor=place.write(),
            runs=tuple(to_run(row, key, url(row.run_id)) for row, key in chosen),
            task_runs=tuple(
                task_run
                for row, key in chosen
                for task_run in to_task_runs(row, key, url(row.run_id))
            ),
        )
