"""Pipelines with the data that events say they use."""

from __future__ import annotations

from meta_orch.config.models import OpenLineageConfig
from meta_orch.dependencies import known_edges
from meta_orch.dependencies.lineage import with_lineage
from meta_orch.domain.lineage import DatasetUse, JobName
from meta_orch.domain.pipelines import AssetRef, Pipeline
from meta_orch.testing.builders import make_pipeline

ORDERS = make_pipeline("orders", "airflow")
PUBLISH = make_pipeline("publish/nightly", "prefect")
PIPELINES = (ORDERS, PUBLISH, make_pipeline("publish/hourly", "prefect"))


def use(*jobs: tuple[str, str], uri: str = "s3://lake/orders", written: bool = True) -> DatasetUse:
    return DatasetUse(tuple(JobName(*job) for job in jobs), uri, written)


def produced_by(*uses: DatasetUse, pipelines: tuple[Pipeline, ...] = PIPELINES) -> list[str]:
    """The pipelines that produce something."""
    return [str(p.key) for p in with_lineage(pipelines, uses) if p.produces]


def test_a_job_is_the_pipeline_of_its_name() -> None:
    assert produced_by(use(("airflow", "orders"))) == ["airflow/orders"]
    assert produced_by(use(("prefect", "publish/nightly"))) == ["prefect/publish/nightly"]
    assert produced_by(use(("elsewhere", "orders")), use(("airflow", "order"))) == []


def test_a_task_is_of_the_pipeline_that_its_name_begins_with() -> None:
    assert produced_by(use(("airflow", "orders.steps.load"))) == ["airflow/orders"]


def test_a_dag_whose_own_name_has_a_point_is_not_mistaken_for_a_task() -> None:
    both = (ORDERS, make_pipeline("orders.eu", "airflow"))
    assert produced_by(use(("airflow", "orders.eu")), pipelines=both) == ["airflow/orders.eu"]


def test_a_part_of_a_name_suffices_where_only_one_pipeline_has_it() -> None:
    assert produced_by(use(("prefect", "nightly"))) == ["prefect/publish/nightly"]
    assert produced_by(use(("prefect", "publish"))) == []


def test_a_job_of_another_system_is_a_part_of_the_pipeline_that_started_it() -> None:
    spark = use(("spark", "app.select"), ("airflow", "orders.load"), ("airflow", "orders"))
    assert produced_by(spark) == ["airflow/orders"]


def test_a_namespace_may_be_an_instance_of_another_name() -> None:
    source = OpenLineageConfig.model_validate({"file": "x", "namespaces": {"prod": "airflow"}})
    found = with_lineage(PIPELINES, [use(("prod", "orders"))], [source])
    assert found[0].produces == (AssetRef("s3://lake/orders", told_by="OpenLineage"),)


def test_what_the_orchestrator_tells_is_not_told_again() -> None:
    orders = make_pipeline("orders", "airflow", produces=(AssetRef("s3://lake/orders"),))
    assert with_lineage([orders], [use(("airflow", "orders"))]) == (orders,)


def test_pipelines_that_share_data_by_the_events_depend_on_each_other_and_it_is_said_by_what() -> (
    None
):
    uses = [
        use(("airflow", "orders.load")),
        use(("prefect", "publish/nightly"), written=False),
    ]
    (edge,) = known_edges(with_lineage(PIPELINES, uses))
    assert (edge.upstream, edge.downstream) == (ORDERS.key.path, PUBLISH.key.path)
    assert edge.evidence == "shares s3://lake/orders, as OpenLineage tells"
