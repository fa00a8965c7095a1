"""One sensor per instance: its collector."""

from __future__ import annotations

from dagster import (
    DefaultSensorStatus,
    JobDefinition,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from meta_orch.defs import metadata, names
from meta_orch.defs.collector import Collector
from meta_orch.domain.words import describe_duration


def build_sensor(collector: Collector, backlog_job: JobDefinition) -> SensorDefinition:
    """The sensor that keeps one instance read and shown. It runs from the start."""
    instance = collector.instance
    title = metadata.orchestrator_title(instance.type)

    @sensor(
        name=names.sensor_name(instance.name),
        job=backlog_job,
        minimum_interval_seconds=max(1, round(instance.poll_interval.total_seconds())),
        default_status=DefaultSensorStatus.RUNNING,
        description=(
            f"Reads {instance.name} ({title}) every {describe_duration(instance.poll_interval)}, "
            "and shows what changed. Stopped, nothing of it is read any more."
        ),
        tags=metadata.instance_tags(instance),
    )
    def collect(context: SensorEvaluationContext) -> RunRequest | SkipReason:
        return collector.tick(context)

    return collect
