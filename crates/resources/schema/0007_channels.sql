-- Channels, as far as customers need them, and the settings of customers per store and channel.
CREATE TABLE channel (
    store_id      BIGINT NOT NULL,
    channel_id    BIGINT NOT NULL,
    name          TEXT COLLATE BINARY NOT NULL,
    -- 'storefront', 'pos', 'marketplace' or 'marketing'.
    type          TEXT COLLATE BINARY NOT NULL,
    date_created  BIGINT NOT NULL,
    CONSTRAINT channel_pk PRIMARY KEY (store_id, channel_id)
);

-- A row is there once something was set. NULL is the default on channel 0 (the store), and inherits elsewhere.
CREATE TABLE customer_settings (
    store_id            BIGINT NOT NULL,
    channel_id          BIGINT NOT NULL,
    ask_for_consent     BOOLEAN,
    policy_url          TEXT COLLATE BINARY,
    ask_at_checkout     BOOLEAN,
    guest_group_id      BIGINT,
    default_group_id    BIGINT,
    allow_global_logins BOOLEAN,
    CONSTRAINT customer_settings_pk PRIMARY KEY (store_id, channel_id)
);

-- Accounts of some channels only: looked through when a channel begins to let everybody in.
CREATE INDEX customer_with_channels ON customer (store_id, customer_id) WHERE channel_ids IS NOT NULL;

INSERT INTO channel (store_id, channel_id, name, type, date_created)
    SELECT store_id, 1, 'Channel 1', 'storefront', created_at FROM store WHERE deleted_at = 0;
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'channel', 1, 1 FROM store WHERE deleted_at = 0;
