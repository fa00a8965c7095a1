"""Who is told, when, and what keeps them from being told."""

from __future__ import annotations

import pytest

from meta_orch.alerts.handling import acknowledge
from meta_orch.domain.incidents import Silence
from meta_orch.domain.states import RunState
from meta_orch_tests.alerts.support import AT_ONCE, DAY, FILE, HOUR, MINUTE, Company

OTHER = {"name": "other", "type": "file", "path": "other.jsonl"}


def others(company: Company) -> list[str]:
    return [message["title"] for message in company.told("other.jsonl")]


def test_a_failure_is_told_once_and_its_end_once(company: Company) -> None:
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(20 * MINUTE)
    company.ran("airflow/orders")
    company.live(20 * MINUTE)
    assert company.titles == [
        "[ERROR] airflow/orders failed",
        "[RESOLVED] airflow/orders failed",
    ]


def test_the_first_message_waits_for_others_of_its_group(company: Company) -> None:
    company.alerts["route"] = {"receiver": "team", "group_by": ["instance"], "group_wait": "2m"}
    company.has("airflow/orders", "airflow/stock")
    company.fails("airflow/orders")
    company.live(MINUTE)
    company.fails("airflow/stock")
    company.live(2 * MINUTE)
    (message,) = company.told()
    assert message["title"] == "[ERROR] airflow/orders failed and 1 more"
    assert message["labels"] == {"instance": "airflow"}


def test_news_of_a_group_waits_for_its_interval(company: Company) -> None:
    company.alerts["route"] = {
        "receiver": "team",
        "group_by": ["instance"],
        "group_wait": "1s",
        "group_interval": "10m",
    }
    company.has("airflow/orders", "airflow/stock")
    company.fails("airflow/orders")
    company.live(MINUTE)
    company.fails("airflow/stock")
    company.live(8 * MINUTE)
    assert len(company.told()) == 1
    company.live(3 * MINUTE)
    assert len(company.told()) == 2


def test_what_goes_on_is_told_again_after_the_repeat_interval(company: Company) -> None:
    company.alerts["route"] = {**AT_ONCE, "repeat_interval": "1h"}
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(130 * MINUTE, every=5 * MINUTE)
    assert company.titles == [
        "[ERROR] airflow/orders failed",
        "[ERROR] still: airflow/orders failed",
        "[ERROR] still: airflow/orders failed",
    ]


def test_what_somebody_acknowledged_is_not_told_again_and_goes_no_further(
    company: Company,
) -> None:
    company.alerts["receivers"] = [FILE, OTHER]
    company.alerts["route"] = {
        **AT_ONCE,
        "repeat_interval": "1h",
        "escalate": [{"after": "30m", "receiver": "other"}],
    }
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(2 * MINUTE)
    with company.store.write() as writer:
        incident = acknowledge(writer, 1, "ana", company.now)
    assert incident.owner == "ana"
    company.live(3 * HOUR, every=10 * MINUTE)
    assert company.titles == ["[ERROR] airflow/orders failed"]
    assert others(company) == []


def test_what_nobody_acknowledged_goes_further(company: Company) -> None:
    company.alerts["receivers"] = [FILE, OTHER]
    company.alerts["route"] = {**AT_ONCE, "escalate": [{"after": "30m", "receiver": "other"}]}
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(29 * MINUTE, every=5 * MINUTE)
    assert others(company) == []
    company.live(2 * HOUR, every=10 * MINUTE)
    assert others(company) == ["[ERROR] not acknowledged: airflow/orders failed"]


def test_an_incident_that_got_graver_is_news(company: Company) -> None:
    company.edges = tuple(("airflow/orders", f"prefect/serve/{n}") for n in range(9))
    company.has("airflow/orders", *(f"prefect/serve/{n}" for n in range(9)))
    company.fails("airflow/orders")
    company.live(10 * MINUTE)
    company.alerts["rules"] = [{"conditions": ["failing repeatedly"], "severity": "critical"}]
    company.restart()
    company.fails("airflow/orders")
    company.fails("airflow/orders")
    company.live(10 * MINUTE)
    assert company.titles == [
        "[ERROR] airflow/orders failed",
        "[CRITICAL] airflow/orders failed",
    ]


def test_a_route_tells_another_receiver_by_label_tag_and_glob(company: Company) -> None:
    company.alerts["receivers"] = [FILE, OTHER]
    company.alerts["route"] = {
        **AT_ONCE,
        "routes": [
            {"matchers": ['severity="critical"'], "receiver": "other", "continue": True},
            {"tags": ["finance"], "receiver": "other"},
            {"pipelines": "prefect/*", "receiver": "other"},
        ],
    }
    company.has("airflow/orders")
    company.has("airflow/ledger", tags=("finance",))
    company.has("prefect/serve/live")
    company.has("airflow/core", tags=("tier:1",))
    for name in ("airflow/orders", "airflow/ledger", "prefect/serve/live", "airflow/core"):
        company.fails(name)
    company.live(2 * MINUTE)
    assert company.titles == ["[ERROR] airflow/orders failed"]
    assert sorted(others(company)) == [
        "[CRITICAL] airflow/core failed",
        "[ERROR] airflow/ledger failed",
        "[ERROR] prefect/serve/live failed",
    ]


def test_nobody_is_told_of_what_is_silenced_until_it_is_over(company: Company) -> None:
    company.has("airflow/orders", "airflow/stock")
    silence = Silence(
        0, ('pipeline="airflow/orders"',), company.now, company.now + HOUR, "ana", "we know"
    )
    with company.store.write() as writer:
        writer.alerting.add_silence(silence)
    company.fails("airflow/orders")
    company.fails("airflow/stock")
    company.live(50 * MINUTE, every=5 * MINUTE)
    assert company.titles == ["[ERROR] airflow/stock failed"]
    company.live(20 * MINUTE, every=5 * MINUTE)
    assert company.titles[1:] == ["[ERROR] airflow/orders failed"]


def test_what_is_resolved_while_it_is_silenced_is_not_told_at_all(company: Company) -> None:
    company.has("airflow/orders")
    silence = Silence(0, ('severity=~".*"',), company.now, company.now + DAY, "ana")
    with company.store.write() as writer:
        writer.alerting.add_silence(silence)
    company.fails("airflow/orders")
    company.live(10 * MINUTE)
    company.ran("airflow/orders")
    company.live(20 * MINUTE)
    assert company.told() == []


def test_maintenance_and_mute_times_keep_messages_back(company: Company) -> None:
    company.alerts["maintenance"] = [
        # It is noon in UTC, and one o'clock in Berlin.
        {
            "name": "weekly",
            "pipelines": "airflow/*",
            "starts": "30 12 * * *",
            "lasts": "1h",
            "timezone": "Europe/Berlin",
        }
    ]
    company.alerts["time_intervals"] = [
        {
            "name": "lunch",
            "time_intervals": [{"times": [{"start_time": "12:00", "end_time": "12:45"}]}],
        }
    ]
    company.alerts["route"] = {
        **AT_ONCE,
        "routes": [{"pipelines": "prefect/*", "mute_time_intervals": ["lunch"]}],
    }
    company.has("airflow/orders", "prefect/serve/live")
    company.fails("airflow/orders")
    company.fails("prefect/serve/live")
    company.live(25 * MINUTE, every=5 * MINUTE)
    assert company.told() == []
    company.live(10 * MINUTE, every=MINUTE)
    assert company.titles == ["[ERROR] airflow/orders failed"]
    company.live(20 * MINUTE, every=MINUTE)
    assert company.titles[1:] == ["[ERROR] prefect/serve/live failed"]


def test_what_is_wrong_may_inhibit_what_else_is(company: Company) -> None:
    company.alerts["inhibit_rules"] = [
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity=~"warning|error"'],
            "equal": ["instance"],
        }
    ]
    company.has("airflow/core", tags=("tier:1",))
    company.has("airflow/orders", "prefect/serve/live")
    company.fails("airflow/core")
    company.fails("airflow/orders")
    company.fails("prefect/serve/live")
    company.live(10 * MINUTE)
    assert sorted(company.titles) == [
        "[CRITICAL] airflow/core failed",
        "[ERROR] prefect/serve/live failed",
    ]


def test_a_receiver_that_wants_no_recoveries_is_told_of_none(company: Company) -> None:
    company.alerts["receivers"] = [{**FILE, "send_resolved": False}]
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(10 * MINUTE)
    company.ran("airflow/orders")
    company.live(20 * MINUTE)
    assert company.titles == ["[ERROR] airflow/orders failed"]


def test_without_receivers_incidents_are_kept_all_the_same(company: Company) -> None:
    company.alerts = {}
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(10 * MINUTE)
    assert [incident.title for incident in company.open] == ["airflow/orders failed"]


@pytest.mark.parametrize("restart_after", [0, 7, 18])
def test_a_restart_neither_repeats_nor_forgets(company: Company, restart_after: int) -> None:
    company.has("airflow/orders")
    company.fails("airflow/orders")
    company.live(restart_after * MINUTE / 10)
    company.restart()
    company.live(10 * MINUTE, every=MINUTE)
    company.ran("airflow/orders")
    company.live(restart_after * MINUTE, every=MINUTE)
    company.restart()
    company.live(20 * MINUTE)
    assert company.titles == [
        "[ERROR] airflow/orders failed",
        "[RESOLVED] airflow/orders failed",
    ]


def test_a_storm_of_a_thousand_that_flap_for_an_hour_is_a_dozen_messages(
    company: Company,
) -> None:
    """One upstream fails, and of its 1,000 descendants every other minute some fail and some
    recover."""
    names = [f"prefect/serve/{n:04}" for n in range(1000)]
    company.edges = tuple(("airflow/orders", name) for name in names)
    company.has("airflow/orders", *names)
    company.fails("airflow/orders")
    company.live(MINUTE, every=MINUTE)
    for step in range(30):
        company.ran_all(names[step * 50 % 1000 :][:50], RunState.FAILED, minutes=0.5)
        company.ran_all(names[(step * 50 + 500) % 1000 :][:50], RunState.SUCCEEDED, minutes=0.5)
        company.fails("airflow/orders") if step % 2 else company.ran("airflow/orders")
        company.live(2 * MINUTE, every=2 * MINUTE)
    company.ran("airflow/orders")
    company.ran_all(names, RunState.SUCCEEDED, minutes=0.5)
    company.live(20 * MINUTE, every=MINUTE)
    assert len(company.incidents) == 1
    (incident,) = company.incidents.values()
    assert len(incident.affected) == 1001
    told = company.titles
    assert told[0] == "[CRITICAL] airflow/orders failed"
    assert told[-1] == "[RESOLVED] airflow/orders failed"
    assert len(told) <= 12, told
