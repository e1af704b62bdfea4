-- Subscribers to a store's newsletters. They are no customers, and stay when a customer goes (ruling 25).

CREATE TABLE subscriber (
    store_id       BIGINT NOT NULL,
    subscriber_id  BIGINT NOT NULL,
    email          TEXT COLLATE BINARY NOT NULL,
    first_name     TEXT COLLATE BINARY NOT NULL,
    last_name      TEXT COLLATE BINARY NOT NULL,
    -- Where they subscribed: 'storefront', 'order', 'custom', or what a caller wrote.
    source         TEXT COLLATE BINARY NOT NULL,
    -- The order with which they subscribed; NULL where it was none.
    order_id       BIGINT,
    channel_id     BIGINT NOT NULL,
    -- What they want to be sent: names, separated by spaces.
    consents       TEXT COLLATE BINARY NOT NULL,
    -- The same texts folded (NFC, lower case) in Rust, to be compared without case.
    email_key      TEXT COLLATE BINARY NOT NULL,
    first_name_key TEXT COLLATE BINARY NOT NULL,
    last_name_key  TEXT COLLATE BINARY NOT NULL,
    date_created   BIGINT NOT NULL,
    date_modified  BIGINT NOT NULL,
    CONSTRAINT subscriber_pk PRIMARY KEY (store_id, subscriber_id),
    CONSTRAINT subscriber_email UNIQUE (store_id, email_key)
);
-- Each ends with the id, so that one value's rows lie in the order in which they are listed.
CREATE INDEX subscriber_by_first_name ON subscriber (store_id, first_name_key, subscriber_id);
CREATE INDEX subscriber_by_last_name ON subscriber (store_id, last_name_key, subscriber_id);
CREATE INDEX subscriber_by_source ON subscriber (store_id, source, subscriber_id);
CREATE INDEX subscriber_by_order ON subscriber (store_id, order_id, subscriber_id);
CREATE INDEX subscriber_by_created ON subscriber (store_id, date_created, subscriber_id);
CREATE INDEX subscriber_by_modified ON subscriber (store_id, date_modified, subscriber_id);

-- The stores that there are already; a new one is given its counters when it is made.
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'subscriber', 0, 0 FROM store WHERE deleted_at = 0;
