"""Which pipelines of an instance are shown: its include and exclude globs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from meta_orch.config.models import InstanceConfig


@dataclass(frozen=True, slots=True)
class Selection:
    """Pipeline names that match an include glob and no exclude glob; case matters, and `*` also
    matches a `/`."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: InstanceConfig) -> Self:
        return cls(config.include, config.exclude)

    def __contains__(self, name: str) -> bool:
        return _matches(name, self.include) and not _matches(name, self.exclude)


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
