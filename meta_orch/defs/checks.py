"""The checks of every pipeline, and the one of every instance.

They are evaluated with each run that is shown, and whenever somebody executes them by hand; both
times from what the store holds.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    Nothing,
    Out,
    op,
)

from meta_orch.config import InstanceConfig, MetaOrchConfig
from meta_orch.defs import metadata, names
from meta_orch.defs.evaluations import (
    COLLECTOR_IS_FRESH,
    DURATION_IS_NORMAL,
    LAST_RUN_SUCCEEDED,
    MEETS_SLA,
    NOT_AT_RISK,
    STARTS_ON_SCHEDULE,
    UPSTREAMS_ARE_READY,
)
from meta_orch.defs.gates import evaluate_gate, gate_spec
from meta_orch.defs.habits import habit_specs
from meta_orch.defs.judging import Judge
from meta_orch.defs.outlooks import outlook_spec
from meta_orch.defs.slas import sla_spec
from meta_orch.dependencies.gates import Gatekeeper, KnownGates
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run, TaskRun
from meta_orch.domain.states import RunState
from meta_orch.domain.words import describe_duration
from meta_orch.store import CollectorStatus, Store

_NAMED = 3
"""Failed tasks in a description; the table has more."""
_JUDGED = frozenset({MEETS_SLA, NOT_AT_RISK, DURATION_IS_NORMAL, STARTS_ON_SCHEDULE})
_TOGETHER = 500
"""Pipelines whose checks one operation evaluates: Dagster loads few wide definitions faster than
many narrow ones."""


@dataclass(frozen=True, slots=True)
class IncidentMark:
    """What a check says of the incident that its pipeline is part of."""

    text: str
    """`incident 1: airflow/orders failed`."""
    page: str
    """The asset that lists them."""


def evaluate_last_run(
    pipeline: PipelineKey,
    run: Run | None,
    task_runs: Iterable[TaskRun] = (),
    incident: IncidentMark | None = None,
) -> AssetCheckResult:
    """Whether a pipeline's last finished run succeeded. A run that somebody canceled, and none at
    all, are a warning; only a failure is an error.

    Args:
        run: the last finished one; None where none is known.
        task_runs: the run's, of which those that failed are listed.
        incident: that the pipeline is part of now.
    """
    if run is None:
        return AssetCheckResult(
            asset_key=names.asset_key(pipeline),
            check_name=LAST_RUN_SUCCEEDED,
            passed=False,
            severity=AssetCheckSeverity.WARN,
            description="No finished run is known.",
            metadata=metadata.present({metadata.INCIDENT: _link(incident)}),
        )
    took = f" after {describe_duration(run.duration)}" if run.duration is not None else ""
    failed = _failed(task_runs)
    part = f" The pipeline is part of {incident.text}." if incident else ""
    return AssetCheckResult(
        asset_key=names.asset_key(pipeline),
        check_name=LAST_RUN_SUCCEEDED,
        passed=run.state is RunState.SUCCEEDED,
        severity=AssetCheckSeverity.ERROR if run.state.is_failure else AssetCheckSeverity.WARN,
        description=f"{run.key.run_id}: {run.native_state}{took}{_where(failed)}.{part}",
        metadata=metadata.present(
            {
                metadata.INCIDENT: _link(incident),
                metadata.RUN_URL: metadata.url(run.url),
                metadata.ENDED_AT: metadata.timestamp(run.ended_at),
                metadata.MESSAGE: run.message,
                metadata.FAILED_TASKS: _failed_task_table(failed),
            }
        ),
    )


def _link(incident: IncidentMark | None) -> MetadataValue | None:
    return MetadataValue.url(incident.page) if incident else None


def evaluate_freshness(
    asset: AssetKey, instance: InstanceConfig, status: CollectorStatus | None, now: datetime
) -> AssetCheckResult:
    """Whether what is shown of an instance is up to date: read lately, and to the end.

    For a pipeline that it is not is a warning, since its runs may be well; for the instance itself
    it is an error.
    """
    allowed = instance.tolerance
    read_at = status.succeeded_at if status else None
    if status is None or read_at is None:
        fresh, words = False, "has not been read yet"
    elif now - read_at > allowed:
        fresh, words = False, f"was last read more than {describe_duration(allowed)} ago"
    elif not status.caught_up and status.error is None:
        fresh, words = False, "is being read and has not been read to the end"
    else:
        fresh, words = True, f"was read within the last {describe_duration(allowed)}"
    is_instance = asset == names.instance_key(instance.name)
    return AssetCheckResult(
        asset_key=asset,
        check_name=COLLECTOR_IS_FRESH,
        passed=fresh,
        severity=AssetCheckSeverity.ERROR if is_instance else AssetCheckSeverity.WARN,
        description=f"{instance.name} {words}.",
        metadata=metadata.present(
            {
                metadata.LAST_READ: metadata.timestamp(read_at),
                metadata.MESSAGE: status.error if status else None,
                metadata.FAILED_READINGS: (status.circuit.failures or None) if status else None,
                metadata.NEXT_READING: metadata.timestamp(
                    status.circuit.retry_at if status else None
                ),
            }
        ),
    )


def _failed(task_runs: Iterable[TaskRun]) -> list[TaskRun]:
    """The last attempt of each task run whose last attempt failed."""
    by_attempt = sorted(task_runs, key=lambda task_run: task_run.attempt)
    last = {task_run.task_run_id: task_run for task_run in by_attempt}
    return [task_run for task_run in last.values() if task_run.state.is_failure]


def _where(failed: Iterable[TaskRun]) -> str:
    """The tasks that failed by themselves, in words."""
    tasks = [_name(task_run) for task_run in failed if task_run.state is RunState.FAILED]
    more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
    return f" at {', '.join(tasks[:_NAMED])}{more}" if tasks else ""


def _name(task_run: TaskRun) -> str:
    mapped = "" if task_run.map_index is None else f"[{task_run.map_index}]"
    return f"{task_run.task}{mapped}"


def _failed_task_table(failed: Iterable[TaskRun]) -> MetadataValue | None:
    return metadata.table(
        ("task", "state", "attempt", "message"),
        (
            (
                metadata.link(_name(task_run), task_run.url),
                task_run.native_state,
                task_run.attempt,
                task_run.message,
            )
            for task_run in failed
        ),
        most=20,
    )


def build_checks(
    pipelines: Sequence[PipelineKey],
    config: MetaOrchConfig,
    store: Store,
    clock: Callable[[], datetime],
    *,
    gated: Collection[PipelineKey] = (),
    promised: Collection[PipelineKey] = (),
) -> list[AssetChecksDefinition]:
    """The checks of every pipeline and every instance, as few definitions as Dagster likes.

    Args:
        gated: the pipelines that a gate in the configuration names.
        promised: those that an SLA names.
    """
    build = partial(
        _build_checks,
        config=config,
        store=store,
        clock=clock,
        gated=frozenset(gated),
        promised=frozenset(promised),
    )
    return [
        build(number, part, instance)
        for instance in config.instances
        for number, part in enumerate(
            _parts([key for key in pipelines if key.instance == instance.name]), start=1
        )
    ]


def _parts(pipelines: Sequence[PipelineKey]) -> Iterator[Sequence[PipelineKey]]:
    """Parts of a handy size; one, though empty, of none."""
    for start in range(0, max(1, len(pipelines)), _TOGETHER):
        yield pipelines[start : start + _TOGETHER]


def _build_checks(
    number: int,
    pipelines: Sequence[PipelineKey],
    instance: InstanceConfig,
    *,
    config: MetaOrchConfig,
    store: Store,
    clock: Callable[[], datetime],
    gated: Collection[PipelineKey],
    promised: Collection[PipelineKey],
) -> AssetChecksDefinition:
    by_asset = {names.asset_key(pipeline): pipeline for pipeline in pipelines}
    specs = [spec for asset in by_asset for spec in _specs(asset, instance)]
    specs += [gate_spec(asset) for asset, pipeline in by_asset.items() if pipeline in gated]
    specs += [
        spec(asset)
        for asset, pipeline in by_asset.items()
        if pipeline in promised
        for spec in (sla_spec, outlook_spec)
    ]
    watched = (asset for asset, pipeline in by_asset.items() if config.analytics.watches(pipeline))
    specs += [spec for asset in watched for spec in habit_specs(asset)]
    if number == 1:
        specs.append(_freshness_spec(names.instance_key(instance.name), instance))
    # `multi_asset_check` names outputs after assets, which may be called what no output can be.
    outputs = {f"check_{position}": spec for position, spec in enumerate(specs, start=1)}

    @op(
        name=f"{instance.name}__checks_{number}",
        description=f"Evaluates checks from what meta_orch has stored of {instance.name}.",
        out=dict.fromkeys(outputs, Out(Nothing, is_required=False)),
    )
    def evaluate(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        now = clock()
        with store.read() as reader:
            status = reader.collectors().get(instance.name)
            runs = reader.latest_runs(instance.name, finished=True)
            asked = [
                by_asset[check.asset_key].path
                for check in context.selected_asset_check_keys
                if check.name == UPSTREAMS_ARE_READY
            ]
            decisions = Gatekeeper(reader, config, now).decide_all(asked) if asked else {}
            is_judged = any(check.name in _JUDGED for check in context.selected_asset_check_keys)
            judge = Judge(config, pipelines, KnownGates(config))
            judged = judge.results(reader, now) if is_judged else {}
        for check in sorted(context.selected_asset_check_keys, key=AssetCheckKey.to_user_string):
            if check.name == COLLECTOR_IS_FRESH:
                yield evaluate_freshness(check.asset_key, instance, status, now)
            elif check.name == UPSTREAMS_ARE_READY:
                yield evaluate_gate(decisions[by_asset[check.asset_key].path])
            elif check.name in _JUDGED:
                if check in judged:  # the pipeline was there when the location was loaded
                    yield judged[check]
            else:
                pipeline = by_asset[check.asset_key]
                yield evaluate_last_run(pipeline, runs.get(pipeline))

    return AssetChecksDefinition.create(
        keys_by_input_name={},
        node_def=evaluate,
        check_specs_by_output_name=outputs,
        can_subset=True,
    )


def _specs(asset: AssetKey, instance: InstanceConfig) -> Iterator[AssetCheckSpec]:
    yield AssetCheckSpec(
        LAST_RUN_SUCCEEDED,
        asset=asset,
        # So that `AutomationCondition.all_deps_blocking_checks_passed()` waits for it downstream.
        blocking=True,
        description="The last finished run succeeded. A canceled one is a warning.",
    )
    yield _freshness_spec(asset, instance)


def _freshness_spec(asset: AssetKey, instance: InstanceConfig) -> AssetCheckSpec:
    return AssetCheckSpec(
        COLLECTOR_IS_FRESH,
        asset=asset,
        description=(
            f"{instance.name} was read to the end within the last "
            f"{describe_duration(instance.tolerance)}: what is shown here is up to date."
        ),
    )
