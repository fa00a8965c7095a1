"""A report, from what the store has."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from meta_orch.analytics.predictions.outlooks import Seer
from meta_orch.analytics.resources.provisioning import provisions
from meta_orch.analytics.slas.attainment import Verdict
from meta_orch.analytics.slas.promises import Promise, kept_promises
from meta_orch.analytics.staggering.refreshing import find_contention
from meta_orch.config import MetaOrchConfig
from meta_orch.dependencies.gates import GateMap
from meta_orch.dependencies.reading import read_report
from meta_orch.domain.ticks import has_ticks
from meta_orch.domain.time import Window
from meta_orch.domain.words import describe_duration
from meta_orch.reports import findings
from meta_orch.reports.model import (
    DemandCurve,
    Finding,
    NotOver,
    Number,
    Period,
    Report,
    SlaLine,
)
from meta_orch.reports.timeline import build_timeline
from meta_orch.store import StoreReader
from meta_orch.store.reporting import DemandHour, PipelineTotals, Totals

_DAY = timedelta(days=1)
_HAIR = timedelta(microseconds=1)
_FINDINGS = 10
_TASKS = 20
_CURVES = 6
_HOUR = 3600.0


def period_window(
    period: Period,
    now: datetime,
    timezone: str,
    *,
    until_now: bool = False,
    last_day: date | None = None,
) -> Window:
    """The last day that is over in a time zone, or the last seven; or as long a time, up to now. A
    day in which clocks change has 23 or 25 hours.

    Args:
        last_day: the day, or the last of the seven.

    Raises:
        NotOver: `last_day` is not over.
    """
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    if last_day and last_day >= today:
        raise NotOver(
            f"{last_day} is not over in {timezone}: the last day that is, is {today - _DAY}"
        )
    end = last_day + _DAY if last_day else today
    begin = end - (_DAY if period is Period.DAY else 7 * _DAY)
    midnight = time(tzinfo=zone)
    days = Window(datetime.combine(begin, midnight), datetime.combine(end, midnight))
    return Window(now - days.length, now) if until_now else days


def collect_report(
    reader: StoreReader,
    config: MetaOrchConfig,
    period: Period,
    now: datetime,
    *,
    until_now: bool = False,
    last_day: date | None = None,
) -> Report:
    """Of the last day, or the last seven, that are over; or as long, up to now.

    Args:
        last_day: the day, or the last of the seven, of an earlier report.

    Raises:
        NotOver: `last_day` is not over.
    """
    timezone = config.reports.timezone
    window = period_window(period, now, timezone, until_now=until_now, last_day=last_day)
    is_last = window.end >= period_window(period, now, timezone).end
    before = Window(window.start - window.length, window.start)
    graph = GateMap(reader, config)
    promises = kept_promises(reader, config.slas, now)
    pipelines = reader.reports.pipelines(window, before.start)
    found = [
        *findings.of_promises(promises, window),
        *findings.of_pipelines(pipelines),
        *findings.of_resources(provisions(reader, window.end, window.length)),
    ]
    if is_last:
        found += _findings_of_now(reader, config, graph, promises, pipelines=pipelines, now=now)
    chosen, more = findings.ranked(found, _FINDINGS)
    zone = ZoneInfo(timezone)
    last_midnight = datetime.combine(window.end.astimezone(zone).date() - _DAY, time(tzinfo=zone))
    day = Window(now - _DAY if until_now else last_midnight, window.end)
    return Report(
        period,
        window,
        timezone,
        now,
        is_last,
        tuple(
            _numbers(reader.reports.totals(window), reader.reports.totals(before), promises, window)
        ),
        tuple(chosen),
        more,
        tuple(_sla_lines(promises, window, timezone)),
        build_timeline(reader, config, graph, day),
        tuple(_curves(reader.reports.demand(window), window)),
        tuple(_not_covered(reader, config, graph, window, now, is_last=is_last)),
    )


def _findings_of_now(
    reader: StoreReader,
    config: MetaOrchConfig,
    graph: GateMap,
    promises: Sequence[Promise],
    *,
    pipelines: Iterable[PipelineTotals],
    now: datetime,
) -> Iterator[Finding]:
    """What is to come, and what the last runs show."""
    outlooks = Seer().outlooks(reader, graph, promises, now)
    runs = {f"{found.instance}/{found.pipeline}": found.runs for found in pipelines}
    yield from findings.of_outlooks(outlooks, config.analytics.risk_from)
    yield from findings.of_tasks(reader.traces.worst(_TASKS), runs)
    yield from findings.of_plans(find_contention(reader, config, now).plans)
    yield from findings.of_violations(read_report(reader, config, now).violations)


def _numbers(
    now: Totals, before: Totals, promises: Iterable[Promise], window: Window
) -> Iterator[Number]:
    def share(totals: Totals) -> str:
        return f"{totals.succeeded / totals.runs:.1%}" if totals.runs else "none ran"

    def spent(seconds: float) -> str:
        return describe_duration(timedelta(seconds=seconds))

    known = before.runs > 0
    pairs = (
        ("runs", f"{now.runs:,}", f"{before.runs:,}"),
        ("succeeded", share(now), share(before)),
        ("failed", f"{now.failed:,}", f"{before.failed:,}"),
        ("executing", spent(now.executing_seconds), spent(before.executing_seconds)),
        ("in failed runs", spent(now.failed_seconds), spent(before.failed_seconds)),
        ("queued", spent(now.queued_seconds), spent(before.queued_seconds)),
    )
    for label, value, earlier in pairs:
        yield Number(label, value, earlier if known else None)
    decided = [
        outcome.verdict
        for promise in promises
        for outcome in promise.attainment.outcomes
        if outcome.verdict is not Verdict.OPEN and outcome.at in window
    ]
    if decided:
        met = sum(verdict is Verdict.MET for verdict in decided)
        yield Number("SLAs met", f"{met} of {len(decided)}", None)


def _sla_lines(promises: Iterable[Promise], window: Window, timezone: str) -> Iterator[SlaLine]:
    """Those that were missed most first."""
    zone = ZoneInfo(timezone)
    first = window.start.astimezone(zone).date()
    last = (window.end - _HAIR).astimezone(zone).date()
    days = [first + number * _DAY for number in range((last - first).days + 1)]
    lines = []
    for promise in promises:
        of_day: defaultdict[object, list[bool]] = defaultdict(list)
        for outcome in promise.attainment.outcomes:
            if outcome.verdict is not Verdict.OPEN and outcome.at in window:
                of_day[outcome.at.astimezone(zone).date()].append(outcome.verdict is Verdict.MET)
        every = [met for of in of_day.values() for met in of]
        shares = tuple(sum(of_day[d]) / len(of_day[d]) if of_day[d] else None for d in days)
        if every:
            lines.append(
                SlaLine(
                    promise.sla.name,
                    str(promise.pipeline),
                    sum(every),
                    len(every) - sum(every),
                    promise.sla.target,
                    shares,
                )
            )
    yield from sorted(lines, key=lambda line: (-line.missed, line.name, line.pipeline))


def _curves(hours: Iterable[DemandHour], window: Window) -> Iterator[DemandCurve]:
    """Of what is shared and of pools before orchestrators and queues, which have no capacity; those
    that were wanted most, by what they have, first."""
    by_resource: defaultdict[tuple[str, str], list[DemandHour]] = defaultdict(list)
    for hour in hours:
        by_resource[hour.kind, hour.resource].append(hour)

    def order(key: tuple[str, str]) -> tuple[bool, float, str]:
        of = by_resource[key]
        shares = [hour.peak_wanted / hour.capacity for hour in of if hour.capacity]
        return key[0] in {"orchestrator", "queue"}, -max(shares, default=0.0), key[1]

    first, end = -(-window.start.timestamp() // _HOUR) * _HOUR, window.end.timestamp()
    every = [first + number * _HOUR for number in range(math.ceil((end - first) / _HOUR))]
    for key in sorted(by_resource, key=order)[:_CURVES]:
        of = {hour.hour: hour for hour in by_resource[key]}
        capacity: float | None = by_resource[key][0].capacity
        capacities = []
        for at in every:
            capacity = of[at].capacity if at in of else capacity
            capacities.append(capacity)
        yield DemandCurve(
            *key,
            tuple(every),
            tuple(of[at].peak_running if at in of else 0.0 for at in every),
            tuple(of[at].peak_wanted if at in of else 0.0 for at in every),
            tuple(capacities),
        )


def _not_covered(
    reader: StoreReader,
    config: MetaOrchConfig,
    graph: GateMap,
    window: Window,
    now: datetime,
    *,
    is_last: bool,
) -> Iterator[str]:
    if not is_last:
        yield (
            "It was made after a later one was due: what was at risk then, which tasks decided, "
            "what read too early and where schedules would collide is left out, and SLAs are told "
            "as far as their `window` reaches back."
        )
    yield from _unread(reader, config, window, now)
    if not config.slas:
        yield "No SLA is written: nothing is promised, missed or at risk (meta-orch sla suggest)."
    if not config.resources:
        yield "No shared resource is declared: conflicts over one are not looked for."
    unknown = sum(
        bool(p.schedules) and not has_ticks(p.schedules) for p in graph.catalogue.values()
    )
    if unknown:
        yield (
            f"{unknown} pipelines run by rules that only their orchestrator can evaluate: when "
            "they come next is not foreseen."
        )
    if not reader.reports.demand(window):
        yield "Resources were not measured in this time: materialize meta_orch/resources."
    if not reader.traces.worst(1):
        yield "Critical paths have not been worked out: materialize meta_orch/critical_paths."


def _unread(
    reader: StoreReader, config: MetaOrchConfig, window: Window, now: datetime
) -> Iterator[str]:
    statuses = reader.collectors()
    for instance in config.instances:
        status = statuses.get(instance.name)
        read_at = status.succeeded_at if status else None
        if read_at is None:
            yield f"{instance.name} has not been read yet: nothing of it is in here."
        elif read_at < window.end - instance.tolerance:
            yield (
                f"{instance.name} was last read at {read_at:%Y-%m-%d %H:%M} UTC: what came after "
                "is not in here."
            )
        elif now - read_at > instance.tolerance:
            yield f"{instance.name} was last read at {read_at:%Y-%m-%d %H:%M} UTC."
