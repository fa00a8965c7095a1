"""Parameters with expressions in them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.config.templates import TemplateFailed, fill_in, template_faults

NAMES = {
    "upstream": {
        "due_at": datetime(2026, 1, 4, 6, tzinfo=UTC),
        "parameters": {"rows": 12, "regions": ["north", "south"], "day": "2026-01-04"},
    },
    "upstreams": {"airflow/orders": {"run_id": "r1"}},
    "trigger": {"name": "scores"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ upstream.parameters.rows }}", 12),
        ("{{ upstream.parameters.regions }}", ["north", "south"]),
        ("{{ upstream.parameters.day }}", "2026-01-04"),
        ("{{ upstream.due_at }}", "2026-01-04T06:00:00+00:00"),
        ("{{ upstream.due_at.date() }}", "2026-01-04"),
        ("{{ upstream.due_at.strftime('%Y%m%d') }}", "20260104"),
        ("{{ upstream.parameters.rows > 10 }}", True),
        ("{{ upstreams['airflow/orders'].run_id }}", "r1"),
        ("rows: {{ upstream.parameters.rows }}", "rows: 12"),
        ("day {{ upstream.due_at.date() }}", "day 2026-01-04"),
        ("{{ trigger.name }}-{{ upstream.parameters.rows }}", "scores-12"),
        ("{{ upstream.parameters.missing | default(none) }}", None),
        ("no expression", "no expression"),
    ],
)
def test_an_expression_alone_keeps_its_type_and_one_in_a_text_becomes_text(
    text: str, value: Any
) -> None:
    assert fill_in(text, NAMES) == value


def test_texts_are_filled_in_wherever_they_stand() -> None:
    wish = {"a": [1, {"b": "{{ upstream.parameters.rows }}"}], "c": True}
    assert fill_in(wish, NAMES) == {"a": [1, {"b": 12}], "c": True}


def test_spans_become_seconds_and_dates_texts() -> None:
    names = {"upstream": {"took": timedelta(minutes=2), "day": date(2026, 1, 4)}}
    assert fill_in("{{ upstream.took }}", names) == 120
    assert fill_in(["{{ [upstream.day] }}"], names) == [["2026-01-04"]]


@pytest.mark.parametrize(
    "text",
    [
        "{{ upstream.parameters.missing }}",
        "{{ upstream.parameters.missing }} and more",
        "{{ upstreams['airflow/none'].run_id }}",
        "{{ upstream.parameters.rows / 0 }}",
        "{{ upstream.parameters.day + 1 }}",
        "{{ upstream.__class__.__mro__ }}",
    ],
)
def test_what_has_no_value_is_told_with_its_text(text: str) -> None:
    with pytest.raises(TemplateFailed) as failed:
        fill_in(text, NAMES)
    assert text in str(failed.value)


def test_what_is_wrong_is_found_before_anything_happens() -> None:
    assert list(template_faults({"day": "{{ upstream.due_at }}", "n": 1, "l": ["x"]})) == []
    (broken,) = template_faults({"day": "{{ upstream.due_at"})
    assert "is no template" in broken
    (unknown,) = template_faults(["{{ upstrem.due_at }}"])
    assert "refers to upstrem; write one of: trigger, upstream, upstreams" in unknown


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text().filter(lambda text: "{" not in text),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_what_holds_no_expression_stays_as_it_is(value: Any) -> None:
    assert fill_in(value, NAMES) == value
    assert not list(template_faults(value))
