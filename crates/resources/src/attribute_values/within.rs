//! Values within the transaction of whoever makes their customers.

use std::collections::BTreeMap;

use access::Author;
use kernel::{AttributeId, AttributeValueId, CustomerId, Error, Result, Timestamp, Violations};
use sql::WriteTx;

use super::{
    model::{AttributeValue, Embedded, Setting},
    rows,
};
use crate::{
    attributes::{self, model::Kind},
    counters::rows::{self as counters, Counter},
};

/// Give values to customers that this transaction makes: for each its id, and what was said of it. The line
/// that tells of the customer tells of them too. A fault is named by the customer's row and the value's
/// place, as in `0.attributes.1.attribute_value`.
pub async fn create(
    tx: &mut WriteTx,
    author: &Author,
    said: &[(CustomerId, &[(AttributeId, String)])],
    now: Timestamp,
) -> Result<BTreeMap<CustomerId, Embedded>> {
    let mut made: BTreeMap<CustomerId, Embedded> =
        said.iter().map(|(customer, _)| (*customer, Embedded::default())).collect();
    let count: usize = said.iter().map(|(_, values)| values.len()).sum();
    if count == 0 {
        return Ok(made);
    }
    let mut id = take(tx, author, count).await?;
    let kinds = kinds(tx, author).await?;
    for (row, (customer, values)) in said.iter().enumerate() {
        for (place, (attribute, value)) in values.iter().enumerate() {
            let path = format!("{row}.attributes.{place}");
            check(&kinds, *attribute, value, &path, "attribute_value")?;
            if values[..place].iter().any(|(earlier, _)| earlier == attribute) {
                return Err(Error::invalid(format!("{path}.attribute_id"), "is given twice"));
            }
            let setting =
                Setting { customer: *customer, attribute: *attribute, value: value.clone() };
            let value = made_of(&setting, id, now);
            id = AttributeValueId(id.0 + 1);
            rows::insert(tx, author.store, &value).await?;
            made.entry(*customer).or_default().add(value);
        }
    }
    Ok(made)
}

/// The value that a setting makes where the customer had none.
pub(super) fn made_of(setting: &Setting, id: AttributeValueId, now: Timestamp) -> AttributeValue {
    let Setting { customer, attribute, value } = setting.clone();
    AttributeValue { id, customer, attribute, value, created_at: now, modified_at: now }
}

/// The first of the next `count` ids. Holds the store's values until the transaction ends: see
/// [`Counter::AttributeValue`].
pub(super) async fn take(
    tx: &mut WriteTx,
    author: &Author,
    count: usize,
) -> Result<AttributeValueId> {
    let count = i64::try_from(count).map_err(Error::internal)?;
    let first = counters::number(tx, author.store, Counter::AttributeValue, count).await?;
    first.map(AttributeValueId).ok_or(Error::NotFound("store"))
}

/// Of which kind each attribute of the store is.
pub(super) async fn kinds(
    tx: &mut WriteTx,
    author: &Author,
) -> Result<BTreeMap<AttributeId, Kind>> {
    let all = attributes::rows::all(tx, author.store).await?;
    Ok(all.into_iter().map(|attribute| (attribute.id, attribute.kind)).collect())
}

/// Whether there is the attribute, and it may have the value; faults are told by row and field.
pub(super) fn check(
    kinds: &BTreeMap<AttributeId, Kind>,
    attribute: AttributeId,
    value: &str,
    row: &str,
    field: &str,
) -> Result<()> {
    let mut faults = Violations::default();
    match kinds.get(&attribute).map(|kind| kind.check(value)) {
        None => faults.add(format!("{row}.attribute_id"), "invalid attribute ID"),
        Some(Err(rule)) => faults.add(format!("{row}.{field}"), rule),
        Some(Ok(())) => {}
    }
    faults.or(())
}
