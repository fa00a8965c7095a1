"""What happened in a time: how many incidents, how soon they were noticed, how soon over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median

from meta_orch.domain.incidents import Incident
from meta_orch.domain.time import Window
from meta_orch.store import StoreReader

_NOBODY = "nobody's"
_LISTED = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some incidents."""

    name: str
    count: int
    open: int
    """That are not over."""
    to_detect: timedelta | None
    """The mean from when it began to when it was noticed (MTTD); None without any."""
    to_recover: timedelta | None
    """The mean from when it began to when all of it was well again (MTTR); None where none is."""
    median_to_recover: timedelta | None


@dataclass(frozen=True, slots=True)
class IncidentReport:
    window: Window
    """In which the incidents were noticed."""
    made_at: datetime
    all: Figures
    before: Figures
    """Of as long a time before."""
    by_orchestrator: tuple[Figures, ...]
    """Those with most incidents first, as in the next three."""
    by_instance: tuple[Figures, ...]
    by_team: tuple[Figures, ...]
    by_condition: tuple[Figures, ...]
    """By what was wrong with the cause."""
    by_cause: tuple[Figures, ...]
    """By the cause itself: those that recurred."""
    incidents: tuple[Incident, ...]
    """The longest first."""
    left_out: int
    """Incidents that are not listed."""


def collect_incidents(reader: StoreReader, window: Window, now: datetime) -> IncidentReport:
    """Those that were noticed within a time."""
    found = reader.alerting.incidents_of(window)
    length = window.end - window.start
    earlier = reader.alerting.incidents_of(Window(window.start - length, window.start))
    by_length = sorted(found, key=lambda i: (i.resolved_at or now) - i.began_at, reverse=True)
    recurring = [each for each in _by(found, lambda i: i.cause.subject) if each.count > 1]
    return IncidentReport(
        window,
        now,
        figures("all", found),
        figures("before", earlier),
        _by(found, lambda i: i.cause.labels.get("orchestrator", "meta_orch")),
        _by(found, lambda i: i.cause.labels.get("instance", "meta_orch")),
        _by(found, lambda i: i.cause.labels.get("team", _NOBODY)),
        _by(found, lambda i: i.cause.condition.value),
        tuple(recurring),
        tuple(by_length[:_LISTED]),
        max(0, len(by_length) - _LISTED),
    )


def figures(name: str, incidents: Iterable[Incident]) -> Figures:
    incidents = list(incidents)
    took = [i.took.total_seconds() for i in incidents if i.took is not None]
    noticed = [max(0.0, i.took_to_notice.total_seconds()) for i in incidents]
    return Figures(
        name,
        len(incidents),
        sum(i.state.is_open for i in incidents),
        timedelta(seconds=fmean(noticed)) if noticed else None,
        timedelta(seconds=fmean(took)) if took else None,
        timedelta(seconds=median(took)) if took else None,
    )


def _by(incidents: Iterable[Incident], name: Callable[[Incident], str]) -> tuple[Figures, ...]:
    groups: defaultdict[str, list[Incident]] = defaultdict(list)
    for incident in incidents:
        groups[name(incident)].append(incident)
    found = (figures(each, of) for each, of in groups.items())
    return tuple(sorted(found, key=lambda each: (-each.count, each.name)))
