"""How reading an instance goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from meta_orch.domain.circuits import Circuit


@dataclass(frozen=True, slots=True)
class CollectorStatus:
    """How the last reading of an instance went."""

    instance: str
    attempted_at: datetime
    succeeded_at: datetime | None
    """When a reading last went through, be it that it did not catch up."""
    caught_up: bool
    """Whether the store held all that the server had at `attempted_at`, or, where that reading went
    on with a pass that an earlier one had begun, when the pass began."""
    error: str | None
    """Why the last reading failed; None where it did not."""
    server_version: str | None
    catalogue_read_at: datetime | None
    """When the whole catalogue was last read."""
    circuit: Circuit = field(default_factory=Circuit)
    """Whether it is left alone after failures."""
