use kernel::StoreId;
use sql::{ReadTx, Result, WriteTx};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Customers. Its row also stands for the store's e-mail addresses: whoever gives one to a customer
    /// holds it, so that two requests cannot give the same one (ruling 16).
    Customer,
    /// Addresses of customers.
    Address,
    /// Subscribers. Its row also stands for their e-mail addresses, as that of customers does for theirs.
    Subscriber,
    /// Wishlists.
    Wishlist,
    /// Items of wishlists.
    WishlistItem,
    /// Customer groups. Its row also stands for which of them there are: who changes a group holds it, who puts
    /// a customer into one shares it. Taken after the customers' row, where both are.
    CustomerGroup,
    /// Channels, their settings, and policies. Its numbers mean nothing: callers choose them.
    Channel,
    /// Addresses whose attempts to sign in are remembered. Its numbers mean nothing.
    SignIn,
    /// Segments. Its row also stands for their names and for who is in them.
    Segment,
    /// Shopper profiles.
    ShopperProfile,
    /// Customer attributes. Its row also stands for their names, and for how many there may be.
    Attribute,
    /// Attribute values; how many there are is not kept. Whoever sets one, or deletes an attribute, holds its
    /// row, so that no value outlives its attribute.
    AttributeValue,
    /// Metafields; how many there are is not kept.
    Metafield,
    /// Definitions of form fields. Whoever defines one holds it, so that two requests cannot use one name.
    FormField,
    /// Forms that were filled in: each customer and each address with values has one.
    FormSession,
    /// Webhooks; how many there are is not kept. Its row also stands for which webhooks an account has, and for whom
    /// it has told of them: who makes or changes one holds it.
    Hook,
}

impl Counter {
    /// In the order in which who needs several takes them. Who needs customers too holds them after those of
    /// customers, addresses, groups and channels, and before all the others.
    pub const ALL: [Self; 16] = [
        Self::Customer,
        Self::Address,
        Self::CustomerGroup,
        Self::Channel,
        Self::Attribute,
        Self::AttributeValue,
        Self::Metafield,
        Self::FormField,
        Self::Subscriber,
        Self::Wishlist,
        Self::WishlistItem,
        Self::Segment,
        Self::ShopperProfile,
        Self::SignIn,
        Self::FormSession,
        Self::Hook,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Address => "address",
            Self::Subscriber => "subscriber",
            Self::Wishlist => "wishlist",
            Self::WishlistItem => "wishlist_item",
            Self::CustomerGroup => "customer_group",
            Self::Channel => "channel",
            Self::SignIn => "sign_in",
            Self::FormField => "form_field",
            Self::FormSession => "form_session",
            Self::Segment => "segment",
            Self::ShopperProfile => "profile",
            Self::Attribute => "attribute",
            Self::AttributeValue => "attribute_value",
            Self::Metafield => "metafield",
            Self::Hook => "hook",
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

/// Hold the counter's row together with others who share it, until the transaction ends: nobody takes a number
/// meanwhile, or counts one out. How many there are; `None` when the store is gone.
pub async fn share(tx: &mut WriteTx, store: StoreId, counter: Counter) -> Result<Option<i64>> {
    let for_share = tx.for_share();
    let live: Option<(i64,)> = tx
        .query("SELECT live FROM counter WHERE store_id = $1 AND name = $2")
        .push(for_share)
        .bind(store)
        .bind(counter.name())
        .fetch_optional()
        .await?;
    Ok(live.map(|(live,)| live))
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
