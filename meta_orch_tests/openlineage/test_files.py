"""Events in files, read from where the last reading stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.uuid import generate_new_uuid

from meta_orch.config.models import OpenLineageConfig
from meta_orch.openlineage import Reading, read_source


def emit(path: Path, dataset: str, *, append: bool = True) -> None:
    """As a pipeline's OpenLineage client does."""
    client = OpenLineageClient(
        transport=FileTransport(FileConfig(log_file_path=str(path), append=append))
    )
    client.emit(
        RunEvent(
            eventType=RunState.COMPLETE,
            eventTime="2026-03-01T06:00:00+00:00",
            run=Run(str(generate_new_uuid())),
            job=Job("prod", "orders"),
            outputs=[OutputDataset("s3://lake", dataset)],
        )
    )


def read(file: Path, cursor: str | None = None) -> tuple[list[str], str | None, list[str]]:
    """The datasets, the cursor and the faults."""
    readings: list[Reading] = [*read_source(OpenLineageConfig(file=file), cursor)]
    uris = sorted(use.uri for reading in readings for use in reading.uses)
    cursor = readings[-1].cursor if readings else cursor
    return uris, cursor, [fault for reading in readings for fault in reading.faults]


def test_a_file_is_read_on_where_it_was_left(tmp_path: Path) -> None:
    file = tmp_path / "events"
    emit(file, "raw")
    uris, cursor, _ = read(file)
    assert uris == ["s3://lake/raw"]
    assert read(file, cursor)[0] == []
    emit(file, "staged")
    assert read(file, cursor)[0] == ["s3://lake/staged"]


def test_a_file_for_each_event_is_read_by_a_glob(tmp_path: Path) -> None:
    emit(tmp_path / "events", "raw", append=False)
    uris, cursor, _ = read(tmp_path / "events*")
    assert uris == ["s3://lake/raw"]
    emit(tmp_path / "events", "staged", append=False)
    assert read(tmp_path / "events*", cursor)[0] == ["s3://lake/staged"]


def test_a_line_that_is_still_being_written_is_left_for_later(tmp_path: Path) -> None:
    file = tmp_path / "events"
    emit(file, "raw")
    whole = file.read_text()
    file.write_text(whole[:-20])
    uris, cursor, faults = read(file)
    assert (uris, faults) == ([], [])
    file.write_text(whole)
    assert read(file, cursor)[0] == ["s3://lake/raw"]


def test_what_is_no_event_is_told_with_its_place_and_the_rest_is_read(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text('{"eventTime"\n{"some": "log"}\n\n')
    emit(file, "raw")
    uris, cursor, faults = read(file)
    assert uris == ["s3://lake/raw"]
    assert [fault.partition(" is no")[0] for fault in faults] == [f"{file}:1:", f"{file}:2:"]
    assert read(file, cursor)[2] == []
    with file.open("a") as events:
        events.write("oh no\n")
    assert read(file, cursor)[2][0].startswith(f"{file}:5: is not JSON")


def test_a_file_that_begins_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "events"
    emit(file, "raw")
    emit(file, "raw")
    _, cursor, _ = read(file)
    file.unlink()
    emit(file, "staged")
    assert read(file, cursor)[0] == ["s3://lake/staged"]


def test_the_cursor_knows_no_file_that_is_gone(tmp_path: Path) -> None:
    emit(tmp_path / "events1", "raw")
    emit(tmp_path / "events2", "raw")
    _, cursor, _ = read(tmp_path / "events*")
    (tmp_path / "events1").unlink()
    emit(tmp_path / "events2", "staged")
    _, cursor, _ = read(tmp_path / "events*", cursor)
    assert [*json.loads(cursor or "")] == [str(tmp_path / "events2")]


def test_a_file_that_is_not_there_yet_brings_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "events") == ([], None, [])


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_bytes_that_are_no_text_are_told_or_left(tmp_path: Path, ending: bytes) -> None:
    file = tmp_path / "events"
    file.write_bytes(b"\xff\xfe" + ending)
    uris, _, faults = read(file)
    assert uris == []
    assert len(faults) == len(ending)
