-- What a store asks on its forms, and what was answered.

CREATE TABLE form_field (
    store_id   BIGINT NOT NULL,
    field_id   BIGINT NOT NULL,
    -- On whose form it stands: 'customer' or 'address'.
    object     TEXT COLLATE BINARY NOT NULL,
    name       TEXT COLLATE BINARY NOT NULL,
    -- As the published filter says it: 'text', 'picklist', …
    kind       TEXT COLLATE BINARY NOT NULL,
    required   BOOLEAN NOT NULL,
    -- One a line; empty where the kind has none.
    choices    TEXT COLLATE BINARY NOT NULL,
    -- How many values there are. Whoever sets or removes one holds this row.
    answers    BIGINT NOT NULL,
    -- 0 while the field is there; from then on its values are being removed and nobody sees them.
    removed_at BIGINT NOT NULL,
    CONSTRAINT form_field_pk PRIMARY KEY (store_id, field_id)
);
CREATE UNIQUE INDEX form_field_name ON form_field (store_id, object, name) WHERE removed_at = 0;

-- The values of one customer, or of one address, are one session: a form that was filled in. The row of the
-- customer is held by whoever writes them, so an owner has one session only.
CREATE TABLE form_value (
    store_id    BIGINT NOT NULL,
    session_id  BIGINT NOT NULL,
    field_id    BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    -- 0 where the value is the customer's own.
    address_id  BIGINT NOT NULL,
    -- Of a list, one item a line.
    value       TEXT COLLATE BINARY NOT NULL,
    CONSTRAINT form_value_pk PRIMARY KEY (store_id, session_id, field_id)
);
CREATE UNIQUE INDEX form_value_by_owner ON form_value (store_id, customer_id, address_id, field_id);
CREATE INDEX form_value_by_address ON form_value (store_id, address_id, field_id) WHERE address_id > 0;
CREATE INDEX form_value_by_field ON form_value (store_id, field_id, session_id);

-- Stores that were there before get their counters now; new ones get them when they are made.
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'form_field', 0, 0 FROM store WHERE deleted_at = 0;
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'form_session', 0, 0 FROM store WHERE deleted_at = 0;
