"""Every pipeline, and every instance, as an external asset: Dagster shows it and never runs it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from dagster import AssetKey, AssetSpec, MetadataValue

from meta_orch.config import InstanceConfig
from meta_orch.defs import metadata, names
from meta_orch.dependencies import without_cycles
from meta_orch.domain.edges import Edge
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Task
from meta_orch.domain.words import describe_duration, describe_schedules

LARGEST_GROUP = 500
"""Of pipelines that Dagster's graph still shows well; a larger instance is split by owner."""
_SOURCE_PAGES = {"airflow": "{url}/code"}
"""By orchestrator, the page that shows a pipeline's source text; Prefect and Dagster have none."""


def pipeline_specs(
    pipelines: Sequence[Pipeline],
    instances: Mapping[str, InstanceConfig],
    edges: Iterable[Edge] = (),
    jobs: Mapping[PipelineKey, str] | None = None,
) -> list[AssetSpec]:
    """An external asset for each pipeline, with the edges that are known and form no cycle.

    Args:
        pipelines: each of an instance in `instances`.
        edges: those in effect. One whose downstream is no pipeline of ours makes a spec of its
            own, which Dagster merges with the asset's definition elsewhere.
        jobs: the name of the job that stands for each pipeline.
    """
    edges = tuple(edges)
    drawn = without_cycles(edges)
    upstream = _by_downstream(drawn)
    left_out = _by_downstream(set(edges).difference(drawn))
    sizes = Counter(pipeline.key.instance for pipeline in pipelines)
    specs = [
        AssetSpec(
            key=names.asset_key(pipeline.key),
            deps=_keys(upstream[pipeline.key.path]),
            description=_description(pipeline),
            group_name=_group(pipeline, sizes[pipeline.key.instance]),
            owners=[owner for owner in pipeline.owners if names.is_owner(owner)],
            kinds={names.tag_value(pipeline.orchestrator)},
            tags=_tags(pipeline, instances[pipeline.key.instance]),
            metadata={
                **_metadata(pipeline),
                **metadata.present(
                    {
                        metadata.DEPENDS_ON: _edge_table(upstream[pipeline.key.path]),
                        metadata.LEFT_OUT_EDGES: _edge_table(left_out[pipeline.key.path]),
                        metadata.JOB: (jobs or {}).get(pipeline.key),
                    }
                ),
            },
        )
        for pipeline in pipelines
    ]
    ours = {pipeline.key.path for pipeline in pipelines}
    specs += (
        AssetSpec(key=AssetKey(list(downstream)), deps=_keys(into))
        for downstream, into in sorted(upstream.items())
        if downstream not in ours and into
    )
    return specs


def instance_spec(instance: InstanceConfig, pipelines: int = 0) -> AssetSpec:
    """The asset that stands for an instance: whether it is read, and what runs there now.

    Args:
        pipelines: how many of it are shown.
    """
    title = metadata.orchestrator_title(instance.type)
    where = f" at {instance.url}" if instance.url else ", the instance that meta_orch runs in"
    acting = "only read" if instance.read_only else "read and acted on"
    return AssetSpec(
        key=names.instance_key(instance.name),
        description=(
            f"{title}{where}: {acting}, asked for changes every "
            f"{describe_duration(instance.poll_interval)}."
        ),
        group_name=names.group_part(instance.name),
        kinds={names.tag_value(instance.type)},
        tags=metadata.instance_tags(instance),
        metadata=metadata.present(
            {
                metadata.SERVER_URL: metadata.url(instance.url),
                metadata.READ_ONLY: instance.read_only,
                metadata.POLL_INTERVAL: describe_duration(instance.poll_interval),
                metadata.PIPELINES: pipelines,
            }
        ),
    )


def _by_downstream(edges: Iterable[Edge]) -> defaultdict[tuple[str, ...], list[Edge]]:
    found: defaultdict[tuple[str, ...], list[Edge]] = defaultdict(list)
    for edge in sorted(edges):
        found[edge.downstream].append(edge)
    return found


def _keys(edges: Iterable[Edge]) -> list[AssetKey]:
    return [AssetKey(list(path)) for path in sorted({edge.upstream for edge in edges})]


def _group(pipeline: Pipeline, size: int) -> str:
    instance = names.group_part(pipeline.key.instance)
    if size <= LARGEST_GROUP:
        return instance
    owner = pipeline.owners[0] if pipeline.owners else "no_owner"
    return f"{instance}/{names.group_part(owner.removeprefix('team:'))}"


def _description(pipeline: Pipeline) -> str:
    """What it is for, where somebody wrote that down, and how it is started."""
    title = metadata.orchestrator_title(pipeline.orchestrator)
    facts = [
        f"{title}, paused." if pipeline.is_paused else f"{title}.",
        f"{describe_schedules(pipeline.schedules)}.",
    ]
    if pipeline.url:
        facts.append(metadata.link(f"Open in {title}", pipeline.url))
    purpose = (pipeline.description or "").strip()
    return "\n\n".join(filter(None, (purpose, " ".join(facts))))


def _source(pipeline: Pipeline) -> MetadataValue | str | None:
    """Where the definition lies, and a link to its text where the orchestrator shows that."""
    page = _SOURCE_PAGES.get(pipeline.orchestrator)
    if page and pipeline.url:
        address = page.format(url=pipeline.url)
        return MetadataValue.md(metadata.link(pipeline.source_path or address, address))
    return pipeline.source_path


def _tags(pipeline: Pipeline, instance: InstanceConfig) -> dict[str, str]:
    native = (names.as_tag(tag) for tag in pipeline.tags)
    return {
        **dict(tag for tag in native if tag is not None),
        **metadata.instance_tags(instance),
        **({metadata.PAUSED: "true"} if pipeline.is_paused else {}),
    }


def _metadata(pipeline: Pipeline) -> dict[str, object]:
    other_owners = [owner for owner in pipeline.owners if not names.is_owner(owner)]
    other_tags = [tag for tag in pipeline.tags if names.as_tag(tag) is None]
    return metadata.present(
        {
            metadata.SCHEDULE: describe_schedules(pipeline.schedules),
            metadata.NEXT_RUN: metadata.timestamp(next_run(pipeline)),
            metadata.PIPELINE_URL: metadata.url(pipeline.url),
            metadata.SOURCE: _source(pipeline),
            metadata.VERSION: pipeline.version,
            metadata.OWNERS: ", ".join(other_owners),
            metadata.NATIVE_TAGS: ", ".join(other_tags),
            metadata.MAX_ACTIVE_RUNS: pipeline.max_active_runs,
            metadata.TASKS: _task_table(pipeline.tasks),
            metadata.CONSUMES: _asset_list(pipeline.consumes),
            metadata.PRODUCES: _asset_list(pipeline.produces),
        }
    )


def next_run(pipeline: Pipeline) -> datetime | None:
    """The first tick that the orchestrator itself states; None where it states none, or all its
    schedules are off."""
    ticks = [schedule.next_at for schedule in pipeline.schedules if schedule.is_active]
    return None if pipeline.is_paused else min(filter(None, ticks), default=None)


def _task_table(tasks: Iterable[Task]) -> MetadataValue | None:
    return metadata.table(
        ("task", "kind", "after", "retries", "time-out", "pool", "trigger rule"),
        (
            (
                f"{task.name} (mapped)" if task.is_mapped else task.name,
                task.kind,
                ", ".join(task.upstream),
                task.retries,
                None if task.timeout is None else describe_duration(task.timeout),
                task.pool,
                task.trigger_rule,
            )
            for task in tasks
        ),
    )


def _asset_list(assets: Iterable[AssetRef]) -> str:
    return ", ".join(asset.uri for asset in assets)


def _edge_table(edges: Iterable[Edge]) -> MetadataValue | None:
    return metadata.table(
        ("upstream", "kind", "evidence"),
        (("/".join(edge.upstream), edge.kind.value, edge.evidence) for edge in edges),
    )
