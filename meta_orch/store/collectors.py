"""How reading an instance goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CollectorStatus:
    """How the last reading of an instance went."""

    instance: str
    attempted_at: datetime
    succeeded_at: datetime | None
    """When a reading last went through, be it that it did not catch up."""
    caught_up: bool
    """Whether the store held all that the server had at `attempted_at`."""
    error: str | None
    """Why the last reading failed; None where it did not."""
    server_version: str | None
    catalogue_read_at: datetime | None
    """When the whole catalogue was last read."""
