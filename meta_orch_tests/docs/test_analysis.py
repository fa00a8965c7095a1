"""docs/analysis.md runs, and there is a frame for every result."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from meta_orch import frames
from meta_orch.analytics.predictions.quality import refresh_quality
from meta_orch.analytics.staggering.refreshing import refresh_contention
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.reports.refreshing import refresh_all
from meta_orch.store import Store
from meta_orch_tests.reports.conftest import CONFIG, DAY, NOW, ORDERS, REPORT, SYNC, night

PAGE = (Path(__file__).parents[2] / "docs/analysis.md").read_text(encoding="utf-8")
RESULTS = {
    *("sla_attainment", "sla_misses", "outlooks", "prediction_quality"),
    *("critical_paths", "critical_path_tasks", "resource_hours", "resource_users"),
    *("conflicts", "stagger_plans", "stagger_moves"),
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, and a store of a fortnight."""
    folder = tmp_path_factory.mktemp("company")
    content = CONFIG.model_dump(mode="json", exclude_unset=True)
    (folder / "meta_orch.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    store = Store(folder / ".meta_orch" / "store.duckdb")
    store.path.parent.mkdir()
    with store.write() as writer:
        for instance, pipelines in (("airflow", (ORDERS,)), ("prefect", (REPORT, SYNC))):
            runs = [
                night(pipeline, NOW.replace(hour=4) - number * DAY, 50 + 20 * (number < 3))
                for pipeline in pipelines
                for number in range(14, 0, -1)
            ]
            writer.save_catalogue(instance, Catalogue(pipelines, "1"), NOW - 20 * DAY)
            writer.save_changes(instance, Changes("c", tuple(runs)), NOW)
    refresh_all(store, CONFIG, NOW)
    refresh_quality(store, CONFIG, NOW)
    refresh_contention(store, CONFIG, NOW)
    return folder


def test_the_python_on_the_page_runs_in_the_order_it_stands(
    company: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(company)
    monkeypatch.delenv("META_ORCH_CONFIG", raising=False)
    names: dict[str, object] = {}
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```$", PAGE)
    for block in blocks:
        exec(block, names)  # noqa: S102  # our own page
    assert len(blocks) == 6
    assert "by_five" in capsys.readouterr().out


def test_every_result_is_a_frame_by_the_name_of_its_view(company: Path) -> None:
    store = company / ".meta_orch" / "store.duckdb"
    functions = {name for name in frames.__all__ if name != "sql"}
    assert functions >= RESULTS
    for name in functions:
        frame = getattr(frames, name)(store)
        assert isinstance(frame, pd.DataFrame)
        assert inspect.getdoc(getattr(frames, name))
    assert not frames.conflicts(store).empty
    assert not frames.prediction_quality(store).empty
    assert not frames.resource_hours(store).empty
