"""The made-up company."""

from __future__ import annotations

from pathlib import Path

from benchmarks.company import found, make_pipelines
from meta_orch.config import load_config
from meta_orch.dependencies import find_cycles, known_edges
from meta_orch.store import Store


def test_every_benchmark_meets_the_same_company() -> None:
    assert make_pipelines(50) == make_pipelines(50)


def test_its_pipelines_depend_on_each_other_across_orchestrators_without_a_cycle() -> None:
    edges = known_edges(make_pipelines(200))
    assert len(edges) > 100
    assert any(edge.upstream[0] != edge.downstream[0] for edge in edges)
    assert find_cycles(edges) == ()


def test_its_configuration_leads_to_its_store(tmp_path: Path) -> None:
    config = load_config(found(tmp_path, 30))
    with Store(config.store.path).read() as reader:
        assert len(reader.pipelines()) == 30
