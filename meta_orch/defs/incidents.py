"""Incidents in Dagster: the asset that lists them, and their marks on pipelines and runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetSpec,
    DagsterInstance,
    MetadataValue,
)

from meta_orch.config import MetaOrchConfig
from meta_orch.defs import metadata
from meta_orch.defs.actions import GROUP
from meta_orch.defs.checks import IncidentMark, evaluate_last_run
from meta_orch.defs.connection import is_own_dagster
from meta_orch.defs.evaluations import as_evaluation
from meta_orch.defs.mirror import tag_run
from meta_orch.domain.incidents import Incident, IncidentState
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.words import describe_duration
from meta_orch.store import Store, StoreReader
from meta_orch.store.alerting import AlertRun

INCIDENTS_KEY: Final = AssetKey(["meta_orch", "incidents"])
_LISTED = 20
_LONGEST = 250
_LATELY = timedelta(days=1)
_NAMED = 3
_AT_ONCE = 50
"""Checks, and tags, that a tick writes; the next one goes on."""
_TRIES = 20
"""How often a run's tag is tried: one that is too old is never shown."""


def incidents_spec() -> AssetSpec:
    return AssetSpec(
        INCIDENTS_KEY,
        group_name=GROUP,
        kinds={"duckdb"},
        description=(
            "What is wrong now, one a cause, with all that it affects in whichever orchestrator, "
            "and what was resolved lately. `meta-orch incidents` lists and shows them, and takes "
            "acknowledgements. Runs are found by the tag `meta_orch/incident`."
        ),
    )


def incident_mark(incident: Incident, webserver_url: str) -> IncidentMark:
    page = "/".join(quote(part, safe="") for part in INCIDENTS_KEY.path)
    address = f"{webserver_url.rstrip('/')}/assets/{page}"
    return IncidentMark(f"incident {incident.id}: {incident.title}", address)


def open_incidents(reader: StoreReader, now: datetime) -> Mapping[str, Incident]:
    """That each pipeline, as `INSTANCE/NAME`, is part of: the gravest one, of several."""
    found = [i for i in reader.alerting.incidents(now) if i.state.is_open]
    by_rank = sorted(found, key=lambda incident: incident.severity.rank)
    return {subject: incident for incident in by_rank for subject in incident.affected}


@dataclass
class IncidentPublisher:
    """Keeps what Dagster shows of incidents as the store has it.

    Args:
        shown: the pipelines that the location has loaded.
    """

    config: MetaOrchConfig
    store: Store
    shown: Collection[PipelineKey]
    webserver_url: str
    _listed: object = None
    """What the asset says, as far as it is known."""
    _marked: dict[str, int | None] = field(default_factory=dict)
    """By pipeline, the incident that its check names."""
    _tagged: set[tuple[int, str]] = field(default_factory=set)
    _tries: Counter[tuple[int, str]] = field(default_factory=Counter)

    def publish(self, dagster: DagsterInstance, now: datetime) -> int:
        """Returns how many checks and runs were marked."""
        with self.store.read() as reader:
            lately = reader.alerting.incidents(now - _LATELY)
            waiting = len(reader.alerting.deliveries_due())
            runs = reader.alerting.runs(now - _LATELY)
            wanted = {
                name: incident.id if incident else None
                for name, incident in self._wanted(reader, lately, now).items()
            }
        self._list(dagster, lately, waiting, now)
        # A run's tag comes first: what Dagster shows of it later than the check would take its
        # place there.
        tagged, awaited = self._tag(dagster, runs)
        for pipeline in tagged:
            self._marked.pop(pipeline, None)
        due = [
            name
            for name, number in wanted.items()
            if name not in awaited and (name not in self._marked or self._marked[name] != number)
        ]
        self._mark(dagster, due[:_AT_ONCE], {incident.id: incident for incident in lately}, wanted)
        return len(due[:_AT_ONCE]) + len(tagged)

    def _wanted(
        self, reader: StoreReader, lately: Iterable[Incident], now: datetime
    ) -> Mapping[str, Incident | None]:
        """The incident that each pipeline is part of; None for what was part of one lately."""
        shown = {str(key) for key in self.shown}
        affected = {
            subject for incident in lately for subject in incident.affected if subject in shown
        }
        is_open = open_incidents(reader, now)
        return {name: is_open.get(name) for name in sorted(affected | self._marked.keys())}

    def _list(
        self, dagster: DagsterInstance, lately: Collection[Incident], waiting: int, now: datetime
    ) -> None:
        said = (tuple(lately), waiting)
        if said != self._listed:
            dagster.report_runless_asset_event(_listing(lately, waiting, now, self.webserver_url))
            self._listed = said

    def _tag(
        self, dagster: DagsterInstance, runs: Iterable[AlertRun]
    ) -> tuple[Collection[str], Collection[str]]:
        """Returns the pipelines whose runs were tagged, and those whose runs are not there yet."""
        own = {i.name for i in self.config.instances if is_own_dagster(i)}
        tagged, awaited = list[str](), set[str]()
        for each in runs:
            pipeline = each.run.pipeline
            run_id = each.run.run_id if pipeline.instance in own else each.revision_id
            mark = (each.incident, run_id)
            if mark in self._tagged or self._tries[mark] >= _TRIES or len(tagged) >= _AT_ONCE:
                continue
            self._tries[mark] += 1
            is_new = tag_run(dagster, run_id, {metadata.INCIDENT: str(each.incident)})
            if is_new is None:
                awaited.add(str(pipeline))
                continue
            self._tagged.add(mark)
            if is_new:
                tagged.append(str(pipeline))
        return tagged, awaited

    def _mark(
        self,
        dagster: DagsterInstance,
        due: Collection[str],
        incidents: Mapping[int, Incident],
        wanted: Mapping[str, int | None],
    ) -> None:
        if not due:
            return
        keys = [PipelineKey.parse(name) for name in due]
        with self.store.read() as reader:
            runs = {
                key: run
                for instance in {key.instance for key in keys}
                for key, run in reader.latest_runs(instance, finished=True).items()
            }
            failed = {
                key: reader.task_runs(runs[key].key)
                for key in keys
                if key in runs and runs[key].state.is_failure
            }
        for key in keys:
            number = wanted[str(key)]
            mark = incident_mark(incidents[number], self.webserver_url) if number else None
            result = evaluate_last_run(key, runs.get(key), failed.get(key, ()), mark)
            dagster.report_runless_asset_event(as_evaluation(result))
            self._marked[str(key)] = number


def _listing(
    lately: Collection[Incident], waiting: int, now: datetime, webserver_url: str
) -> AssetMaterialization:
    """With an entry for each open incident: Dagster's page shows a short Markdown as it is, and
    hides a long one behind a link."""
    is_open = sorted(
        (incident for incident in lately if incident.state.is_open),
        key=lambda incident: (-incident.severity.rank, -incident.id),
    )
    unacknowledged = sum(i.state is not IncidentState.ACKNOWLEDGED for i in is_open)
    more = f", and {len(is_open) - _LISTED} more: `meta-orch incidents`"
    said = {
        metadata.INCIDENTS: f"{len(is_open)} open{more if len(is_open) > _LISTED else ''}"
        if is_open
        else "Nothing is wrong.",
        **{
            f"{metadata.INCIDENT}_{incident.id}": _entry(incident, webserver_url)
            for incident in is_open[:_LISTED]
        },
        metadata.RESOLVED_LATELY: metadata.table(
            ("incident", "what", "took"),
            (_resolved(incident) for incident in lately if not incident.state.is_open),
            most=_LISTED,
        ),
        metadata.INCIDENTS_OPEN: len(is_open),
        metadata.INCIDENTS_UNACKNOWLEDGED: unacknowledged,
        metadata.INCIDENTS_LATELY: sum(i.opened_at >= now - _LATELY for i in lately),
        metadata.MESSAGES_WAITING: waiting,
    }
    return AssetMaterialization(INCIDENTS_KEY, metadata=metadata.present(said))


def _entry(incident: Incident, webserver_url: str) -> MetadataValue:
    """The rest is told by the command line and in the report."""
    cause = incident.cause
    owner = incident.owner or cause.labels.get("team")
    state = ", ".join(filter(None, (incident.severity.value, incident.state.value, owner)))
    tag = quote(f"tag:{metadata.INCIDENT}={incident.id}", safe="")
    runs = metadata.link("its runs", f"{webserver_url.rstrip('/')}/runs?q[0]={tag}")
    lines = [
        f"**{metadata.link(incident.title, cause.url)}**: {_cut(cause.summary)}",
        f"*{state}*, since {incident.began_at:%Y-%m-%d %H:%M} UTC; {runs}",
        f"Likely cause: {_cut(incident.likely_cause)}" if incident.likely_cause else "",
        f"Affects {others}" if (others := _others(incident)) else "",
    ]
    return MetadataValue.md("\n\n".join(filter(None, map(metadata.cell, lines))))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _resolved(incident: Incident) -> tuple[object, ...]:
    took = describe_duration(max(incident.took, timedelta())) if incident.took is not None else ""
    return incident.id, incident.title, took


def _others(incident: Incident) -> str:
    others = [subject for subject in incident.affected if subject != incident.cause.subject]
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return ", ".join(others[:_NAMED]) + more
