-- Those not told of yet, likewise. By itself, for a table whose index is made anew is locked until then: nobody who writes waits while
-- the index of `event` is made, which has many more rows.
DROP INDEX outbox_of_metafields;
CREATE INDEX outbox_of_metafields ON outbox (store_id, subject)
    WHERE scope = 'store/metafield/created' OR scope = 'store/metafield/updated' OR scope = 'store/metafield/deleted';
