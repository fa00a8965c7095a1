"""Incidents, silences and messages: what alerting remembers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import duckdb
from pydantic import TypeAdapter

from meta_orch.domain.health import Problem, ProblemKind
from meta_orch.domain.incidents import Event, Incident, Memory, Silence, TrackedAlert
from meta_orch.domain.notifications import Delivery, Group
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import RunKey
from meta_orch.domain.time import Window
from meta_orch.store.alert_facts import PipelineFacts, find_alert_facts
from meta_orch.store.sql import query

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AlertRun:
    """A run that an alert is about."""

    incident: int
    run: RunKey
    revision_id: str
    """Names the outcome that it has now: `Run.revision_id`."""


@dataclass(frozen=True, slots=True)
class VersionsAround:
    """Versions of a definition."""

    version: str | None
    """That a run had."""
    good_version: str | None
    """That the run had which succeeded last before it."""
    good_at: datetime
    """When that one began."""


@dataclass(frozen=True, slots=True)
class Similar:
    """Earlier incidents of the same cause."""

    count: int
    took: timedelta
    """The median, from beginning to end."""
    last: int
    """The number of the last one."""
    last_began_at: datetime


@cache
def _adapter(kind: type[_T]) -> TypeAdapter[_T]:
    return TypeAdapter(kind)


def _document(value: Any, **more: str) -> str:
    text = _adapter(type(value)).dump_json(value).decode()
    return json.dumps({**json.loads(text), **more}) if more else text


class AlertingReader:
    """Get it from `StoreReader.alerting`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def facts(
        self, now: datetime, pipelines: Iterable[str] | None = None
    ) -> tuple[PipelineFacts, ...]:
        """What is known of the runs of pipelines as it was then; of these, as `INSTANCE/NAME`, or
        of all."""
        return find_alert_facts(self._connection, now, pipelines)

    def problems(self) -> Mapping[str, tuple[Problem, ...]]:
        """What does not work of orchestrators, by instance."""
        found: defaultdict[str, list[Problem]] = defaultdict(list)
        for instance, kind, part, said, since in self._fetch("problems"):
            found[instance].append(Problem(ProblemKind(kind), part, said, since.astimezone(UTC)))
        return {instance: tuple(problems) for instance, problems in found.items()}

    def memory(self, resolved_since: datetime) -> Memory:
        """What is open, and which incidents were resolved since."""
        alerts = self._read(TrackedAlert, "alert_memory")
        incidents = self._read(Incident, "kept_incidents", id=None, since=resolved_since)
        ((last,),) = self._fetch("last_incident")
        return Memory(
            {tracked.alert.fingerprint: tracked for tracked in alerts},
            {incident.id: incident for incident in incidents},
            last,
        )

    def incidents(self, since: datetime | None = None) -> tuple[Incident, ...]:
        """Those that are open, or were resolved since; all there ever were for None. The last
        first."""
        return tuple(self._read(Incident, "kept_incidents", id=None, since=since))

    def incidents_of(self, noticed: Window) -> tuple[Incident, ...]:
        """Those that were noticed within a time, in the order in which they were."""
        return tuple(
            self._read(Incident, "incidents_of_time", since=noticed.start, until=noticed.end)
        )

    def incident(self, number: int) -> Incident | None:
        found = self._read(Incident, "kept_incidents", id=number, since=None)
        return next(iter(found), None)

    def alerts_of(self, incident: int) -> tuple[TrackedAlert, ...]:
        """All that was ever part of it, by when it joined."""
        return tuple(self._read(TrackedAlert, "incident_alerts", incident=incident))

    def runs(self, ended_since: datetime) -> tuple[AlertRun, ...]:
        """Those that alerts of open incidents are about, and alerts that ended since."""
        return tuple(
            AlertRun(incident, RunKey(PipelineKey(instance, pipeline), run_id), str(revision))
            for incident, instance, pipeline, run_id, revision in self._fetch(
                "runs_of_alerts", since=ended_since
            )
        )

    def failed_together(self, instance: str, at: datetime, within: timedelta) -> tuple[str, ...]:
        """Pipelines of which a run failed so shortly before or after a moment."""
        found = self._fetch(
            "failed_together", instance=instance, at=at, within=within.total_seconds()
        )
        return tuple(name for (name,) in found)

    def failures_between(
        self, start: datetime, until: datetime
    ) -> Mapping[PipelineKey, tuple[datetime, ...]]:
        """When runs of each pipeline failed."""
        found: defaultdict[PipelineKey, list[datetime]] = defaultdict(list)
        for instance, name, at in self._fetch("failures_between", start=start, until=until):
            found[PipelineKey(instance, name)].append(datetime.fromtimestamp(at, UTC))
        return {key: tuple(times) for key, times in found.items()}

    def versions_around(self, pipeline: PipelineKey, run_id: str) -> VersionsAround | None:
        """None where no run succeeded before."""
        found = self._fetch(
            "versions_around",
            instance=pipeline.instance,
            pipeline=pipeline.name,
            run_id=run_id,
        )
        for version, good_version, good_at in found:
            return VersionsAround(version, good_version, datetime.fromtimestamp(good_at, UTC))
        return None

    def similar(self, incident: Incident) -> Similar | None:
        """Earlier incidents of the same cause; None where there were none."""
        cause = incident.cause
        ((count, seconds, last, began),) = self._fetch(
            "similar_incidents",
            condition=cause.condition.value,
            subject=cause.subject,
            incident=incident.id,
        )
        if not count:
            return None
        began_at = datetime.fromtimestamp(began, UTC)
        return Similar(count, timedelta(seconds=seconds), last, began_at)

    def timeline(self, incident: int) -> tuple[Event, ...]:
        return tuple(self._read(Event, "incident_timeline", incident=incident))

    def silences(self, not_over_at: datetime | None = None) -> tuple[Silence, ...]:
        """Those that have not ended by then; all there ever were for None."""
        return tuple(self._read(Silence, "kept_silences", since=not_over_at))

    def groups(self) -> Mapping[str, Group]:
        found = self._read(Group, "message_groups")
        return {group.key: group for group in found}

    def deliveries_due(self) -> tuple[Delivery, ...]:
        """Messages that wait, each receiver's in the order in which they are to be sent."""
        return tuple(self._read(Delivery, "deliveries_due"))

    def known_deliveries(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of these that there are, sent or not."""
        return frozenset(known for (known,) in self._fetch("known_deliveries", ids=[*ids]))

    def delivered_since(self, since: datetime) -> Mapping[str, int]:
        """How many messages each receiver was sent."""
        return dict(self._fetch("delivered_lately", since=since))

    def _read(self, kind: type[_T], name: str, **parameters: object) -> list[_T]:
        adapter = _adapter(kind)
        return [adapter.validate_json(text) for (text,) in self._fetch(name, **parameters)]

    def _fetch(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query(name), parameters).fetchall()


class AlertingWriter(AlertingReader):
    """Get it from `StoreWriter.alerting`."""

    def save_incidents(self, incidents: Iterable[Incident]) -> None:
        self._save("save_incidents", map(_document, incidents))

    def save_alerts(self, alerts: Iterable[TrackedAlert]) -> None:
        documents = (_document(each, fingerprint=each.alert.fingerprint) for each in alerts)
        self._save("save_alerts", documents)

    def add_events(self, events: Iterable[Event]) -> None:
        self._save("add_incident_events", map(_document, events))

    def save_groups(self, groups: Iterable[Group]) -> None:
        self._save("save_message_groups", (_document(each, key=each.key) for each in groups))

    def forget_groups(self, keys: Iterable[str]) -> None:
        if found := sorted(keys):
            self._connection.execute(query("forget_message_groups"), {"keys": found})

    def save_deliveries(self, deliveries: Iterable[Delivery]) -> None:
        self._save("save_deliveries", map(_document, deliveries))

    def save_problems(self, instance: str, problems: Iterable[Problem], now: datetime) -> None:
        """All that does not work of an instance now. What has no time of its own is so since it was
        first told of."""
        before = self.problems().get(instance, ())
        known = {(problem.kind, problem.part): problem.since for problem in before}
        found = [
            replace(each, since=each.since or known.get((each.kind, each.part)) or now)
            for each in problems
        ]
        if set(found) == set(before):
            return
        self._connection.execute(query("forget_problems"), {"instance": instance})
        self._save("save_problems", (_document(each, instance=instance) for each in found))

    def add_silence(self, silence: Silence) -> Silence:
        """Keep it under the next number, whatever its own."""
        taken = [known.id for known in self.silences()]
        numbered = replace(silence, id=max(taken, default=0) + 1)
        self.save_silence(numbered)
        return numbered

    def save_silence(self, silence: Silence) -> None:
        self._connection.execute(query("save_silence"), {"document": _document(silence)})

    def forget(self, before: datetime) -> None:
        """What was over by then: incidents with all of theirs, messages, silences."""
        for name in ("forget_incidents", "forget_deliveries", "forget_silences"):
            self._connection.execute(query(name), {"before": before})
        for name in ("forget_alerts", "forget_incident_events"):
            self._connection.execute(query(name))

    def _save(self, name: str, documents: Iterable[str]) -> None:
        if found := [*documents]:
            self._connection.execute(query(name), {"documents": found})
