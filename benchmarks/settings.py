"""How large a run is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]
"""Is told, in a few words, what is being done now."""


@dataclass(frozen=True)
class Settings:
    """Sizes and repetitions of one run of the benchmarks."""

    folder: Path
    """For everything that is made on the way; there already, and removed afterwards."""
    catalogues: tuple[int, ...] = (100, 1_000, 10_000)
    """Numbers of pipelines in stores."""
    server_pipelines: tuple[int, ...] = (10, 1_000, 10_000)
    """Numbers of pipelines in a real Airflow and a real Prefect."""
    dagster_pipelines: tuple[int, ...] = (10, 300)
    """The same in a real Dagster, where each is code; rising."""
    past_pipelines: int = 100
    past_runs: tuple[int, ...] = (20_000, 120_000)
    """Numbers of runs that real servers have behind them, rising."""
    past_loads: tuple[int, ...] = (3, 1)
    """How often each number of them is read, into an empty store each time."""
    past_connections: tuple[int, ...] = (1, 2, 4, 8)
    """Numbers of connections that bare clients try once, to read over the best."""
    mirrored: tuple[tuple[int, int], ...] = ((1_000, 100), (10_000, 100))
    """Numbers of pipelines, and of runs that each has behind it, that Dagster is to show."""
    newcomers: int = 20
    """Runs that end while it does."""
    intervals: tuple[int, ...] = (1_000_000, 10_000_000)
    """Numbers of runs in a month that is analysed."""
    traced_runs: int = 100_000
    """Runs whose critical paths are worked out."""
    peer: tuple[tuple[int, int], ...] = ((100, 1_000), (1_000, 1_000))
    """Numbers of pipelines and of runs that meta_orch and its peer bring into Dagster."""
    loads: int = 5
    """Of the definitions, each in a fresh interpreter."""
    reloads: int = 3
    """Of a code location."""
    queries: int = 5
    ticks: int = 10
    """Quiet ones, per instance and size."""
    ends: int = 10
    """Runs whose way into Dagster is timed, per orchestrator."""
    spell: float = 60
    """Seconds of rest whose CPU seconds are counted."""

    @classmethod
    def quick(cls, folder: Path) -> Settings:
        """Small enough to tell in a few minutes whether the benchmarks work. The figures say little
        then."""
        return cls(
            folder,
            catalogues=(50,),
            server_pipelines=(3,),
            dagster_pipelines=(3,),
            past_pipelines=10,
            past_runs=(250,),
            past_loads=(1,),
            past_connections=(2,),
            mirrored=((60, 5),),
            newcomers=2,
            intervals=(5_000,),
            traced_runs=500,
            peer=((10, 20),),
            loads=1,
            reloads=1,
            queries=2,
            ticks=2,
            ends=1,
            spell=5,
        )
