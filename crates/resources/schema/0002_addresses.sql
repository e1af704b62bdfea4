-- Where customers live, and where they want their parcels.

CREATE TABLE customer_address (
    store_id          BIGINT NOT NULL,
    address_id        BIGINT NOT NULL,
    -- Never changes.
    customer_id       BIGINT NOT NULL,
    first_name        TEXT COLLATE BINARY NOT NULL,
    last_name         TEXT COLLATE BINARY NOT NULL,
    company           TEXT COLLATE BINARY NOT NULL,
    phone             TEXT COLLATE BINARY NOT NULL,
    -- 'residential' or 'commercial'.
    address_type      TEXT COLLATE BINARY NOT NULL,
    address1          TEXT COLLATE BINARY NOT NULL,
    address2          TEXT COLLATE BINARY NOT NULL,
    city              TEXT COLLATE BINARY NOT NULL,
    -- ISO 3166-1 alpha-2; the country's name follows from it.
    country_code      TEXT COLLATE BINARY NOT NULL,
    state_or_province TEXT COLLATE BINARY NOT NULL,
    postal_code       TEXT COLLATE BINARY NOT NULL,
    -- The same texts folded (NFC, lower case) in Rust, to be compared without case.
    name_key          TEXT COLLATE BINARY NOT NULL,
    company_key       TEXT COLLATE BINARY NOT NULL,
    -- SHA-256 of the eleven fields above: a customer has no address twice. The texts themselves may be longer
    -- than an index of PostgreSQL takes.
    identity          BYTEA NOT NULL,
    CONSTRAINT customer_address_pk PRIMARY KEY (store_id, address_id),
    CONSTRAINT customer_address_identity UNIQUE (store_id, customer_id, identity)
);
CREATE INDEX customer_address_by_customer ON customer_address (store_id, customer_id, address_id);
CREATE INDEX customer_address_by_name ON customer_address (store_id, name_key, address_id);
CREATE INDEX customer_address_by_company ON customer_address (store_id, company_key, address_id);

-- Stores that were there before get their counter now; new ones get it when they are made.
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'address', 0, 0 FROM store WHERE deleted_at = 0;
