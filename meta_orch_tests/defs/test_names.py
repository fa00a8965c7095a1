from __future__ import annotations

import re

from dagster import AssetKey, AssetSpec
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.defs import names
from meta_orch.domain.pipelines import PipelineKey

INSTANCES = st.from_regex(r"[a-z][a-z_]{0,3}", fullmatch=True)
NAMES = st.one_of(st.text("ab_-./ é", min_size=1, max_size=6), st.text(min_size=1))
KEYS = st.builds(PipelineKey, INSTANCES, NAMES)


def _key(name: str, instance: str = "airflow") -> PipelineKey:
    return PipelineKey(instance, name)


def test_an_asset_is_called_by_instance_and_pipeline() -> None:
    assert names.asset_key(_key("serve/nightly", "prefect")) == AssetKey(
        ["prefect", "serve", "nightly"]
    )


def test_a_job_reads_like_its_pipeline() -> None:
    jobs = names.job_names([_key("daily_orders"), _key("serve orders/nightly", "prefect")])
    assert list(jobs.values()) == ["airflow__daily_orders", "prefect__serve_orders__nightly"]


def test_of_names_that_come_to_the_same_the_plain_one_keeps_it() -> None:
    plain, dashed, dotted = _key("a_b"), _key("a-b"), _key("a.b")
    jobs = names.job_names([dashed, plain, dotted])
    assert jobs[plain] == "airflow__a_b"
    assert re.fullmatch(r"airflow__a_b_[0-9a-f]{8}", jobs[dashed])
    assert len(set(jobs.values())) == 3


def test_names_that_two_instances_share_by_chance_are_told_apart() -> None:
    jobs = names.job_names([_key("b__c", "a"), _key("c", "a__b")])
    assert len(set(jobs.values())) == 2


def test_a_reserved_name_is_not_given_to_a_pipeline() -> None:
    taken = names.backlog_job_name("airflow")
    assert names.job_names([_key("mirror_backlog")], {taken})[_key("mirror_backlog")] != taken


@given(st.lists(KEYS, unique=True))
def test_job_names_are_valid_unique_and_independent_of_order(keys: list[PipelineKey]) -> None:
    jobs = names.job_names(keys)
    assert jobs == names.job_names(sorted(keys))
    assert len(set(jobs.values())) == len(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", job) for job in jobs.values())


@given(st.text())
def test_dagster_takes_whatever_was_made_a_group_a_tag_or_an_owner(text: str) -> None:
    tag = names.as_tag(text)
    AssetSpec(
        "asset",
        group_name=f"{names.group_part(text)}/{names.group_part(text)}",
        tags={"meta_orch/tag": names.tag_value(text), **({tag[0]: tag[1]} if tag else {})},
        owners=[text] if names.is_owner(text) else [],
    )


@given(st.emails())
def test_dagster_takes_every_address_that_is_taken_for_an_owner(email: str) -> None:
    AssetSpec("asset", owners=[email] if names.is_owner(email) else [])


def test_owners_are_addresses_and_teams() -> None:
    assert names.is_owner("ada@example.com")
    assert names.is_owner("team:data")
    assert not names.is_owner("airflow")
    assert not names.is_owner("team:")


def test_a_native_tag_is_kept_where_dagster_takes_it_unchanged() -> None:
    assert names.as_tag("sales") == ("sales", "")
    assert names.as_tag("team:sales") == ("team", "sales")
    assert names.as_tag("tier=1") == ("tier", "1")
    assert names.as_tag("two words") is None
    assert names.as_tag("x" * 64) is None
