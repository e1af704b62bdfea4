-- Webhooks: which events an API account wants to be told of, and where. Each belongs to the account that made it.

CREATE TABLE hook (
    store_id               BIGINT NOT NULL,
    hook_id                BIGINT NOT NULL,
    account_id             BIGINT NOT NULL,
    -- One event's scope, or a beginning of some with /* at its end.
    scope                  TEXT COLLATE BINARY NOT NULL,
    -- The address, as it was written, and its host in lower case.
    destination            TEXT COLLATE BINARY NOT NULL,
    domain                 TEXT COLLATE BINARY NOT NULL,
    -- What else is sent along, as lines of HTTP: "name: value", each with a line feed at its end. NULL where nothing
    -- was said of it. A value may be a secret.
    headers                TEXT COLLATE BINARY,
    is_active              BOOLEAN NOT NULL,
    -- Whether it was this server that made it inactive, and not its account.
    is_deactivated         BOOLEAN NOT NULL DEFAULT FALSE,
    events_history_enabled BOOLEAN NOT NULL,
    created_at             BIGINT NOT NULL,
    updated_at             BIGINT NOT NULL,
    -- When something last arrived; before that, when it was made or made active again.
    delivered_at           BIGINT NOT NULL,
    -- Since when nothing but failures came of what was sent there; 0 while something arrives.
    failing_since          BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT hook_pk PRIMARY KEY (store_id, hook_id)
);
CREATE INDEX hook_by_account ON hook (store_id, account_id, hook_id);

-- Who is told when something is the matter with an account's webhooks.
CREATE TABLE hook_notification (
    store_id   BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    -- E-mail addresses, each with a line feed at its end.
    emails     TEXT COLLATE BINARY NOT NULL,
    CONSTRAINT hook_notification_pk PRIMARY KEY (store_id, account_id)
);

-- The stores that there are already; a new one is given its counters when it is made.
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'hook', 0, 0 FROM store WHERE deleted_at = 0;
