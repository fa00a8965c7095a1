"""The yardstick for definitions: the fewest words in which Dagster can be told of as many assets,
jobs and checks, without descriptions, tags, metadata or edges.

As a code location (`benchmarks.programs.bare`) it takes the number from `BENCHMARK_PIPELINES`.
"""

from __future__ import annotations

import os

from dagster import (
    AssetChecksDefinition,
    AssetCheckSpec,
    AssetKey,
    AssetSpec,
    Definitions,
    GraphDefinition,
    JobDefinition,
    multi_asset_check,
    op,
)

PIPELINES = "BENCHMARK_PIPELINES"
_TOGETHER = 500


def bare_specs(pipelines: int) -> list[AssetSpec]:
    return [AssetSpec(key) for key in _keys(pipelines)]


def bare_jobs(pipelines: int) -> list[JobDefinition]:
    @op
    def nothing(): ...

    return [
        GraphDefinition(name=f"job_{number}", node_defs=[nothing]).to_job()
        for number in range(pipelines)
    ]


def bare_checks(pipelines: int) -> list[AssetChecksDefinition]:
    """Two for each asset."""
    keys = _keys(pipelines)
    return [
        _checks(start, keys[start : start + _TOGETHER]) for start in range(0, len(keys), _TOGETHER)
    ]


def bare_definitions(pipelines: int) -> Definitions:
    return Definitions(
        assets=bare_specs(pipelines),
        jobs=bare_jobs(pipelines),
        asset_checks=bare_checks(pipelines),
    )


def _keys(pipelines: int) -> list[AssetKey]:
    return [AssetKey(["bare", f"pipeline_{number:05}"]) for number in range(pipelines)]


def _checks(start: int, keys: list[AssetKey]) -> AssetChecksDefinition:
    specs = [AssetCheckSpec(name, asset=key) for key in keys for name in ("first", "second")]

    @multi_asset_check(name=f"checks_{start}", specs=specs, can_subset=True)
    def nothing(): ...

    return nothing


defs = bare_definitions(int(os.environ.get(PIPELINES, "0")))
