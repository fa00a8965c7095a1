"""What alerts there are, how grave, and who is told: `alerts`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    AwareDatetime,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from meta_orch.config.naming import repeated_names
from meta_orch.config.receivers import ReceiverConfig
from meta_orch.config.selecting import MatcherText, Selection, TimeIntervalConfig
from meta_orch.config.values import Cron, Duration, InstanceName, Section, Text, TimeZone
from meta_orch.domain.alerts import LABELS, Condition, Severity
from meta_orch.domain.ticks import cron, last_tick


class RuleConfig(Selection):
    """How grave something is, and for how long it must be so. Of several rules that select an
    alert, the first one that says so holds, by key."""

    conditions: tuple[Condition, ...] = ()
    """Of these conditions; of all where there are none."""
    severity: Severity | Literal["off"] | None = None
    """`critical`, `error`, `warning` or `info`, before the tier, the SLA and what depends on it
    raise it; `off` for none of these alerts."""
    after: Duration | None = None
    """For how long it must be so."""
    keep_firing_for: Duration | None = None
    """For how long it must be well again until it is over: what flaps meanwhile is one alert."""


class EscalationConfig(Section):
    """Who else is told while nobody has acknowledged it."""

    after: Duration
    """How long after the first message."""
    receiver: InstanceName
    """Who."""


class RouteConfig(Selection):
    """A node of the tree of routes. An incident goes down into the first of the `routes` that
    selects it, and on to the next where that says `continue`; what is not written is as above."""

    receiver: InstanceName | None = None
    """Who is told."""
    continue_: bool = Field(default=False, alias="continue")
    """Whether the routes after it are looked at, too."""
    group_by: tuple[Text, ...] | None = None
    """Labels: incidents that have the same values of these are told together. `[incident]` unless
    written: each by itself. `[]` at the root is all together, and below it as above."""
    group_wait: Duration | None = None
    """How long the first of a group waits for others. 30s unless written."""
    group_interval: Duration | None = None
    """How long after a message what is new in its group waits. 5m unless written."""
    repeat_interval: Duration | None = None
    """How long after a message it is told again, while nobody acknowledged it. 4h unless
    written."""
    mute_time_intervals: tuple[InstanceName, ...] = ()
    """Names of `time_intervals`, in which nobody is told."""
    active_time_intervals: tuple[InstanceName, ...] = ()
    """Names of those outside of which nobody is told."""
    escalate: tuple[EscalationConfig, ...] = ()
    """Who else is told while nobody has acknowledged it."""
    routes: tuple[RouteConfig, ...] = ()
    """Those below it."""

    @field_validator("group_by")
    @classmethod
    def _are_labels(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name not in LABELS:
                raise ValueError(f"{name} is no label; write some of: {', '.join(LABELS)}")
        return value

    def all(self) -> Iterator[RouteConfig]:
        """It and all below it."""
        yield self
        for route in self.routes:
            yield from route.all()


class InhibitConfig(Section):
    """While something that `source_matchers` select is wrong, nobody is told of what
    `target_matchers` select. What follows from a cause is part of its incident anyway."""

    source_matchers: tuple[MatcherText, ...] = Field(min_length=1)
    """What is wrong, too."""
    target_matchers: tuple[MatcherText, ...] = Field(min_length=1)
    """What is not told."""
    equal: tuple[Text, ...] = ()
    """Labels of which both must have the same value."""


class MaintenanceConfig(Selection):
    """Times in which nobody is told."""

    name: InstanceName
    """What it is called."""
    starts: Cron | None = Field(default=None, validate_default=True)
    """When it begins, again and again."""
    lasts: Duration | None = None
    """For how long."""
    timezone: TimeZone = "UTC"
    """The time zone of `starts`."""
    from_: AwareDatetime | None = Field(default=None, alias="from")
    """Or when it begins, once, with its time zone: `2026-12-24T18:00:00+01:00`."""
    until: AwareDatetime | None = None
    """And when it ends."""

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        recurs, once = (self.starts, self.lasts), (self.from_, self.until)
        if all(recurs) == all(once) or any(recurs) == any(once):
            raise ValueError("write `starts` and `lasts`, or else `from` and `until`")
        if self.from_ and self.until and self.until <= self.from_:
            raise ValueError("ends before it begins; write a later `until`")
        return self

    def contains(self, moment: datetime) -> bool:
        """Args:
        moment: aware.
        """
        if self.starts and self.lasts:
            began = last_tick([cron(self.starts, self.timezone)], moment)
            return began is not None and moment < began + self.lasts
        return bool(self.from_ and self.until and self.from_ <= moment < self.until)


class AlertsConfig(Section):
    """What alerts there are, how grave, and who is told."""

    rules: tuple[RuleConfig, ...] = ()
    """How grave what is, where the defaults do not fit."""
    tiers: Mapping[Text, int] = {"tier:1": 1, "tier1": 1, "tier:3": -1, "tier3": -1}
    """By tag of a pipeline, how many steps graver its alerts are."""
    wide_from: int = Field(default=10, ge=1)
    """From so many pipelines that depend on it on, directly or not, it is a step graver: a
    heuristic."""
    failing_from: int = Field(default=3, ge=2)
    """From so many failures in a row on it fails repeatedly."""
    gate_closed_after: Duration = timedelta(hours=1)
    """How long after it is due a run may wait at a gate."""
    saturated_for: Duration = timedelta(minutes=30)
    """How long runs may wait for a resource that is full."""
    old_from: Duration = timedelta(days=1)
    """Of what began longer than this before it was noticed nobody is told, as on the first day."""
    reopen_within: Duration = timedelta(hours=1)
    """What recurs so soon after it was resolved is the same incident."""
    receivers: tuple[ReceiverConfig, ...] = ()
    """Who is told, and by what."""
    route: RouteConfig = RouteConfig()
    """The tree of routes: its root takes what none below it selects."""
    inhibit_rules: tuple[InhibitConfig, ...] = ()
    """What is not told while something else is wrong."""
    time_intervals: tuple[TimeIntervalConfig, ...] = ()
    """Times that routes name."""
    maintenance: tuple[MaintenanceConfig, ...] = ()
    """Times in which nobody is told."""

    @field_validator("receivers", "time_intervals", "maintenance", mode="wrap")
    @classmethod
    def _have_names(
        cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        sections = validate(value)
        if faults := list(repeated_names(sections, "one")):
            raise ValidationError.from_exception_data(str(info.field_name), faults, hide_input=True)
        return sections

    @field_validator("route")
    @classmethod
    def _leads_to_receivers(cls, value: RouteConfig, info: ValidationInfo) -> RouteConfig:
        receivers = {receiver.name for receiver in info.data.get("receivers", ())}
        if not value.is_empty or value.continue_:
            raise ValueError("is the root, which takes all; write what it selects under `routes`")
        if receivers and value.receiver is None:
            raise ValueError("has no `receiver`; the root needs one")
        named = (
            (route.receiver, *(escalation.receiver for escalation in route.escalate))
            for route in value.all()
        )
        for name in filter(None, chain.from_iterable(named)):
            if name not in receivers:
                there = ", ".join(sorted(receivers)) or "none yet"
                raise ValueError(f"leads to {name}, which is no receiver; there are: {there}")
        return value

    @model_validator(mode="after")
    def _names_times_that_there_are(self) -> Self:
        there = {interval.name for interval in self.time_intervals}
        for route in self.route.all():
            for name in (*route.mute_time_intervals, *route.active_time_intervals):
                if name not in there:
                    known = ", ".join(sorted(there)) or "none yet"
                    raise ValueError(
                        f"a route names {name}, which is not among the `time_intervals`; "
                        f"there are: {known}"
                    )
        return self

    def receiver(self, name: str) -> ReceiverConfig:
        """Raises `KeyError` where none has that name."""
        for receiver in self.receivers:
            if receiver.name == name:
                return receiver
        raise KeyError(name)

    def within(self, folder: Path) -> Self:
        """The same with every relative path taken from `folder`."""
        receivers = tuple(receiver.within(folder) for receiver in self.receivers)
        return self.model_copy(update={"receivers": receivers})
