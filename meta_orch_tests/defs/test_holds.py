"""Pipelines of another orchestrator that a gate keeps from running, tick by tick."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from meta_orch.config import EdgeConfig
from meta_orch.config.models import GateConfig
from meta_orch.defs import metadata
from meta_orch.defs.actions import ACTIONS_KEY
from meta_orch.domain.actions import Action, ActionKind, Outcome
from meta_orch.domain.holds import Hold, HoldState
from meta_orch.domain.overrides import Override
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import RunDetails
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron
from meta_orch.orchestrators.base import ActingRefused, Unreachable
from meta_orch.testing.builders import make_run
from meta_orch_tests.defs.support import NAME, World

REPORT = PipelineKey(NAME, "report")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def daily(world: World) -> World:
    """Orders at five and a report at six that waits for them, on a morning at 05:30; both have
    succeeded the day before."""
    world.edges = (EdgeConfig(upstream=f"{NAME}/orders", downstream=f"{NAME}/report"),)
    world.gates = (GateConfig(downstream=f"{NAME}/report"),)
    world.fake.add_pipeline("orders", schedules=(cron("0 5 * * *"),))
    world.fake.add_pipeline("report", schedules=(cron("0 6 * * *"),))
    world.wait(hours=5)
    run(world, "orders")
    world.wait(hours=1)
    run(world, "report")
    world.wait(hours=23)
    run(world, "orders", RunState.FAILED)
    world.wait(minutes=30)
    world.tick()
    world.tick()
    return world


def run(world: World, name: str, state: RunState = RunState.SUCCEEDED) -> None:
    """A run that was due now, and took a minute."""
    world.fake.add_run(
        make_run(
            f"{name}_{world.now():%d_%H_%M}",
            world.fake.pipeline(name),
            state,
            scheduled_at=world.now(),
            started_at=world.now(),
            ended_at=world.now() + MINUTE,
        )
    )


def is_paused(world: World) -> bool:
    return world.fake.pipeline("report").is_paused


def hold(world: World) -> Hold:
    with world.store.read() as reader:
        return reader.last_holds(NAME)[REPORT]


def actions(world: World) -> list[tuple[ActionKind, Outcome]]:
    """The first first."""
    return [(action.kind, action.outcome) for action in reversed(recorded(world))]


def recorded(world: World) -> tuple[Action, ...]:
    with world.store.read() as reader:
        return reader.actions()


def hold_it(world: World) -> None:
    world.wait(minutes=29)
    world.tick()
    assert is_paused(world)


def make_orders_good(world: World) -> None:
    failed = next(run for run in world.fake.runs if run.state is RunState.FAILED)
    world.fake.edit_state(failed.key, RunState.SUCCEEDED)


def test_a_pipeline_is_paused_shortly_before_a_run_that_must_not_begin(daily: World) -> None:
    assert not is_paused(daily)
    daily.wait(minutes=27)
    daily.tick()
    assert not is_paused(daily)
    daily.wait(minutes=2)
    assert "1 held" in daily.said()
    assert is_paused(daily)
    assert hold(daily).state is HoldState.HELD
    assert hold(daily).reason.startswith("fake/orders failed at")
    (done,) = recorded(daily)
    assert (done.kind, done.outcome) == (ActionKind.PAUSE, Outcome.DONE)
    assert (done.before, done.after) == ("active", "paused")
    assert (done.by, done.through) == ("gate", "sensor fake__collector")


def test_it_is_resumed_when_its_upstream_is_made_good(daily: World) -> None:
    hold_it(daily)
    daily.wait(minutes=30)
    daily.tick()
    assert is_paused(daily)
    make_orders_good(daily)
    assert "1 released" in daily.said()
    assert not is_paused(daily)
    assert hold(daily).state is HoldState.RELEASED
    assert actions(daily) == [
        (ActionKind.PAUSE, Outcome.DONE),
        (ActionKind.RESUME, Outcome.DONE),
    ]


def test_where_the_tick_that_passed_is_lost_a_run_is_started_for_it(daily: World) -> None:
    daily.fake.runs_missed_ticks = False
    hold_it(daily)
    daily.wait(minutes=30)
    make_orders_good(daily)
    daily.tick()
    assert [kind for kind, _ in actions(daily)] == [
        ActionKind.PAUSE,
        ActionKind.START_RUN,
        ActionKind.RESUME,
    ]
    (started,) = [run for run in daily.fake.runs if run.key.run_id.startswith("requested")]
    assert started.key.pipeline == REPORT
    daily.tick()
    daily.tick()
    assert len(recorded(daily)) == 3


def test_no_run_is_started_where_it_is_resumed_before_it_was_due(daily: World) -> None:
    daily.fake.runs_missed_ticks = False
    hold_it(daily)
    make_orders_good(daily)
    daily.tick()
    assert not is_paused(daily)
    assert [kind for kind, _ in actions(daily)] == [ActionKind.PAUSE, ActionKind.RESUME]


def test_what_a_person_paused_is_left_alone(daily: World) -> None:
    daily.wait(minutes=29)
    daily.fake.pause("report")
    daily.tick()
    make_orders_good(daily)
    daily.tick()
    assert is_paused(daily)
    assert recorded(daily) == ()


def test_what_a_person_resumes_is_not_held_again_for_the_same_run(daily: World) -> None:
    hold_it(daily)
    daily.fake.pause("report", is_paused=False)
    daily.tick()
    daily.tick()
    assert not is_paused(daily)
    assert hold(daily).state is HoldState.ENDED_BY_HAND


def test_an_override_releases_it(daily: World) -> None:
    hold_it(daily)
    now = daily.now()
    said = Override(REPORT.path, "anna", "the figures are fine", now, now + 60 * MINUTE)
    with daily.store.write() as writer:
        writer.save_override(said)
    daily.tick()
    assert not is_paused(daily)
    assert "the figures are fine" in str(hold(daily).ended_because)


def test_a_hold_ends_by_itself_after_as_long_as_it_may_last(daily: World) -> None:
    daily.gates = (GateConfig(downstream=f"{NAME}/report", hold_at_most=timedelta(hours=2)),)
    hold_it(daily)
    daily.wait(hours=2)
    daily.tick()
    assert is_paused(daily)
    daily.wait(minutes=2)
    daily.tick()
    assert not is_paused(daily)
    assert hold(daily).state is HoldState.EXPIRED
    daily.tick()
    assert not is_paused(daily)


def test_a_run_that_is_skipped_is_held_until_it_is_past(daily: World) -> None:
    daily.gates = (GateConfig(downstream=f"{NAME}/report", on_failure="skip"),)
    daily.fake.runs_missed_ticks = False
    hold_it(daily)
    daily.wait(minutes=2)
    daily.tick()
    assert not is_paused(daily)
    assert hold(daily).state is HoldState.SKIPPED
    assert [kind for kind, _ in actions(daily)] == [ActionKind.PAUSE, ActionKind.RESUME]
    daily.tick()
    assert not is_paused(daily)


def test_where_it_would_run_for_the_tick_it_missed_that_is_skipped_and_on_record(
    daily: World,
) -> None:
    daily.gates = (GateConfig(downstream=f"{NAME}/report", on_failure="skip"),)
    hold_it(daily)
    daily.wait(minutes=2)
    daily.tick()
    assert "skip_tick" in daily.fake.calls
    assert actions(daily) == [
        (ActionKind.PAUSE, Outcome.DONE),
        (ActionKind.SKIP_TICK, Outcome.DONE),
        (ActionKind.RESUME, Outcome.DONE),
    ]


def test_the_tick_that_passed_is_not_lost_where_the_gate_is_taken_out(daily: World) -> None:
    daily.fake.runs_missed_ticks = False
    hold_it(daily)
    daily.wait(minutes=30)
    daily.gates = ()
    daily.tick()
    assert [kind for kind, _ in actions(daily)] == [
        ActionKind.PAUSE,
        ActionKind.START_RUN,
        ActionKind.RESUME,
    ]


def test_the_first_run_of_all_is_held_and_skipped_like_any_other(daily: World) -> None:
    daily.gates = (GateConfig(downstream=f"{NAME}/report", on_failure="skip"),)
    for reported in [run for run in daily.fake.runs if run.key.pipeline == REPORT]:
        with daily.store.write() as writer:
            writer.save_details(NAME, RunDetails((), ()), [reported.key], daily.now())
    hold_it(daily)
    daily.wait(minutes=2)
    daily.tick()
    assert hold(daily).state is HoldState.SKIPPED


def test_a_hold_goes_on_where_the_process_died_after_pausing(daily: World) -> None:
    hold_it(daily)
    planned = replace(hold(daily), state=HoldState.PLANNED)
    with daily.store.write() as writer:  # as it was before the last thing that was written
        writer.save_hold(planned)
    daily.tick()
    assert hold(daily).state is HoldState.HELD
    make_orders_good(daily)
    daily.tick()
    assert not is_paused(daily)


def test_a_hold_that_came_to_nothing_does_not_make_a_persons_pause_ours(daily: World) -> None:
    """As a process leaves it that died after its first write."""
    daily.wait(minutes=29)
    planned = Hold(
        id="planned",
        pipeline=REPORT,
        due_at=daily.now() + MINUTE,
        owner="gate",
        reason="fake/orders failed",
        begun_at=daily.now(),
        expires_at=daily.now() + timedelta(days=1),
        state=HoldState.PLANNED,
    )
    with daily.store.write() as writer:
        writer.save_hold(planned)
    daily.fake.pause("report")
    daily.tick()
    assert hold(daily).state is HoldState.ENDED_BY_HAND
    make_orders_good(daily)
    daily.tick()
    assert is_paused(daily)
    assert recorded(daily) == ()


def test_a_gate_that_is_taken_out_lets_go(daily: World) -> None:
    hold_it(daily)
    daily.gates = ()
    daily.tick()
    assert not is_paused(daily)
    assert hold(daily).ended_because == "no gate names it any more"


def test_a_dry_run_records_what_it_would_have_done_and_pauses_nothing(daily: World) -> None:
    daily.acting = "dry-run"
    daily.fake.runs_missed_ticks = False
    daily.wait(minutes=29)
    daily.tick()
    daily.tick()
    assert not is_paused(daily)
    assert hold(daily).is_dry_run
    daily.wait(minutes=30)
    make_orders_good(daily)
    daily.tick()
    assert actions(daily) == [
        (ActionKind.PAUSE, Outcome.DRY_RUN),
        (ActionKind.START_RUN, Outcome.DRY_RUN),
        (ActionKind.RESUME, Outcome.DRY_RUN),
    ]


def test_what_is_held_is_let_go_when_acting_becomes_a_dry_run(daily: World) -> None:
    hold_it(daily)
    daily.acting = "dry-run"
    daily.tick()
    assert not is_paused(daily)


def test_a_read_only_instance_is_never_touched(daily: World) -> None:
    daily.fake.read_only = True
    daily.wait(minutes=29)
    daily.tick()
    assert not is_paused(daily)
    assert recorded(daily) == ()


def test_a_pause_that_is_refused_is_recorded_and_not_tried_again(
    daily: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ActingRefused(NAME, "the login may not pause")

    monkeypatch.setattr(daily.fake, "set_paused", refuse)
    daily.wait(minutes=29)
    assert "the login may not pause" in daily.said()
    daily.tick()
    (failed,) = recorded(daily)
    assert failed.outcome is Outcome.FAILED
    assert failed.message == "fake: the login may not pause"


def test_a_pause_that_got_no_answer_is_tried_again(
    daily: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object, **__: object) -> None:
        raise Unreachable(NAME, "no answer")

    with monkeypatch.context() as patch:
        patch.setattr(daily.fake, "set_paused", lose)
        daily.wait(minutes=29)
        daily.tick()
    assert actions(daily) == [(ActionKind.PAUSE, Outcome.FAILED)]
    daily.tick()
    assert is_paused(daily)
    assert actions(daily) == [(ActionKind.PAUSE, Outcome.DONE)]


def test_what_was_done_is_listed_by_an_asset(daily: World) -> None:
    hold_it(daily)
    event = daily.dagster.get_latest_materialization_event(ACTIONS_KEY)
    assert event is not None
    assert event.asset_materialization is not None
    assert "fake/report" in str(event.asset_materialization.metadata[metadata.ACTIONS])


def test_what_does_not_fit_in_a_tick_is_held_by_the_next_and_what_is_due_first_comes_first(
    daily: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"late_{minute}" for minute in (2, 1)]
    for name in names:
        daily.fake.add_pipeline(name, schedules=(cron(f"{name[-1]} 6 * * *"),))
    daily.edges += tuple(
        EdgeConfig(upstream=f"{NAME}/orders", downstream=f"{NAME}/{name}") for name in names
    )
    daily.gates = (GateConfig(downstream="*"),)
    daily.tick()
    daily.wait(minutes=30)
    set_paused = daily.fake.set_paused

    def slowly(pipeline: Pipeline, *, is_paused: bool) -> None:
        daily.wait(seconds=30)
        set_paused(pipeline, is_paused=is_paused)

    monkeypatch.setattr(daily.fake, "set_paused", slowly)

    def held() -> list[str]:
        return [p for p in ("report", *sorted(names)) if daily.fake.pipeline(p).is_paused]

    assert "more to hold or release" in daily.said()
    assert held() == ["report", "late_1"]
    daily.tick()
    assert held() == ["report", "late_1", "late_2"]


def test_a_quiet_tick_asks_nothing_about_what_is_held(daily: World) -> None:
    hold_it(daily)
    daily.tick()
    daily.tick()
    daily.fake.calls.clear()
    daily.tick()
    assert "is_paused" not in daily.fake.calls
