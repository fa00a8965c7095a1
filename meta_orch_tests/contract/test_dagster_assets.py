"""What only a Dagster deployment tells: where the data of its assets lies."""

from __future__ import annotations

import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.demo.servers import DagsterServer
from meta_orch.domain.pipelines import AssetRef
from meta_orch.orchestrators.dagster import DagsterOrchestrator
from meta_orch_tests.contract.dagster import LOCATION

pytestmark = pytest.mark.live


def test_a_job_writes_assets_by_their_keys_and_by_where_their_data_lies(
    dagster_server: DagsterServer,
) -> None:
    config = InstanceConfig(name="d", type="dagster", url=dagster_server.url)
    with DagsterOrchestrator(config) as orchestrator:
        found = {p.key.name: p for p in orchestrator.read_catalogue({}).pipelines}
    both = found[f"{LOCATION}/both"]
    assert set(both.produces) == {
        AssetRef("raw", "raw"),
        AssetRef("s3://lake/raw", "raw"),
        AssetRef("shop.public.raw", "raw"),
        AssetRef("clean", "clean"),
    }
