use std::collections::BTreeMap;

use kernel::{Error, Part, Result, SegmentNumber, StoreId, Timestamp, Uuid};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    model::{Changes, MOST_SEGMENTS, Segment, shared_name},
    rows,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    memberships, shopper_profiles,
};

/// Part of the segments of the store, or of those of these ids; and how many there are.
pub async fn list(
    app: &App,
    caller: &Caller,
    ids: Option<&[Uuid]>,
    part: Part,
) -> Result<(Vec<Segment>, i64)> {
    app.db
        .snapshot(async |tx: &mut ReadTx| {
            let Some(ids) = ids else {
                let segments = rows::list(tx, caller.store, part).await?;
                return Ok((segments, counters::live(tx, caller.store, Counter::Segment).await?));
            };
            // A store has few enough to read them all.
            let segments = rows::with_ids(tx, caller.store, ids).await?;
            let total = i64::try_from(segments.len()).map_err(Error::internal)?;
            let page = part.of(segments);
            Ok((page.collect(), total))
        })
        .await
}

/// Part of the segments that a profile is in; and how many there are.
pub async fn of_profile(
    app: &App,
    caller: &Caller,
    profile: Uuid,
    part: Part,
) -> Result<(Vec<Segment>, i64)> {
    app.db
        .snapshot(async |tx: &mut ReadTx| {
            let profile = shopper_profiles::rows::find(tx, caller.store, profile).await?;
            let profile = profile.ok_or(Error::NotFound("shopper profile"))?.number;
            let segments = memberships::rows::segments_of(tx, caller.store, profile, part).await?;
            let counts = memberships::rows::counts(tx, caller.store, &[profile]).await?;
            Ok((segments, counts.get(&profile).copied().unwrap_or(0)))
        })
        .await
}

/// Make segments: all of them, or none. `Taken` when two would have one name.
pub async fn create(app: &App, caller: &Caller, drafts: &[Changes]) -> Result<Vec<Segment>> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let numbers: Vec<(Uuid, i64)> =
        drafts.iter().map(|_| (Uuid::draw(&*app.chance), app.event_ids.next(now))).collect();
    app.db
        .write(async |tx| {
            let count = i64::try_from(drafts.len()).map_err(Error::internal)?;
            let first = counters::take(tx, caller.store, Counter::Segment, count).await?;
            let first = first.ok_or(Error::NotFound("store"))?;
            let numbered = (first..).map(SegmentNumber).zip(drafts).zip(&numbers);
            let made: Vec<Segment> = numbered
                .map(|((number, draft), (id, _))| Segment::new(number, *id, draft, now))
                .collect();
            refuse_shared_names(tx, caller.store, &made, &[]).await?;
            if counters::live(tx, caller.store, Counter::Segment).await? > MOST_SEGMENTS {
                let rule = format!("must be at most {MOST_SEGMENTS} in all");
                return Err(Error::invalid("segments", rule));
            }
            for (segment, (_, audit_id)) in made.iter().zip(&numbers) {
                rows::insert(tx, caller.store, segment).await?;
                let change = Change::segment_created(segment.number);
                audit::rows::record(tx, caller, *audit_id, &change, now).await?;
            }
            Ok(made)
        })
        .await
}

/// Change segments: all of them, or none. What they are afterwards, in the order asked.
///
/// Changes are judged by what they come to: two segments of one batch may exchange their names. A change of
/// nothing leaves no trace.
pub async fn update(
    app: &App,
    caller: &Caller,
    changes: &[(Uuid, Changes)],
) -> Result<Vec<Segment>> {
    let now = app.clock.now();
    let numbers = app.event_ids.several(now, changes.len());
    app.db.write(async |tx| update_in(tx, caller, changes, &numbers, now).await).await
}

/// Delete those of these segments that there are. The profiles in them stay.
///
/// A segment may have any number of members: they are taken out some thousands at a time, each time in a
/// transaction of its own, and the segment goes with the last of them.
pub async fn delete(app: &App, caller: &Caller, ids: &[Uuid]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    loop {
        let now = app.clock.now();
        let numbers = app.event_ids.several(now, ids.len());
        let is_done =
            app.db.write(async |tx| delete_some(tx, caller, ids, &numbers, now).await).await?;
        if is_done {
            return Ok(());
        }
    }
}

async fn update_in(
    tx: &mut WriteTx,
    caller: &Caller,
    changes: &[(Uuid, Changes)],
    numbers: &[i64],
    now: Timestamp,
) -> Result<Vec<Segment>> {
    hold(tx, caller.store).await?;
    let ids: Vec<Uuid> = changes.iter().map(|(id, _)| *id).collect();
    let held = rows::with_ids(tx, caller.store, &ids).await?;
    let before: BTreeMap<Uuid, Segment> =
        held.into_iter().map(|segment| (segment.id, segment)).collect();
    let mut after = before.clone();
    for (index, (id, changes)) in changes.iter().enumerate() {
        let segment = after.get_mut(id).ok_or(Error::UnknownRow { index, what: "segment" })?;
        segment.apply(changes);
    }
    let all: Vec<Segment> = after.values().cloned().collect();
    refuse_shared_names(tx, caller.store, &all, &all).await?;
    let differing = after.values_mut().filter(|segment| **segment != before[&segment.id]);
    for (segment, audit_id) in differing.zip(numbers) {
        // A clock that is behind must not turn the date back.
        segment.updated_at = now.max(segment.updated_at);
        rows::update(tx, caller.store, segment).await?;
        let fields = segment.differing(&before[&segment.id]);
        let change = Change::segment_updated(segment.number, &fields);
        audit::rows::record(tx, caller, *audit_id, &change, now).await?;
    }
    Ok(ids.iter().map(|id| after[id].clone()).collect())
}

/// As much of a deletion as one transaction does; whether that was all.
async fn delete_some(
    tx: &mut WriteTx,
    caller: &Caller,
    ids: &[Uuid],
    numbers: &[i64],
    now: Timestamp,
) -> Result<bool> {
    hold(tx, caller.store).await?;
    let mut room = AT_A_TIME;
    let mut gone = 0;
    let mut is_done = true;
    let segments = rows::with_ids(tx, caller.store, ids).await?;
    for (segment, audit_id) in segments.iter().zip(numbers) {
        let left = take_out(tx, caller.store, segment, room).await?;
        room -= left;
        if left < segment.members {
            is_done = false;
            break;
        }
        rows::delete(tx, caller.store, segment.number).await?;
        gone += 1;
        let change = Change::segment_deleted(segment.number);
        audit::rows::record(tx, caller, *audit_id, &change, now).await?;
    }
    counters::discount(tx, caller.store, Counter::Segment, gone).await?;
    Ok(is_done)
}

/// Take up to `most` members out of a segment; how many those were.
async fn take_out(tx: &mut WriteTx, store: StoreId, segment: &Segment, most: i64) -> Result<i64> {
    if segment.members == 0 {
        return Ok(0);
    }
    let left = memberships::rows::delete_some(tx, store, segment.number, most).await?;
    let left = i64::try_from(left).map_err(Error::internal)?;
    rows::count_members(tx, store, &[segment.number], -left).await?;
    Ok(left)
}

/// Refuse segments of which two have one name, or one has that of a segment outside the batch. The caller
/// holds the counter, so nobody else can give a name meanwhile.
async fn refuse_shared_names(
    tx: &mut WriteTx,
    store: StoreId,
    segments: &[Segment],
    batch: &[Segment],
) -> Result<()> {
    let names: Vec<&str> = segments.iter().map(|segment| segment.name.as_str()).collect();
    let holders = rows::with_names(tx, store, &names).await?;
    let is_outside = |holder: &&Segment| batch.iter().all(|segment| segment.id != holder.id);
    match shared_name(holders.iter().filter(is_outside).chain(segments)) {
        Some(name) => Err(Error::Taken { field: "name", value: name.to_owned() }),
        None => Ok(()),
    }
}

/// Hold the store's segments, and who is in them, until the transaction ends.
async fn hold(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    counters::hold(tx, store, Counter::Segment).await?.ok_or(Error::NotFound("store"))
}

/// Members that one transaction takes out.
const AT_A_TIME: i64 = 5_000;
