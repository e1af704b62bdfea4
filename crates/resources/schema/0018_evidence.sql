-- What else a declaration says of how it came about, and what else tells of it.

-- What names the session in which a shopper declared it; empty where somebody else did.
ALTER TABLE consent_declaration ADD COLUMN session TEXT COLLATE BINARY NOT NULL DEFAULT '';
-- Whether the browser said that its user does not want to be followed (Sec-GPC: 1).
ALTER TABLE consent_declaration ADD COLUMN gpc BOOLEAN NOT NULL DEFAULT FALSE;
-- The event and the audit line of it, which name the customer: when the customer goes, so does that. 0 before this script.
ALTER TABLE consent_declaration ADD COLUMN event_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consent_declaration ADD COLUMN audit_id BIGINT NOT NULL DEFAULT 0;

-- Signing in can be at the moment of a declaration, so that line must not name a customer who has gone either.
CREATE INDEX audit_of_sign_in ON audit (store_id, subject) WHERE action = 'customer.signed_in';
