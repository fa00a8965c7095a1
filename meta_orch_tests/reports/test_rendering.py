"""Reports as pages, as Markdown, as JSON."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from syrupy.assertion import SnapshotAssertion

from meta_orch.domain.time import Window
from meta_orch.reports.model import Report
from meta_orch.reports.rendering import to_html, to_json, to_markdown

_PICTURE = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")


def test_markdown_reads_as_a_person_would_write_it(
    weekly: Report, snapshot: SnapshotAssertion
) -> None:
    assert to_markdown(weekly) == snapshot


def test_a_page_needs_nothing_else(daily: Report) -> None:
    page = to_html(daily)
    without_pictures = _PICTURE.sub("", page)
    assert not re.search(r"(src|href)=\"(?!\")|url\(|<script|@import", without_pictures)
    assert "by_five was missed 1 of 1 time<" in page


def test_every_picture_is_there_wide_and_narrow_and_says_what_it_shows(daily: Report) -> None:
    page = to_html(daily)
    pictures = [b64decode(found) for found in _PICTURE.findall(page)]
    # The promises, the timeline, and each resource.
    assert len(pictures) == 2 * (2 + len(daily.demand))
    widths = [ET.fromstring(picture).get("width") for picture in pictures]  # noqa: S314  # ours
    assert set(widths[::2]) == {"302.4pt"}
    assert set(widths[1::2]) == {"720pt"}
    for alternative in re.findall(r'alt="([^"]*)"', page):
        assert len(alternative) > 20


def test_the_same_report_is_the_same_file(daily: Report) -> None:
    assert to_html(daily) == to_html(daily)


def test_what_orchestrators_say_is_text_and_no_markup(daily: Report) -> None:
    (first, *others) = daily.findings
    evil = replace(first, evidence="<script>alert(1)</script>", action="meta-orch x <b>")
    page = to_html(replace(daily, findings=(evil, *others)))
    assert "<script>" not in page
    assert "<code>meta-orch x &lt;b&gt;</code>" in page


def test_json_has_all_that_the_report_says(weekly: Report) -> None:
    data = json.loads(to_json(weekly))
    assert data["period"] == "week"
    assert data["window"]["start"] == "2026-03-13T00:00:00+00:00"
    assert len(data["findings"]) == len(weekly.findings)
    assert data["slas"][0]["days"] == [1, 1, 1, 1, 1, 0, 0]


def test_a_time_that_is_no_day_is_told_to_the_minute(daily: Report) -> None:
    window = Window(*(at + timedelta(hours=6) for at in (daily.window.start, daily.window.end)))
    text = to_markdown(replace(daily, window=window))
    assert "19 March 06:00 to 20 March 2026 06:00 (UTC)" in text
    assert text.startswith("# Daily report on pipelines, 2026-03-20")


@pytest.mark.parametrize("render", [to_html, to_markdown, to_json])
def test_a_report_of_nothing_is_one(weekly: Report, render: object) -> None:
    nothing = replace(
        weekly, findings=(), slas=(), timeline=None, demand=(), more_findings=0, not_covered=()
    )
    assert render(nothing)  # type: ignore[operator]  # each is one
