-- The events of metafields, found by their customers, as before. Each `IN` of three is a table that SQLite fills and throws
-- away: it did so for every event of any kind, to see that the event is none of these.
DROP INDEX outbox_of_metafields;
CREATE INDEX outbox_of_metafields ON outbox (store_id, subject)
    WHERE scope = 'store/metafield/created' OR scope = 'store/metafield/updated' OR scope = 'store/metafield/deleted';
DROP INDEX event_of_metafields;
CREATE INDEX event_of_metafields ON event (store_id, subject)
    WHERE scope = 'store/metafield/created' OR scope = 'store/metafield/updated' OR scope = 'store/metafield/deleted';
