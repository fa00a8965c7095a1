"""What can go wrong with the store as a file."""

from __future__ import annotations

from meta_orch.domain.errors import MetaOrchError


class StoreError(MetaOrchError):
    """The store cannot be used. The text says what to change."""


class StoreBusy(StoreError):
    """Another process, or another thread of this one, held the store for too long."""


class StoreTooNew(StoreError):
    """A newer meta_orch wrote the store."""


class StoreUnusable(StoreError):
    """The file cannot be opened, read or written, or is no store."""


class StoreOutOfMemory(StoreUnusable):
    """What was to be read or written takes more memory than there is."""


class QueryFailed(StoreError):
    """SQL that was asked by hand is wrong, or would write."""
