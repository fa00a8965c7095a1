"""Reading every pipeline of an Airflow, at a price that follows what changed.

The list of DAGs tells paused, owners, tags and next runs of a hundred DAGs a request. Time zone,
asset condition and tasks take two requests a DAG or three, so they are read again only for a DAG
whose definition changed. Airflow numbers definitions, with one catch: it makes a new version only
when the last one has been run, and before that it changes the last one in place. So a version that
nothing has run yet is a draft: its tasks are read again each time, its name carries a digest of
what was read, and a run makes it final. Airflow 2 has no versions: all definitions are drafts.

So a first reading of ten thousand DAGs would take thirty thousand requests. One reading asks for
some hundreds of definitions; the others are shown as the list has them, without a version, and the
fingerprint says that the catalogue is to be read again.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from uuid import UUID

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import Catalogue
from meta_orch.orchestrators.airflow.api import LARGEST_PAGE, AirflowApi
from meta_orch.orchestrators.airflow.dependencies import Dependencies
from meta_orch.orchestrators.airflow.parse import (
    Place,
    read_links,
    read_listed_pipeline,
    read_pipeline,
    read_version,
)
from meta_orch.orchestrators.airflow.schedules import contradicts
from meta_orch.orchestrators.answers import Fields, UnreadableJson
from meta_orch.orchestrators.base import LoginRefused, NotFound, ServerFailed
from meta_orch.orchestrators.selection import Selection

LatestRuns = Mapping[str, Fields | None]
"""By DAG id, where that is known by now; None where a DAG has not run."""

_log = logging.getLogger(__name__)

_DRAFT = "+"
_UNVERSIONED = "unversioned"
_DRAFTS_A_PASS = 100
_UNVERSIONED_A_PASS = 50
"""Airflow 2 works a tenth of a second on each request for the password alone."""
_DEFINITIONS_A_PASS = 300
"""Nine hundred requests: ten to twenty seconds, within a sensor's tick."""
_RUNS_FOR = 10
"""Where definitions of so many DAGs are read, a page of runs is."""
_CLOCKS_DIFFER_BY = timedelta(minutes=10)
"""Several DAG processors may make versions; their clocks give the order of the versions' ids."""


def read_fingerprint(api: AirflowApi) -> str:
    """Two requests, however many DAGs there are.

    The newest version and the number of versions change when a DAG is added, changed or deleted,
    and the number of DAGs at work when one is paused, resumed, or no longer in any file. Not seen
    are: a change of a draft, a paused DAG whose file is gone, two changes that cancel out, and any
    change of a definition in Airflow 2, which has no versions.
    """
    at_work = api.count_dags(paused=False)
    if not api.has_versions:
        return f"{api.count_dags()} {at_work}"
    newest, versions = api.newest_dag_version()
    return f"{newest} {versions} {at_work}"


def read_catalogue(
    api: AirflowApi,
    place: Place,
    selection: Selection,
    known: Mapping[PipelineKey, Pipeline],
    *,
    connections: int,
    dependencies: Dependencies,
) -> Catalogue:
    """Every DAG; where a great many are new or changed, some of them with all but their tasks.

    Args:
        connections: how many definitions are asked for at once.
        dependencies: the same one each time.
    """
    # First, so that a change while the rest is read shows in the next fingerprint.
    fingerprint = read_fingerprint(api)
    listed = {dag.text("dag_id"): dag for dag in api.dags()}
    selected = {dag_id: dag for dag_id, dag in listed.items() if dag_id in selection}
    kept = {
        dag_id: known[place.pipeline(dag_id)]
        for dag_id in selected
        if place.pipeline(dag_id) in known
    }
    stale = (
        (selected.keys() - kept.keys())
        | (_changed(api, kept) if api.has_versions else _listed_otherwise(place, kept, selected))
        | _some_drafts(kept.values(), _DRAFTS_A_PASS if api.has_versions else _UNVERSIONED_A_PASS)
        | {dag_id for dag_id, old in kept.items() if contradicts(old.schedules, selected[dag_id])}
    )
    chosen = _some(stale, _DEFINITIONS_A_PASS)
    later = stale - chosen
    pipelines = {
        dag_id: read_listed_pipeline(place, dag, kept.get(dag_id))
        for dag_id, dag in selected.items()
        if dag_id not in chosen
    }
    # Without a version, a definition is read by a later pass.
    pipelines |= {dag_id: replace(pipelines[dag_id], version=None) for dag_id in later}
    pipelines |= _Definitions(api, place, selected, kept, connections).read(sorted(chosen))
    if later:
        fingerprint = f"{fingerprint}, {len(later)} still to be read"
    changed = {dag_id: p.version for dag_id, p in pipelines.items()} != {
        dag_id: p.version for dag_id, p in kept.items()
    }
    graph = dependencies.read(api, changed=changed)
    links = read_links(api.assets(), graph).among(listed)
    return Catalogue(
        tuple(
            links.apply(pipelines[dag_id], kept.get(dag_id), place) for dag_id in sorted(pipelines)
        ),
        fingerprint,
    )


def _changed(api: AirflowApi, kept: Mapping[str, Pipeline]) -> set[str]:
    """DAGs with another version than the kept one, found by reading versions from the newest back
    to the newest kept."""
    times = [_made_at(pipeline.version) for pipeline in kept.values() if pipeline.version]
    if not times:
        return set(kept)
    until = max(times) - _CLOCKS_DIFFER_BY
    newest: dict[str, str] = {}
    for version in api.newest_dag_versions():
        name = read_version(version)
        if _made_at(name) < until:
            break
        newest.setdefault(version.text("dag_id"), name)
    return {
        dag_id
        for dag_id, pipeline in kept.items()
        if pipeline.version is None
        or newest.get(dag_id, _final(pipeline.version)) != _final(pipeline.version)
    }


def _listed_otherwise(
    place: Place, kept: Mapping[str, Pipeline], listed: Mapping[str, Fields]
) -> set[str]:
    """DAGs without a version, and those of which the list says something else than is kept."""
    return {
        dag_id
        for dag_id, pipeline in kept.items()
        if pipeline.version is None
        or _lasting(read_listed_pipeline(place, listed[dag_id], pipeline)) != _lasting(pipeline)
    }


def _some_drafts(pipelines: Iterable[Pipeline], most: int) -> set[str]:
    """The drafts, or, where there are a great many, some of them: each has its turn in time."""
    drafts = [p.native_id for p in pipelines if p.version and _DRAFT in p.version]
    return _some(drafts, most)


def _some(dag_ids: Iterable[str], most: int) -> set[str]:
    """All, or so many by chance: one that cannot be read is not always among those that are."""
    found = list(dag_ids)
    # No secret depends on which ones are drawn.
    return set(random.sample(found, min(len(found), most)))


@dataclass(frozen=True, slots=True)
class _Definitions:
    """Reads DAGs one by one, several at a time."""

    api: AirflowApi
    place: Place
    listed: Mapping[str, Fields]
    kept: Mapping[str, Pipeline]
    connections: int

    def read(self, dag_ids: Sequence[str]) -> dict[str, Pipeline]:
        """The pipelines by DAG id, without those that are gone meanwhile."""
        latest_runs = self._latest_runs(dag_ids) if self.api.has_versions else {}

        def read_one(dag_id: str) -> Pipeline | None:
            return self._read_one(dag_id, latest_runs)

        with ThreadPoolExecutor(self.connections, thread_name_prefix="airflow-dag") as pool:
            try:
                read = dict(zip(dag_ids, pool.map(read_one, dag_ids), strict=True))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return {dag_id: pipeline for dag_id, pipeline in read.items() if pipeline is not None}

    def _latest_runs(self, dag_ids: Sequence[str]) -> LatestRuns:
        """Those among the newest runs of all DAGs, for a tenth of the requests that asking one by
        one would take: at ten thousand DAGs these are what Airflow takes longest to answer. Where
        all runs are among them, a DAG without any has None. A run that Airflow cannot list hides
        only those after it: they are asked for one by one."""
        wanted = set(dag_ids)
        found: dict[str, Fields | None] = {}
        left = len(wanted) // _RUNS_FOR * LARGEST_PAGE
        try:
            for run in islice(self.api.newest_runs(), left):
                left -= 1
                if run.text("dag_id") in wanted:
                    found.setdefault(run.text("dag_id"), run)
                if len(found) == len(wanted):
                    break
        except ServerFailed as error:
            _log.info("%s; the latest runs are read one by one", error)
            return found
        return dict.fromkeys(wanted) | found if left else found

    def _read_one(self, dag_id: str, latest_runs: LatestRuns) -> Pipeline | None:
        try:
            return self._read_definition(dag_id, latest_runs)
        except NotFound:
            return None
        except ServerFailed as error:
            # Some DAGs cannot be shown (Airflow answers 500 where their `default_args` do not turn
            # into JSON). One of them must not hide the others. Without a version it is read again.
            _log.warning("%s; the tasks of DAG %s are shown as they were", error, dag_id)
            listed = self.listed[dag_id]
            return replace(
                read_listed_pipeline(self.place, listed, self.kept.get(dag_id)), version=None
            )

    def _read_definition(self, dag_id: str, latest_runs: LatestRuns) -> Pipeline:
        details = self.api.dag_details(self.listed[dag_id])
        if not self.api.has_versions:
            pipeline = self._parse(details, lambda: self.api.latest_run(dag_id))
            return replace(pipeline, version=f"{_UNVERSIONED}{_DRAFT}{_digest(pipeline)}")
        version = details.get_object("latest_dag_version")
        name = read_version(version) if version else None
        # Before the tasks: a version that has been run by now cannot change any more.
        is_known = dag_id in latest_runs
        latest_run = latest_runs[dag_id] if is_known else self.api.latest_run(dag_id)
        pipeline = self._parse(details, lambda: latest_run)
        if name is not None and not _has_used(latest_run, name):
            name = f"{name}{_DRAFT}{_digest(pipeline)}"
        return replace(pipeline, version=name)

    def _parse(self, details: Fields, read_latest_run: Callable[[], Fields | None]) -> Pipeline:
        dag_id = details.text("dag_id")
        tasks = self.api.dag_tasks(dag_id)
        return read_pipeline(
            self.place, details, tasks, read_latest_run, lambda: self._read_source(dag_id)
        )

    def _read_source(self, dag_id: str) -> str | None:
        try:
            return self.api.dag_source(dag_id)
        except (LoginRefused, ServerFailed):
            return None


def _has_used(run: Fields | None, version: str) -> bool:
    return run is not None and any(
        read_version(used) == version for used in run.get_rows("dag_versions", "a DAG version")
    )


def _digest(pipeline: Pipeline) -> str:
    """Names a definition by its content."""
    return sha256(repr(_lasting(pipeline)).encode()).hexdigest()[:12]


def _lasting(pipeline: Pipeline) -> Pipeline:
    """Without what changes as time passes."""
    return replace(
        pipeline,
        is_paused=False,
        schedules=tuple(replace(schedule, next_at=None) for schedule in pipeline.schedules),
    )


def _final(version: str) -> str:
    return version.partition(_DRAFT)[0]


def _made_at(version: str) -> datetime:
    """When a version was made: its id is a UUID of version 7, which begins with milliseconds.

    Raises:
        UnreadableJson: it has another form.
    """
    _, _, identity = _final(version).partition("-")
    try:
        milliseconds = UUID(identity).int >> 80
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError):
        raise UnreadableJson(f"{identity!r} of a DAG version is no UUID") from None
