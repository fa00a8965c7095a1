"""What Airflow says of a timetable, read into schedules.

Airflow's API does not give the timetable itself, only what it writes for people (a cron expression,
a time span, `Asset`, a name) and the instant of the next run. Nor does it give the time zone: the
`timezone` of a DAG's details is the server's default, whatever zone the DAG or its timetable has
(seen on 3.0.6 and 3.3.2). So a cron expression is taken to be in that zone unless a tick, the next
one or the last, contradicts it; then in a zone that the DAG's source names and that fits; else it
is given as a timetable in words, rather than as a cron expression at the wrong hour.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.orchestrators.answers import Fields, UnreadableJson

_CRON = re.compile(r"[\d*/,-]+ [\d*/,-]+( [\w*/,#?-]+){3,4}")
_SPAN = re.compile(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_ASSETS_OR = re.compile(r"(?:Asset|Dataset) or (.+)")
_QUOTED_ZONE = re.compile(r"""(["'])([A-Z][\w+-]*(?:/[\w+-]+)+)\1""")
_BY_NAME = {"@once": ScheduleKind.ONCE, "@continuous": ScheduleKind.CONTINUOUS}


def read_schedules(
    details: Fields,
    read_last_tick: Callable[[], datetime | None],
    read_source: Callable[[], str | None],
) -> tuple[Schedule, ...]:
    """The schedules of a DAG, from its details; none where only people and programs start it.

    Args:
        read_last_tick: gives what stands in for the next tick where none is stated: Airflow 3.0
            and 2 state none while as many runs are active as may be. Called only there.
        read_source: gives the DAG's source; called only where the time zone is in doubt.
    """
    schedules = tuple(_read_timetable(details))
    tick = _next_tick(details)
    if tick is None and any(schedule.kind is ScheduleKind.CRON for schedule in schedules):
        tick = read_last_tick()
    if not _admit(schedules, tick):
        for zone in find_zones(read_source() or ""):
            in_zone = tuple(replace(schedule, timezone=zone) for schedule in schedules)
            if _admit(in_zone, tick):
                schedules = in_zone
                break
        else:
            schedules = tuple(_in_words(schedule) for schedule in schedules)
    return with_next_run(schedules, details)


def find_zones(source: str) -> Iterable[str]:
    """IANA names of time zones that stand as texts in Python source, in their order."""
    names = dict.fromkeys(match[2] for match in _QUOTED_ZONE.finditer(source))
    return tuple(name for name in names if _find_zone(name) is not None)


def contradicts(schedules: tuple[Schedule, ...], dag: Fields) -> bool:
    """Whether none of the schedules can give the next run that `dag` states."""
    return not _admit(schedules, _next_tick(dag))


def with_next_run(schedules: tuple[Schedule, ...], dag: Fields) -> tuple[Schedule, ...]:
    """The same with the next run as `dag`, an entry of the list of DAGs or its details, states it.

    A paused DAG has no next run, whatever Airflow keeps for it.
    """
    if contradicts(schedules, dag):
        schedules = tuple(_in_words(schedule) for schedule in schedules)
    stated = _next_tick(dag)
    is_paused = dag.flag("is_paused")
    return tuple(
        replace(
            schedule,
            next_at=stated
            if stated is not None and not is_paused and _may_tick_at(schedule, stated)
            else None,
        )
        for schedule in schedules
    )


def describe_condition(condition: Fields) -> str:
    """An asset expression in words: `(orders and customers) or refunds`.

    Raises:
        UnreadableJson: it is of no form that Airflow 3 has.
    """
    for name, word in (("any", "or"), ("all", "and")):
        if name in condition:
            parts = condition.rows(name, "an asset condition")
            texts = [describe_condition(part) for part in parts]
            if len(parts) == 1:
                return texts[0]
            return f" {word} ".join(
                f"({text})" if _is_compound(part) else text
                for part, text in zip(parts, texts, strict=True)
            )
    for name in ("asset", "alias", "asset_ref"):
        reference = condition.get_object(name)
        if reference is not None:
            text = reference.get_text("name") or reference.text("uri")
            return f"alias {text}" if name == "alias" else text
    raise UnreadableJson(f"{condition.what} has none of any, all, asset, alias, asset_ref")


def _is_compound(condition: Fields) -> bool:
    return any(
        name in condition and len(condition.rows(name, "an asset condition")) > 1
        for name in ("any", "all")
    )


def _read_timetable(details: Fields) -> Iterator[Schedule]:
    summary = details.get_text("timetable_summary")
    condition = details.get_object("asset_expression")
    if condition is not None:
        yield Schedule(ScheduleKind.ASSETS, describe_condition(condition))
        also_by_time = _ASSETS_OR.fullmatch(summary or "")
        summary = also_by_time[1] if also_by_time else None
    if summary is None:
        return
    parts = summary.split(", ")
    if all(_CRON.fullmatch(part) for part in parts):
        timezone = details.get_text("timezone") or "UTC"
        for part in parts:
            yield Schedule(ScheduleKind.CRON, part, timezone=timezone)
    elif span := _SPAN.fullmatch(summary):
        days, hours, minutes, seconds = (float(part or 0) for part in span.groups())
        length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        yield Schedule(ScheduleKind.INTERVAL, interval=length)
    elif summary in _BY_NAME:
        yield Schedule(_BY_NAME[summary])
    else:
        yield Schedule(ScheduleKind.TIMETABLE, summary)


def _next_tick(dag: Fields) -> datetime | None:
    return dag.get_instant("next_dagrun_run_after")


def _admit(schedules: Iterable[Schedule], tick: datetime | None) -> bool:
    """Whether the tick can be one of theirs; so it is where there is none, or none could be."""
    timed = [schedule for schedule in schedules if schedule.kind is not ScheduleKind.ASSETS]
    return tick is None or not timed or any(_may_tick_at(schedule, tick) for schedule in timed)


def _may_tick_at(schedule: Schedule, instant: datetime) -> bool:
    """Whether minute and hour fit; the rest of a cron expression is not looked at."""
    if schedule.kind is ScheduleKind.ASSETS:
        return False
    if schedule.kind is not ScheduleKind.CRON or schedule.expression is None:
        return True
    zone = _find_zone(schedule.timezone)
    if zone is None:
        return False
    minute, hour, *_ = schedule.expression.split()
    local = instant.astimezone(zone)
    try:
        return _admits(minute, local.minute) and _admits(hour, local.hour)
    except ValueError:
        return False


def _find_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _admits(field: str, value: int) -> bool:
    """Whether one field of a cron expression admits a value."""
    for part in field.split(","):
        span, _, step = part.partition("/")
        begin, _, end = span.partition("-")
        first = 0 if begin == "*" else int(begin)
        last = int(end) if end else first if begin != "*" and not step else 59
        inside = first <= value <= last if first <= last else value >= first or value <= last
        if inside and (value - first) % int(step or 1) == 0:
            return True
    return False


def _in_words(schedule: Schedule) -> Schedule:
    if schedule.kind is not ScheduleKind.CRON:
        return schedule
    return Schedule(
        ScheduleKind.TIMETABLE, f"{schedule.expression}, in a time zone that Airflow does not tell"
    )
