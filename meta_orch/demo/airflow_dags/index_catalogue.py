"""The slow one: it waits without holding a worker, then works through its shards for a minute."""

import logging
import time
from datetime import timedelta

import pendulum
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import dag, task

log = logging.getLogger(__name__)


@dag(
    schedule="0 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    dagrun_timeout=timedelta(minutes=30),
    tags=["search"],
    default_args={"owner": "search"},
)
def index_catalogue():
    """Rebuild the shop's search index."""
    settled = TimeDeltaSensor(
        task_id="let_the_hour_settle", delta=timedelta(seconds=10), deferrable=True
    )

    @task(execution_timeout=timedelta(minutes=5))
    def rebuild(shards: int = 10, seconds_per_shard: int = 5) -> int:
        for shard in range(shards):
            log.info("shard %d of %d", shard + 1, shards)
            time.sleep(seconds_per_shard)
        return shards

    settled >> rebuild()


index_catalogue()
