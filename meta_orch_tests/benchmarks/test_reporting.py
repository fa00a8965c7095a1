"""What is written down."""

from __future__ import annotations

from pathlib import Path

from syrupy.assertion import SnapshotAssertion

from benchmarks.reporting import Section, Table, write_sections


def _section(name: str, seconds: float) -> Section:
    table = Table("Seconds", ("pipelines", "CPU s"), [("100", seconds)])
    return Section(
        name, f"The {name}", "\n    What was done.\n", [table], ["2026-01-01", "a machine"]
    )


def test_a_section_is_its_method_its_tables_and_the_facts(snapshot: SnapshotAssertion) -> None:
    assert _section("load", 1.5).to_markdown() == snapshot


def test_a_benchmark_that_is_repeated_alone_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "docs" / "benchmarks.md"
    write_sections(file, "# Title", [_section("load", 1.5), _section("tick", 2.5)])
    write_sections(file, "# Title", [_section("load", 3.5)])
    text = file.read_text()
    assert text.index("# Title") < text.index("The load") < text.index("The tick")
    assert "| 100 | 3.5 |" in text
    assert "| 100 | 2.5 |" in text
    assert "| 100 | 1.5 |" not in text


def test_writing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.md"
    write_sections(file, "# Title", [_section("load", 1.5)])
    before = file.read_text()
    write_sections(file, "# Title", [_section("load", 1.5)])
    assert file.read_text() == before
