-- Grain: one row a customer who ordered.
SELECT
    customer_id,
    segment,
    count(*) AS orders,
    CAST(sum(revenue_eur) AS DECIMAL(12, 2)) AS revenue_eur
FROM orders
GROUP BY customer_id, segment
ORDER BY customer_id
