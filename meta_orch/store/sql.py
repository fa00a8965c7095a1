"""The statements in `queries/` and `migrations/`, by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """The statement in `queries/<name>.sql`."""
    return (files("meta_orch.store") / "queries" / f"{name}.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema, from `migrations/<name>.sql`."""

    number: int
    name: str
    script: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Every migration, in order."""
    folder = files("meta_orch.store") / "migrations"
    scripts = {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    }
    return tuple(
        Migration(int(name.split("_")[0]), name, scripts[name]) for name in sorted(scripts)
    )
