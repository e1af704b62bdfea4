use std::collections::BTreeSet;

use kernel::{ChannelId, CustomerId, GroupId, StoreId, Timestamp, fold};
use sql::{FromRow, Mark, Query, ReadTx, Reads, Result, Row, Value, WriteTx, Writes};

use super::model::{Access, Customer};

/// The customer of this id.
pub async fn find(tx: &mut ReadTx, store: StoreId, id: CustomerId) -> Result<Option<Customer>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND customer_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await
}

/// The same, and whether there are values of form fields to be read beside it.
pub async fn find_and_look(
    tx: &mut ReadTx,
    store: StoreId,
    id: CustomerId,
) -> Result<Option<(Customer, bool)>> {
    // Asked more than any other, so it stands here whole.
    let found: Option<Looked> = tx
        .query(
            "SELECT customer_id, email, first_name, last_name, company, phone, notes, tax_exempt_category,
                    customer_group_id, registration_ip_address, accepts_review_emails, store_credit,
                    origin_channel_id, channel_ids, force_password_reset, date_created, date_modified,
                    EXISTS (SELECT 1 FROM form_value v WHERE v.store_id = $1 AND v.customer_id = $2
                                AND v.address_id = 0) AS has_values
             FROM customer WHERE store_id = $1 AND customer_id = $2",
        )
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.map(|Looked(customer, has_values)| (customer, has_values)))
}

struct Looked(Customer, bool);

impl FromRow for Looked {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(Customer::from_row(row)?, row.get("has_values")?))
    }
}

/// Those of these customers that there are, in the order of their ids, held until the transaction ends.
pub async fn lock(tx: &mut WriteTx, store: StoreId, ids: &[CustomerId]) -> Result<Vec<Customer>> {
    let for_update = tx.for_update();
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" ORDER BY customer_id")
        .push(for_update)
        .fetch_all()
        .await
}

/// Some members of a group, in the order of their ids, held until the transaction ends.
pub async fn lock_members(
    tx: &mut WriteTx,
    store: StoreId,
    group: GroupId,
    limit: i64,
) -> Result<Vec<Customer>> {
    let for_update = tx.for_update();
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND customer_group_id = $2 AND customer_group_id <> 0")
        .bind(store)
        .bind(group)
        .push(" ORDER BY customer_id LIMIT ")
        .push_bind(limit)
        .push(for_update)
        .fetch_all()
        .await
}

/// Whether two accounts with one address would meet on a channel, if it let everybody in. It stays so while the
/// caller holds the counter of customers.
pub async fn would_meet(tx: &mut ReadTx, store: StoreId, channel: ChannelId) -> Result<bool> {
    let meeting: Option<()> = meeting_on(tx, store, channel).fetch_optional().await?;
    Ok(meeting.is_some())
}

fn meeting_on(tx: &mut ReadTx, store: StoreId, channel: ChannelId) -> Query<'_, Reads> {
    tx.query(
        "SELECT customer_id FROM customer_meeting WHERE store_id = $1 AND channel_id = $2 LIMIT 1",
    )
    .bind(store)
    .bind(channel)
}

/// These customers would meet nobody.
pub async fn forget_meetings(tx: &mut WriteTx, store: StoreId, ids: &[CustomerId]) -> Result<()> {
    tx.query("DELETE FROM customer_meeting WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .execute()
        .await?;
    Ok(())
}

/// A customer would meet somebody on each of these channels, of which there is at least one.
pub async fn insert_meetings(
    tx: &mut WriteTx,
    store: StoreId,
    id: CustomerId,
    channels: &BTreeSet<ChannelId>,
) -> Result<()> {
    let mut query = tx
        .query("INSERT INTO customer_meeting (store_id, customer_id, channel_id) VALUES ($1, $2, ")
        .bind(store)
        .bind(id);
    for (at, channel) in channels.iter().enumerate() {
        let query_to_here = if at == 0 { query } else { query.push(", ($1, $2, ") };
        query = query_to_here.push_bind(*channel).push(")");
    }
    query.execute().await?;
    Ok(())
}

/// Every customer of the store whose address folds to one of these keys.
pub async fn with_email_keys(
    tx: &mut ReadTx,
    store: StoreId,
    keys: &BTreeSet<String>,
) -> Result<Vec<Customer>> {
    of_email_keys(tx, store, keys).fetch_all().await
}

/// Sorted by what no index has: `SQLite` would rather walk a whole store in order than sort the few that it finds.
fn of_email_keys<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    keys: &BTreeSet<String>,
) -> Query<'t, Reads> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND email_key IN ")
        .bind(store)
        .push_list(keys.iter().map(String::as_str))
        .push(" ORDER BY customer_id + 0")
}

/// An account, as far as it matters to others of its address.
#[derive(Clone, Debug)]
pub struct Holder {
    pub id: CustomerId,
    pub email_key: String,
    pub access: Access,
}

/// The accounts that have one of these addresses.
pub async fn holders(
    tx: &mut ReadTx,
    store: StoreId,
    keys: &BTreeSet<String>,
) -> Result<Vec<Holder>> {
    tx.query("SELECT customer_id, email_key, channel_ids FROM customer WHERE store_id = $1 AND email_key IN ")
        .bind(store)
        .push_list(keys.iter().map(String::as_str))
        .fetch_all()
        .await
}

/// The number of the mark that moves when anything changes that lists of customers show of them, or that finds them:
/// no customer has it.
pub const LISTED: i64 = i64::MIN;

/// Add a customer. No password is the empty hash.
pub async fn insert(
    tx: &mut WriteTx,
    store: StoreId,
    customer: &Customer,
    password_hash: &str,
) -> Result<()> {
    let query = tx.query(
        "INSERT INTO customer
             (store_id, customer_id, email, first_name, last_name, company, phone, notes, tax_exempt_category,
              customer_group_id, registration_ip_address, accepts_review_emails, store_credit, channel_ids,
              force_password_reset, date_modified, email_key, name_key, first_name_key, last_name_key,
              company_key, origin_channel_id, date_created, password_hash, declarations)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                 $22, $23, $24, 0)",
    );
    with_fields(query, store, customer)
        .bind(customer.origin_channel)
        .bind(customer.created_at)
        .bind(password_hash)
        .execute()
        .await?;
    tx.mark(Mark::of(store.0, LISTED));
    Ok(())
}

/// Write a customer's fields anew.
pub async fn update(tx: &mut WriteTx, store: StoreId, customer: &Customer) -> Result<()> {
    let query = tx.query(
        "UPDATE customer SET email = $3, first_name = $4, last_name = $5, company = $6, phone = $7, notes = $8,
             tax_exempt_category = $9, customer_group_id = $10, registration_ip_address = $11,
             accepts_review_emails = $12, store_credit = $13, channel_ids = $14, force_password_reset = $15,
             date_modified = $16, email_key = $17, name_key = $18, first_name_key = $19, last_name_key = $20,
             company_key = $21
         WHERE store_id = $1 AND customer_id = $2",
    );
    with_fields(query, store, customer).execute().await?;
    tx.mark(Mark::of(store.0, customer.id.0));
    tx.mark(Mark::of(store.0, LISTED));
    Ok(())
}

/// Bind `$1` to `$21`: the key, what can be changed, and the keys that follow from it.
fn with_fields<'t>(
    query: Query<'t, Writes>,
    store: StoreId,
    customer: &Customer,
) -> Query<'t, Writes> {
    query
        .bind(store)
        .bind(customer.id)
        .bind(customer.email.as_str())
        .bind(customer.first_name.as_str())
        .bind(customer.last_name.as_str())
        .bind(customer.company.as_str())
        .bind(customer.phone.as_str())
        .bind(customer.notes.as_str())
        .bind(customer.tax_exempt_category.as_str())
        .bind(customer.group)
        .bind(customer.registration_ip_address.as_str())
        .bind(customer.accepts_review_emails)
        .bind(customer.store_credit)
        .bind(Channels::of(&customer.access))
        .bind(customer.force_password_reset)
        .bind(customer.modified_at)
        .bind(customer.email_key())
        .bind(name_key(customer))
        .bind(fold(&customer.first_name))
        .bind(fold(&customer.last_name))
        .bind(fold(&customer.company))
}

/// Replace a customer's password.
pub async fn set_password(
    tx: &mut WriteTx,
    store: StoreId,
    id: CustomerId,
    password_hash: &str,
) -> Result<()> {
    tx.query("UPDATE customer SET password_hash = $3 WHERE store_id = $1 AND customer_id = $2")
        .bind(store)
        .bind(id)
        .bind(password_hash)
        .execute()
        .await?;
    tx.mark(Mark::of(store.0, id.0));
    Ok(())
}

/// What is kept of a customer's password, empty while none is set; `None` when there is no such customer.
pub async fn password_of(
    tx: &mut ReadTx,
    store: StoreId,
    id: CustomerId,
) -> Result<Option<String>> {
    let kept: Option<(String,)> = tx
        .query("SELECT password_hash FROM customer WHERE store_id = $1 AND customer_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(kept.map(|(kept,)| kept))
}

/// Who has this address, where they may sign in, and what is kept of their passwords; oldest first.
pub async fn sign_ins(
    tx: &mut ReadTx,
    store: StoreId,
    email_key: &str,
) -> Result<Vec<(CustomerId, Access, String)>> {
    let found: Vec<SignIn> = tx
        .query(
            "SELECT customer_id, channel_ids, password_hash FROM customer
             WHERE store_id = $1 AND email_key = $2 ORDER BY customer_id",
        )
        .bind(store)
        .bind(email_key)
        .fetch_all()
        .await?;
    Ok(found.into_iter().map(|SignIn(id, access, hash)| (id, access, hash)).collect())
}

struct SignIn(CustomerId, Access, String);

impl FromRow for SignIn {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("customer_id")?, access(row)?, row.get("password_hash")?))
    }
}

/// Replace what is kept of a password, unless it has been changed meanwhile; whether it was replaced.
pub async fn exchange_password(
    tx: &mut WriteTx,
    store: StoreId,
    id: CustomerId,
    before: &str,
    after: &str,
) -> Result<bool> {
    let changed = tx
        .query(
            "UPDATE customer SET password_hash = $4
             WHERE store_id = $1 AND customer_id = $2 AND password_hash = $3",
        )
        .bind(store)
        .bind(id)
        .bind(before)
        .bind(after)
        .execute()
        .await?;
    tx.mark(Mark::of(store.0, id.0));
    Ok(changed > 0)
}

/// Remove those of these customers that there are; their ids, ascending, and their addresses' keys.
pub async fn delete(
    tx: &mut WriteTx,
    store: StoreId,
    ids: &[CustomerId],
) -> Result<(Vec<CustomerId>, BTreeSet<String>)> {
    let gone: Vec<Gone> = tx
        .query("DELETE FROM customer WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" RETURNING customer_id, email_key")
        .fetch_all()
        .await?;
    let mut ids: Vec<CustomerId> = gone.iter().map(|Gone(id, _)| *id).collect();
    ids.sort_unstable();
    for id in &ids {
        tx.mark(Mark::of(store.0, id.0));
    }
    tx.mark(Mark::of(store.0, LISTED));
    Ok((ids, gone.into_iter().map(|Gone(_, email_key)| email_key).collect()))
}

struct Gone(CustomerId, String);

impl FromRow for Gone {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("customer_id")?, row.get("email_key")?))
    }
}

/// Count one more declaration of consent, made now or, where a clock is behind, when the last one was. Its
/// number and time, or `None` when there is no such customer. The row is held until the transaction ends, so
/// two declarations cannot take one number.
pub async fn next_declaration(
    tx: &mut WriteTx,
    store: StoreId,
    id: CustomerId,
    now: Timestamp,
) -> Result<Option<(i64, Timestamp)>> {
    let given: Option<Given> = tx
        .query(
            "UPDATE customer SET declarations = declarations + 1,
                 declared_at = CASE WHEN declared_at > $3 THEN declared_at ELSE $3 END
             WHERE store_id = $1 AND customer_id = $2
             RETURNING declarations, declared_at",
        )
        .bind(store)
        .bind(id)
        .bind(now)
        .fetch_optional()
        .await?;
    tx.mark(Mark::of(store.0, id.0));
    Ok(given.map(|Given(number, at)| (number, at)))
}

/// How many declarations of consent a customer has made; `None` when there is no such customer.
pub async fn declarations(tx: &mut ReadTx, store: StoreId, id: CustomerId) -> Result<Option<i64>> {
    let found: Option<(i64,)> = tx
        .query("SELECT declarations FROM customer WHERE store_id = $1 AND customer_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.map(|(number,)| number))
}

struct Given(i64, Timestamp);

impl FromRow for Given {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("declarations")?, row.get("declared_at")?))
    }
}

/// What a [`Customer`] is read from; every use goes on with `WHERE store_id = $1`.
pub(super) const SELECT: &str = "
    SELECT customer_id, email, first_name, last_name, company, phone, notes, tax_exempt_category,
           customer_group_id, registration_ip_address, accepts_review_emails, store_credit,
           origin_channel_id, channel_ids, force_password_reset, date_created, date_modified
    FROM customer ";

fn name_key(customer: &Customer) -> String {
    fold(&format!("{} {}", customer.first_name, customer.last_name))
}

impl FromRow for Customer {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("customer_id")?,
            email: row.get("email")?,
            first_name: row.get("first_name")?,
            last_name: row.get("last_name")?,
            company: row.get("company")?,
            phone: row.get("phone")?,
            notes: row.get("notes")?,
            tax_exempt_category: row.get("tax_exempt_category")?,
            group: row.get("customer_group_id")?,
            registration_ip_address: row.get("registration_ip_address")?,
            accepts_review_emails: row.get("accepts_review_emails")?,
            store_credit: row.get("store_credit")?,
            origin_channel: row.get("origin_channel_id")?,
            access: access(row)?,
            force_password_reset: row.get("force_password_reset")?,
            created_at: row.get("date_created")?,
            modified_at: row.get("date_modified")?,
        })
    }
}

impl FromRow for Holder {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("customer_id")?,
            email_key: row.get("email_key")?,
            access: access(row)?,
        })
    }
}

fn access(row: &Row<'_>) -> Result<Access> {
    let channels = row.get::<Option<Channels>>("channel_ids")?;
    Ok(channels.map_or(Access::Global, |Channels(channels)| Access::Channels(channels)))
}

/// Channel ids as a column keeps them: ascending, separated by spaces.
struct Channels(BTreeSet<ChannelId>);

impl Channels {
    fn of(access: &Access) -> Option<Self> {
        match access {
            Access::Global => None,
            Access::Channels(channels) => Some(Self(channels.clone())),
        }
    }
}

impl Value for Channels {
    type Repr = String;

    fn into_repr(self) -> String {
        self.0.iter().map(|ChannelId(id)| id.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        let ids = repr.split_whitespace().map(|id| id.parse().map(ChannelId));
        ids.collect::<Result<_, _>>().map(Self).map_err(|_| "not a list of channel ids".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans;

    #[tokio::test]
    async fn who_has_some_addresses_is_found_by_them_and_not_by_walking_the_store() {
        let (_place, db) = plans::database().await;
        for count in [1, 2, 10] {
            let keys = (0..count).map(|key| format!("{key}@a.example")).collect();
            let work = async |tx: &mut ReadTx| of_email_keys(tx, StoreId(1), &keys).plan().await;
            let plan = db.read(work).await.unwrap().join("; ");
            assert!(plan.contains("customer_by_email (store_id=? AND email_key=?)"), "{plan}");
        }
    }

    #[tokio::test]
    async fn who_would_meet_is_found_by_the_channel() {
        let (_place, db) = plans::database().await;
        let work = async |tx: &mut ReadTx| meeting_on(tx, StoreId(1), ChannelId(7)).plan().await;
        let plan = db.read(work).await.unwrap().join("; ");
        assert!(plan.contains("customer_meeting_1 (store_id=? AND channel_id=?)"), "{plan}");
    }
}
