"""Reading what is new of a source: a file, many files, or a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from meta_orch.config.models import OpenLineageConfig
from meta_orch.domain.lineage import DatasetUse


@dataclass
class Reading:
    """What a reading brought."""

    cursor: str
    """Where the next one goes on."""
    events: int = 0
    uses: set[DatasetUse] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    """What could not be understood, each with its place. It is not read again."""

    def add(self, document: Any, place: str) -> None:
        from meta_orch.openlineage.events import NotAnEvent, dataset_uses

        try:
            self.uses |= dataset_uses(document)
            self.events += 1
        except NotAnEvent as error:
            self.faults.append(f"{place}: is no OpenLineage event: {error}")


def read_source(source: OpenLineageConfig, cursor: str | None) -> Iterator[Reading]:
    """Readings of what is new since a cursor, until there is nothing more; each is to be kept with
    its cursor. None is for the beginning.

    Raises:
        OrchestratorError: the server does not give its events.
        OSError: a file cannot be read.
    """
    if source.url is not None:
        from meta_orch.openlineage.server import read_server

        return read_server(source, cursor)
    from meta_orch.openlineage.files import read_files

    return read_files(str(source.file), cursor)
