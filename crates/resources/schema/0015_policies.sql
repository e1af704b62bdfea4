-- What shoppers are shown when they are asked for consent. A policy is never changed and never removed while the store is.
CREATE TABLE consent_policy (
    store_id      BIGINT NOT NULL,
    -- In the order of registration, from 1.
    number        BIGINT NOT NULL,
    version       TEXT COLLATE BINARY NOT NULL,
    -- Of the text, in hexadecimal digits: what declarations name it by.
    sha256        TEXT COLLATE BINARY NOT NULL,
    text          TEXT COLLATE BINARY NOT NULL,
    controller    TEXT COLLATE BINARY NOT NULL,
    contact       TEXT COLLATE BINARY NOT NULL,
    withdrawal    TEXT COLLATE BINARY NOT NULL,
    effective_at  BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    CONSTRAINT consent_policy_pk PRIMARY KEY (store_id, number)
);
CREATE UNIQUE INDEX consent_policy_version ON consent_policy (store_id, version);
CREATE UNIQUE INDEX consent_policy_sha256 ON consent_policy (store_id, sha256);
