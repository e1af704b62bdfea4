-- What customers wish for. Wishlists go with their customer (ruling 25).

CREATE TABLE wishlist (
    store_id    BIGINT NOT NULL,
    wishlist_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    name        TEXT COLLATE BINARY NOT NULL,
    is_public   BOOLEAN NOT NULL,
    -- A UUID by which it is shared; random, and never changed.
    token       TEXT COLLATE BINARY NOT NULL,
    CONSTRAINT wishlist_pk PRIMARY KEY (store_id, wishlist_id)
);
CREATE INDEX wishlist_by_customer ON wishlist (store_id, customer_id, wishlist_id);

-- Changed only while its wishlist's row is held.
CREATE TABLE wishlist_item (
    store_id    BIGINT NOT NULL,
    wishlist_id BIGINT NOT NULL,
    item_id     BIGINT NOT NULL,
    product_id  BIGINT NOT NULL,
    -- NULL where no variant was named.
    variant_id  BIGINT,
    CONSTRAINT wishlist_item_pk PRIMARY KEY (store_id, wishlist_id, item_id)
);

-- The stores that there are already; a new one is given its counters when it is made.
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'wishlist', 0, 0 FROM store WHERE deleted_at = 0;
INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'wishlist_item', 0, 0 FROM store WHERE deleted_at = 0;
