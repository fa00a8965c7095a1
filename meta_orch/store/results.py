"""What analyses found, kept until they are made anew."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import duckdb

from meta_orch.store import rows
from meta_orch.store.sql import query

Result = Literal["sla_attainment", "outlooks", "prediction_quality", "conflicts", "stagger_plans"]
"""The view that shows it."""


class ResultWriter:
    """Get it from `StoreWriter.results`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def replace(self, result: Result, found: Iterable[rows.Document], now: datetime) -> None:
        """Keep these rows in place of all that were found before."""
        self._connection.execute(query(f"forget_{result}"))
        if documents := [rows.to_text(row) for row in found]:
            parameters = {"documents": documents, "now": now}
            self._connection.execute(query(f"save_{result}"), parameters)
