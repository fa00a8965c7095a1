"""Dagster definitions: what people see of all orchestrators, and what keeps it up to date."""

from meta_orch.defs.build import build_definitions
from meta_orch.defs.component import MetaOrchComponent

__all__ = ["MetaOrchComponent", "build_definitions"]
