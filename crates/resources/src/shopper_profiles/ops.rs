use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    CustomerId, Error, Part, ProfileNumber, Result, StoreId, Timestamp, Uuid, Violations,
};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{model::Profile, rows};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    customers, memberships,
    segments::{
        self,
        model::{MOST_SEGMENTS, Segment},
    },
};

// Every writer holds customers before the counter of segments, and that before the counter of profiles.

/// Part of the profiles of the store; and how many there are.
pub async fn list(app: &App, caller: &Caller, part: Part) -> Result<(Vec<Profile>, i64)> {
    let work = async |tx: &mut ReadTx| {
        let profiles = rows::list(tx, caller.store, part).await?;
        let total = counters::live(tx, caller.store, Counter::ShopperProfile).await?;
        Ok::<_, Error>((profiles, total))
    };
    if part.is_near() { app.db.snapshot(work).await } else { app.db.scan(work).await }
}

/// Part of the profiles of a segment; and how many there are.
pub async fn in_segment(
    app: &App,
    caller: &Caller,
    segment: Uuid,
    part: Part,
) -> Result<(Vec<Profile>, i64)> {
    let work = async |tx: &mut ReadTx| {
        let segment = find_segment(tx, caller.store, segment).await?;
        let number = segment.number;
        let profiles = memberships::rows::profiles_in(tx, caller.store, number, part).await?;
        Ok::<_, Error>((profiles, segment.members))
    };
    if part.is_near() { app.db.snapshot(work).await } else { app.db.scan(work).await }
}

/// Make profiles for customers: for all of them, or for none. `Conflict` for those who have one.
pub async fn create(app: &App, caller: &Caller, customers: &[CustomerId]) -> Result<Vec<Profile>> {
    if customers.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let numbers: Vec<(Uuid, i64)> =
        customers.iter().map(|_| (Uuid::draw(&*app.chance), app.event_ids.next(now))).collect();
    app.db
        .write(async |tx| {
            let held = customers::rows::lock(tx, caller.store, customers).await?;
            let held: BTreeSet<CustomerId> = held.iter().map(|customer| customer.id).collect();
            if let Some(index) = customers.iter().position(|id| !held.contains(id)) {
                return Err(Error::UnknownRow { index, what: "customer" });
            }
            let count = i64::try_from(customers.len()).map_err(Error::internal)?;
            let first = counters::take(tx, caller.store, Counter::ShopperProfile, count).await?;
            let first = first.ok_or(Error::NotFound("store"))?;
            refuse_second_profiles(tx, caller.store, customers).await?;
            let mut made = Vec::new();
            for ((customer, (id, audit_id)), number) in customers.iter().zip(&numbers).zip(first..)
            {
                let number = ProfileNumber(number);
                let profile = Profile { number, id: *id, customer: *customer, created_at: now };
                rows::insert(tx, caller.store, &profile).await?;
                let change = Change::shopper_profile_created(*customer);
                audit::rows::record(tx, caller, *audit_id, &change, now).await?;
                made.push(profile);
            }
            Ok(made)
        })
        .await
}

/// Delete those of these profiles that there are, in transactions of a hundred: each may be in a thousand
/// segments.
pub async fn delete(app: &App, caller: &Caller, ids: &[Uuid]) -> Result<()> {
    for ids in ids.chunks(100) {
        let now = app.clock.now();
        let numbers = app.event_ids.several(now, ids.len());
        app.db.write(async |tx| delete_in(tx, caller, ids, &numbers, now).await).await?;
    }
    Ok(())
}

/// Put profiles into a segment: all of them, or none. They, each once, in the order asked.
pub async fn add(app: &App, caller: &Caller, segment: Uuid, ids: &[Uuid]) -> Result<Vec<Profile>> {
    let now = app.clock.now();
    let audit_id = app.event_ids.next(now);
    app.db
        .write(async |tx| {
            hold(tx, caller.store).await?;
            let segment = find_segment(tx, caller.store, segment).await?;
            let rows = known(tx, caller.store, ids).await?;
            refuse_members(tx, caller.store, &segment, &rows).await?;
            refuse_overfull(tx, caller.store, &rows).await?;
            let profiles: Vec<Profile> = rows.into_iter().map(|(_, profile)| profile).collect();
            if profiles.is_empty() {
                return Ok(profiles);
            }
            let numbers = numbers_of(&profiles);
            memberships::rows::insert(tx, caller.store, segment.number, &numbers).await?;
            let more = i64::try_from(profiles.len()).map_err(Error::internal)?;
            segments::rows::count_members(tx, caller.store, &[segment.number], more).await?;
            let change = Change::segment_joined(segment.number);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(profiles)
        })
        .await
}

/// Take those of these profiles that are in a segment out of it.
pub async fn remove(app: &App, caller: &Caller, segment: Uuid, ids: &[Uuid]) -> Result<()> {
    let now = app.clock.now();
    let audit_id = app.event_ids.next(now);
    app.db
        .write(async |tx| {
            hold(tx, caller.store).await?;
            let segment = find_segment(tx, caller.store, segment).await?.number;
            let numbers = numbers_of(&rows::with_ids(tx, caller.store, ids).await?);
            let left = memberships::rows::delete(tx, caller.store, segment, &numbers).await?;
            if left == 0 {
                return Ok(());
            }
            let left = i64::try_from(left).map_err(Error::internal)?;
            segments::rows::count_members(tx, caller.store, &[segment], -left).await?;
            let change = Change::segment_left(segment);
            Ok(audit::rows::record(tx, caller, audit_id, &change, now).await?)
        })
        .await
}

async fn delete_in(
    tx: &mut WriteTx,
    caller: &Caller,
    ids: &[Uuid],
    numbers: &[i64],
    now: Timestamp,
) -> Result<()> {
    hold(tx, caller.store).await?;
    let profiles = rows::with_ids(tx, caller.store, ids).await?;
    let gone = numbers_of(&profiles);
    for (times, left) in memberships::rows::delete_of(tx, caller.store, &gone).await? {
        segments::rows::count_members(tx, caller.store, &left, -times).await?;
    }
    let count = rows::delete(tx, caller.store, &gone).await?;
    let count = i64::try_from(count).map_err(Error::internal)?;
    counters::discount(tx, caller.store, Counter::ShopperProfile, count).await?;
    for (profile, audit_id) in profiles.iter().zip(numbers) {
        let change = Change::shopper_profile_deleted(profile.customer);
        audit::rows::record(tx, caller, *audit_id, &change, now).await?;
    }
    Ok(())
}

/// The profiles of these ids, each once and with its first place in the request; none may be unknown.
async fn known(tx: &mut WriteTx, store: StoreId, ids: &[Uuid]) -> Result<Vec<(usize, Profile)>> {
    let found = rows::with_ids(tx, store, ids).await?;
    let mut found: BTreeMap<Uuid, Profile> =
        found.into_iter().map(|profile| (profile.id, profile)).collect();
    let mut rows = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        match found.remove(id) {
            Some(profile) => rows.push((index, profile)),
            None if ids[..index].contains(id) => {}
            None => return Err(Error::UnknownRow { index, what: "shopper profile" }),
        }
    }
    Ok(rows)
}

/// Refuse customers who have a profile, or are named twice. The caller holds them, so nobody else can make
/// them one meanwhile.
async fn refuse_second_profiles(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    let profiles = rows::of_customers(tx, store, customers).await?;
    let mut have: BTreeSet<CustomerId> = profiles.iter().map(|profile| profile.customer).collect();
    let mut faults = Violations::default();
    for (index, customer) in customers.iter().enumerate() {
        if !have.insert(*customer) {
            let words = format!("Shopper profile already exists for customer `{}`.", customer.0);
            faults.add(index.to_string(), words);
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Conflict(faults)) }
}

/// Refuse profiles that are in the segment already.
async fn refuse_members(
    tx: &mut WriteTx,
    store: StoreId,
    segment: &Segment,
    rows: &[(usize, Profile)],
) -> Result<()> {
    let numbers: Vec<ProfileNumber> = rows.iter().map(|(_, profile)| profile.number).collect();
    let present = memberships::rows::present(tx, store, segment.number, &numbers).await?;
    let mut faults = Violations::default();
    for (index, profile) in rows.iter().filter(|(_, profile)| present.contains(&profile.number)) {
        let words = format!(
            "Shopper profile `{}` already exists for segment `{}`.",
            profile.id, segment.id
        );
        faults.add(index.to_string(), words);
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Conflict(faults)) }
}

/// Refuse profiles that are in as many segments as they may be.
async fn refuse_overfull(
    tx: &mut WriteTx,
    store: StoreId,
    rows: &[(usize, Profile)],
) -> Result<()> {
    let numbers: Vec<ProfileNumber> = rows.iter().map(|(_, profile)| profile.number).collect();
    let counts = memberships::rows::counts(tx, store, &numbers).await?;
    let is_full =
        |profile: &Profile| counts.get(&profile.number).is_some_and(|had| *had >= MOST_SEGMENTS);
    let mut faults = Violations::default();
    for (index, _) in rows.iter().filter(|(_, profile)| is_full(profile)) {
        faults.add(index.to_string(), format!("must be in at most {MOST_SEGMENTS} segments"));
    }
    faults.or(())
}

async fn find_segment(tx: &mut ReadTx, store: StoreId, id: Uuid) -> Result<Segment> {
    segments::rows::find(tx, store, id).await?.ok_or(Error::NotFound("segment"))
}

fn numbers_of(profiles: &[Profile]) -> Vec<ProfileNumber> {
    profiles.iter().map(|profile| profile.number).collect()
}

/// Hold the store's segments, and who is in them, until the transaction ends.
async fn hold(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    counters::hold(tx, store, Counter::Segment).await?.ok_or(Error::NotFound("store"))
}
