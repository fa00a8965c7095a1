"""The store of the nights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meta_orch.domain.readings import Catalogue
from meta_orch.testing.builders import INSTANCE
from meta_orch_tests.analytics.predictions.nights import (
    DAY,
    EXTRACT,
    HOUR,
    REPORT,
    TODAY,
    night,
    save,
)
from meta_orch_tests.store.memory import MemoryStore, fresh_store


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """Each night the extract takes half an hour from one on, the report an hour from three on."""
    with fresh_store() as writer:
        store = MemoryStore(writer)
        with store.write() as transaction:
            catalogue = Catalogue((EXTRACT, REPORT), "1")
            transaction.save_catalogue(INSTANCE, catalogue, TODAY - 30 * DAY)
        for number in range(20, 0, -1):
            day = TODAY - number * DAY
            save(store, night("extract", day + HOUR, 30), night("report", day + 3 * HOUR, 60))
        yield store
