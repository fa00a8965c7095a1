"""Parameters are stored and shown, so what looks like a secret in them is masked first."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.domain.secrets import MASK, mask_secrets

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="abc ", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["region", "count", "rows"]), inner, max_size=3)
    ),
)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "api_key",
        "apikey",
        "access_key_id",
        "Authorization",
        "client_secret",
        "token",
        "refreshToken",
        "credentials",
    ],
)
def test_the_value_of_a_secret_name_is_masked(name: str) -> None:
    assert mask_secrets({name: "hunter2"}) == {name: MASK}


def test_a_secret_is_masked_at_any_depth() -> None:
    parameters = {"sources": [{"uri": "s3://bucket", "token": "hunter2"}]}
    assert mask_secrets(parameters) == {"sources": [{"uri": "s3://bucket", "token": MASK}]}


def test_everything_under_a_secret_name_is_masked() -> None:
    assert mask_secrets({"credentials": {"user": "a", "key": "b"}}) == {"credentials": MASK}


def test_the_password_in_a_url_is_masked_and_the_rest_stays() -> None:
    assert mask_secrets("postgresql://etl:hunter2@db:5432/sales") == (
        f"postgresql://etl:{MASK}@db:5432/sales"
    )


@pytest.mark.parametrize("name", ["compass", "bypass_cache", "region", "passenger_count"])
def test_a_name_that_only_resembles_a_secret_is_left(name: str) -> None:
    assert mask_secrets({name: "value"}) == {name: "value"}


@given(json_values)
def test_what_holds_no_secret_is_unchanged(value: object) -> None:
    assert mask_secrets(value) == value
    assert json.dumps(mask_secrets(value)) == json.dumps(value)
