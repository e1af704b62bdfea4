-- Shoppers who are signed in at a storefront.

-- The session's key is in the shopper's browser, and here only its SHA-256.
CREATE TABLE shopper_session (
    store_id    BIGINT NOT NULL,
    digest      TEXT COLLATE BINARY NOT NULL,
    customer_id BIGINT NOT NULL,
    channel_id  BIGINT NOT NULL,
    -- The API account whose token signed the shopper in.
    begun_by    BIGINT NOT NULL,
    begun_at    BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    CONSTRAINT shopper_session_pk PRIMARY KEY (store_id, digest)
);
CREATE INDEX shopper_session_by_customer ON shopper_session (store_id, customer_id);
CREATE INDEX shopper_session_by_expiry ON shopper_session (store_id, expires_at, digest);

-- Login tokens that have been used, for as long as they would otherwise hold.
CREATE TABLE login_token (
    store_id     BIGINT NOT NULL,
    account_id   BIGINT NOT NULL,
    -- SHA-256 of the token's name (`jti`).
    digest       TEXT COLLATE BINARY NOT NULL,
    forgotten_at BIGINT NOT NULL,
    CONSTRAINT login_token_pk PRIMARY KEY (store_id, account_id, digest)
);
CREATE INDEX login_token_by_forgotten ON login_token (store_id, forgotten_at, account_id, digest);
