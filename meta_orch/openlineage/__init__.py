"""OpenLineage events, from files and from servers: what jobs read and write.

The events are built of the types of the package `openlineage-python`, the extra `openlineage`.
"""

from meta_orch.openlineage.events import NotAnEvent, dataset_uses
from meta_orch.openlineage.reading import Reading, read_source

__all__ = ["NotAnEvent", "Reading", "dataset_uses", "read_source"]
