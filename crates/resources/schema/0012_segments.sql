-- Segments, shopper profiles, and which profile is in which segment.
--
-- The wire names both by random UUIDs. Rows refer to each other by numbers of their own, which are shorter and
-- follow the order in which things were made. Whoever changes any of these tables, but for making a profile,
-- holds the counter 'segment'.

CREATE TABLE segment (
    store_id       BIGINT NOT NULL,
    segment_number BIGINT NOT NULL,
    segment_id     TEXT COLLATE BINARY NOT NULL,
    name           TEXT COLLATE BINARY NOT NULL,
    description    TEXT COLLATE BINARY NOT NULL,
    -- How many profiles are in it.
    members        BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    CONSTRAINT segment_pk PRIMARY KEY (store_id, segment_number),
    CONSTRAINT segment_by_id UNIQUE (store_id, segment_id)
);
-- Not unique: segments of one request may exchange their names.
CREATE INDEX segment_by_name ON segment (store_id, name);

-- One a customer at most. Profiles go with their customer (ruling 25).
CREATE TABLE shopper_profile (
    store_id       BIGINT NOT NULL,
    profile_number BIGINT NOT NULL,
    profile_id     TEXT COLLATE BINARY NOT NULL,
    customer_id    BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    CONSTRAINT shopper_profile_pk PRIMARY KEY (store_id, profile_number),
    CONSTRAINT shopper_profile_by_id UNIQUE (store_id, profile_id),
    CONSTRAINT shopper_profile_by_customer UNIQUE (store_id, customer_id)
);

CREATE TABLE membership (
    store_id       BIGINT NOT NULL,
    segment_number BIGINT NOT NULL,
    profile_number BIGINT NOT NULL,
    CONSTRAINT membership_pk PRIMARY KEY (store_id, segment_number, profile_number)
);
CREATE INDEX membership_by_profile ON membership (store_id, profile_number, segment_number);

-- The stores that there are already; a new one is given its counters when it is made.
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'segment', 0, 0 FROM store WHERE deleted_at = 0;
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'profile', 0, 0 FROM store WHERE deleted_at = 0;
