"""The command line in an empty folder, with adapters for fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meta_orch.cli import main
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.cli.fake_adapter import SERVERS, open_fake

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("check", "--json")` in a folder of its own, eighty columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str, typed: str | None = None) -> Result:
        result = CliRunner().invoke(
            main, arguments, input=typed, prog_name="meta-orch", catch_exceptions=False
        )
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def servers(
    run: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, FakeOrchestrator]]:
    """Two fakes, `east` and `west`, in `meta_orch.yaml`; their adapter comes from another package,
    as far as Python can tell."""
    package = tmp_path_factory.mktemp("site") / "fake_adapter-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-adapter\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        f"[meta_orch.orchestrators]\nfake = {open_fake.__module__}:{open_fake.__name__}\n"
    )
    monkeypatch.syspath_prepend(package.parent)
    Path("meta_orch.yaml").write_text(
        "instances:\n"
        "  - {name: east, type: fake, url: http://localhost:1, environment: test}\n"
        "  - {name: west, type: fake, url: http://localhost:2}\n"
    )
    SERVERS.update(east=FakeOrchestrator("east"), west=FakeOrchestrator("west"))
    yield SERVERS
    SERVERS.clear()
