"""Durations, globs, URLs and secrets, one value at a time."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from meta_orch.config.values import (
    LONGEST_DURATION,
    Cron,
    Duration,
    EnvironmentReference,
    Glob,
    InstanceName,
    MissingSecret,
    Secret,
    TimeZone,
    Url,
    format_duration,
    parse_duration,
)

durations = st.timedeltas(min_value=timedelta(), max_value=LONGEST_DURATION)


@given(durations)
def test_a_duration_is_read_back_as_it_was_written(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_the_parts_of_a_duration_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{days}d{hours}h {minutes}m{seconds}s") == timedelta(
        days=days, hours=hours, minutes=minutes, seconds=seconds
    )


@given(st.text(max_size=12))
def test_any_text_is_a_duration_within_bounds_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert timedelta() <= parse_duration(text) <= LONGEST_DURATION


@pytest.mark.parametrize("text", ["", "5", "5 parsecs", "s", "1m1h", "1h1h", "-5m", "1.5h", "1e3s"])
def test_a_duration_needs_units_in_order(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 30s"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["3651d", "999999999d", "999999999h", "3650d1s"])
def test_a_duration_of_centuries_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 3650d"):
        parse_duration(text)


@pytest.mark.parametrize("value", [30, 30.5, True, None, ["30s"], "0s"])
def test_a_duration_without_a_unit_or_of_nothing_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(value)


@pytest.mark.parametrize(
    "text",
    ["*", "daily_*", "team/*/load", "[ab]*", "[!ab]?", "[]]", "[!]]x", "[[]x]", "x]"],
)
def test_a_glob_is_kept_as_it_stands(text: str) -> None:
    assert TypeAdapter(Glob).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "  ", " a", "a ", "[", "daily_[ab", "[]", "[!]", "a]["])
def test_a_glob_that_cannot_mean_what_it_says_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Glob).validate_python(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://airflow.example.com/", "https://airflow.example.com"),
        ("https://example.com/airflow/prod/", "https://example.com/airflow/prod"),
        ("http://[::1]:4200/api", "http://[::1]:4200/api"),
    ],
)
def test_a_url_loses_its_last_slash_and_nothing_else(text: str, url: str) -> None:
    assert TypeAdapter(Url).validate_python(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "localhost:8080",
        "ftp://example.com",
        "https://",
        "https:example.com",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
        "https://user@example.com",
        "https://user:hunter2@example.com",
        "https://${USER}:${PASSWORD}@example.com",
        "https://${HOST}",
        "https://example.com/?token=hunter2",
        "https://example.com/#here",
    ],
)
def test_a_url_that_is_none_or_holds_a_login_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Url).validate_python(text)
    (fault,) = caught.value.errors()
    assert text == "https://" or text not in fault["msg"]
    assert "hunter2" not in fault["msg"]


@pytest.mark.parametrize("text", ["airflow-prod", "1st", "", "über", "a b", "a/b", "a\n", "_a"])
def test_a_name_that_cannot_begin_an_asset_key_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="a letter first"):
        TypeAdapter(InstanceName).validate_python(text)


@pytest.mark.parametrize(
    "value", ["hunter2", "$NAME", "${}", "${1A}", "${A} ", "", 12345, None, {}]
)
def test_a_literal_secret_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="a secret must not stand in this file"):
        TypeAdapter(Secret).validate_python(value)


def test_a_secret_is_read_from_the_environment_when_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = TypeAdapter(Secret).validate_python("${AIRFLOW_PASSWORD}")

    monkeypatch.setenv("AIRFLOW_PASSWORD", "hunter2")

    assert secret == EnvironmentReference(variable="AIRFLOW_PASSWORD")
    assert secret.read() == "hunter2"
    assert "hunter2" not in f"{secret} {secret!r}"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_or_empty_is_named(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_PASSWORD", raising=False)
    if value is not None:
        monkeypatch.setenv("AIRFLOW_PASSWORD", value)

    with pytest.raises(MissingSecret, match="AIRFLOW_PASSWORD is not set"):
        EnvironmentReference(variable="AIRFLOW_PASSWORD").read()


def test_a_secret_is_written_as_its_reference() -> None:
    adapter = TypeAdapter(Secret)
    assert adapter.dump_json(adapter.validate_python("${KEY}")) == b'"${KEY}"'


@pytest.mark.parametrize("text", ["30 3 * * *", "*/5 0-6,22 1 1 1-5", "0 0 * * 7", " 0  3 * * * "])
def test_a_cron_expression_of_five_fields_is_taken(text: str) -> None:
    assert TypeAdapter(Cron).validate_python(text) == " ".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        *("", "@daily", "0 3 * *", "0 0 3 * * *", "60 3 * * *", "0 24 * * *", "0 3 0 * *"),
        *("0 3 * 13 *", "0 3 * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "0 3 * * MON"),
    ],
)
def test_what_is_no_cron_expression_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a cron expression"):
        TypeAdapter(Cron).validate_python(text)


@pytest.mark.parametrize("text", ["Europe/Nowhere", "", "../etc/passwd", "Europe", "a\0b"])
def test_what_is_no_time_zone_is_refused(text: str) -> None:
    assert TypeAdapter(TimeZone).validate_python("Europe/Berlin") == "Europe/Berlin"
    with pytest.raises(ValidationError, match="is no time zone"):
        TypeAdapter(TimeZone).validate_python(text)
