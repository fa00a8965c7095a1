"""Which routes an incident takes down the tree, as Alertmanager has them go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from meta_orch.config.alerts import EscalationConfig, RouteConfig
from meta_orch.domain.matchers import Labels

_BY_INCIDENT = ("incident",)
_GROUP_WAIT = timedelta(seconds=30)
_GROUP_INTERVAL = timedelta(minutes=5)
_REPEAT_INTERVAL = timedelta(hours=4)
"""Alertmanager's."""


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree, with what it has from those above it."""

    place: str
    """Where it is: `0` is the root, `0.2` the third below it."""
    config: RouteConfig
    receiver: str | None
    group_by: tuple[str, ...]
    group_wait: timedelta
    group_interval: timedelta
    repeat_interval: timedelta
    escalate: tuple[EscalationConfig, ...]
    routes: tuple[Route, ...]

    def group_labels(self, labels: Labels) -> Mapping[str, str]:
        """Those that the incidents of a group have in common."""
        return {name: labels[name] for name in self.group_by if name in labels}

    def all(self) -> Iterator[Route]:
        """It and all below it."""
        yield self
        for route in self.routes:
            yield from route.all()


def build_routes(config: RouteConfig) -> Route:
    """The tree, with all that is inherited in its place."""
    return _build(config, None, "0")


def _build(config: RouteConfig, above: Route | None, place: str) -> Route:
    # Times at which nobody is told are a route's own, as with Alertmanager.
    route = Route(
        place,
        config,
        config.receiver or (above.receiver if above else None),
        _group_by(config, above),
        config.group_wait or (above.group_wait if above else _GROUP_WAIT),
        config.group_interval or (above.group_interval if above else _GROUP_INTERVAL),
        config.repeat_interval or (above.repeat_interval if above else _REPEAT_INTERVAL),
        config.escalate or (above.escalate if above else ()),
        (),
    )
    below = (_build(each, route, f"{place}.{number}") for number, each in enumerate(config.routes))
    return replace(route, routes=tuple(below))


def _group_by(config: RouteConfig, above: Route | None) -> tuple[str, ...]:
    """To Alertmanager an empty list is none, save at the root, where all are told together."""
    if above is None:
        return _BY_INCIDENT if config.group_by is None else config.group_by
    return config.group_by or above.group_by


def matching(route: Route, labels: Labels) -> tuple[Route, ...]:
    """The routes that tell of what has these labels: of those below the first that selects it, and
    the next ones as long as they say `continue`; the route itself where none does."""
    if not route.config.selects(labels):
        return ()
    found: list[Route] = []
    for below in route.routes:
        taken = matching(below, labels)
        found += taken
        if taken and not below.config.continue_:
            break
    return tuple(found) or (route,)
