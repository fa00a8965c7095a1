from __future__ import annotations

from datetime import timedelta

from dagster import AssetKey, AssetSpec, Definitions, MetadataValue
from syrupy.assertion import SnapshotAssertion

from meta_orch.config import EdgeConfig, InstanceConfig
from meta_orch.defs.assets import LARGEST_GROUP, instance_spec, next_run, pipeline_specs
from meta_orch.dependencies import known_edges
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Task
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.testing.builders import NOON, make_pipeline

INSTANCES = {
    "airflow": InstanceConfig(
        name="airflow", type="airflow", url="http://airflow.example", environment="production"
    ),
    "prefect": InstanceConfig(name="prefect", type="prefect", url="http://prefect.example"),
}
DAILY = Schedule(
    ScheduleKind.CRON, "0 6 * * *", timezone="Europe/Berlin", next_at=NOON + timedelta(hours=17)
)


def specs_of(*pipelines: Pipeline, edges: tuple[EdgeConfig, ...] = ()) -> dict[str, AssetSpec]:
    specs = pipeline_specs(pipelines, INSTANCES, known_edges(pipelines, edges))
    Definitions.validate_loadable(Definitions(assets=specs))
    return {spec.key.to_user_string(): spec for spec in specs}


def parents(spec: AssetSpec) -> list[str]:
    return [dep.asset_key.to_user_string() for dep in spec.deps]


def said(spec: AssetSpec) -> dict[str, object]:
    """Its metadata as plain values."""
    return {
        key: value.value if isinstance(value, MetadataValue) else value
        for key, value in spec.metadata.items()
    }


def test_a_pipeline_tells_all_that_is_known_of_it(snapshot: SnapshotAssertion) -> None:
    orders = make_pipeline(
        "orders",
        "airflow",
        description="Orders of the day.\n\nThey land in the raw bucket.",
        owners=("ada@example.com", "airflow"),
        tags=("sales", "tier:1", "two words"),
        is_paused=True,
        url="http://airflow.example/dags/orders",
        version="7",
        source_path="dags/orders.py",
        schedules=(DAILY,),
        max_active_runs=1,
        produces=(AssetRef("s3://lake/orders"),),
        tasks=(
            Task("extract", "PythonOperator", retries=2, timeout=timedelta(minutes=10)),
            Task("load", "PythonOperator", upstream=("extract",), pool="db", is_mapped=True),
        ),
    )
    spec = specs_of(orders)["airflow/orders"]
    assert {
        "description": spec.description,
        "group": spec.group_name,
        "kinds": sorted(spec.kinds),
        "owners": list(spec.owners),
        "tags": {k: v for k, v in spec.tags.items() if not k.startswith("dagster/")},
        "metadata": said(spec),
    } == snapshot


def test_of_a_pipeline_that_nothing_is_known_of_nothing_is_made_up(
    snapshot: SnapshotAssertion,
) -> None:
    spec = specs_of(make_pipeline("bare", "prefect", orchestrator="prefect", version=None))
    assert (spec["prefect/bare"].description, said(spec["prefect/bare"])) == snapshot


def test_an_instance_tells_where_it_is_and_what_may_be_done(snapshot: SnapshotAssertion) -> None:
    spec = instance_spec(INSTANCES["airflow"], pipelines=812)
    assert (spec.description, said(spec)) == snapshot


def test_the_dagster_that_meta_orch_runs_in_has_no_address() -> None:
    spec = instance_spec(InstanceConfig(name="here", type="dagster"))
    assert spec.description == (
        "Dagster, the instance that meta_orch runs in: only read, asked for changes every 30 s."
    )


def test_data_that_one_writes_and_another_reads_is_an_edge_between_orchestrators() -> None:
    specs = specs_of(
        make_pipeline("ingest", "airflow", produces=(AssetRef("s3://lake/raw"),)),
        make_pipeline("serve", "prefect", consumes=(AssetRef("s3://lake/raw"),)),
    )
    assert parents(specs["prefect/serve"]) == ["airflow/ingest"]
    assert "shares s3://lake/raw" in str(said(specs["prefect/serve"])["meta_orch/depends_on"])


def test_a_declared_edge_may_come_from_an_asset_of_another_location() -> None:
    edge = EdgeConfig(upstream="sales/revenue", downstream="airflow/report")
    specs = specs_of(make_pipeline("report", "airflow"), edges=(edge,))
    assert parents(specs["airflow/report"]) == ["sales/revenue"]


def test_a_declared_edge_may_lead_to_an_asset_of_another_location() -> None:
    edge = EdgeConfig(upstream="airflow/orders", downstream="sales/revenue")
    specs = specs_of(make_pipeline("orders", "airflow"), edges=(edge,))
    assert parents(specs["sales/revenue"]) == ["airflow/orders"]


def test_an_edge_that_would_close_a_cycle_is_told_and_not_drawn() -> None:
    first, second = PipelineKey("airflow", "first"), PipelineKey("airflow", "second")
    specs = specs_of(
        make_pipeline("first", "airflow", triggers=(second,)),
        make_pipeline("second", "airflow"),
        edges=(EdgeConfig(upstream=str(second), downstream=str(first)),),
    )
    assert parents(specs["airflow/second"]) == ["airflow/first"]
    assert parents(specs["airflow/first"]) == []
    told = said(specs["airflow/first"])["meta_orch/left_out_edges"]
    assert "| airflow/second | declared |" in str(told)


def test_a_large_instance_is_split_by_owner_and_a_small_one_is_one_group() -> None:
    many = [
        make_pipeline(f"p{number}", "airflow", owners=("team:data ops",) if number % 2 else ())
        for number in range(LARGEST_GROUP + 1)
    ]
    large = pipeline_specs(many, INSTANCES)
    assert {spec.group_name for spec in large} == {"airflow/data_ops", "airflow/no_owner"}
    assert {spec.group_name for spec in pipeline_specs(many[1:], INSTANCES)} == {"airflow"}


def test_the_next_run_is_the_first_that_the_orchestrator_states() -> None:
    later = Schedule(ScheduleKind.INTERVAL, next_at=NOON + timedelta(days=2))
    off = Schedule(ScheduleKind.INTERVAL, next_at=NOON, is_active=False)
    pipeline = make_pipeline(schedules=(later, DAILY, off))
    assert next_run(pipeline) == DAILY.next_at
    assert next_run(make_pipeline()) is None
    assert next_run(make_pipeline(schedules=(DAILY,), is_paused=True)) is None


def test_a_key_is_the_instance_and_the_parts_of_the_name() -> None:
    assert specs_of(make_pipeline("serve/nightly", "prefect"))["prefect/serve/nightly"].key == (
        AssetKey(["prefect", "serve", "nightly"])
    )
