use kernel::{AttributeId, Part, Span, StoreId};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, Value, WriteTx};

use super::model::{Attribute, Kind};

/// Which attributes are meant. What is not named does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The whole name, folded.
    pub name_key: Option<String>,
    /// Part of the name, folded.
    pub name_part: Option<String>,
    pub kind: Option<Kind>,
    pub created: Span,
    pub modified: Span,
}

/// Every attribute of the store, oldest first: there are few.
pub async fn all(tx: &mut ReadTx, store: StoreId) -> Result<Vec<Attribute>> {
    tx.query(SELECT).push("WHERE store_id = $1 ORDER BY attribute_id").bind(store).fetch_all().await
}

/// Part of those that match, oldest first.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    part: Part,
) -> Result<Vec<Attribute>> {
    let query = tx.query(SELECT).push("WHERE store_id = $1").bind(store);
    narrowed(query, filter).push(" ORDER BY attribute_id").push_part(part).fetch_all().await
}

/// How many match.
pub async fn count(tx: &mut ReadTx, store: StoreId, filter: &Filter) -> Result<i64> {
    let query = tx.query("SELECT COUNT(*) FROM attribute WHERE store_id = $1").bind(store);
    let (count,) = narrowed(query, filter).fetch_one().await?;
    Ok(count)
}

/// Add an attribute.
pub async fn insert(tx: &mut WriteTx, store: StoreId, attribute: &Attribute) -> Result<()> {
    tx.query(
        "INSERT INTO attribute (store_id, attribute_id, name, name_key, kind, date_created, date_modified)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(store)
    .bind(attribute.id)
    .bind(attribute.name.as_str())
    .bind(attribute.name_key())
    .bind(attribute.kind)
    .bind(attribute.created_at)
    .bind(attribute.modified_at)
    .execute()
    .await?;
    Ok(())
}

/// Write what can be changed of an attribute anew.
pub async fn update(tx: &mut WriteTx, store: StoreId, attribute: &Attribute) -> Result<()> {
    tx.query(
        "UPDATE attribute SET name = $3, name_key = $4, date_modified = $5
         WHERE store_id = $1 AND attribute_id = $2",
    )
    .bind(store)
    .bind(attribute.id)
    .bind(attribute.name.as_str())
    .bind(attribute.name_key())
    .bind(attribute.modified_at)
    .execute()
    .await?;
    Ok(())
}

/// Remove those of these attributes that there are; their ids, ascending.
pub async fn delete(
    tx: &mut WriteTx,
    store: StoreId,
    ids: &[AttributeId],
) -> Result<Vec<AttributeId>> {
    let gone: Vec<(AttributeId,)> = tx
        .query("DELETE FROM attribute WHERE store_id = $1 AND attribute_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" RETURNING attribute_id")
        .fetch_all()
        .await?;
    let mut gone: Vec<AttributeId> = gone.into_iter().map(|(id,)| id).collect();
    gone.sort_unstable();
    Ok(gone)
}

/// What an [`Attribute`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT attribute_id, name, kind, date_created, date_modified
    FROM attribute ";

fn narrowed<'t>(mut query: Query<'t, Reads>, filter: &Filter) -> Query<'t, Reads> {
    if let Some(key) = &filter.name_key {
        query = query.push(" AND name_key = ").push_bind(key.as_str());
    }
    if let Some(part) = &filter.name_part {
        query = query.push(" AND name_key LIKE ").push_bind(sql::containing(part));
        query = query.push(" ESCAPE '\\'");
    }
    if let Some(kind) = filter.kind {
        query = query.push(" AND kind = ").push_bind(kind);
    }
    query
        .push_span(" AND date_created", filter.created)
        .push_span(" AND date_modified", filter.modified)
}

impl FromRow for Attribute {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("attribute_id")?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            created_at: row.get("date_created")?,
            modified_at: row.get("date_modified")?,
        })
    }
}

impl Value for Kind {
    type Repr = String;

    fn into_repr(self) -> String {
        self.name().to_owned()
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        repr.parse().map_err(|_| "no such kind".to_owned())
    }
}
