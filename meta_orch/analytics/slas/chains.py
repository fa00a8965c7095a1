"""Chains of pipelines as if they were one: what begins with the first and ends with the last."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState


def chain_runs(links: Sequence[Iterable[Run]]) -> Iterator[Run]:
    """One run for each run of the first pipeline: due and begun with that one, ended with the run
    of the last pipeline that its data came through. It bears the key of the run that it came to.

    Of each pipeline it comes through the first successful run that began after the one before had
    ended. Until there is one the chain is under way; or failed, where those that there were since
    have failed.
    """
    first, *later = links
    followers = [_Follower(runs) for runs in later]
    for run in first:
        reached = run
        for follower in followers:
            if reached.state is not RunState.SUCCEEDED or reached.ended_at is None:
                break
            reached = follower.after(reached.ended_at) or replace(
                reached, state=RunState.WAITING, ended_at=None
            )
        yield replace(
            reached,
            trigger=run.trigger,
            logical_window=run.logical_window,
            scheduled_at=run.scheduled_at,
            queued_at=run.queued_at,
            started_at=run.started_at,
        )


class _Follower:
    """The runs of one pipeline, by start."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = sorted((run for run in runs if run.started_at), key=attrgetter("started_at"))
        self._starts = [run.started_at for run in self._runs if run.started_at]

    def after(self, at: datetime) -> Run | None:
        """The first success that began then; otherwise the last run since, if any."""
        since = self._runs[bisect_left(self._starts, at) :]
        succeeded = (run for run in since if run.state is RunState.SUCCEEDED)
        return next(succeeded, since[-1] if since else None)
