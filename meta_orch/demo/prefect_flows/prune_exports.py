"""A cron schedule that is paused."""

import time
from datetime import timedelta

import shop
from prefect import flow, task


@task
def old_feeds(age: timedelta) -> list[str]:
    limit = time.time() - age.total_seconds()
    return [str(file) for file in shop.SERVED.glob("feed_*") if file.stat().st_mtime < limit]


@flow
def prune_exports(days: int = 30) -> int:
    """Delete the feeds that partners no longer ask for."""
    files = old_feeds(timedelta(days=days))
    for file in files:
        (shop.SERVED / file).unlink()
    return len(files)
