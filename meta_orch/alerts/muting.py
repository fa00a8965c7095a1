"""Of what nobody is told: silences, maintenance, times at which a route is quiet, inhibition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from meta_orch.config.alerts import AlertsConfig, InhibitConfig, RouteConfig
from meta_orch.domain.incidents import Incident, Silence
from meta_orch.domain.matchers import Labels, Matcher


def is_silenced(silence: Silence, labels: Labels, now: datetime) -> bool:
    """Whether all its matchers match, within its time."""
    matchers = map(Matcher.parse, silence.matchers)
    return silence.starts_at <= now < silence.ends_at and all(m.matches(labels) for m in matchers)


def is_quiet(route: RouteConfig, config: AlertsConfig, now: datetime) -> str | None:
    """The name of the times for which a route tells nobody now; None where it does."""
    intervals = {interval.name: interval for interval in config.time_intervals}
    for name in route.mute_time_intervals:
        if intervals[name].contains(now):
            return name
    active = route.active_time_intervals
    if active and not any(intervals[name].contains(now) for name in active):
        return f"outside of {', '.join(active)}"
    return None


class Muting:
    """What mutes incidents at a moment.

    Args:
        incidents: all that are open: what is muted by inhibition depends on them.
    """

    def __init__(
        self,
        config: AlertsConfig,
        silences: Iterable[Silence],
        incidents: Iterable[Incident],
        now: datetime,
    ) -> None:
        self._config = config
        self._silences = [s for s in silences if s.starts_at <= now < s.ends_at]
        self._maintenance = [m for m in config.maintenance if m.contains(now)]
        self._firing = [i for i in incidents if i.state.is_open]
        self._now = now

    def reason(self, incident: Incident) -> str | None:
        """Why nobody is told of an incident, whichever route it takes; None where somebody is."""
        if incident.is_old:
            return "it began long before it was noticed"
        return self.reason_of(incident.labels, [i for i in self._firing if i.id != incident.id])

    def reason_of(self, labels: Labels, others: Sequence[Incident] | None = None) -> str | None:
        """The same of what has these labels."""
        for silence in self._silences:
            if is_silenced(silence, labels, self._now):
                return f"silence {silence.id} by {silence.author}"
        for window in self._maintenance:
            if window.selects(labels):
                return f"maintenance {window.name}"
        for rule in self._config.inhibit_rules:
            if any(_inhibits(rule, other.labels, labels) for other in others or ()):
                return "inhibited by something that is wrong, too"
        return None


def _inhibits(rule: InhibitConfig, source: Labels, target: Labels) -> bool:
    """What source and target both select is inhibited by nothing that they both select, so that
    nothing inhibits itself."""
    is_target = all(matcher.matches(target) for matcher in rule.target_matchers)
    is_source = all(matcher.matches(source) for matcher in rule.source_matchers)
    if not (is_target and is_source):
        return False
    if not all(source.get(name, "") == target.get(name, "") for name in rule.equal):
        return False
    is_both = all(m.matches(target) for m in rule.source_matchers)
    source_is_target = all(m.matches(source) for m in rule.target_matchers)
    return not (is_both and source_is_target)
