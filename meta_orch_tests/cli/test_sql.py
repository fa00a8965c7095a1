"""`meta-orch sql`: formats, ways to ask, and what it will not do."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from meta_orch.cli import sql as sql_module
from meta_orch.store import Store
from meta_orch_tests.cli.conftest import Run

ROWS = """
SELECT * FROM (VALUES
  (1, 'daily_orders', TIMESTAMPTZ '2026-01-05 12:00:00.250+00', ['a', 'b'], 1.5),
  (NULL, 'has | and\nnewline', NULL, [], 'nan'::DOUBLE)
) AS example(number, name, begun, list, ratio)
"""


@pytest.fixture(autouse=True)
def store(run: Run) -> Store:
    """An empty store where `meta_orch.yaml` says."""
    Path("meta_orch.yaml").write_text("version: 1\n")
    store = Store(".meta_orch/store.duckdb")
    with store.write():
        pass
    return store


@pytest.mark.parametrize("style", ["table", "csv", "json", "markdown"])
def test_each_format_shows_the_same_rows(run: Run, style: str, snapshot: SnapshotAssertion) -> None:
    result = run("sql", ROWS, "--format", style)
    assert result.exit_code == 0
    assert result.stdout == snapshot


def test_csv_and_json_can_be_read_back(run: Run) -> None:
    first = next(csv.DictReader(io.StringIO(run("sql", ROWS, "-f", "csv").stdout)))
    assert first["begun"] == "2026-01-05T12:00:00.250000+00:00"
    assert json.loads(first["list"]) == ["a", "b"]

    number, nothing = json.loads(run("sql", ROWS, "-f", "json").stdout)
    assert number == {
        "number": 1,
        "name": "daily_orders",
        "begun": "2026-01-05T12:00:00.250000+00:00",
        "list": ["a", "b"],
        "ratio": 1.5,
    }
    assert (nothing["number"], nothing["ratio"]) == (None, None)


def test_the_query_may_come_by_standard_input(run: Run) -> None:
    assert run("sql", "-f", "csv", typed="SELECT 1 AS one;\n").stdout.splitlines() == ["one", "1"]


def test_the_views_are_listed(run: Run) -> None:
    listed = run("sql", ".tables", "-f", "json")
    names = {row["view"] for row in json.loads(listed.stdout)}
    assert names >= {"pipelines", "runs", "task_runs", "schedules", "edges"}


def test_the_columns_of_a_view_are_shown(run: Run) -> None:
    shown = run("sql", ".schema runs", "-f", "csv").stdout
    assert "instance,VARCHAR" in shown


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE t (i INT)", "DELETE FROM run_record", "DROP VIEW runs"]
)
def test_nothing_can_be_written(run: Run, statement: str) -> None:
    result = run("sql", statement)
    assert result.exit_code == 1
    assert "read-only" in result.stderr


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM rnus", 'Did you mean "runs"'),
        ("", "there is no query in it"),
        ("/* only a comment */", "there is no query in it"),
        (".tabels", ".tables          the views"),
        (".schema nothing", "nothing does not exist"),
    ],
)
def test_a_query_that_is_wrong_says_why(run: Run, query: str, message: str) -> None:
    result = run("sql", query)
    assert result.exit_code == 1
    assert message in result.stderr


def test_without_a_store_it_says_how_to_make_one(run: Run) -> None:
    Path("meta_orch.yaml").write_text("store: {path: elsewhere.duckdb}\n")
    result = run("sql", "SELECT 1")
    assert result.exit_code == 1
    assert "`meta-orch sync` makes it" in result.stderr
    assert not Path("elsewhere.duckdb").exists()


def test_a_person_is_prompted_until_they_leave(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_module, "_is_terminal", lambda: True)
    typed = (
        "SELECT\n  40 + 2 AS answer;\nSELECT oops;\n.help\nSELECT 7 AS later;\n.quit\nSELECT 8;\n"
    )

    result = run("sql", typed=typed)

    assert result.exit_code == 0
    assert "42" in result.stdout
    assert 'column "oops" was not found' in result.stderr
    assert ".tables          the views" in result.stdout
    assert "later" in result.stdout
    assert "8" not in result.stdout.partition("later")[2]


def test_the_store_is_free_for_others_between_questions(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lines(_: str) -> str:
        with store.write() as writer:
            writer.save_pools("east", [], datetime.now(UTC))
        return next(typed)

    typed = iter(["SELECT 1;", ".quit"])
    monkeypatch.setattr(sql_module, "_is_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lines)

    assert run("sql").exit_code == 0
