from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import AssetKey
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox

from meta_orch.config import MetaOrchConfig
from meta_orch.defs import MetaOrchComponent
from meta_orch.defs.actions import ACTIONS_KEY
from meta_orch.defs.incidents import INCIDENTS_KEY
from meta_orch.domain.readings import Catalogue
from meta_orch.store import Store
from meta_orch.testing.builders import NOON, make_pipeline

# Of Dagster 1.13 itself, with any component: how it reads attributes, and what it adds to assets.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.* is currently in beta"),
]

ATTRIBUTES: dict[str, Any] = {
    "instances": [
        {
            "name": "airflow_prod",
            "type": "airflow",
            "url": "https://airflow.example.com",
            "login": {"type": "token", "username": "ada", "password": "${AIRFLOW_PASSWORD}"},
        }
    ],
    "store": {"path": "kept/store.duckdb"},
}


def add_component(sandbox: DefsFolderSandbox, attributes: dict[str, Any]) -> Path:
    path = sandbox.defs_folder_path / "orchestrators"
    path.mkdir()
    (path / "defs.yaml").write_text(
        yaml.safe_dump({"type": "meta_orch.defs.MetaOrchComponent", "attributes": attributes})
    )
    return path


def test_a_project_shows_orchestrators_by_a_component_with_the_keys_of_the_file() -> None:
    with create_defs_folder_sandbox() as sandbox:
        store = Store(sandbox.project_root / "kept" / "store.duckdb")
        with store.write() as writer:
            pipelines = (make_pipeline("orders", "airflow_prod"),)
            writer.save_catalogue("airflow_prod", Catalogue(pipelines, "1"), NOON)
        path = add_component(sandbox, ATTRIBUTES)

        with sandbox.load_component_and_build_defs(path) as (component, defs):
            assert isinstance(component, MetaOrchComponent)
            assert component.config.instances[0].read_only
            assert set(defs.resolve_asset_graph().external_asset_keys) == {
                AssetKey(["airflow_prod"]),
                AssetKey(["airflow_prod", "orders"]),
                ACTIONS_KEY,
                INCIDENTS_KEY,
            }
            assert defs.resolve_job_def("airflow_prod__orders")
            assert defs.resolve_sensor_def("airflow_prod__collector")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"type": "cron"}, "defs.yaml:8: instances[0].type: no installed package"),
        ({"url": None}, "instances[0].url: is missing"),
        ({"login": {"type": "bearer", "token": "s3cret"}}, "put it in an environment variable"),
        ({"pollinterval": "5s"}, "did you mean `poll_interval`?"),
    ],
)
def test_what_is_wrong_in_the_attributes_is_said(change: dict[str, Any], complaint: str) -> None:
    attributes = {"instances": [{**ATTRIBUTES["instances"][0], **change}]}
    with create_defs_folder_sandbox() as sandbox:
        path = add_component(sandbox, attributes)
        with (
            pytest.raises(Exception) as failed,  # noqa: PT011  # Dagster wraps it in its own
            sandbox.load_component_and_build_defs(path),
        ):
            pass
    said = []
    error: BaseException | None = failed.value
    while error is not None:
        said.append(str(error))
        error = error.__cause__
    assert complaint in "\n".join(said)
    assert "s3cret" not in "\n".join(said)


def test_scaffolding_writes_attributes_that_are_valid() -> None:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(MetaOrchComponent)
        written = yaml.safe_load((path / "defs.yaml").read_text())
    assert written["type"] == "meta_orch.defs.component.MetaOrchComponent"
    assert MetaOrchConfig.model_validate(written["attributes"]).instances


def test_dagsters_tools_find_the_component() -> None:
    (entry,) = entry_points(group="dagster_dg_cli.registry_modules", name="meta_orch")
    assert entry.load().MetaOrchComponent is MetaOrchComponent
