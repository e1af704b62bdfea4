-- The ledger: what was declared, in an order that nobody can change afterwards without being found out.

-- What a declaration says beside its two lists. 0 and '' where nothing was said.
ALTER TABLE consent_declaration ADD COLUMN channel_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consent_declaration ADD COLUMN locale TEXT COLLATE BINARY NOT NULL DEFAULT '';
-- The SHA-256, in hexadecimal digits, of the policy that was shown.
ALTER TABLE consent_declaration ADD COLUMN policy_sha256 TEXT COLLATE BINARY NOT NULL DEFAULT '';
-- Its place in the store's ledger, from 0, and what opens the commitment there; NULL until it has one.
ALTER TABLE consent_declaration ADD COLUMN leaf BIGINT;
ALTER TABLE consent_declaration ADD COLUMN salt BYTEA;
-- Whether the customer is gone: the row goes as soon as the ledger has it.
ALTER TABLE consent_declaration ADD COLUMN detached BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE consent_declaration SET detached = TRUE WHERE NOT EXISTS
    (SELECT 1 FROM customer c WHERE c.store_id = consent_declaration.store_id
                                AND c.customer_id = consent_declaration.customer_id);
CREATE INDEX consent_declaration_unsequenced ON consent_declaration (store_id, declared_at) WHERE leaf IS NULL;

-- The head of each store's tree. Whoever appends holds its row; it is made with the store and removed with it.
CREATE TABLE ledger (
    store_id   BIGINT NOT NULL,
    store_hash TEXT COLLATE BINARY NOT NULL,
    -- How many leaves there are.
    size       BIGINT NOT NULL,
    -- The signed head of a tree of this size; empty while there is none.
    checkpoint TEXT COLLATE BINARY NOT NULL,
    signed_at  BIGINT NOT NULL,
    CONSTRAINT ledger_pk PRIMARY KEY (store_id)
);
INSERT INTO ledger (store_id, store_hash, size, checkpoint, signed_at)
    SELECT store_id, hash, 0, '', 0 FROM store WHERE deleted_at = 0;

-- Leaves, from 0: canonical JSON without a person in it. Never changed, never removed while the store is.
CREATE TABLE ledger_leaf (
    store_id BIGINT NOT NULL,
    leaf     BIGINT NOT NULL,
    json     TEXT COLLATE BINARY NOT NULL,
    CONSTRAINT ledger_leaf_pk PRIMARY KEY (store_id, leaf)
);

-- The tree's hashes, up to 256 of 32 bytes side by side: see crates/ledger/src/tree.rs.
CREATE TABLE ledger_tile (
    store_id BIGINT NOT NULL,
    level    BIGINT NOT NULL,
    number   BIGINT NOT NULL,
    hashes   BYTEA NOT NULL,
    CONSTRAINT ledger_tile_pk PRIMARY KEY (store_id, level, number)
);

-- What this installation signs heads with, the newest last; the older ones are kept so that what they signed can be
-- checked.
CREATE TABLE signing_key (
    key_id  BIGINT NOT NULL,
    -- NAME+ID+KEY, for everybody.
    public  TEXT COLLATE BINARY NOT NULL,
    -- The seed, sealed under the installation's key file.
    sealed  BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    CONSTRAINT signing_key_pk PRIMARY KEY (key_id)
);
