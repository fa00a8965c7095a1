"""Dagster's pages: where they are, and where on them stands what.

Dagster's markup has no names for tests, so things are found as people find them: by what they say,
and by the colour that Dagster gives to a state. The colours are variables of its stylesheet.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from playwright.sync_api import Locator, Page, expect


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

    def take_picture(self, name: str) -> None:
        """For the README."""
        expect(
            self.page.locator('[class*="Spinner"], [class*="LoadingBar_loading_"]')
        ).to_have_count(0)
        self.page.mouse.move(0, 0)
        self.page.screenshot(path=self._screenshots / f"{name}.png", animations="disabled")

    def expect_text(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    # Lineage

    def open_lineage(self) -> None:
        """All groups, closed, with the statuses of their assets."""
        self.open("asset-groups")
        expect(self.page.get_by_text("fetching statuses").first).to_be_visible()
        expect(self.page.get_by_text("fetching statuses")).to_have_count(0)

    def expand_all_groups(self) -> None:
        """Each asset as a box, all of them within the window."""
        self.page.keyboard.press("Alt+e")
        self.page.wait_for_url("**expanded=*")
        self.page.reload()  # it fits the graph into the window only when it loads

    def group(self, name: str) -> Locator:
        return self._node(name).filter(has=self.page.get_by_label("unfold_more"))

    def asset(self, name: str) -> Locator:
        """The last part of an asset's key is what stands in its box."""
        return self._node(name).filter(has_not=self.page.get_by_label(re.compile("unfold_")))

    def _node(self, name: str) -> Locator:
        return self.page.locator("foreignObject").filter(
            has=self.page.get_by_text(name, exact=True)
        )

    # Runs

    def timeline_row(self, job: str) -> Locator:
        return self.page.locator('[class*="timelineRowContainer"]').filter(has=self._job(job))

    def run_row(self, job: str, status: str) -> Locator:
        """Of the Runs page: the innermost element that holds both."""
        status_tag = self.page.get_by_text(status, exact=True)
        return self.page.locator("div").filter(has=self._job(job)).filter(has=status_tag).last

    def _job(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)


def expect_colour(element: Locator, colour: Colour) -> None:
    """That something within the element has the colour of a state."""
    expect(element.locator(f'[style*="--color-{colour}"]').first).to_be_visible()
