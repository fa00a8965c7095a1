"""Tables for people: as wide as they may be."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from meta_orch.cli.tables import print_table
from meta_orch.store import Store
from meta_orch_tests.cli.conftest import Run

COLUMNS = [f"column_{number}" for number in range(12)]
ROW = ["a value of some length", None, *range(10)]


def test_a_row_of_many_columns_is_a_block_in_a_terminal(snapshot: SnapshotAssertion) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=80)
    print_table(console, COLUMNS, [ROW, ROW])
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == snapshot


def test_a_table_that_goes_to_a_file_is_not_cut(run: Run) -> None:
    Path("meta_orch.yaml").write_text("store: {path: store.duckdb}\n")
    with Store("store.duckdb").write():
        pass
    result = run("sql", f"SELECT '{'x' * 200}' AS long, 'end' AS last")
    assert f"{'x' * 200} │ end" in result.stdout
