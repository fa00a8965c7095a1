"""Where reports go."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from meta_orch.config.models import ReportsConfig
from meta_orch.reports.model import Report
from meta_orch.reports.publishing import PublishingFailed, publish

FILES = {
    *("daily-2026-03-19.html", "daily-2026-03-19.md", "daily-2026-03-19.json"),
    "latest-daily.html",
}


def test_a_folder_is_made_and_holds_all_three_and_the_latest(daily: Report, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "reports"
    publish(daily, str(folder))
    published = publish(daily, str(folder))  # what is there is replaced
    assert {file.name for file in folder.iterdir()} == FILES
    assert Path(published.html).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert Path(published.markdown).read_text(encoding="utf-8") == published.text


def test_any_url_that_fsspec_knows_will_do(daily: Report) -> None:
    published = publish(daily, "memory://bucket/reports")
    assert published.html == "memory://bucket/reports/daily-2026-03-19.html"
    files = fsspec.filesystem("memory").ls("/bucket/reports", detail=False)
    assert {file.rpartition("/")[2] for file in files} == FILES


@pytest.mark.parametrize(
    ("url", "told"),
    [("nowhere://bucket", "nowhere"), ("/proc/reports", "reports.url")],
)
def test_a_place_that_cannot_be_written_to_is_told(daily: Report, url: str, told: str) -> None:
    with pytest.raises(PublishingFailed, match=told):
        publish(daily, url)


def test_a_relative_folder_is_one_beside_the_configuration_and_a_url_is_left_alone() -> None:
    assert ReportsConfig(url="out").within(Path("/etc/company")).url == "/etc/company/out"
    for url in ("/var/reports", "s3://bucket/reports"):
        assert ReportsConfig(url=url).within(Path("/etc/company")).url == url


def test_a_login_must_not_stand_in_the_url() -> None:
    with pytest.raises(ValueError, match="must not hold a login"):
        ReportsConfig(url="ftp://me:secret@host/reports")
