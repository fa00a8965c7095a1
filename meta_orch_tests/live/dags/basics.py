"""One DAG for each thing that an Airflow reader must get right. Airflow reads this file, not us."""

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import DAG, Asset, Param, chain, dag, task

START = pendulum.datetime(2026, 1, 1, tz="Europe/Berlin")
RAW = Asset(name="raw", uri="file:///data/raw.csv")
CLEAN = Asset(name="clean", uri="file:///data/clean.csv")

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


@dag(schedule=None, params={"region": Param("north"), "api_key": Param("hidden-by-its-name")})
def manual():
    """Started by people only, with parameters of which one is a secret by its name."""

    @task
    def greet(region: str = "north"):
        return region

    greet()


@dag(schedule=None)
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


@dag(schedule=None)
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


@dag(schedule=[RAW])
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


# Tried again: on a busy machine Airflow fails tasks for reasons of its own.
@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def waits():
    """Is deferred for some seconds, then triggers another DAG."""
    chain(
        TimeDeltaSensor(task_id="wait", delta=timedelta(seconds=5), deferrable=True),
        TriggerDagRunOperator(task_id="start_manual", trigger_dag_id="manual"),
    )


manual()
fails()
mapped()
produces_raw()
cleans_raw()
paused()
waits()
