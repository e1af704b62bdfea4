use kernel::{HookId, StoreId, Timestamp};
use sql::{FromRow, ReadTx, Result, Row, WriteTx};

use super::model::{Heard, Listener, Told, data_of};

/// Whether anybody listens to a store.
pub async fn is_heard(tx: &mut ReadTx, store: StoreId, now: Timestamp) -> Result<bool> {
    let found: Option<(i64,)> = tx
        .query("SELECT listener_id FROM listener WHERE store_id = $1 AND until > $2 LIMIT 1")
        .bind(store)
        .bind(now)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Leave notes for everybody who listens: of events, which are kept already.
pub async fn note_events(
    tx: &mut WriteTx,
    store: StoreId,
    event_ids: &[i64],
    now: Timestamp,
) -> Result<()> {
    for some in event_ids.chunks(sql::LIST_CAP) {
        tx.query(
            "WITH there AS (SELECT listener_id FROM listener WHERE store_id = $1 AND until > $2)
             INSERT INTO heard (store_id, listener_id, event_id, hook_id, attempt, at)
             SELECT store_id, listener_id, event_id, 0, 0, CAST($2 AS BIGINT) FROM there CROSS JOIN event
             WHERE store_id = $1 AND event_id IN ",
        )
        .bind(store)
        .bind(now)
        .push_list(some.iter().copied())
        .push(" ON CONFLICT (store_id, listener_id, event_id, hook_id, attempt) DO NOTHING")
        .execute()
        .await?;
    }
    Ok(())
}

/// Leave a note for everybody who listens: of an attempt to tell a webhook of an event.
pub async fn note_attempt(
    tx: &mut WriteTx,
    store: StoreId,
    event_id: i64,
    (hook, attempt): (HookId, i64),
    now: Timestamp,
) -> Result<()> {
    tx.query(
        "WITH there AS (SELECT store_id, listener_id FROM listener WHERE store_id = $1 AND until > $5)
         INSERT INTO heard (store_id, listener_id, event_id, hook_id, attempt, at)
         SELECT store_id, listener_id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT)
         FROM there WHERE store_id = $1
         ON CONFLICT (store_id, listener_id, event_id, hook_id, attempt) DO NOTHING",
    )
    .bind(store)
    .bind(event_id)
    .bind(hook)
    .bind(attempt)
    .bind(now)
    .execute()
    .await?;
    Ok(())
}

/// Whether a store is there; it stays so until the transaction ends.
pub async fn hold_store(tx: &mut WriteTx, store: StoreId) -> Result<bool> {
    let for_key_share = tx.for_key_share();
    let found: Option<(i64,)> = tx
        .query("SELECT store_id FROM delivery_turn WHERE store_id = $1")
        .push(for_key_share)
        .bind(store)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Somebody listens until then.
pub async fn insert(tx: &mut WriteTx, listener: Listener, until: Timestamp) -> Result<()> {
    tx.query("INSERT INTO listener (store_id, listener_id, until) VALUES ($1, $2, $3)")
        .bind(listener.store)
        .bind(listener.number)
        .bind(until)
        .execute()
        .await?;
    Ok(())
}

/// Somebody still listens. `false` where nobody knows of them any more.
pub async fn renew(tx: &mut WriteTx, listener: Listener, until: Timestamp) -> Result<bool> {
    let renewed = tx
        .query("UPDATE listener SET until = $3 WHERE store_id = $1 AND listener_id = $2")
        .bind(listener.store)
        .bind(listener.number)
        .bind(until)
        .execute()
        .await?;
    Ok(renewed == 1)
}

/// Whether there is anything to take.
pub async fn has_notes(tx: &mut ReadTx, listener: Listener) -> Result<bool> {
    let found: Option<(i64,)> = tx
        .query("SELECT event_id FROM heard WHERE store_id = $1 AND listener_id = $2 LIMIT 1")
        .bind(listener.store)
        .bind(listener.number)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// The first notes, with the keys they are deleted by.
pub async fn notes(tx: &mut ReadTx, listener: Listener, limit: i64) -> Result<Vec<Note>> {
    tx.query(
        "SELECT n.event_id, n.hook_id, n.attempt, n.at, e.hash, e.scope, e.body, e.created_at,
                COALESCE(k.destination, '') AS destination, COALESCE(a.status, 0) AS status,
                COALESCE(a.fault, '') AS fault, COALESCE(a.took, 0) AS took, COALESCE(e.event_id, 0) AS known
         FROM heard n
         LEFT JOIN event e ON e.store_id = n.store_id AND e.event_id = n.event_id
         LEFT JOIN delivery_attempt a ON a.store_id = n.store_id AND a.hook_id = n.hook_id
              AND a.event_id = n.event_id AND a.attempt = n.attempt
         LEFT JOIN hook k ON k.store_id = n.store_id AND k.hook_id = n.hook_id
         WHERE n.store_id = $1 AND n.listener_id = $2
         ORDER BY n.at, n.event_id, n.hook_id, n.attempt LIMIT $3",
    )
    .bind(listener.store)
    .bind(listener.number)
    .bind(limit)
    .fetch_all()
    .await
}

/// A note is taken.
pub async fn delete(tx: &mut WriteTx, listener: Listener, note: &Note) -> Result<()> {
    tx.query(
        "DELETE FROM heard WHERE store_id = $1 AND listener_id = $2 AND event_id = $3 AND hook_id = $4 AND attempt = $5",
    )
    .bind(listener.store)
    .bind(listener.number)
    .bind(note.event_id)
    .bind(note.hook)
    .bind(note.attempt)
    .execute()
    .await?;
    Ok(())
}

/// Drop some of a listener's notes: how many.
pub async fn drop_notes(tx: &mut WriteTx, listener: Listener, limit: i64) -> Result<u64> {
    tx.query(
        "DELETE FROM heard WHERE store_id = $1 AND listener_id = $2 AND (event_id, hook_id, attempt) IN
             (SELECT event_id, hook_id, attempt FROM heard WHERE store_id = $1 AND listener_id = $2
              ORDER BY event_id, hook_id, attempt LIMIT $3)",
    )
    .bind(listener.store)
    .bind(listener.number)
    .bind(limit)
    .execute()
    .await
}

/// Somebody listens no more.
pub async fn remove(tx: &mut WriteTx, listener: Listener) -> Result<()> {
    tx.query("DELETE FROM listener WHERE store_id = $1 AND listener_id = $2")
        .bind(listener.store)
        .bind(listener.number)
        .execute()
        .await?;
    Ok(())
}

/// Those of a store of whom nothing was heard since then.
pub async fn gone(tx: &mut ReadTx, store: StoreId, since: Timestamp) -> Result<Vec<Listener>> {
    let found: Vec<(i64,)> = tx
        .query("SELECT listener_id FROM listener WHERE store_id = $1 AND until <= $2 ORDER BY listener_id")
        .bind(store)
        .bind(since)
        .fetch_all()
        .await?;
    Ok(found.into_iter().map(|(number,)| Listener { store, number }).collect())
}

/// Whether a store has notes from before then.
pub async fn has_old(tx: &mut ReadTx, store: StoreId, before: Timestamp) -> Result<bool> {
    let found: Option<(i64,)> = tx
        .query("SELECT event_id FROM heard WHERE store_id = $1 AND at <= $2 LIMIT 1")
        .bind(store)
        .bind(before)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Drop a store's notes from before then.
pub async fn drop_old(tx: &mut WriteTx, store: StoreId, before: Timestamp) -> Result<()> {
    tx.query("DELETE FROM heard WHERE store_id = $1 AND at <= $2")
        .bind(store)
        .bind(before)
        .execute()
        .await?;
    Ok(())
}

/// A note, and what it stands for.
pub struct Note {
    event_id: i64,
    hook: HookId,
    attempt: i64,
    /// `None` where the event went with its customer.
    pub heard: Option<Heard>,
}

impl FromRow for Note {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let (hook, attempt): (HookId, i64) = (row.get("hook_id")?, row.get("attempt")?);
        let known: i64 = row.get("known")?;
        let heard = if known == 0 { None } else { Some(heard(row, hook, attempt)?) };
        Ok(Self { event_id: row.get("event_id")?, hook, attempt, heard })
    }
}

fn heard(row: &Row<'_>, hook: HookId, attempt: i64) -> Result<Heard> {
    let body: String = row.get("body")?;
    let told = if attempt == 0 { None } else { Some(told(row, hook, attempt)?) };
    Ok(Heard {
        event: row.get("hash")?,
        scope: row.get("scope")?,
        data: data_of(&body).to_owned(),
        at: row.get(if told.is_some() { "at" } else { "created_at" })?,
        told,
    })
}

fn told(row: &Row<'_>, hook: HookId, attempt: i64) -> Result<Told> {
    let status: i64 = row.get("status")?;
    Ok(Told {
        hook,
        destination: row.get("destination")?,
        attempt,
        status: (status != 0).then_some(status),
        fault: row.get("fault")?,
        took: row.get("took")?,
    })
}
