"""What the shop's flows share: where its data lies, and how files are read and written."""

import csv
import json
import os
from pathlib import Path
from typing import Any

DATA = Path(os.environ["META_ORCH_DEMO_DATA"])
MARTS = DATA / "marts"
SERVED = DATA / "served"


def has_mart(name: str) -> bool:
    """Whether the warehouse has published that table."""
    return (MARTS / f"{name}.csv").exists()


def read_mart(name: str) -> list[dict[str, str]]:
    """The rows of a table that the warehouse has published as CSV."""
    with (MARTS / f"{name}.csv").open(newline="") as text:
        return list(csv.DictReader(text))


def serve(name: str, content: Any) -> Path:
    """Write what other systems read, all or nothing: text as it is, anything else as JSON."""
    SERVED.mkdir(parents=True, exist_ok=True)
    partial = SERVED / f"{name}.partial"
    partial.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    return partial.replace(SERVED / name)
