"""When a trigger fires, and that it fires once for what happened once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.config.models import TriggerConfig
from meta_orch.dependencies.triggers import Planned, plan_firings
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.triggers import FiringState, Occurrence
from meta_orch.testing.builders import NOON, make_pipeline, make_run

MINUTE = timedelta(minutes=1)
ORDERS, RATES = ("airflow", "orders"), ("prefect", "rates", "hourly")
LATER = NOON + timedelta(hours=1)


def trigger(**settings: Any) -> TriggerConfig:
    return TriggerConfig.model_validate(
        {
            "name": "scores",
            "when": {"any": ["airflow/orders", "prefect/rates/hourly"]},
            "run": "dagster/shop/scores",
            **settings,
        }
    )


BOTH = {"all": ["airflow/orders", "prefect/rates/hourly"]}


def happened(upstream: AssetPath, number: int) -> Occurrence:
    """The run of that number ended so many minutes after noon."""
    pipeline = make_pipeline("/".join(upstream[1:]), upstream[0])
    at = NOON + number * MINUTE
    run = make_run(f"r{number}", pipeline, ended_at=at, parameters={"number": number})
    return Occurrence(upstream, run.key.run_id, at, run)


def plan(
    config: TriggerConfig, *occurrences: Occurrence, minutes: int = 60, is_dry_run: bool = False
) -> tuple[Planned, ...]:
    found: dict[AssetPath, list[Occurrence]] = {ORDERS: [], RATES: []}
    for occurrence in occurrences:
        found[occurrence.upstream].append(occurrence)
    return plan_firings(config, found, NOON + minutes * MINUTE, is_dry_run=is_dry_run)


def test_with_any_each_run_fires_it() -> None:
    first, second = plan(trigger(), happened(ORDERS, 1), happened(RATES, 2))
    assert first.occurrences == (happened(ORDERS, 1),)
    assert first.firing.reason == "airflow/orders succeeded"
    assert second.firing.reason == "prefect/rates/hourly succeeded"
    assert str(first.firing.target) == "dagster/shop/scores"
    assert first.firing.id != second.firing.id


def test_with_all_it_waits_for_each_and_takes_note_of_everything() -> None:
    config = trigger(when=BOTH)
    assert plan(config, happened(ORDERS, 1), happened(ORDERS, 2)) == ()
    (fired,) = plan(config, happened(ORDERS, 1), happened(ORDERS, 2), happened(RATES, 3))
    assert len(fired.occurrences) == 3


def test_runs_that_come_close_together_are_one_where_it_is_debounced() -> None:
    config = trigger(debounce="5m")
    runs = [happened(ORDERS, number) for number in (1, 3, 5)]
    assert plan(config, *runs, minutes=9) == ()
    (fired,) = plan(config, *runs, minutes=10)
    assert fired.occurrences == tuple(runs)


def test_the_parameters_are_those_of_the_last_run_and_of_each_upstream() -> None:
    config = trigger(
        when=BOTH,
        parameters={
            "last": "{{ upstream.parameters.number }}",
            "orders": "{{ upstreams['airflow/orders'].run_id }}",
            "day": "{{ upstream.ended_at.date() }}",
        },
    )
    (fired,) = plan(config, happened(ORDERS, 1), happened(RATES, 3), happened(ORDERS, 2))
    assert fired.firing.parameters == {"last": 3, "orders": "r2", "day": f"{NOON:%Y-%m-%d}"}


def test_parameters_without_a_value_refuse_the_run_and_say_why() -> None:
    config = trigger(parameters={"day": "{{ upstream.parameters.day }}"})
    (fired,) = plan(config, happened(ORDERS, 1))
    assert fired.firing.state is FiringState.REFUSED
    assert "upstream.parameters.day" in str(fired.firing.message)


def test_a_dry_run_only_says_so() -> None:
    (fired,) = plan(trigger(), happened(ORDERS, 1), is_dry_run=True)
    assert fired.firing.state is FiringState.DRY_RUN
    assert not fired.firing.state.is_open


occurrences = st.lists(
    st.builds(happened, st.sampled_from([ORDERS, RATES]), st.integers(0, 30)),
    max_size=12,
    unique_by=lambda occurrence: (occurrence.upstream, occurrence.id),
)
configs = st.builds(
    lambda when, debounce: trigger(when=when, debounce=debounce),
    st.sampled_from([BOTH, {"any": BOTH["all"]}]),
    st.none() | st.sampled_from(["1m", "10m"]),
)


@given(configs, occurrences, st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_however_often_it_is_looked_at_nothing_that_happened_counts_twice(
    config: TriggerConfig, runs: list[Occurrence], looks: Sequence[int]
) -> None:
    noted: set[tuple[AssetPath, str]] = set()
    ids: list[str] = []
    for minute in sorted(looks):
        known = [o for o in runs if o.at <= NOON + minute * MINUTE]
        fresh = [o for o in known if (o.upstream, o.id) not in noted]
        for planned in plan(config, *fresh, minutes=minute):
            taken = {(o.upstream, o.id) for o in planned.occurrences}
            assert taken
            assert not taken & noted
            noted |= taken
            ids.append(planned.firing.id)
    assert len(set(ids)) == len(ids)


@given(configs, occurrences, st.randoms())
def test_the_order_in_which_runs_are_read_does_not_matter(
    config: TriggerConfig, runs: list[Occurrence], chance: Any
) -> None:
    mixed = list(runs)
    chance.shuffle(mixed)
    one: Mapping[str, Planned] = {p.firing.id: p for p in plan(config, *runs)}
    other = {p.firing.id: p for p in plan(config, *mixed)}
    assert one == other
