"""The subjects, and how a test gets one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from meta_orch.demo.servers import DagsterServer
from meta_orch_tests.contract.airflow import live_airflow, recorded_airflow
from meta_orch_tests.contract.dagster import LOCATION, MODULE, live_dagster
from meta_orch_tests.contract.fake import FakeSubject
from meta_orch_tests.contract.prefect import live_prefect, recorded_prefect
from meta_orch_tests.contract.simulated_airflow import SIMULATED
from meta_orch_tests.contract.subject import Subject, Watcher

Open = Callable[[pytest.FixtureRequest, str], Subject]
"""From the test and its label, the subject."""

SUBJECTS: Mapping[str, Open] = {
    "fake": lambda _, label: FakeSubject(label),
    "airflow-3.3.2-recorded": recorded_airflow("3.3.2"),
    "airflow-3.0.6-recorded": recorded_airflow("3.0.6"),
    "airflow-2.11.2-recorded": recorded_airflow("2.11.2"),
    **SIMULATED,
    "airflow-live": live_airflow,
    "prefect-3.8.8-recorded": recorded_prefect,
    "prefect-live": live_prefect,
    "dagster-live": live_dagster,
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(feature): fails, strictly, on the subjects that lack the feature"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" in metafunc.fixturenames:
        metafunc.parametrize(
            "subject",
            [
                pytest.param(name, marks=[pytest.mark.live] if name.endswith("-live") else [])
                for name in SUBJECTS
            ],
            indirect=True,
        )


@pytest.fixture(scope="package")
def dagster_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterServer]:
    """A running Dagster with the code location of its adapter's tests."""
    folder = tmp_path_factory.mktemp("dagster")
    settings = {"PYTHONPATH": str(Path(__file__).parents[2])}  # the location is a test's module
    with DagsterServer(folder, locations={LOCATION: MODULE}, settings=settings) as server:
        yield server


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    label = request.node.originalname.removeprefix("test_")
    opened = SUBJECTS[request.param](request, label)
    for mark in request.node.iter_markers("needs"):
        for feature in mark.args:
            if feature in opened.lacks:
                reason = f"{opened.type} has not {feature}: {opened.lacks[feature]}"
                request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def watcher(subject: Subject) -> Iterator[Watcher]:
    with subject.connect() as orchestrator:
        yield Watcher(subject, orchestrator)
