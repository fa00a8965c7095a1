"""All definitions, from the configuration and the store. Nothing here asks an orchestrator."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from dagster import Definitions

from meta_orch.config import InstanceConfig, MetaOrchConfig
from meta_orch.config.models import GateConfig
from meta_orch.defs import names
from meta_orch.defs.actions import actions_spec
from meta_orch.defs.alerting import build_alert_sensor
from meta_orch.defs.analytics import JOB_NAMES as ANALYTICS_JOB_NAMES
from meta_orch.defs.analytics import build_analytics
from meta_orch.defs.assets import instance_spec, pipeline_specs
from meta_orch.defs.backlog import Backlog, build_backlog_job
from meta_orch.defs.checks import build_checks
from meta_orch.defs.collector import Collector
from meta_orch.defs.connection import Connect, KeptConnection, connect_from, is_own_dagster
from meta_orch.defs.edges import JOB_NAME as EDGES_JOB_NAME
from meta_orch.defs.edges import build_edges
from meta_orch.defs.gate_publisher import GatePublisher
from meta_orch.defs.incidents import IncidentPublisher, incidents_spec
from meta_orch.defs.jobs import build_jobs
from meta_orch.defs.judging import Judge
from meta_orch.defs.lineage import build_lineage_sensor
from meta_orch.defs.reconciliation import build_reconciliation
from meta_orch.defs.reload import DEFAULT_WEBSERVER, Reloader, catalogue_digest
from meta_orch.defs.retention import JOB_NAME, build_retention
from meta_orch.defs.sensors import build_sensor
from meta_orch.defs.starting import Starter
from meta_orch.defs.triggers import build_trigger_sensor
from meta_orch.defs.watching import build_watch_sensor
from meta_orch.dependencies.acting import Actor
from meta_orch.dependencies.gates import OWNER, Holder, KnownGates, gate_of
from meta_orch.dependencies.reading import edges_in_effect, known_pipelines
from meta_orch.domain.edges import Edge
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.store import Store

WEBSERVER_VARIABLE: Final = "DAGSTER_WEBSERVER_URL"


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Definitions of thousands of pipelines are millions of objects that stay, and little garbage.
    Python would look through them again and again, while they are built and while Dagster loads
    them: a third of the time. So it looks at none meanwhile, and at what is built not until the
    next building."""
    was_on = gc.isenabled()
    gc.unfreeze()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def _gated(
    pipelines: Iterable[Pipeline], edges: Iterable[Edge], gates: Sequence[GateConfig]
) -> list[PipelineKey]:
    """The pipelines that a gate names."""
    if not gates:
        return []
    paths = {edge.downstream for edge in edges if gate_of(edge, gates)}
    return [pipeline.key for pipeline in pipelines if pipeline.key.path in paths]


def _holder(
    instance: InstanceConfig, config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> Holder:
    through = f"sensor {names.sensor_name(instance.name)}"
    return Holder(instance, config, Actor(store, OWNER, through, clock))


@_without_garbage_collection()
def build_definitions(
    config: MetaOrchConfig,
    *,
    connect: Connect = connect_from,
    clock: Callable[[], datetime] = now,
) -> Definitions:
    """The assets, checks, jobs and sensors that show what the store holds.

    Takes time in proportion to the number of pipelines, and loads with every orchestrator down.
    With an empty store there are the instances and their sensors, which fill it.

    Args:
        connect: gives an orchestrator's adapter, when a sensor or a job needs it.
        clock: gives the time as aware UTC.

    Raises:
        StoreError: the store cannot be read. The text names the file and says what to change.
    """
    store = Store(config.store.path)
    instances = {instance.name: instance for instance in config.instances}
    shown = {name for name, instance in instances.items() if not is_own_dagster(instance)}
    with store.read() as reader:
        pipelines = [p for p in known_pipelines(reader, config) if p.key.instance in shown]
        edges = edges_in_effect(reader, config, pipelines)
        judgements = reader.judgements()
    gated = _gated(pipelines, edges, config.gates)
    promised = [p.key for p in pipelines if any(s.is_of(p.key, p.tags) for s in config.slas)]
    by_instance = {name: [p for p in pipelines if p.key.instance == name] for name in instances}
    webserver_url = (
        config.dagster.webserver_url or os.environ.get(WEBSERVER_VARIABLE) or DEFAULT_WEBSERVER
    )
    reloader = Reloader(
        webserver_url,
        loaded={name: catalogue_digest(found, judgements) for name, found in by_instance.items()},
        clock=clock,
    )
    backlog_jobs = {name: names.backlog_job_name(name) for name in instances}
    reserved = {
        *backlog_jobs.values(),
        *map(names.reconciliation_name, instances),
        JOB_NAME,
        EDGES_JOB_NAME,
        *ANALYTICS_JOB_NAMES,
    }
    jobs = names.job_names((p.key for p in pipelines), reserved=reserved)
    known_gates = KnownGates(config)
    collectors = []
    for name, instance in instances.items():
        backlog = Backlog(instance, store, config.dagster.history_per_pipeline, jobs, clock)
        collectors.append(
            Collector(
                instance=instance,
                store=store,
                backlog=backlog,
                reloader=reloader,
                connection=KeptConnection(instance, connect),
                clock=clock,
                pipelines=len(by_instance[name]),
                config=config,
                gates=GatePublisher(name, known_gates, store, clock),
                holder=_holder(instance, config, store, clock),
                gated=[key.path for key in gated if key.instance == name],
            )
        )
    reconciliations = [
        build_reconciliation(instance, config, store, connect, clock)
        for instance in config.instances
    ]
    prune_job, prune_schedule = build_retention(store, config.store.retention, clock)
    edges_asset, edges_schedule = build_edges(config, store, clock)
    analytics, analytics_schedules = build_analytics(config, store, clock)
    judge = Judge(config, [p.key for p in pipelines], known_gates)
    starter = Starter(store, connect, clock)
    pipeline_jobs = build_jobs(pipelines, instances, jobs, starter)
    backlog_definitions = [build_backlog_job(collector.backlog) for collector in collectors]
    return Definitions(
        assets=[
            *(instance_spec(i, len(by_instance[i.name])) for i in config.instances),
            *pipeline_specs(pipelines, instances, edges, jobs),
            edges_asset,
            *analytics,
            actions_spec(),
            incidents_spec(),
        ],
        asset_checks=[
            *build_checks(
                [p.key for p in pipelines], config, store, clock, gated=gated, promised=promised
            ),
            *(check for check, _ in reconciliations),
        ],
        jobs=[
            *pipeline_jobs,
            *backlog_definitions,
            prune_job,
        ],
        schedules=[
            *(schedule for _, schedule in reconciliations),
            prune_schedule,
            edges_schedule,
            *analytics_schedules,
        ],
        sensors=[
            *map(build_sensor, collectors, backlog_definitions),
            *([build_watch_sensor(judge, store, clock)] if judge.has_work else []),
            build_alert_sensor(
                config,
                store,
                known_gates,
                IncidentPublisher(config, store, [p.key for p in pipelines], webserver_url),
                connections={name: KeptConnection(i, connect) for name, i in instances.items()},
                clock=clock,
            ),
            *build_lineage_sensor(config.openlineage, store, clock),
            *build_trigger_sensor(
                config, store, jobs, pipeline_jobs, gates=known_gates, clock=clock
            ),
        ],
    )
