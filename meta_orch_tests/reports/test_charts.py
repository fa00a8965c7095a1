"""Pictures of whatever length of time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from meta_orch.domain.time import Window
from meta_orch.reports.charts import demand_chart, timeline_chart
from meta_orch.reports.model import Bar, DemandCurve, Lane, Timeline

BEGIN = datetime(2026, 3, 28, 22, tzinfo=UTC)  # the night before clocks go forward in Berlin


@pytest.mark.parametrize(
    "seconds", [20, 60, 100, 150, 290, 600, 1800, 5400, 9000, 20_000, 50_000, 82_800, 86_400]
)
def test_a_timeline_may_be_of_any_length(seconds: int) -> None:
    """matplotlib warns where it finds no ticks, and a warning is an error here."""
    begin = BEGIN.timestamp()
    bars = (Bar(begin, begin + seconds / 2, "succeeded", is_critical=True),)
    window = Window(BEGIN, BEGIN + timedelta(seconds=seconds))
    timeline = Timeline(window, (Lane("orders", "airflow", bars),), 0, None, ())
    chart = timeline_chart(timeline, "Europe/Berlin")
    for picture in (chart.wide, chart.narrow):
        assert ET.fromstring(picture).get("height")  # noqa: S314  # ours


_SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("hours", [1, 2, 3, 5, 11, 23, 24, 25, 47, 49, 100, 167, 168, 169])
def test_a_curve_may_have_any_number_of_hours(hours: int) -> None:
    instants = tuple(BEGIN.timestamp() + 3600 * number for number in range(hours))
    levels = tuple(float(number % 4) for number in range(hours))
    for capacity in (None, 3.0):
        curve = DemandCurve("pool", "airflow/db", instants, levels, levels, (capacity,) * hours)
        picture = ET.fromstring(demand_chart(curve, "Europe/Berlin").wide)  # noqa: S314  # ours
        areas = [
            path.get("d", "")
            for group in picture.iter(f"{_SVG}g")
            if group.get("id", "").startswith("FillBetween")
            for path in group.iter(f"{_SVG}path")
        ]
        assert len(areas) == 2
        # As wide as the picture, but for its margins: the last hour is there, too.
        for area in areas:
            across = [float(x) for x in re.findall(r"[ML] ([\d.]+) ", area)]
            assert max(across) - min(across) > 500
