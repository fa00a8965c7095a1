"""What meta_orch knows, kept in one DuckDB file.

`Store` opens it for one short transaction at a time, so that any number of processes share it.
"""

from meta_orch.store.collectors import CollectorStatus
from meta_orch.store.compaction import Compaction
from meta_orch.store.connection import Store
from meta_orch.store.errors import QueryFailed, StoreBusy, StoreError, StoreTooNew, StoreUnusable
from meta_orch.store.gate_facts import Facts, RunFact
from meta_orch.store.history import Coincidence, Race
from meta_orch.store.reader import Answer, StoreReader
from meta_orch.store.retention import Expired
from meta_orch.store.writer import STATED, StoreWriter

__all__ = [
    "STATED",
    "Answer",
    "Coincidence",
    "CollectorStatus",
    "Compaction",
    "Expired",
    "Facts",
    "QueryFailed",
    "Race",
    "RunFact",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoreReader",
    "StoreTooNew",
    "StoreUnusable",
    "StoreWriter",
]
