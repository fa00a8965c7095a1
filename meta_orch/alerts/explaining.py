"""Which routes something takes, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meta_orch.alerts.routing import Route, matching
from meta_orch.config.selecting import Selection
from meta_orch.domain.matchers import Labels


@dataclass(frozen=True, slots=True)
class Step:
    """A route that was looked at."""

    route: Route
    depth: int
    """0 for the root."""
    is_selected: bool
    tells: bool
    """Whether it is one of those that tell of it."""
    why: str


def explain(tree: Route, labels: Labels) -> tuple[Step, ...]:
    """Every route that is looked at, in the order in which it is."""
    telling = {route.place for route in matching(tree, labels)}
    return tuple(_walk(tree, labels, telling, 0))


def _walk(route: Route, labels: Labels, telling: set[str], depth: int) -> Iterator[Step]:
    unmet = next(_unmet(route.config, labels), None)
    if unmet is not None:
        yield Step(route, depth, is_selected=False, tells=False, why=unmet)
        return
    tells = route.place in telling
    if depth == 0:
        why = "the root takes what no route below it does" if tells else "the root"
    else:
        why = _met(route.config)
    yield Step(route, depth, is_selected=True, tells=tells, why=why)
    for below in route.routes:
        yield from _walk(below, labels, telling, depth + 1)
        if below.config.selects(labels) and not below.config.continue_:
            break


def _met(selection: Selection) -> str:
    parts = [str(matcher) for matcher in selection.matchers]
    if selection.pipelines:
        parts.append(f"pipelines: {selection.pipelines}")
    if selection.tags:
        parts.append(f"tags: {', '.join(selection.tags)}")
    return ", ".join(parts) or "it selects everything"


def _unmet(selection: Selection, labels: Labels) -> Iterator[str]:
    for matcher in selection.matchers:
        if not matcher.matches(labels):
            value = labels.get(matcher.label)
            there = f'is "{value}"' if value else "is not there"
            yield f"{matcher}, and {matcher.label} {there}"
    if not Selection(pipelines=selection.pipelines).selects(labels):
        yield f"pipelines: {selection.pipelines}, and it is {labels.get('pipeline') or 'none'}"
    if not Selection(tags=selection.tags).selects(labels):
        has = labels.get("tags", "").strip(",") or "none"
        yield f"tags: {', '.join(selection.tags)}, and it has {has}"
