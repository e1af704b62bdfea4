//! Fills a database with customers in bulk, far faster than any door of the server would.

use std::{fs::File, path::Path};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::data::{Customer, STORE};

pub(crate) const CUSTOMER_COLUMNS: &str = "store_id, customer_id, email, first_name, last_name, company, phone, notes, \
     tax_exempt_category, customer_group_id, registration_ip_address, accepts_review_emails, store_credit, \
     origin_channel_id, channel_ids, password_hash, force_password_reset, email_key, name_key, first_name_key, \
     last_name_key, company_key, date_created, date_modified, declarations";

pub(crate) const DECLARATION_COLUMNS: &str =
    "store_id, customer_id, sequence, allow, deny, declared_at, source, declared_by";

pub(crate) const STORE_ID_POSTGRES: &str = "SELECT store_id FROM store WHERE hash = $1";

/// The texts that are compared without case.
pub(crate) struct Keys {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) company: String,
}

impl Keys {
    pub(crate) fn of(customer: &Customer) -> Self {
        Self {
            email: kernel::fold(&customer.email),
            name: kernel::fold(&format!("{} {}", customer.first_name, customer.last_name)),
            first_name: kernel::fold(customer.first_name),
            last_name: kernel::fold(customer.last_name),
            company: kernel::fold(customer.company),
        }
    }
}

/// Fill an `SQLite` database that already has its schema and the store with customers who have declared once.
pub(crate) fn sqlite(database: &Path, customers: i64) -> Result<(), String> {
    fill(database, customers, true).map_err(|e| format!("{}: {e}", database.display()))
}

/// The same, with customers who have declared nothing.
pub(crate) fn customers(database: &Path, customers: i64) -> Result<(), String> {
    fill(database, customers, false).map_err(|e| format!("{}: {e}", database.display()))
}

/// Three addresses for each customer; `{number}` is the engine's way to make one byte of a number.
pub(crate) fn address_statements(number: &str, customers: i64) -> [String; 2] {
    let insert = format!(
        "INSERT INTO customer_address (store_id, address_id, customer_id, first_name, last_name, company, phone, \
         address_type, address1, address2, city, country_code, state_or_province, postal_code, name_key, company_key, \
         identity) \
         SELECT store_id, (customer_id - 1) * 3 + n, customer_id, first_name, last_name, company, phone, 'residential', \
         'Main Street', '', 'Austin', 'US', 'Texas', '78701', name_key, company_key, {number} \
         FROM customer, (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3) AS numbers"
    );
    let addresses = customers * 3;
    let counter =
        format!("UPDATE counter SET last = {addresses}, live = {addresses} WHERE name = 'address'");
    [insert, counter]
}

/// Two metafields and two form field values for each customer.
pub(crate) fn field_statements(customers: i64) -> [String; 6] {
    let both = customers * 2;
    let numbers = "(SELECT 1 AS n UNION ALL SELECT 2) AS numbers";
    [
        format!(
            "INSERT INTO metafield (store_id, metafield_id, customer_id, owner, namespace, key, permission_set, \
             date_created, date_modified, description, value) \
             SELECT store_id, (customer_id - 1) * 2 + n, customer_id, 'somebody', 'loyalty', 'key' || n, 'read', \
             date_created, date_modified, '', 'gold' FROM customer, {numbers}"
        ),
        format!(
            "INSERT INTO form_field (store_id, field_id, object, name, kind, required, choices, answers, removed_at) \
             SELECT store_id, n, 'customer', 'Question ' || n, 'text', FALSE, '', {customers}, 0 \
             FROM store, {numbers} WHERE hash = '{STORE}'"
        ),
        format!(
            "INSERT INTO form_value (store_id, session_id, field_id, customer_id, address_id, value) \
             SELECT store_id, customer_id, n, customer_id, 0, 'an answer' FROM customer, {numbers}"
        ),
        format!("UPDATE counter SET last = {both}, live = {both} WHERE name = 'metafield'"),
        "UPDATE counter SET last = 2, live = 2 WHERE name = 'form_field'".to_owned(),
        format!("UPDATE counter SET last = {customers} WHERE name = 'form_session'"),
    ]
}

/// Give each customer of an `SQLite` database three addresses, two metafields and two form field values.
pub(crate) fn belongings(database: &Path, customers: i64) -> rusqlite::Result<()> {
    let connection = Connection::open(database)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144")?;
    let addresses = address_statements("CAST(n AS BLOB)", customers);
    for statement in addresses.iter().chain(&field_statements(customers)) {
        connection.execute(statement, [])?;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).optional()?;
    Ok(())
}

fn fill(database: &Path, customers: i64, declared: bool) -> rusqlite::Result<()> {
    let mut connection = Connection::open(database)?;
    let journal = |connection: &Connection, mode: &str| {
        connection.query_row(&format!("PRAGMA journal_mode = {mode}"), [], |_| Ok(()))
    };
    // Nobody else is there yet, and whatever goes wrong ends all of it: every page is written once.
    journal(&connection, "OFF")?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144")?;
    let store_id: i64 =
        connection
            .query_row("SELECT store_id FROM store WHERE hash = ?1", [STORE], |row| row.get(0))?;
    let transaction = connection.transaction()?;
    let indexes = indexes(&transaction)?;
    for (name, _) in &indexes {
        transaction.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    rows(&transaction, store_id, customers, declared)?;
    for (_, statement) in &indexes {
        transaction.execute_batch(statement)?;
    }
    let counter =
        "UPDATE counter SET last = ?2, live = ?2 WHERE store_id = ?1 AND name = 'customer'";
    transaction.execute(counter, (store_id, customers))?;
    transaction.commit()?;
    journal(&connection, "WAL")?;
    // So that no contender is measured while the system still writes.
    let _ = File::open(database).and_then(|file| file.sync_all());
    Ok(())
}

/// The customers' indexes: made after the rows they are a fraction of the work.
fn indexes(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'customer' AND sql IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn rows(
    connection: &Connection,
    store_id: i64,
    customers: i64,
    declared: bool,
) -> rusqlite::Result<()> {
    let mut customer = connection.prepare(&format!(
        "INSERT INTO customer ({CUSTOMER_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '', ?9, '', 0, 0, 1, NULL, '', 0, \
         ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    ))?;
    let mut declaration = connection.prepare(&format!(
        "INSERT INTO consent_declaration ({DECLARATION_COLUMNS}) VALUES (?1, ?2, 1, ?3, ?4, ?5, 'management_api', 1)"
    ))?;
    for it in (1..=customers).map(Customer::new) {
        let keys = Keys::of(&it);
        customer.execute(params![
            store_id,
            it.id,
            it.email,
            it.first_name,
            it.last_name,
            it.company,
            it.phone,
            it.notes,
            it.group_id,
            keys.email,
            keys.name,
            keys.first_name,
            keys.last_name,
            keys.company,
            it.created.0,
            it.modified.0,
            declared,
        ])?;
        if declared {
            declaration.execute(params![store_id, it.id, it.allow, it.deny, it.created.0])?;
        }
    }
    Ok(())
}

/// How many rows a table has.
pub(crate) fn count(database: &Path, table: &str) -> Result<i64, String> {
    let statement = format!("SELECT COUNT(*) FROM {table}");
    let count = || Connection::open(database)?.query_row(&statement, [], |row| row.get(0));
    count().map_err(|e| e.to_string())
}
