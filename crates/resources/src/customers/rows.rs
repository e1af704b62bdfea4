use std::collections::BTreeSet;

use kernel::{ChannelId, CustomerId, GroupId, StoreId, Stretch, Timestamp, fold};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, Value, WriteTx, Writes, containing};

use super::{
    filter::{Filter, Key, Order, Place, PlaceKey, Span, Text},
    model::{Access, Customer},
};

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
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND email_key IN ")
        .bind(store)
        .push_list(keys.iter().map(String::as_str))
        .push(" ORDER BY customer_id")
        .fetch_all()
        .await
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

/// Some of the customers that match, at most `limit`, in an order; whether there are more before and after them.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    order: Order,
    stretch: &Stretch<Place>,
    limit: i64,
) -> Result<(Vec<Customer>, (bool, bool))> {
    let mut rows = listing(tx, store, filter, order, stretch, limit).fetch_all().await?;
    let more = stretch.cut(&mut rows, limit);
    Ok((rows, more))
}

fn listing<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    filter: &Filter,
    order: Order,
    stretch: &Stretch<Place>,
    limit: i64,
) -> Query<'t, Reads> {
    let place = match stretch {
        Stretch::Offset(_) => None,
        Stretch::After(place) | Stretch::Before(place) => Some(place),
    };
    let descending = order.descending != stretch.is_backwards();
    let walk = Walk { by: order.by, descending, sorts: filter.leads() };
    let query = tx.query(SELECT).push("WHERE store_id = $1").bind(store);
    let query = match place {
        None => narrowed(query, filter),
        Some(place) => beyond(narrowed(query, &walk.nearer(filter, place)), walk, place),
    };
    query.push(walk.ordered()).push_stretch(stretch, limit)
}

/// How many match.
pub async fn count(tx: &mut ReadTx, store: StoreId, filter: &Filter) -> Result<i64> {
    let mut query = tx.query("SELECT COUNT(*) FROM customer WHERE store_id = $1").bind(store);
    if !filter.leads() && filter.created == Span::default() && filter.modified == Span::default() {
        // The whole store is read: in the order it lies in, and not as some index has it.
        query = query.push(" AND customer_id > 0");
    }
    let (count,) = narrowed(query, filter).fetch_one().await?;
    Ok(count)
}

/// The ids of up to `limit` customers that match and come after `after`, ascending.
pub async fn ids_after(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<CustomerId>> {
    let query = tx
        .query("SELECT customer_id FROM customer WHERE store_id = $1 AND customer_id > $2")
        .bind(store)
        .bind(after);
    let walk = Walk { by: Key::Id, descending: false, sorts: filter.leads() };
    let query = narrowed(query, filter).push(walk.ordered()).push(" LIMIT ").push_bind(limit);
    let ids: Vec<(CustomerId,)> = query.fetch_all().await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// Those of these customers that match now, held until the transaction ends.
pub async fn lock_matching(
    tx: &mut WriteTx,
    store: StoreId,
    filter: &Filter,
    ids: &[CustomerId],
) -> Result<Vec<CustomerId>> {
    let for_update = tx.for_update();
    let reads: &mut ReadTx = tx;
    let query = reads.query("SELECT customer_id FROM customer WHERE store_id = $1").bind(store);
    let query = query.push(" AND customer_id IN ").push_list(ids.iter().copied());
    let query = narrowed(query, filter).push(" ORDER BY customer_id + 0").push(for_update);
    let ids: Vec<(CustomerId,)> = query.fetch_all().await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// What a customer is sorted by under `last_name`; `None` when there is no such customer.
pub async fn last_name_key(
    tx: &mut ReadTx,
    store: StoreId,
    id: CustomerId,
) -> Result<Option<String>> {
    let key = tx
        .query("SELECT last_name_key FROM customer WHERE store_id = $1 AND customer_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional::<(String,)>()
        .await?;
    Ok(key.map(|(key,)| key))
}

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
    Ok(given.map(|Given(number, at)| (number, at)))
}

struct Given(i64, Timestamp);

impl FromRow for Given {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("declarations")?, row.get("declared_at")?))
    }
}

/// What a [`Customer`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT customer_id, email, first_name, last_name, company, phone, notes, tax_exempt_category,
           customer_group_id, registration_ip_address, accepts_review_emails, store_credit,
           origin_channel_id, channel_ids, force_password_reset, date_created, date_modified
    FROM customer ";

/// The clauses of a filter, each there only when the filter has it.
fn narrowed<'t>(mut query: Query<'t, Reads>, filter: &Filter) -> Query<'t, Reads> {
    if let Some(ids) = &filter.ids {
        query = query.push(" AND customer_id IN ").push_list(ids.iter().copied());
    }
    if let Some(groups) = &filter.groups {
        if !groups.contains(&GroupId(0)) {
            // What the index of members leaves out, so that it can be used.
            query = query.push(" AND customer_group_id <> 0");
        }
        query = query.push(" AND customer_group_id IN ").push_list(groups.iter().copied());
    }
    for (text, values) in &filter.texts {
        query = query.push(one_of(*text)).push_list(values.iter().map(String::as_str));
    }
    if let Some(parts) = &filter.name_parts {
        // In groups: SQLite bounds how deep an expression is, and a chain of ORs is as deep as it is long.
        let mut joint = " AND ((";
        for group in parts.chunks(32) {
            for part in group {
                let pattern = containing(part);
                query = query
                    .push(joint)
                    .push("name_key LIKE ")
                    .push_bind(pattern)
                    .push(" ESCAPE '\\'");
                joint = " OR ";
            }
            joint = ") OR (";
        }
        query = query.push("))");
    }
    if let Some(credit) = filter.store_credit {
        query = query.push(" AND store_credit = ").push_bind(credit);
    }
    // Beside a filter that leads, a range is only looked at: its index would lead to far more.
    let (id, created, modified) = if filter.leads() {
        (" AND customer_id + 0", " AND date_created + 0", " AND date_modified + 0")
    } else {
        (" AND customer_id", " AND date_created", " AND date_modified")
    };
    query = within(query, id, filter.min_id, filter.max_id);
    query = within(query, created, filter.created.from, filter.created.to);
    within(query, modified, filter.modified.from, filter.modified.to)
}

fn within<'t, V: Value>(
    mut query: Query<'t, Reads>,
    column: &'static str,
    from: Option<V>,
    to: Option<V>,
) -> Query<'t, Reads> {
    if let Some(least) = from {
        query = query.push(column).push(" >= ").push_bind(least);
    }
    if let Some(most) = to {
        query = query.push(column).push(" <= ").push_bind(most);
    }
    query
}

fn one_of(text: Text) -> &'static str {
    match text {
        Text::EmailKey => " AND email_key IN ",
        Text::NameKey => " AND name_key IN ",
        Text::FirstNameKey => " AND first_name_key IN ",
        Text::LastNameKey => " AND last_name_key IN ",
        Text::CompanyKey => " AND company_key IN ",
        Text::Phone => " AND phone IN ",
        Text::RegistrationIpAddress => " AND registration_ip_address IN ",
        Text::TaxExemptCategory => " AND tax_exempt_category IN ",
    }
}

/// How rows are walked.
///
/// Where a filter leads to its rows (`sorts`), the order is written so that no index can give it: without
/// statistics SQLite would rather walk a whole store in order than find two addresses and sort them.
#[derive(Clone, Copy)]
struct Walk {
    by: Key,
    descending: bool,
    sorts: bool,
}

impl Walk {
    /// The filter without the bound of its dates that the place tells more closely. Of two places to enter the
    /// index at `SQLite` would take the one that is a date alone, and pass over everybody who has that date.
    fn nearer(self, filter: &Filter, place: &Place) -> Filter {
        let mut filter = filter.clone();
        let PlaceKey::Date(date) = place.key else { return filter };
        let span = if self.by == Key::Created { &mut filter.created } else { &mut filter.modified };
        if self.descending {
            span.to = span.to.filter(|to| *to < date);
        } else {
            span.from = span.from.filter(|from| *from > date);
        }
        filter
    }

    fn ordered(self) -> &'static str {
        match (self.by, self.descending, self.sorts) {
            (Key::Id, false, false) => " ORDER BY customer_id",
            (Key::Id, true, false) => " ORDER BY customer_id DESC",
            (Key::Created, false, false) => " ORDER BY date_created, customer_id",
            (Key::Created, true, false) => " ORDER BY date_created DESC, customer_id DESC",
            (Key::Modified, false, false) => " ORDER BY date_modified, customer_id",
            (Key::Modified, true, false) => " ORDER BY date_modified DESC, customer_id DESC",
            (Key::LastName, false, false) => " ORDER BY last_name_key, customer_id",
            (Key::LastName, true, false) => " ORDER BY last_name_key DESC, customer_id DESC",
            (Key::Id, false, true) => " ORDER BY customer_id + 0",
            (Key::Id, true, true) => " ORDER BY customer_id + 0 DESC",
            (Key::Created, false, true) => " ORDER BY date_created + 0, customer_id + 0",
            (Key::Created, true, true) => " ORDER BY date_created + 0 DESC, customer_id + 0 DESC",
            (Key::Modified, false, true) => " ORDER BY date_modified + 0, customer_id + 0",
            (Key::Modified, true, true) => " ORDER BY date_modified + 0 DESC, customer_id + 0 DESC",
            (Key::LastName, false, true) => " ORDER BY last_name_key || '', customer_id + 0",
            (Key::LastName, true, true) => {
                " ORDER BY last_name_key || '' DESC, customer_id + 0 DESC"
            }
        }
    }

    fn columns(self) -> &'static str {
        match (self.by, self.sorts) {
            (Key::Id, false) => "(customer_id)",
            (Key::Created, false) => "(date_created, customer_id)",
            (Key::Modified, false) => "(date_modified, customer_id)",
            (Key::LastName, false) => "(last_name_key, customer_id)",
            (Key::Id, true) => "(customer_id + 0)",
            (Key::Created, true) => "(date_created + 0, customer_id + 0)",
            (Key::Modified, true) => "(date_modified + 0, customer_id + 0)",
            (Key::LastName, true) => "(last_name_key || '', customer_id + 0)",
        }
    }
}

/// Only what lies beyond the place.
fn beyond<'t>(query: Query<'t, Reads>, walk: Walk, place: &Place) -> Query<'t, Reads> {
    let query = query.push(" AND ").push(walk.columns());
    let query = query.push(if walk.descending { " < (" } else { " > (" });
    let query = match &place.key {
        PlaceKey::Id => query,
        PlaceKey::Date(date) => query.push_bind(*date).push(", "),
        PlaceKey::LastName(key) => query.push_bind(key.as_str()).push(", "),
    };
    query.push_bind(place.id).push(")")
}

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

    use sql::Db;

    use super::*;
    use crate::plans;

    const KEYS: [Key; 4] = [Key::Id, Key::Created, Key::Modified, Key::LastName];

    /// Every way to ask for a part: from the start, or beyond a place of this order.
    fn parts(by: Key) -> [Stretch<Place>; 3] {
        let key = match by {
            Key::Id => PlaceKey::Id,
            Key::Created | Key::Modified => PlaceKey::Date(Timestamp(1)),
            Key::LastName => PlaceKey::LastName("a".to_owned()),
        };
        let place = Place { id: CustomerId(1), key };
        [Stretch::Offset(0), Stretch::After(place.clone()), Stretch::Before(place)]
    }

    /// The plan that SQLite makes, without statistics.
    async fn plan(db: &Db, filter: &Filter, order: Order, stretch: &Stretch<Place>) -> String {
        let work = async |tx: &mut ReadTx| {
            listing(tx, StoreId(1), filter, order, stretch, 50).plan().await
        };
        db.read(work).await.unwrap().join("; ")
    }

    /// Check the plan for each order and part.
    async fn check(filter: Filter, expected: impl Fn(Key, &Stretch<Place>) -> Vec<&'static str>) {
        let (_place, db) = plans::database().await;
        for by in KEYS {
            for (part, descending) in
                parts(by).iter().flat_map(|part| [(part, false), (part, true)])
            {
                let order = Order { by, descending };
                let plan = plan(&db, &filter, order, part).await;
                for words in expected(by, part) {
                    assert!(plan.contains(words), "{order:?} {part:?}: {plan}");
                }
                let sorts = plan.contains("TEMP B-TREE");
                assert_eq!(sorts, filter.leads(), "{order:?} {part:?}: {plan}");
            }
        }
    }

    #[tokio::test]
    async fn without_a_leading_filter_an_index_gives_the_order_and_is_entered_at_the_cursor() {
        let expected = |by, part: &Stretch<Place>| match (by, part) {
            (Key::Id, Stretch::Offset(_)) => vec!["store_id=?"],
            (Key::Id, _) => vec!["store_id=? AND customer_id"],
            (Key::Created, Stretch::Offset(_)) => vec!["customer_by_created"],
            (Key::Created, _) => {
                vec!["customer_by_created (store_id=? AND (date_created,customer_id)"]
            }
            (Key::Modified, Stretch::Offset(_)) => vec!["customer_by_modified"],
            (Key::Modified, _) => {
                vec!["customer_by_modified (store_id=? AND (date_modified,customer_id)"]
            }
            (Key::LastName, Stretch::Offset(_)) => vec!["customer_by_last_name"],
            (Key::LastName, _) => {
                vec!["customer_by_last_name (store_id=? AND (last_name_key,customer_id)"]
            }
        };
        check(Filter::default(), expected).await;
    }

    #[tokio::test]
    async fn ids_lead_to_their_rows_whatever_the_order() {
        let ids = Some(vec![CustomerId(1), CustomerId(2), CustomerId(3)]);
        check(Filter { ids, ..Filter::default() }, |_, _| vec!["(store_id=? AND customer_id=?)"])
            .await;
    }

    #[tokio::test]
    async fn addresses_and_names_lead_to_their_rows_whatever_the_order() {
        let texts = |text| vec![(text, vec!["a".to_owned(), "b".to_owned()])];
        let emails = Filter { texts: texts(Text::EmailKey), ..Filter::default() };
        check(emails, |_, _| vec!["customer_by_email (store_id=? AND email_key=?)"]).await;
        let names = Filter { texts: texts(Text::NameKey), ..Filter::default() };
        check(names, |_, _| vec!["customer_by_name (store_id=? AND name_key=?)"]).await;
        let last_names = Filter { texts: texts(Text::LastNameKey), ..Filter::default() };
        check(last_names, |_, _| vec!["customer_by_last_name (store_id=? AND last_name_key=?)"])
            .await;
    }

    #[tokio::test]
    async fn members_are_found_by_their_group_and_who_would_meet_by_the_channel() {
        let (_place, db) = plans::database().await;
        let filter = Filter { groups: Some(vec![GroupId(7)]), ..Filter::default() };
        let order = Order { by: Key::Id, descending: true };
        let plan = plan(&db, &filter, order, &Stretch::Offset(0)).await;
        assert!(plan.contains("customer_by_group (store_id=? AND customer_group_id=?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        let work = async |tx: &mut ReadTx| meeting_on(tx, StoreId(1), ChannelId(7)).plan().await;
        let plan = db.read(work).await.unwrap().join("; ");
        assert!(plan.contains("customer_meeting_1 (store_id=? AND channel_id=?)"), "{plan}");
    }

    #[tokio::test]
    async fn ranges_beside_a_leading_filter_do_not_lead() {
        let span = Span { from: Some(Timestamp(10)), to: Some(Timestamp(90)) };
        let narrow = Filter { min_id: Some(1), created: span, modified: span, ..Filter::default() };
        let emails =
            Filter { texts: vec![(Text::EmailKey, vec!["a".to_owned(); 9])], ..narrow.clone() };
        check(emails, |_, _| vec!["customer_by_email (store_id=? AND email_key=?)"]).await;
        let ids = Filter { ids: Some((1..9).map(CustomerId).collect()), ..narrow };
        check(ids, |_, _| vec!["(store_id=? AND customer_id=?)"]).await;
    }

    #[tokio::test]
    async fn a_cursor_enters_a_filtered_date_at_its_own_place() {
        const UP: &str = "(store_id=? AND (date_modified,customer_id)>(?,?) AND date_modified<?)";
        const DOWN: &str = "(store_id=? AND date_modified>? AND (date_modified,customer_id)<(?,?))";
        const ALONE: &str = "(store_id=? AND date_modified>? AND date_modified<?)";
        let (_place, db) = plans::database().await;
        let after = &parts(Key::Modified)[1];
        // The place is at 1: the filter's bound lies before it, there, or beyond, where it tells more.
        for (descending, bound, expected) in [
            (false, 0, UP),
            (false, 1, UP),
            (false, 2, ALONE),
            (true, 2, DOWN),
            (true, 1, DOWN),
            (true, 0, ALONE),
        ] {
            let bound = Timestamp(bound);
            let (from, to) =
                if descending { (Timestamp(-90), bound) } else { (bound, Timestamp(90)) };
            let modified = Span { from: Some(from), to: Some(to) };
            let filter = Filter { modified, ..Filter::default() };
            let plan = plan(&db, &filter, Order { by: Key::Modified, descending }, after).await;
            assert!(plan.contains(expected), "{descending} {bound:?}: {plan}");
        }
    }
}
