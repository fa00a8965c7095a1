"""Which pipelines used a resource at once, against comparing each with each."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run
from meta_orch.domain.time import Window
from meta_orch.store import StoreWriter
from meta_orch.store.measuring import Demand, Together
from meta_orch.testing.builders import make_run
from meta_orch_tests.store.memory import fresh_store

LENGTH = 16
"""Days: more than are looked at at once."""
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def run(number: int, name: str, started: float, ended: float) -> Run:
    """In minutes after the first midnight."""
    began = MIDNIGHT + started * MINUTE
    return make_run(
        f"run_{number}",
        PipelineKey("airflow", name),
        queued_at=began,
        scheduled_at=began,
        started_at=began,
        ended_at=MIDNIGHT + ended * MINUTE,
    )


def together(writer: StoreWriter, runs: list[Run]) -> list[Together]:
    writer.save_changes("airflow", Changes("1", tuple(runs)), MIDNIGHT + timedelta(days=LENGTH))
    return writer.measurements.together(
        Window(MIDNIGHT, MIDNIGHT + timedelta(days=LENGTH)),
        "orchestrator",
        "airflow",
        demand=Demand(),
        now=MIDNIGHT + timedelta(days=LENGTH),
        most=1000,
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.integers(0, LENGTH * 1440 - 1),
            st.integers(1, 12_000),
        ),
        max_size=12,
    )
)
def test_it_is_what_comparing_each_with_each_gives(drawn: list[tuple[str, int, int]]) -> None:
    spans = [(name, s, min(s + length, LENGTH * 1440)) for name, s, length in drawn]
    wanted: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for (name, s, e), (other, s2, e2) in combinations(spans, 2):
        seconds = 60 * (min(e, e2) - max(s, s2))
        if seconds > 0:
            first, second = sorted((f"airflow/{name}", f"airflow/{other}"))
            wanted[first, second][0] += 1
            wanted[first, second][1] += seconds
    with fresh_store() as writer:
        found = together(writer, [run(n, *span) for n, span in enumerate(spans)])
    # Of those that begin together where a week begins it is not told whether they did before.
    exact = not any(s in {7 * 1440, 14 * 1440} for _, s, _ in spans)
    assert {(p.pipeline, p.other): (p.times if exact else 0, p.seconds) for p in found} == {
        pair: (times if exact else 0, seconds) for pair, (times, seconds) in wanted.items()
    }


def test_those_for_longest_come_first() -> None:
    with fresh_store() as writer:
        found = together(writer, [run(1, "a", 0, 10), run(2, "b", 5, 60), run(3, "c", 8, 60)])
    assert [(p.pipeline[-1], p.other[-1], p.seconds / 60) for p in found] == [
        ("b", "c", 52),
        ("a", "b", 5),
        ("a", "c", 2),
    ]
