"""What is wrong with the edges: rules, each named for what should hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from meta_orch.config.models import EdgeConfig
from meta_orch.dependencies.edges import places
from meta_orch.dependencies.graph import find_cycles
from meta_orch.dependencies.uris import Place
from meta_orch.domain.edges import AssetPath, Edge, parse_path, path_text
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.words import describe_duration
from meta_orch.store import Race


class Rule(StrEnum):
    """Also the names of the asset checks."""

    NO_CYCLES = "edges_form_no_cycle"
    PRODUCERS_END_FIRST = "producers_end_before_consumers_start"
    ENDS_EXIST = "edges_lead_to_what_exists"
    ONE_WRITER = "data_has_one_writer"


RULES: Mapping[Rule, str] = {
    Rule.NO_CYCLES: "No pipeline depends on itself by way of others. Of a cycle, Dagster's graph "
    "lacks the edge that is trusted least.",
    Rule.PRODUCERS_END_FIRST: "A scheduled pipeline starts after those that it depends on have "
    "usually succeeded.",
    Rule.ENDS_EXIST: "What edges in meta_orch.yaml name, and what pipelines start or wait for, "
    "exists.",
    Rule.ONE_WRITER: "No two pipelines write the same data, unless one depends on the other.",
}


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    rule: Rule
    subject: str
    """The pipelines or the data that it is about."""
    message: str
    fix: str
    weight: float = 1.0
    """How bad it is beside others of its rule, from 0 to 1."""


def lint(
    pipelines: Sequence[Pipeline],
    edges: Sequence[Edge],
    declared: Sequence[EdgeConfig],
    races: Iterable[Race],
    instances: Iterable[str],
) -> tuple[Violation, ...]:
    """What is wrong, by rule, the worst first.

    Args:
        pipelines: all that exist.
        edges: those in effect.
        declared: those in `meta_orch.yaml`.
        races: of the edges between scheduled pipelines.
        instances: the names of those whose pipelines are all known.
    """
    found = [
        *_cycles(edges),
        *_lost_races(races),
        *_dead_ends(pipelines, declared, set(instances)),
        *_second_writers(pipelines, edges),
    ]
    order = list(Rule)
    return tuple(sorted(found, key=lambda v: (order.index(v.rule), -v.weight, v.subject)))


def _cycles(edges: Sequence[Edge]) -> Iterator[Violation]:
    for cycle in find_cycles(edges):
        members = [path_text(asset) for asset in cycle]
        yield Violation(
            Rule.NO_CYCLES,
            ", ".join(members),
            f"{' -> '.join([*members, members[0]])}: each waits for the one before it",
            "reject an edge that is not so (`meta-orch edges reject`), or take it out of "
            "meta_orch.yaml",
        )


def _lost_races(races: Iterable[Race]) -> Iterator[Violation]:
    for race in races:
        if not race.lost_days:
            continue
        share = race.lost_days / race.days
        late = f", up to {describe_duration(race.latest)} too early" if race.latest else ""
        yield Violation(
            Rule.PRODUCERS_END_FIRST,
            f"{race.upstream} -> {race.downstream}",
            f"{race.downstream} started before {race.upstream} had succeeded on {race.lost_days} "
            f"of {race.days} days ({share:.0%}){late}",
            f"let {race.downstream} start later, or gate it (`gates` in meta_orch.yaml)",
            share,
        )


def _dead_ends(
    pipelines: Iterable[Pipeline], declared: Iterable[EdgeConfig], instances: set[str]
) -> Iterator[Violation]:
    pipelines = tuple(pipelines)
    keys = {pipeline.key for pipeline in pipelines}
    paths = {key.path for key in keys}
    for number, edge in enumerate(declared):
        for end, text in (("upstream", edge.upstream), ("downstream", edge.downstream)):
            path = parse_path(text)
            # Of what belongs to no instance only Dagster knows whether it exists.
            if path[0] in instances and len(path) > 1 and path not in paths:
                yield Violation(
                    Rule.ENDS_EXIST,
                    text,
                    f"edges[{number}].{end} in meta_orch.yaml: {path[0]} has no pipeline "
                    f"{path_text(path[1:])}",
                    "write its present name, or take the edge out",
                )
    for pipeline in pipelines:
        for does, others in (("starts", pipeline.triggers), ("waits for", pipeline.waits_for)):
            for other in others:
                if other.instance in instances and other not in keys:
                    yield Violation(
                        Rule.ENDS_EXIST,
                        str(other),
                        f"{pipeline.key} {does} {other}, which is not there",
                        f"look whether {pipeline.key} still works",
                    )


def _second_writers(pipelines: Iterable[Pipeline], edges: Iterable[Edge]) -> Iterator[Violation]:
    writers: defaultdict[tuple[str, str], list[tuple[PipelineKey, Place]]] = defaultdict(list)
    for pipeline in pipelines:
        for place in places(pipeline.produces, pipeline.key.instance):
            writers[place.key].append((pipeline.key, place))
    steps = {edge.step for edge in edges}
    for (_, name), found in sorted(writers.items()):
        rivals = sorted(
            {
                key
                for key, place in found
                for other, elsewhere in found
                if key != other
                and place.is_same(elsewhere)
                and not _are_joined(key.path, other.path, steps)
            }
        )
        if rivals:
            names = ", ".join(map(str, rivals))
            yield Violation(
                Rule.ONE_WRITER,
                name,
                f"{name} is written by {names}",
                "let one of them write it, or declare which comes first under `edges`",
            )


def _are_joined(one: AssetPath, other: AssetPath, steps: set[tuple[AssetPath, AssetPath]]) -> bool:
    return (one, other) in steps or (other, one) in steps
