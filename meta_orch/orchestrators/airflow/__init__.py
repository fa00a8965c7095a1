"""Airflow, read over its REST API. The client is imported at the first request."""

from meta_orch.orchestrators.airflow.adapter import AirflowOrchestrator

__all__ = ["AirflowOrchestrator"]
