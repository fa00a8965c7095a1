from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, Definitions, build_sensor_context
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meta_orch.config import ConfigError, InstanceConfig, MetaOrchConfig, StoreConfig
from meta_orch.defs import build_definitions, names
from meta_orch.defs.actions import ACTIONS_KEY
from meta_orch.defs.assets import pipeline_specs
from meta_orch.defs.checks import build_checks
from meta_orch.defs.connection import connect_from
from meta_orch.defs.incidents import INCIDENTS_KEY
from meta_orch.defs.jobs import build_jobs
from meta_orch.defs.starting import Starter
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import Catalogue
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.store import Store, StoreError
from meta_orch.testing.builders import NOON, make_pipeline
from meta_orch_tests.defs.support import NAME, World

INSTANCES = (
    InstanceConfig(name="airflow_prod", type="airflow", url="http://airflow.example"),
    InstanceConfig(name="prefect_prod", type="prefect", url="http://prefect.example/api"),
)


def config_for(folder: Path, *instances: InstanceConfig) -> MetaOrchConfig:
    return MetaOrchConfig(instances=instances, store=StoreConfig(path=folder / "store.duckdb"))


def keep(config: MetaOrchConfig, *pipelines: Pipeline) -> None:
    with Store(config.store.path).write() as writer:
        for name in {pipeline.key.instance for pipeline in pipelines}:
            own = tuple(p for p in pipelines if p.key.instance == name)
            writer.save_catalogue(name, Catalogue(own, "1"), NOON)


def assets_of(defs: Definitions) -> set[str]:
    """Of the instances and their pipelines."""
    keys = defs.resolve_asset_graph().external_asset_keys - {ACTIONS_KEY, INCIDENTS_KEY}
    return {key.to_user_string() for key in keys}


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_sockets")
def test_the_location_loads_without_a_socket(tmp_path: Path) -> None:
    config = config_for(tmp_path, *INSTANCES)
    keep(
        config,
        make_pipeline("orders", "airflow_prod"),
        make_pipeline("serve/nightly", "prefect_prod", orchestrator="prefect"),
    )

    defs = build_definitions(config)

    Definitions.validate_loadable(defs)
    assert assets_of(defs) == {
        "airflow_prod",
        "airflow_prod/orders",
        "prefect_prod",
        "prefect_prod/serve/nightly",
    }


def test_an_empty_store_loads_with_the_sensors_that_fill_it(tmp_path: Path) -> None:
    defs = build_definitions(config_for(tmp_path, *INSTANCES))
    assert assets_of(defs) == {"airflow_prod", "prefect_prod"}
    for name in ("airflow_prod__collector", "prefect_prod__collector"):
        sensor = defs.resolve_sensor_def(name)
        assert sensor.minimum_interval_seconds == 30
        assert sensor.default_status.value == "RUNNING"


def test_a_configuration_without_instances_loads(tmp_path: Path) -> None:
    Definitions.validate_loadable(build_definitions(config_for(tmp_path)))


def test_an_instance_that_was_taken_out_of_the_file_is_no_longer_shown(tmp_path: Path) -> None:
    keep(
        config_for(tmp_path, *INSTANCES),
        make_pipeline("orders", "airflow_prod"),
        make_pipeline("serve", "prefect_prod"),
    )
    defs = build_definitions(config_for(tmp_path, INSTANCES[0]))
    assert assets_of(defs) == {"airflow_prod", "airflow_prod/orders"}


def test_the_dagster_that_meta_orch_runs_in_is_collected_and_not_shown_twice(
    world: World,
) -> None:
    world.others = (InstanceConfig(name="here", type="dagster"),)
    world.finish("orders")
    world.tick()
    job = world.load().resolve_job_def(f"{NAME}__mirror_backlog")
    assert job.execute_in_process(instance=world.dagster).success
    runs = len(world.dagster.get_runs())

    defs = build_definitions(world.config, connect=connect_from)
    context = build_sensor_context(instance=world.dagster)
    defs.resolve_sensor_def("here__collector")(context)

    with world.store.read() as reader:
        assert [p.key.name for p in reader.pipelines("here")] == [f"{NAME}__mirror_backlog"]
    assert assets_of(world.load()) == {NAME, f"{NAME}/orders", "here"}
    assert len(world.dagster.get_runs()) == runs
    assert world.dagster.get_latest_materialization_event(AssetKey(["here"]))


def test_a_file_that_is_no_store_is_named_with_what_to_do(tmp_path: Path) -> None:
    config = config_for(tmp_path, *INSTANCES)
    config.store.path.write_text("no database")
    with pytest.raises(StoreError, match=r"store\.duckdb"):
        build_definitions(config)


def test_without_a_configuration_the_location_says_how_to_write_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_ORCH_CONFIG", str(tmp_path / "meta_orch.yaml"))
    from meta_orch.definitions import defs

    with pytest.raises(ConfigError, match="meta-orch init"):
        defs.load_fn()  # type: ignore[attr-defined]


NAMES = st.text(min_size=1).filter(lambda name: all(name.split("/")))
PIPELINES = st.builds(
    Pipeline,
    key=st.builds(PipelineKey, st.sampled_from(["airflow_prod", "prefect_prod"]), NAMES),
    orchestrator=st.text(min_size=1),
    native_id=st.text(),
    description=st.none() | st.text(),
    owners=st.lists(st.text(min_size=1) | st.emails(), max_size=3).map(tuple),
    tags=st.lists(st.text(min_size=1), max_size=3).map(tuple),
    is_paused=st.booleans(),
    url=st.none() | st.text(),
    source_path=st.none() | st.text(),
    version=st.none() | st.text(),
    schedules=st.lists(
        st.builds(Schedule, kind=st.sampled_from(ScheduleKind), expression=st.none() | st.text()),
        max_size=2,
    ).map(tuple),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pipelines=st.lists(PIPELINES, max_size=4, unique_by=lambda pipeline: pipeline.key))
def test_no_pipeline_keeps_the_location_from_loading(pipelines: list[Pipeline]) -> None:
    instances = {instance.name: instance for instance in INSTANCES}
    keys = [pipeline.key for pipeline in pipelines]
    jobs = names.job_names(keys)
    starter = Starter(Store("never opened"), connect_from, lambda: NOON)
    defs = Definitions(
        assets=pipeline_specs(pipelines, instances, jobs=jobs),
        asset_checks=build_checks(
            keys,
            MetaOrchConfig(instances=INSTANCES),
            Store("never opened"),
            lambda: NOON,
            gated=keys,
            promised=keys,
        ),
        jobs=build_jobs(pipelines, instances, jobs, starter),
    )
    Definitions.validate_loadable(defs)
    assert len(assets_of(defs) - {"airflow_prod", "prefect_prod"}) == len(pipelines)


def test_importing_the_definitions_reads_nothing(tmp_path: Path) -> None:
    """So that tools may import the module wherever they are."""
    environment = {**os.environ, "META_ORCH_CONFIG": str(tmp_path / "none.yaml")}
    done = subprocess.run(
        [sys.executable, "-c", "import meta_orch.definitions"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_definitions_imports_no_client_that_takes_long() -> None:
    """Each is imported where it is called: a code location is loaded often."""
    clients = ("airflow_client", "prefect", "openlineage", "matplotlib", "pandas", "ortools")
    program = f"import sys, meta_orch.defs; print([c for c in {clients} if c in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
