"""Which DAG triggers which, from the graph that Airflow draws for its own UI.

Airflow reads every definition to draw it: no matter for a hundred DAGs, half a minute for ten
thousand. So it is asked for where a definition changed, and where it takes long, for no more than a
hundredth of the time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from meta_orch.orchestrators.airflow.api import AirflowApi
from meta_orch.orchestrators.answers import Fields
from meta_orch.orchestrators.base import LoginRefused, NotFound, ServerFailed, Unreachable

_log = logging.getLogger(__name__)
_LONG = 1.0
"""Seconds."""
_REST = 99
"""Times as long as it took, where that was long."""


class Dependencies:
    """Asks for the graph, and remembers whether and when to do so again.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._is_due = True
        self._not_before = 0.0

    def read(self, api: AirflowApi, *, changed: bool) -> Fields | None:
        """The graph; None where what is known of it stands.

        Args:
            changed: whether a DAG is another than it was.
        """
        self._is_due = self._is_due or changed
        began_at = self._clock()
        if not self._is_due or began_at < self._not_before:
            return None
        try:
            found = api.dependencies()
            self._is_due = False
            return found
        except (NotFound, LoginRefused, ServerFailed, Unreachable) as error:
            _log.info("%s; which DAG triggers which stays as it was known", error)
            return None
        finally:
            ended_at = self._clock()
            took = ended_at - began_at
            self._not_before = ended_at + (_REST * took if took >= _LONG else 0)
