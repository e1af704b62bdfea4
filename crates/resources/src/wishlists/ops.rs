use kernel::{CustomerId, Error, Part, Result, Timestamp, Uuid, WishlistId, WishlistItemId};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    model::{Changes, Draft, Item, Wish, Wishlist},
    rows,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    customers,
};

// Every writer holds the customer before the wishlist, the wishlist before the counter of wishlists, and that
// before the counter of items.

/// The wishlist of this id.
pub async fn find(app: &App, caller: &Caller, id: WishlistId) -> Result<Wishlist> {
    let find = async |tx: &mut ReadTx| rows::find(tx, caller.store, id).await?.ok_or(UNKNOWN);
    app.db.snapshot(find).await
}

/// Part of the wishlists of the store, or of one customer; and how many there are.
pub async fn list(
    app: &App,
    caller: &Caller,
    customer: Option<CustomerId>,
    part: Part,
) -> Result<(Vec<Wishlist>, i64)> {
    let work = async |tx: &mut ReadTx| {
        let wishlists = rows::list(tx, caller.store, customer, part).await?;
        let total = match customer {
            Some(customer) => rows::count(tx, caller.store, customer).await?,
            None => counters::live(tx, caller.store, Counter::Wishlist).await?,
        };
        Ok::<_, Error>((wishlists, total))
    };
    // Each may have a thousand items: a page of many is no short read.
    let is_short = part.is_near() && part.limit <= 50;
    if is_short { app.db.snapshot(work).await } else { app.db.scan(work).await }
}

/// Make a wishlist for a customer.
pub async fn create(app: &App, caller: &Caller, draft: &Draft) -> Result<Wishlist> {
    let (now, audit_id) = draw(app);
    let token = Uuid::draw(&*app.chance);
    app.db
        .write(async |tx| {
            if customers::rows::lock(tx, caller.store, &[draft.customer]).await?.is_empty() {
                return Err(Error::invalid("customer_id", "invalid customer ID"));
            }
            let id = counters::take(tx, caller.store, Counter::Wishlist, 1).await?;
            let mut wishlist = Wishlist {
                id: id.map(WishlistId).ok_or(Error::NotFound("store"))?,
                customer: draft.customer,
                name: draft.name.clone(),
                is_public: draft.is_public,
                token,
                items: Vec::new(),
            };
            rows::insert(tx, caller.store, &wishlist).await?;
            add_in(tx, caller, &mut wishlist, &draft.wishes).await?;
            let change = Change::wishlist_created(wishlist.id);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(wishlist)
        })
        .await
}

/// Change a wishlist and items on it; what it is afterwards. A change of nothing leaves no trace.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: WishlistId,
    changes: &Changes,
) -> Result<Wishlist> {
    let (now, audit_id) = draw(app);
    app.db
        .write(async |tx| {
            let mut wishlist = rows::lock(tx, caller.store, id).await?.ok_or(UNKNOWN)?;
            let (fields, items) = wishlist.apply(changes)?;
            if fields.is_empty() {
                return Ok(wishlist);
            }
            rows::update(tx, caller.store, &wishlist).await?;
            for item in &items {
                rows::update_item(tx, caller.store, id, item).await?;
            }
            let change = Change::wishlist_updated(id, &fields);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(wishlist)
        })
        .await
}

/// Put products on a wishlist; what it is afterwards.
pub async fn add(app: &App, caller: &Caller, id: WishlistId, wishes: &[Wish]) -> Result<Wishlist> {
    let (now, audit_id) = draw(app);
    app.db
        .write(async |tx| {
            let mut wishlist = rows::lock(tx, caller.store, id).await?.ok_or(UNKNOWN)?;
            if !add_in(tx, caller, &mut wishlist, wishes).await?.is_empty() {
                let change = Change::wishlist_updated(id, &["items"]);
                audit::rows::record(tx, caller, audit_id, &change, now).await?;
            }
            Ok(wishlist)
        })
        .await
}

/// Take an item off a wishlist, if it is on it; what the wishlist is afterwards.
pub async fn remove(
    app: &App,
    caller: &Caller,
    id: WishlistId,
    item: WishlistItemId,
) -> Result<Wishlist> {
    let (now, audit_id) = draw(app);
    app.db
        .write(async |tx| {
            let mut wishlist = rows::lock(tx, caller.store, id).await?.ok_or(UNKNOWN)?;
            if rows::delete_item(tx, caller.store, id, item).await? {
                wishlist.items.retain(|other| other.id != item);
                counters::discount(tx, caller.store, Counter::WishlistItem, 1).await?;
                let change = Change::wishlist_updated(id, &["items"]);
                audit::rows::record(tx, caller, audit_id, &change, now).await?;
            }
            Ok(wishlist)
        })
        .await
}

/// Delete a wishlist with its items, if it is there.
pub async fn delete(app: &App, caller: &Caller, id: WishlistId) -> Result<()> {
    let (now, audit_id) = draw(app);
    app.db
        .write(async |tx| {
            let Some(items) = rows::delete(tx, caller.store, id).await? else { return Ok(()) };
            let items = i64::try_from(items).map_err(Error::internal)?;
            counters::discount(tx, caller.store, Counter::Wishlist, 1).await?;
            counters::discount(tx, caller.store, Counter::WishlistItem, items).await?;
            let change = Change::wishlist_deleted(id);
            Ok(audit::rows::record(tx, caller, audit_id, &change, now).await?)
        })
        .await
}

/// Put products on a wishlist that is held; the items that they are.
async fn add_in(
    tx: &mut WriteTx,
    caller: &Caller,
    wishlist: &mut Wishlist,
    wishes: &[Wish],
) -> Result<Vec<Item>> {
    wishlist.check_room(wishes.len())?;
    if wishes.is_empty() {
        return Ok(Vec::new());
    }
    let count = i64::try_from(wishes.len()).map_err(Error::internal)?;
    let first = counters::take(tx, caller.store, Counter::WishlistItem, count).await?;
    let first = first.map(WishlistItemId).ok_or(Error::NotFound("store"))?;
    let items = wishlist.add(first, wishes);
    rows::insert_items(tx, caller.store, wishlist.id, &items).await?;
    Ok(items)
}

const UNKNOWN: Error = Error::NotFound("wishlist");

/// The time and the number of an audit line, before the transaction that may run twice.
fn draw(app: &App) -> (Timestamp, i64) {
    let now = app.clock.now();
    (now, app.event_ids.next(now))
}
