-- Stored payment instruments, as a payment provider told of them: never a whole number of a card or account.
CREATE TABLE stored_instrument (
    store_id       BIGINT NOT NULL,
    customer_id    BIGINT NOT NULL,
    token          TEXT COLLATE BINARY NOT NULL,
    -- 'stored_card', 'stored_paypal_account' or 'stored_bank_account'.
    type           TEXT COLLATE BINARY NOT NULL,
    is_default     BOOLEAN NOT NULL,
    -- The other members of its type, as a JSON object in the published order.
    details        TEXT COLLATE BINARY NOT NULL,
    date_created   BIGINT NOT NULL,
    CONSTRAINT stored_instrument_pk PRIMARY KEY (store_id, customer_id, token)
);
