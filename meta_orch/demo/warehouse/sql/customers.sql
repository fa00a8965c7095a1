-- Grain: one row a customer.
SELECT
    CAST(customer_id AS INTEGER) AS customer_id,
    region,
    segment
FROM read_csv($data || '/landing/customers.csv', all_varchar = true)
