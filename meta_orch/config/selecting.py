"""What selects alerts in `alerts`: matchers, globs of pipelines, tags, times."""

from __future__ import annotations

import calendar
import re
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from meta_orch.config.values import Glob, InstanceName, Section, Text, TimeZone
from meta_orch.domain.alerts import LABELS
from meta_orch.domain.matchers import Labels, Matcher


def read_matcher(value: object) -> Matcher:
    """Of text, with a label that there is.

    Raises:
        ValueError: it is none; the text says why.
    """
    if isinstance(value, Matcher):
        return value
    if not isinstance(value, str):
        raise ValueError('is no matcher; write it as severity="critical" or team=~"a|b"')
    matcher = Matcher.parse(value)
    if matcher.label not in LABELS:
        raise ValueError(f"names no label; write one of: {', '.join(LABELS)}")
    return matcher


MatcherText = Annotated[
    Matcher,
    BeforeValidator(read_matcher),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
]


class Selection(Section):
    """Alerts: those that all of `matchers`, `pipelines` and `tags` name, as far as written."""

    matchers: tuple[MatcherText, ...] = ()
    """As Alertmanager has them, with `=`, `!=`, `=~` and `!~`: `team=~"data|finance"`."""
    pipelines: Glob | None = None
    """Pipelines, as `INSTANCE/PIPELINE`; `*` stands for any text."""
    tags: tuple[Text, ...] = ()
    """Pipelines that have one of these tags."""

    @property
    def is_empty(self) -> bool:
        return not (self.matchers or self.pipelines or self.tags)

    def selects(self, labels: Labels) -> bool:
        pipeline, tags = labels.get("pipeline", ""), labels.get("tags", "")
        return (
            all(matcher.matches(labels) for matcher in self.matchers)
            and (self.pipelines is None or fnmatchcase(pipeline, self.pipelines))
            and (not self.tags or any(f",{tag}," in tags for tag in self.tags))
        )


_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|(24):(00)")
_DAYS = ["sunday", *(name.lower() for name in calendar.day_name[:-1])]
"""As the week begins for Alertmanager."""
_MONTHS = [name.lower() for name in calendar.month_name]


def _check_clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError('is no time of day; write it as "09:00", up to "24:00"')
    return text


Clock = Annotated[str, AfterValidator(_check_clock)]


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


class ClockRange(Section):
    """A part of a day."""

    start_time: Clock
    """When it begins, as "09:00"."""
    end_time: Clock
    """When it ends, which is no more part of it; "24:00" at the latest."""

    def contains(self, local: datetime) -> bool:
        at = local.hour * 60 + local.minute
        return _minutes(self.start_time) <= at < _minutes(self.end_time)


def _bounds(text: str, names: list[str] | None, example: str) -> tuple[int, int]:
    """Of `3`, `1:5`, `monday:friday`."""
    parts = [part.strip().lower() for part in text.split(":")]
    try:
        numbers = [
            names.index(part) if names and part in names else int(part, base=10) for part in parts
        ]
    except ValueError:
        raise ValueError(f"is no range; write it as {example}") from None
    first, last = numbers[0], numbers[-1]
    if len(parts) > 2 or ((first < 0) == (last < 0) and first > last):  # noqa: PLR2004  # from:to
        raise ValueError(f"is no range, the earlier end first; write it as {example}")
    return first, last


def _range(names: list[str] | None, least: int, most: int, example: str) -> object:
    def check(text: str) -> str:
        bounds = _bounds(text, names, example)
        if not all(least <= bound <= most and (bound or not least) for bound in bounds):
            raise ValueError(f"is beyond what there is; write it as {example}")
        return text

    return AfterValidator(check)


def _check_weekdays(text: str) -> str:
    parts = text.lower().split(":")
    if len(parts) > 2 or not all(part.strip() in _DAYS for part in parts):  # noqa: PLR2004  # from:to
        raise ValueError("is no range of weekdays; write it as monday:friday or sunday")
    return text


def _weekdays(text: str) -> frozenset[int]:
    """Sunday is 0; a range may go over the end of the week."""
    days = [_DAYS.index(part.strip()) for part in text.lower().split(":")]
    return frozenset((days[0] + n) % 7 for n in range((days[-1] - days[0]) % 7 + 1))


Weekdays = Annotated[str, AfterValidator(_check_weekdays)]
DaysOfMonth = Annotated[str, _range(None, -31, 31, "1:5, or -3:-1 from the end")]
Months = Annotated[str, _range(_MONTHS, 1, 12, "january:march or 5:8")]
Years = Annotated[str, _range(None, 1970, 9999, "2026 or 2026:2028")]


class CalendarRange(Section):
    """Times that all of these hold of, as far as written."""

    times: tuple[ClockRange, ...] = ()
    """Parts of the day."""
    weekdays: tuple[Weekdays, ...] = ()
    """As `monday:friday`, or `saturday:monday`."""
    days_of_month: tuple[DaysOfMonth, ...] = ()
    """As `1:5`; `-1` is the last day."""
    months: tuple[Months, ...] = ()
    """As `january:march`, or in numbers."""
    years: tuple[Years, ...] = ()
    """As `2026:2028`."""
    location: TimeZone = "UTC"
    """The time zone that all this is in."""

    def contains(self, moment: datetime) -> bool:
        """Args:
        moment: aware.
        """
        local = moment.astimezone(ZoneInfo(self.location))
        length = calendar.monthrange(local.year, local.month)[1]
        days = (_bounds(text, None, "") for text in self.days_of_month)
        counted = [[d if d > 0 else length + 1 + d for d in (a, min(b, length))] for a, b in days]
        return (
            (not self.times or any(part.contains(local) for part in self.times))
            and (
                not self.weekdays
                or any(local.isoweekday() % 7 in _weekdays(text) for text in self.weekdays)
            )
            and (not counted or any(first <= local.day <= last for first, last in counted))
            and _is_in(local.month, self.months, _MONTHS)
            and _is_in(local.year, self.years, None)
        )


def _is_in(number: int, ranges: tuple[str, ...], names: list[str] | None) -> bool:
    found = (_bounds(text, names, "") for text in ranges)
    return not ranges or any(first <= number <= last for first, last in found)


class TimeIntervalConfig(Section):
    """Times that recur, by name."""

    name: InstanceName
    """What routes call it."""
    time_intervals: tuple[CalendarRange, ...] = ()
    """Its times: any of these."""

    def contains(self, moment: datetime) -> bool:
        return any(part.contains(moment) for part in self.time_intervals)
