-- Who watches what a store's webhooks are told, live.

-- Somebody who listens; whoever does renews the row while it runs, and nobody looks at one that is over.
CREATE TABLE listener (
    store_id    BIGINT NOT NULL,
    listener_id BIGINT NOT NULL,
    until       BIGINT NOT NULL,
    CONSTRAINT listener_pk PRIMARY KEY (store_id, listener_id)
);

-- What a listener has not taken yet: an event (hook 0, attempt 0), or an attempt to tell a webhook of one. Numbers only: what
-- they stand for is in `event` and `delivery_attempt`, and goes with these.
CREATE TABLE heard (
    store_id    BIGINT NOT NULL,
    listener_id BIGINT NOT NULL,
    event_id    BIGINT NOT NULL,
    hook_id     BIGINT NOT NULL,
    attempt     BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    CONSTRAINT heard_pk PRIMARY KEY (store_id, listener_id, event_id, hook_id, attempt)
);
CREATE INDEX heard_by_at ON heard (store_id, listener_id, at);
