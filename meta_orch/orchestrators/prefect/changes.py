"""Reading the runs that changed.

Prefect lists flow runs by no time of change, and its order by end time has no tie-breaker. So a
pass reads

1. what is active or due, and what ended since the watermark, in one request where that is little;
2. else span by span of end times: newest first, from one end time to the next;
3. what is stored as open and was not among these, by id: it waits for later, or is gone;
4. what an event says went from one terminal state to another, since that moves no end time.

Runs that Prefect has planned ahead, up to a hundred for each deployment, are no runs here until
they are due: the earliest is its schedule's `next_at`.

Task runs reach the server after their flow ended, so those of a run are read again `SETTLING` after
its end. The last days are read anew once a day, for edits whose event was lost.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.time import Window, parse_instant
from meta_orch.orchestrators.prefect.client import PAGE, PrefectApi
from meta_orch.orchestrators.prefect.cursor import Cursor, Pass
from meta_orch.orchestrators.prefect.links import Links
from meta_orch.orchestrators.prefect.names import Names
from meta_orch.orchestrators.prefect.parse import (
    Row,
    parent_task_run_ids,
    parse_run,
    parse_task_run,
    reading,
)
from meta_orch.orchestrators.prefect.states import ACTIVE_TYPES, ENDED_TYPES
from meta_orch.orchestrators.selection import Selection

OVERLAP = timedelta(minutes=1)
"""How much is read twice: servers whose clocks differ, rows that were committed late."""
DUE_WITHIN = timedelta(seconds=10)
"""A planned run is a run from then on: longer than clocks are read wrong by."""
SETTLING = timedelta(minutes=5)
RESCAN_EVERY = timedelta(days=1)
RESCAN_SPAN = timedelta(days=2)
PAGE_SIZE = 50
"""Runs on one page of changes: with their task runs it must be read within a tick."""
EVENTS_PAGE = 50

_ZERO = timedelta(0)
_INSTANT = timedelta(microseconds=1)

Reading = Generator[Changes, None, Cursor]
"""Pages, and the place after the last of them."""


class ChangesReader:
    """One pass over the runs of an instance."""

    def __init__(
        self,
        api: PrefectApi,
        links: Links,
        selection: Selection,
        open_runs: Collection[RunKey],
        *,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._api = api
        self._links = links
        self._selection = selection
        self._page_size = page_size
        self._open = {run.run_id: run for run in open_runs if run.pipeline.name in selection}
        self._names = Names(api, self._open.values())
        self._seen: set[str] = set()
        self._task_changes_since: datetime | None = None

    def read(self, cursor: Cursor | None, *, since: datetime) -> Iterator[Changes]:
        """The pages of the pass that `cursor` stands in, or of the next one."""
        place = cursor or Cursor(watermark=since)
        if cursor is not None:
            self._task_changes_since = cursor.watermark
        if place.current is None:
            place = yield from self._begin(place, is_first=cursor is None)
        place = yield from self._read_active(place)
        place = yield from self._read_ended(place)
        place = yield from self._read_missing(place)
        place = yield from self._read_edited(place)
        yield Changes(cursor=_finish(place).write())

    def _begin(self, place: Cursor, *, is_first: bool) -> Reading:
        """Start a pass: with one page of everything, if it fits on one."""
        rows = self._api.rows(
            "/flow_runs/filter",
            {"flow_runs": {**self._active(), "end_time": {"after_": place.watermark.isoformat()}}},
            limit=self._page_size,
        )
        began_at = self._api.asked_at
        # A little past now: the server's clock is known to a second or so.
        until = max(place.watermark, began_at) + OVERLAP
        since_watermark = Window(place.watermark, until)
        is_whole = len(rows) < self._page_size
        ended = [] if is_whole else [since_watermark]
        settled, place = place.split_unsettled(began_at - SETTLING)
        if settled:
            ended.append(settled)
        if is_first:
            place = replace(place, rescanned_at=began_at)
        elif place.rescanned_at is None or place.rescanned_at <= began_at - RESCAN_EVERY:
            ended.append(Window(began_at - RESCAN_SPAN, until))
            place = replace(place, rescanned_at=began_at)
        place = replace(
            place,
            current=Pass(
                began_at=began_at,
                active_from=None if is_whole else 0,
                ended=tuple(ended),
                edited=None if is_first else since_watermark,
            ),
        )
        if is_whole and rows:
            changes, place = self._changes(rows, place)
            yield changes
        return place

    def _read_active(self, place: Cursor) -> Reading:
        """Runs that end meanwhile shift the pages, so one may hide: it stays active or has ended,
        and the next pass finds it either way."""
        while (offset := _current(place).active_from) is not None:
            rows = self._api.rows(
                "/flow_runs/filter",
                {"flow_runs": self._active(), "sort": "ID_DESC"},
                limit=self._page_size,
                offset=offset,
            )
            place = _advance(
                place,
                active_from=offset + self._page_size if len(rows) == self._page_size else None,
            )
            changes, place = self._changes(rows, place)
            yield changes
        return place

    def _active(self) -> dict[str, object]:
        """What has begun and not ended, and what is planned and due."""
        return {
            "operator": "or_",
            "state": {"type": {"any_": list(ACTIVE_TYPES)}},
            "next_scheduled_start_time": {
                "before_": (self._api.server_now() + DUE_WITHIN).isoformat()
            },
        }

    def _read_ended(self, place: Cursor) -> Reading:
        while spans := _current(place).ended:
            for rows, rest in self._ended_within(spans[0]):
                place = _advance(place, ended=(rest, *spans[1:]) if rest else spans[1:])
                changes, place = self._changes(rows, place)
                yield changes
        return place

    def _ended_within(self, span: Window) -> Iterator[tuple[list[Row], Window | None]]:
        """Runs by falling end time, a few at a time, each with what is left of the span."""
        while True:
            rows = self._api.rows(
                "/flow_runs/filter",
                {"flow_runs": {"end_time": _bounds(span)}, "sort": "END_TIME_DESC"},
            )
            is_last = len(rows) < PAGE
            is_tied = not is_last and self._end_of(rows[0]) == self._end_of(rows[-1])
            if is_tied:
                rows = self._ended_at(self._end_of(rows[0]))
            rest = None
            if not is_last:
                rest = _until(span, self._end_of(rows[-1]) - (_INSTANT if is_tied else _ZERO))
            for start in range(0, len(rows), self._page_size):
                part = rows[start : start + self._page_size]
                if start + self._page_size >= len(rows):
                    yield part, rest
                else:
                    # Within one instant there is no going on from the middle.
                    yield part, span if is_tied else _until(span, self._end_of(part[-1]))
            if not rows:
                yield [], None
            if rest is None:
                return
            span = rest

    def _ended_at(self, instant: datetime) -> list[Row]:
        """More than a page of runs that ended at once: nothing but their ids tells them apart."""
        tied = {"end_time": _bounds(Window(instant, instant))}
        return self._api.all_rows("/flow_runs/filter", {"flow_runs": tied, "sort": "ID_DESC"})

    def _read_missing(self, place: Cursor) -> Reading:
        missing = sorted(set(self._open) - self._seen)
        for start in range(0, len(missing), self._page_size):
            ids = missing[start : start + self._page_size]
            rows = list(self._api.rows_by_id("/flow_runs/filter", "flow_runs", ids))
            gone = set(ids) - {row.get("id") for row in rows}
            changes, place = self._changes(rows, place)
            yield replace(changes, gone=tuple(self._open[run_id] for run_id in sorted(gone)))
        return place

    def _read_edited(self, place: Cursor) -> Reading:
        while span := _current(place).edited:
            events, rest = self._end_events(span)
            place = _advance(place, edited=rest)
            with reading(self._api.instance, "an event of a flow run"):
                edited = {
                    event["resource"]["prefect.resource.id"].removeprefix("prefect.flow-run.")
                    for event in events
                    if ((event.get("payload") or {}).get("initial_state") or {}).get("type")
                    in ENDED_TYPES
                }
            rows = list(
                self._api.rows_by_id("/flow_runs/filter", "flow_runs", sorted(edited - self._seen))
            )
            if rows or rest:
                changes, place = self._changes(rows, place)
                yield changes
        return place

    def _end_events(self, span: Window) -> tuple[list[Row], Window | None]:
        """A page of flow runs' entries into a terminal state, newest first, and what is left of the
        span."""
        answer = self._api.post(
            "/events/filter",
            {
                "filter": {
                    "occurred": {
                        "since": span.start.isoformat(),
                        "until": span.end.isoformat(),
                    },
                    "event": {"prefix": ["prefect.flow-run."]},
                    "resource": {"labels": {"prefect.state-type": list(ENDED_TYPES)}},
                    "order": "DESC",
                },
                "limit": EVENTS_PAGE,
            },
        )
        with reading(self._api.instance, "a page of events"):
            events: list[Row] = list(answer["events"])
            if len(events) < EVENTS_PAGE:
                return events, None
            earliest = _instant(events[-1]["occurred"])
        if earliest >= span.end:  # all at one instant, as this span's end already was
            earliest = span.end - _INSTANT
        return events, Window(span.start, earliest) if earliest > span.start else None

    def _changes(self, rows: Sequence[Row], place: Cursor) -> tuple[Changes, Cursor]:
        """The page of these flow runs with their task runs, and the place after it."""
        self._names.ask_for(rows)
        with reading(self._api.instance, "a flow run"):
            self._seen.update(row["id"] for row in rows)
            keys = {
                row["id"]: key
                for row in rows
                if (key := self._names.pipeline_of(row)) and key.name in self._selection
            }
        chosen = [row for row in rows if row["id"] in keys]
        parents = self._parents(chosen)
        with reading(self._api.instance, "a flow run"):
            runs = {
                row["id"]: parse_run(
                    row,
                    keys[row["id"]],
                    self._links,
                    parent=parents.get(row.get("parent_task_run_id") or ""),
                )
                for row in chosen
            }
        for run in runs.values():
            if run.ended_at and run.ended_at > _current(place).began_at - SETTLING:
                place = place.with_unsettled(run.ended_at)
        task_runs = self._task_runs(chosen, runs)
        return Changes(place.write(), tuple(runs.values()), task_runs), place

    def _parents(self, rows: Sequence[Row]) -> dict[str, str]:
        """Flow runs by the id of the task run that stands in them for a subflow."""
        found = self._api.rows_by_id("/task_runs/filter", "task_runs", parent_task_run_ids(rows))
        with reading(self._api.instance, "a task run"):
            return {row["id"]: row["flow_run_id"] for row in found if row.get("flow_run_id")}

    def _task_runs(self, rows: Sequence[Row], runs: dict[str, Run]) -> tuple[TaskRun, ...]:
        """Of finished runs all; of active ones those that changed, since the rest is stored."""
        begun = {row["id"]: row for row in rows if row.get("start_time")}
        finished = [run_id for run_id in begun if runs[run_id].state.is_terminal]
        active = [run_id for run_id in begun if not runs[run_id].state.is_terminal]
        if self._task_changes_since is None:
            finished, active = finished + active, []
        found: dict[str, Row] = {}
        if finished:
            found |= self._task_rows({"task_runs": {"flow_run_id": {"any_": finished}}})
        if active and self._task_changes_since is not None:
            changed = {
                "operator": "or_",
                "state": {"type": {"any_": ["SCHEDULED", *ACTIVE_TYPES]}},
                "end_time": {"after_": self._task_changes_since.isoformat()},
            }
            found |= self._task_rows({"flow_runs": {"id": {"any_": active}}, "task_runs": changed})
        with reading(self._api.instance, "a task run"):
            return tuple(
                parse_task_run(
                    row,
                    runs[row["flow_run_id"]].key,
                    self._links,
                    pool=begun[row["flow_run_id"]].get("work_pool_name"),
                )
                for row in found.values()
            )

    def _task_rows(self, body: Row) -> dict[str, Row]:
        # New rows shift the pages the harmless way: a row comes twice.
        rows = self._api.all_rows("/task_runs/filter", {**body, "sort": "ID_DESC"})
        with reading(self._api.instance, "a task run"):
            return {row["id"]: row for row in rows}

    def _end_of(self, row: Row) -> datetime:
        with reading(self._api.instance, "a finished flow run"):
            return _instant(row["end_time"])


def _until(span: Window, end: datetime) -> Window | None:
    return Window(span.start, end) if end >= span.start else None


def _bounds(span: Window) -> dict[str, str]:
    """Both ends are included, the way Prefect filters."""
    return {"after_": span.start.isoformat(), "before_": span.end.isoformat()}


def _instant(text: str) -> datetime:
    instant = parse_instant(text)
    if instant is None:
        raise ValueError("an instant is empty")
    return instant


def _current(place: Cursor) -> Pass:
    if place.current is None:
        raise AssertionError("no pass has begun")
    return place.current


def _advance(place: Cursor, **parts: object) -> Cursor:
    return replace(place, current=replace(_current(place), **parts))


def _finish(place: Cursor) -> Cursor:
    watermark = max(place.watermark, _current(place).began_at - OVERLAP)
    return replace(place, watermark=watermark, current=None)
