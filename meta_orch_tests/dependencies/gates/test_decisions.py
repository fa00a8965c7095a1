"""What gates say, from runs in a store to the decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.config import EdgeConfig, InstanceConfig, MetaOrchConfig
from meta_orch.config.models import GateConfig
from meta_orch.dependencies.gates import (
    Cadence,
    Decision,
    Disposition,
    Gatekeeper,
    Occasion,
    Readiness,
    Requirement,
    decide,
    summary,
)
from meta_orch.domain.assets import AssetFact
from meta_orch.domain.edges import Edge, EdgeKind
from meta_orch.domain.overrides import Override
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run
from meta_orch.domain.schedules import Schedule
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron, ticks
from meta_orch.domain.time import Window
from meta_orch.store import CollectorStatus, Facts, RunFact, Store
from meta_orch.testing.builders import make_pipeline, make_run

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
UP, DOWN = PipelineKey("airflow", "ingest"), PipelineKey("prefect", "serve/nightly")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass
class Company:
    """An Airflow DAG, and a Prefect deployment that waits for it."""

    store: Store
    upstream: tuple[Schedule, ...] = (cron("0 4 * * *"),)
    downstream: tuple[Schedule, ...] = (cron("0 6 * * *"),)
    gate: dict[str, Any] = field(default_factory=dict)
    others: tuple[EdgeConfig, ...] = ()
    extra: tuple[Any, ...] = ()
    assets: dict[tuple[str, ...], AssetFact] = field(default_factory=dict)

    @property
    def config(self) -> MetaOrchConfig:
        return MetaOrchConfig(
            instances=(
                InstanceConfig(name="airflow", type="airflow", url="http://a"),
                InstanceConfig(name="prefect", type="prefect", url="http://p"),
            ),
            edges=(EdgeConfig(upstream=str(UP), downstream=str(DOWN)), *self.others),
            gates=(GateConfig(downstream="prefect/*", **self.gate),),
        )

    def ran(
        self,
        due: str,
        state: RunState = RunState.SUCCEEDED,
        *,
        of: PipelineKey = UP,
        run_id: str | None = None,
        minutes: float = 10,
    ) -> Run:
        begin = at(due)
        run = make_run(
            run_id or f"run {due}",
            of,
            state,
            scheduled_at=begin,
            started_at=begin,
            ended_at=begin + minutes * MINUTE if state.is_terminal else None,
        )
        with self.store.write() as writer:
            writer.save_changes(of.instance, Changes("c", (run,)), begin)
        return run

    def decide(self, now: str, *, read_at: str | None = None, **options: Any) -> Decision:
        with self.store.write() as writer:
            for key, schedules in ((UP, self.upstream), (DOWN, self.downstream)):
                own = make_pipeline(key.name, key.instance, schedules=schedules)
                others = [p for p in self.extra if p.key.instance == key.instance]
                writer.save_catalogue(key.instance, Catalogue((own, *others), "f"), at(now))
                seen = at(read_at or now)
                writer.save_collector(
                    CollectorStatus(key.instance, seen, seen, True, None, "1", seen)
                )
            writer.save_asset_facts(self.assets, at(now))
        with self.store.read() as reader:
            keeper = Gatekeeper(reader, self.config, at(now))
            return keeper.decide(DOWN.path, **options)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """Its downstream ran on the first of March, at six."""
    made = Company(Store(tmp_path / "store.duckdb"))
    made.ran("2026-03-01T06:00Z", of=DOWN)
    return made


def readiness(decision: Decision) -> Readiness:
    (finding,) = decision.findings
    return finding.readiness


def test_it_runs_once_its_upstream_has_succeeded_for_the_same_window(company: Company) -> None:
    company.ran("2026-03-02T04:00Z")
    decision = company.decide("2026-03-02T05:00Z")
    assert decision.disposition is Disposition.RUN
    assert decision.occasion.due_at == at("2026-03-02T06:00Z")
    assert not decision.culprits


def test_yesterdays_success_is_none_of_today(company: Company) -> None:
    company.ran("2026-03-01T04:00Z")
    before = company.decide("2026-03-02T03:00Z")
    assert readiness(before) is Readiness.NOT_DUE
    assert before.disposition is Disposition.WAIT
    assert not before.is_troubled

    late = company.decide("2026-03-02T06:30Z")
    assert readiness(late) is Readiness.MISSING
    assert late.disposition is Disposition.WAIT
    assert late.is_troubled
    assert summary(late) == "airflow/ingest has not run for 2026-03-02 04:00 UTC."


def test_a_failure_holds_it_and_names_the_culprit_and_since_when(company: Company) -> None:
    company.ran("2026-03-02T04:00Z", RunState.FAILED, run_id="scheduled__2026-03-02")
    decision = company.decide("2026-03-02T05:00Z")
    assert decision.disposition is Disposition.HOLD
    (culprit,) = decision.culprits
    assert culprit.since == at("2026-03-02T04:10Z")
    assert summary(decision) == (
        "airflow/ingest failed at 2026-03-02 04:10 UTC (scheduled__2026-03-02)."
    )


def test_a_run_that_somebody_starts_afterwards_makes_good_a_failure(company: Company) -> None:
    company.ran("2026-03-02T04:00Z", RunState.FAILED)
    company.ran("2026-03-02T05:00Z", RunState.RUNNING, run_id="manual")
    assert readiness(company.decide("2026-03-02T05:05Z")) is Readiness.RUNNING
    company.ran("2026-03-02T05:00Z", run_id="manual")
    assert company.decide("2026-03-02T06:05Z").disposition is Disposition.RUN


@pytest.mark.parametrize("state", [RunState.CANCELED, RunState.SKIPPED])
def test_what_was_canceled_or_skipped_brought_no_data(company: Company, state: RunState) -> None:
    company.ran("2026-03-02T04:00Z", state)
    assert readiness(company.decide("2026-03-02T05:00Z")) is Readiness.FAILED


@pytest.mark.parametrize(
    ("form", "disposition"),
    [("hold", Disposition.HOLD), ("skip", Disposition.SKIP), ("run", Disposition.WARN)],
)
def test_the_gate_says_what_becomes_of_it(
    company: Company, form: str, disposition: Disposition
) -> None:
    company.gate = {"on_failure": form, "on_timeout": form, "wait": "1h"}
    assert company.decide("2026-03-02T06:59Z").disposition is Disposition.WAIT
    assert company.decide("2026-03-02T07:00Z").disposition is disposition
    company.ran("2026-03-02T04:00Z", RunState.FAILED)
    assert company.decide("2026-03-02T06:00Z").disposition is disposition


def test_a_daily_downstream_needs_every_hour_of_its_day(company: Company) -> None:
    company.upstream, company.downstream = (cron("0 * * * *"),), (cron("0 0 * * *"),)
    for hour in range(1, 24):
        company.ran(f"2026-03-01T{hour:02}:00Z")
    assert readiness(company.decide("2026-03-02T00:05Z")) is Readiness.MISSING
    company.ran("2026-03-02T00:00Z", minutes=2)
    decision = company.decide("2026-03-02T00:05Z")
    assert decision.disposition is Disposition.RUN
    assert decision.findings[0].message == "succeeded for all 24 of its ticks"


def test_an_hourly_downstream_needs_the_last_day_that_is_over(company: Company) -> None:
    company.downstream = (cron("0 * * * *"),)
    company.ran("2026-03-02T04:00Z")
    company.ran("2026-03-02T12:00Z", of=DOWN)
    assert company.decide("2026-03-02T12:30Z").disposition is Disposition.RUN
    company.ran("2026-03-03T03:00Z", of=DOWN)
    assert company.decide("2026-03-03T03:30Z").disposition is Disposition.WAIT


def test_zones_and_the_change_of_clocks_do_not_mix_up_days(company: Company) -> None:
    """On 29 March Berlin's clocks go forward: its 04:00 is then 02:00 UTC."""
    company.upstream = (cron("0 4 * * *", "Europe/Berlin"),)
    company.ran("2026-03-28T04:00+01:00")
    company.ran("2026-03-28T06:00Z", of=DOWN)
    waits = company.decide("2026-03-29T01:30Z")
    assert readiness(waits) is Readiness.NOT_DUE
    assert waits.findings[0].since == at("2026-03-29T04:00+02:00")
    company.ran("2026-03-29T04:00+02:00")
    assert company.decide("2026-03-29T03:00Z").disposition is Disposition.RUN


def test_what_others_start_has_the_rhythm_of_what_it_depends_on(company: Company) -> None:
    """The DAG has no schedule; it follows a daily one."""
    company.upstream = ()
    source = make_pipeline("source", "airflow", schedules=(cron("0 3 * * *"),))
    company.extra = (source,)
    company.others = (EdgeConfig(upstream=str(source.key), downstream=str(UP)),)
    company.ran("2026-03-01T03:20Z")
    assert readiness(company.decide("2026-03-02T05:00Z")) is Readiness.MISSING
    company.ran("2026-03-02T03:20Z")
    assert company.decide("2026-03-02T05:00Z").disposition is Disposition.RUN


def test_of_what_has_no_rhythm_the_last_outcome_counts(company: Company) -> None:
    company.upstream = ()
    assert readiness(company.decide("2026-03-02T05:00Z")) is Readiness.MISSING
    company.ran("2026-01-01T03:00Z")
    assert company.decide("2026-03-02T05:00Z").disposition is Disposition.RUN
    company.ran("2026-03-01T03:00Z", RunState.FAILED)
    assert company.decide("2026-03-02T05:00Z").disposition is Disposition.HOLD


def test_fresh_is_by_age_and_since_by_the_clock(company: Company) -> None:
    company.ran("2026-03-02T04:00Z")
    company.gate = {"requires": "fresh", "fresher_than": "3h"}
    assert company.decide("2026-03-02T07:00Z").disposition is Disposition.RUN
    assert company.decide("2026-03-02T07:11Z").disposition is Disposition.WAIT
    company.ran("2026-03-02T06:00Z", of=DOWN)
    company.gate = {"requires": "since", "since": "0 5 * * *", "timezone": "Europe/Berlin"}
    assert company.decide("2026-03-02T05:30Z").disposition is Disposition.RUN
    assert company.decide("2026-03-03T05:30Z").disposition is Disposition.WAIT


def test_new_data_is_what_came_since_the_downstream_last_began(company: Company) -> None:
    company.gate = {"requires": "new_data"}
    company.ran("2026-03-02T04:00Z")
    assert company.decide("2026-03-02T05:00Z").disposition is Disposition.RUN
    company.ran("2026-03-02T06:00Z", of=DOWN)
    assert company.decide("2026-03-02T07:00Z").disposition is Disposition.WAIT
    company.ran("2026-03-02T08:00Z")
    assert company.decide("2026-03-02T09:00Z").disposition is Disposition.RUN


def test_stale_is_not_green(company: Company) -> None:
    """Nothing is known of today, as Airflow has not been read since yesterday."""
    decision = company.decide("2026-03-02T06:30Z", read_at="2026-03-01T12:00Z")
    assert readiness(decision) is Readiness.UNKNOWN
    assert "airflow has not been read since 2026-03-01 12:00 UTC" in summary(decision)
    company.ran("2026-03-02T04:00Z")  # what is known stands
    decision = company.decide("2026-03-02T06:30Z", read_at="2026-03-01T12:00Z")
    assert decision.disposition is Disposition.RUN


def test_somebody_may_let_it_run_for_a_while(company: Company) -> None:
    company.ran("2026-03-02T04:00Z", RunState.FAILED)
    said = Override(
        DOWN.path, "anna", "the day is empty", at("2026-03-02T05:00Z"), at("2026-03-02T07:00Z")
    )
    with company.store.write() as writer:
        writer.save_override(said)
    decision = company.decide("2026-03-02T06:00Z")
    assert decision.disposition is Disposition.WARN
    assert decision.override == said
    assert summary(decision) == ("anna lets it run until 2026-03-02 07:00 UTC: the day is empty")
    assert company.decide("2026-03-02T07:00Z").disposition is Disposition.HOLD


def test_a_run_may_ask_for_what_it_is_due_for(company: Company) -> None:
    """A backfill of the first of March does not care for today's failure."""
    company.ran("2026-03-01T04:00Z")
    company.ran("2026-03-02T04:00Z", RunState.FAILED)
    decision = company.decide("2026-03-02T12:00Z", due_at=at("2026-03-01T06:00Z"))
    assert decision.disposition is Disposition.RUN


def test_of_several_upstreams_the_worst_decides_and_comes_first(company: Company) -> None:
    other = make_pipeline("other", "airflow", schedules=(cron("0 4 * * *"),))
    company.extra = (other,)
    company.others = (EdgeConfig(upstream=str(other.key), downstream=str(DOWN)),)
    company.ran("2026-03-02T04:00Z")
    company.ran("2026-03-02T04:00Z", RunState.FAILED, of=other.key)
    decision = company.decide("2026-03-02T05:00Z")
    assert decision.disposition is Disposition.HOLD
    assert [finding.upstream[-1] for finding in decision.findings] == ["other", "ingest"]


def test_an_asset_of_dagster_gates_by_its_materializations_and_checks(company: Company) -> None:
    company.others = (EdgeConfig(upstream="orders", downstream=str(DOWN)),)
    company.ran("2026-03-02T04:00Z")
    assert company.decide("2026-03-02T05:00Z").disposition is Disposition.WAIT  # nothing known
    made = at("2026-03-02T04:30Z")
    company.assets = {("orders",): AssetFact(made)}
    assert company.decide("2026-03-02T05:00Z").disposition is Disposition.RUN
    company.gate = {"requires": "new_data"}
    company.assets = {("orders",): AssetFact(at("2026-02-01T00:00Z"))}
    assert summary(company.decide("2026-03-02T05:00Z")) == (
        "orders has not been materialized since the last run; before that at 2026-02-01 00:00 UTC."
    )
    company.gate = {}
    company.assets = {("orders",): AssetFact(made, failed_at=made + HOUR)}
    assert company.decide("2026-03-02T06:00Z").disposition is Disposition.HOLD


def test_checks_that_a_gate_names_must_have_passed_too(company: Company) -> None:
    """Of a pipeline and of an asset alike."""
    company.gate = {"upstream": "airflow/*", "checks": ["no_order_is_lost"]}
    company.ran("2026-03-02T04:00Z")
    decision = company.decide("2026-03-02T05:00Z")
    assert decision.disposition is Disposition.WAIT
    assert summary(decision) == "airflow/ingest has not been checked by no_order_is_lost."
    company.assets = {UP.path: AssetFact(checks={"no_order_is_lost": False})}
    decision = company.decide("2026-03-02T05:00Z")
    assert decision.disposition is Disposition.HOLD
    assert summary(decision) == "airflow/ingest does not pass no_order_is_lost."
    company.assets = {UP.path: AssetFact(checks={"no_order_is_lost": True})}
    assert company.decide("2026-03-02T05:00Z").disposition is Disposition.RUN


def test_only_edges_that_a_gate_names_gate(company: Company) -> None:
    company.gate = {"upstream": "airflow/other"}
    company.ran("2026-03-02T04:00Z", RunState.FAILED)
    decision = company.decide("2026-03-02T05:00Z")
    assert decision.findings == ()
    assert decision.disposition is Disposition.RUN


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
crons = st.one_of(
    st.builds("{} {} * * *".format, st.integers(0, 59), st.integers(0, 23)),
    st.builds("{} * * * *".format, st.integers(0, 59)),
    st.builds("{} {} * * {}".format, st.integers(0, 59), st.integers(0, 23), st.integers(0, 6)),
)
rules = st.builds(cron, crons, zones)
instants = st.datetimes(
    min_value=datetime(2025, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(2027, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def asked(upstream: Schedule, downstream: Schedule, now: datetime) -> tuple[Occasion, Requirement]:
    from meta_orch.dependencies.gates.windows import occasion_of

    edge = Edge(UP.path, DOWN.path, EdgeKind.DECLARED, "a test says so")
    gate = GateConfig(downstream="*")
    occasion = occasion_of([downstream], now, last_due=None, last_started=None)
    return occasion, Requirement(edge, gate, Cadence((upstream,)))


def succeeded(dues: Iterable[datetime]) -> Facts:
    return Facts(
        runs=tuple(
            RunFact(str(due), RunState.SUCCEEDED, due, due, due + MINUTE) for due in sorted(dues)
        )
    )


@given(rules, rules, instants)
def test_what_a_window_needs_is_enough_and_nothing_of_it_can_be_missing(
    upstream: Schedule, downstream: Schedule, now: datetime
) -> None:
    occasion, requirement = asked(upstream, downstream, now)
    needed = requirement.cadence.needed(occasion.window)
    later = max(now, occasion.due_at + DAY)
    assert needed
    assert all(tick <= occasion.window.end for tick in needed)

    def decided(dues: Iterable[datetime]) -> Decision:
        return decide(DOWN.path, occasion, [requirement], {UP.path: succeeded(dues)}, later)

    assert decided(needed).disposition is Disposition.RUN
    for number in range(min(len(needed), 3)):
        rest = [tick for tick in needed if tick != needed[number]]
        assert not decided(rest).may_run


@given(rules, rules, instants)
def test_every_tick_of_an_upstream_is_needed_by_one_run_or_by_those_up_to_its_next(
    upstream: Schedule, downstream: Schedule, now: datetime
) -> None:
    """Nothing falls between two windows, also where the clocks change between them."""
    period = Window(now, now + 15 * DAY)
    dues = ticks([downstream], period)
    if len(dues) < 2:
        return
    from meta_orch.dependencies.gates.windows import occasion_at

    cadence = Cadence((upstream,))
    needed = {
        tick for due in dues[1:] for tick in cadence.needed(occasion_at([downstream], due).window)
    }
    assert set(ticks([upstream], Window(dues[0], dues[-1]))) <= needed


@given(rules, rules, instants, st.lists(st.sampled_from(list(RunState)), max_size=4))
def test_it_never_runs_where_the_last_outcome_of_a_needed_tick_is_no_success(
    upstream: Schedule, downstream: Schedule, now: datetime, states: list[RunState]
) -> None:
    occasion, requirement = asked(upstream, downstream, now)
    needed = requirement.cadence.needed(occasion.window)
    runs = tuple(
        RunFact(
            str(number),
            state,
            needed[-1],
            needed[-1],
            needed[-1] + (number + 1) * MINUTE if state.is_terminal else None,
        )
        for number, state in enumerate(states)
    )
    good = succeeded(needed[:-1]).runs
    facts = {UP.path: Facts(runs=(*good, *runs))}
    decision = decide(DOWN.path, occasion, [requirement], facts, occasion.due_at + HOUR)
    is_good = bool(states) and all(s.is_terminal for s in states)
    is_good = is_good and states[-1] is RunState.SUCCEEDED
    assert decision.may_run is is_good
