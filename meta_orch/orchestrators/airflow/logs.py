"""The logs of the tasks of a run. Airflow keeps one for each attempt, and a run has none itself."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from meta_orch.domain.logs import LogLine, LogPage
from meta_orch.domain.runs import TaskRun
from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.airflow.transport import Answer, Transport
from meta_orch.orchestrators.base import NotFound

_SETTLE = timedelta(seconds=3)
"""How long after its end an attempt's last lines may be written. Airflow 3 does not tell of them
any more once it has told of the end."""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_SOURCES = "::group::Log message source details"
_GROUPS = ("::group::", "::endgroup::", "*** ")
_LINE = re.compile(r"\[(?P<at>\d{4}-[^\]]+)\] \{[^}]*\} (?P<level>[A-Z]+) - (?P<text>.*)")
"""As Airflow 2 writes one."""
_WITHOUT_TIME = re.compile(r"\s*[A-Z]+ - (?=::)")
"""It has groups so."""


class _Place(NamedTuple):
    """How far the log of an attempt is read."""

    token: str | None = None
    """The server's own; None at the beginning."""
    lines: int = 0
    first: str = ""
    """The first line. Where it comes again the server, as Airflow 3.0 does, has ignored the token:
    all lines come again."""
    is_read: bool = False
    """Whether there will be no more."""


def read_log(
    transport: Transport, root: str, task_runs: Iterable[TaskRun], cursor: str | None
) -> LogPage:
    """Lines from INFO on that are not read yet. One request for each attempt that goes on, or whose
    end was not read yet.

    Args:
        root: that of the API.
        cursor: the place in each attempt's log.
    """
    known = json.loads(cursor) if cursor else {}
    places = {name: _Place(*place) for name, place in known.items()}
    told: list[LogLine] = []
    for task_run in _attempts(task_runs):
        name = f"{task_run.task_run_id} {task_run.attempt}"
        place = places.setdefault(name, _Place())
        if not place.is_read:
            places[name], lines = _read(transport, root, task_run, place)
            told += (replace(line, task=_task(task_run)) for line in lines)
    is_whole = all(place.is_read for place in places.values())
    return LogPage(
        tuple(line for line in told if line.level >= logging.INFO), json.dumps(places), is_whole
    )


def _read(
    transport: Transport, root: str, task_run: TaskRun, place: _Place
) -> tuple[_Place, list[LogLine]]:
    try:
        answer = _ask(transport, root, task_run, place.token)
    except NotFound:  # deleted, never written, or not yet
        return place._replace(is_read=task_run.ended_at is not None), []
    fields = answer.fields()
    token = fields.get_text("continuation_token")
    is_settled = task_run.ended_at is not None and answer.sent_at >= task_run.ended_at + _SETTLE
    if token is None and not is_settled:
        return place, []  # it would be the last that is told
    lines = [*parse_content(fields.values.get("content") or ())]
    if lines and repr(lines[0]) == place.first:
        lines = lines[place.lines :]
    first = place.first or (repr(lines[0]) if lines else "")
    return _Place(token, place.lines + len(lines), first, is_settled), lines


def _attempts(task_runs: Iterable[TaskRun]) -> Iterator[TaskRun]:
    """Those that have begun, the earlier ones too."""
    for task_run in task_runs:
        for attempt in range(1, task_run.attempt):
            ended_at = task_run.started_at or task_run.ended_at or _LONG_AGO
            yield replace(task_run, attempt=attempt, ended_at=ended_at)
        if task_run.started_at is not None:
            yield task_run


def _ask(transport: Transport, root: str, task_run: TaskRun, token: str | None) -> Answer:
    index = -1 if task_run.map_index is None else task_run.map_index
    query: list[tuple[str, str | int | bool]] = [("map_index", index)]
    if token is not None:
        query.append(("token", token))
    return transport.get(
        f"{root}/dags/{{dag_id}}/dagRuns/{{run_id}}/taskInstances/{{task_id}}/logs/{{attempt}}",
        query,
        dag_id=task_run.run.pipeline.name,
        run_id=task_run.run.run_id,
        task_id=task_run.task,
        attempt=str(task_run.attempt),
    )


def _task(task_run: TaskRun) -> str:
    index = "" if task_run.map_index is None else f"[{task_run.map_index}]"
    return f"{task_run.task}{index}"


def parse_content(content: Any) -> Iterator[LogLine]:
    """Airflow 3 gives objects, or texts where it cannot read its own; Airflow 2 the text of a list
    of pairs of a host and its log."""
    if isinstance(content, str):
        yield from _of_text(content)
        return
    is_of_sources = False
    for entry in content:
        row = entry if isinstance(entry, dict) else {"event": str(entry)}
        event = str(row.get("event", ""))
        is_of_sources = event == _SOURCES or (is_of_sources and event != "::endgroup::")
        if not is_of_sources and not event.startswith(_GROUPS):
            level = _level(row.get("level"))
            yield LogLine(event + _errors(row), level, parse_instant(row.get("timestamp")))


def _errors(row: dict[str, Any]) -> str:
    found = row.get("error_detail") or ()
    return "".join(f"\n{error.get('exc_type')}: {error.get('exc_value')}" for error in found)


def _of_text(content: str) -> Iterator[LogLine]:
    """A line without a time belongs to the one before."""
    try:
        texts = [text for _, text in ast.literal_eval(content)]
    except (ValueError, SyntaxError, TypeError):
        texts = [content]
    line: LogLine | None = None
    for said in "\n".join(texts).splitlines():
        text = _WITHOUT_TIME.sub("", said)
        if found := _LINE.match(text):
            if line is not None:
                yield line
            line = LogLine(found["text"], _level(found["level"]), parse_instant(found["at"]))
            if line.text.startswith(_GROUPS):
                line = None
        elif text and not text.startswith(_GROUPS):
            line = replace(line, text=f"{line.text}\n{text}") if line else LogLine(text)
    if line is not None:
        yield line


def _level(name: Any) -> int:
    return logging.getLevelNamesMapping().get(str(name).upper(), logging.INFO)
