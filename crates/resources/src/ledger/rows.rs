use kernel::{CustomerId, StoreId, Timestamp};
use ledger::tree::Place;
use sql::{FromRow, ReadTx, Result, Row, WriteTx};

use super::model::{Count, Entry, Head, Kept};

/// Begin the ledger of a store.
pub async fn open(tx: &mut WriteTx, store: StoreId, store_hash: &str) -> Result<()> {
    tx.query(
        "INSERT INTO ledger (store_id, store_hash, size, checkpoint, signed_at)
         VALUES ($1, $2, 0, '', 0)",
    )
    .bind(store)
    .bind(store_hash)
    .execute()
    .await?;
    Ok(())
}

/// The head of a store's tree; `None` when there is no such store.
pub async fn head(tx: &mut ReadTx, store: StoreId) -> Result<Option<Head>> {
    tx.query(SELECT).push("WHERE store_id = $1").bind(store).fetch_optional().await
}

/// The same, held until the transaction ends: nobody else appends meanwhile.
pub async fn hold(tx: &mut WriteTx, store: StoreId) -> Result<Option<Head>> {
    let for_update = tx.for_update();
    let query = tx.query(SELECT).push("WHERE store_id = $1").bind(store);
    query.push(for_update).fetch_optional().await
}

/// Write the head anew. The caller holds it.
pub async fn advance(tx: &mut WriteTx, store: StoreId, head: &Head) -> Result<()> {
    tx.query("UPDATE ledger SET size = $2, checkpoint = $3, signed_at = $4 WHERE store_id = $1")
        .bind(store)
        .bind(head.size)
        .bind(head.checkpoint.as_str())
        .bind(head.signed_at)
        .execute()
        .await?;
    Ok(())
}

/// Add leaves, the first of which has this place. The caller holds the head.
pub async fn insert_leaves(
    tx: &mut WriteTx,
    store: StoreId,
    first: i64,
    leaves: &[String],
) -> Result<()> {
    let placed: Vec<(i64, &String)> = (first..).zip(leaves).collect();
    // As many as a statement that stays prepared has room for, and the rest one by one, which is another.
    let groups = placed.chunks_exact(31);
    for group in groups.clone().chain(groups.remainder().chunks(1)) {
        let insert = "INSERT INTO ledger_leaf (store_id, leaf, json) VALUES ($1, ";
        let mut insert = tx.query(insert).bind(store);
        for (at, (leaf, json)) in group.iter().enumerate() {
            insert = insert.push(if at == 0 { "" } else { ", ($1, " });
            insert = insert.push_bind(*leaf).push(", ").push_bind(json.as_str()).push(")");
        }
        insert.execute().await?;
    }
    Ok(())
}

/// Some leaves, from this one on.
pub async fn leaves(
    tx: &mut ReadTx,
    store: StoreId,
    from: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>> {
    let leaves: Vec<Placed> = tx
        .query(
            "SELECT leaf, json FROM ledger_leaf WHERE store_id = $1 AND leaf >= $2
             ORDER BY leaf LIMIT $3",
        )
        .bind(store)
        .bind(from)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(leaves.into_iter().map(|Placed(leaf, json)| (leaf, json)).collect())
}

/// The leaf at this place.
pub async fn leaf(tx: &mut ReadTx, store: StoreId, leaf: i64) -> Result<Option<String>> {
    let found: Option<(String,)> = tx
        .query("SELECT json FROM ledger_leaf WHERE store_id = $1 AND leaf = $2")
        .bind(store)
        .bind(leaf)
        .fetch_optional()
        .await?;
    Ok(found.map(|(json,)| json))
}

/// Those of these tiles that there are.
pub async fn tiles(
    tx: &mut ReadTx,
    store: StoreId,
    places: &[Place],
) -> Result<Vec<(Place, Vec<u8>)>> {
    let mut tiles = Vec::with_capacity(places.len());
    for place in places {
        let hashes: Option<(Vec<u8>,)> = tx
            .query(
                "SELECT hashes FROM ledger_tile
                 WHERE store_id = $1 AND level = $2 AND number = $3",
            )
            .bind(store)
            .bind(i64::from(place.level))
            .bind(number(*place))
            .fetch_optional()
            .await?;
        tiles.extend(hashes.map(|(hashes,)| (*place, hashes)));
    }
    Ok(tiles)
}

/// Write a tile, new or longer than it was. The caller holds the head.
pub async fn put_tile(tx: &mut WriteTx, store: StoreId, place: Place, hashes: &[u8]) -> Result<()> {
    tx.query(
        "INSERT INTO ledger_tile (store_id, level, number, hashes) VALUES ($1, $2, $3, $4)
         ON CONFLICT (store_id, level, number) DO UPDATE SET hashes = excluded.hashes",
    )
    .bind(store)
    .bind(i64::from(place.level))
    .bind(number(place))
    .bind(hashes)
    .execute()
    .await?;
    Ok(())
}

/// Some declarations, after this one in the order of customers, each with its leaf.
pub async fn kept_after(
    tx: &mut ReadTx,
    store: StoreId,
    after: (CustomerId, i64),
    limit: i64,
) -> Result<Vec<Kept>> {
    tx.query(
        "SELECT d.customer_id, d.sequence, d.session, d.allow, d.deny, d.declared_at, d.source, d.declared_by,
                d.channel_id, d.locale, d.gpc, d.policy_sha256, d.leaf, d.detached, d.salt, l.json,
                c.customer_id IS NOT NULL AS is_somebodys
         FROM consent_declaration d
         LEFT JOIN ledger_leaf l ON l.store_id = d.store_id AND l.leaf = d.leaf
         LEFT JOIN customer c ON c.store_id = d.store_id AND c.customer_id = d.customer_id
         WHERE d.store_id = $1 AND (d.customer_id > $2 OR d.customer_id = $2 AND d.sequence > $3)
         ORDER BY d.customer_id, d.sequence LIMIT $4",
    )
    .bind(store)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all()
    .await
}

/// How many declarations each of some customers has, after this one.
pub async fn counts_after(
    tx: &mut ReadTx,
    store: StoreId,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<Count>> {
    tx.query(
        "SELECT c.customer_id, c.declarations, COUNT(d.sequence) AS kept,
                COALESCE(MIN(d.sequence), 0) AS first, COALESCE(MAX(d.sequence), 0) AS last
         FROM (SELECT customer_id, declarations FROM customer
               WHERE store_id = $1 AND customer_id > $2 ORDER BY customer_id LIMIT $3) c
         LEFT JOIN consent_declaration d ON d.store_id = $1 AND d.customer_id = c.customer_id
         GROUP BY c.customer_id, c.declarations ORDER BY c.customer_id",
    )
    .bind(store)
    .bind(after)
    .bind(limit)
    .fetch_all()
    .await
}

fn number(place: Place) -> i64 {
    i64::try_from(place.number).unwrap_or(i64::MAX)
}

/// What a [`Head`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "SELECT store_hash, size, checkpoint, signed_at FROM ledger ";

impl FromRow for Head {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            store_hash: row.get("store_hash")?,
            size: row.get("size")?,
            checkpoint: row.get("checkpoint")?,
            signed_at: row.get::<Timestamp>("signed_at")?,
        })
    }
}

/// Its words as they stand there: what cannot be right is told of, and not an error.
impl FromRow for Entry {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let words = |column| {
            row.get::<String>(column)
                .map(|words| words.split_ascii_whitespace().map(str::to_owned).collect())
        };
        Ok(Self {
            customer: row.get("customer_id")?,
            sequence: row.get("sequence")?,
            session: row.get("session")?,
            allow: words("allow")?,
            deny: words("deny")?,
            declared_at: row.get("declared_at")?,
            source: row.get("source")?,
            declared_by: row.get("declared_by")?,
            channel: row.get("channel_id")?,
            locale: row.get("locale")?,
            gpc: row.get("gpc")?,
            policy_sha256: row.get("policy_sha256")?,
            leaf: row.get("leaf")?,
            detached: row.get("detached")?,
        })
    }
}

impl FromRow for Kept {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            entry: Entry::from_row(row)?,
            salt: row.get::<Option<Vec<u8>>>("salt")?.unwrap_or_default(),
            json: row.get("json")?,
            is_somebodys: row.get("is_somebodys")?,
        })
    }
}

impl FromRow for Count {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            customer: row.get("customer_id")?,
            said: row.get("declarations")?,
            kept: row.get("kept")?,
            first: row.get("first")?,
            last: row.get("last")?,
        })
    }
}

struct Placed(i64, String);

impl FromRow for Placed {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("leaf")?, row.get("json")?))
    }
}
