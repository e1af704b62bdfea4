//! Lists of customers: filters, orders, and where a page begins. A room of `rows` of its own.

use kernel::{CustomerId, GroupId, StoreId, Stretch};
use sql::{Query, ReadTx, Reads, Result, Value, WriteTx, containing};

use super::{
    filter::{Filter, Key, Order, Place, PlaceKey, Span, Text},
    model::Customer,
    rows::SELECT,
};

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

#[cfg(test)]
mod tests {
    use kernel::Timestamp;
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
    async fn members_are_found_by_their_group() {
        let (_place, db) = plans::database().await;
        let filter = Filter { groups: Some(vec![GroupId(7)]), ..Filter::default() };
        let order = Order { by: Key::Id, descending: true };
        let plan = plan(&db, &filter, order, &Stretch::Offset(0)).await;
        assert!(plan.contains("customer_by_group (store_id=? AND customer_group_id=?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
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
