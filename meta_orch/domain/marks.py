"""Tags on what meta_orch makes in Dagster.

The Dagster adapter leaves out whatever carries `PIPELINE_TAG`: it stands for a pipeline that
another adapter reads, and would otherwise come back as one of Dagster's own.
"""

PIPELINE_TAG = "meta_orch/pipeline"
"""On the job that stands for a pipeline, and so on each run of that job: `INSTANCE/NAME`."""
MIRRORED_TAG = "meta_orch/mirrored"
"""On a run that shows a run of another orchestrator: the instance's name. Dagster did not execute
it."""
