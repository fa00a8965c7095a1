"""The demonstration's warehouse: a Dagster project of its own, in the same workspace.

It takes what Airflow staged, models it in DuckDB, and publishes what Prefect serves.
"""
