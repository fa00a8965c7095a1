"""What one event tells. https://openlineage.io/spec/2-0-2/OpenLineage.json has their form.

Importing this module imports the OpenLineage client, so callers import it where there are events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openlineage.client.event_v2 import Dataset, Job, JobEvent, Run, RunEvent

from meta_orch.domain.lineage import DatasetUse, JobName

Document = Mapping[str, Any]


class NotAnEvent(ValueError):
    """A document is none of OpenLineage's events. The text says what it lacks."""


def dataset_uses(document: Any) -> frozenset[DatasetUse]:
    """What the job of an event reads and writes. A dataset that goes by several names (the facet
    `symlinks`) is used by each; one without a job (a `DatasetEvent`) by nobody.

    Raises:
        NotAnEvent: it is no event.
    """
    try:
        if "job" not in document and "dataset" in document:
            return frozenset()
        event = _event(document)
        parents = (Job(part["namespace"], part["name"]) for part in _parents(document))
        names = (JobName(job.namespace, job.name) for job in (event.job, *parents))
        jobs = tuple(dict.fromkeys(names))
        return frozenset(
            DatasetUse(jobs, dataset_uri(dataset.namespace, dataset.name), is_written)
            for part, is_written in (("inputs", False), ("outputs", True))
            for found in document.get(part) or ()
            for dataset in _datasets(found)
        )
    except KeyError as error:
        raise NotAnEvent(f"it has no {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise NotAnEvent(str(error)) from error


def _event(document: Document) -> RunEvent | JobEvent:
    """Its time and its ids are checked by the client."""
    time, producer = document["eventTime"], document.get("producer", "")
    job = Job(document["job"]["namespace"], document["job"]["name"])
    if "run" not in document:
        return JobEvent(eventTime=time, producer=producer, job=job)
    run = Run(document["run"]["runId"])
    return RunEvent(eventTime=time, producer=producer, run=run, job=job)


def _parents(document: Document) -> Iterator[Document]:
    """The job that the event's own is a part of, and the one that all are."""
    facets = document.get("run", {}).get("facets") or {}
    parent = facets.get("parent") or {}
    for above in (parent, parent.get("root") or {}):
        if "job" in above:
            yield above["job"]


def _datasets(document: Document) -> Iterator[Dataset]:
    """One for each of its names."""
    yield Dataset(document["namespace"], document["name"])
    facets = document.get("facets") or {}
    for other in facets.get("symlinks", {}).get("identifiers", ()):
        yield Dataset(other["namespace"], other["name"])


def dataset_uri(namespace: str, name: str) -> str:
    """OpenLineage's two parts as one URI.

    >>> dataset_uri("s3://lake", "raw/orders")
    's3://lake/raw/orders'
    >>> dataset_uri("file", "/data/orders.csv")
    'file:///data/orders.csv'
    >>> dataset_uri("bigquery", "shop.public.orders")
    'bigquery://shop.public.orders'
    """
    scheme, separator, host = namespace.partition("://")
    if scheme == "file":
        return f"file://{host.rstrip('/')}/{name.lstrip('/')}"
    if separator:
        return f"{namespace.rstrip('/')}/{name.lstrip('/')}"
    return f"{namespace}://{name}"
