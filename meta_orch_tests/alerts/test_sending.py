"""Messages reach servers of every kind, and none is lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from apprise.plugins.slack import NotifySlack
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from meta_orch.alerts.delivery import outbox
from meta_orch.demo.processes import free_port
from meta_orch.domain.states import RunState
from meta_orch.store import Store
from meta_orch.testing.builders import NOON
from meta_orch_tests.alerts.servers import Endpoint, Mailbox, serving
from meta_orch_tests.alerts.support import AT_ONCE, DAY, FILE, HOUR, MINUTE, Company

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as found:
        yield found


def fail_and_recover(company: Company) -> None:
    company.has("airflow/orders", url="http://airflow/dags/orders")
    company.fails("airflow/orders", "ConnectionError: refused", url="http://airflow/runs/1")
    company.live(2 * MINUTE)
    company.ran("airflow/orders")
    company.live(10 * MINUTE)


def test_an_email_says_it_in_its_subject(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        monkeypatch.setenv("MAIL_URL", f"mailto://127.0.0.1:{port}?from=a@b.test&to=c@d.test")
        company.alerts = {
            "receivers": [{"name": "team", "type": "apprise", "urls": ["${MAIL_URL}"]}],
            "route": AT_ONCE,
        }
        fail_and_recover(company)
    finally:
        controller.stop()
    assert [mail["Subject"] for mail in mailbox.mails] == [
        "[ERROR] airflow/orders failed",
        "[RESOLVED] airflow/orders failed",
    ]
    text = "".join(
        str(part.get_payload(decode=True))
        for part in mailbox.mails[0].walk()
        if not part.is_multipart()
    )
    assert "ConnectionError: refused" in text
    assert "http://ui/assets/airflow/orders" in text


def test_slack_gets_what_its_incoming_webhooks_take(
    company: Company, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{endpoint.url}/services")
    monkeypatch.setenv("SLACK_URL", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#data")
    company.alerts = {
        "receivers": [{"name": "team", "type": "apprise", "urls": ["${SLACK_URL}"]}],
        "route": AT_ONCE,
    }
    fail_and_recover(company)
    first, second = endpoint.bodies
    assert first["channel"] == "#data"
    assert first["attachments"][0]["title"] == "[ERROR] airflow/orders failed"
    assert "ConnectionError: refused" in first["attachments"][0]["text"]
    assert second["attachments"][0]["title"] == "[RESOLVED] airflow/orders failed"


def test_pagerduty_is_told_of_begin_and_end_by_one_key(
    company: Company, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGERDUTY_KEY", "R" * 32)
    company.alerts = {
        "receivers": [
            {
                "name": "team",
                "type": "pagerduty",
                "routing_key": "${PAGERDUTY_KEY}",
                "url": f"{endpoint.url}/v2/enqueue",
            }
        ],
        "route": {**AT_ONCE, "repeat_interval": "1m"},
    }
    fail_and_recover(company)
    events = endpoint.bodies
    assert len(events) > 3
    assert [event["event_action"] for event in events[:-1]] == ["trigger"] * (len(events) - 1)
    assert events[-1]["event_action"] == "resolve"
    assert len({event["dedup_key"] for event in events}) == 1
    assert {event["routing_key"] for event in events} == {"R" * 32}
    payload = events[0]["payload"]
    assert payload["summary"] == "[ERROR] airflow/orders failed"
    assert payload["severity"] == "error"
    assert payload["source"]
    assert payload["timestamp"] == NOON.isoformat()
    assert {link["text"] for link in events[0]["links"]} == {"Dagster", "Native page"}


def test_a_webhook_is_signed_as_standard_webhooks_are(
    company: Company, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    company.alerts = {
        "receivers": [
            {"name": "team", "type": "webhook", "url": endpoint.url, "secret": "${HOOK_SECRET}"}
        ],
        "route": AT_ONCE,
    }
    company.has("airflow/orders")
    company.now = datetime.now(UTC)  # the library checks that the time is near its own
    company.fails("airflow/orders")
    company.live(MINUTE)
    (headers, body), *_ = endpoint.requests
    found = Webhook(SECRET).verify(body, {name.lower(): text for name, text in headers.items()})
    assert found["type"] == "incident.firing"
    assert found["data"]["incidents"][0]["title"] == "airflow/orders failed"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(
            body.replace(b"orders", b"orderz"),
            {name.lower(): text for name, text in headers.items()},
        )


def test_what_a_receiver_does_not_take_is_tried_again_until_it_does(
    company: Company, endpoint: Endpoint
) -> None:
    endpoint.statuses = [503, 429, 500]
    company.alerts = {
        "receivers": [{"name": "team", "type": "webhook", "url": endpoint.url}],
        "route": AT_ONCE,
    }
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(5 * MINUTE, every=MINUTE / 6)
    assert len(endpoint.requests) == 4
    assert len({headers["webhook-id"] for headers, _ in endpoint.requests}) == 1
    with company.store.read() as reader:
        ((state, attempts),) = reader.answer("SELECT state, attempts FROM deliveries").rows
    assert (state, attempts) == ("delivered", 4)


def test_what_a_receiver_refuses_for_good_is_given_up_and_said(
    company: Company, endpoint: Endpoint
) -> None:
    endpoint.statuses = [401] * 100
    company.alerts = {
        "receivers": [{"name": "team", "type": "webhook", "url": endpoint.url}],
        "route": AT_ONCE,
    }
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(2 * MINUTE)
    with company.store.read() as reader:
        rows = reader.answer("SELECT state, attempts, error FROM deliveries").rows
    assert [*rows] == [("given up", 1, "answered 401")]


def test_a_receiver_that_keeps_failing_is_told_of_through_another(
    company: Company, endpoint: Endpoint
) -> None:
    endpoint.statuses = [503] * 1000
    company.alerts = {
        "receivers": [{"name": "hook", "type": "webhook", "url": endpoint.url}, FILE],
        "route": {**AT_ONCE, "receiver": "hook"},
    }
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(HOUR / 2, every=MINUTE)
    assert company.titles == ["[ERROR] hook takes no messages"]
    endpoint.statuses.clear()
    company.live(HOUR, every=5 * MINUTE)
    assert company.titles[-1] == "[RESOLVED] hook takes no messages"
    assert [body["data"]["title"] for body in endpoint.bodies][-1] == (
        "[ERROR] airflow/orders failed"
    )


def test_nothing_critical_is_lost_while_a_receiver_is_down_for_an_hour(
    company: Company, endpoint: Endpoint
) -> None:
    endpoint.statuses = [503] * 10_000
    company.alerts = {
        "receivers": [{"name": "team", "type": "webhook", "url": endpoint.url}],
        "route": AT_ONCE,
    }
    names = [f"airflow/core_{n}" for n in range(5)]
    company.has(*names, tags=("tier:1",))
    for name in names:
        company.fails(name)
        company.live(10 * MINUTE, every=2 * MINUTE)
    endpoint.statuses.clear()
    endpoint.requests.clear()
    company.live(20 * MINUTE, every=2 * MINUTE)
    titles = [body["data"]["title"] for body in endpoint.bodies]
    assert titles == [f"[CRITICAL] {name} failed" for name in names]


class Killed(BaseException):
    """As SIGKILL: nothing catches it."""


@pytest.mark.parametrize("at", range(12))
def test_nothing_critical_is_lost_when_the_process_is_killed_at_any_point(
    kept_company: Company, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Killed before and after every transaction and every delivery, the next process tells of it
    once; or twice where the kill came between a delivery and its record."""
    company = kept_company
    company.alerts["route"] = AT_ONCE
    company.has("airflow/core", tags=("tier:1",))
    company.fails("airflow/core")
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == at + 1:
            raise Killed

    real_write, real_deliver = Store.write, outbox.deliver

    @contextmanager
    def write(store: Store) -> Iterator[Any]:
        step()
        with real_write(store) as writer:
            yield writer
        step()

    def deliver(*args: Any) -> None:
        step()
        real_deliver(*args)
        step()

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", write)
        patched.setattr(outbox, "deliver", deliver)
        try:
            for _ in range(3):
                company.look()
                company.send()
                company.now += MINUTE
        except Killed:
            pass
    company.restart()
    company.live(5 * MINUTE, every=MINUTE)
    assert company.titles in (
        ["[CRITICAL] airflow/core failed"],
        ["[CRITICAL] airflow/core failed"] * 2,
    )
    assert len({message["id"] for message in company.told()}) == 1


def test_a_receiver_is_sent_no_more_a_minute_than_it_may_be(company: Company) -> None:
    company.alerts = {"receivers": [{**FILE, "at_most_per_minute": 3}], "route": AT_ONCE}
    names = [f"airflow/p{n}" for n in range(10)]
    company.has(*names)
    company.ran_all(names, RunState.FAILED)
    company.live(MINUTE, every=MINUTE / 4)
    assert 3 <= len(company.told()) <= 4
    company.live(5 * MINUTE, every=MINUTE / 2)
    assert len(company.told()) == 10


def test_a_message_is_tried_no_longer_than_its_receiver_says(
    company: Company, endpoint: Endpoint
) -> None:
    endpoint.statuses = [503] * 1000
    company.alerts = {
        "receivers": [
            {"name": "hook", "type": "webhook", "url": endpoint.url, "give_up_after": "1h"}
        ],
        "route": {**AT_ONCE, "receiver": "hook"},
    }
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(2 * HOUR, every=10 * MINUTE)
    with company.store.read() as reader:
        rows = reader.answer("SELECT DISTINCT state FROM deliveries ORDER BY ALL").rows
    assert ("given up",) in [*rows]


def test_no_secret_reaches_a_message_an_error_or_the_store(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_URL", "http://127.0.0.1:9/hunter2")
    company.alerts = {
        "receivers": [FILE, {"name": "hook", "type": "webhook", "url": "${HOOK_URL}"}],
        "route": {**AT_ONCE, "routes": [{"matchers": ['instance="airflow"'], "receiver": "hook"}]},
    }
    company.has("airflow/orders", "prefect/serve/live")
    company.fails("airflow/orders", "login failed: postgres://u:hunter2@db password=hunter2")
    company.fails("prefect/serve/live", "login failed: postgres://u:hunter2@db password=hunter2")
    company.live(2 * MINUTE)
    assert "hunter2" not in (company.folder / "messages.jsonl").read_text()
    with company.store.read() as reader:
        rows = reader.answer("SELECT * FROM deliveries").rows
        kept = reader.answer("SELECT * FROM incidents").rows
    assert "no answer" in str(rows)
    assert "hunter2" not in str(rows) + str(kept)


def test_a_receiver_may_have_templates_of_its_own(company: Company, tmp_path: Path) -> None:
    (tmp_path / "title.j2").write_text("{{ message.count }} x {{ message.incidents[0].title }}")
    (tmp_path / "body.j2").write_text("{{ message.severity.value }}")
    company.alerts["receivers"] = [
        {**FILE, "title_template": "title.j2", "body_template": "body.j2"}
    ]
    company.alerts["route"] = AT_ONCE
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(MINUTE)
    (message,) = company.told()
    assert (message["title"], message["body"]) == ("1 x airflow/orders failed", "error")


def test_a_template_at_fault_is_named_and_the_message_waits(
    company: Company, tmp_path: Path
) -> None:
    (tmp_path / "title.j2").write_text("{{ message.nothing }}")
    company.alerts["receivers"] = [{**FILE, "title_template": "title.j2"}]
    company.alerts["route"] = AT_ONCE
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(MINUTE)
    with company.store.read() as reader:
        ((state, error),) = reader.answer("SELECT state, error FROM deliveries").rows
    assert state == "pending"
    assert "title.j2" in error
    assert "nothing" in error
    (tmp_path / "title.j2").write_text("mended")
    company.live(DAY / 48, every=5 * MINUTE)
    assert company.titles == ["mended"]


@pytest.mark.parametrize(
    "receiver",
    [
        {"type": "webhook", "url": "${HOOK_URL}"},
        {"type": "apprise", "urls": ["${GOOD_URL}"]},
        {"type": "apprise", "urls": ["${BAD_URL}"]},
    ],
    ids=["webhook", "apprise", "no URL that Apprise knows"],
)
def test_no_secret_reaches_a_log_however_much_is_logged(
    company: Company,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    receiver: dict[str, Any],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HOOK_URL", f"{endpoint.url}/hunter2")
    monkeypatch.setenv("GOOD_URL", f"{endpoint.url.replace('http', 'json')}/hunter2")
    monkeypatch.setenv("BAD_URL", "nothing://hunter2")
    company.alerts = {"receivers": [{**receiver, "name": "team"}], "route": AT_ONCE}
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(MINUTE)
    with company.store.read() as reader:
        ((attempts,),) = reader.answer("SELECT attempts FROM deliveries").rows
    assert attempts == 1
    assert "hunter2" not in caplog.text
