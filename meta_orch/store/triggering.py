"""What triggers have taken note of, and the runs that they started."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb

from meta_orch.domain.edges import AssetPath
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.domain.triggers import Firing, Occurrence
from meta_orch.store import acting_rows, rows
from meta_orch.store.sql import query


class TriggerReader:
    """Get it from `StoreReader.triggers`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def since(self) -> Mapping[str, datetime]:
        """When each trigger was first evaluated: what was before does not count."""
        found = self._connection.execute(query("triggers_since")).fetchall()
        return {name: datetime.fromtimestamp(seconds, UTC) for name, seconds in found}

    def untaken_runs(
        self,
        trigger: str,
        pipelines: Iterable[PipelineKey],
        states: Collection[RunState],
        since: datetime,
    ) -> tuple[Run, ...]:
        """Runs of these pipelines that ended in such a state later, and that the trigger has taken
        no note of; by their end."""
        documents = [rows.to_text({"instance": k.instance, "name": k.name}) for k in pipelines]
        found = self._rows(
            "untaken_runs",
            trigger=trigger,
            documents=documents,
            states=sorted(state.value for state in states),
            since=since,
        )
        return tuple(rows.run_from_document(row) for row in found)

    def taken(self, trigger: str, since: datetime) -> frozenset[tuple[AssetPath, str]]:
        """What the trigger has taken note of that happened since."""
        parameters = {"trigger": trigger, "since": since}
        found = self._connection.execute(query("taken_occurrences"), parameters).fetchall()
        return frozenset((tuple(upstream), occurrence) for upstream, occurrence in found)

    def firings(
        self, trigger: str | None = None, *, is_open: bool = False, most: int = 1_000
    ) -> tuple[Firing, ...]:
        """Of a trigger, or of all; the last first.

        Args:
            is_open: those alone whose run is not known to have ended.
        """
        found = self._rows("firings", id=None, trigger=trigger, open=is_open, most=most)
        return tuple(acting_rows.firing_from_document(row) for row in found)

    def firing(self, firing_id: str) -> Firing | None:
        found = self._rows("firings", id=firing_id, trigger=None, open=False, most=1)
        return next((acting_rows.firing_from_document(row) for row in found), None)

    def _rows(self, name: str, **parameters: Any) -> Iterator[rows.Document]:
        for (text,) in self._connection.execute(query(name), parameters).fetchall():
            yield rows.from_text(text)


class TriggerWriter(TriggerReader):
    """Get it from `StoreWriter.triggers`."""

    def note(self, trigger: str, now: datetime) -> None:
        """A trigger is evaluated now; the first time counts."""
        self._connection.execute(query("note_trigger"), {"name": trigger, "now": now})

    def save(self, firing: Firing, occurrences: Iterable[Occurrence] = ()) -> None:
        """Keep a firing, in place of what was known of it before, with what it takes note of."""
        document = rows.to_text(acting_rows.firing_to_document(firing))
        self._connection.execute(query("save_firing"), {"document": document})
        for occurrence in occurrences:
            self._connection.execute(
                query("save_occurrence"),
                {
                    "trigger": firing.trigger,
                    "upstream": list(occurrence.upstream),
                    "occurrence": occurrence.id,
                    "occurred_at": occurrence.at,
                    "firing": firing.id,
                },
            )
