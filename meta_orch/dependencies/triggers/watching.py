"""What happened upstream of the triggers of a configuration, from the store and from Dagster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from meta_orch.config.models import MetaOrchConfig, TriggerConfig
from meta_orch.dependencies.triggers.firing import Planned, plan_firings
from meta_orch.domain.edges import AssetPath, parse_path
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import last_tick
from meta_orch.domain.triggers import Firing, Occurrence
from meta_orch.store import Store, StoreReader

LOOKBACK: Final = timedelta(days=7)
"""What happened longer ago, and was learnt of now, starts nothing any more."""
_STATES = {
    "success": frozenset({RunState.SUCCEEDED}),
    "failure": frozenset({RunState.FAILED, RunState.UPSTREAM_FAILED}),
}


class AssetWatch(Protocol):
    """What happened to Dagster assets that are no pipelines, and to checks of any asset."""

    def __call__(
        self, asset: AssetPath, trigger: TriggerConfig, since: datetime
    ) -> Sequence[Occurrence]: ...


def evaluate_triggers(
    store: Store, config: MetaOrchConfig, now: datetime, assets: AssetWatch
) -> tuple[Firing, ...]:
    """Put every firing that is due on record; one that is already is not due again.

    Returns:
        What is new.
    """
    names = {trigger.name for trigger in config.triggers}
    with store.read() as reader:
        since = reader.triggers.since()
        wanted = {parse_path(text) for t in config.triggers for text in _upstreams(t)}
        pipelines = {p.key.path: p for p in reader.pipelines() if p.key.path in wanted}
        planned = [
            plan
            for trigger in config.triggers
            if trigger.name in since
            for plan in plan_firings(
                trigger,
                _happened(
                    trigger,
                    reader,
                    pipelines,
                    assets,
                    max(since[trigger.name], now - LOOKBACK),
                    now=now,
                ),
                now,
                is_dry_run=config.acting == "dry-run",
            )
        ]
    new = names - since.keys()
    if planned or new:
        _save(store, planned, new, now)
    return tuple(plan.firing for plan in planned)


def _save(store: Store, planned: Iterable[Planned], new: Iterable[str], now: datetime) -> None:
    with store.write() as writer:
        for name in new:
            writer.triggers.note(name, now)
        for plan in planned:
            writer.triggers.save(plan.firing, plan.occurrences)


def _happened(
    trigger: TriggerConfig,
    reader: StoreReader,
    pipelines: Mapping[AssetPath, Pipeline],
    assets: AssetWatch,
    since: datetime,
    *,
    now: datetime,
) -> Mapping[AssetPath, Sequence[Occurrence]]:
    """What the trigger has taken no note of, by upstream."""
    paths = [parse_path(text) for text in _upstreams(trigger)]
    own = [pipelines[path] for path in paths if path in pipelines and trigger.check is None]
    others = [path for path in paths if path not in pipelines or trigger.check is not None]
    taken = reader.triggers.taken(trigger.name, since)
    found: dict[AssetPath, list[Occurrence]] = {path: [] for path in paths}
    if trigger.state == "late":
        for occurrence in _late(trigger, reader, own, since, now):
            found[occurrence.upstream].append(occurrence)
    else:
        states = _STATES[trigger.state]
        for run in reader.triggers.untaken_runs(trigger.name, [p.key for p in own], states, since):
            path = run.key.pipeline.path
            found[path].append(Occurrence(path, run.key.run_id, run.ended_at or now, run))
        for path in others:
            found[path] += assets(path, trigger, since)
    return {
        path: [o for o in occurrences if (path, o.id) not in taken]
        for path, occurrences in found.items()
    }


def _late(
    trigger: TriggerConfig,
    reader: StoreReader,
    pipelines: Sequence[Pipeline],
    since: datetime,
    now: datetime,
) -> Iterable[Occurrence]:
    """Of each pipeline the last tick that is so long ago, where no run for it has succeeded."""
    ticks = {p: last_tick(p.schedules, now - trigger.late_after) for p in pipelines}
    due = {p: tick for p, tick in ticks.items() if tick is not None and tick > since}
    facts = reader.gate_facts({pipeline.key: tick for pipeline, tick in due.items()})
    for pipeline, tick in due.items():
        runs = facts[pipeline.key].runs if pipeline.key in facts else ()
        if not any(r.state is RunState.SUCCEEDED and r.due_at >= tick for r in runs):
            at = tick + trigger.late_after
            yield Occurrence(pipeline.key.path, f"late for {tick.isoformat()}", at)


def _upstreams(trigger: TriggerConfig) -> tuple[str, ...]:
    return trigger.when.all or trigger.when.any
