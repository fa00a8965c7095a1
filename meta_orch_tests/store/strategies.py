"""Any pipeline, run or task run that the domain allows, for property tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from meta_orch.domain.actions import Action, ActionKind, Outcome
from meta_orch.domain.assets import AssetFact
from meta_orch.domain.edges import Edge, Judgement, Opinion
from meta_orch.domain.holds import Hold, HoldState
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Pool, Task
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.time import Window
from meta_orch.domain.triggers import Firing, FiringState
from meta_orch.store import STATED, CollectorStatus

INSTANCE = "airflow_test"

texts = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
maybe_texts = st.none() | texts
counts = st.none() | st.integers(-(2**63), 2**63 - 1)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone.min, timezone.max])
instants = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001  # hypothesis takes the bounds without a zone
maybe_instants = st.none() | instants
spans = st.none() | st.timedeltas(timedelta(0), timedelta(days=365 * 100))
windows = st.none() | st.lists(instants, min_size=2, max_size=2).map(
    lambda ends: Window(*sorted(ends))
)
text_tuples = st.lists(texts, max_size=3).map(tuple)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
assets = st.lists(st.builds(AssetRef, names, maybe_texts), max_size=2).map(tuple)
keys = st.builds(PipelineKey, st.just(INSTANCE), names)
run_keys = st.builds(RunKey, keys, names)

schedules = st.builds(
    Schedule,
    kind=st.sampled_from(ScheduleKind),
    expression=maybe_texts,
    interval=spans,
    anchor=maybe_instants,
    timezone=names,
    is_active=st.booleans(),
    next_at=maybe_instants,
    name=maybe_texts,
)
tasks = st.builds(
    Task,
    name=names,
    kind=maybe_texts,
    upstream=text_tuples,
    retries=counts,
    timeout=spans,
    pool=maybe_texts,
    trigger_rule=maybe_texts,
    is_mapped=st.booleans(),
)
pipelines = st.builds(
    Pipeline,
    key=keys,
    orchestrator=names,
    native_id=names,
    description=maybe_texts,
    owners=text_tuples,
    tags=text_tuples,
    is_paused=st.booleans(),
    url=maybe_texts,
    version=maybe_texts,
    source_path=maybe_texts,
    schedules=st.lists(schedules, max_size=2).map(tuple),
    tasks=st.lists(tasks, max_size=2).map(tuple),
    consumes=assets,
    produces=assets,
    triggers=st.lists(st.builds(PipelineKey, names, names), max_size=2).map(tuple),
    waits_for=st.lists(st.builds(PipelineKey, names, names), max_size=2).map(tuple),
    max_active_runs=counts,
)
runs = st.builds(
    Run,
    key=run_keys,
    state=st.sampled_from(RunState),
    native_state=texts,
    attempt=st.integers(1, 1000),
    trigger=st.sampled_from(RunTrigger),
    logical_window=windows,
    scheduled_at=maybe_instants,
    queued_at=maybe_instants,
    started_at=maybe_instants,
    ended_at=maybe_instants,
    parameters=st.dictionaries(texts, json_values, max_size=3),
    parent_run_id=maybe_texts,
    pipeline_version=maybe_texts,
    message=maybe_texts,
    url=maybe_texts,
)
task_runs = st.builds(
    TaskRun,
    run=run_keys,
    task=names,
    task_run_id=names,
    state=st.sampled_from(RunState),
    native_state=texts,
    attempt=st.integers(1, 1000),
    map_index=counts,
    scheduled_at=maybe_instants,
    queued_at=maybe_instants,
    started_at=maybe_instants,
    ended_at=maybe_instants,
    pool=maybe_texts,
    worker=maybe_texts,
    upstream_task_run_ids=text_tuples,
    child_run_id=maybe_texts,
    message=maybe_texts,
    url=maybe_texts,
)
pools = st.builds(Pool, st.just(INSTANCE), names, slots=counts, running=counts, queued=counts)
paths = st.lists(names, min_size=1, max_size=3).map(tuple)
edges = st.builds(
    Edge, paths, paths, st.sampled_from(sorted(STATED)), texts, st.floats(min_value=0, max_value=1)
)
judgements = st.builds(
    Judgement,
    upstream=paths,
    downstream=paths,
    opinion=st.sampled_from(Opinion),
    by=texts,
    at=instants,
    reason=maybe_texts,
)
statuses = st.builds(
    CollectorStatus,
    instance=names,
    attempted_at=instants,
    succeeded_at=maybe_instants,
    caught_up=st.booleans(),
    error=maybe_texts,
    server_version=maybe_texts,
    catalogue_read_at=maybe_instants,
)
actions = st.builds(
    Action,
    id=names,
    kind=st.sampled_from(ActionKind),
    pipeline=keys,
    reason=texts,
    by=texts,
    through=texts,
    at=instants,
    outcome=st.sampled_from(Outcome),
    before=maybe_texts,
    after=maybe_texts,
    message=maybe_texts,
    undoes=maybe_texts,
)
holds = st.builds(
    Hold,
    id=names,
    pipeline=keys,
    due_at=instants,
    owner=texts,
    reason=texts,
    begun_at=instants,
    expires_at=instants,
    state=st.sampled_from(HoldState),
    is_dry_run=st.booleans(),
    ended_at=maybe_instants,
    ended_because=maybe_texts,
)
firings = st.builds(
    Firing,
    id=names,
    trigger=names,
    target=keys,
    fired_at=instants,
    state=st.sampled_from(FiringState),
    parameters=st.dictionaries(texts, json_values, max_size=3),
    reason=texts,
    run_id=maybe_texts,
    followed_at=maybe_instants,
    ended_at=maybe_instants,
    message=maybe_texts,
)
asset_facts = st.builds(
    AssetFact, maybe_instants, maybe_instants, st.dictionaries(names, st.booleans(), max_size=3)
)
