"""`meta-orch` as a whole: quick, documented, and without tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from meta_orch.cli.app import COMMANDS
from meta_orch_tests.cli.conftest import Run

DOCS = Path(__file__).parents[2] / "docs/cli.md"
SLOW = {"dagster", "prefect", "airflow_client", "duckdb", "pandas", "grpc", "sqlalchemy"}


def test_every_command_has_help_that_begins_with_a_sentence(run: Run) -> None:
    for name in COMMANDS:
        result = run(name, "--help")
        assert result.exit_code == 0
        sentence = result.stdout.split("\n\n")[1].strip()
        assert sentence[0].isupper()
        assert sentence.endswith(".")


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").stdout == f"meta-orch {version('meta_orch')}\n"


def test_help_imports_nothing_that_is_slow() -> None:
    program = (
        "import sys; from meta_orch.cli import main\n"
        f"for name in {list(COMMANDS)}: main([name, '--help'], standalone_mode=False)\n"
        "print('LOADED', *sorted({module.partition('.')[0] for module in sys.modules}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.splitlines()[-1].split()[1:])
    assert loaded & SLOW == set()


def test_the_documentation_shows_every_command_and_option_as_it_is() -> None:
    written = subprocess.run(
        [sys.executable, "-m", "meta_orch.cli.reference"],  # click keeps what a test may have bent
        capture_output=True,
        text=True,
        check=True,
    )
    assert DOCS.read_text(encoding="utf-8") == written.stdout, "write it again: make docs"


def test_an_unknown_command_is_refused_with_what_there_is(run: Run) -> None:
    result = run("chekc")
    assert result.exit_code == 2
    assert "No such command 'chekc'" in result.stderr


def test_an_interrupt_ends_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("meta_orch.cli.check.load_config", interrupt)
    result = run("check")
    assert result.exit_code == 1
    assert result.stderr.strip() == "Aborted!"


def test_a_terminal_without_the_marks_gets_the_words(run: Run) -> None:
    run("init", "--no-this-dagster", "--airflow", "nowhere=http://127.0.0.1:1")
    result = subprocess.run(
        [sys.executable, "-m", "meta_orch.cli", "check"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "? log in" in result.stdout
    assert result.stderr == ""
