-- The first rooms: operators' tables, customers, their consent, and what every change leaves behind.
--
-- One text for both engines. Instants are microseconds since 1970, money is 1/10000 of a currency unit.
-- COLLATE BINARY is SQLite's word for comparing bytes; the runner says COLLATE "C" to PostgreSQL.

-- One row: what all servers of this installation must agree on.
CREATE TABLE installation (
    installation_id BIGINT NOT NULL,
    -- Counts changes to stores and accounts; servers compare it to know when to read them again.
    access_revision BIGINT NOT NULL,
    -- A digest that tells whether a key file is this installation's; empty until the first secret is sealed.
    key_check       TEXT COLLATE BINARY NOT NULL,
    CONSTRAINT installation_pk PRIMARY KEY (installation_id)
);
INSERT INTO installation (installation_id, access_revision, key_check) VALUES (1, 1, '');

-- Tenants. Written by operators only.
CREATE TABLE store (
    store_id   BIGINT NOT NULL,
    hash       TEXT COLLATE BINARY NOT NULL,
    plan       TEXT COLLATE BINARY NOT NULL,
    -- Names of the quirks that are on, separated by spaces.
    quirks     TEXT COLLATE BINARY NOT NULL,
    created_at BIGINT NOT NULL,
    -- 0 while the store lives; from then on its rows are being removed and nobody is let in.
    deleted_at BIGINT NOT NULL,
    CONSTRAINT store_pk PRIMARY KEY (store_id),
    CONSTRAINT store_hash UNIQUE (hash)
);

-- API accounts. The access token is kept only as its SHA-256, the client secret only sealed.
CREATE TABLE account (
    account_id    BIGINT NOT NULL,
    store_id      BIGINT NOT NULL,
    client_id     TEXT COLLATE BINARY NOT NULL,
    client_secret BYTEA NOT NULL,
    token_sha256  BYTEA NOT NULL,
    scopes        TEXT COLLATE BINARY NOT NULL,
    created_at    BIGINT NOT NULL,
    -- 0 while the account may call.
    revoked_at    BIGINT NOT NULL,
    CONSTRAINT account_pk PRIMARY KEY (account_id),
    CONSTRAINT account_client UNIQUE (client_id),
    CONSTRAINT account_token UNIQUE (token_sha256)
);
CREATE INDEX account_by_store ON account (store_id, account_id);

-- Per store and kind of thing: the last number given out, and how many there are now.
-- Whoever holds the row of 'customer' also holds the store's e-mail addresses: see customers::ops.
CREATE TABLE counter (
    store_id BIGINT NOT NULL,
    name     TEXT COLLATE BINARY NOT NULL,
    last     BIGINT NOT NULL,
    live     BIGINT NOT NULL,
    CONSTRAINT counter_pk PRIMARY KEY (store_id, name)
);

CREATE TABLE customer (
    store_id                BIGINT NOT NULL,
    customer_id             BIGINT NOT NULL,
    email                   TEXT COLLATE BINARY NOT NULL,
    first_name              TEXT COLLATE BINARY NOT NULL,
    last_name               TEXT COLLATE BINARY NOT NULL,
    company                 TEXT COLLATE BINARY NOT NULL,
    phone                   TEXT COLLATE BINARY NOT NULL,
    notes                   TEXT COLLATE BINARY NOT NULL,
    tax_exempt_category     TEXT COLLATE BINARY NOT NULL,
    customer_group_id       BIGINT NOT NULL,
    registration_ip_address TEXT COLLATE BINARY NOT NULL,
    accepts_review_emails   BOOLEAN NOT NULL,
    store_credit            BIGINT NOT NULL,
    origin_channel_id       BIGINT NOT NULL,
    -- Ascending channel ids separated by spaces; NULL where every channel with global logins admits them.
    channel_ids             TEXT COLLATE BINARY,
    -- PHC string; empty while no password is set.
    password_hash           TEXT COLLATE BINARY NOT NULL,
    force_password_reset    BOOLEAN NOT NULL,
    -- The same texts folded (NFC, lower case) in Rust, to be compared without case.
    email_key               TEXT COLLATE BINARY NOT NULL,
    name_key                TEXT COLLATE BINARY NOT NULL,
    first_name_key          TEXT COLLATE BINARY NOT NULL,
    last_name_key           TEXT COLLATE BINARY NOT NULL,
    company_key             TEXT COLLATE BINARY NOT NULL,
    date_created            BIGINT NOT NULL,
    date_modified           BIGINT NOT NULL,
    -- How many consent declarations this customer has made; the last one's number.
    declarations            BIGINT NOT NULL,
    -- When the last was made; 0 while there is none. Times never run against the numbers.
    declared_at             BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT customer_pk PRIMARY KEY (store_id, customer_id)
);
CREATE INDEX customer_by_email ON customer (store_id, email_key, customer_id);
CREATE INDEX customer_by_name ON customer (store_id, name_key, customer_id);
CREATE INDEX customer_by_last_name ON customer (store_id, last_name_key, customer_id);
CREATE INDEX customer_by_created ON customer (store_id, date_created, customer_id);
CREATE INDEX customer_by_modified ON customer (store_id, date_modified, customer_id);

-- What customers declared, never changed. No foreign key: a declaration outlives its customer.
CREATE TABLE consent_declaration (
    store_id    BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    allow       TEXT COLLATE BINARY NOT NULL,
    deny        TEXT COLLATE BINARY NOT NULL,
    declared_at BIGINT NOT NULL,
    -- Through which door it came: 'management_api'.
    source      TEXT COLLATE BINARY NOT NULL,
    declared_by BIGINT NOT NULL,
    CONSTRAINT consent_declaration_pk PRIMARY KEY (store_id, customer_id, sequence)
);

-- Events, written in the transaction of the change they tell of.
CREATE TABLE outbox (
    store_id   BIGINT NOT NULL,
    event_id   BIGINT NOT NULL,
    scope      TEXT COLLATE BINARY NOT NULL,
    subject    BIGINT NOT NULL,
    -- The body's `data` member, as JSON.
    data       TEXT COLLATE BINARY NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT outbox_pk PRIMARY KEY (store_id, event_id)
);

-- Who changed what: names of fields, never their values.
CREATE TABLE audit (
    store_id   BIGINT NOT NULL,
    audit_id   BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    request_id TEXT COLLATE BINARY NOT NULL,
    action     TEXT COLLATE BINARY NOT NULL,
    subject    BIGINT NOT NULL,
    -- Names of the fields that changed, separated by spaces.
    fields     TEXT COLLATE BINARY NOT NULL,
    at         BIGINT NOT NULL,
    CONSTRAINT audit_pk PRIMARY KEY (store_id, audit_id)
);
