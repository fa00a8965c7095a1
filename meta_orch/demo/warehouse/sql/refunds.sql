-- Grain: one row a refund that the bank has made.
SELECT
    CAST(refunds.order_id AS INTEGER) AS order_id,
    CAST(refunds.amount AS DECIMAL(10, 2)) AS amount
FROM read_csv($data || '/landing/refunds.csv', all_varchar = true) AS refunds
