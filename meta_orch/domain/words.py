"""Domain values in words, for people."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache

from cron_descriptor import (
    FormatException,
    MissingFieldException,
    Options,
    WrongArgumentException,
    get_description,
)

from meta_orch.domain.schedules import Schedule, ScheduleKind

_PRESETS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_CRON = Options()
_CRON.use_24hour_time_format = True
_CRON.locale_code = "en_US"
_CRON_FIELDS = 5  # with six, orchestrators disagree on which one is the seconds

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_FREQUENCIES = {
    "YEARLY": "year",
    "MONTHLY": "month",
    "WEEKLY": "week",
    "DAILY": "day",
    "HOURLY": "hour",
    "MINUTELY": "minute",
    "SECONDLY": "second",
}
_DAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}
_RRULE = re.compile(
    r"(DTSTART[^:\n]*:(?P<start>(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)T(?P<hour>\d\d)(?P<min>\d\d)00Z?)"
    r"\s*\n)?(RRULE:)?(?P<rule>[A-Z]+=[^;=\n]*(;[A-Z]+=[^;=\n]*)*)"
)
_RRULE_TIME = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})|:")


def describe_schedule(schedule: Schedule) -> str:
    """A schedule as a phrase: `At 06:00, Monday through Friday (Europe/Berlin)`.

    A rule that has no plain words is given as it stands: nothing is left out, nothing is guessed.
    """
    words = _describe_rule(schedule)
    return words if schedule.is_active else f"{words}; switched off"


def describe_schedules(schedules: tuple[Schedule, ...]) -> str:
    """All schedules of a pipeline, which may have none."""
    if not schedules:
        return "No schedule: started by people and by other pipelines"
    return "; ".join(describe_schedule(schedule) for schedule in schedules)


def describe_duration(duration: timedelta) -> str:
    """A duration in at most two units: `2 d 3 h`, `5 min`, `12 s`, `0.4 s`."""
    seconds = abs(duration.total_seconds())
    sign = "-" if duration < timedelta(0) else ""
    if seconds < 10:  # noqa: PLR2004  # below that, a rounded second hides too much
        return f"{sign}{seconds:.1f}".removesuffix(".0") + " s"
    rest = round(seconds)
    parts = []
    for unit, length in _UNITS:
        count, rest = divmod(rest, length)
        if count or parts:
            parts.append((count, unit))
    return sign + " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)


def _describe_rule(schedule: Schedule) -> str:  # noqa: PLR0911  # a phrase for each kind
    rule = (schedule.expression or schedule.name or "").strip()
    zone = f" ({schedule.timezone})"
    match schedule.kind:
        case ScheduleKind.CRON:
            return (_describe_cron(rule) or f"By cron {rule}".rstrip()) + zone
        case ScheduleKind.INTERVAL if schedule.interval is not None:
            return f"Every {describe_duration(schedule.interval)}"
        case ScheduleKind.RRULE:
            return (_describe_rrule(rule) or f"By RRule {rule}".rstrip()) + zone
        case ScheduleKind.ASSETS:
            return f"When {rule} is updated" if rule else "When its assets are updated"
        case ScheduleKind.CONTINUOUS:
            return "Continuously: a run follows the one before"
        case ScheduleKind.ONCE:
            return "Once"
        case ScheduleKind.SENSOR:
            return f"By sensor {rule}".rstrip()
        case kind:
            return f"By {kind.value} {rule}".rstrip()


@lru_cache(maxsize=10_000)  # half a millisecond each, and many pipelines share a schedule
def _describe_cron(expression: str) -> str | None:
    expression = _PRESETS.get(expression.lower(), expression)
    if len(expression.split()) != _CRON_FIELDS:
        return None
    try:
        return get_description(expression, _CRON)
    except (
        FormatException,
        MissingFieldException,
        WrongArgumentException,
        LookupError,  # what cron-descriptor lets through where a field is no cron at all
        ValueError,
    ):
        return None


def _describe_rrule(expression: str) -> str | None:
    """The common rules in words; None for one that says more than these can."""
    match = _RRULE.fullmatch(expression.upper().strip())
    if not match:
        return None
    parts = dict(part.split("=", 1) for part in match["rule"].split(";"))
    unit = _FREQUENCIES.get(parts.pop("FREQ", ""))
    every = parts.pop("INTERVAL", "1")
    days = [_DAYS.get(day) for day in parts.pop("BYDAY", "").split(",") if day]
    at = _RRULE_TIME.fullmatch(f"{parts.pop('BYHOUR', '')}:{parts.pop('BYMINUTE', '')}")
    if not (unit and at and every.isdecimal()) or parts or None in days:
        return None
    words = f"Every {unit}" if every == "1" else f"Every {every} {unit}s"
    if days:
        words += " on " + " and ".join(filter(None, days))
    if at["hour"]:
        words += f" at {int(at['hour']):02}:{int(at['minute']):02}"
    if match["start"]:
        words += ", counted from {}-{}-{} {}:{}".format(*match.group("y", "m", "d", "hour", "min"))
    return words
