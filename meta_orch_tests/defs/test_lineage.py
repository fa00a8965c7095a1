"""OpenLineage events, as the location reads and shows them."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from meta_orch.config.models import OpenLineageConfig
from meta_orch.defs.lineage import SENSOR_NAME, LineageNotRead
from meta_orch_tests.defs.support import NAME, World


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def company(world: World, file: Path) -> World:
    world.openlineage = (OpenLineageConfig(file=file),)
    for pipeline in ("orders", "report"):
        world.fake.add_pipeline(pipeline)
    world.tick()
    return world


def tell(file: Path, job: str, **datasets: str) -> None:
    event = {
        "eventTime": "2026-03-01T06:00:00Z",
        "job": {"namespace": NAME, "name": job},
        **{part: [{"namespace": "s3://lake", "name": name}] for part, name in datasets.items()},
    }
    with file.open("a") as events:
        events.write(f"{json.dumps(event)}\n")


def look(world: World) -> str | None:
    sensor = world.load().resolve_sensor_def(SENSOR_NAME)
    result = sensor(dg.build_sensor_context(instance=world.dagster))
    assert isinstance(result, dg.SkipReason)
    return result.skip_message


def test_the_asset_of_what_reads_depends_on_that_of_what_writes(company: World, file: Path) -> None:
    tell(file, "orders.load", outputs="orders")
    tell(file, "report.read", inputs="orders")
    assert look(company) == "2 events read"
    graph = company.load().resolve_asset_graph()
    report = dg.AssetKey([NAME, "report"])
    assert graph.get(report).parent_keys == {dg.AssetKey([NAME, "orders"])}


def test_what_changed_is_shown_when_the_pipelines_are_next_read(company: World, file: Path) -> None:
    company.load()
    with company.store.read() as reader:
        assert reader.edges() == ()
    tell(file, "orders.load", outputs="orders")
    tell(file, "report.read", inputs="orders")
    look(company)
    company.wait(minutes=6)
    company.tick()
    with company.store.read() as reader:
        (edge,) = reader.edges()
    assert edge.evidence == "shares s3://lake/orders, as OpenLineage tells"


def test_a_source_that_cannot_be_read_fails_the_tick_and_the_others_are_read(
    company: World, file: Path, tmp_path: Path
) -> None:
    away = OpenLineageConfig.model_validate({"url": "http://127.0.0.1:9"})
    company.openlineage = (away, *company.openlineage)
    tell(file, "orders.load", outputs="orders")
    with pytest.raises(LineageNotRead, match=r"http://127\.0\.0\.1:9"):
        look(company)
    with company.store.read() as reader:
        assert len(reader.lineage.uses([str(file)])) == 1


def test_without_sources_there_is_no_sensor(world: World) -> None:
    assert not [s for s in world.load().sensors or () if s.name == SENSOR_NAME]
