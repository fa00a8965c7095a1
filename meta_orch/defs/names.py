"""What pipelines and instances are called in Dagster, within Dagster's rules for each kind of name.

Everything here depends on the names alone, never on the order in which pipelines were read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256

from dagster import AssetKey

from meta_orch.domain.pipelines import PipelineKey

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]")
_NOT_IN_A_TAG = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST_TAG = 63
_EMAIL = re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_HASH_LENGTH = 8


def asset_key(pipeline: PipelineKey) -> AssetKey:
    return AssetKey(list(pipeline.path))


def instance_key(instance: str) -> AssetKey:
    """The asset that stands for the instance itself. No pipeline has it: theirs are longer."""
    return AssetKey([instance])


def sensor_name(instance: str) -> str:
    return f"{instance}__collector"


def backlog_job_name(instance: str) -> str:
    """The job that mirrors what is too much for a tick."""
    return f"{instance}__mirror_backlog"


def reconciliation_name(instance: str) -> str:
    """The job, and the schedule, that compares an instance with the store."""
    return f"{instance}__reconcile"


def job_names(
    pipelines: Iterable[PipelineKey], reserved: Collection[str] = ()
) -> Mapping[PipelineKey, str]:
    """A job's name for each pipeline, none of them twice and none of them reserved.

    A name reads `instance__pipeline`, with `_` for each character that Dagster does not take and
    `__` for `/`. Where several pipelines come to the same name, the one whose name has only such
    characters keeps it, and a short hash tells the others apart.
    """
    plain = {pipeline: _plain_job_name(pipeline) for pipeline in pipelines}
    wanted = Counter(plain.values())
    keepers = Counter(name for pipeline, name in plain.items() if _is_plain(pipeline))
    return {
        pipeline: name
        if name not in reserved
        and (wanted[name] == 1 or (_is_plain(pipeline) and keepers[name] == 1))
        else f"{name}_{sha256(str(pipeline).encode()).hexdigest()[:_HASH_LENGTH]}"
        for pipeline, name in plain.items()
    }


def group_part(text: str) -> str:
    """One part of a group's name, `_` for each character that Dagster does not take."""
    return _NOT_IN_A_NAME.sub("_", text) or "_"


def tag_value(text: str) -> str:
    """A tag's value, `_` for each character that Dagster does not take, and cut where too long."""
    return _NOT_IN_A_TAG.sub("_", text)[:_LONGEST_TAG]


def as_tag(native: str) -> tuple[str, str] | None:
    """A native tag as key and value, where Dagster takes it unchanged: `sales` as a key without
    value, `team:sales` and `team=sales` as key and value."""
    key, _, value = native.replace("=", ":", 1).partition(":")
    if key and tag_value(key) == key and tag_value(value) == value:
        return key, value
    return None


def is_owner(text: str) -> bool:
    """Whether Dagster takes it for an owner: an e-mail address, or `team:` and a name."""
    return bool(_EMAIL.fullmatch(text)) or (text.startswith("team:") and len(text) > len("team:"))


def _plain_job_name(pipeline: PipelineKey) -> str:
    return "__".join(_NOT_IN_A_NAME.sub("_", part) for part in pipeline.path)


def _is_plain(pipeline: PipelineKey) -> bool:
    return not _NOT_IN_A_NAME.search(pipeline.name)
