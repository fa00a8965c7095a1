"""Events in files, one in each line, as OpenLineage's file transport writes them: into one file, or
into a file for each event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import NamedTuple

from meta_orch.openlineage.reading import Reading

_LINES_AT_ONCE = 10_000


class _Place(NamedTuple):
    """How far a file is read."""

    offset: int
    """In bytes."""
    lines: int


_BEGINNING = _Place(0, 0)


def read_files(pattern: str, cursor: str | None) -> Iterator[Reading]:
    """Args:
    pattern: a path, or a glob of paths (`**` for any folders).
    cursor: how far each file was read. One that has become shorter is read afresh.
    """
    known = json.loads(cursor) if cursor else {}
    # Path.glob takes no absolute pattern.
    found = glob(pattern, recursive=True)  # noqa: PTH207
    paths = sorted(path for path in found if Path(path).is_file())
    places = {path: _Place(*known[path]) for path in paths if path in known}
    for path in paths:
        while True:
            reading = Reading("")
            before = places.get(path, _BEGINNING)
            places[path] = _read(Path(path), before, reading)
            if places[path] == before:
                break
            reading.cursor = json.dumps(places)
            yield reading


def _read(path: Path, place: _Place, reading: Reading) -> _Place:
    """Returns how far the file is read by now. A last line that is still being written is left."""
    offset, lines = place if path.stat().st_size >= place.offset else _BEGINNING
    with path.open("rb") as file:
        file.seek(offset)
        for _ in range(_LINES_AT_ONCE):
            line = file.readline()
            if not line:
                break
            where = f"{path}:{lines + 1}"
            try:
                document = json.loads(line) if line.strip() else None
            except ValueError as error:  # of the JSON, or of its text
                if not line.endswith(b"\n"):
                    break
                reading.faults.append(f"{where}: is not JSON: {error}")
            else:
                if document is not None:
                    reading.add(document, where)
            offset, lines = offset + len(line), lines + 1
    return _Place(offset, lines)
