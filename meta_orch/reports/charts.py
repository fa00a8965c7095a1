"""The pictures of a report, by matplotlib, as SVG: a wide one for a page and a narrow one for a
phone."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from meta_orch.reports.model import DemandCurve, SlaLine, Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.dates import AutoDateLocator
    from matplotlib.figure import Figure

_STATES = {
    "succeeded": "#5b8fd0",
    "failed": "#d1495b",
    "upstream_failed": "#d1495b",
    "running": "#8d99ae",
}
_OTHER_STATE = "#b8bfca"
_CRITICAL = "#e8a33d"
_INK, _MUTED, _GRID = "#1f2733", "#66707f", "#e3e7ed"
_SHORT = timedelta(minutes=10)
"""A timeline of less shows seconds."""
_WIDE, _NARROW = 10.0, 4.2
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "meta_orch",
    "font.size": 8.5,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _MUTED,
    "text.color": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
}
_MOST_OF_A_NAME = 26


@dataclass(frozen=True, slots=True)
class Chart:
    """SVG documents of one picture."""

    wide: str
    narrow: str
    text: str
    """What it shows, for who cannot see it."""


def timeline_chart(timeline: Timeline, timezone: str) -> Chart:
    zone = ZoneInfo(timezone)

    def draw(axes: Axes, *, is_narrow: bool) -> None:
        from matplotlib.dates import DateFormatter

        for row, lane in enumerate(timeline.lanes):
            for bar in lane.bars:
                begin, end = (_at(seconds, zone) for seconds in (bar.started, bar.ended))
                width = max(end - begin, (timeline.window.length / 400))
                axes.barh(
                    row,
                    width,  # type: ignore[arg-type]  # matplotlib takes durations beside instants
                    left=begin,  # type: ignore[arg-type]
                    height=0.62,
                    color=_STATES.get(bar.state, _OTHER_STATE),
                    edgecolor=_CRITICAL if bar.is_critical else "none",
                    linewidth=2.2 if bar.is_critical else 0,
                )
        names = [f"{lane.instance}/{lane.pipeline}" for lane in timeline.lanes]
        axes.set_yticks(range(len(names)), [_short(name, is_narrow=is_narrow) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(
            timeline.window.start.astimezone(zone),  # type: ignore[arg-type]
            timeline.window.end.astimezone(zone),  # type: ignore[arg-type]
        )
        axes.xaxis.set_major_locator(_instants(zone, is_narrow=is_narrow))
        is_short = timeline.window.end - timeline.window.start < _SHORT
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M:%S" if is_short else "%H:%M", tz=zone))
        axes.grid(axis="y", visible=False)
        _legend(
            axes,
            [
                ("succeeded", _STATES["succeeded"]),
                ("failed", _STATES["failed"]),
                ("running", _STATES["running"]),
                ("critical path", _CRITICAL),
            ],
            columns=2 if is_narrow else 4,
        )

    path = f" The critical path: {' → '.join(timeline.path)}." if timeline.path else ""
    return _chart(
        draw,
        lambda _: 0.9 + 0.24 * max(2, len(timeline.lanes)),
        f"Runs of {len(timeline.lanes)} pipelines over a day, a line each.{path}",
    )


def demand_chart(curve: DemandCurve, timezone: str) -> Chart:
    zone = ZoneInfo(timezone)
    # To the end of the last hour.
    hours = [_at(seconds, zone) for seconds in (*curve.hours, curve.hours[-1] + 3600)]
    wanted, running = ((*levels, levels[-1]) for levels in (curve.wanted, curve.running))
    capacity = (*curve.capacity, curve.capacity[-1])

    def draw(axes: Axes, *, is_narrow: bool) -> None:
        from matplotlib.dates import ConciseDateFormatter
        from matplotlib.ticker import MaxNLocator

        axes.fill_between(
            hours,  # type: ignore[arg-type]
            wanted,
            step="post",
            color="#f3d4a4",
            linewidth=0,
        )
        axes.fill_between(
            hours,  # type: ignore[arg-type]
            running,
            step="post",
            color=_STATES["succeeded"],
            linewidth=0,
        )
        entries = [("in use", _STATES["succeeded"]), ("and queued for", "#f3d4a4")]
        capacities = [float("nan") if c is None else c for c in capacity]
        if any(c is not None for c in capacity):
            axes.step(
                hours,  # type: ignore[arg-type]
                capacities,
                where="post",
                color=_STATES["failed"],
                linewidth=1.4,
            )
            entries.append(("capacity", _STATES["failed"]))
        locator = _instants(zone, is_narrow=is_narrow)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.margins(x=0)
        _legend(axes, entries, columns=3)

    peak = max(curve.wanted, default=0)
    return _chart(
        draw,
        lambda is_narrow: 2.0 if is_narrow else 2.3,
        f"Units of {curve.resource} in use and wanted, hour by hour; at most {peak:g}.",
    )


def sla_chart(lines: Sequence[SlaLine], first_day: datetime) -> Chart:
    """A heat map: a line each SLA, a column each day."""
    days = [first_day + timedelta(days=number) for number in range(len(lines[0].days))]

    def draw(axes: Axes, *, is_narrow: bool) -> None:
        import numpy as np
        from matplotlib.colors import LinearSegmentedColormap

        cells = np.array(
            [[np.nan if share is None else share for share in line.days] for line in lines]
        )
        colours = LinearSegmentedColormap.from_list("kept", ["#d1495b", "#f3d4a4", "#6aa57c"])
        axes.set_facecolor("#f1f3f6")  # of days on which nothing was decided
        axes.imshow(np.ma.masked_invalid(cells), cmap=colours, vmin=0, vmax=1, aspect="auto")
        between = "\n" if is_narrow else ": "
        names = [
            f"{_short(line.name, is_narrow=is_narrow)}{between}"
            f"{_short(line.pipeline, is_narrow=is_narrow)}"
            for line in lines
        ]
        axes.set_yticks(range(len(names)), names)
        axes.set_xticks(
            range(len(days)), [f"{day:%d}" if is_narrow else f"{day:%a %d}" for day in days]
        )
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_xticks([n - 0.5 for n in range(1, len(days))], minor=True)
        axes.set_yticks([n - 0.5 for n in range(1, len(names))], minor=True)
        axes.grid(which="minor", color="white", linewidth=3)
        axes.tick_params(which="both", length=0)
        for row, line in enumerate(lines):
            for column, share in enumerate(line.days):
                if share is not None:
                    axes.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=7)

    return _chart(
        draw,
        lambda is_narrow: 0.6 + (0.42 if is_narrow else 0.32) * len(lines),
        f"The share of each day that {len(lines)} SLAs were met.",
    )


def _chart(draw: Callable[..., None], height: Callable[[bool], float], text: str) -> Chart:
    wide, narrow = (
        _svg(draw, width, height(is_narrow), is_narrow=is_narrow)
        for width, is_narrow in ((_WIDE, False), (_NARROW, True))
    )
    return Chart(wide, narrow, text)


def _svg(draw: Callable[..., None], width: float, height: float, *, is_narrow: bool) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure: Figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot(), is_narrow=is_narrow)
        text = io.StringIO()
        # Without its date, so that the same report is the same file.
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _legend(axes: Axes, entries: Sequence[tuple[str, str]], *, columns: int) -> None:
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(color=colour, label=label) for label, colour in entries],
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=columns,
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.0,
        columnspacing=1.2,
        labelcolor=_MUTED,
    )


def _instants(zone: ZoneInfo, *, is_narrow: bool) -> AutoDateLocator:
    """Where to write instants. With these limits it knows an interval for any length of time."""
    from matplotlib.dates import AutoDateLocator

    return AutoDateLocator(tz=zone, minticks=2, maxticks=5 if is_narrow else 9)


def _at(seconds: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone)


def _short(name: str, *, is_narrow: bool) -> str:
    most = _MOST_OF_A_NAME if is_narrow else 2 * _MOST_OF_A_NAME
    return name if len(name) <= most else f"…{name[1 - most :]}"
