use kernel::{Part, SegmentNumber, StoreId, Uuid};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, WriteTx};

use super::model::Segment;

/// The segment of this id.
pub async fn find(tx: &mut ReadTx, store: StoreId, id: Uuid) -> Result<Option<Segment>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND segment_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await
}

/// Those of these segments that there are, in the order in which they were made.
pub async fn with_ids(tx: &mut ReadTx, store: StoreId, ids: &[Uuid]) -> Result<Vec<Segment>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND segment_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" ORDER BY segment_number + 0")
        .fetch_all()
        .await
}

/// Every segment that has one of these names.
pub async fn with_names(tx: &mut ReadTx, store: StoreId, names: &[&str]) -> Result<Vec<Segment>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND name IN ")
        .bind(store)
        .push_list(names.iter().copied())
        .fetch_all()
        .await
}

/// Part of the segments, in the order in which they were made.
pub async fn list(tx: &mut ReadTx, store: StoreId, part: Part) -> Result<Vec<Segment>> {
    listing(tx, store, part).fetch_all().await
}

fn listing(tx: &mut ReadTx, store: StoreId, part: Part) -> Query<'_, Reads> {
    tx.query(SELECT).push("WHERE store_id = $1 ORDER BY segment_number").bind(store).push_part(part)
}

/// Add a segment, in which nobody is yet.
pub async fn insert(tx: &mut WriteTx, store: StoreId, segment: &Segment) -> Result<()> {
    tx.query(
        "INSERT INTO segment
             (store_id, segment_number, segment_id, name, description, members, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6, $7)",
    )
    .bind(store)
    .bind(segment.number)
    .bind(segment.id)
    .bind(segment.name.as_str())
    .bind(segment.description.as_str())
    .bind(segment.created_at)
    .bind(segment.updated_at)
    .execute()
    .await?;
    Ok(())
}

/// Write a segment's fields anew; not the count of its members.
pub async fn update(tx: &mut WriteTx, store: StoreId, segment: &Segment) -> Result<()> {
    tx.query(
        "UPDATE segment SET name = $3, description = $4, updated_at = $5
         WHERE store_id = $1 AND segment_number = $2",
    )
    .bind(store)
    .bind(segment.number)
    .bind(segment.name.as_str())
    .bind(segment.description.as_str())
    .bind(segment.updated_at)
    .execute()
    .await?;
    Ok(())
}

/// Count so many more members (or fewer) of each of these segments, of which there are at most a thousand.
pub async fn count_members(
    tx: &mut WriteTx,
    store: StoreId,
    segments: &[SegmentNumber],
    more: i64,
) -> Result<()> {
    tx.query(
        "UPDATE segment SET members = members + $2 WHERE store_id = $1 AND segment_number IN ",
    )
    .bind(store)
    .bind(more)
    .push_list(segments.iter().copied())
    .execute()
    .await?;
    Ok(())
}

/// Remove a segment, in which nobody is any more.
pub async fn delete(tx: &mut WriteTx, store: StoreId, segment: SegmentNumber) -> Result<()> {
    tx.query("DELETE FROM segment WHERE store_id = $1 AND segment_number = $2")
        .bind(store)
        .bind(segment)
        .execute()
        .await?;
    Ok(())
}

/// What a [`Segment`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT segment_number, segment_id, name, description, members, created_at, updated_at
    FROM segment ";

impl FromRow for Segment {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            number: row.get("segment_number")?,
            id: row.get("segment_id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            members: row.get("members")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::plans;

    #[tokio::test]
    async fn a_page_is_read_in_its_order() {
        let (_place, db) = plans::database().await;
        let page = async |tx: &mut ReadTx| listing(tx, StoreId(1), plans::FIRST).plan().await;
        let plan = db.read(page).await.unwrap().join("; ");
        assert!(plan.contains("autoindex_segment_1 (store_id=?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
