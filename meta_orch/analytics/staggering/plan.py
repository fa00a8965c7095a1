"""A plan for one resource: which schedules to move, what that brings, and how near to the best it
is."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from meta_orch.analytics.durations import ZERO
from meta_orch.analytics.predictions.histories import History
from meta_orch.analytics.resources.coming import LATE, coming_spans, usual_duration
from meta_orch.analytics.staggering import solver
from meta_orch.analytics.staggering.cron import later, most_later
from meta_orch.analytics.staggering.problem import SLOT_MINUTES, Block, Job, Problem, Score
from meta_orch.analytics.staggering.replay import Deadline, Replayed, replay
from meta_orch.analytics.staggering.search import as_is, search
from meta_orch.config.slas import SlaConfig
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.ticks import cron, has_ticks, next_tick, rules, ticks
from meta_orch.domain.time import Window
from meta_orch.store.measuring import Demand, PoolUse, SharedSpan

_SLOT = timedelta(minutes=SLOT_MINUTES)
_AHEAD = timedelta(days=7)
"""A week has every weekday; it is taken to come again."""
_HAIR = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Move:
    pipeline: PipelineKey
    minutes: int
    """By how many it begins later."""
    slack_minutes: int
    """By how many it might."""
    cron: str
    """That it has."""
    new_cron: str
    timezone: str


@dataclass(frozen=True, slots=True)
class StaggeringPlan:
    resource: str
    capacity: float
    moves: tuple[Move, ...]
    """The pipelines whose schedule changes, sorted."""
    movable: int
    """Pipelines that might be moved."""
    fixed: int
    """Those that use the resource, too, and stay where they are."""
    before: Score
    """Of the week ahead: excess in units times slots of five minutes."""
    after: Score
    bound: float
    """No choice has a lower peak than this."""
    method: str
    """What found it."""
    history_before: Replayed
    """Of the time that was recorded, first come, first served."""
    history_after: Replayed

    @property
    def gap(self) -> float:
        """How far the peak is from the bound, as a share of that; 0 is the best there is."""
        return self.after.peak / self.bound - 1 if self.bound else 0.0


@dataclass(frozen=True)
class Staggerer:
    """What plans are made from.

    Args:
        graph: whose downstream ones must not be overtaken.
        histories: of the pipelines that use resources.
        recorded: what used them; by when it was queued.
        of_pools: what runs usually take of them through pools.
    """

    graph: GateMap
    demand: Demand
    histories: Mapping[PipelineKey, History]
    slas: Sequence[SlaConfig]
    recorded: Sequence[SharedSpan]
    of_pools: Sequence[PoolUse] = ()

    def plan(
        self, resource: str, now: datetime, most: timedelta, solve_seconds: float = 0
    ) -> StaggeringPlan:
        """Start minutes for what has one cron schedule, later by `most` at most, and by no more
        than keeps its deadlines and what comes after it.

        Args:
            solve_seconds: for how long OR-Tools looks for better ones, where it is installed.

        Raises `KeyError` where the configuration has no resource of that name.
        """
        capacity = dict(self.demand.capacities)[resource]
        begin = (
            (now + timedelta(hours=1)).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        )
        window = Window(begin - _HAIR, begin + _AHEAD - _HAIR)
        pipelines = {p.key: p for p in self.graph.catalogue.values()}
        spans: defaultdict[PipelineKey, list[SharedSpan]] = defaultdict(list)
        for span in coming_spans(
            pipelines.values(), self.histories, self.demand, window, self.of_pools
        ):
            if span.resource == resource:
                spans[span.pipeline].append(span)
        slacks = {key: self._slack(pipelines[key], window, most) for key in spans}
        problem = Problem(
            capacity,
            _AHEAD // _SLOT,
            [_job(key, spans[key], slacks[key], begin) for key in sorted(spans)],
        )
        choice, bound = search(problem), problem.bound
        if solve_seconds and problem.jobs and solver.is_installed():
            choice, bound = solver.solve(problem, choice, solve_seconds)
        shifts = {PipelineKey.parse(id_): by * _SLOT for id_, by in choice.shifts.items() if by}
        recorded = [span for span in self.recorded if span.resource == resource]
        deadline = _deadlines(pipelines, self.slas)
        return StaggeringPlan(
            resource,
            capacity,
            tuple(_move(pipelines[key], by, slacks[key]) for key, by in sorted(shifts.items())),
            movable=sum(slack >= _SLOT for slack in slacks.values()),
            fixed=sum(slack < _SLOT for slack in slacks.values()),
            before=as_is(problem).score,
            after=choice.score,
            bound=bound,
            method=choice.method,
            history_before=replay(recorded, capacity, {}, deadline),
            history_after=replay(recorded, capacity, shifts, deadline),
        )

    def _slack(self, pipeline: Pipeline, window: Window, most: timedelta) -> timedelta:
        """By how much it may begin later at each of its ticks, and nobody notices."""
        schedule = movable_schedule(pipeline)
        late = usual_duration(self.histories[pipeline.key], LATE)
        if schedule is None or late is None:
            return ZERO
        slack = timedelta(
            minutes=most_later(schedule.expression or "", most // timedelta(minutes=1))
        )
        followers = [
            self.graph.rules[edge.downstream]
            for edge in self.graph.lineage.out_of(pipeline.key.path)
            if has_ticks(self.graph.rules.get(edge.downstream, ()))
        ]
        own = [sla for sla in self.slas if sla.finish_by and sla.is_of(pipeline.key, pipeline.tags)]
        promised = [[cron(sla.finish_by or "", sla.timezone)] for sla in own]
        for tick in ticks(rules(pipeline.schedules), window):
            for rule in (*followers, *promised):
                following = next_tick(rule, tick)
                if following is not None:
                    slack = min(slack, following - tick - late)
        return max(ZERO, slack)


def movable_schedule(pipeline: Pipeline) -> Schedule | None:
    """The one cron schedule of a pipeline; None where it has others."""
    found = rules(pipeline.schedules)
    if len(pipeline.schedules) != 1 or len(found) != 1 or found[0].kind is not ScheduleKind.CRON:
        return None
    return found[0]


def _job(key: PipelineKey, spans: Sequence[SharedSpan], slack: timedelta, begin: datetime) -> Job:
    blocks = (
        Block(
            (span.queued_at - begin) // _SLOT,
            max(1, math.ceil((span.ended_at - span.started_at) / _SLOT)),
            span.units,
        )
        for span in spans
    )
    return Job(str(key), tuple(blocks), slack // _SLOT)


def _move(pipeline: Pipeline, by: timedelta, slack: timedelta) -> Move:
    schedule = movable_schedule(pipeline)
    assert schedule is not None  # noqa: S101  # what has none has no slack
    minutes = by // timedelta(minutes=1)
    expression = schedule.expression or ""
    return Move(
        pipeline.key,
        minutes,
        slack // timedelta(minutes=1),
        expression,
        later(expression, minutes) or expression,
        schedule.timezone,
    )


def _deadlines(pipelines: Mapping[PipelineKey, Pipeline], slas: Iterable[SlaConfig]) -> Deadline:
    """The next tick of the earliest SLA."""
    rules_of: dict[PipelineKey, list[Schedule]] = {
        key: [
            cron(sla.finish_by, sla.timezone)
            for sla in slas
            if sla.finish_by and not sla.chain and sla.is_of(key, pipeline.tags)
        ]
        for key, pipeline in pipelines.items()
    }
    return lambda key, at: next_tick(rules_of.get(key, []), at - _HAIR)
