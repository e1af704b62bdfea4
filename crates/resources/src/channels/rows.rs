use std::collections::BTreeSet;

use kernel::{ChannelId, StoreId};
use sql::{FromRow, ReadTx, Result, Row, WriteTx};

use super::model::{Channel, Kind};

/// Every channel, in the order of their ids: there are a thousand at most.
pub async fn list(tx: &mut ReadTx, store: StoreId) -> Result<Vec<Channel>> {
    tx.query(SELECT).push("WHERE store_id = $1 ORDER BY channel_id").bind(store).fetch_all().await
}

/// The channel of this id.
pub async fn find(tx: &mut ReadTx, store: StoreId, id: ChannelId) -> Result<Option<Channel>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND channel_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await
}

/// Those of these ids that are channels of the store. A channel never goes, so they stay.
pub async fn known(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &BTreeSet<ChannelId>,
) -> Result<BTreeSet<ChannelId>> {
    let mut known = BTreeSet::new();
    let ids: Vec<ChannelId> = ids.iter().copied().collect();
    for some in ids.chunks(sql::LIST_CAP) {
        let found: Vec<(ChannelId,)> = tx
            .query("SELECT channel_id FROM channel WHERE store_id = $1 AND channel_id IN ")
            .bind(store)
            .push_list(some.iter().copied())
            .fetch_all()
            .await?;
        known.extend(found.into_iter().map(|(id,)| id));
    }
    Ok(known)
}

/// Add a channel. The caller holds the counter of channels, and has counted it.
pub async fn insert(tx: &mut WriteTx, store: StoreId, channel: &Channel) -> Result<()> {
    tx.query(
        "INSERT INTO channel (store_id, channel_id, name, type, date_created)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(store)
    .bind(channel.id)
    .bind(channel.name.as_str())
    .bind(channel.kind.name())
    .bind(channel.created_at)
    .execute()
    .await?;
    Ok(())
}

/// Write a channel's fields anew.
pub async fn update(tx: &mut WriteTx, store: StoreId, channel: &Channel) -> Result<()> {
    tx.query("UPDATE channel SET name = $3, type = $4 WHERE store_id = $1 AND channel_id = $2")
        .bind(store)
        .bind(channel.id)
        .bind(channel.name.as_str())
        .bind(channel.kind.name())
        .execute()
        .await?;
    Ok(())
}

/// What a [`Channel`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "SELECT channel_id, name, type, date_created FROM channel ";

impl FromRow for Channel {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let kind: String = row.get("type")?;
        let kind = Kind::named(&kind).ok_or_else(|| sql::Error::column("type", "no such type"))?;
        Ok(Self {
            id: row.get("channel_id")?,
            name: row.get("name")?,
            kind,
            created_at: row.get("date_created")?,
        })
    }
}
