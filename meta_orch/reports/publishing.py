"""Where reports go: a folder, or any URL that fsspec knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fsspec.core import url_to_fs

from meta_orch.domain.errors import MetaOrchError
from meta_orch.reports.model import Period, Report
from meta_orch.reports.rendering import to_html, to_json, to_markdown


class PublishingFailed(MetaOrchError):
    """A report cannot be written where it is to go."""


@dataclass(frozen=True, slots=True)
class Published:
    """Where the files of a report are."""

    html: str
    markdown: str
    json: str
    text: str
    """The Markdown itself."""


def write_files(url: str, files: Mapping[str, str]) -> None:
    """Write texts below a URL, each under its name, in the place of what is there.

    Raises:
        PublishingFailed: the place cannot be written to, or its package is not installed.
    """
    try:
        filesystem, folder = url_to_fs(url)
        filesystem.makedirs(folder, exist_ok=True)
        for name, content in files.items():
            filesystem.pipe_file(f"{folder}/{name}", content.encode())
    except (OSError, ValueError, ImportError) as error:
        raise PublishingFailed(
            f"the report cannot be written below `reports.url`: {type(error).__name__}: {error}"
        ) from error


def publish(report: Report, url: str) -> Published:
    """Write its three files below a URL, and the page once more as the latest of its period if it
    is. What is there of the same name is replaced.

    Raises:
        PublishingFailed: the place cannot be written to, or its package is not installed.
    """
    word = "daily" if report.period is Period.DAY else "weekly"
    html, text = to_html(report), to_markdown(report)
    files = {
        f"{report.name}.html": html,
        f"{report.name}.md": text,
        f"{report.name}.json": to_json(report),
    }
    latest = {f"latest-{word}.html": html} if report.is_last else {}
    write_files(url, {**files, **latest})
    html_place, markdown_place, json_place = (f"{url}/{name}" for name in files)
    return Published(html_place, markdown_place, json_place, text)
