-- One row per view that people query, by name: what a row of it is, and its columns in order.
SELECT
  views.view_name AS "view",
  coalesce(views.comment, '') AS about,
  string_agg(columns.column_name, ', ' ORDER BY columns.column_index) AS columns
FROM duckdb_views() AS views
JOIN duckdb_columns() AS columns
  ON columns.database_oid = views.database_oid
  AND columns.schema_oid = views.schema_oid
  AND columns.table_oid = views.view_oid
WHERE NOT views.internal AND views.database_name = current_database()
GROUP BY views.view_name, views.comment
ORDER BY views.view_name
