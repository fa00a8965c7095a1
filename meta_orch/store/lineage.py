"""What OpenLineage events told of jobs and their data."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import duckdb

from meta_orch.domain.lineage import DatasetUse, JobName
from meta_orch.store import rows
from meta_orch.store.sql import query


class LineageReader:
    """Get it from `StoreReader.lineage`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def uses(self, sources: Collection[str]) -> tuple[DatasetUse, ...]:
        """What these sources tell, sorted."""
        found = self._connection.execute(query("dataset_uses"), {"sources": [*sources]}).fetchall()
        return tuple(sorted(_from_document(rows.from_text(text)) for (text,) in found))

    def mark(self) -> object:
        """Changes when `uses` does."""
        return self._connection.execute(query("lineage_mark")).fetchone()

    def cursor(self, source: str) -> str | None:
        """Where the next reading of a source goes on; None before the first."""
        found = self._connection.execute(query("lineage_cursor"), {"source": source}).fetchone()
        return found[0] if found else None


class LineageWriter(LineageReader):
    """Get it from `StoreWriter.lineage`."""

    def save(self, source: str, uses: Iterable[DatasetUse], cursor: str, now: datetime) -> None:
        """Keep what a reading brought, together with its cursor."""
        documents = [rows.to_text(_to_document(use)) for use in sorted(set(uses))]
        if documents:
            parameters = {"source": source, "documents": documents, "now": now}
            self._connection.execute(query("merge_dataset_uses"), parameters)
        parameters = {"source": source, "cursor": cursor, "now": now}
        self._connection.execute(query("save_lineage_cursor"), parameters)

    def forget(self, source: str, before: datetime) -> None:
        """Remove what a source has not told since."""
        parameters = {"source": source, "before": before}
        self._connection.execute(query("forget_dataset_uses"), parameters)


def _to_document(use: DatasetUse) -> rows.Document:
    jobs = [{"namespace": job.namespace, "name": job.name} for job in use.jobs]
    return {"jobs": jobs, "uri": use.uri, "is_written": use.is_written}


def _from_document(row: rows.Document) -> DatasetUse:
    jobs = tuple(JobName(job["namespace"], job["name"]) for job in row["jobs"])
    return DatasetUse(jobs, row["uri"], row["is_written"])
