"""What deciding all gates costs a tick."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.company import found, give_past, make_pipelines
from benchmarks.measuring import Cost, Sample, measure, ratio
from benchmarks.reporting import Table
from benchmarks.settings import Say, Settings
from meta_orch.config import EdgeConfig, MetaOrchConfig, load_config
from meta_orch.config.models import GateConfig
from meta_orch.dependencies import known_edges
from meta_orch.dependencies.gates import Gatekeeper, GateMap
from meta_orch.store import Store

NAME = "gates"
TITLE = "The gates of a tick"
METHOD = """
    A made-up company's pipelines, each with three runs behind it and three edges to it, all of
    which gate. Every pipeline's gate is decided from the store, as each tick does: by what its
    upstreams did for the window of its next run. What changes only with the catalogue is made once
    before (`first`), as a process does that lives from tick to tick.

    The yardstick is the store itself: the same two questions for the runs of all pipelines, their
    answers thrown away.
"""

_NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
_EDGES_A_PIPELINE = 3
_RUNS = 3
_REACH = 200


def run(settings: Settings, say: Say) -> Sequence[Table]:
    rows = [row for size in settings.catalogues for row in _rows(size, settings, say)]
    columns = ("pipelines", "edges", "gates", "what", "CPU s", "to the store's")
    return [Table("CPU seconds to decide every gate", columns, rows)]


def _rows(pipelines: int, settings: Settings, say: Say) -> Sequence[tuple[object, ...]]:
    folder = settings.folder / f"company_{pipelines}"
    configuration = found(folder, pipelines)
    give_past(folder, _RUNS, _NOW)
    config = _gated(configuration, pipelines)
    store = Store(config.store.path)
    say(f"deciding the gates of {pipelines:,} pipelines")
    with store.read() as reader:
        known, first = measure(lambda: GateMap(reader, config))
    costs = [_tick(store, config, known, tick) for tick in range(settings.ticks)]
    ticks = Sample.of(cost.cpu for _, cost, _ in costs)
    asked = Sample.of(cost.cpu for _, _, cost in costs)
    edges = len(known_edges(make_pipelines(pipelines), config.edges))
    size = (f"{pipelines:,}", f"{edges:,}", f"{costs[0][0]:,}")
    return [
        (*size, "the store alone", asked, ""),
        (*size, "first", Sample((first.cpu,)), ""),
        (*size, "a tick", ticks, ratio(ticks, asked)),
    ]


def _tick(
    store: Store, config: MetaOrchConfig, known: GateMap, number: int
) -> tuple[int, Cost, Cost]:
    """Gates, and what deciding them and only asking the store took."""
    now = _NOW + number * timedelta(minutes=1)

    def decide() -> int:
        with store.read() as reader:
            keeper = Gatekeeper(reader, config, now, known=known)
            return len(keeper.decide_all(keeper.gated))

    def ask() -> None:
        with store.read() as reader:
            for since in (now, now - timedelta(days=1)):
                reader.gate_facts(dict.fromkeys(known.pipelines.values(), since))

    gates, deciding = measure(decide)
    _, asking = measure(ask)
    return gates, deciding, asking


def _gated(configuration: Path, count: int) -> MetaOrchConfig:
    """With as many edges declared as make three for each pipeline, and all of them gating."""
    pipelines = make_pipelines(count)
    steps = {edge.step for edge in known_edges(pipelines)}
    chance = random.Random(count)  # noqa: S311  # every run has to meet the same company
    declared = []
    while len(steps) < _EDGES_A_PIPELINE * count:
        downstream = chance.randrange(1, count)
        upstream = chance.randrange(max(0, downstream - _REACH), downstream)
        keys = pipelines[upstream].key, pipelines[downstream].key
        if (keys[0].path, keys[1].path) not in steps:
            steps.add((keys[0].path, keys[1].path))
            declared.append(EdgeConfig(upstream=str(keys[0]), downstream=str(keys[1])))
    gates = (GateConfig(downstream="*"),)
    return load_config(configuration).model_copy(update={"edges": tuple(declared), "gates": gates})
