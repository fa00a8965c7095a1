"""The DAGs of `dags/basics.py`, as Airflow 2 has them."""

from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.datasets import Dataset
from airflow.decorators import dag, task
from airflow.models.baseoperator import chain
from airflow.models.param import Param
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sensors.time_delta import TimeDeltaSensorAsync

START = pendulum.datetime(2026, 1, 1, tz="Europe/Berlin")
RAW = Dataset("file:///data/raw.csv")
CLEAN = Dataset("file:///data/clean.csv")

with DAG(
    "classic",
    description="Classic operators, a cron schedule in another time zone, and tags",
    schedule="30 5 * * 1-5",
    start_date=START,
    catchup=False,
    tags=["daily", "sales"],
    default_args={"owner": "data-team", "retries": 2, "execution_timeout": timedelta(minutes=5)},
    max_active_runs=1,
):
    chain(
        BashOperator(task_id="extract", bash_command="echo extracted"),
        EmptyOperator(task_id="check"),
        BashOperator(task_id="load", bash_command="echo loaded", trigger_rule="all_done"),
    )


@dag(
    schedule=None,
    start_date=START,
    params={"region": Param("north"), "api_key": Param("hidden-by-its-name")},
)
def manual():
    """Started by people only, with parameters of which one is a secret by its name."""

    @task
    def greet(region: str = "north"):
        return region

    greet()


@dag(schedule=None, start_date=START)
def fails():
    """Fails at its second task, after a retry; the third never runs."""

    @task
    def first():
        return 1

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def second(value: int):
        raise ValueError(f"cannot go on with {value}")

    @task
    def third(value):
        return value

    third(second(first()))


@dag(schedule=None, start_date=START)
def mapped():
    """One task run for each number."""

    @task
    def square(number: int) -> int:
        return number**2

    @task
    def total(squares) -> int:
        return sum(squares)

    total(square.expand(number=[1, 2, 3]))


@dag(schedule=timedelta(days=1), start_date=START, catchup=False)
def produces_raw():
    """Writes an asset, at an interval."""

    @task(outlets=[RAW])
    def write():
        return None

    write()


@dag(schedule=[RAW], start_date=START)
def cleans_raw():
    """Starts when its asset is updated, and writes another."""

    @task(inlets=[RAW], outlets=[CLEAN])
    def clean():
        return None

    clean()


@dag(schedule="@hourly", start_date=START, catchup=False, is_paused_upon_creation=True)
def paused():
    """Paused from the start."""
    EmptyOperator(task_id="nothing")


@dag(schedule=None, start_date=START)
def waits():
    """Is deferred for some seconds, then triggers another DAG."""
    chain(
        TimeDeltaSensorAsync(task_id="wait", delta=timedelta(seconds=5)),
        TriggerDagRunOperator(task_id="start_manual", trigger_dag_id="manual"),
    )


manual()
fails()
mapped()
produces_raw()
cleans_raw()
paused()
waits()
