"""Runs at random."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from meta_orch.analytics.critical_paths.graph import Node, TaskGraph

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@st.composite
def graphs(draw: st.DrawFn) -> TaskGraph:
    """Runs as they are: a task begins after its upstream tasks have ended, or now and then before,
    and is queued in between."""
    nodes: list[Node] = []
    count = draw(st.integers(1, 12))
    for number in range(count):
        upstream = draw(st.sets(st.sampled_from(nodes), max_size=3)) if nodes else set()
        since = max((up.ended_at for up in upstream), default=MIDNIGHT)
        lag = draw(st.integers(-5, 20) if draw(st.integers(0, 9)) == 0 else st.integers(0, 20))
        started = max(MIDNIGHT, since + minutes(lag))
        queued = draw(st.none() | st.integers(0, 5))
        nodes.append(
            Node(
                f"{number}",
                f"task {number}",
                started,
                started + minutes(draw(st.integers(0, 30))),
                None if queued is None else started - minutes(queued),
                frozenset(up.id for up in upstream),
            )
        )
    began_at = draw(st.none() | st.integers(0, 10).map(lambda early: MIDNIGHT - minutes(early)))
    return TaskGraph(draw(st.permutations(nodes)), began_at)
