"""OpenLineage events into the store, and out of it as edges."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.config.models import MetaOrchConfig, OpenLineageConfig
from meta_orch.dependencies.gates import GateMap
from meta_orch.dependencies.reading import edges_in_effect, known_pipelines, read_report
from meta_orch.domain.edges import path_text
from meta_orch.domain.readings import Catalogue
from meta_orch.store import Store
from meta_orch.sync import collect_lineage
from meta_orch.testing.builders import make_pipeline

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


class Company:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "events.jsonl"
        self.file.touch()
        self.source = OpenLineageConfig(file=self.file, forget_after=timedelta(days=30))
        self.config = MetaOrchConfig(openlineage=(self.source,))
        self.store = Store(folder / "store.duckdb")
        with self.store.write() as writer:
            for instance, name in (("airflow", "orders"), ("prefect", "publish/nightly")):
                catalogue = Catalogue((make_pipeline(name, instance),), "1")
                writer.save_catalogue(instance, catalogue, NOW)

    def tell(self, namespace: str, job: str, **datasets: str) -> None:
        event = {
            "eventTime": NOW.isoformat(),
            "job": {"namespace": namespace, "name": job},
            **{part: [{"namespace": "s3://lake", "name": name}] for part, name in datasets.items()},
        }
        with self.file.open("a") as file:
            file.write(f"{json.dumps(event)}\n")

    def edges(self, config: MetaOrchConfig | None = None) -> list[str]:
        config = config or self.config
        with self.store.read() as reader:
            edges = edges_in_effect(reader, config, known_pipelines(reader, config))
            assert edges == read_report(reader, config, NOW).edges
        return [f"{path_text(edge.upstream)} -> {path_text(edge.downstream)}" for edge in edges]

    def mark(self) -> object:
        with self.store.read() as reader:
            return GateMap.mark(reader)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    company = Company(tmp_path)
    company.tell("airflow", "orders.load", outputs="orders")
    company.tell("prefect", "publish/nightly", inputs="orders")
    return company


def test_what_events_tell_makes_edges(company: Company) -> None:
    assert company.edges() == []
    before = company.mark()
    assert collect_lineage(company.source, company.store, NOW).events == 2
    assert company.edges() == ["airflow/orders -> prefect/publish/nightly"]
    assert company.mark() != before


def test_the_same_told_again_changes_nothing(company: Company) -> None:
    collect_lineage(company.source, company.store, NOW)
    before = company.mark()
    company.tell("airflow", "orders.load", outputs="orders")
    assert collect_lineage(company.source, company.store, NOW).events == 1
    assert collect_lineage(company.source, company.store, NOW).events == 0
    assert company.mark() == before


def test_what_was_not_told_for_long_counts_no_longer(company: Company) -> None:
    collect_lineage(company.source, company.store, NOW)
    company.tell("airflow", "orders.load", outputs="orders")
    collect_lineage(company.source, company.store, NOW + timedelta(days=20))
    assert company.edges() == ["airflow/orders -> prefect/publish/nightly"]
    collect_lineage(company.source, company.store, NOW + timedelta(days=31))
    assert company.edges() == []


def test_a_source_that_is_taken_out_of_the_configuration_tells_nothing(company: Company) -> None:
    collect_lineage(company.source, company.store, NOW)
    assert company.edges(MetaOrchConfig()) == []


def test_what_is_no_event_is_told_and_the_rest_is_kept(company: Company) -> None:
    with company.file.open("a") as file:
        file.write("oh no\n")
    collection = collect_lineage(company.source, company.store, NOW)
    assert collection.events == 2
    (fault,) = collection.faults
    assert fault.startswith(f"{company.file}:3: is not JSON")
