"""What the assets of the analytics have in common."""

from typing import Final

from dagster import MetadataValue

from meta_orch.defs import metadata
from meta_orch.store import Store

GROUP: Final = "analytics"


def watermark(store: Store) -> MetadataValue | None:
    """Up to when every orchestrator was read: what is worked out rests on all that came before.
    None while one has not been read."""
    with store.read() as reader:
        read_at = [status.succeeded_at for status in reader.collectors().values()]
    known = [instant for instant in read_at if instant is not None]
    return metadata.timestamp(min(known)) if known and len(known) == len(read_at) else None
