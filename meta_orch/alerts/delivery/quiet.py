"""Sending without a word in the logs: the libraries that send write URLs there, and these are
secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = (
    *("apprise", "httpx", "httpcore.connection", "httpcore.http11", "urllib3.connectionpool"),
)


@contextmanager
def without_logs() -> Iterator[None]:
    """Drop what these libraries log meanwhile, in any thread, as Apprise sends in its own. What
    went wrong is told by our own errors."""

    def drop(_record: logging.LogRecord) -> bool:
        return False

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(drop)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(drop)
