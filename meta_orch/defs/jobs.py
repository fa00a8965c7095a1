"""A job for each pipeline: what Dagster's Runs page and timeline show its runs under, and what
starts it when somebody presses Launch."""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import (
    Config,
    GraphDefinition,
    JobDefinition,
    MetadataValue,
    OpDefinition,
    OpExecutionContext,
    in_process_executor,
    op,
)
from pydantic import Field

from meta_orch.config import InstanceConfig
from meta_orch.defs import metadata, names
from meta_orch.defs.starting import Starter
from meta_orch.domain.marks import PIPELINE_TAG
from meta_orch.domain.pipelines import Pipeline, PipelineKey


class StartRun(Config):
    """What a person may say when starting a pipeline."""

    parameters: dict[str, Any] = Field(
        default={},
        description="What the run is given: an Airflow conf, a Prefect flow's parameters.",
    )
    firing: str | None = Field(
        default=None, description="The firing of a trigger that the run is for; leave it empty."
    )


def build_jobs(
    pipelines: Sequence[Pipeline],
    instances: Mapping[str, InstanceConfig],
    jobs: Mapping[PipelineKey, str],
    starter: Starter,
) -> list[JobDefinition]:
    """The job of each pipeline. Launching it starts one run there, and is over when that is asked:
    the run itself is shown like any other once it is finished. What a trigger starts is followed.

    Args:
        jobs: the name of each pipeline's job.
        starter: starts the runs.
    """
    start_run = _start_run_op(
        {jobs[pipeline.key]: pipeline for pipeline in pipelines}, instances, starter
    )
    return [
        # One operation serves all jobs: at ten thousand that is what keeps loading quick.
        GraphDefinition(name=jobs[pipeline.key], node_defs=[start_run]).to_job(
            description=_description(pipeline, instances[pipeline.key.instance]),
            tags=_tags(pipeline),
            metadata=metadata.present(
                {
                    metadata.PIPELINE_URL: metadata.url(pipeline.url),
                    metadata.ASSET: MetadataValue.asset(names.asset_key(pipeline.key)),
                }
            ),
            executor_def=in_process_executor,
        )
        for pipeline in pipelines
    ]


def _description(pipeline: Pipeline, instance: InstanceConfig) -> str:
    title = metadata.orchestrator_title(pipeline.orchestrator)
    return f"Runs of {pipeline.key.name} in {title}. " + (
        f"Launching is refused: {instance.name} is read-only."
        if instance.read_only
        else f"Launching starts one in {instance.name}."
    )


def _tags(pipeline: Pipeline) -> dict[str, str]:
    return {
        PIPELINE_TAG: str(pipeline.key),
        metadata.INSTANCE: pipeline.key.instance,
        metadata.ORCHESTRATOR: pipeline.orchestrator,
        **metadata.NO_RETRIES,  # to ask again would start another run
    }


def _start_run_op(
    pipelines: Mapping[str, Pipeline], instances: Mapping[str, InstanceConfig], starter: Starter
) -> OpDefinition:
    @op(description="Asks the orchestrator for one run of the job's pipeline.")
    def start_run(context: OpExecutionContext, config: StartRun) -> None:
        pipeline = pipelines[context.job_name]
        instance = instances[pipeline.key.instance]
        if config.firing is None:
            starter.start(context, pipeline, instance, config.parameters)
        else:
            starter.start_for(context, config.firing, pipeline, instance)

    return start_run
