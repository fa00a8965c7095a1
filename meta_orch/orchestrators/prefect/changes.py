"""Reading the runs that changed.

Prefect lists flow runs by no time of change, and its order by end time has no tie-breaker. So a
pass reads

1. what is active or due, and what ended since the watermark, in one request where that is little;
2. else all that is active or due, page by page;
3. what is stored as open and was not among these, by id: it ended, waits for later, or is gone;
4. what an event says went from one terminal state to another, since that moves no end time.

With that the pass is over and its watermark moves. What ended and was too much for one request is
history by then: spans of end times, read newest first from one end time to the next, as long as the
reading lasts. The next reading makes its own pass before it goes on with them, so what is new shows
while a long history is read.

Runs that Prefect has planned ahead, up to a hundred for each deployment, are no runs here until
they are due: the earliest is its schedule's `next_at`.

Task runs reach the server after their flow ended, so those of a run are read again `SETTLING` after
its end. The last days are read anew once a day, for edits whose event was lost.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import RunKey
from meta_orch.domain.time import Window, parse_instant
from meta_orch.orchestrators.ahead import ReadAhead
from meta_orch.orchestrators.prefect.client import PAGE, PrefectApi
from meta_orch.orchestrators.prefect.cursor import Cursor, Pass
from meta_orch.orchestrators.prefect.links import Links
from meta_orch.orchestrators.prefect.pages import Asked, PageReader
from meta_orch.orchestrators.prefect.parse import Row, reading
from meta_orch.orchestrators.prefect.states import ACTIVE_TYPES, ENDED_TYPES
from meta_orch.orchestrators.selection import Selection

OVERLAP = timedelta(minutes=1)
"""How much is read twice: servers whose clocks differ, rows that were committed late."""
DUE_WITHIN = timedelta(seconds=10)
"""A planned run is a run from then on: longer than clocks are read wrong by."""
SETTLING = timedelta(minutes=5)
RESCAN_EVERY = timedelta(days=1)
RESCAN_SPAN = timedelta(days=2)
PAGE_SIZE = PAGE
"""Runs on one page of changes, at most."""
PAGES_WAITING = 8
"""Pages of history that are read ahead: as many as are read while some are stored."""
EVENTS_PAGE = 50

_INSTANT = timedelta(microseconds=1)

Reading = Generator[Changes, None, Cursor]
"""Pages, and the place after the last of them."""


class ChangesReader:
    """One pass over the runs of an instance, and what of its history time allows."""

    def __init__(
        self,
        api: PrefectApi,
        links: Links,
        selection: Selection,
        open_runs: Collection[RunKey],
        *,
        ahead: ReadAhead,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._api = api
        self._links = links
        self._selection = selection
        self._page_size = page_size
        self._ahead = ahead
        self._open = {run.run_id: run for run in open_runs if run.pipeline.name in selection}
        self._unseen = set(self._open)
        """Open runs that this pass has not met."""

    def read(self, cursor: Cursor | None, *, since: datetime) -> Iterator[Changes]:
        """The pages of the pass that `cursor` stands in, or of the next one; then the history."""
        place = cursor or Cursor(watermark=since)
        self._pages = PageReader(
            self._api,
            self._links,
            self._selection,
            self._ahead,
            self._open.values(),
            task_changes_since=cursor.watermark if cursor else None,
        )
        if place.current is None:
            place = yield from self._begin(place, is_first=cursor is None)
        self._began_at = _current(place).began_at
        place = yield from self._read_active(place)
        place = yield from self._read_missing(place)
        place = yield from self._read_edited(place)
        place = _finish(place)
        yield Changes(cursor=place.write())
        yield from self._read_history(place)

    def _begin(self, place: Cursor, *, is_first: bool) -> Reading:
        """Start a pass: with one page of everything, if it fits on one."""
        rows = self._api.rows(
            "/flow_runs/filter",
            {"flow_runs": {**self._active(), "end_time": {"after_": place.watermark.isoformat()}}},
            limit=self._page_size,
        )
        self._began_at = began_at = self._api.asked_at
        # A little past now: the server's clock is known to a second or so.
        until = max(place.watermark, began_at) + OVERLAP
        since_watermark = Window(place.watermark, until)
        is_whole = len(rows) < self._page_size
        settled, place = place.split_unsettled(began_at - SETTLING)
        newest = [] if is_whole else [since_watermark]
        history = [*newest, *([settled] if settled else []), *place.history]
        if is_first:
            place = replace(place, rescanned_at=began_at)
        elif place.rescanned_at is None or place.rescanned_at <= began_at - RESCAN_EVERY:
            history.append(Window(began_at - RESCAN_SPAN, until))
            place = replace(place, rescanned_at=began_at)
        place = replace(
            place,
            history=tuple(history),
            current=Pass(
                began_at=began_at,
                active_from=None if is_whole else 0,
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

    def _read_history(self, place: Cursor) -> Iterator[Changes]:
        """Span by span. The next pages are on their way while one is parsed and stored; they are
        given in their order, so the place after each holds whatever becomes of those after it."""
        pages = self._ahead.pages(self._ask_for_history(place.history), waiting=PAGES_WAITING)
        with closing(pages):
            for asked, history in pages:
                changes, place = self._parsed(asked, replace(place, history=history))
                yield changes

    def _ask_for_history(
        self, spans: tuple[Window, ...]
    ) -> Iterator[tuple[Asked, tuple[Window, ...]]]:
        while spans:
            rows, rest = self._ahead.ask(self._ended_within, spans[0])()
            spans = (rest, *spans[1:]) if rest else spans[1:]
            for start in range(0, max(len(rows), 1), PAGE):  # more than a page ended at once
                is_last = start + PAGE >= len(rows)
                left = spans if is_last else self._again(rows, spans)
                yield self._pages.ask(rows[start : start + PAGE]), left

    def _again(self, rows: Sequence[Row], rest: tuple[Window, ...]) -> tuple[Window, ...]:
        """With the one instant at which all `rows` ended: there is no going on from its middle."""
        instant = self._end_of(rows[0])
        return (Window(instant, instant), *rest)

    def _ended_within(self, span: Window) -> tuple[list[Row], Window | None]:
        """The latest runs that ended in the span, by falling end time, and what is left of it."""
        limit = self._pages.runs_on_a_page(self._page_size)
        rows = self._api.rows(
            "/flow_runs/filter",
            {"flow_runs": {"end_time": _bounds(span)}, "sort": "END_TIME_DESC"},
            limit=limit,
        )
        if len(rows) < limit:
            return rows, None
        last = self._end_of(rows[-1])
        if self._end_of(rows[0]) > last:
            return rows, _until(span, last)
        return self._ended_at(last), _until(span, last - _INSTANT)

    def _ended_at(self, instant: datetime) -> list[Row]:
        """More than a page of runs that ended at once: nothing but their ids tells them apart."""
        tied = {"end_time": _bounds(Window(instant, instant))}
        return self._api.all_rows("/flow_runs/filter", {"flow_runs": tied, "sort": "ID_DESC"})

    def _read_missing(self, place: Cursor) -> Reading:
        missing = sorted(self._unseen)
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
            rows = list(self._api.rows_by_id("/flow_runs/filter", "flow_runs", sorted(edited)))
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
        return self._parsed(self._pages.ask(rows), place)

    def _parsed(self, asked: Asked, place: Cursor) -> tuple[Changes, Cursor]:
        runs, task_runs = self._pages.parse(asked)
        self._unseen.difference_update(run.key.run_id for run in runs)
        for run in runs:
            if run.ended_at and run.ended_at > self._began_at - SETTLING:
                place = place.with_unsettled(run.ended_at)
        return Changes(place.write(), runs, task_runs), place

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
