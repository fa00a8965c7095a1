"""Where reports go, and when: `reports`."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator

from meta_orch.config.values import Cron, InstanceName, Section, Text, TimeZone


class ReportsConfig(Section):
    """Where reports go, and when they are made."""

    url: Text = ".meta_orch/reports"
    """The folder, from the configuration file's folder where it is relative, or a URL that fsspec
    knows, as s3://bucket/reports."""
    daily_cron: Cron = "0 6 * * *"
    """When that of the day before is made."""
    weekly_cron: Cron = "15 6 * * 1"
    """When that of the last seven days is."""
    incidents_cron: Cron = "30 6 * * 1"
    """When that of the incidents of the last seven days is."""
    send_to: tuple[InstanceName, ...] = ()
    """Receivers of `alerts` that are told of each, with its most important lines."""
    timezone: TimeZone = "UTC"
    """The time zone of these, and of the days that reports are of."""

    @field_validator("url")
    @classmethod
    def _holds_no_login(cls, value: str) -> str:
        if "@" in value.partition("://")[2].partition("/")[0]:
            raise ValueError("must not hold a login; fsspec takes it from the environment")
        return value.rstrip("/") or "/"

    def within(self, folder: Path) -> ReportsConfig:
        """The same with a relative folder taken from `folder`."""
        if "://" in self.url or "::" in self.url or Path(self.url).is_absolute():
            return self
        return self.model_copy(update={"url": str(folder / self.url)})
