"""The sensor that reads OpenLineage events: `openlineage` in meta_orch.yaml."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from dagster import (
    DagsterError,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from meta_orch.config.models import OpenLineageConfig
from meta_orch.domain.errors import MetaOrchError
from meta_orch.store import Store
from meta_orch.sync import collect_lineage

SENSOR_NAME: Final = "meta_orch__openlineage"


class LineageNotRead(DagsterError):
    """A source could not be read; the others were. The text says which, and why."""


def build_lineage_sensor(
    sources: Sequence[OpenLineageConfig], store: Store, clock: Callable[[], datetime]
) -> list[SensorDefinition]:
    """The sensor; none where there are no sources.

    Args:
        clock: gives the time as aware UTC.
    """
    if not sources:
        return []

    @sensor(
        name=SENSOR_NAME,
        minimum_interval_seconds=max(
            1, round(min(source.poll_interval.total_seconds() for source in sources))
        ),
        default_status=DefaultSensorStatus.RUNNING,
        description=(
            "Reads what pipelines read and write from OpenLineage events: `openlineage` in "
            "meta_orch.yaml. The edges that follow from it show when the pipelines are next read, "
            "within five minutes."
        ),
    )
    def openlineage(context: SensorEvaluationContext) -> SkipReason:
        events, failures = 0, []
        for source in sources:
            try:
                collection = collect_lineage(source, store, clock())
            except (MetaOrchError, OSError) as error:
                failures.append(f"{source.name}: {error}")
                continue
            events += collection.events
            for fault in collection.faults:
                context.log.warning("%s", fault)
        if failures:
            raise LineageNotRead("; ".join(failures))
        return SkipReason(f"{events} events read")

    return [openlineage]
