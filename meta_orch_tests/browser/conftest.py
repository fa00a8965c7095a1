"""The demonstration in a browser: Dagster's own UI, as a person sees it, in headless Chromium.

Two environment variables are for people:
- `META_ORCH_DEMO_URL`: look at a demonstration that runs already (`make demo`), and start none.
- `META_ORCH_SCREENSHOTS`: the folder that the README's pictures are written to; without it they go
  where pytest keeps temporary files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from rich.console import Console

from meta_orch.demo.demonstration import running
from meta_orch.demo.steps import Steps
from meta_orch.demo.story import Story
from meta_orch_tests.browser.pages import Dagster

DEMO_VARIABLE = "META_ORCH_DEMO_URL"
SCREENSHOTS_VARIABLE = "META_ORCH_SCREENSHOTS"

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)
_SIZE: ViewportSize = {"width": 1600, "height": 900}
_PATIENCE = 120_000
"""Milliseconds for anything to show: two cores also run seven servers."""


@dataclass(frozen=True)
class Demonstration:
    """One whose Dagster shows everything that it should.

    Args:
        story: None for one that was there.
        data: the folder that its pipelines share.
    """

    url: str
    story: Story | None
    data: Path


@pytest.fixture(scope="package")
def demonstration(
    tmp_path_factory: pytest.TempPathFactory, chromium: Browser
) -> Iterator[Demonstration]:
    """A running one.

    It asks for the browser, so that where there is none nothing is started in vain.
    """
    address = os.environ.get(DEMO_VARIABLE)
    if address:
        yield Demonstration(address.rstrip("/"), None, Path())
        return
    folder = tmp_path_factory.mktemp("demonstration")
    with running(folder, port=None, steps=Steps(Console())) as story:
        story.go_on()
        yield Demonstration(story.dagster.url, story, folder / "data")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium here; Debian has it: apt-get install chromium")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []  # root cannot have Chromium's sandbox
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_FLAGS, *as_root])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """An empty page of a browser that remembers nothing. What it showed last is kept as a picture
    in the test's `tmp_path`."""
    context = chromium.new_context(
        viewport=_SIZE, locale="en-US", timezone_id="UTC", reduced_motion="reduce"
    )
    context.set_default_timeout(_PATIENCE)
    expect.set_options(timeout=_PATIENCE)
    page = context.new_page()
    yield page
    page.screenshot(path=tmp_path / "last.png")
    context.close()


@pytest.fixture
def dagster(page: Page, demonstration: Demonstration, screenshots: Path) -> Dagster:
    return Dagster(page, demonstration.url, screenshots)


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = os.environ.get(SCREENSHOTS_VARIABLE)
    folder = Path(chosen).absolute() if chosen else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
