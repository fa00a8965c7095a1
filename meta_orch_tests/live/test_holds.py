"""A DAG fails; what depends on it does not run at its time, in Airflow nor in Prefect; it is fixed,
and both run. What a person paused stays paused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, Definitions, build_sensor_context

from meta_orch.config import InstanceConfig, MetaOrchConfig
from meta_orch.defs import build_definitions
from meta_orch.defs.connection import connect_from
from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import AirflowServer, PrefectServer
from meta_orch.domain.actions import ActionKind, Outcome
from meta_orch.domain.holds import HoldState
from meta_orch.domain.overrides import Override
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.orchestrators.base import Orchestrator
from meta_orch.store import Store

pytestmark = pytest.mark.live

PASSWORD = "META_ORCH_HOLDS_PASSWORD"
DEPLOYMENT = "sums/manual"
HOUR = timedelta(hours=1)
PAUSED_AND_RESUMED = [(ActionKind.PAUSE, Outcome.DONE), (ActionKind.RESUME, Outcome.DONE)]
DAGS = (
    *("held_source", "held_report", "held_skipped", "held_by_a_person"),
    *("held_overridden", "held_for_seconds"),
)
_DAGS = """\
import pendulum
from pathlib import Path
from airflow.sdk import dag, task
from airflow.providers.standard.operators.empty import EmptyOperator


@dag(schedule=None)
def held_source():
    @task
    def load():
        if not Path({fixed!r}).exists():
            raise ValueError("broken on purpose")

    load()


def report():
    EmptyOperator(task_id="only")


held_source()
for name in (
    *("held_report", "held_skipped", "held_by_a_person"),
    *("held_overridden", "held_for_seconds", "held_in_thought"),
):
    dag(dag_id=name, schedule={cron!r}, start_date=pendulum.parse({start!r}), catchup=False)(
        report
    )()
"""


def now() -> datetime:
    return datetime.now(UTC)


class Company:
    """An Airflow and a Prefect that are ticked by hand, over real servers."""

    def __init__(
        self,
        airflow: AirflowServer,
        prefect: PrefectServer,
        folder: Path,
        dagster: DagsterInstance,
        *,
        include: tuple[str, ...] = DAGS,
        acting: str = "live",
    ) -> None:
        self.airflow, self.prefect, self.dagster = airflow, prefect, dagster
        login = {
            "type": "token",
            "username": airflow.username,
            "password": f"${{{PASSWORD}}}",
        }
        common = {"read_only": False, "poll_interval": "1s", "lookback": "1h"}
        upstream = "airflow/held_source"
        self.config = MetaOrchConfig.model_validate(
            {
                "instances": [
                    {
                        **common,
                        "name": "airflow",
                        "type": "airflow",
                        "url": airflow.url,
                        "login": login,
                        "include": list(include),
                    },
                    {
                        **common,
                        "name": "prefect",
                        "type": "prefect",
                        "url": prefect.api_url,
                        "include": [DEPLOYMENT],
                    },
                ],
                "edges": [
                    {"upstream": upstream, "downstream": downstream}
                    for downstream in (
                        "airflow/held_report",
                        "airflow/held_skipped",
                        "airflow/held_by_a_person",
                        "airflow/held_overridden",
                        "airflow/held_for_seconds",
                        "airflow/held_in_thought",
                        f"prefect/{DEPLOYMENT}",
                    )
                ],
                "gates": [
                    {"downstream": "airflow/held_skipped", "on_failure": "skip"},
                    {"downstream": "airflow/held_for_seconds", "hold_at_most": "1s"},
                    {"downstream": "*"},
                ],
                "acting": acting,
                "store": {"path": str(folder / f"{acting}.duckdb")},
            }
        )
        self.store = Store(self.config.store.path)
        self.cursors: dict[str, str | None] = {}
        self.defs: Definitions | None = None
        self.adapters: list[Orchestrator] = []

    def load(self) -> None:
        self.defs = build_definitions(self.config, connect=self.connect)

    def connect(self, config: InstanceConfig, dagster: DagsterInstance) -> Orchestrator:
        adapter = connect_from(config, dagster)
        self.adapters.append(adapter)
        return adapter

    def close(self) -> None:
        for adapter in self.adapters:
            adapter.close()

    def tick(self) -> None:
        assert self.defs is not None
        for name in ("airflow", "prefect"):
            context = build_sensor_context(instance=self.dagster, cursor=self.cursors.get(name))
            self.defs.resolve_sensor_def(f"{name}__collector")(context)
            self.cursors[name] = context.cursor

    def tick_until(self, is_so: Callable[[], bool], what: str, timeout: float = 120) -> None:
        def after_a_tick() -> bool:
            self.tick()
            return is_so()

        wait_until(after_a_tick, what=what, timeout=timeout, why_not=self.describe)

    def describe(self) -> str:
        """The runs and the actions, for where something does not come about."""
        hour_ago = now() - timedelta(hours=1)
        with self.store.read() as reader:
            actions = "\n".join(map(str, reader.actions()))
        return f"{self.dag_runs('held_report')}\n{self.flow_runs(hour_ago)}\n{actions}"

    def is_paused(self, dag: str) -> bool:
        return self.airflow.request("GET", f"/api/v2/dags/{dag}")["is_paused"]

    def dag_runs(self, dag: str) -> list[dict[str, Any]]:
        return self.airflow.request("GET", f"/api/v2/dags/{dag}/dagRuns")["dag_runs"]

    @property
    def deployment(self) -> dict[str, Any]:
        return self.prefect.request("GET", f"/api/deployments/name/{DEPLOYMENT}")

    def flow_runs(self, since: datetime) -> list[dict[str, Any]]:
        wanted = {
            "deployments": {"id": {"any_": [self.deployment["id"]]}},
            "flow_runs": {
                "expected_start_time": {
                    "after_": since.isoformat(),
                    "before_": (since + timedelta(minutes=30)).isoformat(),
                }
            },
        }
        found = self.prefect.request("POST", "/api/flow_runs/filter", wanted)
        return [run for run in found if run["state_type"] != "SCHEDULED"]

    def hold_states(self) -> dict[str, HoldState]:
        with self.store.read() as reader:
            return {hold.pipeline.name: hold.state for hold in reader.last_holds().values()}

    def actions(self, pipeline: str) -> list[tuple[ActionKind, Outcome]]:
        """The first first."""
        with self.store.read() as reader:
            found = reader.actions(PipelineKey.parse(pipeline))
        return [(action.kind, action.outcome) for action in reversed(found)]


@pytest.fixture
def fixed(tmp_path: Path) -> Path:
    """There once the source is fixed."""
    return tmp_path / "fixed"


@pytest.fixture
def due_at() -> datetime:
    """When all of them are due: in one to two minutes, and once a day."""
    return (now() + timedelta(minutes=2)).replace(second=0, microsecond=0)


@pytest.fixture
def company(
    airflow_server: AirflowServer,
    prefect_server: PrefectServer,
    fixed: Path,
    due_at: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    monkeypatch.setenv(PASSWORD, airflow_server.password)
    cron = f"{due_at.minute} {due_at.hour} * * *"
    file = airflow_server.dags / "held.py"
    start = (due_at - timedelta(hours=1)).isoformat()  # or there would be a run for yesterday
    file.write_text(_DAGS.format(fixed=str(fixed), cron=cron, start=start))
    with DagsterInstance.ephemeral() as dagster:
        company = Company(airflow_server, prefect_server, fixed.parent, dagster)
        schedules = f"/api/deployments/{company.deployment['id']}/schedules"
        airflow_server.wait_for_dags([*DAGS, "held_in_thought"])
        (schedule,) = prefect_server.request(
            "POST", schedules, [{"schedule": {"cron": cron, "timezone": "UTC"}, "active": True}]
        )
        try:
            yield company
        finally:
            company.close()
            prefect_server.request("DELETE", f"{schedules}/{schedule['id']}")
            file.unlink()


@pytest.fixture
def watching(company: Company, fixed: Path) -> Iterator[Company]:
    """The same servers, with a gate that only records what it would do."""
    with DagsterInstance.ephemeral() as dagster:
        watching = Company(
            company.airflow,
            company.prefect,
            fixed.parent,
            dagster,
            include=("held_source", "held_in_thought"),
            acting="dry-run",
        )
        yield watching
        watching.close()


def test_a_failure_holds_what_depends_on_it_in_both_and_its_repair_lets_both_run(
    company: Company, watching: Company, fixed: Path, due_at: datetime
) -> None:
    airflow, prefect = company.airflow, company.prefect
    company.airflow.request(
        "PATCH", "/api/v2/dags/held_by_a_person?update_mask=is_paused", {"is_paused": True}
    )
    for each in (company, watching):
        each.load()
        each.tick()  # what there is
        each.load()
    broken = airflow.start_run("held_source")
    wait_until(
        lambda: airflow.run_state("held_source", broken) == "failed",
        what="the source to fail",
        timeout=90,
    )
    company.tick_until(
        lambda: company.is_paused("held_report") and company.deployment["paused"],
        "the DAG and the deployment to be held",
    )
    assert now() < due_at
    override = Override(
        ("airflow", "held_overridden"), "ada", "it reads no more of it", now(), due_at + HOUR
    )
    with company.store.write() as writer:
        writer.save_override(override)
    while now() < due_at + timedelta(seconds=20):
        company.tick()
        watching.tick()
        time.sleep(2)
    assert company.dag_runs("held_report") == []
    assert company.flow_runs(due_at - timedelta(minutes=1)) == []
    states = company.hold_states()
    assert states["held_report"] is states[DEPLOYMENT] is HoldState.HELD
    assert "held_by_a_person" not in states

    # What somebody lets run, and what was held for as long as may be, ran at its time.
    for dag, state in (
        ("held_overridden", HoldState.RELEASED),
        ("held_for_seconds", HoldState.EXPIRED),
    ):
        assert states[dag] is state
        assert [run["state"] for run in company.dag_runs(dag)] == ["success"]
        assert company.actions(f"airflow/{dag}") == PAUSED_AND_RESUMED

    # What is only watched ran, and it is on record that it would have been held.
    assert [run["state"] for run in company.dag_runs("held_in_thought")] == ["success"]
    assert watching.actions("airflow/held_in_thought")[0] == (ActionKind.PAUSE, Outcome.DRY_RUN)

    # The run that was to be skipped did not take place, and its DAG is on again.
    assert states["held_skipped"] is HoldState.SKIPPED
    assert not company.is_paused("held_skipped")
    (skipped,) = company.dag_runs("held_skipped")
    assert (skipped["state"], skipped["start_date"]) == ("failed", None)
    assert "held_source failed" in skipped["note"]
    assert company.actions("airflow/held_skipped") == [
        (ActionKind.PAUSE, Outcome.DONE),
        (ActionKind.SKIP_TICK, Outcome.DONE),
        (ActionKind.RESUME, Outcome.DONE),
    ]

    fixed.touch()
    good = airflow.start_run("held_source")
    wait_until(
        lambda: airflow.run_state("held_source", good) == "success",
        what="the source to succeed",
        timeout=90,
    )
    company.tick_until(
        lambda: not company.is_paused("held_report") and not company.deployment["paused"],
        "both to be released",
    )

    def both_ran() -> bool:
        dag_runs = company.dag_runs("held_report")
        flow_runs = company.flow_runs(due_at - timedelta(minutes=1))
        return [run["state"] for run in dag_runs] == ["success"] and [
            run["state_type"] for run in flow_runs
        ] == ["COMPLETED"]

    company.tick_until(both_ran, "both to run once")
    (run,) = company.dag_runs("held_report")
    assert datetime.fromisoformat(run["logical_date"]) == due_at
    for _ in range(3):
        company.tick()
    assert both_ran()
    assert company.actions("airflow/held_report") == PAUSED_AND_RESUMED
    assert company.actions(f"prefect/{DEPLOYMENT}") == [
        (ActionKind.PAUSE, Outcome.DONE),
        (ActionKind.START_RUN, Outcome.DONE),
        (ActionKind.RESUME, Outcome.DONE),
    ]
    assert company.is_paused("held_by_a_person")
    assert company.actions("airflow/held_by_a_person") == []
    assert prefect.request("GET", f"/api/deployments/name/{DEPLOYMENT}")["paused"] is False
