"""The group of assets that the analytics are in."""

from typing import Final

GROUP: Final = "analytics"
