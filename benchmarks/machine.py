"""The facts without which a figure says nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

GIGABYTE = 1024**3
PACKAGES = ("meta_orch", "dagster", "dagster-webserver", "duckdb")


def describe_machine() -> str:
    memory = psutil.virtual_memory().total / GIGABYTE
    return (
        f"{_processor()}, {_cores()} cores, {memory:.0f} GB; "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def describe_versions(packages: Iterable[str] = PACKAGES) -> str:
    return ", ".join(f"{package} {version(package)}" for package in packages)


def describe_load() -> str:
    """How busy the machine is: figures of a busy one are worth less, wall seconds least."""
    return f"{os.getloadavg()[0]:.1f} processes ran or waited to run on it in the minute before"


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
