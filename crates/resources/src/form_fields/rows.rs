use kernel::{AddressId, CustomerId, FormFieldId, StoreId, Stretch, Timestamp};
use sql::{FromRow, Mark, Query, ReadTx, Reads, Result, Row, Value as Column, WriteTx};

use super::{
    filter::{Filter, Place},
    model::{self, Definition, Field, Kind, Object, Owner},
};

/// A value as its row has it: what it means, its field says.
#[derive(Clone, Debug)]
pub struct Raw {
    pub place: Place,
    pub owner: Owner,
    pub text: String,
}

/// Every field that the store has, in the order of their ids.
pub async fn fields(tx: &mut ReadTx, store: StoreId) -> Result<Vec<Field>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND removed_at = 0 ORDER BY field_id")
        .bind(store)
        .fetch_all()
        .await
}

/// What a field is called and how it is answered: all that reading its values needs.
#[derive(Clone, Debug)]
pub struct Label {
    pub id: FormFieldId,
    pub object: Object,
    pub name: String,
    pub kind: Kind,
    /// How many values of it there are.
    pub answers: i64,
}

/// The label of every field that the store has.
pub async fn labels(tx: &mut ReadTx, store: StoreId) -> Result<Vec<Label>> {
    tx.query(LABEL).push("WHERE store_id = $1 AND removed_at = 0").bind(store).fetch_all().await
}

/// The labels of those of these fields that the store has.
pub async fn labels_of(tx: &mut ReadTx, store: StoreId, ids: &[FormFieldId]) -> Result<Vec<Label>> {
    let mut labels = Vec::new();
    // A store has a hundred; but values of any number may still be in removal.
    for some in ids.chunks(sql::LIST_CAP) {
        labels.extend(labelling(tx, store, some).fetch_all::<Label>().await?);
    }
    Ok(labels)
}

fn labelling<'t>(tx: &'t mut ReadTx, store: StoreId, ids: &[FormFieldId]) -> Query<'t, Reads> {
    tx.query(LABEL)
        .push("WHERE store_id = $1 AND removed_at = 0 AND field_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
}

/// Those of these fields that the store has, in the order of their ids, held until the transaction ends.
pub async fn lock(tx: &mut WriteTx, store: StoreId, ids: &[FormFieldId]) -> Result<Vec<Field>> {
    let for_update = tx.for_update();
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND removed_at = 0 AND field_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" ORDER BY field_id")
        .push(for_update)
        .fetch_all()
        .await
}

/// The fields whose values are still being removed.
pub async fn removed(tx: &mut ReadTx, store: StoreId) -> Result<Vec<FormFieldId>> {
    let ids: Vec<(FormFieldId,)> = tx
        .query("SELECT field_id FROM form_field WHERE store_id = $1 AND removed_at > 0 ORDER BY field_id")
        .bind(store)
        .fetch_all()
        .await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// Add a field, without values.
pub async fn insert(tx: &mut WriteTx, store: StoreId, field: &Field) -> Result<()> {
    tx.query(
        "INSERT INTO form_field
             (store_id, field_id, object, name, kind, required, choices, answers, removed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0)",
    )
    .bind(store)
    .bind(field.id)
    .bind(field.definition.object())
    .bind(field.definition.name())
    .bind(field.definition.kind())
    .bind(field.definition.is_required())
    .bind(model::lines_of(field.definition.choices()))
    .execute()
    .await?;
    tx.mark(Mark::of(store.0, 0));
    Ok(())
}

/// Write anew what of a field can change.
pub async fn update(tx: &mut WriteTx, store: StoreId, field: &Field) -> Result<()> {
    tx.query(
        "UPDATE form_field SET required = $3, choices = $4 WHERE store_id = $1 AND field_id = $2",
    )
    .bind(store)
    .bind(field.id)
    .bind(field.definition.is_required())
    .bind(model::lines_of(field.definition.choices()))
    .execute()
    .await?;
    tx.mark(Mark::of(store.0, 0));
    Ok(())
}

/// From now on the store has this field no more, though its values are still there.
pub async fn remove(
    tx: &mut WriteTx,
    store: StoreId,
    id: FormFieldId,
    at: Timestamp,
) -> Result<()> {
    tx.query("UPDATE form_field SET removed_at = $3 WHERE store_id = $1 AND field_id = $2")
        .bind(store)
        .bind(id)
        .bind(at)
        .execute()
        .await?;
    tx.mark(Mark::of(store.0, 0));
    Ok(())
}

/// Delete up to `most` values of a removed field; how many there were.
pub async fn delete_some(
    tx: &mut WriteTx,
    store: StoreId,
    id: FormFieldId,
    most: i64,
) -> Result<u64> {
    tx.mark(Mark::of(store.0, 0));
    tx.query(
        "DELETE FROM form_value WHERE store_id = $1 AND field_id = $2 AND session_id IN
             (SELECT session_id FROM form_value WHERE store_id = $1 AND field_id = $2
              ORDER BY session_id LIMIT $3)",
    )
    .bind(store)
    .bind(id)
    .bind(most)
    .execute()
    .await
}

/// Hold a field that has been removed; whether it is still there.
pub async fn lock_removed(tx: &mut WriteTx, store: StoreId, id: FormFieldId) -> Result<bool> {
    let for_update = tx.for_update();
    let found: Option<()> = tx
        .query("SELECT field_id FROM form_field WHERE store_id = $1 AND field_id = $2 AND removed_at > 0")
        .push(for_update)
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Forget a removed field whose values are gone.
pub async fn forget(tx: &mut WriteTx, store: StoreId, id: FormFieldId) -> Result<()> {
    tx.mark(Mark::of(store.0, 0));
    tx.query("DELETE FROM form_field WHERE store_id = $1 AND field_id = $2")
        .bind(store)
        .bind(id)
        .execute()
        .await?;
    Ok(())
}

/// Count values in (or, below zero, out). The field is held by the caller.
pub async fn count(tx: &mut WriteTx, store: StoreId, field: FormFieldId, more: i64) -> Result<()> {
    tx.query("UPDATE form_field SET answers = answers + $3 WHERE store_id = $1 AND field_id = $2")
        .bind(store)
        .bind(field)
        .bind(more)
        .execute()
        .await?;
    Ok(())
}

/// The values of these customers' own.
pub async fn of_customers(tx: &mut ReadTx, store: StoreId, ids: &[CustomerId]) -> Result<Vec<Raw>> {
    tx.query(VALUES)
        .push(" WHERE store_id = $1 AND address_id = 0 AND customer_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" ORDER BY customer_id, field_id")
        .fetch_all()
        .await
}

/// The values of these addresses.
pub async fn of_addresses(tx: &mut ReadTx, store: StoreId, ids: &[AddressId]) -> Result<Vec<Raw>> {
    tx.query(VALUES)
        .push(" WHERE store_id = $1 AND address_id > 0 AND address_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" ORDER BY address_id, field_id")
        .fetch_all()
        .await
}

/// Some of the values that match, at most `limit`, in the order of their places; whether there are more before
/// and after them. `fields` are those that the filter means.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    fields: Option<&[FormFieldId]>,
    stretch: Stretch<Place>,
    limit: i64,
) -> Result<(Vec<Raw>, (bool, bool))> {
    let mut rows = listing(tx, store, filter, fields, stretch, limit).fetch_all().await?;
    let more = stretch.cut(&mut rows, limit);
    Ok((rows, more))
}

fn listing<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    filter: &Filter,
    fields: Option<&[FormFieldId]>,
    stretch: Stretch<Place>,
    limit: i64,
) -> Query<'t, Reads> {
    let query = tx.query(VALUES).push(" WHERE store_id = $1").bind(store);
    let query = narrowed(query, filter, fields);
    let place = |query: Query<'t, Reads>, beyond: &'static str, place: Place| {
        query.push(beyond).push_bind(place.session).push(", ").push_bind(place.field).push(")")
    };
    // An owner leads to a few values, which are sorted: the order is written so that no index can give it, or
    // SQLite, without statistics, would walk the whole store in order.
    let sorts = filter.names_owner();
    let query = match stretch {
        Stretch::Offset(_) => query,
        Stretch::After(at) => place(query, if sorts { AFTER_SORTED } else { AFTER }, at),
        Stretch::Before(at) => place(query, if sorts { BEFORE_SORTED } else { BEFORE }, at),
    };
    let order = match (stretch.is_backwards(), sorts) {
        (true, false) => " ORDER BY session_id DESC, field_id DESC",
        (true, true) => " ORDER BY session_id + 0 DESC, field_id + 0 DESC",
        (false, false) => " ORDER BY session_id, field_id",
        (false, true) => " ORDER BY session_id + 0, field_id + 0",
    };
    query.push(order).push_stretch(&stretch, limit)
}

/// How many values of one owner match.
pub async fn count_matching(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    fields: Option<&[FormFieldId]>,
) -> Result<i64> {
    let query = tx.query("SELECT COUNT(*) FROM form_value WHERE store_id = $1").bind(store);
    let (count,) = narrowed(query, filter, fields).fetch_one().await?;
    Ok(count)
}

/// One field leads to its rows in their order; of several, those of others are passed over on the way.
fn narrowed<'t>(
    mut query: Query<'t, Reads>,
    filter: &Filter,
    fields: Option<&[FormFieldId]>,
) -> Query<'t, Reads> {
    if let Some(customer) = filter.customer {
        query = query.push(" AND address_id = 0 AND customer_id = ").push_bind(customer);
    }
    if let Some(address) = filter.address {
        query = query.push(" AND address_id > 0 AND address_id = ").push_bind(address);
    }
    match fields {
        None => query,
        Some([field]) => query.push(" AND field_id = ").push_bind(*field),
        Some(fields) => query.push(" AND field_id + 0 IN ").push_list(fields.iter().copied()),
    }
}

/// Keep a value, in the place of the one that was there.
pub async fn put(
    tx: &mut WriteTx,
    store: StoreId,
    place: Place,
    owner: Owner,
    text: &str,
) -> Result<()> {
    tx.query(
        "INSERT INTO form_value (store_id, session_id, field_id, customer_id, address_id, value)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (store_id, session_id, field_id) DO UPDATE SET value = excluded.value",
    )
    .bind(store)
    .bind(place.session)
    .bind(place.field)
    .bind(owner.customer)
    .bind(address_column(owner))
    .bind(text)
    .execute()
    .await?;
    tx.mark(Mark::of(store.0, owner.customer.0));
    Ok(())
}

/// Take a value away.
pub async fn delete(tx: &mut WriteTx, store: StoreId, place: Place, owner: Owner) -> Result<()> {
    tx.mark(Mark::of(store.0, owner.customer.0));
    tx.query("DELETE FROM form_value WHERE store_id = $1 AND session_id = $2 AND field_id = $3")
        .bind(store)
        .bind(place.session)
        .bind(place.field)
        .execute()
        .await?;
    Ok(())
}

/// Of which fields these customers and their addresses have values, and how many, in the order of the fields.
pub async fn tally_of_customers(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &[CustomerId],
) -> Result<Vec<(FormFieldId, i64)>> {
    tallied(
        tx.query("SELECT field_id, COUNT(*) AS answers FROM form_value WHERE store_id = $1")
            .bind(store)
            .push(" AND customer_id IN ")
            .push_list(ids.iter().copied()),
    )
    .await
}

/// The same of addresses.
pub async fn tally_of_addresses(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &[AddressId],
) -> Result<Vec<(FormFieldId, i64)>> {
    tallied(
        tx.query("SELECT field_id, COUNT(*) AS answers FROM form_value WHERE store_id = $1")
            .bind(store)
            .push(" AND address_id > 0 AND address_id IN ")
            .push_list(ids.iter().copied()),
    )
    .await
}

async fn tallied(query: Query<'_, Reads>) -> Result<Vec<(FormFieldId, i64)>> {
    let tallies: Vec<Tally> =
        query.push(" GROUP BY field_id ORDER BY field_id").fetch_all().await?;
    Ok(tallies.into_iter().map(|Tally(field, answers)| (field, answers)).collect())
}

struct Tally(FormFieldId, i64);

impl FromRow for Tally {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("field_id")?, row.get("answers")?))
    }
}

/// Delete the values of these customers and of their addresses.
pub async fn delete_of_customers(
    tx: &mut WriteTx,
    store: StoreId,
    ids: &[CustomerId],
) -> Result<()> {
    for id in ids {
        tx.mark(Mark::of(store.0, id.0));
    }
    tx.query("DELETE FROM form_value WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .execute()
        .await?;
    Ok(())
}

/// Delete the values of these addresses.
pub async fn delete_of_addresses(
    tx: &mut WriteTx,
    store: StoreId,
    ids: &[AddressId],
) -> Result<()> {
    tx.query("DELETE FROM form_value WHERE store_id = $1 AND address_id > 0 AND address_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .execute()
        .await?;
    Ok(())
}

/// What a [`Field`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT field_id, object, name, kind, required, choices, answers
    FROM form_field ";

/// What a [`Label`] is read from; every use goes on with `WHERE store_id = $1`.
const LABEL: &str = "SELECT field_id, object, name, kind, answers FROM form_field ";

/// What a [`Raw`] is read from; every use goes on with `WHERE store_id = $1`.
const VALUES: &str = "SELECT session_id, field_id, customer_id, address_id, value FROM form_value";

const AFTER: &str = " AND (session_id, field_id) > (";
const BEFORE: &str = " AND (session_id, field_id) < (";
const AFTER_SORTED: &str = " AND (session_id + 0, field_id + 0) > (";
const BEFORE_SORTED: &str = " AND (session_id + 0, field_id + 0) < (";

fn address_column(owner: Owner) -> i64 {
    owner.address.map_or(0, |AddressId(id)| id)
}

impl FromRow for Field {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let choices: String = row.get("choices")?;
        Ok(Self {
            id: row.get("field_id")?,
            definition: Definition::kept(
                row.get("object")?,
                row.get("name")?,
                row.get("kind")?,
                row.get("required")?,
                model::from_lines(&choices),
            ),
            answers: row.get("answers")?,
        })
    }
}

impl FromRow for Label {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("field_id")?,
            object: row.get("object")?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            answers: row.get("answers")?,
        })
    }
}

impl FromRow for Raw {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let address: i64 = row.get("address_id")?;
        Ok(Self {
            place: Place { session: row.get("session_id")?, field: row.get("field_id")? },
            owner: Owner {
                customer: row.get("customer_id")?,
                address: (address > 0).then_some(AddressId(address)),
            },
            text: row.get("value")?,
        })
    }
}

impl Column for Object {
    type Repr = String;

    fn into_repr(self) -> String {
        self.name().to_owned()
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        repr.parse().map_err(|_| "no such object".to_owned())
    }
}

impl Column for Kind {
    type Repr = String;

    fn into_repr(self) -> String {
        self.name().to_owned()
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        repr.parse().map_err(|_| "no such kind".to_owned())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::plans;

    const BEYOND: Place = Place { session: 1, field: FormFieldId(1) };

    /// Check the plan that SQLite makes, without statistics, for each part: where it enters, and that nothing is
    /// sorted unless the values are those of one owner.
    async fn check(filter: Filter, fields: Option<&[FormFieldId]>, entered: &str) {
        let (_place, db) = plans::database().await;
        for part in [Stretch::Offset(0), Stretch::After(BEYOND), Stretch::Before(BEYOND)] {
            let plan = async |tx: &mut ReadTx| {
                listing(tx, StoreId(1), &filter, fields, part, 50).plan().await
            };
            let plan = db.read(plan).await.unwrap().join("; ");
            assert!(plan.contains(entered), "{part:?}: {plan}");
            assert!(filter.names_owner() || !plan.contains("TEMP B-TREE"), "{part:?}: {plan}");
        }
    }

    #[tokio::test]
    async fn an_owner_leads_to_its_values_and_otherwise_an_index_gives_the_order() {
        let fields = [FormFieldId(1), FormFieldId(2)];
        let owner = Filter { customer: Some(CustomerId(1)), ..Filter::default() };
        let entered = "form_value_by_owner (store_id=? AND customer_id=? AND address_id=?";
        check(owner.clone(), None, entered).await;
        check(owner, Some(&fields), entered).await;
        let owner = Filter { address: Some(AddressId(1)), ..Filter::default() };
        check(owner, Some(&fields), "form_value_by_address (store_id=? AND address_id=?").await;
        check(Filter::default(), None, "form_value_1 (store_id=?").await;
        check(Filter::default(), Some(&fields), "form_value_1 (store_id=?").await;
        check(
            Filter::default(),
            Some(&fields[..1]),
            "form_value_by_field (store_id=? AND field_id=?",
        )
        .await;
    }

    #[tokio::test]
    async fn values_lead_to_the_labels_of_their_fields_and_to_no_others() {
        let (_place, db) = plans::database().await;
        let fields = [FormFieldId(1), FormFieldId(2)];
        let plan = async |tx: &mut ReadTx| labelling(tx, StoreId(1), &fields).plan().await;
        let plan = db.read(plan).await.unwrap().join("; ");
        assert!(plan.contains("form_field_1 (store_id=? AND field_id=?)"), "{plan}");
    }
}
