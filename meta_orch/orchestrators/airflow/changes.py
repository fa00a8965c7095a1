"""Reading what changed in the runs of an Airflow, without losing any.

A pass reads every run that was updated since the watermark, in the order of their ids, which never
change, and with each page its task instances. Airflow's answers do not say when a run was updated,
so the next watermark is the server's time when the pass began, less an overlap for transactions
that were still open then. It takes effect when the pass is complete; until then the cursor holds
the place within it.

Where there is much to catch up with, at first and after a long pause, the past up to now becomes
history: spans of time of update, read after the pass, several at once and the newest first, while
each pass goes on reading what is new. A run that is updated meanwhile leaves its span, and comes
with a pass.

A run that was deleted is updated no more. So from time to time, where a stored open run did not
appear, all open runs are read, and what is still missing is asked for by name. And a task instance
may be updated without its run: once an hour those that were are read.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.orchestrators.airflow.api import AirflowApi, RunsPage, RunsPlace
from meta_orch.orchestrators.airflow.attempts import EarlierAttempts
from meta_orch.orchestrators.airflow.cursor import Cursor, Pass, Span, TaskSweep
from meta_orch.orchestrators.airflow.parse import Place, read_run, read_task_run
from meta_orch.orchestrators.answers import Fields, RequestRefused
from meta_orch.orchestrators.base import NotFound
from meta_orch.orchestrators.interleaving import interleave
from meta_orch.orchestrators.selection import Selection

_log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=5)
BEHIND = timedelta(hours=1)
"""A pass that is further behind, and does not fit on a page, becomes history."""
_TASK_SWEEP_EVERY = timedelta(hours=1)
_PAGES_AHEAD = 4
"""For each connection; they wait in memory until they are stored."""


@dataclass(frozen=True, slots=True)
class _SpanPage:
    runs: tuple[Run, ...]
    task_runs: tuple[TaskRun, ...]
    rest: Span | None
    """What is left of the span."""


@dataclass(frozen=True, slots=True)
class ChangeReader:
    """Args:
    connections: how many spans of history are read at once.
    earlier: reads what tasks that were tried again did before. Of history it is not read: each task
        would take a request.
    """

    api: AirflowApi
    place: Place
    selection: Selection
    sweep_every: timedelta
    connections: int
    earlier: EarlierAttempts

    def read(self, start: Cursor, open_runs: Collection[RunKey]) -> Iterator[Changes]:
        """The pages of one pass, and then of what history is left."""
        seen: set[RunKey] = set()
        cursor = start
        for cursor, page in self._updated(start):
            runs, task_runs = self._parse(page.rows, seen, start.horizon)
            before = self.earlier.read(self.api, self.place, task_runs)
            yield _changes(cursor, runs, (*before, *task_runs))
        wanted = {run for run in open_runs if run.pipeline.name in self.selection}
        now = cursor.watermark + OVERLAP
        is_due = cursor.swept_at is None or now - cursor.swept_at >= self.sweep_every
        if cursor.swept_at is None or (is_due and not wanted <= seen):
            swept = replace(cursor, swept_at=now)
            yield from self._sweep(cursor, swept, wanted, seen)
            cursor = swept
        after_sweep = cursor
        for after_sweep, task_runs in self._task_sweep(cursor):
            yield _changes(after_sweep, (), task_runs)
        yield from self._history(after_sweep)

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
                yield (
                    replace(cursor, watermark=began_at - OVERLAP, horizon=None, current=None),
                    page,
                )
                return
            if current is None and began_at - OVERLAP - cursor.watermark > BEHIND:
                cursor = cursor.with_history(began_at - OVERLAP)
                continue  # what is on the page comes again
            current = Pass(began_at, page.next)
            yield replace(cursor, current=current), page

    def _history(self, cursor: Cursor) -> Iterator[Changes]:
        left: list[Span | None] = list(cursor.history)
        pages = interleave(
            [self._span_pages(span) for span in cursor.history],
            at_once=self.connections,
            ahead=self.connections * _PAGES_AHEAD,
        )
        for number, page in pages:
            left[number] = page.rest
            cursor = replace(cursor, history=tuple(span for span in left if span is not None))
            yield _changes(cursor, page.runs, page.task_runs)

    def _span_pages(self, span: Span) -> Iterator[_SpanPage]:
        rest: Span | None = span
        while rest is not None:
            try:
                page = self.api.runs_updated_within(rest.updated, rest.place)
            except RequestRefused as error:
                if rest.place is None:
                    raise
                _log.warning("%s; the span begins anew", error)
                rest = replace(rest, place=None)
                continue
            runs, task_runs = self._parse(page.rows, set(), span.ended_since)
            rest = None if page.next is None else replace(rest, place=page.next)
            yield _SpanPage(runs, task_runs, rest)

    def _task_sweep(self, cursor: Cursor) -> Iterator[tuple[Cursor, tuple[TaskRun, ...]]]:
        """Task instances that were updated since the last sweep, an hour after it."""
        now = cursor.watermark + OVERLAP
        sweep = cursor.task_sweep
        if sweep is None:
            # What is read from now on comes with its tasks.
            yield replace(cursor, task_sweep=TaskSweep(cursor.watermark)), ()
            return
        if sweep.began_at is None:
            if now - sweep.since < _TASK_SWEEP_EVERY:
                return
            sweep = replace(sweep, began_at=now)
        while sweep.began_at is not None:
            page = self.api.task_instances_updated_since(sweep.since, sweep.place)
            task_runs = tuple(
                read_task_run(self.place, row)
                for row in page.rows
                if row.text("dag_id") in self.selection
            )
            sweep = (
                TaskSweep(sweep.began_at - OVERLAP)
                if page.next is None
                else replace(sweep, place=page.next)
            )
            cursor = replace(cursor, task_sweep=sweep)
            yield cursor, task_runs

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
            yield _changes(cursor, runs, task_runs)
            place = page.next
            if place is None:
                break
        ended, gone = self._ask_for(sorted(wanted - seen))
        runs, task_runs = self._parse(ended, seen)
        yield replace(_changes(swept, runs, task_runs), gone=gone)

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


def _changes(cursor: Cursor, runs: tuple[Run, ...], task_runs: tuple[TaskRun, ...]) -> Changes:
    return Changes(
        cursor.to_text(),
        runs,
        task_runs,
        history_to=max((span.updated.end for span in cursor.history), default=None),
    )
