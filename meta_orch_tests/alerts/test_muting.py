"""Silences, times and inhibition, as properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.alerts.muting import Muting, is_silenced
from meta_orch.alerts.routing import build_routes, matching
from meta_orch.config.alerts import AlertsConfig, MaintenanceConfig, RouteConfig
from meta_orch.config.selecting import CalendarRange, TimeIntervalConfig
from meta_orch.domain.alerts import Alert, Condition, Severity
from meta_orch.domain.incidents import Incident, IncidentState, Silence
from meta_orch.domain.notifications import group_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
_YEAR = (datetime(2026, 1, 1), datetime(2027, 1, 1))  # noqa: DTZ001  # Hypothesis adds the zone
MOMENTS = st.datetimes(*_YEAR, timezones=st.just(UTC))
VALUES = st.sampled_from(["a", "b", "c"])
LABELS = st.fixed_dictionaries(
    {"severity": st.sampled_from(list(Severity)), "team": VALUES, "instance": VALUES}
)


def incident(number: int, labels: dict[str, str], state: IncidentState) -> Incident:
    severity = Severity(labels["severity"])
    cause = Alert(Condition.FAILED, f"p{number}", NOW, "", labels=labels, severity=severity)
    return Incident(number, state, cause, severity, NOW, NOW)


@given(LABELS, MOMENTS, ZONES, st.integers(0, 48))
def test_a_silence_is_a_span_of_time_in_whatever_zone_it_is_written(
    labels: dict[str, str], starts: datetime, zone: str, hours: int
) -> None:
    local = starts.astimezone(ZoneInfo(zone))
    silence = Silence(1, ('team=~".*"',), local, local + timedelta(hours=1), "ana")
    moment = starts - timedelta(hours=24) + timedelta(hours=hours)
    is_within = silence.starts_at <= moment < silence.ends_at
    assert is_silenced(silence, labels, moment) is is_within


@given(LABELS, LABELS)
def test_a_silence_keeps_back_what_all_of_its_matchers_match(
    labels: dict[str, str], wanted: dict[str, str]
) -> None:
    matchers = tuple(f'{name}="{value}"' for name, value in wanted.items())
    silence = Silence(1, matchers, NOW, NOW + timedelta(hours=1), "ana")
    assert is_silenced(silence, labels, NOW) is (labels == wanted)


@given(st.lists(LABELS, max_size=6), st.sampled_from(["team", "instance"]))
def test_what_is_inhibited_has_a_source_that_is_wrong_and_equal(
    found: list[dict[str, str]], equal: str
) -> None:
    config = AlertsConfig.model_validate(
        {
            "inhibit_rules": [
                {
                    "source_matchers": ['severity="critical"'],
                    "target_matchers": ['severity="warning"'],
                    "equal": [equal],
                }
            ]
        }
    )
    states = [IncidentState.RESOLVED, IncidentState.OPEN]
    incidents = [incident(n, labels, states[n % 2]) for n, labels in enumerate(found)]
    muting = Muting(config, (), incidents, NOW)
    for one in incidents:
        sources = [
            other
            for other in incidents
            if other.state.is_open
            and other.id != one.id
            and other.labels["severity"] == "critical"
            and other.labels[equal] == one.labels[equal]
        ]
        is_target = one.labels["severity"] == "warning"
        assert (muting.reason(one) is not None) is (is_target and bool(sources))


@given(st.lists(LABELS, max_size=8), st.lists(st.sampled_from(["team", "instance"]), unique=True))
def test_incidents_are_in_one_group_when_they_agree_on_the_labels_it_is_by(
    found: list[dict[str, str]], group_by: list[str]
) -> None:
    route = build_routes(RouteConfig(group_by=tuple(group_by)))
    keys = [group_key(route.place, route.group_labels(labels)) for labels in found]
    for first, key in zip(found, keys, strict=True):
        for second, other in zip(found, keys, strict=True):
            agrees = all(first[name] == second[name] for name in group_by)
            assert (key == other) is agrees


ROUTES = st.recursive(
    st.builds(
        lambda label, value, goes_on: {
            "matchers": [f'{label}="{value}"'],
            "continue": goes_on,
        },
        st.sampled_from(["team", "instance"]),
        VALUES,
        st.booleans(),
    ),
    lambda below: st.builds(
        lambda node, routes: {**node, "routes": routes},
        st.builds(
            lambda value, goes_on: {"matchers": [f'team="{value}"'], "continue": goes_on},
            VALUES,
            st.booleans(),
        ),
        st.lists(below, max_size=3),
    ),
    max_leaves=8,
)


@given(st.lists(ROUTES, max_size=4), LABELS)
def test_every_incident_takes_a_route_and_each_at_most_once(
    routes: list[dict[str, object]], labels: dict[str, str]
) -> None:
    tree = build_routes(RouteConfig.model_validate({"routes": routes}))
    taken = matching(tree, labels)
    assert taken
    assert len({route.place for route in taken}) == len(taken)
    assert all(route.config.selects(labels) for route in taken)
    # Of routes side by side, those after the first one that selects it are taken where all that
    # were before say `continue`.
    for place in (route.place.split(".") for route in taken):
        if len(place) > 1:
            before = tree.routes[: int(place[1])]
            stops = [r for r in before if r.config.selects(labels) and not r.config.continue_]
            assert not stops


@given(MOMENTS, ZONES)
def test_times_of_day_are_those_of_the_zone(moment: datetime, zone: str) -> None:
    working = CalendarRange.model_validate(
        {
            "times": [{"start_time": "09:00", "end_time": "17:00"}],
            "weekdays": ["monday:friday"],
            "location": zone,
        }
    )
    local = moment.astimezone(ZoneInfo(zone))
    assert working.contains(moment) is (local.isoweekday() <= 5 and 9 <= local.hour < 17)


@given(MOMENTS, ZONES)
def test_outside_of_a_time_is_all_that_is_not_within_it(moment: datetime, zone: str) -> None:
    def interval(start: str, end: str) -> TimeIntervalConfig:
        times = [{"start_time": start, "end_time": end}]
        return TimeIntervalConfig.model_validate(
            {"name": "x", "time_intervals": [{"times": times, "location": zone}]}
        )

    morning, rest = interval("00:00", "11:30"), interval("11:30", "24:00")
    assert morning.contains(moment) is not rest.contains(moment)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 3), ("2026-10-25", 5), ("2026-07-01", 4)]
)
def test_maintenance_that_lasts_four_hours_does_so_when_clocks_change(day: str, hours: int) -> None:
    """It begins at midnight in Berlin, and is over when four hours have passed, whatever the
    clocks on the wall say."""
    window = MaintenanceConfig.model_validate(
        {"name": "nightly", "starts": "0 0 * * *", "lasts": "4h", "timezone": "Europe/Berlin"}
    )
    midnight = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    begins = midnight.astimezone(UTC)
    assert window.contains(begins)
    assert window.contains(begins + timedelta(hours=3, minutes=59))
    assert not window.contains(begins + timedelta(hours=4))
    assert (begins + timedelta(hours=4)).astimezone(ZoneInfo("Europe/Berlin")).hour == {
        3: 5,
        5: 3,
        4: 4,
    }[hours]
