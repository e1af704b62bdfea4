-- Who would meet another account of the same address on a channel, if the channel let everybody in: accounts that
-- are bound to it, while another has access everywhere. Kept by whoever writes addresses and channels of
-- customers, so that opening a channel need not look through all of them.

CREATE TABLE customer_meeting (
    store_id    BIGINT NOT NULL,
    channel_id  BIGINT NOT NULL,
    -- The account that is bound to the channel.
    customer_id BIGINT NOT NULL,
    CONSTRAINT customer_meeting_pk PRIMARY KEY (store_id, channel_id, customer_id)
);
CREATE INDEX customer_meeting_by_customer ON customer_meeting (store_id, customer_id);

INSERT INTO customer_meeting (store_id, channel_id, customer_id)
    SELECT DISTINCT c.store_id, h.channel_id, c.customer_id
    FROM customer c
    CROSS JOIN customer g
    CROSS JOIN channel h
    WHERE c.channel_ids IS NOT NULL AND g.channel_ids IS NULL
        AND g.store_id = c.store_id AND g.email_key = c.email_key
        AND h.store_id = c.store_id
        AND (' ' || c.channel_ids || ' ') LIKE '% ' || CAST(h.channel_id AS TEXT) || ' %';

-- Nothing else went through all who are bound to channels.
DROP INDEX customer_with_channels;
