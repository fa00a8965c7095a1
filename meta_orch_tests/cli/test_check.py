"""`meta-orch check`: what a person and a program read, and the exit status."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from meta_orch.domain.circuits import Circuit
from meta_orch.orchestrators.base import LoginRefused, Unreachable
from meta_orch.store import CollectorStatus, Store
from meta_orch.testing.builders import NOON
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.cli.conftest import Run

Servers = dict[str, FakeOrchestrator]


def test_a_healthy_file_says_so_and_ends_with_status_0(
    run: Run, servers: Servers, snapshot: SnapshotAssertion
) -> None:
    servers["east"].add_pipeline("orders", source="def orders(): ...")

    result = run("check")

    assert result.exit_code == 0
    assert result.stdout == snapshot


def test_what_does_not_work_says_what_to_change_and_the_status_is_1(
    run: Run, servers: Servers, snapshot: SnapshotAssertion
) -> None:
    servers["east"].fail_with(Unreachable("east", "nothing listens there: is the server up?"))
    servers["west"].fail_with(LoginRefused("west", "the password is wrong"))

    result = run("check")

    assert result.exit_code == 1
    assert result.stdout == snapshot


def test_it_says_how_collecting_goes_and_when_it_is_tried_again(
    run: Run, servers: Servers, snapshot: SnapshotAssertion
) -> None:
    circuit = Circuit(4, NOON + timedelta(minutes=2))
    with Store(".meta_orch/store.duckdb").write() as writer:
        writer.save_collector(CollectorStatus("east", NOON, NOON, True, None, "1.0", NOON))
        writer.save_collector(
            CollectorStatus("west", NOON, None, False, "west: away", None, None, circuit)
        )

    result = run("check")

    assert result.exit_code == 0
    assert result.stdout == snapshot
    _, west = json.loads(run("check", "--json").stdout)
    assert west["collector"] == {
        "attempted_at": "2026-01-05T12:00:00+00:00",
        "error": "west: away",
        "failures": 4,
        "retry_at": "2026-01-05T12:02:00+00:00",
    }


def test_only_the_named_instance_is_asked(run: Run, servers: Servers) -> None:
    servers["east"].fail_with(Unreachable("east", "away"))

    assert run("check", "west").exit_code == 0
    assert servers["east"].calls == []


def test_programs_get_json_and_nothing_else(run: Run, servers: Servers) -> None:
    servers["west"].fail_with(LoginRefused("west", "the password is wrong"))

    result = run("check", "--json")

    east, west = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (east["instance"], east["works"]) == ("east", True)
    assert west["works"] is False
    assert west["capabilities"][1] == {
        "name": "log in",
        "verdict": "fails",
        "needed": True,
        "detail": "the password is wrong",
    }


def test_an_edge_that_names_no_instance_is_noted_and_no_fault(run: Run, servers: Servers) -> None:
    with Path("meta_orch.yaml").open("a") as file:
        file.write("edges: [{upstream: eats/orders, downstream: west/serve}]\n")

    result = run("check")

    assert result.exit_code == 0
    assert "edges[0].upstream: no instance begins eats/orders" in " ".join(result.stdout.split())
    assert "west/serve" not in result.stdout


def test_an_unknown_instance_is_named_with_the_nearest_known(run: Run, servers: Servers) -> None:
    result = run("check", "wets")
    assert result.exit_code == 2
    assert "no instance is named 'wets'; did you mean west?" in result.stderr


def test_a_file_without_instances_says_what_to_add(run: Run) -> None:
    Path("meta_orch.yaml").write_text("version: 1\n")
    result = run("check")
    assert result.exit_code == 1
    assert "names no instances: add one under `instances`" in result.stderr


@pytest.mark.parametrize("command", ["check", "sync", "sql"])
def test_a_fault_in_the_file_is_told_without_a_traceback(run: Run, command: str) -> None:
    Path("meta_orch.yaml").write_text("instances:\n  - {name: a, typ: airflow}\n")
    result = run(command)
    assert result.exit_code == 1
    assert "meta_orch.yaml:2: instances[0].typ: there is no such key; did you mean `type`?" in (
        result.stderr
    )
