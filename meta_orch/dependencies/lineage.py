"""Pipelines with the data that OpenLineage events say they read and write."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from meta_orch.config.models import OpenLineageConfig
from meta_orch.domain.lineage import DatasetUse, JobName
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey

TOLD_BY = "OpenLineage"


def with_lineage(
    pipelines: Sequence[Pipeline],
    uses: Iterable[DatasetUse],
    sources: Iterable[OpenLineageConfig] = (),
) -> tuple[Pipeline, ...]:
    """The same pipelines; what they were seen to use is among what they consume and produce.

    A job is the pipeline of its name, or of a part of it that only one pipeline of the instance
    has (a flow, a job of Dagster's). A job with a longer name, as `orders.load`, is a task of that
    pipeline; a job that is none of them, as one of Spark's, is a part of the pipeline that it
    names as its parent.

    Args:
        sources: say which instance a namespace is.
    """
    namespaces = {ns: name for source in sources for ns, name in source.namespaces.items()}
    names = _Names(pipelines)
    found: defaultdict[PipelineKey, dict[bool, dict[str, None]]] = defaultdict(
        lambda: {False: {}, True: {}}
    )
    for use in uses:
        for job in use.jobs:
            key = names.find(namespaces.get(job.namespace, job.namespace), job)
            if key is not None:
                found[key][use.is_written][use.uri] = None
                break
    return tuple(
        replace(
            pipeline,
            consumes=(*pipeline.consumes, *_more(pipeline.consumes, found[pipeline.key][False])),
            produces=(*pipeline.produces, *_more(pipeline.produces, found[pipeline.key][True])),
        )
        if pipeline.key in found
        else pipeline
        for pipeline in pipelines
    )


def _more(assets: Iterable[AssetRef], uris: Iterable[str]) -> tuple[AssetRef, ...]:
    known = {asset.uri for asset in assets}
    return tuple(AssetRef(uri, told_by=TOLD_BY) for uri in uris if uri not in known)


class _Names:
    """What pipelines are called in events."""

    def __init__(self, pipelines: Iterable[Pipeline]) -> None:
        pipelines = tuple(pipelines)
        parts = Counter(
            (pipeline.key.instance, part) for pipeline in pipelines for part in _parts(pipeline)
        )
        self._keys: Mapping[tuple[str, str], PipelineKey] = {
            **{
                (pipeline.key.instance, part): pipeline.key
                for pipeline in pipelines
                for part in _parts(pipeline)
                if parts[pipeline.key.instance, part] == 1
            },
            **{(pipeline.key.instance, pipeline.key.name): pipeline.key for pipeline in pipelines},
        }

    def find(self, instance: str, job: JobName) -> PipelineKey | None:
        name = job.name
        while name:
            if key := self._keys.get((instance, name)):
                return key
            name = name.rpartition(".")[0]
        return None


def _parts(pipeline: Pipeline) -> frozenset[str]:
    return frozenset(pipeline.key.name.split("/"))
