"""Which names of data mean the same."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.dependencies import uris as module
from meta_orch.dependencies.uris import Place, normalised_uri, place_of


@pytest.mark.parametrize(
    ("uri", "normalised"),
    [
        ("s3://lake/orders", "s3://lake/orders"),
        ("S3://Lake/Orders/", "s3://lake/Orders"),
        ("s3a://lake/orders", "s3://lake/orders"),
        ("postgres://db:5432/shop/public/orders", "postgresql://db:5432/shop/public/orders"),
        ("postgresql://someone:pa@ss@DB/shop", "postgresql://db/shop"),
        ("file:/data/orders.csv", "file:///data/orders.csv"),
        ("file://localhost/data/orders.csv", "file:///data/orders.csv"),
        ("file:///data/orders.csv", "file:///data/orders.csv"),
        ("s3://lake/orders?version=2#part", "s3://lake/orders?version=2#part"),
        ("orders", "orders"),
        ("Sales Orders/", "Sales Orders/"),
        ("", ""),
        ("x://[broken", "x://[broken"),
    ],
)
def test_a_uri_has_one_spelling(uri: str, normalised: str) -> None:
    assert normalised_uri(uri) == normalised


@given(st.text() | st.from_regex(r"[a-zA-Z0-9]+:/{1,3}[a-z@:/.\[\]?#%]*", fullmatch=True))
def test_a_normalised_uri_stays_as_it_is(uri: str) -> None:
    once = normalised_uri(uri)
    assert normalised_uri(once) == once


@pytest.mark.parametrize(
    ("uri", "name", "host"),
    [
        ("shop.public.orders", "shop.public.orders", None),
        ('SHOP.PUBLIC."ORDERS"', "shop.public.orders", None),
        ("postgres://DB:5432/shop/public/orders", "shop.public.orders", "db:5432"),
        ("postgres://db:5432/shop.public.orders", "shop.public.orders", "db:5432"),  # OpenLineage
        ("snowflake://org-account/SHOP/PUBLIC/ORDERS", "shop.public.orders", "org-account"),
        ("bigquery://shop/public/orders", "shop.public.orders", None),
        ("/data/orders.csv", "file:///data/orders.csv", None),
    ],
)
def test_a_table_is_the_same_by_its_name_and_by_its_uri(
    uri: str, name: str, host: str | None
) -> None:
    assert place_of(uri, "a") == Place(name, host)


def test_a_table_without_a_server_is_that_on_any_and_two_servers_differ() -> None:
    named, here, there = (
        place_of(uri, "a")
        for uri in (
            "shop.public.orders",
            "postgres://here/shop/public/orders",
            "postgres://there/shop/public/orders",
        )
    )
    assert named.is_same(here)
    assert named.is_same(there)
    assert not here.is_same(there)


@pytest.mark.parametrize("name", ["orders", "raw/orders", "public.orders", "a.b.c.d", "v1.2.3"])
def test_another_name_is_one_within_its_instance(name: str) -> None:
    assert place_of(name, "a") == Place(name, scope="a")
    assert not place_of(name, "a").is_same(place_of(name, "b"))


@given(st.text(), st.text())
def test_any_text_has_a_place_and_is_the_same_as_itself(uri: str, instance: str) -> None:
    place = place_of(uri, instance)
    assert place.is_same(place)
    assert place.is_same(place_of(uri, instance))


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(module).failed == 0
