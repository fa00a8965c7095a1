"""One spelling for one piece of data, so that who writes it meets who reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_SAME_SCHEME = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "postgres": "postgresql"}
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_OF_TABLES = frozenset(
    {
        "awsathena",
        "bigquery",
        "databricks",
        "duckdb",
        "motherduck",
        "mssql",
        "mysql",
        "oracle",
        "postgresql",
        "redshift",
        "snowflake",
        "teradata",
        "trino",
    }
)
"""Schemes whose path names a table, as Airflow's asset URIs and OpenLineage's names do."""
_PART = r'(?:[A-Za-z_][\w$-]*|"[^"/.]+"|`[^`/.]+`)'
_TABLE = re.compile(rf"{_PART}\.{_PART}\.{_PART}")
_PARTS_OF_A_TABLE = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where data lies."""

    name: str
    """The same for the same data: a URI, or `database.schema.table` in lower case."""
    host: str | None = None
    """The server that a table is on, where that is said. Two that say different ones differ."""
    scope: str = ""
    """The instance that `name` is only known in; empty where it is known everywhere."""

    @property
    def key(self) -> tuple[str, str]:
        """Equal for places that may be the same."""
        return self.scope, self.name

    def is_same(self, other: Place) -> bool:
        """Whether both may name the same data: a table without a server is that on any."""
        return self.key == other.key and (
            self.host is None or other.host is None or self.host == other.host
        )


def place_of(uri: str, instance: str) -> Place:
    """What a URI, a path or a name means that an orchestrator gives.

    - `s3://lake/orders` and other URIs: themselves, in one spelling (`normalised_uri`).
    - `/data/orders.csv`: `file:///data/orders.csv`.
    - `shop.public.orders`, `postgresql://db/shop/public/orders`: the table.
    - any other text: a name within the instance.
    """
    if _TABLE.fullmatch(uri):
        return Place(_table(uri.split(".")))
    if uri.startswith("/"):
        uri = f"file://{uri}"
    normalised = normalised_uri(uri)
    scheme, separator, rest = normalised.partition("://")
    if not separator:
        return Place(normalised, scope=instance)
    if scheme in _OF_TABLES:
        host, _, path = rest.partition("/")
        parts = [part for part in path.partition("?")[0].split("/") if part]
        if scheme == "bigquery":  # has no server: first comes the project
            parts, host = [host, *parts], ""
        if len(parts) == 1:  # OpenLineage has them so
            parts = parts[0].split(".")
        if len(parts) == _PARTS_OF_A_TABLE:
            return Place(_table(parts), host=host or None)
    return Place(normalised)


def _table(parts: list[str]) -> str:
    return ".".join(part.strip('"`').lower() for part in parts)


def normalised_uri(uri: str) -> str:
    """One spelling for a URI: scheme and host in lower case, no login, no trailing slash, other
    names of a scheme as the usual one (`s3a://` as `s3://`, `file:/a` as `file:///a`). A text
    without a scheme is a name and stays as it is.

    >>> normalised_uri("S3A://Bucket/orders/")
    's3://bucket/orders'
    """
    if not _HAS_SCHEME.match(uri):
        return uri
    try:
        parts = urlsplit(uri)
    except ValueError:  # such as a bracket that is not closed
        return uri
    scheme = _SAME_SCHEME.get(parts.scheme, parts.scheme)
    host = parts.netloc.rpartition("@")[2].lower()
    if scheme == "file" and host == "localhost":
        host = ""
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"{scheme}://{host}{parts.path.rstrip('/')}{query}{fragment}"
