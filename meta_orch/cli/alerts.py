"""`meta-orch alerts`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from meta_orch.cli.common import (
    config_option,
    format_option,
    open_store,
    output,
    print_rows,
    progress,
)
from meta_orch.cli.options import DURATION
from meta_orch.config import MetaOrchConfig, load_config
from meta_orch.domain.words import describe_duration

if TYPE_CHECKING:
    from meta_orch.alerts.backtesting import Backtest, Judged
    from meta_orch.alerts.routing import Route
    from meta_orch.config.selecting import Selection
    from meta_orch.domain.alerts import Condition
    from meta_orch.domain.matchers import Labels
    from meta_orch.store import StoreReader

_COLUMNS = ("what", "severity", "began (UTC)", "took", "messages", "to", "earlier by", "noise")


@click.group()
def alerts() -> None:
    """Try out who is told of what: `alerts` in meta_orch.yaml."""


@alerts.command()
@click.argument("receivers", nargs=-1, metavar="[RECEIVER]...")
@config_option
def test(receivers: tuple[str, ...], config_path: Path | None) -> None:
    """Send a message that says it is a test, to each RECEIVER, or to all."""
    from meta_orch.alerts.delivery.base import DeliveryFailed
    from meta_orch.alerts.delivery.outbox import deliver
    from meta_orch.alerts.messages import TemplateUnusable, trial
    from meta_orch.config.values import MissingSecret
    from meta_orch.domain.notifications import Delivery

    config = load_config(config_path)
    known = [receiver.name for receiver in config.alerts.receivers]
    if not known:
        raise click.ClickException(
            "the configuration names no receivers: add one under `alerts.receivers`, "
            "see docs/configuration.md"
        )
    for name in receivers:
        if name not in known:
            raise click.BadParameter(
                f"no receiver is named {name!r}; there are: {', '.join(known)}"
            )
    failed = 0
    for receiver in config.alerts.receivers:
        if receivers and receiver.name not in receivers:
            continue
        now = datetime.now(UTC)
        message = trial(receiver.name, now)
        number = f"test-{receiver.name}-{now:%Y%m%dT%H%M%S}"
        delivery = Delivery(number, receiver.name, message, now, now)
        try:
            deliver(delivery, receiver, now)
        except (DeliveryFailed, MissingSecret, TemplateUnusable) as error:
            failed += 1
            output(wide=True).print(f"[red]✗[/] {escape(f'{receiver.name}: {error}')}")
        else:
            output(wide=True).print(f"[green]✓[/] {escape(receiver.name)}")
    if failed:
        raise click.ClickException(f"{failed} did not take it")


@alerts.command()
@click.argument("number", metavar="[INCIDENT]", type=click.IntRange(1), required=False)
@click.option("--pipeline", metavar="PIPELINE", help="Or something of this one.")
@click.option("--instance", help="Or of this one.")
@click.option("--condition", default="failed", show_default=True, help="What would be wrong.")
@click.option("--severity", help="How grave.  [default: as it would be]")
@config_option
def explain(
    number: int | None,
    config_path: Path | None,
    *,
    pipeline: str | None,
    instance: str | None,
    condition: str,
    severity: str | None,
) -> None:
    """Say which routes an INCIDENT takes, or something that may happen, and why; who is told and
    when, and what keeps them from being told now."""
    from meta_orch.alerts.explaining import explain as walk
    from meta_orch.alerts.routing import build_routes

    config, now = load_config(config_path), datetime.now(UTC)
    with open_store(config.store.path).read() as reader:
        if number is not None:
            labels = _labels_of_incident(reader, number)
        else:
            labels = _labels(
                reader, config, pipeline, instance, condition=condition, severity=severity
            )
        muted = _muted(reader, config, labels, now)
    tree = build_routes(config.alerts.route)
    console = output(wide=True)
    told = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    console.print(escape(f"labels: {told}"))
    steps = walk(tree, labels)
    for step in steps:
        mark = "[green]✓[/]" if step.is_selected else "[dim]·[/]"
        receiver = f" → {step.route.receiver or 'nobody'}" if step.tells else ""
        line = f"{_place(step.route)}{receiver}: {step.why}"
        console.print(f"{'  ' * step.depth}{mark} {escape(line)}")
    for step in steps:
        if step.tells:
            console.print(escape(_how(step.route, labels, config, now)))
    if muted:
        console.print(f"[yellow]nobody is told now: {escape(muted)}[/]")


@alerts.command()
@click.argument("rule", metavar="RULE")
@click.option("--since", type=DURATION, default="7d", show_default=True, help="How far back.")
@click.option("--every", type=DURATION, default="5m", show_default=True, help="How often to look.")
@config_option
@format_option
def backtest(
    rule: str, since: timedelta, every: timedelta, config_path: Path | None, style: str
) -> None:
    """Replay the past and show what would have been sent, by today's configuration.

    RULE is a condition (failed, "failing repeatedly", missing, late, stuck, "duration abnormal"),
    or one of `alerts.rules`, as rules[0].

    `earlier by` is how long before the pipeline, or one that depends on it, failed (within a day)
    somebody would have been told. `noise` is what was over by itself within 15 minutes of being
    told, with no failure after it.
    """
    from meta_orch.alerts.backtesting import Replayed
    from meta_orch.alerts.backtesting import backtest as replay
    from meta_orch.domain.time import Window

    config, now = load_config(config_path), datetime.now(UTC)
    conditions, selection = _rule(config, rule)
    window = Window(now - since, now)
    with open_store(config.store.path).read() as reader, progress().status("replaying") as status:
        result = replay(
            reader,
            config,
            conditions,
            selection,
            Replayed(window, every, lambda at: status.update(f"replaying {at:%Y-%m-%d %H:%M}")),
        )
    rows = [_row(judged, result) for judged in result.incidents]
    print_rows(_COLUMNS, rows, style)
    if style == "table":
        _summarise(result)


def _row(judged: Judged, result: Backtest) -> tuple[object, ...]:
    incident = judged.incident
    to = dict.fromkeys(
        notification.receiver
        for _, notification in result.notifications
        if incident.id in {each.id for each in notification.incidents}
    )
    return (
        incident.title,
        incident.severity.value,
        f"{incident.began_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        describe_duration(max(incident.took, timedelta())) if incident.took is not None else "open",
        judged.messages,
        ", ".join(to),
        describe_duration(judged.warned_by) if judged.warned_by is not None else "",
        "yes" if judged.is_noise else "",
    )


def _summarise(result: Backtest) -> None:
    told = [judged for judged in result.incidents if judged.first_told_at is not None]
    days = result.window.length / timedelta(days=1)
    early = [judged.warned_by for judged in told if judged.warned_by is not None]
    messages = len(result.notifications)
    parts = [
        f"{len(result.incidents)} incidents and {messages} messages in {days:g} days",
        f"{messages / days:.1f} messages a day",
        f"{sum(judged.is_noise for judged in told)} noise",
    ]
    if early:
        usual = timedelta(seconds=median(each.total_seconds() for each in early))
        parts.append(f"{len(early)} before a failure, by {describe_duration(usual)} (median)")
    output(wide=True).print("; ".join(parts))


def _rule(config: MetaOrchConfig, text: str) -> tuple[list[Condition], Selection]:
    from meta_orch.alerts.backtesting import REPLAYABLE
    from meta_orch.config.selecting import Selection
    from meta_orch.domain.alerts import Condition

    places = {f"rules[{number}]": rule for number, rule in enumerate(config.alerts.rules)}
    if text in places:
        rule = places[text]
        wanted = [c for c in rule.conditions or REPLAYABLE if c in REPLAYABLE]
        if wanted:
            return wanted, rule
    elif text in {condition.value for condition in REPLAYABLE}:
        return [Condition(text)], Selection()
    known = ", ".join([*(condition.value for condition in REPLAYABLE), *places])
    raise click.BadParameter(
        f"{text!r} is none that can be replayed; write one of: {known}", param_hint="RULE"
    )


def _labels_of_incident(reader: StoreReader, number: int) -> Labels:
    incident = reader.alerting.incident(number)
    if incident is None:
        raise click.BadParameter(f"there is no incident {number}: see `meta-orch incidents`")
    return incident.labels


def _labels(
    reader: StoreReader,
    config: MetaOrchConfig,
    pipeline_name: str | None,
    instance: str | None,
    *,
    condition: str,
    severity: str | None,
) -> Labels:
    from meta_orch.alerts.grading import Context, grade
    from meta_orch.dependencies.gates import KnownGates
    from meta_orch.domain.alerts import Alert, Condition, Severity
    from meta_orch.domain.pipelines import PipelineKey

    try:
        what = Condition(condition)
        wanted = Severity(severity) if severity else None
    except ValueError as error:
        known = ", ".join((*Condition, *Severity))
        raise click.BadParameter(f"{error}; there are: {known}") from None
    graph = KnownGates(config).map(reader)
    key = PipelineKey.parse(pipeline_name) if pipeline_name else None
    found = graph.catalogue.get(key.path) if key else None
    if key is not None and found is None:
        raise click.BadParameter(f"no pipeline is called {pipeline_name}: see `meta-orch sql`")
    name = key.instance if key else instance
    types = {each.name: str(each.type) for each in config.instances}
    alert = Alert(
        what,
        pipeline_name or instance or "meta_orch",
        datetime.now(UTC),
        "",
        pipeline=key,
        instance=name,
    )
    below = graph.lineage.downstream(key.path) if key else {}
    context = Context(sum(path in graph.catalogue for path in below))
    graded = grade(
        alert, config.alerts, context, pipeline=found, orchestrator=types.get(name or "")
    )
    if graded is None:
        raise click.ClickException("a rule says `off`: this is no alert")
    labels = dict(graded.alert.labels)
    return {**labels, "severity": wanted.value} if wanted else labels


def _muted(
    reader: StoreReader, config: MetaOrchConfig, labels: Labels, now: datetime
) -> str | None:
    from meta_orch.alerts.muting import Muting

    incidents = reader.alerting.incidents(now)
    muting = Muting(config.alerts, reader.alerting.silences(now), incidents, now)
    others = [i for i in incidents if i.state.is_open and str(i.id) != labels.get("incident")]
    return muting.reason_of(labels, others)


def _place(route: Route) -> str:
    """As in the file: `route.routes[0].routes[2]`."""
    _, *below = route.place.split(".")
    return "route" + "".join(f".routes[{number}]" for number in below)


def _how(route: Route, labels: Labels, config: MetaOrchConfig, now: datetime) -> str:
    from meta_orch.alerts.muting import is_quiet

    group = ", ".join(f'{k}="{v}"' for k, v in route.group_labels(labels).items()) or "all together"
    parts = [*_times(route)]
    quiet = is_quiet(route.config, config.alerts, now)
    if quiet:
        parts.append(f"quiet now: {quiet}")
    return f"{route.receiver or 'nobody'}: grouped by {group}; {', '.join(parts)}"


def _times(route: Route) -> Iterator[str]:
    yield f"first after {describe_duration(route.group_wait)}"
    yield f"news after {describe_duration(route.group_interval)}"
    yield f"again after {describe_duration(route.repeat_interval)}"
    for each in route.escalate:
        yield f"{each.receiver} after {describe_duration(each.after)} without acknowledgement"
