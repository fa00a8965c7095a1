"""How much of which resource was in use and wanted, day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import duckdb

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.time import Window
from meta_orch.store import rows
from meta_orch.store.sql import query

_AT_ONCE = timedelta(days=7)


class Use(NamedTuple):
    """Of a resource that the configuration declares, by the runs of a pipeline or by what takes a
    pool's slots: one of the two is None."""

    resource: str
    instance: str
    pipeline: str | None
    pool: str | None
    units: float


class Summary(NamedTuple):
    """What was measured of a resource over a time."""

    kind: str
    resource: str
    capacity: float | None
    peak_running: float
    peak_wanted: float
    running_unit_seconds: float
    queued_unit_seconds: float
    excess_unit_seconds: float
    saturated_seconds: float


class User(NamedTuple):
    """What a pipeline used of a resource over a time."""

    instance: str
    pipeline: str
    running_unit_seconds: float
    queued_unit_seconds: float
    saturated_unit_seconds: float


class SharedSpan(NamedTuple):
    """A time in which a pipeline wanted and used a resource."""

    resource: str
    pipeline: PipelineKey
    units: float
    queued_at: datetime
    started_at: datetime
    ended_at: datetime


class PoolUse(NamedTuple):
    """What a run of a pipeline takes of a resource through a pool, for a time."""

    pipeline: PipelineKey
    resource: str
    units: float
    after: timedelta
    """From the start of the run."""
    duration: timedelta


class ComingConflict(NamedTuple):
    """A time in which pipelines will want more of a resource than there is."""

    resource: str
    since: datetime
    until: datetime
    capacity: float
    peak: float
    pipelines: tuple[str, ...]
    computed_at: datetime


class Together(NamedTuple):
    """Two pipelines, or twice the same, that used a resource at once."""

    kind: str
    resource: str
    pipeline: str
    """As `INSTANCE/NAME`; of the two the one that sorts first."""
    other: str
    times: int
    """How often two runs, or attempts, began to be together."""
    seconds: float
    """For how long each pair of these was, taken together."""


class Demand(NamedTuple):
    """What is measured of resources that the configuration declares."""

    capacities: tuple[tuple[str, float], ...] = ()
    """By resource, in units."""
    uses: tuple[Use, ...] = ()

    @property
    def mark(self) -> str:
        """Differs where other things are measured."""
        return rows.to_text({"capacities": self.capacities, "uses": self.uses})


class Measurements:
    """Get it from `StoreReader.measurements`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def due(self, demand: Demand, now: datetime) -> tuple[date, ...]:
        """Days (UTC) up to today that there is news of, the last first; today always is one."""
        found = self._fetch("days_to_measure", uses=demand.mark, now=now)
        return tuple(row[0] for row in found)

    def first_day(self) -> date | None:
        """The day (UTC) of the first run that the store has."""
        ((day,),) = self._fetch("first_day")
        return day

    def summary(self, since: datetime, until: datetime) -> list[Summary]:
        """Of each resource in use from an hour on, the one that lacked most first."""
        found = self._fetch("resource_summary", since=since, until=until)
        return [Summary(*row) for row in found]

    def users(self, kind: str, resource: str, since: date) -> list[User]:
        """Who used a resource since a day, who had most of it while it was saturated first."""
        found = self._fetch("resource_users", kind=kind, resource=resource, since=since)
        return [User(*row) for row in found]

    def coming_conflicts(self, now: datetime) -> list[ComingConflict]:
        """Of the next day, as they were last foreseen; by resource, the next first."""
        return [
            ComingConflict(
                resource,
                datetime.fromtimestamp(since, UTC),
                datetime.fromtimestamp(until, UTC),
                capacity,
                peak,
                tuple(pipelines),
                datetime.fromtimestamp(computed, UTC),
            )
            for resource, since, until, capacity, peak, pipelines, computed in self._fetch(
                "coming_conflicts", now=now
            )
        ]

    def shared_spans(
        self, since: datetime, until: datetime, demand: Demand, now: datetime
    ) -> list[SharedSpan]:
        """What used resources that the configuration declares, cut to a time; by when it was
        queued."""
        uses = [rows.to_text(use._asdict()) for use in demand.uses]
        parameters = {"since": since, "until": until, "now": now, "uses": uses, "only": "shared"}
        self._connection.execute(query("resource_spans"), parameters)
        found = self._fetch("shared_spans")
        self._connection.execute(query("drop_resource_spans"))
        return [
            SharedSpan(
                resource,
                PipelineKey(instance, pipeline),
                units,
                *(datetime.fromtimestamp(seconds, UTC) for seconds in seconds_of),
            )
            for resource, instance, pipeline, units, *seconds_of in found
        ]

    def usual_pool_uses(self, demand: Demand) -> list[PoolUse]:
        """What the last successful run of each pipeline took through pools."""
        uses = [rows.to_text(use._asdict()) for use in demand.uses if use.pool]
        found = self._fetch("usual_pool_uses", uses=uses) if uses else []
        return [
            PoolUse(
                PipelineKey(instance, pipeline),
                resource,
                units,
                timedelta(seconds=after),
                timedelta(seconds=seconds),
            )
            for instance, pipeline, resource, units, after, seconds in found
        ]

    def together(
        self,
        during: Window,
        kind: str,
        resource: str | None,
        *,
        demand: Demand,
        now: datetime,
        most: int,
    ) -> list[Together]:
        """Which pipelines used a resource at once, those for longest first. Week by week, so that a
        long history takes no more memory than a week.

        Args:
            resource: None for all of the kind.
        """
        uses = [rows.to_text(use._asdict()) for use in demand.uses]
        self._connection.execute(query("begin_time_together"))
        since, until, is_first = during.start, during.end, True
        while since < until:
            span = {"since": since, "until": min(since + _AT_ONCE, until)}
            self._connection.execute(
                query("resource_spans"), {**span, "now": now, "uses": uses, "only": kind}
            )
            self._connection.execute(
                query("add_time_together"),
                {"kind": kind, "resource": resource, "since": since, "is_first": is_first},
            )
            since, is_first = since + _AT_ONCE, False
        self._connection.execute(query("drop_resource_spans"))
        return [Together(*row) for row in self._fetch("time_together", most=most)]

    def _fetch(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query(name), parameters).fetchall()


class Meter(Measurements):
    """Get it from `StoreWriter.measurements`."""

    def measure(self, day: date, demand: Demand, now: datetime) -> int:
        """Measure a day (UTC) anew.

        Returns:
            How many spans of runs and attempts were looked at.
        """
        since = datetime.combine(day, time(), UTC)
        until = since + timedelta(days=1)
        span = {"since": since, "until": until}
        uses = [rows.to_text(use._asdict()) for use in demand.uses]
        capacities = [
            rows.to_text({"resource": resource, "capacity": capacity})
            for resource, capacity in demand.capacities
        ]
        self._run("resource_spans", **span, now=now, uses=uses, only=None)
        self._run("resource_steps", **span, capacities=capacities)
        self._run("forget_resource_hours", **span)
        self._run("save_resource_hours")
        self._run("forget_resource_users", day=day)
        self._run("save_resource_users", day=day)
        self._run("note_measured_day", day=day, uses=demand.mark, now=now)
        ((spans,),) = self._fetch("count_resource_spans")
        self._run("drop_resource_spans")
        self._run("drop_resource_steps")
        return spans

    def _run(self, name: str, **parameters: object) -> None:
        self._connection.execute(query(name), parameters)
