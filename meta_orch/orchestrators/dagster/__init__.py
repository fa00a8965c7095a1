"""Dagster itself: the instance at hand, or another deployment over GraphQL."""

from meta_orch.orchestrators.dagster.adapter import DagsterOrchestrator

__all__ = ["DagsterOrchestrator"]
