-- For a test of plans: one webhook for which 100,000 deliveries wait, each in a lane of its own.
INSERT INTO delivery_lane (store_id, hook_id, subject, due_at, lease)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    SELECT 1, 1, i, i, 0 FROM n;
INSERT INTO delivery (store_id, hook_id, event_id, subject, due_at, failures, attempts)
    SELECT store_id, hook_id, subject, subject, due_at, 0, 0 FROM delivery_lane;
INSERT INTO event (store_id, event_id, hash, scope, subject, body, created_at)
    SELECT store_id, event_id, CAST(event_id AS TEXT), 'store/customer/created', subject, '{}', due_at FROM delivery;
ANALYZE delivery_lane, delivery, event
