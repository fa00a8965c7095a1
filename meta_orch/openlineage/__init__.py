"""OpenLineage events, from files and from servers: what jobs read and write.

The events are built of the types of the package `openlineage-python`, the extra `openlineage`.
"""

from meta_orch.openlineage.reading import Reading, read_source

__all__ = ["Reading", "read_source"]
