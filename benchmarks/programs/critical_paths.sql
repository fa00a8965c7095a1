-- Critical paths by hand: of runs whose tasks' names are in the order in which they wait for each
-- other, without attempts, and where all that waited is known from the task runs.
CREATE TEMPORARY TABLE run AS
WITH listed AS (
  SELECT
    pipeline,
    run_id,
    list_sort(list({
      'task': task,
      'start': epoch_us(started_at),
      'end': epoch_us(ended_at),
      'up': upstream_task_run_ids
    })) AS nodes
  FROM task_run_record
  GROUP BY ALL
),
placed AS (
  SELECT
    pipeline,
    run_id,
    list_min(list_transform(nodes, lambda n: n.start)) AS began,
    list_transform(nodes, lambda n: {
      'task': n.task,
      'start': n.start,
      'end': n.end,
      'took': n.end - n.start,
      'up': list_transform(
        n.up, lambda id: list_position(list_transform(nodes, lambda m: m.task), id)
      )
    }) AS nodes
  FROM listed
)
SELECT
  pipeline,
  run_id,
  began,
  list_max(list_transform(nodes, lambda n: n.end)) - began AS makespan,
  list_transform(nodes, lambda n: struct_insert(n, over := n.start - coalesce(
    list_max(list_transform(n.up, lambda u: nodes[u].end)), began
  ))) AS nodes
FROM placed;

-- How often each task is on it.
CREATE TEMPORARY TABLE critical AS
WITH RECURSIVE path AS (
  SELECT
    pipeline,
    nodes,
    list_sort(list_transform(
      nodes, lambda n: {'end': n.end, 'took': n.took, 'task': n.task, 'up': n.up}
    ))[-1] AS node
  FROM run
  UNION ALL
  SELECT
    pipeline,
    nodes,
    list_sort(list_transform(node.up, lambda u: {
      'end': nodes[u].end, 'took': nodes[u].took, 'task': nodes[u].task, 'up': nodes[u].up
    }))[-1]
  FROM path
  WHERE len(node.up) > 0
)
SELECT pipeline, node.task AS task, count(*) AS on_path, sum(node.took) AS executed
FROM path
GROUP BY ALL;

-- What each would save if it were 30% faster: when the tasks would end, one after the other, with
-- each of them in turn faster.
CREATE TEMPORARY TABLE faster AS
WITH RECURSIVE ahead AS (
  SELECT pipeline, began, makespan, nodes, []::BIGINT[][] AS ends FROM run
  UNION ALL
  SELECT
    pipeline,
    began,
    makespan,
    nodes,
    list_append(ends, list_transform(range(1, len(nodes) + 1), lambda changed:
      coalesce(
        list_max(list_transform(nodes[len(ends) + 1].up, lambda u: ends[u][changed])), began
      )
      + nodes[len(ends) + 1].over
      + nodes[len(ends) + 1].took * CASE WHEN changed = len(ends) + 1 THEN 7 ELSE 10 END // 10
    ))
  FROM ahead
  WHERE len(ends) < len(nodes)
),
saved AS (
  SELECT
    pipeline,
    unnest(nodes).task AS task,
    unnest(list_transform(range(1, len(nodes) + 1), lambda changed:
      makespan - (list_max(list_transform(ends, lambda of_node: of_node[changed])) - began)
    )) AS saves
  FROM ahead
  WHERE len(ends) = len(nodes)
)
SELECT pipeline, task, avg(saves) / 1e6 AS saves FROM saved GROUP BY ALL
