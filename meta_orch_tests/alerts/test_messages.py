"""What messages say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from syrupy.assertion import SnapshotAssertion

from meta_orch.alerts.dispatching import Notification
from meta_orch.alerts.messages import compose, render, report_message, trial
from meta_orch.config.receivers import FileConfig, ReceiverConfig
from meta_orch.dependencies.graph import Lineage
from meta_orch.domain.alerts import Alert, Condition, Severity
from meta_orch.domain.edges import Edge, EdgeKind
from meta_orch.domain.incidents import Evidence, EvidenceKind, Incident, IncidentState
from meta_orch.domain.notifications import Group
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.testing.builders import NOON

RECEIVER: ReceiverConfig = FileConfig.model_validate(
    {"name": "team", "type": "file", "path": "messages.jsonl"}
)
BELOW = [("prefect", "serve", str(n)) for n in range(12)]
LINEAGE = Lineage(
    Edge(("airflow", "orders"), path, EdgeKind.DECLARED, "a test says so") for path in BELOW
)
CAUSE = Alert(
    Condition.FAILED,
    "airflow/orders",
    NOON,
    "failed after 3 min: exit code 1",
    severity=Severity.CRITICAL,
    pipeline=PipelineKey("airflow", "orders"),
    instance="airflow",
    url="http://airflow/runs/1",
    labels={"team": "data"},
)
INCIDENT = Incident(
    7,
    IncidentState.OPEN,
    CAUSE,
    Severity.CRITICAL,
    NOON + timedelta(minutes=1),
    NOON,
    affected=("airflow/orders", *(f"prefect/serve/{n}" for n in range(5))),
    evidence=(
        Evidence(EvidenceKind.LOG, "load: ConnectionError: refused"),
        Evidence(EvidenceKind.SIMILAR, "it was so 2 times before"),
    ),
)
DOWN = Incident(
    8,
    IncidentState.ACKNOWLEDGED,
    Alert(
        Condition.ORCHESTRATOR_DOWN,
        "prefect",
        NOON,
        "does not answer since 12:00 UTC: no answer",
        severity=Severity.CRITICAL,
        instance="prefect",
        url="http://prefect",
    ),
    Severity.CRITICAL,
    NOON,
    NOON,
    owner="ana",
)
RESOLVED = replace(
    INCIDENT,
    state=IncidentState.RESOLVED,
    resolved_at=NOON + timedelta(minutes=42),
    resolution="all of it is well again, after 42 min",
)
GROUP = Group("0", {"incident": "7"}, NOON)


@pytest.mark.parametrize(
    "notification",
    [
        Notification("1", "team", GROUP, (INCIDENT,)),
        Notification("1", "team", GROUP, (INCIDENT,), is_repeat=True),
        Notification("1", "team", GROUP, (INCIDENT,), is_escalation=True),
        Notification("1", "team", GROUP, (DOWN,)),
        Notification("1", "team", GROUP, (INCIDENT, DOWN)),
        Notification("1", "team", GROUP, (RESOLVED,)),
        Notification("1", "team", GROUP, tuple(replace(DOWN, id=n) for n in range(1, 31))),
    ],
    ids=["one", "again", "escalated", "of an instance", "of two", "resolved", "of many"],
)
def test_a_message_is_short_and_says_what_since_when_and_why(
    notification: Notification, snapshot: SnapshotAssertion
) -> None:
    title, body = render(compose(notification, LINEAGE, "http://dagster:3000/"), RECEIVER)
    assert f"{title}\n\n{body}" == snapshot


def test_a_test_message_says_that_nothing_is_wrong(snapshot: SnapshotAssertion) -> None:
    assert "\n\n".join(render(trial("team", NOON), RECEIVER)) == snapshot


def test_a_report_is_told_of_in_its_first_lines(snapshot: SnapshotAssertion) -> None:
    message = report_message("Daily report", "runs: 12\n- orders: slower", "https://x/daily.html")
    assert "\n\n".join(render(message, RECEIVER)) == snapshot


def test_without_a_webserver_there_is_no_link_to_it() -> None:
    message = compose(Notification("1", "team", GROUP, (INCIDENT,)), LINEAGE, None)
    assert message.incidents[0].dagster_url is None
