"""The GraphQL that is asked; every field of it is in Dagster 1.9 too."""

from __future__ import annotations

VERSION = "query Version { version }"

# How the locations are loaded, and which schedules and sensors are on.
FINGERPRINT = """
query Fingerprint {
  workspaceOrError {
    __typename
    ... on Error { message }
    ... on Workspace {
      locationEntries {
        name
        loadStatus
        versionKey
        updatedTimestamp
        locationOrLoadError {
          __typename
          ... on RepositoryLocation {
            repositories {
              name
              schedules { name scheduleState { status } }
              sensors { name sensorState { status } }
            }
          }
        }
      }
    }
  }
}
"""

REPOSITORIES = """
query Repositories {
  repositoriesOrError {
    __typename
    ... on Error { message }
    ... on RepositoryConnection { nodes { name location { name } } }
  }
}
"""

REPOSITORY = """
query Repository($selector: RepositorySelector!) {
  repositoryOrError(repositorySelector: $selector) {
    __typename
    ... on Error { message }
    ... on Repository {
      name
      location { name }
      jobs {
        name
        description
        pipelineSnapshotId
        tags { key value }
        solids {
          name
          isDynamicMapped
          inputs { dependsOn { solid { name } } }
        }
      }
      schedules {
        name
        cronSchedule
        executionTimezone
        pipelineName
        scheduleState { status nextTick { timestamp } }
      }
      sensors {
        name
        targets { pipelineName }
        sensorState { status }
      }
      assetNodes {
        assetKey { path }
        metadataEntries {
          label
          ... on UrlMetadataEntry { url }
          ... on TextMetadataEntry { text }
          ... on PathMetadataEntry { path }
        }
        dependencyKeys { path }
        jobNames
        isMaterializable
        opNames
        owners {
          __typename
          ... on UserAssetOwner { email }
          ... on TeamAssetOwner { team }
        }
      }
    }
  }
}
"""

_RUN = """
fragment RunRow on Run {
  runId
  jobName
  status
  tags { key value }
  runConfig
  creationTime
  startTime
  endTime
  parentRunId
  pipelineSnapshotId
  repositoryOrigin { repositoryLocationName }
  stepStats { stepKey status startTime endTime attempts { startTime } }
}
"""

RUNS = f"""
query Runs($filter: RunsFilter, $cursor: String, $limit: Int) {{
  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) {{
    __typename
    ... on Error {{ message }}
    ... on Runs {{ results {{ ...RunRow }} }}
  }}
}}
{_RUN}
"""

LISTED_RUNS = """
query ListedRuns($filter: RunsFilter, $cursor: String, $limit: Int) {
  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) {
    __typename
    ... on Error { message }
    ... on Runs {
      results {
        runId
        jobName
        status
        tags { key value }
        endTime
        repositoryOrigin { repositoryLocationName }
      }
    }
  }
}
"""

LAUNCH = f"""
mutation Launch($params: ExecutionParams!) {{
  launchRun(executionParams: $params) {{
    __typename
    ... on Error {{ message }}
    ... on RunConfigValidationInvalid {{ errors {{ message }} }}
    ... on LaunchRunSuccess {{ run {{ ...RunRow }} }}
  }}
}}
{_RUN}
"""

TERMINATE = """
mutation Terminate($run: String!) {
  terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) {
    __typename
    ... on Error { message }
    ... on TerminateRunFailure { message }
  }
}
"""

HEALTH = """
query Health {
  instance {
    daemonHealth {
      allDaemonStatuses {
        daemonType
        required
        healthy
        lastHeartbeatTime
        lastHeartbeatErrors { message }
      }
    }
  }
  workspaceOrError {
    __typename
    ... on Error { message }
    ... on Workspace {
      locationEntries {
        name
        locationOrLoadError {
          __typename
          ... on Error { message }
        }
      }
    }
  }
}
"""

LOG = """
query log($run: ID!, $after: String, $limit: Int!) {
  logsForRun(runId: $run, afterCursor: $after, limit: $limit) {
    __typename
    ... on Error { message }
    ... on EventConnection {
      cursor
      events {
        __typename
        ... on MessageEvent { message timestamp level stepKey }
        ... on ErrorEvent { error { message cause { message } } }
      }
    }
  }
}
"""
