-- Grain: one row a region.
SELECT
    region,
    count(*) AS orders,
    CAST(sum(revenue_eur) AS DECIMAL(12, 2)) AS revenue_eur
FROM orders
GROUP BY region
ORDER BY region
