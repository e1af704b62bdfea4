use kernel::{Part, Span, StoreId, SubscriberId, fold};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, Value, WriteTx, Writes};

use super::{
    filter::{Filter, Lead},
    model::{Consents, Purpose, Subscriber},
};

/// The subscriber of this id.
pub async fn find(tx: &mut ReadTx, store: StoreId, id: SubscriberId) -> Result<Option<Subscriber>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND subscriber_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await
}

/// The same, held until the transaction ends.
pub async fn lock(
    tx: &mut WriteTx,
    store: StoreId,
    id: SubscriberId,
) -> Result<Option<Subscriber>> {
    let for_update = tx.for_update();
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND subscriber_id = $2")
        .push(for_update)
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await
}

/// Who has this address, folded.
pub async fn with_email_key(
    tx: &mut ReadTx,
    store: StoreId,
    key: &str,
) -> Result<Option<SubscriberId>> {
    let holder: Option<(SubscriberId,)> = tx
        .query("SELECT subscriber_id FROM subscriber WHERE store_id = $1 AND email_key = $2")
        .bind(store)
        .bind(key)
        .fetch_optional()
        .await?;
    Ok(holder.map(|(id,)| id))
}

/// Part of those that match, the lowest id first.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    part: Part,
) -> Result<Vec<Subscriber>> {
    listing(tx, store, filter, part).fetch_all().await
}

fn listing<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    filter: &Filter,
    part: Part,
) -> Query<'t, Reads> {
    let lead = filter.lead();
    let query = tx.query(SELECT).push("WHERE store_id = $1").bind(store);
    let query = narrowed(query, filter, lead).push(ordered(lead));
    query.push_part(part)
}

/// How many match.
pub async fn count(tx: &mut ReadTx, store: StoreId, filter: &Filter) -> Result<i64> {
    let query = tx.query("SELECT COUNT(*) FROM subscriber WHERE store_id = $1").bind(store);
    let (count,) = narrowed(query, filter, filter.lead()).fetch_one().await?;
    Ok(count)
}

/// The ids of up to `limit` of those that match and come after `after`, ascending.
pub async fn ids_after(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    after: SubscriberId,
    limit: i64,
) -> Result<Vec<SubscriberId>> {
    let ids: Vec<(SubscriberId,)> = walk(tx, store, filter, after, limit).fetch_all().await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

fn walk<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    filter: &Filter,
    after: SubscriberId,
    limit: i64,
) -> Query<'t, Reads> {
    let lead = match filter.lead() {
        // Each portion of a stretch of time would be found and sorted anew: the ids go through it once.
        Lead::Date => Lead::Nothing,
        lead => lead,
    };
    let query = tx
        .query("SELECT subscriber_id FROM subscriber WHERE store_id = $1 AND subscriber_id > $2")
        .bind(store)
        .bind(after);
    narrowed(query, filter, lead).push(ordered(lead)).push(" LIMIT ").push_bind(limit)
}

/// Those of these subscribers that match now, held until the transaction ends.
pub async fn lock_matching(
    tx: &mut WriteTx,
    store: StoreId,
    filter: &Filter,
    ids: &[SubscriberId],
) -> Result<Vec<SubscriberId>> {
    let for_update = tx.for_update();
    let reads: &mut ReadTx = tx;
    let query = reads.query("SELECT subscriber_id FROM subscriber WHERE store_id = $1").bind(store);
    let query = query.push(" AND subscriber_id IN ").push_list(ids.iter().copied());
    let query = narrowed(query, filter, Lead::Ids).push(ordered(Lead::Ids)).push(for_update);
    let ids: Vec<(SubscriberId,)> = query.fetch_all().await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// Add a subscriber.
pub async fn insert(tx: &mut WriteTx, store: StoreId, subscriber: &Subscriber) -> Result<()> {
    let query = tx.query(
        "INSERT INTO subscriber
             (store_id, subscriber_id, email, first_name, last_name, source, order_id, channel_id, consents,
              email_key, first_name_key, last_name_key, date_modified, date_created)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    );
    with_fields(query, store, subscriber).bind(subscriber.created_at).execute().await?;
    Ok(())
}

/// Write a subscriber's fields anew.
pub async fn update(tx: &mut WriteTx, store: StoreId, subscriber: &Subscriber) -> Result<()> {
    let query = tx.query(
        "UPDATE subscriber SET email = $3, first_name = $4, last_name = $5, source = $6, order_id = $7,
             channel_id = $8, consents = $9, email_key = $10, first_name_key = $11, last_name_key = $12,
             date_modified = $13
         WHERE store_id = $1 AND subscriber_id = $2",
    );
    with_fields(query, store, subscriber).execute().await?;
    Ok(())
}

/// Bind `$1` to `$13`: the key, what can be changed, and the keys that follow from it.
fn with_fields<'t>(
    query: Query<'t, Writes>,
    store: StoreId,
    subscriber: &Subscriber,
) -> Query<'t, Writes> {
    query
        .bind(store)
        .bind(subscriber.id)
        .bind(subscriber.email.as_str())
        .bind(subscriber.first_name.as_str())
        .bind(subscriber.last_name.as_str())
        .bind(subscriber.source.as_str())
        .bind(subscriber.order)
        .bind(subscriber.channel)
        .bind(subscriber.consents)
        .bind(subscriber.email_key())
        .bind(fold(&subscriber.first_name))
        .bind(fold(&subscriber.last_name))
        .bind(subscriber.modified_at)
}

/// Remove those of these subscribers that there are; their ids, ascending.
pub async fn delete(
    tx: &mut WriteTx,
    store: StoreId,
    ids: &[SubscriberId],
) -> Result<Vec<SubscriberId>> {
    let gone: Vec<(SubscriberId,)> = tx
        .query("DELETE FROM subscriber WHERE store_id = $1 AND subscriber_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" RETURNING subscriber_id")
        .fetch_all()
        .await?;
    let mut gone: Vec<SubscriberId> = gone.into_iter().map(|(id,)| id).collect();
    gone.sort_unstable();
    Ok(gone)
}

/// What a [`Subscriber`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT subscriber_id, email, first_name, last_name, source, order_id, channel_id, consents,
           date_created, date_modified
    FROM subscriber ";

/// The clauses of a filter, each there only when the filter has it. Those that do not lead are written so
/// that no index is entered by them.
fn narrowed<'t>(mut query: Query<'t, Reads>, filter: &Filter, lead: Lead) -> Query<'t, Reads> {
    if let Some(ids) = &filter.ids {
        query = query.push(" AND subscriber_id IN ").push_list(ids.iter().copied());
    }
    let values = [
        (" AND email_key = ", &filter.email_key),
        (" AND first_name_key = ", &filter.first_name_key),
        (" AND last_name_key = ", &filter.last_name_key),
    ];
    for (clause, value) in values {
        if let Some(value) = value {
            query = query.push(clause).push_bind(value.as_str());
        }
    }
    if let Some(order) = filter.order {
        query = query.push(" AND order_id = ").push_bind(order);
    }
    if let Some(source) = &filter.source {
        let leads = lead == Lead::Source;
        let clause = if leads { " AND source = " } else { " AND source || '' = " };
        query = query.push(clause).push_bind(source.as_str());
    }
    if let Some(most) = filter.max_id {
        query = query.push(" AND subscriber_id + 0 <= ").push_bind(most);
    }
    let (created, modified) = if lead == Lead::Date {
        (" AND date_created", " AND date_modified")
    } else {
        (" AND date_created + 0", " AND date_modified + 0")
    };
    within(within(query, created, filter.created), modified, filter.modified)
}

fn within<'t>(mut query: Query<'t, Reads>, column: &'static str, span: Span) -> Query<'t, Reads> {
    if let Some(from) = span.from {
        query = query.push(column).push(" >= ").push_bind(from);
    }
    if let Some(to) = span.to {
        query = query.push(column).push(" <= ").push_bind(to);
    }
    query
}

/// By the id; where rows are found out of its order, written so that no index gives it.
fn ordered(lead: Lead) -> &'static str {
    match lead {
        Lead::Ids | Lead::Date => " ORDER BY subscriber_id + 0",
        Lead::Value | Lead::Source | Lead::Nothing => " ORDER BY subscriber_id",
    }
}

impl FromRow for Subscriber {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("subscriber_id")?,
            email: row.get("email")?,
            first_name: row.get("first_name")?,
            last_name: row.get("last_name")?,
            source: row.get("source")?,
            order: row.get("order_id")?,
            channel: row.get("channel_id")?,
            consents: row.get("consents")?,
            created_at: row.get("date_created")?,
            modified_at: row.get("date_modified")?,
        })
    }
}

/// Stored as names, separated by spaces.
impl Value for Consents {
    type Repr = String;

    fn into_repr(self) -> String {
        self.names().join(" ")
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        let names = repr.split_ascii_whitespace();
        names
            .map(|name| name.parse::<Purpose>().map_err(|_| "no such purpose".to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;
    use crate::plans;

    /// The plans that SQLite makes, without statistics, of a page and of a step of a deletion.
    async fn plans(filter: Filter) -> (String, String) {
        let (_place, db) = plans::database().await;
        let page =
            async |tx: &mut ReadTx| listing(tx, StoreId(1), &filter, plans::FIRST).plan().await;
        let step = async |tx: &mut ReadTx| {
            walk(tx, StoreId(1), &filter, SubscriberId(7), 100).plan().await
        };
        (db.read(page).await.unwrap().join("; "), db.read(step).await.unwrap().join("; "))
    }

    /// Page and step are led by this index, and the page is sorted or not.
    async fn check(filter: Filter, words: [&str; 2], sorts: bool) {
        let (page, step) = plans(filter).await;
        assert!(page.contains(words[0]), "{page}");
        assert!(step.contains(words[1]), "{step}");
        assert_eq!(page.contains("TEMP B-TREE"), sorts, "{page}");
    }

    fn beside(filter: Filter) -> Filter {
        let span = Span { from: Some(Timestamp(10)), to: Some(Timestamp(90)) };
        Filter {
            source: Some("order".to_owned()),
            created: span,
            modified: span,
            max_id: Some(9),
            ..filter
        }
    }

    #[tokio::test]
    async fn values_lead_to_their_rows_in_the_order_of_the_ids() {
        let value = || Some("a".to_owned());
        let by = |index: &str| format!("{index} (store_id=? AND ");
        let cases = [
            (Filter { email_key: value(), ..Filter::default() }, "sqlite_autoindex_subscriber_2"),
            (Filter { first_name_key: value(), ..Filter::default() }, "subscriber_by_first_name"),
            (Filter { last_name_key: value(), ..Filter::default() }, "subscriber_by_last_name"),
            (Filter { order: Some(1), ..Filter::default() }, "subscriber_by_order"),
        ];
        for (filter, index) in cases {
            check(filter.clone(), [&by(index), &by(index)], false).await;
            check(beside(filter), [&by(index), &by(index)], false).await;
        }
        let source = Filter { source: value(), ..Filter::default() };
        let index = by("subscriber_by_source");
        check(source, [&index, &index], false).await;
    }

    #[tokio::test]
    async fn ids_lead_to_their_rows_whatever_stands_beside_them() {
        let ids = Some((1..9).map(SubscriberId).collect());
        let found = "(store_id=? AND subscriber_id=?)";
        let filter = Filter { ids, ..Filter::default() };
        for filter in [filter.clone(), beside(filter)] {
            let (page, _) = plans(filter).await;
            assert!(page.contains(found), "{page}");
        }
    }

    #[tokio::test]
    async fn a_stretch_of_time_leads_a_page_and_not_a_deletion() {
        let span = Span { from: Some(Timestamp(10)), to: Some(Timestamp(90)) };
        let walk = "subscriber_1 (store_id=? AND subscriber_id>?)";
        let created = Filter { created: span, ..Filter::default() };
        check(created, ["subscriber_by_created (store_id=? AND date_created>", walk], true).await;
        let modified =
            Filter { modified: span, source: Some("order".to_owned()), ..Filter::default() };
        check(modified, ["subscriber_by_modified (store_id=? AND date_modified>", walk], true)
            .await;
    }

    #[tokio::test]
    async fn without_a_filter_the_store_is_walked_in_order() {
        let walk = "subscriber_1 (store_id=?";
        check(Filter::default(), [walk, walk], false).await;
        check(Filter { max_id: Some(9), ..Filter::default() }, [walk, walk], false).await;
    }
}
