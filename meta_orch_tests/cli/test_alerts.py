"""`meta-orch incidents`, `silence` and `alerts`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.alerts.alerting import Alerter
from meta_orch.alerts.watching import Watch
from meta_orch.config import load_config
from meta_orch.dependencies.gates import KnownGates
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.states import RunState
from meta_orch.store import CollectorStatus, Store
from meta_orch.testing.builders import make_pipeline, make_run
from meta_orch_tests.cli.conftest import Run

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
CONFIG = """
instances:
  - {name: airflow, type: airflow, url: http://localhost:1}
alerts:
  rules:
    - {conditions: [late], severity: "off"}
  receivers:
    - {name: team, type: file, path: messages.jsonl}
    - {name: on_call, type: webhook, url: http://127.0.0.1:9}
  route:
    receiver: team
    routes:
      - {matchers: ['severity="critical"'], receiver: on_call, continue: true}
      - tags: [finance]
        group_by: [team]
        routes:
          - {matchers: ['condition="late"'], receiver: on_call}
"""


@pytest.fixture
def store(run: Run) -> Store:
    """`orders` failed half an hour ago, an hour after it had succeeded."""
    Path("meta_orch.yaml").write_text(CONFIG)
    config = load_config(None)
    store = Store(config.store.path)
    orders = make_pipeline("orders", "airflow", tags=("finance", "team:data"))
    runs = [
        make_run(f"run_{n}", orders, state, queued_at=at, started_at=at, ended_at=at + HOUR / 12)
        for n, (at, state) in enumerate(
            [
                (NOW - 30 * HOUR, RunState.FAILED),
                (NOW - 29 * HOUR, RunState.SUCCEEDED),
                (NOW - HOUR / 2, RunState.FAILED),
            ]
        )
    ]
    with store.write() as writer:
        writer.save_catalogue("airflow", Catalogue((orders,), "1"), NOW - 40 * HOUR)
        writer.save_changes("airflow", Changes("1", tuple(runs)), NOW)
        writer.save_collector(CollectorStatus("airflow", NOW, NOW, True, None, "3", NOW))
    Alerter(config, store, Watch(config, KnownGates(config)), None, lambda: NOW).look()
    return store


def rows(run: Run, *arguments: str) -> list[dict[str, object]]:
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_incidents_are_listed_with_what_is_wrong(run: Run, store: Store) -> None:
    (row,) = rows(run, "incidents")
    assert row["incident"] == 1
    assert row["severity"] == "error"
    assert row["state"] == "open"
    assert str(row["what"]).startswith("airflow/orders failed: failed after 5 min")


def test_one_is_shown_with_its_timeline(run: Run, store: Store) -> None:
    result = run("incidents", "show", "1")
    assert "# Incident 1: airflow/orders failed" in result.output
    assert "| opened | airflow/orders failed |" in result.output


def test_one_is_a_page_too(run: Run, store: Store) -> None:
    page = run("incidents", "show", "1", "--html").output
    assert "<h1>Incident 1: airflow/orders failed</h1>" in page


def test_who_acknowledges_it_owns_it(run: Run, store: Store) -> None:
    assert "acknowledged, ana" in run("incidents", "ack", "1", "--by", "ana").output
    run("incidents", "note", "1", "the vendor is down", "--by", "ben")
    assert "open" not in str(rows(run, "incidents")[0]["state"])
    run("incidents", "assign", "1", "cleo", "--by", "ana")
    assert rows(run, "incidents")[0]["owner"] == "cleo"
    shown = run("incidents", "show", "1").output
    assert "| noted | the vendor is down | ben |" in shown
    assert "| assigned | to cleo | ana |" in shown


@pytest.mark.parametrize("command", [("show",), ("ack",), ("assign",), ("note",)])
def test_a_number_that_is_none_is_said(run: Run, store: Store, command: tuple[str]) -> None:
    more = ["x"] if command[0] in {"assign", "note"} else []
    result = run("incidents", *command, "7", *more)
    assert result.exit_code == 1
    assert "there is no incident 7: see `meta-orch incidents`" in result.output


def test_the_report_of_a_time_counts_and_is_written(run: Run, store: Store) -> None:
    printed = run("incidents", "report", "--until-now", "--print").output
    assert "| incidents | **1** | 0 |" in printed
    assert "| airflow | 1 |" in printed
    assert "| data | 1 |" in printed
    result = run("incidents", "report", "--until-now", "--to", "out")
    assert "airflow/orders failed" in Path(result.output.strip()).read_text()


def test_a_silence_is_added_listed_and_ended(run: Run, store: Store) -> None:
    wanted = ["pipeline=airflow/orders", 'severity!="critical"']
    added = run("silence", "add", *wanted, "--for", "2h", "--comment", "we know", "--author", "ana")
    assert added.output.startswith("silence 1 until ")
    (row,) = rows(run, "silence", "list")
    assert row["matchers"] == 'pipeline="airflow/orders", severity!="critical"'
    assert (row["author"], row["why"]) == ("ana", "we know")
    assert "silence 1 is over" in run("silence", "expire", "1").output
    assert rows(run, "silence", "list") == []
    assert len(rows(run, "silence", "list", "--all")) == 1
    assert "no silence 1 goes on" in run("silence", "expire", "1").output


@pytest.mark.parametrize(
    ("matcher", "said"),
    [
        ("nonsense", "is no matcher"),
        ('flavour="x"', "names no label"),
        ('team=~"("', "has no regular expression"),
    ],
)
def test_a_matcher_at_fault_is_said(run: Run, store: Store, matcher: str, said: str) -> None:
    result = run("silence", "add", matcher, "--for", "2h", "--comment", "x")
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_explain_says_which_routes_a_failure_takes_and_why(run: Run, store: Store) -> None:
    said = run("alerts", "explain", "--pipeline", "airflow/orders").output
    lines = [line.strip() for line in said.splitlines()]
    assert "✓ route: the root" in lines
    assert '· route.routes[0]: severity="critical", and severity is "error"' in lines
    assert "✓ route.routes[1] → team: tags: finance" in lines
    assert '· route.routes[1].routes[0]: condition="late", and condition is "failed"' in lines
    assert any(line.startswith('team: grouped by team="data"; first after 30 s') for line in lines)


def test_explain_takes_an_incident_and_says_what_keeps_it_back(run: Run, store: Store) -> None:
    run("silence", "add", "instance=airflow", "--for", "2h", "--comment", "x", "--author", "ana")
    said = run("alerts", "explain", "1").output
    assert 'incident="1"' in said
    assert "nobody is told now: silence 1 by ana" in said


def test_explain_says_where_a_rule_makes_it_nothing(run: Run, store: Store) -> None:
    result = run("alerts", "explain", "--pipeline", "airflow/orders", "--condition", "late")
    assert result.exit_code == 1
    assert "a rule says `off`" in result.output


def test_a_test_message_says_that_it_is_one(run: Run, store: Store) -> None:
    assert "✓ team" in run("alerts", "test", "team").output
    message = json.loads(Path("messages.jsonl").read_text())
    assert message["title"] == "[TEST] meta_orch test message"


def test_a_receiver_that_does_not_take_it_is_named(run: Run, store: Store) -> None:
    result = run("alerts", "test")
    assert result.exit_code == 1
    assert "✗ on_call: no answer" in result.output
    assert "✓ team" in result.output


def test_backtest_tells_what_would_have_been_sent(run: Run, store: Store) -> None:
    found = rows(run, "alerts", "backtest", "failed", "--since", "2d", "--every", "10m")
    told = [(row["what"], row["messages"], row["to"]) for row in found]
    # Of the second one, which goes on, nobody has been told of the end.
    assert told == [("airflow/orders failed", 2, "team"), ("airflow/orders failed", 1, "team")]
    table = run("alerts", "backtest", "failed", "--since", "2d", "--every", "10m").output
    assert "2 incidents and 3 messages in 2 days" in table


def test_backtest_says_what_it_can_replay(run: Run, store: Store) -> None:
    result = run("alerts", "backtest", "at risk")
    assert result.exit_code == 2
    assert "is none that can be replayed; write one of: failed" in " ".join(
        result.output.replace("│", "").split()
    )
