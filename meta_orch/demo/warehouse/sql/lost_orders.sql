-- Grain: one row a staged order that `orders` lost. There should be none.
SELECT staged.order_id, staged.customer_id, staged.currency
FROM staged_orders AS staged
ANTI JOIN orders USING (order_id)
