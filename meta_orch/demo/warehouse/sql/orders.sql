-- Grain: one row an order of a known customer, valued in euros at the newest rate.
SELECT
    staged.order_id,
    staged.customer_id,
    customers.region,
    customers.segment,
    staged.ordered_at,
    staged.quantity * staged.unit_price * rates.in_eur AS revenue_eur
FROM staged_orders AS staged
INNER JOIN customers USING (customer_id)
INNER JOIN (
    SELECT currency, CAST(in_eur AS DECIMAL(12, 4)) AS in_eur
    FROM read_csv($data || '/landing/exchange_rates.csv', all_varchar = true)
) AS rates USING (currency)
