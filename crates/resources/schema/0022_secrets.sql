-- Client secrets that were replaced: for a while what either signs is valid.

-- The secret before the last rotation, sealed as the other one is; NULL where there is none, and again when its time is over.
ALTER TABLE account ADD COLUMN former_secret BYTEA;
-- From when on it is not taken any more; 0 where there is none.
ALTER TABLE account ADD COLUMN former_until BIGINT NOT NULL DEFAULT 0;
