-- Grain: one row an order, as Airflow staged it.
SELECT
    order_id,
    CAST(customer_id AS INTEGER) AS customer_id,
    CAST(ordered_at AS TIMESTAMPTZ) AS ordered_at,
    CAST(quantity AS INTEGER) AS quantity,
    CAST(unit_price AS DECIMAL(12, 2)) AS unit_price,
    currency
FROM read_csv($data || '/staged/orders/*.csv', all_varchar = true)
