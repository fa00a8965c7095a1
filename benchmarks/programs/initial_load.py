"""Reads an instance into an empty store, in a fresh interpreter, and prints what that took as JSON.

    python -m benchmarks.programs.initial_load CONFIGURATION

The catalogue is read first, and not measured: given are CPU and wall seconds from then on, the
peak of the process's memory, and how much was read.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measuring import Cost
from meta_orch.config import InstanceConfig, load_config
from meta_orch.orchestrators import connect
from meta_orch.orchestrators.base import Orchestrator
from meta_orch.store import Store
from meta_orch.sync import Collection, collect

_LONGEST = timedelta(hours=1)


def main(configuration: str) -> None:
    config = load_config(Path(configuration))
    (instance,) = config.instances
    store = Store(config.store.path)
    with connect(instance) as orchestrator:
        _collect(orchestrator, instance, store, timedelta(0))
        gc.freeze()  # as a code location does that has loaded
        begin = Cost.so_far()
        collection = _collect(orchestrator, instance, store, _LONGEST)
        took = Cost.so_far() - begin
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # before counting
    with store.read() as reader:
        ((runs,),) = reader.answer("SELECT count(*) FROM runs").rows
        ((task_runs,),) = reader.answer(
            "SELECT count(DISTINCT (pipeline, run_id, task_run_id)) FROM task_runs"
        ).rows
    print(  # noqa: T201  # its answer
        json.dumps(
            {
                "cpu": took.cpu,
                "wall": took.wall,
                "megabytes": megabytes,
                "runs": runs,
                "task_runs": task_runs,
                "caught_up": collection.caught_up,
            }
        )
    )


def _collect(
    orchestrator: Orchestrator, instance: InstanceConfig, store: Store, limit: timedelta
) -> Collection:
    now = datetime.now(UTC)
    return collect(
        orchestrator,
        store,
        clock=lambda: datetime.now(UTC),
        deadline=now + limit,
        lookback=instance.lookback,
        catalogue_every=_LONGEST,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
