use kernel::{ChannelId, CustomerId, StoreId, Timestamp};
use ledger::leaf::Salt;
use sql::{FromRow, Mark, Query, ReadTx, Result, Row, Value, WriteTx, Writes};

use super::model::{Categories, Category, Consent, Declaration, Declared, PolicyName};
use crate::ledger::model::{Entry, Opening};

/// What is in force for a customer; `None` when there is no such customer.
///
/// The customer's row knows the number of its last declaration, so this is two reads by key.
pub async fn current(
    tx: &mut ReadTx,
    store: StoreId,
    customer: CustomerId,
) -> Result<Option<Consent>> {
    tx.query(
        "SELECT c.date_created, d.allow, d.deny, d.declared_at
         FROM customer c LEFT JOIN consent_declaration d
             ON d.store_id = c.store_id AND d.customer_id = c.customer_id AND d.sequence = c.declarations
         WHERE c.store_id = $1 AND c.customer_id = $2",
    )
    .bind(store)
    .bind(customer)
    .fetch_optional()
    .await
}

/// Add a declaration to the history, under the number that the customer's row gave out; with the numbers of its event
/// and its audit line.
pub async fn append(
    tx: &mut WriteTx,
    store: StoreId,
    customer: CustomerId,
    declared: &Declared,
    (event_id, audit_id): (i64, i64),
) -> Result<()> {
    tx.mark(Mark::of(store.0, customer.0));
    tx.query(
        "INSERT INTO consent_declaration
             (store_id, customer_id, sequence, allow, deny, declared_at, source, declared_by, channel_id, locale,
              policy_sha256, session, gpc, event_id, audit_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(store)
    .bind(customer)
    .bind(declared.sequence)
    .bind(declared.declaration.allow())
    .bind(declared.declaration.deny())
    .bind(declared.declared_at)
    .bind(declared.source.as_str())
    .bind(declared.declared_by)
    .bind(declared.channel.unwrap_or(ChannelId(0)))
    .bind(declared.locale.as_str())
    .bind(declared.policy.as_ref().map_or("", |policy| policy.sha256.as_str()))
    .bind(declared.session.as_str())
    .bind(declared.gpc)
    .bind(event_id)
    .bind(audit_id)
    .execute()
    .await?;
    Ok(())
}

/// A customer's declarations from this number downwards.
pub async fn up_to(
    tx: &mut ReadTx,
    store: StoreId,
    customer: CustomerId,
    newest: i64,
    limit: i64,
) -> Result<Vec<Declared>> {
    tx.query(
        "SELECT d.sequence, d.allow, d.deny, d.declared_at, d.source, d.declared_by, d.channel_id, d.locale,
                d.session, d.gpc, d.policy_sha256, p.version, d.leaf
         FROM consent_declaration d LEFT JOIN consent_policy p
             ON p.store_id = d.store_id AND p.sha256 = d.policy_sha256
         WHERE d.store_id = $1 AND d.customer_id = $2 AND d.sequence <= $3
         ORDER BY d.sequence DESC LIMIT $4",
    )
    .bind(store)
    .bind(customer)
    .bind(newest)
    .bind(limit)
    .fetch_all()
    .await
}

/// What opens a declaration's leaf, unless its customer has gone.
pub async fn opening(
    tx: &mut ReadTx,
    store: StoreId,
    customer: CustomerId,
    sequence: i64,
) -> Result<Option<Opening>> {
    tx.query(
        "SELECT leaf, salt, session, policy_sha256 FROM consent_declaration
         WHERE store_id = $1 AND customer_id = $2 AND sequence = $3 AND detached = FALSE",
    )
    .bind(store)
    .bind(customer)
    .bind(sequence)
    .fetch_optional()
    .await
}

/// Whether a declaration of the store waits for the ledger.
pub async fn has_pending(tx: &mut ReadTx, store: StoreId) -> Result<bool> {
    let found: Option<(i64,)> = tx
        .query(
            "SELECT sequence FROM consent_declaration WHERE store_id = $1 AND leaf IS NULL
             ORDER BY declared_at LIMIT 1",
        )
        .bind(store)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Some declarations that wait for the ledger, the oldest first, held until the transaction ends. One that somebody
/// else holds, as its customer is being deleted, is left for the next time: nobody is waited for.
pub async fn pending(tx: &mut WriteTx, store: StoreId, limit: i64) -> Result<Vec<Entry>> {
    let skip_locked = tx.skip_locked();
    waiting(tx, store, limit).push(skip_locked).fetch_all().await
}

fn waiting(tx: &mut WriteTx, store: StoreId, limit: i64) -> Query<'_, Writes> {
    tx.query(
        "SELECT customer_id, sequence, session, allow, deny, declared_at, source, declared_by, channel_id, locale, gpc,
                policy_sha256, leaf, detached
         FROM consent_declaration WHERE store_id = $1 AND leaf IS NULL
         ORDER BY declared_at, customer_id, sequence LIMIT $2",
    )
    .bind(store)
    .bind(limit)
}

/// These declarations have their places in the ledger now, from `first` on, and what opens them there; where the
/// customer is gone, nothing is left of one here.
pub async fn sequenced(
    tx: &mut WriteTx,
    store: StoreId,
    first: i64,
    declared: &[Entry],
    salts: &[Salt],
) -> Result<()> {
    let placed =
        (first..).zip(declared).zip(salts).map(|((leaf, entry), salt)| (leaf, entry, salt));
    let (gone, kept): (Vec<_>, Vec<_>) = placed.partition(|(_, entry, _)| entry.detached);
    for (_, entry, _) in gone {
        tx.query(
            "DELETE FROM consent_declaration
             WHERE store_id = $1 AND customer_id = $2 AND sequence = $3",
        )
        .bind(store)
        .bind(entry.customer)
        .bind(entry.sequence)
        .execute()
        .await?;
    }
    // As many as a statement that stays prepared has room for, and the rest one by one, which is another.
    let groups = kept.chunks_exact(tx.at_once(1).min(15));
    for group in groups.clone().chain(groups.remainder().chunks(1)) {
        match group {
            [one] => place(tx, store, *one).execute().await?,
            group => place_together(tx, store, group).execute().await?,
        };
    }
    Ok(())
}

fn place<'t>(
    tx: &'t mut WriteTx,
    store: StoreId,
    (leaf, entry, salt): (i64, &Entry, &Salt),
) -> Query<'t, Writes> {
    tx.query(
        "UPDATE consent_declaration SET leaf = $4, salt = $5
         WHERE store_id = $1 AND customer_id = $2 AND sequence = $3",
    )
    .bind(store)
    .bind(entry.customer)
    .bind(entry.sequence)
    .bind(leaf)
    .bind(salt.bytes().as_slice())
}

fn place_together<'t>(
    tx: &'t mut WriteTx,
    store: StoreId,
    placed: &[(i64, &Entry, &Salt)],
) -> Query<'t, Writes> {
    let mut update =
        tx.query("WITH placed (customer_id, sequence, leaf, salt) AS (VALUES ").bind(store);
    for (at, (leaf, entry, salt)) in placed.iter().enumerate() {
        update = update.push(if at == 0 { "(" } else { ", (" }).push_bind(entry.customer);
        update = update.push(", ").push_bind(entry.sequence).push(", ").push_bind(*leaf);
        update = update.push(", ").push_bind(salt.bytes().as_slice()).push(")");
    }
    update.push(
        ") UPDATE consent_declaration SET leaf = placed.leaf, salt = placed.salt FROM placed
         WHERE store_id = $1 AND consent_declaration.customer_id = placed.customer_id
           AND consent_declaration.sequence = placed.sequence",
    )
}

/// Cut the link between customers that are going and what they declared, and hold it until the transaction ends; whoever
/// puts some of it into the ledger is waited for. What else tells of it then goes, before [`delete_placed`].
pub async fn detach(tx: &mut WriteTx, store: StoreId, customers: &[CustomerId]) -> Result<()> {
    tx.query(
        "UPDATE consent_declaration SET detached = TRUE WHERE store_id = $1 AND customer_id IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .execute()
    .await?;
    Ok(())
}

/// Delete what detached customers declared and the ledger has, with what would open it there; what it has not yet is
/// deleted as soon as it has it.
pub async fn delete_placed(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    tx.query(
        "DELETE FROM consent_declaration
         WHERE store_id = $1 AND leaf IS NOT NULL AND customer_id IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .execute()
    .await?;
    Ok(())
}

impl FromRow for Opening {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            leaf: row.get("leaf")?,
            salt: row.get("salt")?,
            session: row.get("session")?,
            policy_sha256: row.get("policy_sha256")?,
        })
    }
}

impl FromRow for Declared {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let declaration = Declaration::new(row.get("allow")?, row.get("deny")?)
            .map_err(|error| sql::Error::column("deny", error))?;
        let channel: ChannelId = row.get("channel_id")?;
        let version: Option<String> = row.get("version")?;
        let sha256: String = row.get("policy_sha256")?;
        Ok(Self {
            sequence: row.get("sequence")?,
            declaration,
            declared_at: row.get("declared_at")?,
            source: row.get("source")?,
            declared_by: row.get("declared_by")?,
            session: row.get("session")?,
            gpc: row.get("gpc")?,
            channel: (channel != ChannelId(0)).then_some(channel),
            locale: row.get("locale")?,
            policy: version.map(|version| PolicyName { version, sha256 }),
            leaf: row.get("leaf")?,
        })
    }
}

impl FromRow for Consent {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let since: Timestamp = row.get("date_created")?;
        let allow: Option<Categories> = row.get("allow")?;
        let deny: Option<Categories> = row.get("deny")?;
        let declared_at: Option<Timestamp> = row.get("declared_at")?;
        let declaration = Declaration::new(allow.unwrap_or_default(), deny.unwrap_or_default())
            .map_err(|error| sql::Error::column("deny", error))?;
        Ok(Self { declaration, declared_at: declared_at.unwrap_or(since) })
    }
}

/// Stored as names, separated by spaces.
impl Value for Categories {
    type Repr = String;

    fn into_repr(self) -> String {
        self.names().join(" ")
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        let names = repr.split_ascii_whitespace();
        names
            .map(|name| name.parse::<Category>().map_err(|_| "no such category".to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans;

    #[tokio::test]
    async fn declarations_that_wait_are_found_in_their_order_however_many_are_of_one_moment() {
        let (_place, db) = plans::database().await;
        let plan = async |tx: &mut WriteTx| waiting(tx, StoreId(1), 62).plan().await;
        let plan = db.write(plan).await.unwrap().join("; ");
        assert!(plan.contains("consent_declaration_unsequenced (store_id=?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[tokio::test]
    async fn declarations_that_have_their_places_are_found_by_their_keys() {
        let (_place, db) = plans::database().await;
        let entry = Entry {
            customer: CustomerId(1),
            sequence: 1,
            session: String::new(),
            allow: Vec::new(),
            deny: Vec::new(),
            declared_at: Timestamp(0),
            source: String::new(),
            declared_by: kernel::AccountId(1),
            channel: ChannelId(0),
            locale: String::new(),
            gpc: false,
            policy_sha256: String::new(),
            leaf: None,
            detached: false,
        };
        let salt = Salt::new([0; 32]);
        let placed = vec![(0, &entry, &salt); 15];
        let alone = async |tx: &mut WriteTx| place(tx, StoreId(1), placed[0]).plan().await;
        let together =
            async |tx: &mut WriteTx| place_together(tx, StoreId(1), &placed).plan().await;
        for plan in [db.write(alone).await, db.write(together).await] {
            let plan = plan.unwrap().join("; ");
            let by_key = "(store_id=? AND customer_id=? AND sequence=?)";
            assert!(plan.contains(by_key), "{plan}");
        }
    }
}
