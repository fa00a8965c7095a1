-- One row per part of an orchestrator that does not work: (instance, kind, part).
CREATE TABLE problem_record (
  instance VARCHAR,
  kind VARCHAR,
  part VARCHAR,
  said VARCHAR,
  since TIMESTAMPTZ
);

CREATE VIEW problems AS
SELECT instance, kind, part, said, since FROM problem_record;

COMMENT ON VIEW problems IS 'A row is a part of an orchestrator that does not work, as it says itself.';
COMMENT ON COLUMN problems.instance IS 'The orchestrator.';
COMMENT ON COLUMN problems.kind IS 'down, worker gone or import failed.';
COMMENT ON COLUMN problems.part IS 'Which one: a scheduler, a work pool, a file, a code location.';
COMMENT ON COLUMN problems.said IS 'What of it.';
COMMENT ON COLUMN problems.since IS 'Since when, as it says, or when that was first read.';

-- One row per incident: (id).
CREATE TABLE incident_record (
  id BIGINT,
  is_open BOOLEAN,
  resolved_at TIMESTAMPTZ,
  document JSON
);

-- One row per alert of an incident: (fingerprint, incident).
CREATE TABLE alert_record (
  fingerprint VARCHAR,
  incident BIGINT,
  ended_at TIMESTAMPTZ,
  document JSON
);

-- One row per thing that happened to an incident.
CREATE TABLE incident_event_record (
  incident BIGINT,
  happened_at TIMESTAMPTZ,
  kind VARCHAR,
  event_text VARCHAR,
  done_by VARCHAR
);

-- One row per silence: (id).
CREATE TABLE silence_record (
  id BIGINT,
  matchers VARCHAR[],
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  author VARCHAR,
  reason VARCHAR
);

-- One row per group of incidents that a route tells together: (group_key).
CREATE TABLE message_group_record (
  group_key VARCHAR,
  document JSON
);

-- One row per message to a receiver: (id).
CREATE TABLE delivery_record (
  id VARCHAR,
  receiver VARCHAR,
  state VARCHAR,
  created_at TIMESTAMPTZ,
  next_attempt_at TIMESTAMPTZ,
  attempts BIGINT,
  delivered_at TIMESTAMPTZ,
  error VARCHAR,
  message JSON
);

CREATE VIEW incidents AS
SELECT
  id AS incident,
  document ->> 'state' AS state,
  document ->> 'severity' AS severity,
  document -> 'cause' ->> 'condition' AS condition,
  document -> 'cause' ->> 'subject' AS subject,
  document -> 'cause' ->> 'summary' AS summary,
  document -> 'cause' -> 'labels' ->> 'instance' AS instance,
  document -> 'cause' -> 'labels' ->> 'orchestrator' AS orchestrator,
  document -> 'cause' -> 'labels' ->> 'team' AS team,
  (document -> 'affected')::VARCHAR[] AS affected,
  document ->> 'owner' AS owner,
  (document ->> 'began_at')::TIMESTAMPTZ AS began_at,
  (document ->> 'opened_at')::TIMESTAMPTZ AS opened_at,
  (document ->> 'acknowledged_at')::TIMESTAMPTZ AS acknowledged_at,
  resolved_at,
  document ->> 'resolution' AS resolution,
  (document ->> 'is_old')::BOOLEAN AS is_old
FROM incident_record;

COMMENT ON VIEW incidents IS 'A row is an incident: a cause, and all that it brought about.';
COMMENT ON COLUMN incidents.incident IS 'Its number.';
COMMENT ON COLUMN incidents.state IS 'open, acknowledged, reopened or resolved.';
COMMENT ON COLUMN incidents.severity IS 'The gravest that it had: critical, error, warning or info.';
COMMENT ON COLUMN incidents.condition IS 'What is wrong with its cause: failed, late, stuck ...';
COMMENT ON COLUMN incidents.subject IS 'Its cause: a pipeline as INSTANCE/NAME, an instance, a resource or a receiver.';
COMMENT ON COLUMN incidents.summary IS 'What is known of it, in words.';
COMMENT ON COLUMN incidents.instance IS 'The orchestrator of the cause.';
COMMENT ON COLUMN incidents.orchestrator IS 'Its type: airflow, prefect or dagster.';
COMMENT ON COLUMN incidents.team IS 'Of the cause: its tag team:NAME, or else its first owner.';
COMMENT ON COLUMN incidents.affected IS 'A list of all that was ever part of it, the cause first.';
COMMENT ON COLUMN incidents.owner IS 'Who works on it.';
COMMENT ON COLUMN incidents.began_at IS 'Since when the cause was so.';
COMMENT ON COLUMN incidents.opened_at IS 'When that was noticed.';
COMMENT ON COLUMN incidents.acknowledged_at IS 'When somebody said that they work on it.';
COMMENT ON COLUMN incidents.resolved_at IS 'When all of it was well again.';
COMMENT ON COLUMN incidents.resolution IS 'How it ended.';
COMMENT ON COLUMN incidents.is_old IS 'Whether it began so long before it was noticed that nobody is told.';

CREATE VIEW alerts AS
SELECT
  incident,
  document -> 'alert' ->> 'condition' AS condition,
  document -> 'alert' ->> 'subject' AS subject,
  document -> 'alert' ->> 'severity' AS severity,
  document -> 'alert' ->> 'summary' AS summary,
  (document -> 'alert' ->> 'since')::TIMESTAMPTZ AS since,
  (document ->> 'joined_at')::TIMESTAMPTZ AS joined_at,
  ended_at,
  document -> 'alert' ->> 'run_id' AS run_id,
  document -> 'alert' ->> 'url' AS url
FROM alert_record;

COMMENT ON VIEW alerts IS 'A row is something that was, or is, wrong, as part of an incident.';
COMMENT ON COLUMN alerts.incident IS 'The number of the incident.';
COMMENT ON COLUMN alerts.condition IS 'What is wrong.';
COMMENT ON COLUMN alerts.subject IS 'With what.';
COMMENT ON COLUMN alerts.severity IS 'How grave it is.';
COMMENT ON COLUMN alerts.summary IS 'What is known of it, in words.';
COMMENT ON COLUMN alerts.since IS 'Since when it is so.';
COMMENT ON COLUMN alerts.joined_at IS 'When it was found to be part of the incident.';
COMMENT ON COLUMN alerts.ended_at IS 'When it was over; NULL while it is not.';
COMMENT ON COLUMN alerts.run_id IS 'The run that it is about.';
COMMENT ON COLUMN alerts.url IS 'Its page in its orchestrator.';

CREATE VIEW incident_events AS
SELECT incident, happened_at, kind, event_text, done_by FROM incident_event_record;

COMMENT ON VIEW incident_events IS 'A row is something that happened to an incident: its timeline.';
COMMENT ON COLUMN incident_events.incident IS 'The number of the incident.';
COMMENT ON COLUMN incident_events.happened_at IS 'When.';
COMMENT ON COLUMN incident_events.kind IS 'opened, joined, recovered, cause found, severity changed, notified, acknowledged, assigned, noted, merged, reopened or resolved.';
COMMENT ON COLUMN incident_events.event_text IS 'What, in words.';
COMMENT ON COLUMN incident_events.done_by IS 'Who did it; NULL where it came about by itself.';

CREATE VIEW silences AS
SELECT id AS silence, matchers, starts_at, ends_at, author, reason FROM silence_record;

COMMENT ON VIEW silences IS 'A row is a time in which nobody is told of what its matchers select.';
COMMENT ON COLUMN silences.silence IS 'Its number.';
COMMENT ON COLUMN silences.matchers IS 'A list, all of which must match, as severity="warning".';
COMMENT ON COLUMN silences.starts_at IS 'When it begins.';
COMMENT ON COLUMN silences.ends_at IS 'When it ends.';
COMMENT ON COLUMN silences.author IS 'Who made it.';
COMMENT ON COLUMN silences.reason IS 'Why.';

CREATE VIEW deliveries AS
SELECT
  id AS delivery,
  receiver,
  state,
  message ->> 'status' AS status,
  message ->> 'severity' AS severity,
  message -> 'incidents' -> 0 ->> 'title' AS title,
  (message ->> 'count')::BIGINT AS incident_count,
  list_transform(
    (message -> 'incidents')::JSON[],
    lambda told: (told ->> 'incident')::BIGINT
  ) AS incidents,
  created_at,
  attempts,
  next_attempt_at,
  delivered_at,
  error
FROM delivery_record;

COMMENT ON VIEW deliveries IS 'A row is a message to a receiver.';
COMMENT ON COLUMN deliveries.delivery IS 'Names it.';
COMMENT ON COLUMN deliveries.receiver IS 'To whom, by the name in meta_orch.yaml.';
COMMENT ON COLUMN deliveries.state IS 'pending, delivered or given up.';
COMMENT ON COLUMN deliveries.status IS 'Of what it tells: firing, resolved or test.';
COMMENT ON COLUMN deliveries.severity IS 'How grave that is.';
COMMENT ON COLUMN deliveries.title IS 'What it says first.';
COMMENT ON COLUMN deliveries.incident_count IS 'Of how many incidents it tells.';
COMMENT ON COLUMN deliveries.incidents IS 'A list of the numbers of those that it names.';
COMMENT ON COLUMN deliveries.created_at IS 'When it was to be sent.';
COMMENT ON COLUMN deliveries.attempts IS 'How often it was tried.';
COMMENT ON COLUMN deliveries.next_attempt_at IS 'When it is tried next, where it is pending.';
COMMENT ON COLUMN deliveries.delivered_at IS 'When the receiver took it.';
COMMENT ON COLUMN deliveries.error IS 'Why the last attempt failed; without secrets.';
