"""Loads definitions once, in a fresh interpreter, and prints what that took as JSON.

    python -m benchmarks.programs.load WHAT PIPELINES CONFIGURATION

`WHAT` is one of `LOADS`. Given are the CPU and wall seconds of Dagster's own import, those of all
that came after it, and the peak of the process's memory.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Cost, memory_of

if TYPE_CHECKING:
    from dagster import Definitions


def main(what: str, pipelines: str, configuration: str) -> None:
    begin = Cost.so_far()
    from dagster import Definitions

    imported = Cost.so_far()
    definitions = LOADS[what](int(pipelines), Path(configuration))
    Definitions.validate_loadable(definitions)
    loaded = Cost.so_far()
    own_import, beyond = imported - begin, loaded - imported
    print(  # noqa: T201  # its answer
        json.dumps(
            {
                "import_cpu": own_import.cpu,
                "import_wall": own_import.wall,
                "cpu": beyond.cpu,
                "wall": beyond.wall,
                "megabytes": memory_of([os.getpid()]),
            }
        )
    )


def _nothing(pipelines: int, configuration: Path) -> Definitions:
    from dagster import Definitions

    return Definitions()


def _bare_specs(pipelines: int, configuration: Path) -> Definitions:
    from dagster import Definitions

    from benchmarks.programs.bare import bare_specs

    return Definitions(assets=bare_specs(pipelines))


def _bare(pipelines: int, configuration: Path) -> Definitions:
    from benchmarks.programs.bare import bare_definitions

    return bare_definitions(pipelines)


def _specs(pipelines: int, configuration: Path) -> Definitions:
    from dagster import Definitions

    from meta_orch.config import load_config
    from meta_orch.defs.assets import pipeline_specs
    from meta_orch.dependencies.reading import edges_in_effect
    from meta_orch.store import Store

    config = load_config(configuration)
    with Store(config.store.path).read() as reader:
        known = reader.pipelines()
        edges = edges_in_effect(reader, config, known)
    instances = {instance.name: instance for instance in config.instances}
    return Definitions(assets=pipeline_specs(known, instances, edges))


def _whole(pipelines: int, configuration: Path) -> Definitions:
    from meta_orch.config import load_config
    from meta_orch.defs import build_definitions

    return build_definitions(load_config(configuration))


LOADS: Mapping[str, Callable[[int, Path], Definitions]] = {
    "nothing": _nothing,
    "bare_specs": _bare_specs,
    "bare": _bare,
    "specs": _specs,
    "whole": _whole,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
