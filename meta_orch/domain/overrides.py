"""What people say against a gate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from meta_orch.domain.edges import AssetPath


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody lets a pipeline run whatever its gate says, for a while."""

    pipeline: AssetPath
    by: str
    reason: str
    at: datetime
    expires_at: datetime

    def holds(self, now: datetime) -> bool:
        return self.at <= now < self.expires_at
