"""Real servers on loopback ports, each with its data in a folder of its own."""

from meta_orch.demo.servers.airflow import AirflowServer
from meta_orch.demo.servers.airflow2 import Airflow2Server
from meta_orch.demo.servers.base import Server
from meta_orch.demo.servers.dagster import DagsterServer
from meta_orch.demo.servers.prefect import PrefectServer

__all__ = ["Airflow2Server", "AirflowServer", "DagsterServer", "PrefectServer", "Server"]
