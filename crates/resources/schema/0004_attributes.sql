-- What a store wants to know of every customer, and what is known.

-- At most 50 a store. Names differ without case: decided under the counter's row, so that two may be exchanged.
CREATE TABLE attribute (
    store_id      BIGINT NOT NULL,
    attribute_id  BIGINT NOT NULL,
    name          TEXT COLLATE BINARY NOT NULL,
    name_key      TEXT COLLATE BINARY NOT NULL,
    -- 'string', 'number' or 'date'; never changes.
    kind          TEXT COLLATE BINARY NOT NULL,
    date_created  BIGINT NOT NULL,
    date_modified BIGINT NOT NULL,
    CONSTRAINT attribute_pk PRIMARY KEY (store_id, attribute_id)
);

-- One value for a customer and an attribute: a text that the attribute's kind admits.
CREATE TABLE attribute_value (
    store_id      BIGINT NOT NULL,
    value_id      BIGINT NOT NULL,
    customer_id   BIGINT NOT NULL,
    attribute_id  BIGINT NOT NULL,
    value         TEXT COLLATE BINARY NOT NULL,
    date_created  BIGINT NOT NULL,
    date_modified BIGINT NOT NULL,
    CONSTRAINT attribute_value_pk PRIMARY KEY (store_id, value_id),
    CONSTRAINT attribute_value_of UNIQUE (store_id, customer_id, attribute_id)
);
CREATE INDEX attribute_value_by_attribute ON attribute_value (store_id, attribute_id, value_id);
CREATE INDEX attribute_value_by_created ON attribute_value (store_id, date_created, value_id);
CREATE INDEX attribute_value_by_modified ON attribute_value (store_id, date_modified, value_id);

-- Stores that were made before: each has a counter for every kind of thing.
INSERT INTO counter (store_id, name, last, live) SELECT store_id, 'attribute', 0, 0 FROM store WHERE deleted_at = 0;
INSERT INTO counter (store_id, name, last, live) SELECT store_id, 'attribute_value', 0, 0 FROM store WHERE deleted_at = 0;
