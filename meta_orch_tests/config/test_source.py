"""YAML with the lines that things stand on."""

from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.config.source import Malformed, read_yaml

TEXT = """\
version: 1
instances:
  - name: airflow_prod
    login:
      type: token

  - {name: prefect, type: prefect}
"""

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("at", "line"),
    [
        ((), 1),
        (("version",), 1),
        (("instances",), 2),
        (("instances", 0), 3),
        (("instances", 0, "name"), 3),
        (("instances", 0, "login", "type"), 5),
        (("instances", 1, "type"), 7),
        (("instances", 0, "login", "password"), 4),  # not there: the section that lacks it
    ],
)
def test_every_key_knows_its_line(at: tuple[str | int, ...], line: int) -> None:
    assert read_yaml(TEXT).line(at) == line


@given(documents)
def test_what_is_read_is_what_yaml_says(document: object) -> None:
    text = yaml.safe_dump(document, allow_unicode=True)
    assert read_yaml(text).data == yaml.safe_load(text)


def test_a_key_that_stands_twice_is_found_wherever_it_is() -> None:
    source = read_yaml("a: 1\nb:\n  - c: 1\n    c: 2\na: 3\n")
    assert source.repeated == [(("a",), 5), (("b", 0, "c"), 4)]


def test_a_merged_section_may_be_overridden_which_is_no_repetition() -> None:
    source = read_yaml("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\nd:\n  <<: *a\n")
    assert source.data == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2},
        "d": {"x": 1, "y": 2},
    }
    assert source.repeated == []


def test_a_merging_section_used_again_by_alias_has_no_repeated_key() -> None:
    assert read_yaml("a: &a {x: 1}\nb: &b\n  <<: *a\n  x: 2\nc: *b\n").repeated == []


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "expected ',' or ']', but got ':'"),
        ("a: *hunter2\n", 1, "found undefined alias '...'"),
        ("a: !env hunter2\n", 1, "could not determine a constructor for the tag '...'"),
        ('a: !hun\'ter2 ""\n', 1, "could not determine a constructor for the tag '...'"),
        ("\n\na: 2026-13-01\n", 3, "looks like a date or a number and is none"),
        ("a: &a\n  - *a\n", 1, "a value holds itself"),
        ("a: 1\n---\na: 2\n", 2, "found another document"),
        ("a: 1\nb: \x01\n", 2, "the character U+0001 is not allowed"),
        ("1: a\n", 1, "a key must be text"),
        ("? [a, b]\n: c\n", 1, "a key must be text"),
        ("[" * 600, None, "nested too deeply"),
    ],
)
def test_what_is_not_yaml_is_told_by_its_line_and_without_what_it_holds(
    text: str, line: int | None, problem: str
) -> None:
    with pytest.raises(Malformed) as caught:
        read_yaml(text)
    assert caught.value.line == line
    assert problem in caught.value.problem
    assert "hunter2" not in caught.value.problem


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Malformed):
        read_yaml(text)
