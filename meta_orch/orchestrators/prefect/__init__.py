"""Prefect 3, self-hosted or Cloud. Its client is imported at the first request."""

from meta_orch.orchestrators.prefect.adapter import PrefectOrchestrator

__all__ = ["PrefectOrchestrator"]
