"""Dagster's pages: where they are, and where on them stands what.

Dagster's markup has no names for tests, so things are found as people find them: by what they say,
and by the colour that Dagster gives to a state. The colours are variables of its stylesheet.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import FloatRect, Locator, Page, ViewportSize, expect

_HIGH: ViewportSize = {"width": 1600, "height": 1440}
_MARGIN = 30


class Colour(StrEnum):
    """A state, as Dagster paints it."""

    SUCCEEDED = "accent-green"
    FAILED = "accent-red"


class Dagster:
    """Dagster's UI in one browser page."""

    def __init__(self, page: Page, address: str, screenshots: Path) -> None:
        self.page = page
        self._address = address
        self._screenshots = screenshots

    def open(self, path: str) -> None:
        self.page.goto(f"{self._address}/{path}")

    def take_picture(self, name: str, clip: FloatRect | None = None) -> None:
        """For the README: of the window, or of a part of it."""
        expect(
            self.page.locator('[class*="Spinner"], [class*="LoadingBar_loading_"]')
        ).to_have_count(0)
        self.page.mouse.move(0, 0)
        file = self._screenshots / f"{name}.png"
        self.page.screenshot(path=file, animations="disabled", clip=clip)

    def expect_text(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    # Lineage

    def open_lineage(self, *groups: str) -> None:
        """These groups, or all, closed, with the statuses of their assets."""
        selection = quote(" or ".join(f'group:"{group}"' for group in groups), safe="")
        self.open(f"asset-groups~{selection}" if groups else "asset-groups")
        expect(self.page.get_by_text("fetching statuses").first).to_be_visible()
        expect(self.page.get_by_text("fetching statuses")).to_have_count(0)

    def expand_all_groups(self) -> None:
        """Each asset as a box, all of them within the window."""
        self.page.keyboard.press("Alt+e")
        self.page.wait_for_url("**expanded=*")
        # Dagster draws only what is within the window, and fits the graph's width into it.
        self.page.set_viewport_size(_HIGH)
        self.page.reload()  # which it does when it loads

    def group(self, name: str) -> Locator:
        return self._node(name).filter(has=self.page.get_by_label("unfold_more"))

    def asset(self, name: str) -> Locator:
        """The last part of an asset's key is what stands in its box."""
        return self._node(name).filter(has_not=self.page.get_by_label(re.compile("unfold_")))

    def graph_area(self) -> FloatRect:
        """Where the graph's boxes are, and a little around them."""
        boxes = [box for node in self._nodes().all() if (box := node.bounding_box())]
        left, top = (min(box[side] for box in boxes) - _MARGIN for side in ("x", "y"))
        right = max(box["x"] + box["width"] for box in boxes) + _MARGIN
        bottom = max(box["y"] + box["height"] for box in boxes) + _MARGIN
        return {"x": left, "y": top, "width": right - left, "height": bottom - top}

    def _nodes(self) -> Locator:
        return self.page.locator("foreignObject")

    def _node(self, name: str) -> Locator:
        return self._nodes().filter(has=self.page.get_by_text(name, exact=True))

    # Runs

    def timeline_row(self, job: str) -> Locator:
        return self.page.locator('[class*="timelineRowContainer"]').filter(has=self._job(job))

    def run_row(self, job: str, status: str) -> Locator:
        """Of the Runs page: the innermost element that holds both."""
        status_tag = self.page.get_by_text(status, exact=True)
        return self.page.locator("div").filter(has=self._job(job)).filter(has=status_tag).last

    def _job(self, name: str) -> Locator:
        """By where it leads: the timeline shortens long names."""
        return self.page.locator(f'a[href$="/jobs/{name}"]')


def expect_colour(element: Locator, colour: Colour) -> None:
    """That something within the element has the colour of a state."""
    expect(element.locator(f'[style*="--color-{colour}"]').first).to_be_visible()
