"""Faults of sections that stand beside each other: names that several have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import InitErrorDetails


def fault_at(place: tuple[int | str, ...], value: Any, text: str) -> InitErrorDetails:
    return InitErrorDetails(
        type="value_error", loc=place, input=value, ctx={"error": ValueError(text)}
    )


def repeated_names(sections: Any, kind: str) -> Iterator[InitErrorDetails]:
    """A fault for each name but the first of its kind; the sections need not be validated yet."""
    seen: set[str] = set()
    for index, section in enumerate(sections if isinstance(sections, list | tuple) else ()):
        name = section.get("name") if isinstance(section, dict) else getattr(section, "name", "")
        if not isinstance(name, str):
            continue
        if name in seen:
            yield fault_at((index, "name"), name, f"is the name of {kind} above; give each its own")
        seen.add(name)
