"""What the servers hold and Dagster does not show is named, and nothing else is."""

from __future__ import annotations

import pytest

from meta_orch.demo.readiness import Shown, what_is_missing

FINE = ("airflow", "fine")
BROKEN = ("prefect", "broken", "nightly")
IDLE = ("airflow", "idle")
TABLE = ("table",)
RAN = {FINE: True, BROKEN: False, IDLE: None}
EDGES = [(FINE, TABLE), (TABLE, BROKEN)]
SHOWN = {
    FINE: Shown(materialized_at=1.0, last_run="SUCCESS"),
    BROKEN: Shown(last_run="FAILURE", upstream=frozenset({TABLE})),
    IDLE: Shown(),
    TABLE: Shown(upstream=frozenset({FINE})),
}


def test_nothing_is_missing_where_everything_is_shown() -> None:
    assert what_is_missing(RAN, SHOWN, EDGES, started=[FINE, BROKEN]) == []


def test_a_run_that_was_started_has_to_finish() -> None:
    assert what_is_missing(RAN, SHOWN, EDGES, started=[IDLE]) == ["a finished run of airflow/idle"]


@pytest.mark.parametrize(
    ("path", "shown", "missing"),
    [
        (IDLE, None, ["airflow/idle as an asset"]),
        (FINE, Shown(last_run="SUCCESS"), ["airflow/fine as succeeded"]),
        (FINE, Shown(materialized_at=1.0, last_run="FAILURE"), ["airflow/fine as succeeded"]),
        (
            BROKEN,
            Shown(materialized_at=1.0, last_run="SUCCESS", upstream=frozenset({TABLE})),
            ["prefect/broken/nightly as failed"],
        ),
        (TABLE, Shown(), ["the edge from airflow/fine to table"]),
        (
            BROKEN,
            None,
            ["prefect/broken/nightly as an asset", "the edge from table to prefect/broken/nightly"],
        ),
    ],
)
def test_what_is_not_shown_as_it_is_on_the_server_is_named(
    path: tuple[str, ...], shown: Shown | None, missing: list[str]
) -> None:
    changed = {**SHOWN, path: shown} if shown else {k: v for k, v in SHOWN.items() if k != path}
    assert what_is_missing(RAN, changed, EDGES) == missing
