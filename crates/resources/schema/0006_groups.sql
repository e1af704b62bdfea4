-- Customer groups.
CREATE TABLE customer_group (
    store_id            BIGINT NOT NULL,
    customer_group_id   BIGINT NOT NULL,
    name                TEXT COLLATE BINARY NOT NULL,
    -- The name folded (NFC, lower case) in Rust, to be searched without case.
    name_key            TEXT COLLATE BINARY NOT NULL,
    is_default          BOOLEAN NOT NULL,
    is_group_for_guests BOOLEAN NOT NULL,
    -- 'all', 'none', or 'specific' and the ids of categories, separated by spaces.
    category_access     TEXT COLLATE BINARY NOT NULL,
    -- A rule a line: 'price_list 3', 'all percent 50000', 'category 30 fixed 120000' (amounts in 1/10000).
    discount_rules      TEXT COLLATE BINARY NOT NULL,
    date_created        BIGINT NOT NULL,
    date_modified       BIGINT NOT NULL,
    CONSTRAINT customer_group_pk PRIMARY KEY (store_id, customer_group_id)
);
CREATE INDEX customer_group_by_name ON customer_group (store_id, name, customer_group_id);
CREATE INDEX customer_group_by_created ON customer_group (store_id, date_created, customer_group_id);
CREATE INDEX customer_group_by_modified ON customer_group (store_id, date_modified, customer_group_id);
-- At most one of each in a store; whoever holds the counter sees to it, and these would catch who does not.
CREATE UNIQUE INDEX customer_group_default ON customer_group (store_id) WHERE is_default;
CREATE UNIQUE INDEX customer_group_guests ON customer_group (store_id) WHERE is_group_for_guests;

-- A group's members. Most customers of most stores are in none.
CREATE INDEX customer_by_group ON customer (store_id, customer_group_id, customer_id) WHERE customer_group_id <> 0;

INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'customer_group', 0, 0 FROM store WHERE deleted_at = 0;
