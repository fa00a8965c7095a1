"""What loading the code location costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.company import found
from benchmarks.measuring import Sample, ratio
from benchmarks.reporting import Table
from benchmarks.settings import Say, Settings

NAME = "load"
TITLE = "Loading the code location"
METHOD = """
    The definitions of a made-up company's pipelines are built from a store and validated
    (`Definitions.validate_loadable`), each time in a fresh interpreter. Each pipeline has six
    tasks, a schedule, an owner and edges to others; with its asset come a job and two checks.

    The yardstick is bare Dagster told of as many assets, or as many assets, jobs and checks, in the
    fewest words: no descriptions, tags, metadata or edges, and nothing read from anywhere. What
    Dagster's own import takes stands in the first row and is not in the others, only their
    memory holds it.
"""

ROOT = Path(__file__).parent.parent
_YARDSTICK = {"specs": "bare_specs", "whole": "bare"}
_WORDS = {
    "bare_specs": "bare assets",
    "specs": "meta_orch, assets alone",
    "bare": "bare assets, jobs and checks",
    "whole": "meta_orch, everything",
}


def run(settings: Settings, say: Say) -> Sequence[Table]:
    rows: list[tuple[object, ...]] = []
    imports: list[Mapping[str, float]] = []
    for pipelines in settings.catalogues:
        configuration = found(settings.folder / f"company_{pipelines}", pipelines)
        samples: dict[str, dict[str, Sample]] = {}
        for what, words in _WORDS.items():
            say(f"loading {words} of {pipelines:,} pipelines")
            answers = [_load(what, pipelines, configuration) for _ in range(settings.loads)]
            imports += answers
            samples[what] = {name: Sample.of(a[name] for a in answers) for name in answers[0]}
        rows += (_row(pipelines, what, samples) for what in _WORDS)
    own = {name: Sample.of(answer[name] for answer in imports) for name in imports[0]}
    first = ("0", "`import dagster`", own["import_cpu"], "", own["import_wall"], "")
    columns = ("pipelines", "what", "CPU s", "to bare", "wall s", "MB")
    return [Table("Seconds to build and validate definitions", columns, [first, *rows])]


def _row(
    pipelines: int, what: str, samples: Mapping[str, Mapping[str, Sample]]
) -> tuple[object, ...]:
    found, yardstick = samples[what], _YARDSTICK.get(what)
    return (
        f"{pipelines:,}",
        _WORDS[what],
        found["cpu"],
        ratio(found["cpu"], samples[yardstick]["cpu"]) if yardstick else "",
        found["wall"],
        f"{found['megabytes'].median:.0f}",
    )


def _load(what: str, pipelines: int, configuration: Path) -> Mapping[str, float]:
    command = [sys.executable, "-m", "benchmarks.programs.load", what, str(pipelines)]
    done = subprocess.run(  # noqa: S603  # this package's own program
        [*command, str(configuration)],
        cwd=configuration.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)
