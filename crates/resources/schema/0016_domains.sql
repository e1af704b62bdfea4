-- Where shoppers find a store: a storefront's request says its domain, and no other name of the store.
CREATE TABLE store_domain (
    store_id   BIGINT NOT NULL,
    -- Lower case, without a port.
    domain     TEXT COLLATE BINARY NOT NULL,
    -- The channel that the storefront belongs to.
    channel_id BIGINT NOT NULL,
    added_at   BIGINT NOT NULL,
    CONSTRAINT store_domain_pk PRIMARY KEY (store_id, domain),
    CONSTRAINT store_domain_one UNIQUE (domain)
);
