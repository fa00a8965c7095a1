"""`python -m benchmarks`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import NAMES, main


@pytest.mark.live
@pytest.mark.parametrize("name", NAMES)
def test_a_quick_run_measures_and_writes_it_down(name: str, tmp_path: Path) -> None:
    output = tmp_path / "benchmarks.md"
    result = CliRunner().invoke(
        main, ["--quick", "--only", name, "--output", str(output)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    text = output.read_text()
    assert f"<!-- benchmark: {name} -->" in text
    assert text.count("\n| ") > 3


def test_the_document_holds_every_benchmark() -> None:
    document = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text()
    for name in NAMES:
        assert f"<!-- benchmark: {name} -->" in document
