"""Reading a source of OpenLineage events into the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from meta_orch.config.models import OpenLineageConfig
from meta_orch.openlineage import read_source
from meta_orch.store import Store


@dataclass(frozen=True, slots=True)
class LineageCollection:
    """What one reading of a source brought."""

    events: int
    faults: tuple[str, ...]
    """What could not be understood, each with its place."""


def collect_lineage(source: OpenLineageConfig, store: Store, now: datetime) -> LineageCollection:
    """Read what is new, keep it, and forget what was not seen for long.

    Raises:
        OrchestratorError: the server does not give its events.
        OSError: a file cannot be read.
    """
    with store.read() as reader:
        cursor = reader.lineage.cursor(source.name)
    events, faults = 0, []
    for reading in read_source(source, cursor):
        with store.write() as writer:
            writer.lineage.save(source.name, reading.uses, reading.cursor, now)
        events += reading.events
        faults += reading.faults
    with store.write() as writer:
        writer.lineage.forget(source.name, now - source.forget_after)
    return LineageCollection(events, tuple(faults))
