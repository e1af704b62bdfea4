//! Addresses within the transaction of whoever makes or deletes their customers. The caller holds the customers,
//! and the store's count of addresses before them.

use std::collections::{BTreeMap, BTreeSet};

use access::Author;
use kernel::{AddressId, CustomerId, Error, Result, StoreId, Timestamp};
use sql::WriteTx;

use super::{
    model::{Address, Details},
    rows,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    customers::{self, model::Customer},
    form_fields::model::{Answer, Owner, Said},
    outbox::{self, model::Event},
};

/// An address to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    pub details: Details,
    /// Values of form fields; `None` where nothing was said of them.
    pub form_fields: Option<Vec<Said>>,
}

/// The values of addresses' form fields; of an address that is not in it, none are to be shown.
pub type Answers = BTreeMap<AddressId, Vec<Answer>>;

/// What came of one row that was to be written.
#[derive(Debug)]
pub enum Outcome {
    /// The address as it is now.
    Written(Address),
    /// The customer has such an address already, and nothing was done. Where one was to be made, this is the
    /// one there is; where one was to be changed, this is it, as it was.
    Duplicate(Address),
}

/// Make addresses, without the values of their form fields; one that its customer has already is left as it is. There
/// are as many numbers as drafts.
pub async fn create(
    tx: &mut WriteTx,
    author: &Author,
    drafts: &[(CustomerId, Draft)],
    numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<Vec<Outcome>> {
    let keys: Vec<_> = drafts.iter().map(|(id, it)| (*id, it.details.identity())).collect();
    let mut fresh: BTreeSet<_> = keys.iter().copied().collect();
    let mut known = BTreeMap::new();
    for address in rows::with_identities(tx, author.store, &fresh).await? {
        let key = (address.customer, address.details.identity());
        fresh.remove(&key);
        known.insert(key, address);
    }
    let count = i64::try_from(fresh.len()).map_err(Error::internal)?;
    let mut next = match count {
        0 => 0,
        _ => counters::take(tx, author.store, Counter::Address, count)
            .await?
            .ok_or(Error::NotFound("store"))?,
    };
    let mut outcomes = Vec::with_capacity(drafts.len());
    for ((key, (customer, draft)), (event_id, audit_id)) in keys.iter().zip(drafts).zip(numbers) {
        if let Some(address) = known.get(key) {
            outcomes.push(Outcome::Duplicate(address.clone()));
            continue;
        }
        let address =
            Address { id: AddressId(next), customer: *customer, details: draft.details.clone() };
        next += 1;
        rows::insert(tx, author.store, &address).await?;
        let event = Event::AddressCreated(*customer, address.id);
        outbox::rows::publish(tx, author.store, *event_id, event, now).await?;
        let change = Change::address_created(address.id);
        audit::rows::record(tx, author, *audit_id, &change, now).await?;
        known.insert(*key, address.clone());
        outcomes.push(Outcome::Written(address));
    }
    Ok(outcomes)
}

/// Delete what customers that are being deleted leave behind. Their going is told, that of their addresses
/// follows from it. The transaction holds the customers, and the count of addresses before them.
pub async fn forget_customers(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    let gone = rows::delete_of(tx, store, customers).await?;
    let gone = i64::try_from(gone).map_err(Error::internal)?;
    if gone > 0 {
        counters::discount(tx, store, Counter::Address, gone).await?;
    }
    Ok(())
}

/// Hold the store's count of addresses until the transaction ends: before the customers, as every writer does
/// that makes or deletes addresses.
pub async fn hold_count(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    counters::hold(tx, store, Counter::Address).await?.ok_or(Error::NotFound("store"))
}

/// The owner of an address's values.
#[must_use]
pub fn owner(address: &Address) -> Owner {
    Owner { customer: address.customer, address: Some(address.id) }
}

/// These customers, and those of these addresses that there are with their customers, until the transaction ends.
/// Whoever writes an address holds its customer, so they stay as they are.
pub async fn hold(
    tx: &mut WriteTx,
    store: StoreId,
    mut customers: BTreeSet<CustomerId>,
    ids: &BTreeSet<AddressId>,
) -> Result<(BTreeMap<CustomerId, Customer>, Vec<Address>)> {
    for address in rows::find_all(tx, store, ids).await? {
        customers.insert(address.customer);
    }
    let customers: Vec<CustomerId> = customers.into_iter().collect();
    let held = customers::rows::lock(tx, store, &customers).await?;
    let held: BTreeMap<CustomerId, Customer> =
        held.into_iter().map(|customer| (customer.id, customer)).collect();
    // Read again: they may have changed while their customers were waited for. Where a customer is gone its store is
    // being deleted, and its addresses are as good as gone.
    let mut addresses = rows::find_all(tx, store, ids).await?;
    addresses.retain(|address| held.contains_key(&address.customer));
    Ok((held, addresses))
}
