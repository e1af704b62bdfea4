-- Attempts to sign in that have not succeeded, by whom they were for: also where there is no such customer.
CREATE TABLE sign_in_attempt (
    store_id     BIGINT NOT NULL,
    -- SHA-256 over the store and the e-mail address, folded; never the address.
    subject      TEXT COLLATE BINARY NOT NULL,
    failures     BIGINT NOT NULL,
    locked_until BIGINT NOT NULL,
    -- When every failure is forgiven, and the row may go.
    forgotten_at BIGINT NOT NULL,
    CONSTRAINT sign_in_attempt_pk PRIMARY KEY (store_id, subject)
);
CREATE INDEX sign_in_attempt_by_forgotten ON sign_in_attempt (store_id, forgotten_at, subject);

INSERT INTO counter (store_id, name, last, live)
    SELECT store_id, 'sign_in', 0, 0 FROM store WHERE deleted_at = 0;
