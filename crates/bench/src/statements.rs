//! The statements that custodia runs for what is measured, to the letter: both controls run them too. A number after `?`
//! is a place in the list of values; `PostgreSQL` writes it with `$`.

/// What is in force for a customer.
pub(crate) const CONSENT: &str = "SELECT c.date_created, d.allow, d.deny, d.declared_at
    FROM customer c LEFT JOIN consent_declaration d
        ON d.store_id = c.store_id AND d.customer_id = c.customer_id AND d.sequence = c.declarations
    WHERE c.store_id = ?1 AND c.customer_id = ?2";

/// A customer, and whether there are values of form fields beside it.
pub(crate) const CUSTOMER: &str = "SELECT customer_id, email, first_name, last_name, company, phone, notes,
        tax_exempt_category, customer_group_id, registration_ip_address, accepts_review_emails, store_credit,
        origin_channel_id, channel_ids, force_password_reset, date_created, date_modified,
        EXISTS (SELECT 1 FROM form_value v WHERE v.store_id = ?1 AND v.customer_id = ?2
                    AND v.address_id = 0) AS has_values
    FROM customer WHERE store_id = ?1 AND customer_id = ?2";

/// The number of a customer's next declaration, and its moment.
pub(crate) const NEXT_DECLARATION: &str = "UPDATE customer SET declarations = declarations + 1,
        declared_at = CASE WHEN declared_at > ?3 THEN declared_at ELSE ?3 END
    WHERE store_id = ?1 AND customer_id = ?2
    RETURNING declarations, declared_at";

pub(crate) const DECLARATION: &str = "INSERT INTO consent_declaration
        (store_id, customer_id, sequence, allow, deny, declared_at, source, declared_by, channel_id, locale,
         policy_sha256, session, gpc, event_id, audit_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

pub(crate) const EVENT: &str =
    "INSERT INTO outbox (store_id, event_id, scope, subject, data, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

pub(crate) const AUDIT: &str =
    "INSERT INTO audit (store_id, audit_id, account_id, request_id, action, subject, fields, at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// Takes numbers for new customers; the last of them.
pub(crate) const NUMBERS: &str =
    "UPDATE counter SET last = last + ?3, live = live + ?3 WHERE store_id = ?1 AND name = ?2
    RETURNING last";

pub(crate) const NEW_CUSTOMER: &str = "INSERT INTO customer
        (store_id, customer_id, email, first_name, last_name, company, phone, notes, tax_exempt_category,
         customer_group_id, registration_ip_address, accepts_review_emails, store_credit, channel_ids,
         force_password_reset, date_modified, email_key, name_key, first_name_key, last_name_key,
         company_key, origin_channel_id, date_created, password_hash, declarations)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
            ?22, ?23, ?24, 0)";

/// The event of a declaration.
pub(crate) const CONSENT_UPDATED: &str = "custodia/customer/consent/updated";

/// What an event tells of a customer.
pub(crate) fn event_data(customer: i64) -> String {
    format!(r#"{{"type":"customer","id":{customer}}}"#)
}
