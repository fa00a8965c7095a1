"""Edges that the history suggests, from runs in a store to proposals."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.config import EdgeConfig, MetaOrchConfig
from meta_orch.config.models import SuggestionsConfig
from meta_orch.dependencies.reading import read_report, renew_suggestions
from meta_orch.dependencies.suggestions import chance, confidence, suggest
from meta_orch.domain.edges import Edge, EdgeKind, Judgement, Opinion
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.store import Coincidence, Store
from meta_orch.testing.builders import NOON, make_pipeline, make_run

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DAYS = 20
A, B = PipelineKey("airflow", "ingest"), PipelineKey("prefect", "serve/nightly")
SETTINGS = SuggestionsConfig()


def daily(
    key: PipelineKey,
    starts: Callable[[int], datetime],
    minutes: Callable[[int], float] = lambda _: 10,
    state: RunState = RunState.SUCCEEDED,
) -> Iterator[Run]:
    """A run on each of the last days."""
    for day in range(DAYS):
        start = starts(day)
        yield make_run(
            f"{key.name}_{day}",
            key,
            state,
            scheduled_at=start,
            started_at=start,
            ended_at=start + minutes(day) * MINUTE,
        )


def morning(day: int, **later: float) -> datetime:
    return NOON - (day + 1) * DAY + timedelta(**later)


def varies(day: int) -> float:
    """From ten minutes to an hour, in no order."""
    return 10 + (day * 37) % 50


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.duckdb")


def filled(store: Store, *runs: Iterable[Run]) -> Store:
    of_instance = defaultdict[str, list[Run]](list)
    for run in (run for some in runs for run in some):
        of_instance[run.key.pipeline.instance].append(run)
    with store.write() as writer:
        for instance, of_it in of_instance.items():
            writer.save_changes(instance, Changes("c", tuple(of_it)), NOON)
    return store


def suggested(store: Store, config: MetaOrchConfig | None = None) -> dict[tuple[str, str], Edge]:
    edges = renew_suggestions(store, config or MetaOrchConfig(), NOON)
    return {("/".join(e.upstream), "/".join(e.downstream)): e for e in edges}


def test_what_starts_again_and_again_after_an_end_is_suggested(store: Store) -> None:
    filled(
        store,
        daily(A, morning, varies),
        daily(B, lambda day: morning(day, minutes=varies(day) + 2)),
    )
    (edge,) = suggested(store).values()
    assert (edge.upstream, edge.downstream) == (A.path, B.path)
    assert edge.kind is EdgeKind.SUGGESTED
    assert edge.confidence > 0.95
    assert edge.evidence == (
        "started 2 min after it succeeded, 20 of 20 times (by chance 0); "
        "it starts later when that ends later"
    )


def test_what_keeps_to_the_clock_is_less_sure(store: Store) -> None:
    filled(
        store,
        daily(A, morning, lambda day: 10 + day % 3),
        daily(B, lambda day: morning(day, minutes=15)),
    )
    (edge,) = suggested(store).values()
    assert 0.6 < edge.confidence < 0.75
    assert edge.evidence.endswith("it keeps to the clock")


def test_what_always_runs_suggests_nothing(store: Store) -> None:
    """Of a pipeline that ends every five minutes, something starts soon after in any case."""
    often = [
        make_run(
            f"often_{number}",
            A,
            started_at=NOON - number * 5 * MINUTE,
            ended_at=NOON - number * 5 * MINUTE + MINUTE,
        )
        for number in range(DAYS * 24 * 12)
    ]
    filled(store, daily(B, morning))
    with store.write() as writer:
        writer.save_changes(A.instance, Changes("c", tuple(often)), NOON)
    assert suggested(store, MetaOrchConfig(suggestions=SuggestionsConfig(history=DAYS * DAY))) == {}


def test_failures_upstream_suggest_nothing(store: Store) -> None:
    filled(
        store,
        daily(A, morning, state=RunState.FAILED),
        daily(B, lambda day: morning(day, minutes=12)),
    )
    assert suggested(store) == {}


def test_a_few_times_are_too_few(store: Store) -> None:
    filled(store, daily(A, morning), list(daily(B, lambda day: morning(day, minutes=12)))[:4])
    assert suggested(store) == {}


def test_what_is_stated_or_follows_from_it_is_not_suggested(store: Store) -> None:
    filled(store, daily(A, morning), daily(B, lambda day: morning(day, minutes=12)))
    middle = "airflow/between"
    config = MetaOrchConfig(
        edges=(
            EdgeConfig(upstream=str(A), downstream=middle),
            EdgeConfig(upstream=middle, downstream=str(B)),
        )
    )
    assert suggested(store, config) == {}
    assert set(suggested(store)) == {(str(A), str(B))}


def test_a_proposal_counts_once_accepted_and_stays_though_the_history_forgets_it(
    store: Store,
) -> None:
    filled(store, daily(A, morning), daily(B, lambda day: morning(day, minutes=12)))
    pipelines = [make_pipeline(key.name, key.instance) for key in (A, B)]
    with store.write() as writer:
        for pipeline in pipelines:
            writer.save_catalogue(pipeline.key.instance, Catalogue((pipeline,), "f"), NOON)
    config = MetaOrchConfig()
    (edge,) = renew_suggestions(store, config, NOON)
    with store.read() as reader:
        assert read_report(reader, config, NOON).proposals == (edge,)
        assert read_report(reader, config, NOON).edges == ()

    with store.write() as writer:
        writer.save_judgement(Judgement(*edge.step, Opinion.ACCEPTED, "anna", NOON))
    renew_suggestions(store, config, NOON + 100 * DAY)
    with store.read() as reader:
        report = read_report(reader, config, NOON)
    assert report.edges == (edge,)
    assert report.proposals == ()


def test_what_was_rejected_is_not_proposed_again(store: Store) -> None:
    filled(store, daily(A, morning), daily(B, lambda day: morning(day, minutes=12)))
    (edge,) = renew_suggestions(store, MetaOrchConfig(), NOON)
    with store.write() as writer:
        writer.save_judgement(Judgement(*edge.step, Opinion.REJECTED, "anna", NOON))
    renew_suggestions(store, MetaOrchConfig(), NOON)
    with store.read() as reader:
        report = read_report(reader, MetaOrchConfig(), NOON)
    assert report.proposals == report.edges == ()


def test_pipelines_at_random_suggest_nothing(store: Store) -> None:
    """Thirty of them, a run a day each: nine hundred pairs of which none means anything."""
    chance_of = random.Random(7)  # nothing secret is drawn
    for number in range(30):
        minute = chance_of.randrange(24 * 60)
        filled(
            store,
            daily(
                PipelineKey("airflow", f"p{number:02}"),
                lambda day, minute=minute: morning(day, minutes=minute),
                lambda _: chance_of.uniform(1, 200),
            ),
        )
    assert suggested(store) == {}


spans = st.floats(min_value=0, max_value=600).map(lambda seconds: timedelta(seconds=seconds))
coincidences = st.builds(
    lambda hits, more, ends, low, high, gap, lag: Coincidence(
        A, B, hits, hits + more, ends, low, high, gap, lag
    ),
    st.integers(1, 1000),
    st.integers(0, 1000),
    st.integers(1, 10_000),
    spans,
    spans,
    spans,
    spans,
)


@given(coincidences)
def test_confidence_is_a_share_and_grows_with_hits_and_not_with_ends(found: Coincidence) -> None:
    sure = confidence(found, SETTINGS)
    assert 0 <= sure <= 1
    assert 0 <= chance(found, SETTINGS) <= 1
    assert confidence(replace(found, ends=found.ends + 100), SETTINGS) <= sure
    if found.hits < found.starts:
        assert confidence(replace(found, hits=found.hits + 1), SETTINGS) >= sure


@given(st.lists(coincidences, max_size=5))
def test_no_more_are_suggested_for_a_pipeline_than_the_settings_say(
    found: list[Coincidence],
) -> None:
    one = SuggestionsConfig(per_pipeline=1, least_confidence=0.01)
    assert len(suggest(found, (), one)) <= 1
