"""The catalogue of a simulated Airflow: what reading it again costs, and that it misses nothing."""

from __future__ import annotations

import logging
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import Catalogue
from meta_orch.domain.schedules import ScheduleKind
from meta_orch.orchestrators.airflow.api import AirflowApi
from meta_orch.orchestrators.airflow.dependencies import Dependencies
from meta_orch.orchestrators.answers import Fields
from meta_orch.orchestrators.base import Unreachable
from meta_orch_tests.orchestrators.airflow.servers import adapter_in_memory
from meta_orch_tests.orchestrators.airflow.simulated import MINUTE, SimulatedAirflow
from meta_orch_tests.support.loopback import Reply, Request


def known(catalogue: Catalogue) -> dict[PipelineKey, Pipeline]:
    return {pipeline.key: pipeline for pipeline in catalogue.pipelines}


def named(catalogue: Catalogue, name: str) -> Pipeline:
    (found,) = [p for p in catalogue.pipelines if p.key.name == name]
    return found


@pytest.fixture
def airflow() -> SimulatedAirflow:
    """Two hundred and fifty DAGs, all of which have been run."""
    simulated = SimulatedAirflow()
    for number in range(250):
        simulated.add_dag(f"dag_{number:03}")
    return simulated


def test_reading_again_costs_what_the_list_costs_and_three_requests_for_each_changed_dag(
    airflow: SimulatedAirflow,
) -> None:
    asked: list[str] = []
    airflow.before_each = lambda request: asked.append(request.path)
    adapter = adapter_in_memory(airflow.answer)

    def requests(kept: dict[PipelineKey, Pipeline]) -> tuple[Catalogue, int]:
        asked.clear()
        return adapter.read_catalogue(kept), len(asked)

    first, _ = requests({})
    again, unchanged = requests(known(first))
    assert again == first
    # Two for the fingerprint, three pages of DAGs, three of versions since they are all of one
    # minute, one for assets. Dependencies change with a definition alone.
    assert unchanged == 9
    airflow.now += 60 * MINUTE
    airflow.change_dag("dag_100", ["first", "second"])
    airflow.change_dag("dag_101", ["first", "second"])
    changed, cost = requests(known(again))
    assert cost == unchanged + 1 + 2 * 3  # and one for dependencies
    assert [task.name for task in named(changed, "dag_100").tasks] == ["first", "second"]
    # The rest is older than what is known, so one page of versions is enough; what changed has not
    # been run yet, so it is read once more.
    assert requests(known(changed))[1] == unchanged - 2 + 2 * 3


def test_the_latest_runs_of_many_dags_are_found_among_the_newest_of_all(
    airflow: SimulatedAirflow,
) -> None:
    """Which takes a tenth of the requests at most; those that are not among them are asked."""
    asked: list[str] = []
    airflow.before_each = lambda request: asked.append(request.path)
    adapter = adapter_in_memory(airflow.answer)

    def asked_for() -> list[str]:
        found = [path.split("/")[-2] for path in asked if path.endswith("/dagRuns")]
        asked.clear()
        return sorted(found)

    airflow.add_dag("never_ran", has_run=False)
    first = adapter.read_catalogue({})
    assert asked_for() == ["~", "~", "~"]
    assert "+" in str(named(first, "never_ran").version)
    assert "+" not in str(named(first, "dag_000").version)
    for number in range(2500):
        airflow.start(f"dag_{number % 200:03}")
    again = adapter.read_catalogue({})
    assert again == first
    rest = [*(f"dag_{number:03}" for number in range(200, 250)), "never_ran"]
    assert asked_for() == [*rest, *["~"] * 27]  # pages overlap


def test_where_the_newest_runs_cannot_be_listed_each_dag_is_asked(
    airflow: SimulatedAirflow,
) -> None:
    """Airflow answers 500 to a list with a run that does not turn into JSON."""
    expected = adapter_in_memory(airflow.answer).read_catalogue({})

    def answer(request: Request) -> Reply:
        if request.path.endswith("/dags/~/dagRuns"):
            return Reply({"detail": "Internal Server Error"}, status=500)
        return airflow.answer(request)

    assert adapter_in_memory(answer).read_catalogue({}) == expected


def test_a_dag_that_was_never_run_is_read_anew_until_it_has_been(
    airflow: SimulatedAirflow,
) -> None:
    """Airflow changes its version in place, so the version does not tell."""
    draft = airflow.add_dag("draft", has_run=False, tasks=["first"])
    adapter = adapter_in_memory(airflow.answer)
    first = adapter.read_catalogue({})
    airflow.change_dag("draft", ["first", "second"])
    assert draft.version == 1
    second = adapter.read_catalogue(known(first))
    assert [task.name for task in named(second, "draft").tasks] == ["first", "second"]
    assert named(second, "draft").version != named(first, "draft").version
    draft.has_run = True
    third = adapter.read_catalogue(known(second))
    final = named(third, "draft").version
    assert final == f"v1-{draft.version_id}"
    asked: list[str] = []
    airflow.before_each = lambda request: asked.append(request.path)
    assert adapter.read_catalogue(known(third)) == third
    assert "/api/v2/dags/draft/tasks" not in asked


def test_of_a_great_many_drafts_a_hundred_are_read_each_time(airflow: SimulatedAirflow) -> None:
    for dag in airflow.dags.values():
        dag.has_run = False
    adapter = adapter_in_memory(airflow.answer)
    first = adapter.read_catalogue({})
    asked: list[str] = []
    airflow.before_each = lambda request: asked.append(request.path)
    adapter.read_catalogue(known(first))
    assert len([path for path in asked if path.endswith("/tasks")]) == 100


def test_of_a_great_many_new_dags_all_are_there_at_once_and_their_tasks_come_in_turn(
    airflow: SimulatedAirflow,
) -> None:
    for number in range(250, 700):
        airflow.add_dag(f"dag_{number}")
    adapter = adapter_in_memory(airflow.answer)
    catalogue = Catalogue((), "")
    with_tasks = []
    for _ in range(3):
        catalogue = adapter.read_catalogue(known(catalogue))
        assert len(catalogue.pipelines) == 700
        with_tasks.append(sum(bool(pipeline.tasks) for pipeline in catalogue.pipelines))
        is_whole = catalogue.fingerprint == adapter.read_fingerprint()
        assert is_whole == (with_tasks[-1] == 700)
    assert with_tasks == [300, 600, 700]


def test_of_a_great_many_changed_dags_none_is_taken_for_unchanged(
    airflow: SimulatedAirflow,
) -> None:
    for number in range(250, 700):
        airflow.add_dag(f"dag_{number}")
    adapter = adapter_in_memory(airflow.answer)
    catalogue = Catalogue((), "")
    for _ in range(3):
        catalogue = adapter.read_catalogue(known(catalogue))
    airflow.now += 60 * MINUTE
    for dag_id in airflow.dags:
        airflow.change_dag(dag_id, ["changed"])
        airflow.dags[dag_id].has_run = True
        airflow.now += MINUTE
    for _ in range(3):
        catalogue = adapter.read_catalogue(known(catalogue))
    assert {pipeline.tasks[0].name for pipeline in catalogue.pipelines} == {"changed"}


def test_a_dag_that_airflow_cannot_show_does_not_hide_the_others(
    airflow: SimulatedAirflow, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/api/v2/dags/dag_007/details" and broken:
            return Reply({"detail": "Unable to serialize V1Pod"}, status=500)
        return airflow.answer(request)

    broken = False
    adapter = adapter_in_memory(answer)
    first = adapter.read_catalogue({})
    airflow.now += 60 * MINUTE
    airflow.change_dag("dag_007", ["changed"])
    broken = True
    with caplog.at_level(logging.WARNING):
        second = adapter.read_catalogue(known(first))
    assert len(second.pipelines) == 250
    assert "Unable to serialize V1Pod" in caplog.text
    assert [task.name for task in named(second, "dag_007").tasks] == ["only"]
    broken = False
    third = adapter.read_catalogue(known(second))
    assert [task.name for task in named(third, "dag_007").tasks] == ["changed"]


def test_a_dag_that_goes_between_the_list_and_its_details_is_left_out(
    airflow: SimulatedAirflow,
) -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/api/v2/dags/dag_007/details":
            return Reply({"detail": "not found"}, status=404)
        return airflow.answer(request)

    names = {p.key.name for p in adapter_in_memory(answer).read_catalogue({}).pipelines}
    assert names == airflow.dags.keys() - {"dag_007"}


@pytest.mark.parametrize("status", [403, 404, 500])
def test_without_the_graph_of_airflows_own_ui_all_but_triggers_is_read(
    airflow: SimulatedAirflow, status: int
) -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/ui/dependencies":
            return Reply({"detail": "Forbidden"}, status=status)
        return airflow.answer(request)

    assert len(adapter_in_memory(answer).read_catalogue({}).pipelines) == 250


def test_a_graph_that_takes_airflow_too_long_leaves_triggers_as_they_were_known() -> None:
    airflow = SimulatedAirflow()
    for name in ("parent", "child"):
        airflow.add_dag(name)
    edges = [("dag:parent", "trigger:parent:child:go"), ("trigger:parent:child:go", "dag:child")]
    is_slow = False

    def answer(request: Request) -> Reply:
        if request.path != "/ui/dependencies":
            return airflow.answer(request)
        if is_slow:
            raise Unreachable("airflow_test", "did not answer within 30 s")
        return Reply({"edges": [{"source_id": a, "target_id": b} for a, b in edges]})

    first = adapter_in_memory(answer).read_catalogue({})
    is_slow = True
    airflow.change_dag("parent", ["first", "second"])
    second = adapter_in_memory(answer).read_catalogue(known(first))
    assert len(named(second, "parent").tasks) == 2
    assert named(second, "parent").triggers == (PipelineKey("airflow_test", "child"),)


def test_the_graph_is_asked_for_after_a_change_and_for_a_hundredth_of_the_time() -> None:
    now, asked = 0.0, 0

    class Api(AirflowApi):
        def __init__(self) -> None:
            pass

        def dependencies(self) -> Fields:
            nonlocal now, asked
            now, asked = now + 30, asked + 1
            return Fields({}, "the graph")

    api, dependencies = Api(), Dependencies(clock=lambda: now)
    assert dependencies.read(api, changed=False) is not None  # the first time in any case
    now += 99 * 30
    assert dependencies.read(api, changed=False) is None
    assert dependencies.read(api, changed=True) is not None
    now += 99 * 30 - 1
    assert dependencies.read(api, changed=True) is None
    now += 1
    assert dependencies.read(api, changed=False) is not None  # what was put off is not forgotten
    assert asked == 3


def test_what_an_operator_triggers_or_a_sensor_waits_for_is_a_pipeline_where_it_is_one() -> None:
    """The target of an operator may be a template, which names no DAG."""
    airflow = SimulatedAirflow()
    for name in ("parent", "child"):
        airflow.add_dag(name)
    edges = [
        ("dag:parent", "trigger:parent:child:go"),
        ("trigger:parent:child:go", "dag:child"),
        ("dag:parent", "trigger:parent:{{ x }}:maybe"),
        ("trigger:parent:{{ x }}:maybe", "dag:{{ x }}"),
        ("dag:parent", "sensor:parent:child:wait"),
        ("sensor:parent:child:wait", "dag:child"),
        ("dag:parent", "asset:1"),
        ("asset:1", "dag:child"),
    ]

    def answer(request: Request) -> Reply:
        if request.path == "/ui/dependencies":
            return Reply({"edges": [{"source_id": a, "target_id": b} for a, b in edges]})
        return airflow.answer(request)

    catalogue = adapter_in_memory(answer).read_catalogue({})
    assert named(catalogue, "parent").triggers == (PipelineKey("airflow_test", "child"),)
    assert named(catalogue, "child").triggers == ()
    assert named(catalogue, "child").waits_for == (PipelineKey("airflow_test", "parent"),)
    assert named(catalogue, "parent").waits_for == ()


def test_a_zone_that_shows_when_the_clocks_change_is_looked_for_again() -> None:
    """London reads as UTC in winter. The definition has not changed in summer, but its next run
    contradicts what is known."""
    airflow = SimulatedAirflow()
    airflow.add_dag("daily")
    next_run = "2026-03-28T05:00:00Z"

    def answer(request: Request) -> Reply:
        reply = airflow.answer(request)
        stated = {"timetable_summary": "0 5 * * *", "next_dagrun_run_after": next_run}
        if request.path == "/api/v2/dags/daily/details":
            reply.body.update(stated, timezone="UTC")
        elif request.path == "/api/v2/dags":
            for dag in reply.body["dags"]:
                dag.update(stated)
        elif request.path == "/api/v2/dagSources/daily":
            return Reply({"content": 'tz="Europe/London"'})
        return reply

    adapter = adapter_in_memory(answer)
    winter = adapter.read_catalogue({})
    assert named(winter, "daily").schedules[0].timezone == "UTC"
    next_run = "2026-03-29T04:00:00Z"
    summer = adapter.read_catalogue(known(winter))
    (schedule,) = named(summer, "daily").schedules
    assert (schedule.kind, schedule.timezone) == (ScheduleKind.CRON, "Europe/London")


actions = st.lists(
    st.tuples(st.sampled_from(["add", "change", "run", "remove", "pause"]), st.integers(0, 9)),
    max_size=8,
)


@given(st.lists(actions, max_size=5))
def test_reading_with_what_was_known_gives_what_reading_afresh_gives(
    rounds: list[list[tuple[str, int]]],
) -> None:
    airflow = SimulatedAirflow()
    adapter = adapter_in_memory(airflow.answer)
    kept: dict[PipelineKey, Pipeline] = {}
    for changes in rounds:
        for action, which in changes:
            airflow.now += MINUTE
            act(airflow, action, f"dag_{which}")
        read = adapter.read_catalogue(kept)
        assert read == adapter.read_catalogue({})
        kept = known(read)


@given(actions, st.sampled_from(["add", "change", "remove", "pause"]), st.integers(0, 9))
def test_the_fingerprint_shows_each_change_of_what_has_been_run(
    before: list[tuple[str, int]], action: str, which: int
) -> None:
    airflow = SimulatedAirflow()
    adapter = adapter_in_memory(airflow.answer)
    for past, number in before:
        airflow.now += MINUTE
        act(airflow, past, f"dag_{number}")
    for dag in airflow.dags.values():
        dag.has_run = True
    fingerprint = adapter.read_fingerprint()
    assert adapter.read_fingerprint() == fingerprint
    there = set(airflow.dags)
    airflow.now += MINUTE
    act(airflow, action, f"dag_{which}")
    if is_a_change(action, f"dag_{which}", there):
        assert adapter.read_fingerprint() != fingerprint


def act(airflow: SimulatedAirflow, action: str, dag_id: str) -> None:
    if action == "add":
        if dag_id not in airflow.dags:
            airflow.add_dag(dag_id, made_at=airflow.now, has_run=False)
    elif dag_id not in airflow.dags:
        return
    elif action == "change":
        airflow.change_dag(dag_id, [*airflow.dags[dag_id].tasks, f"task_{airflow.now:%H%M}"])
    elif action == "run":
        airflow.dags[dag_id].has_run = True
    elif action == "remove":
        del airflow.dags[dag_id]
    else:
        airflow.dags[dag_id].is_paused = not airflow.dags[dag_id].is_paused


def is_a_change(action: str, dag_id: str, there: Collection[str]) -> bool:
    return (dag_id in there) != (action == "add")
