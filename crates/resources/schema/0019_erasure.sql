-- Erasing a customer takes back the events that name its metafields, and finds them by the customer.

-- Of those events alone: no other one pays for it.
CREATE INDEX outbox_of_metafields ON outbox (store_id, subject)
    WHERE scope IN ('store/metafield/created', 'store/metafield/updated', 'store/metafield/deleted');
