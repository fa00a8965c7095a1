"""What OpenLineage events tell of jobs and their data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import parent_run, symlinks_dataset
from openlineage.client.serde import Serde
from openlineage.client.uuid import generate_new_uuid

from meta_orch.domain.lineage import DatasetUse, JobName
from meta_orch.openlineage.events import NotAnEvent, dataset_uses

RECORDING = Path(__file__).parent / "recordings" / "airflow.jsonl"
NOW = "2026-03-01T06:00:00+00:00"


def event(**settings: Any) -> dict[str, Any]:
    """As a client sends it."""
    return Serde.to_dict(
        RunEvent(
            eventType=RunState.COMPLETE,
            eventTime=NOW,
            **{"run": Run(str(generate_new_uuid())), "job": Job("prod", "orders.load"), **settings},
        )
    )


def test_a_job_reads_its_inputs_and_writes_its_outputs() -> None:
    told = event(
        inputs=[InputDataset("s3://lake", "raw/orders")],
        outputs=[OutputDataset("postgres://db:5432", "shop.public.orders")],
    )
    jobs = (JobName("prod", "orders.load"),)
    assert dataset_uses(told) == {
        DatasetUse(jobs, "s3://lake/raw/orders", is_written=False),
        DatasetUse(jobs, "postgres://db:5432/shop.public.orders", is_written=True),
    }


def test_what_a_job_is_a_part_of_is_told_with_it() -> None:
    run_id = str(generate_new_uuid())
    facet = parent_run.ParentRunFacet(
        run=parent_run.Run(run_id),
        job=parent_run.Job("prod", "orders.load"),
        root=parent_run.Root(
            run=parent_run.RootRun(run_id), job=parent_run.RootJob("prod", "orders")
        ),
    )
    told = event(
        run=Run(run_id, facets={"parent": facet}),
        job=Job("spark", "app.select"),
        inputs=[InputDataset("s3://lake", "raw")],
    )
    (use,) = dataset_uses(told)
    assert use.jobs == (
        JobName("spark", "app.select"),
        JobName("prod", "orders.load"),
        JobName("prod", "orders"),
    )


def test_a_dataset_of_several_names_is_used_by_each() -> None:
    facet = symlinks_dataset.SymlinksDatasetFacet(
        [symlinks_dataset.Identifier("hive://metastore:9083", "shop.orders", "TABLE")]
    )
    dataset = InputDataset("s3://lake", "warehouse/orders", facets={"symlinks": facet})
    uris = {use.uri for use in dataset_uses(event(inputs=[dataset]))}
    assert uris == {"s3://lake/warehouse/orders", "hive://metastore:9083/shop.orders"}


def test_an_event_of_a_job_without_a_run_tells_the_same() -> None:
    told = JobEvent(eventTime=NOW, job=Job("prod", "orders"), outputs=[OutputDataset("x", "y")])
    (use,) = dataset_uses(Serde.to_dict(told))
    assert (use.uri, use.is_written) == ("x://y", True)


def test_an_event_of_a_dataset_alone_tells_nothing() -> None:
    assert dataset_uses({"eventTime": NOW, "dataset": {"namespace": "x", "name": "y"}}) == set()


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        pytest.param([], "eventTime|list", id="a list"),
        pytest.param("orders", "str", id="a text"),
        pytest.param({}, "it has no 'eventTime'", id="nothing in it"),
        pytest.param({"eventTime": NOW, "job": {"name": "x"}}, "it has no 'namespace'", id="job"),
        pytest.param(
            {"eventTime": "noon", "job": {"name": "x", "namespace": "y"}}, "noon", id="time"
        ),
        pytest.param(
            {"eventTime": NOW, "job": {"name": "x", "namespace": "y"}, "run": {"runId": "1"}},
            "UUID",
            id="run",
        ),
        pytest.param(
            {"eventTime": NOW, "job": {"name": "x", "namespace": "y"}, "inputs": [{"name": "z"}]},
            "it has no 'namespace'",
            id="dataset",
        ),
    ],
)
def test_what_is_no_event_is_said_to_be_none(document: Any, fault: str) -> None:
    with pytest.raises(NotAnEvent, match=fault):
        dataset_uses(document)


def test_the_events_of_a_real_airflow_are_understood() -> None:
    """Recorded by `record_airflow`."""
    found: set[DatasetUse] = set()
    for line in RECORDING.read_text().splitlines():
        found |= dataset_uses(json.loads(line))
    load = (JobName("lineage", "lineage_load.steps.load"), JobName("lineage", "lineage_load"))
    report = (JobName("lineage", "lineage_report.report"), JobName("lineage", "lineage_report"))
    assert found == {
        DatasetUse(load, "file://localhost/lake/raw/orders.csv", is_written=False),
        DatasetUse(load, "file://localhost/lake/staged/orders.csv", is_written=True),
        DatasetUse(report, "file://localhost/lake/staged/orders.csv", is_written=False),
    }
