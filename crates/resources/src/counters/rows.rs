use kernel::StoreId;
use sql::{ReadTx, Result, WriteTx};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Customers. Its row also stands for the store's e-mail addresses: whoever gives one to a customer
    /// holds it, so that two requests cannot give the same one (ruling 16).
    Customer,
    /// Customer attributes. Its row also stands for their names, and for how many there may be.
    Attribute,
    /// Attribute values; how many there are is not kept. Whoever sets one, or deletes an attribute, holds its
    /// row, so that no value outlives its attribute.
    AttributeValue,
    /// Metafields; how many there are is not kept.
    Metafield,
}

impl Counter {
    /// Every counter that a store has.
    pub const ALL: [Self; 4] =
        [Self::Customer, Self::Attribute, Self::AttributeValue, Self::Metafield];

    fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Attribute => "attribute",
            Self::AttributeValue => "attribute_value",
            Self::Metafield => "metafield",
        }
    }
}

/// Give a new store its counters.
pub async fn open(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    for counter in Counter::ALL {
        tx.query("INSERT INTO counter (store_id, name, last, live) VALUES ($1, $2, 0, 0)")
            .bind(store)
            .bind(counter.name())
            .execute()
            .await?;
    }
    Ok(())
}

/// Take the next `count` numbers; the first of them is returned. `None` when the store is gone.
pub async fn take(
    tx: &mut WriteTx,
    store: StoreId,
    counter: Counter,
    count: i64,
) -> Result<Option<i64>> {
    let last: Option<(i64,)> = tx
        .query(
            "UPDATE counter SET last = last + $3, live = live + $3 WHERE store_id = $1 AND name = $2
             RETURNING last",
        )
        .bind(store)
        .bind(counter.name())
        .bind(count)
        .fetch_optional()
        .await?;
    Ok(last.map(|(last,)| last - count + 1))
}

/// Take the next `count` numbers for things whose live ones nobody counts; the first of them is returned.
/// `None` when the store is gone.
pub async fn number(
    tx: &mut WriteTx,
    store: StoreId,
    counter: Counter,
    count: i64,
) -> Result<Option<i64>> {
    let last: Option<(i64,)> = tx
        .query(
            "UPDATE counter SET last = last + $3 WHERE store_id = $1 AND name = $2 RETURNING last",
        )
        .bind(store)
        .bind(counter.name())
        .bind(count)
        .fetch_optional()
        .await?;
    Ok(last.map(|(last,)| last - count + 1))
}

/// Hold the counter's row until the transaction ends. `None` when the store is gone.
pub async fn hold(tx: &mut WriteTx, store: StoreId, counter: Counter) -> Result<Option<()>> {
    let for_update = tx.for_update();
    tx.query("SELECT last FROM counter WHERE store_id = $1 AND name = $2")
        .push(for_update)
        .bind(store)
        .bind(counter.name())
        .fetch_optional()
        .await
}

/// Count `count` of them out, which have been deleted.
pub async fn discount(
    tx: &mut WriteTx,
    store: StoreId,
    counter: Counter,
    count: i64,
) -> Result<()> {
    tx.query("UPDATE counter SET live = live - $3 WHERE store_id = $1 AND name = $2")
        .bind(store)
        .bind(counter.name())
        .bind(count)
        .execute()
        .await?;
    Ok(())
}

/// The last number given out; 0 when none was.
pub async fn last(tx: &mut ReadTx, store: StoreId, counter: Counter) -> Result<i64> {
    let last = tx
        .query("SELECT last FROM counter WHERE store_id = $1 AND name = $2")
        .bind(store)
        .bind(counter.name())
        .fetch_optional::<(i64,)>()
        .await?;
    Ok(last.map_or(0, |(last,)| last))
}

/// How many there are.
pub async fn live(tx: &mut ReadTx, store: StoreId, counter: Counter) -> Result<i64> {
    let live = tx
        .query("SELECT live FROM counter WHERE store_id = $1 AND name = $2")
        .bind(store)
        .bind(counter.name())
        .fetch_optional::<(i64,)>()
        .await?;
    Ok(live.map_or(0, |(live,)| live))
}
