"""What can go wrong with the store as a file."""

from __future__ import annotations

from meta_orch.domain.errors import MetaOrchError


class StoreError(MetaOrchError):
    """The store cannot be used. The text says what to change."""


class StoreBusy(StoreError):
    """Another process, or another thread of this one, held the store for too long."""


class StoreTooNew(StoreError):
    """A newer meta_orch wrote the store."""


class StoreUnreadable(StoreError):
    """The path cannot be opened, or holds something else than a store."""


class QueryFailed(StoreError):
    """A person's SQL is wrong, or would write."""
