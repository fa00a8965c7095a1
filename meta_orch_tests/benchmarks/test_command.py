"""`python -m benchmarks`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES

ROOT = Path(__file__).parents[2]
QUICK = [name for name in NAMES if name not in {"latency", "mirroring", "peer", "tick"}]
"""The others take two minutes even so: they start all servers, and wait for a daemon's ticks, as
live tests do."""


@pytest.mark.live
@pytest.mark.parametrize("name", QUICK)
def test_a_quick_run_measures_and_writes_it_down(name: str, tmp_path: Path) -> None:
    output = tmp_path / "benchmarks.md"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", name, "--output", output]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text = output.read_text()
    assert f"<!-- benchmark: {name} -->" in text
    assert text.count("\n| ") > 3
