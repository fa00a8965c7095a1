"""What an answer says, whichever way its JSON is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.orchestrators.answers import parse_json
from meta_orch.orchestrators.base import UnexpectedAnswer

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values, st.booleans())
def test_an_answer_is_read_as_pythons_own_reader_does(value: object, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode()
    read = parse_json("airflow", "GET /dags", body)
    assert read == value
    assert repr(read) == repr(value)  # 1 is not 1.0


@pytest.mark.parametrize(
    "body",
    [
        rb'["half a pair: \ud800"]',
        b"[NaN, Infinity, -Infinity]",
        b"[123456789012345678901234567890]",
        b'{"twice": 1, "twice": 2}',
        b"\xef\xbb\xbf[]",
        b"[" * 300 + b"]" * 300,
    ],
)
def test_so_is_what_some_readers_refuse(body: bytes) -> None:
    assert repr(parse_json("airflow", "GET /dags", body)) == repr(json.loads(body))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "an empty answer"),
        (b"\n<!doctype HTML><p>Log in", "an HTML page"),
        (b"[1,]", "not JSON"),
        (b'["\xff"]', "not JSON"),
    ],
)
def test_what_is_no_json_is_named(body: bytes, found: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=rf"GET /dags gave .*{found}"):
        parse_json("airflow", "GET /dags", body)
