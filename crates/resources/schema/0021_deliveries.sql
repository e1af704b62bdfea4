-- Deliveries: what is taken from the outbox to those who subscribed to it. These tables hold what waits, and what came of
-- what was tried; the protocol is told at the top of crates/delivery/src/worker.rs.

-- Nobody can have asked for what happened before there were webhooks.
DELETE FROM outbox;

-- Whose turn it is: who takes a store's events out of the outbox, or sweeps, holds its row. Made with the store and
-- removed with it.
CREATE TABLE delivery_turn (
    store_id   BIGINT NOT NULL,
    store_hash TEXT COLLATE BINARY NOT NULL,
    -- When what is old was last looked for.
    swept_at   BIGINT NOT NULL,
    CONSTRAINT delivery_turn_pk PRIMARY KEY (store_id)
);
INSERT INTO delivery_turn (store_id, store_hash, swept_at)
    SELECT store_id, hash, 0 FROM store WHERE deleted_at = 0;

-- An event that somebody subscribed to, with the body that every delivery of it has.
CREATE TABLE event (
    store_id   BIGINT NOT NULL,
    event_id   BIGINT NOT NULL,
    -- 40 hexadecimal digits: the event's name on the wire.
    hash       TEXT COLLATE BINARY NOT NULL,
    scope      TEXT COLLATE BINARY NOT NULL,
    subject    BIGINT NOT NULL,
    body       TEXT COLLATE BINARY NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT event_pk PRIMARY KEY (store_id, event_id)
);
CREATE INDEX event_by_created ON event (store_id, created_at);
-- Who asks for one again has its name.
CREATE INDEX event_by_hash ON event (store_id, hash);
-- Erasing a customer takes these back, as `outbox_of_metafields` does.
CREATE INDEX event_of_metafields ON event (store_id, subject)
    WHERE scope IN ('store/metafield/created', 'store/metafield/updated', 'store/metafield/deleted');

-- An event that one webhook is still to be told of. The row goes when the event has arrived, or becomes a dead letter.
CREATE TABLE delivery (
    store_id BIGINT NOT NULL,
    hook_id  BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    -- The customer (or other root) whose events keep their order.
    subject  BIGINT NOT NULL,
    -- When it may be tried: when the event happened, or after an attempt that failed the next one's time.
    due_at   BIGINT NOT NULL,
    -- How many attempts of those that the ladder has rungs for; a replay begins anew.
    failures BIGINT NOT NULL,
    -- The last attempt's number, which goes on after a replay; 0 before the first.
    attempts BIGINT NOT NULL,
    CONSTRAINT delivery_pk PRIMARY KEY (store_id, hook_id, event_id)
);
CREATE INDEX delivery_by_lane ON delivery (store_id, hook_id, subject, due_at, event_id);
-- Of those alone that failed: no other one pays for it.
CREATE INDEX delivery_failing ON delivery (store_id, hook_id, event_id) WHERE failures > 0;

-- The deliveries of one subject to one webhook: whoever sends one of them has leased the lane, and so nobody sends
-- another meanwhile.
CREATE TABLE delivery_lane (
    store_id BIGINT NOT NULL,
    hook_id  BIGINT NOT NULL,
    subject  BIGINT NOT NULL,
    -- When it may be leased: when its first delivery is due, or when the lease runs out.
    due_at   BIGINT NOT NULL,
    -- A number that the lease has; 0 while there is none.
    lease    BIGINT NOT NULL,
    CONSTRAINT delivery_lane_pk PRIMARY KEY (store_id, hook_id, subject)
);
CREATE INDEX delivery_lane_by_due ON delivery_lane (store_id, hook_id, due_at);

-- What came of each attempt. Like all that is a webhook's it is read a webhook at a time.
CREATE TABLE delivery_attempt (
    store_id BIGINT NOT NULL,
    hook_id  BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    -- From 1.
    attempt  BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    -- How long it took, in microseconds.
    took     BIGINT NOT NULL,
    -- Of the answer; 0 where there was none.
    status   BIGINT NOT NULL,
    -- Why there was none; empty where there was one.
    fault    TEXT COLLATE BINARY NOT NULL,
    -- How the answer began.
    answer   TEXT COLLATE BINARY NOT NULL,
    CONSTRAINT delivery_attempt_pk PRIMARY KEY (store_id, hook_id, event_id, attempt)
);

-- An event that was given up, or that waited when its webhook became inactive. It stays until it is asked for again, or
-- for as long as the history is kept.
CREATE TABLE dead_letter (
    store_id BIGINT NOT NULL,
    hook_id  BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    subject  BIGINT NOT NULL,
    -- As in `delivery`.
    failures BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    died_at  BIGINT NOT NULL,
    CONSTRAINT dead_letter_pk PRIMARY KEY (store_id, hook_id, event_id)
);
CREATE INDEX dead_letter_by_died ON dead_letter (store_id, died_at);

-- How many attempts a webhook had in an hour. What a worker that is killed had in its last second is not in it.
CREATE TABLE delivery_hour (
    store_id BIGINT NOT NULL,
    hook_id  BIGINT NOT NULL,
    begun_at BIGINT NOT NULL,
    arrived  BIGINT NOT NULL,
    failed   BIGINT NOT NULL,
    CONSTRAINT delivery_hour_pk PRIMARY KEY (store_id, hook_id, begun_at)
);

-- How a destination's domain stands.
CREATE TABLE delivery_domain (
    store_id      BIGINT NOT NULL,
    domain        TEXT COLLATE BINARY NOT NULL,
    -- Nothing is sent there before.
    blocked_until BIGINT NOT NULL,
    -- When somebody was last told that it fails.
    told_at       BIGINT NOT NULL,
    CONSTRAINT delivery_domain_pk PRIMARY KEY (store_id, domain)
);

-- How many attempts there were at a domain, a few seconds a row, as long as they count.
CREATE TABLE delivery_tally (
    store_id BIGINT NOT NULL,
    domain   TEXT COLLATE BINARY NOT NULL,
    begun_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    CONSTRAINT delivery_tally_pk PRIMARY KEY (store_id, domain, begun_at)
);
