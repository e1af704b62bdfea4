-- What apps keep beside a customer, each app (an API account's client id) under keys of its own.
CREATE TABLE metafield (
    store_id       BIGINT NOT NULL,
    metafield_id   BIGINT NOT NULL,
    customer_id    BIGINT NOT NULL,
    -- The client id of the account that made it. Never changes.
    owner          TEXT COLLATE BINARY NOT NULL,
    namespace      TEXT COLLATE BINARY NOT NULL,
    key            TEXT COLLATE BINARY NOT NULL,
    -- 'app_only', 'read', 'write', 'read_and_sf_access' or 'write_and_sf_access'.
    permission_set TEXT COLLATE BINARY NOT NULL,
    date_created   BIGINT NOT NULL,
    date_modified  BIGINT NOT NULL,
    description    TEXT COLLATE BINARY NOT NULL,
    -- Last: whoever counts or looks for rows need not read past it.
    value          TEXT COLLATE BINARY NOT NULL,
    CONSTRAINT metafield_pk PRIMARY KEY (store_id, metafield_id),
    CONSTRAINT metafield_name UNIQUE (store_id, customer_id, owner, namespace, key)
);
CREATE INDEX metafield_by_customer ON metafield (store_id, customer_id, metafield_id);
CREATE INDEX metafield_by_key ON metafield (store_id, key, metafield_id);
CREATE INDEX metafield_by_namespace ON metafield (store_id, namespace, metafield_id);
CREATE INDEX metafield_by_created ON metafield (store_id, date_created, metafield_id);
CREATE INDEX metafield_by_modified ON metafield (store_id, date_modified, metafield_id);

-- Stores that were made before.
INSERT INTO counter (store_id, name, last, live) SELECT store_id, 'metafield', 0, 0 FROM store WHERE deleted_at = 0;
