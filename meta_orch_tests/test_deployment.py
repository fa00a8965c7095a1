"""The files that a Dagster deployment is pointed at say what Dagster reads them as."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, Definitions

from meta_orch.config import load_config

ROOT = Path(__file__).parent.parent


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_workspace_loads(tmp_path: Path) -> None:
    config = tmp_path / "meta_orch.yaml"
    config.write_text("version: 1\ninstances:\n  - {name: local, type: dagster}\n")
    environment = {**os.environ, "META_ORCH_CONFIG": str(config), "DAGSTER_HOME": str(tmp_path)}

    command = [sys.executable, "-m", "dagster", "definitions", "validate"]
    done = subprocess.run(
        [*command, "--workspace", ROOT / "workspace.yaml"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Validation successful for code location meta_orch" in done.stdout + done.stderr


def test_every_file_names_the_same_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (module,) = {
        read("workspace.yaml")["load_from"][0]["python_module"]["module_name"],
        read("dagster_cloud.yaml")["locations"][0]["code_source"]["module_name"],
    }
    config = tmp_path / "meta_orch.yaml"
    config.write_text("version: 1\n")
    monkeypatch.setenv("META_ORCH_CONFIG", str(config))
    assert isinstance(import_module(module).defs(), Definitions)
    assert load_config().instances == ()


def test_dagster_takes_the_settings_for_production(tmp_path: Path) -> None:
    settings = read("docs/dagster.yaml")
    assert "postgres" in settings.pop("storage")  # needs a server
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))

    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_settings("sensors")["use_threads"] is True
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
