"""Fills real servers with as many pipelines and runs as are wanted, by their databases: thousands
of rows a second, where their APIs take some tens.

    python -m benchmarks.seeding airflow FOLDER --runs 120000

makes a folder that `AirflowServer` or `PrefectServer` serves.
"""

from benchmarks.seeding.airflow import seed_airflow
from benchmarks.seeding.extent import Extent
from benchmarks.seeding.prefect import seed_prefect

__all__ = ["Extent", "seed_airflow", "seed_prefect"]
