"""When schedules tick: instants, from rules.

A rule that only its own orchestrator can evaluate (a timetable in code, assets, a sensor) has no
ticks here; that is None, and not an empty answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from dateutil.rrule import rrulebase, rrulestr

from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.time import Window, as_utc

_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_RRULE_ANCHOR = datetime(2020, 1, 1)  # noqa: DTZ001  # local, as Prefect counts a rule without a start
_DAY = timedelta(days=1)
_MOST = 10_000
"""Ticks of one rule in one window; no question here needs more."""
_FURTHEST = 400 * _DAY
"""How far the tick before, or after, is looked for: a yearly one is found."""


def rules(schedules: Iterable[Schedule]) -> tuple[Schedule, ...]:
    """The active ones, without what changes as time goes by: for who asks again and again."""
    return tuple(_rule(schedule) for schedule in schedules if schedule.is_active)


def has_ticks(schedules: Iterable[Schedule]) -> bool:
    """Whether any active rule of them can be evaluated here."""
    return any(schedule.is_active and _is_known(_rule(schedule)) for schedule in schedules)


def ticks(schedules: Iterable[Schedule], window: Window) -> tuple[datetime, ...]:
    """The ticks of all active rules together that lie after the window's start and up to its end,
    which is in it; sorted, UTC."""
    found = {
        tick
        for schedule in schedules
        if schedule.is_active
        for tick in _ticks(_rule(schedule), window.start, window.end)
    }
    return tuple(sorted(found))


def last_tick(schedules: Iterable[Schedule], at: datetime) -> datetime | None:
    """The last tick that is not after `at`; None where there is none."""
    found = (_last(_rule(schedule), as_utc(at)) for schedule in schedules if schedule.is_active)
    return max(filter(None, found), default=None)


def next_tick(schedules: Iterable[Schedule], after: datetime) -> datetime | None:
    """The first tick after `after`; None where there is none."""
    found = (_next(_rule(schedule), as_utc(after)) for schedule in schedules if schedule.is_active)
    return min(filter(None, found), default=None)


def tick_before(schedules: Iterable[Schedule], tick: datetime) -> datetime | None:
    """The last tick before `tick`, which need not be one."""
    return last_tick(schedules, tick - timedelta(microseconds=1))


def cron(expression: str, timezone: str = "UTC") -> Schedule:
    """The rule of a cron expression in a time zone."""
    return Schedule(ScheduleKind.CRON, expression, timezone=timezone)


def _rule(schedule: Schedule) -> Schedule:
    """What makes its ticks: equal for all schedules that tick alike, so that they are worked out
    once."""
    if schedule.next_at is None and schedule.name is None and schedule.is_active:
        return schedule
    return replace(schedule, next_at=None, name=None, is_active=True)


@lru_cache(maxsize=20_000)
def _is_known(rule: Schedule) -> bool:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return _last(rule, at) is not None or _next(rule, at) is not None


@lru_cache(maxsize=50_000)
def _ticks(rule: Schedule, start: datetime, end: datetime) -> tuple[datetime, ...]:
    """In (start, end]."""
    return tuple(islice(takewhile(lambda tick: tick <= end, _forward(rule, start)), _MOST))


@lru_cache(maxsize=50_000)
def _next(rule: Schedule, after: datetime) -> datetime | None:
    tick = next(_forward(rule, after), None)
    return tick if tick is not None and tick - after <= _FURTHEST else None


@lru_cache(maxsize=50_000)
def _last(rule: Schedule, at: datetime) -> datetime | None:
    tick = next(_backward(rule, at), None)
    return tick if tick is not None and at - tick <= _FURTHEST else None


def _forward(rule: Schedule, after: datetime) -> Iterator[datetime]:
    """Ticks after an instant, rising."""
    zone = _zone(rule.timezone)
    if rule.kind is ScheduleKind.CRON and (text := _cron_text(rule)):
        # cronsim looks at local times of whole minutes.
        ticks = map(as_utc, _Cron(text, after.astimezone(zone)))
        yield from (tick for tick in _ending(ticks) if tick > after)
    elif rule.kind is ScheduleKind.INTERVAL and rule.interval and rule.anchor:
        number = _intervals(rule, after)
        while True:
            number += 1
            if (tick := _nth(rule, number, zone)) > after:
                yield tick
    elif rule.kind is ScheduleKind.RRULE and (found := _rrule(rule)):
        local = after.astimezone(zone).replace(tzinfo=None) - _DAY
        later = (_from_local(tick, zone) for tick in found.xafter(local))
        yield from (tick for tick in later if tick > after)


def _backward(rule: Schedule, at: datetime) -> Iterator[datetime]:
    """The last tick up to an instant, if any."""
    zone = _zone(rule.timezone)
    if rule.kind is ScheduleKind.CRON and (text := _cron_text(rule)):
        begin = (at + timedelta(minutes=1)).astimezone(zone)
        earlier = map(as_utc, _Cron(text, begin, reverse=True))
        yield from (tick for tick in _ending(earlier) if tick <= at)
    elif rule.kind is ScheduleKind.INTERVAL and rule.interval and rule.anchor:
        number = _intervals(rule, at) + 3  # clocks that went forward bring one more
        while True:
            if (tick := _nth(rule, number, zone)) <= at:
                yield tick
            number -= 1
    elif rule.kind is ScheduleKind.RRULE and (found := _rrule(rule)):
        local = at.astimezone(zone).replace(tzinfo=None) + _DAY
        while (tick := found.before(local)) is not None:
            local = tick
            if (instant := _from_local(tick, zone)) <= at:
                yield instant


class _Cron(CronSim):
    """cronsim looks for a minute an hour further, where no clock goes on by half an hour; those of
    Lord Howe Island do."""

    def advance_minute(self) -> bool:
        return self._minute_by_minute(super().advance_minute)

    def reverse_minute(self) -> bool:
        return self._minute_by_minute(super().reverse_minute)

    def _minute_by_minute(self, jump: Callable[[], bool]) -> bool:
        begin = self.dt
        moved = jump()
        if moved and _by_part_of_an_hour(begin, self.dt):
            self.dt = begin.replace(second=0 if self.tick_direction == 1 else 59)
            while self.dt.minute not in self.minutes and self.dt.hour in self.hours:
                self.tick(60)
        return moved


def _by_part_of_an_hour(earlier: datetime, later: datetime) -> bool:
    before, after = earlier.utcoffset(), later.utcoffset()
    return before is not None and after is not None and bool((after - before) % timedelta(hours=1))


def _ending(ticks: Iterator[datetime]) -> Iterator[datetime]:
    """cronsim raises StopIteration of its own where nothing comes for fifty years."""
    while True:
        try:
            yield next(ticks)
        except (StopIteration, OverflowError, CronSimError):
            return


@lru_cache(maxsize=10_000)
def _cron_text(rule: Schedule) -> str | None:
    text = (rule.expression or "").strip()
    text = _PRESETS.get(text.lower(), text)
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except (CronSimError, ValueError):
        return None
    return text


@lru_cache(maxsize=10_000)
def _rrule(rule: Schedule) -> rrulebase | None:
    start = _RRULE_ANCHOR
    if rule.anchor is not None:
        start = rule.anchor.astimezone(_zone(rule.timezone)).replace(tzinfo=None)
    try:
        return rrulestr(rule.expression or "", dtstart=start, ignoretz=True, cache=True)
    except (ValueError, TypeError):
        return None


def _intervals(rule: Schedule, at: datetime) -> int:
    """About how many of them lie between the anchor and an instant."""
    assert rule.interval is not None and rule.anchor is not None  # noqa: S101, PT018  # the callers have looked
    return (at - rule.anchor) // rule.interval - 1


def _nth(rule: Schedule, number: int, zone: ZoneInfo) -> datetime:
    """Whole days are counted by the local clock, anything else by the time that passes, as Prefect
    does; Airflow's zone is UTC here."""
    assert rule.interval is not None and rule.anchor is not None  # noqa: S101, PT018  # the callers have looked
    if rule.interval % _DAY:
        return as_utc(rule.anchor + number * rule.interval)
    local = rule.anchor.astimezone(zone).replace(tzinfo=None) + number * rule.interval
    return _from_local(local, zone)


def _from_local(local: datetime, zone: ZoneInfo) -> datetime:
    """A time that the clocks skip is as much later; of one that comes twice it is the first."""
    return as_utc(local.replace(tzinfo=zone))


@lru_cache(maxsize=1_000)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
