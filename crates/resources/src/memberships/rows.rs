use std::collections::BTreeMap;

use kernel::{CustomerId, Part, ProfileNumber, SegmentNumber, StoreId, Uuid};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, WriteTx};

use crate::{segments::model::Segment, shopper_profiles::model::Profile};

// Joins say CROSS JOIN: to SQLite, which has no statistics, that is the order to join in.

/// Part of the profiles of a segment, in the order in which they were made.
pub async fn profiles_in(
    tx: &mut ReadTx,
    store: StoreId,
    segment: SegmentNumber,
    part: Part,
) -> Result<Vec<Profile>> {
    in_segment(tx, store, segment, part).fetch_all().await
}

fn in_segment(
    tx: &mut ReadTx,
    store: StoreId,
    segment: SegmentNumber,
    part: Part,
) -> Query<'_, Reads> {
    tx.query(
        "SELECT p.profile_number, p.profile_id, p.customer_id, p.created_at
         FROM membership m CROSS JOIN shopper_profile p
         WHERE m.store_id = $1 AND m.segment_number = $2
             AND p.store_id = m.store_id AND p.profile_number = m.profile_number
         ORDER BY m.profile_number",
    )
    .bind(store)
    .bind(segment)
    .push_part(part)
}

/// Part of the segments that a profile is in, in the order in which they were made.
pub async fn segments_of(
    tx: &mut ReadTx,
    store: StoreId,
    profile: ProfileNumber,
    part: Part,
) -> Result<Vec<Segment>> {
    of_profile(tx, store, profile, part).fetch_all().await
}

fn of_profile(
    tx: &mut ReadTx,
    store: StoreId,
    profile: ProfileNumber,
    part: Part,
) -> Query<'_, Reads> {
    tx.query(
        "SELECT s.segment_number, s.segment_id, s.name, s.description, s.members, s.created_at, s.updated_at
         FROM membership m CROSS JOIN segment s
         WHERE m.store_id = $1 AND m.profile_number = $2
             AND s.store_id = m.store_id AND s.segment_number = m.segment_number
         ORDER BY m.segment_number",
    )
    .bind(store)
    .bind(profile)
    .push_part(part)
}

/// The ids of the segments that these customers are in, in the order in which the segments were made. Who is in
/// none is not there.
pub async fn segment_ids_of(
    tx: &mut ReadTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<Uuid>>> {
    let found: Vec<OfCustomer> = of_customers(tx, store, customers).fetch_all().await?;
    let mut ids: BTreeMap<CustomerId, Vec<(SegmentNumber, Uuid)>> = BTreeMap::new();
    for OfCustomer(customer, number, id) in found {
        ids.entry(customer).or_default().push((number, id));
    }
    let in_order = |mut ids: Vec<(SegmentNumber, Uuid)>| {
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    };
    Ok(ids.into_iter().map(|(customer, ids)| (customer, in_order(ids))).collect())
}

fn of_customers<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Query<'t, Reads> {
    tx.query(
        "SELECT p.customer_id, m.segment_number, s.segment_id
         FROM shopper_profile p CROSS JOIN membership m CROSS JOIN segment s
         WHERE p.store_id = $1 AND m.store_id = p.store_id AND m.profile_number = p.profile_number
             AND s.store_id = m.store_id AND s.segment_number = m.segment_number AND p.customer_id IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
}

/// How many segments each of these profiles is in; who is in none is not there.
pub async fn counts(
    tx: &mut ReadTx,
    store: StoreId,
    profiles: &[ProfileNumber],
) -> Result<BTreeMap<ProfileNumber, i64>> {
    let counts: Vec<Count> = tx
        .query(
            "SELECT profile_number, COUNT(*) AS segments FROM membership
             WHERE store_id = $1 AND profile_number IN ",
        )
        .bind(store)
        .push_list(profiles.iter().copied())
        .push(" GROUP BY profile_number")
        .fetch_all()
        .await?;
    Ok(counts.into_iter().map(|Count(profile, segments)| (profile, segments)).collect())
}

/// Those of these profiles that are in the segment.
pub async fn present(
    tx: &mut ReadTx,
    store: StoreId,
    segment: SegmentNumber,
    profiles: &[ProfileNumber],
) -> Result<Vec<ProfileNumber>> {
    let present: Vec<(ProfileNumber,)> = tx
        .query(
            "SELECT profile_number FROM membership
             WHERE store_id = $1 AND segment_number = $2 AND profile_number IN ",
        )
        .bind(store)
        .bind(segment)
        .push_list(profiles.iter().copied())
        .fetch_all()
        .await?;
    Ok(present.into_iter().map(|(profile,)| profile).collect())
}

/// Put these profiles, of which there is at least one and none is there yet, into the segment.
pub async fn insert(
    tx: &mut WriteTx,
    store: StoreId,
    segment: SegmentNumber,
    profiles: &[ProfileNumber],
) -> Result<()> {
    let mut query = tx
        .query("INSERT INTO membership (store_id, segment_number, profile_number) VALUES ($1, $2, ")
        .bind(store)
        .bind(segment);
    for (at, profile) in profiles.iter().enumerate() {
        query = if at == 0 { query } else { query.push(", ($1, $2, ") };
        query = query.push_bind(*profile).push(")");
    }
    query.execute().await?;
    Ok(())
}

/// Take those of these profiles that are in the segment out of it: how many those were.
pub async fn delete(
    tx: &mut WriteTx,
    store: StoreId,
    segment: SegmentNumber,
    profiles: &[ProfileNumber],
) -> Result<u64> {
    tx.query(
        "DELETE FROM membership WHERE store_id = $1 AND segment_number = $2 AND profile_number IN ",
    )
    .bind(store)
    .bind(segment)
    .push_list(profiles.iter().copied())
    .execute()
    .await
}

/// Take up to `most` profiles out of a segment, those made first: how many those were.
pub async fn delete_some(
    tx: &mut WriteTx,
    store: StoreId,
    segment: SegmentNumber,
    most: i64,
) -> Result<u64> {
    // The place to stop at is found first: PostgreSQL may compare each member with each that is to go, when it
    // reads them from a subquery.
    let beyond: Option<(ProfileNumber,)> = tx
        .query(
            "SELECT profile_number FROM membership WHERE store_id = $1 AND segment_number = $2
             ORDER BY profile_number LIMIT 1 OFFSET $3",
        )
        .bind(store)
        .bind(segment)
        .bind(most)
        .fetch_optional()
        .await?;
    tx.query(
        "DELETE FROM membership WHERE store_id = $1 AND segment_number = $2 AND profile_number < $3",
    )
    .bind(store)
    .bind(segment)
    .bind(beyond.map_or(i64::MAX, |(profile,)| profile.0))
    .execute()
    .await
}

/// Take these profiles out of every segment: the segments, by how many profiles left them.
pub async fn delete_of(
    tx: &mut WriteTx,
    store: StoreId,
    profiles: &[ProfileNumber],
) -> Result<BTreeMap<i64, Vec<SegmentNumber>>> {
    let left: Vec<(SegmentNumber,)> = tx
        .query("DELETE FROM membership WHERE store_id = $1 AND profile_number IN ")
        .bind(store)
        .push_list(profiles.iter().copied())
        .push(" RETURNING segment_number")
        .fetch_all()
        .await?;
    let mut times: BTreeMap<SegmentNumber, i64> = BTreeMap::new();
    for (segment,) in left {
        *times.entry(segment).or_default() += 1;
    }
    let mut segments: BTreeMap<i64, Vec<SegmentNumber>> = BTreeMap::new();
    for (segment, times) in times {
        segments.entry(times).or_default().push(segment);
    }
    Ok(segments)
}

struct OfCustomer(CustomerId, SegmentNumber, Uuid);

impl FromRow for OfCustomer {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("customer_id")?, row.get("segment_number")?, row.get("segment_id")?))
    }
}

struct Count(ProfileNumber, i64);

impl FromRow for Count {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("profile_number")?, row.get("segments")?))
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::plans;

    /// The plans that SQLite makes, without statistics.
    #[tokio::test]
    async fn members_are_read_from_an_index_in_its_order_and_lead_to_what_they_join() {
        let (_place, db) = plans::database().await;
        let customers: Vec<CustomerId> = (1..=250).map(CustomerId).collect();
        let plans = async |tx: &mut ReadTx| {
            let (store, segment, profile) = (StoreId(1), SegmentNumber(1), ProfileNumber(1));
            Ok::<_, sql::Error>([
                in_segment(tx, store, segment, plans::FIRST).plan().await?.join("; "),
                of_profile(tx, store, profile, plans::FIRST).plan().await?.join("; "),
                of_customers(tx, store, &customers).plan().await?.join("; "),
            ])
        };
        let [profiles, segments, included] = db.snapshot(plans).await.unwrap();
        let by_segment = "SEARCH m USING COVERING INDEX sqlite_autoindex_membership_1 (store_id=? AND segment_number=?)";
        let by_profile =
            "SEARCH m USING COVERING INDEX membership_by_profile (store_id=? AND profile_number=?)";
        assert!(profiles.starts_with(by_segment), "{profiles}");
        assert!(profiles.contains("(store_id=? AND profile_number=?)"), "{profiles}");
        assert!(segments.starts_with(by_profile), "{segments}");
        assert!(segments.contains("(store_id=? AND segment_number=?)"), "{segments}");
        assert!(included.contains("SEARCH p USING INDEX sqlite_autoindex_shopper_profile_3 (store_id=? AND customer_id=?)"), "{included}");
        assert!(included.contains(by_profile), "{included}");
        for plan in [profiles, segments, included] {
            assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{plan}");
        }
    }
}
