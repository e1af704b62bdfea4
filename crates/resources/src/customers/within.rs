//! New customers within the transaction of whoever makes them. What they bring along is made after them: see
//! `belongings`.

use access::Author;
use kernel::{CustomerId, Error, Result, StoreId, Timestamp};
use sql::WriteTx;

use super::{
    model::{Changes, Customer},
    rows, standing,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    outbox::{self, model::Event},
};

/// A customer to be made.
#[derive(Clone, Copy)]
pub struct New<'d> {
    pub said: &'d Changes,
    /// Of the password; empty where there is none.
    pub hash: &'d str,
    /// For its event and its audit line.
    pub numbers: (i64, i64),
}

/// The first of the next `count` ids. It holds the store's e-mail addresses, and with them which channels are open to
/// everybody.
pub async fn number(tx: &mut WriteTx, store: StoreId, count: usize) -> Result<CustomerId> {
    let count = i64::try_from(count).map_err(Error::internal)?;
    let first = counters::take(tx, store, Counter::Customer, count).await?;
    first.map(CustomerId).ok_or(Error::NotFound("store"))
}

/// Make customers under numbers that were taken for them, from `first` on; the last number is for the audit line of
/// channels that they name for the first time.
pub async fn make(
    tx: &mut WriteTx,
    author: &Author,
    first: CustomerId,
    rows: &[New<'_>],
    channels_id: i64,
    now: Timestamp,
) -> Result<Vec<Customer>> {
    let ids = (first.0..).map(CustomerId);
    let customer = |(row, id): (&New<'_>, _)| Customer::new(id, row.said, now);
    let mut made: Vec<Customer> = rows.iter().zip(ids).map(customer).collect();
    let said: Vec<&Changes> = rows.iter().map(|row| row.said).collect();
    standing::join(tx, author.store, &said, &mut made).await?;
    standing::open_channels(tx, author, said.into_iter(), channels_id, now).await?;
    let batch = made.iter().map(|customer| (customer.id, customer.clone())).collect();
    let shares = standing::refuse_clashes(tx, author.store, made.iter(), &batch).await?;
    for (customer, row) in made.iter().zip(rows) {
        rows::insert(tx, author.store, customer, row.hash).await?;
        let (event_id, audit_id) = row.numbers;
        let event = Event::CustomerCreated(customer.id);
        outbox::rows::publish(tx, author.store, event_id, event, now).await?;
        let change = Change::customer_created(customer.id);
        audit::rows::record(tx, author, audit_id, &change, now).await?;
    }
    if shares {
        let keys = made.iter().map(Customer::email_key).collect();
        standing::keep_meetings(tx, author.store, &keys).await?;
    }
    Ok(made)
}
