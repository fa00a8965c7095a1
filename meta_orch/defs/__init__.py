"""Dagster definitions: what people see of all orchestrators, and what keeps it up to date."""

from meta_orch.defs.build import build_definitions

__all__ = ["build_definitions"]
