use std::collections::{BTreeMap, BTreeSet};

use kernel::{ChannelId, GroupId, StoreId};
use sql::{FromRow, ReadTx, Result, Row, WriteTx};

use super::model::Settings;

/// What was set for a channel, or for the store (number 0).
pub async fn find(tx: &mut ReadTx, store: StoreId, channel: ChannelId) -> Result<Settings> {
    let settings: Option<Settings> = tx
        .query(SELECT)
        .push("WHERE store_id = $1 AND channel_id = $2")
        .bind(store)
        .bind(channel)
        .fetch_optional()
        .await?;
    Ok(settings.unwrap_or_default())
}

/// The channels that let customers with global access sign in. It stays so while the caller holds the counter
/// of customers.
pub async fn open_to_everybody(tx: &mut ReadTx, store: StoreId) -> Result<BTreeSet<ChannelId>> {
    let said: Vec<Door> = tx
        .query(
            "SELECT channel_id, allow_global_logins FROM customer_settings
             WHERE store_id = $1 AND allow_global_logins IS NOT NULL",
        )
        .bind(store)
        .fetch_all()
        .await?;
    let mut doors = BTreeMap::from([(ChannelId(1), true)]);
    doors.extend(said.into_iter().map(|Door(channel, is_open)| (channel, is_open)));
    Ok(doors.into_iter().filter(|(_, is_open)| *is_open).map(|(channel, _)| channel).collect())
}

/// The group that new customers join, for each of these channels that says so; 0 is none.
pub async fn default_groups(
    tx: &mut ReadTx,
    store: StoreId,
    channels: &BTreeSet<ChannelId>,
) -> Result<BTreeMap<ChannelId, GroupId>> {
    let said: Vec<Joins> = tx
        .query(
            "SELECT channel_id, default_group_id FROM customer_settings
             WHERE store_id = $1 AND default_group_id IS NOT NULL AND channel_id IN ",
        )
        .bind(store)
        .push_list(channels.iter().copied())
        .fetch_all()
        .await?;
    Ok(said.into_iter().map(|Joins(channel, group)| (channel, group)).collect())
}

/// Write what is set. The caller holds the counter of channels.
pub async fn set(
    tx: &mut WriteTx,
    store: StoreId,
    channel: ChannelId,
    settings: &Settings,
) -> Result<()> {
    tx.query(
        "INSERT INTO customer_settings
             (store_id, channel_id, ask_for_consent, policy_url, ask_at_checkout, guest_group_id, default_group_id,
              allow_global_logins)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (store_id, channel_id) DO UPDATE SET
             ask_for_consent = excluded.ask_for_consent, policy_url = excluded.policy_url,
             ask_at_checkout = excluded.ask_at_checkout, guest_group_id = excluded.guest_group_id,
             default_group_id = excluded.default_group_id,
             allow_global_logins = excluded.allow_global_logins",
    )
    .bind(store)
    .bind(channel)
    .bind(settings.ask_for_consent)
    .bind(settings.policy_url.clone())
    .bind(settings.ask_at_checkout)
    .bind(settings.guest_group)
    .bind(settings.default_group)
    .bind(settings.global_logins)
    .execute()
    .await?;
    Ok(())
}

/// Set what names a group to none. The caller holds the counter of groups.
pub async fn forget_group(tx: &mut WriteTx, store: StoreId, group: GroupId) -> Result<()> {
    tx.query(
        "UPDATE customer_settings SET guest_group_id = 0 WHERE store_id = $1 AND guest_group_id = $2",
    )
    .bind(store)
    .bind(group)
    .execute()
    .await?;
    tx.query(
        "UPDATE customer_settings SET default_group_id = 0
         WHERE store_id = $1 AND default_group_id = $2",
    )
    .bind(store)
    .bind(group)
    .execute()
    .await?;
    Ok(())
}

/// What [`Settings`] are read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT ask_for_consent, policy_url, ask_at_checkout, guest_group_id, default_group_id, allow_global_logins
    FROM customer_settings ";

impl FromRow for Settings {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            ask_for_consent: row.get("ask_for_consent")?,
            policy_url: row.get("policy_url")?,
            ask_at_checkout: row.get("ask_at_checkout")?,
            guest_group: row.get("guest_group_id")?,
            default_group: row.get("default_group_id")?,
            global_logins: row.get("allow_global_logins")?,
        })
    }
}

struct Door(ChannelId, bool);

impl FromRow for Door {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("channel_id")?, row.get("allow_global_logins")?))
    }
}

struct Joins(ChannelId, GroupId);

impl FromRow for Joins {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("channel_id")?, row.get("default_group_id")?))
    }
}
