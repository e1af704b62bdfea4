-- Declarations that wait for the ledger, in the order in which it takes them: many may be of one moment, as where a million
-- are brought along, and were all read to find the first few.
DROP INDEX consent_declaration_unsequenced;
CREATE INDEX consent_declaration_unsequenced ON consent_declaration (store_id, declared_at, customer_id, sequence)
    WHERE leaf IS NULL;
