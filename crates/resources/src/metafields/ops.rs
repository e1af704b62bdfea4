use std::collections::{BTreeMap, BTreeSet};

use kernel::{CustomerId, Error, MetafieldId, Result, StoreId, Stretch, Timestamp};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    model::{Changes, MOST, Metafield, Refusal},
    rows::{self, Filter, Name},
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    customers,
    outbox::{
        self,
        model::{Event, MetafieldName},
    },
};

/// Some rows of a list, and what is known of the rest.
#[derive(Debug)]
pub struct Listing {
    pub metafields: Vec<Metafield>,
    /// How many match in all; asked for pages by number only.
    pub total: Option<i64>,
    /// Whether there are rows before these, and after them.
    pub more: (bool, bool),
}

/// Which metafield a request means: of this customer where it names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Which {
    pub customer: Option<CustomerId>,
    pub id: MetafieldId,
}

/// A metafield that the caller may see.
pub async fn find(app: &App, caller: &Caller, which: Which) -> Result<Metafield> {
    let found = app
        .db
        .read(async |tx| Ok::<_, Error>(rows::find(tx, caller.store, which.id).await?))
        .await?;
    found.filter(|field| is_meant(field, which, caller)).ok_or(Error::NotFound("metafield"))
}

/// Part of the metafields that match and that the caller may see, at most `limit`. `NotFound` where the
/// filter names a customer that there is not.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    descending: bool,
    stretch: Stretch<MetafieldId>,
    limit: i64,
) -> Result<Listing> {
    let work = async |tx: &mut ReadTx| {
        if let Some(customer) = filter.customer {
            let found = customers::rows::find(tx, caller.store, customer).await?;
            found.ok_or(Error::NotFound("customer"))?;
        }
        list_in(tx, caller.store, filter, descending, stretch, limit).await
    };
    // A customer has few; a whole store's are counted one by one.
    if filter.customer.is_some() { app.db.snapshot(work).await } else { app.db.scan(work).await }
}

/// Make metafields, each row by itself: what was made, or why it was not.
///
/// The customers are held, so that two requests can neither make one name twice nor a customer's fiftieth.
pub async fn create(
    app: &App,
    caller: &Caller,
    drafts: &[(CustomerId, Changes)],
) -> Result<Vec<Result<Metafield, Refusal>>> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let numbers = app.event_ids.pairs(now, drafts.len());
    let customers: BTreeSet<CustomerId> = drafts.iter().map(|(customer, _)| *customer).collect();
    let customers: Vec<CustomerId> = customers.into_iter().collect();
    app.db
        .write(async |tx| {
            let mut names = Names::hold(tx, caller.store, &customers).await?;
            // After the customers: who waits for one keeps nobody else from a number.
            let count = i64::try_from(drafts.len()).map_err(Error::internal)?;
            let first = counters::number(tx, caller.store, Counter::Metafield, count).await?;
            let first = first.ok_or(Error::NotFound("store"))?;
            let mut outcomes = Vec::with_capacity(drafts.len());
            for (((customer, changes), id), numbers) in drafts.iter().zip(first..).zip(&numbers) {
                let owner = caller.client_id();
                let field = Metafield::new(MetafieldId(id), *customer, owner, changes, now);
                if let Err(refusal) = names.admit(&field) {
                    outcomes.push(Err(refusal));
                    continue;
                }
                rows::insert(tx, caller.store, &field).await?;
                let change = Change::metafield_created(field.id);
                tell(tx, caller, Event::MetafieldCreated(name(&field)), &change, *numbers, now)
                    .await?;
                outcomes.push(Ok(field));
            }
            Ok(outcomes)
        })
        .await
}

/// Change metafields, each row by itself: what it is afterwards, or why it was not changed. A change of
/// nothing makes no event and leaves `date_modified` (ruling 9).
pub async fn update(
    app: &App,
    caller: &Caller,
    changes: &[(Which, Changes)],
) -> Result<Vec<Result<Metafield, Refusal>>> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let numbers = app.event_ids.pairs(now, changes.len());
    let ids: Vec<MetafieldId> = changes.iter().map(|(which, _)| which.id).collect();
    app.db
        .write(async |tx| {
            let (mut held, mut names) = hold(tx, caller.store, &ids).await?;
            let mut outcomes = Vec::with_capacity(changes.len());
            for ((which, changes), numbers) in changes.iter().zip(&numbers) {
                let (mut field, fields) = match judged(&held, &mut names, *which, changes, caller) {
                    Ok(judged) => judged,
                    Err(refusal) => {
                        outcomes.push(Err(refusal));
                        continue;
                    }
                };
                if !fields.is_empty() {
                    // A clock that is behind must not hide the change from those who ask what is newer.
                    field.modified_at = now.max(field.modified_at);
                    rows::update(tx, caller.store, &field).await?;
                    let change = Change::metafield_updated(field.id, &fields);
                    tell(tx, caller, Event::MetafieldUpdated(name(&field)), &change, *numbers, now)
                        .await?;
                    held.insert(field.id, field.clone());
                }
                outcomes.push(Ok(field));
            }
            Ok(outcomes)
        })
        .await
}

/// Delete metafields, each by itself: or why it was not deleted.
pub async fn delete(
    app: &App,
    caller: &Caller,
    which: &[Which],
) -> Result<Vec<Result<(), Refusal>>> {
    if which.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let numbers = app.event_ids.pairs(now, which.len());
    let ids: Vec<MetafieldId> = which.iter().map(|which| which.id).collect();
    app.db
        .write(async |tx| {
            let (mut held, _) = hold(tx, caller.store, &ids).await?;
            let mut outcomes = Vec::with_capacity(which.len());
            let mut gone = Vec::new();
            for (which, numbers) in which.iter().zip(&numbers) {
                let field = match open(&held, *which, caller) {
                    Ok(field) => field.clone(),
                    Err(refusal) => {
                        outcomes.push(Err(refusal));
                        continue;
                    }
                };
                let change = Change::metafield_deleted(field.id);
                tell(tx, caller, Event::MetafieldDeleted(name(&field)), &change, *numbers, now)
                    .await?;
                held.remove(&field.id);
                gone.push(field.id);
                outcomes.push(Ok(()));
            }
            rows::delete(tx, caller.store, &gone).await?;
            Ok(outcomes)
        })
        .await
}

async fn list_in(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    descending: bool,
    stretch: Stretch<MetafieldId>,
    limit: i64,
) -> Result<Listing> {
    let (metafields, more) = rows::list(tx, store, filter, descending, stretch, limit).await?;
    let total = match stretch {
        Stretch::Offset(_) => Some(rows::count(tx, store, filter).await?),
        Stretch::After(_) | Stretch::Before(_) => None,
    };
    Ok(Listing { metafields, total, more })
}

/// Hold the customers of these metafields, and with them the metafields, until the transaction ends.
async fn hold(
    tx: &mut WriteTx,
    store: StoreId,
    ids: &[MetafieldId],
) -> Result<(BTreeMap<MetafieldId, Metafield>, Names)> {
    let customers = rows::customers_of(tx, store, ids).await?;
    let names = Names::hold(tx, store, &customers).await?;
    let held = rows::of_ids(tx, store, ids).await?;
    Ok((held.into_iter().map(|field| (field.id, field)).collect(), names))
}

/// What a metafield becomes, and which of its fields differ.
fn judged(
    held: &BTreeMap<MetafieldId, Metafield>,
    names: &mut Names,
    which: Which,
    changes: &Changes,
    caller: &Caller,
) -> Result<(Metafield, Vec<&'static str>), Refusal> {
    let before = open(held, which, caller)?;
    let mut after = before.clone();
    let fields = after.apply(changes);
    // Whom it is open to is its owner's to say.
    if fields.contains(&"permission_set") && before.owner != caller.client_id() {
        return Err(Refusal::NotTheirs);
    }
    names.rename(before, &after)?;
    Ok((after, fields))
}

/// A metafield that the caller may change or delete.
fn open<'h>(
    held: &'h BTreeMap<MetafieldId, Metafield>,
    which: Which,
    caller: &Caller,
) -> Result<&'h Metafield, Refusal> {
    let field = held.get(&which.id).filter(|field| is_meant(field, which, caller));
    let field = field.ok_or(Refusal::Unknown)?;
    if field.is_open_to(caller.client_id()) { Ok(field) } else { Err(Refusal::NotTheirs) }
}

fn is_meant(field: &Metafield, which: Which, caller: &Caller) -> bool {
    which.customer.is_none_or(|customer| customer == field.customer)
        && field.is_visible_to(caller.client_id())
}

/// The metafields of customers that are held, by what must be unlike.
struct Names {
    customers: BTreeSet<CustomerId>,
    taken: BTreeSet<Name>,
}

impl Names {
    /// Hold these customers until the transaction ends.
    async fn hold(tx: &mut WriteTx, store: StoreId, customers: &[CustomerId]) -> Result<Self> {
        let held = customers::rows::lock(tx, store, customers).await?;
        let taken = rows::names_of(tx, store, customers).await?;
        Ok(Self {
            customers: held.into_iter().map(|customer| customer.id).collect(),
            taken: taken.into_iter().collect(),
        })
    }

    /// Take a new metafield in.
    fn admit(&mut self, field: &Metafield) -> Result<(), Refusal> {
        if !self.customers.contains(&field.customer) {
            return Err(Refusal::UnknownCustomer);
        }
        let name = Name::of(field);
        if self.taken.contains(&name) {
            return Err(Refusal::NameInUse);
        }
        if self.taken.iter().filter(|taken| taken.customer == field.customer).count() >= MOST {
            return Err(Refusal::TooMany);
        }
        self.taken.insert(name);
        Ok(())
    }

    fn rename(&mut self, before: &Metafield, after: &Metafield) -> Result<(), Refusal> {
        let (old, new) = (Name::of(before), Name::of(after));
        if old != new && self.taken.contains(&new) {
            return Err(Refusal::NameInUse);
        }
        self.taken.remove(&old);
        self.taken.insert(new);
        Ok(())
    }
}

/// Leave the event and the line of a change, under their numbers.
async fn tell(
    tx: &mut WriteTx,
    caller: &Caller,
    event: Event<'_>,
    change: &Change,
    (event_id, audit_id): (i64, i64),
    now: Timestamp,
) -> Result<()> {
    outbox::rows::publish(tx, caller.store, event_id, event, now).await?;
    Ok(audit::rows::record(tx, caller, audit_id, change, now).await?)
}

fn name(field: &Metafield) -> MetafieldName<'_> {
    let Metafield { id, customer, namespace, key, .. } = field;
    MetafieldName { id: *id, customer: *customer, namespace, key }
}
