"""`meta-orch init`: by flags and by asking, and what it never does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from meta_orch.cli import init as init_module
from meta_orch.config import load_config
from meta_orch.config.models import TokenLogin
from meta_orch.config.schema import json_schema
from meta_orch_tests.cli.conftest import Run

FILE = Path("meta_orch.yaml")


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init_module, "_is_terminal", lambda: True)


def names_and_urls() -> list[tuple[str, str, str | None]]:
    return [(i.name, i.type, i.url) for i in load_config(FILE).instances]


def test_flags_name_the_orchestrators(run: Run, snapshot: SnapshotAssertion) -> None:
    result = run(
        *("init", "--airflow", "prod=https://airflow.example.com/", "--username", "meta_orch"),
        *("--airflow", "http://localhost:8080", "--prefect", "http://localhost:4200/api"),
        *("--dagster", "https://dagster.example.com"),
    )

    assert result.exit_code == 0
    assert result.stdout == snapshot
    assert names_and_urls() == [
        ("prod", "airflow", "https://airflow.example.com"),
        ("airflow", "airflow", "http://localhost:8080"),
        ("prefect", "prefect", "http://localhost:4200/api"),
        ("dagster", "dagster", "https://dagster.example.com"),
        ("dagster_2", "dagster", None),
    ]
    login = load_config(FILE).instance("prod").login
    assert isinstance(login, TokenLogin)
    assert login.username == "meta_orch"


@pytest.mark.usefixtures("at_a_terminal")
def test_without_flags_it_asks(run: Run) -> None:
    answers = [
        "prod=https://airflow.example.com",
        "not a url",  # is asked again
        "http://localhost:8080",
        "",
        "http://localhost:4200/api",
        "",
        "",
        "n",  # this Dagster
        "robot",
    ]

    result = run("init", typed="\n".join(answers) + "\n")

    assert result.exit_code == 0, result.output
    assert "is not a URL; write it as https://HOST" in result.output
    assert names_and_urls() == [
        ("prod", "airflow", "https://airflow.example.com"),
        ("airflow", "airflow", "http://localhost:8080"),
        ("prefect", "prefect", "http://localhost:4200/api"),
    ]


def test_without_flags_and_without_a_terminal_it_says_what_to_name(run: Run) -> None:
    result = run("init")
    assert result.exit_code == 2
    assert "name an orchestrator: --airflow URL" in result.stderr
    assert not FILE.exists()


def test_a_file_that_is_there_is_kept_unless_forced(run: Run) -> None:
    FILE.write_text("# mine\n")

    refused = run("init", "--prefect", "http://localhost:4200/api")
    assert refused.exit_code == 1
    assert "is there already; --force writes over it" in refused.stderr
    assert FILE.read_text() == "# mine\n"

    assert run("init", "--prefect", "http://localhost:4200/api", "--force").exit_code == 0
    assert "mine" not in FILE.read_text()


def test_the_schema_is_written_beside_and_named_for_editors(run: Run) -> None:
    run("init", "--no-this-dagster", "--prefect", "http://localhost:4200/api", "--schema")

    first_line = FILE.read_text().splitlines()[0]
    schema = Path(first_line.removeprefix("# yaml-language-server: $schema="))
    assert json.loads(schema.read_text()) == json_schema()


def test_without_the_schema_no_line_promises_one(run: Run) -> None:
    run("init", "--prefect", "http://localhost:4200/api")
    assert "$schema" not in FILE.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--airflow", "localhost:8080"], "is not a URL"),
        (["--airflow", "https://me:hunter2@example.com"], "must not hold a login"),
        (["--airflow", "air-flow=https://example.com"], "must be letters, digits and _"),
        (["--airflow", "https://example.com", "--username", "${USER}"], "takes no ${NAME}"),
        (["--prefect", "http://a", "-c", "no/such/folder.yaml"], "cannot be written: No such"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_written(
    run: Run, arguments: list[str], message: str
) -> None:
    result = run("init", *arguments)
    assert result.exit_code != 0
    assert message in " ".join(result.stderr.split())
    assert "hunter2" not in result.output
    assert not FILE.exists()


def test_two_orchestrators_of_one_name_are_refused(run: Run) -> None:
    result = run("init", "--airflow", "a=http://localhost:1", "--prefect", "a=http://localhost:2")
    assert result.exit_code == 2
    assert "a is the name of two orchestrators" in result.stderr
    assert not FILE.exists()
