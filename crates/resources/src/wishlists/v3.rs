//! `/v3/wishlists`.

use axum::{Extension, extract::State, http::StatusCode};
use kernel::{CustomerId, Error, Scope, WishlistId, WishlistItemId};
use rest::{
    App, Caller, NoContent, Routes,
    json::{self, Read},
    v3::{Body, Created, Failure, Ids, Json, Meta, NoParams, One, Page, Pagination, Params, Reply},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    model::{Changes, Draft, Item, ItemChange, Wish, Wishlist},
    ops,
};

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/wishlists";
    const ONE: &str = "/wishlists/{wishlist_id}";
    routes
        .v3()
        .get(ALL, Scope::CustomersRead, list)
        .post(ALL, Scope::CustomersModify, create)
        .get(ONE, Scope::CustomersRead, get)
        .put(ONE, Scope::CustomersModify, update)
        .delete(ONE, Scope::CustomersModify, delete)
        .post("/wishlists/{wishlist_id}/items", Scope::CustomersModify, add)
        .delete("/wishlists/{wishlist_id}/items/{item_id}", Scope::CustomersModify, remove)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<WishlistBody>>> {
    let customer = params.integer("customer_id")?.map(CustomerId);
    let window = params.pages()?;
    params.finish()?;
    let (wishlists, total) = ops::list(&app, &caller, customer, window.part()).await?;
    let pagination = Some(Pagination::new(&window, wishlists.len(), total));
    let data = wishlists.into_iter().map(WishlistBody::from).collect();
    Ok(Json(Page { data, meta: Meta { pagination, ..Meta::default() } }))
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Created<One<WishlistBody>>> {
    let (customer, name, is_public, wishes) = body.object(|fields| {
        (
            fields.required("customer_id", json::integer),
            fields.required("name", json::text),
            fields.optional("is_public", json::boolean),
            fields.optional("items", json::list(wish)),
        )
    })?;
    let wishes = within_bounds(wishes.unwrap_or_default())?;
    let draft = Draft::new(CustomerId(customer), name, is_public.unwrap_or(false), wishes)?;
    Ok(created(ops::create(&app, &caller, &draft).await?))
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Json<One<WishlistBody>>> {
    let wishlist = ops::find(&app, &caller, WishlistId(id)).await.map_err(refused)?;
    Ok(Json(One::new(wishlist.into())))
}

/// Changes the items that it names and leaves the others, as published: to add and to delete them there are
/// operations of their own. 201, as published.
async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Created<One<WishlistBody>>> {
    let (name, is_public, items) = body.object(|fields| {
        (
            fields.optional("name", json::text),
            fields.optional("is_public", json::boolean),
            fields.required("items", json::list(item_change)),
        )
    })?;
    let changes = Changes::new(name, is_public, within_bounds(items)?)?;
    let wishlist = ops::update(&app, &caller, WishlistId(id), &changes).await;
    Ok(created(wishlist.map_err(refused)?))
}

/// Whether the wishlist was there or not, as the page has no 404.
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<NoContent> {
    ops::delete(&app, &caller, WishlistId(id)).await?;
    Ok(NoContent)
}

async fn add(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Created<One<WishlistBody>>> {
    let wishes = body.object(|fields| fields.required("items", json::list(wish)))?;
    let wishes = within_bounds(wishes)?;
    let wishlist = ops::add(&app, &caller, WishlistId(id), &wishes).await;
    Ok(created(wishlist.map_err(refused)?))
}

/// The wishlist without the item, whether it was on it or not.
async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id, item]): Ids<2>,
    _: NoParams,
) -> Reply<Json<One<WishlistBody>>> {
    let wishlist = ops::remove(&app, &caller, WishlistId(id), WishlistItemId(item)).await;
    Ok(Json(One::new(wishlist.map_err(refused)?.into())))
}

fn wish(value: &Value) -> Read<Wish> {
    let item = json::object(value)?;
    Ok(Wish {
        product: json::required_member(item, "product_id", json::id)?,
        variant: json::member(item, "variant_id", json::id)?,
    })
}

fn item_change(value: &Value) -> Read<ItemChange> {
    let item = json::object(value)?;
    let variant = match item.get("variant_id") {
        Some(Value::Null) => Some(None),
        _ => json::member(item, "variant_id", json::id)?.map(Some),
    };
    Ok(ItemChange {
        id: WishlistItemId(json::required_member(item, "id", json::integer)?),
        product: json::member(item, "product_id", json::id)?,
        variant,
    })
}

/// Ruling 3.
fn within_bounds<T>(items: Vec<T>) -> Result<Vec<T>, Failure> {
    const MOST: usize = 250;
    if items.len() > MOST {
        return Err(Failure::too_many_rows(StatusCode::UNPROCESSABLE_ENTITY, MOST));
    }
    Ok(items)
}

/// An unknown wishlist has a title of its own (recorded).
fn refused(error: Error) -> Failure {
    match error {
        Error::NotFound("wishlist") => {
            Failure::new(StatusCode::NOT_FOUND, "Could not find wishlist")
        }
        error => error.into(),
    }
}

fn created(wishlist: Wishlist) -> Created<One<WishlistBody>> {
    Created(One::new(wishlist.into()))
}

/// A wishlist in the published order.
#[derive(Serialize)]
struct WishlistBody {
    id: i64,
    customer_id: i64,
    name: String,
    is_public: bool,
    token: String,
    items: Vec<ItemBody>,
}

/// The published list shows items without a variant where there is none.
#[derive(Serialize)]
struct ItemBody {
    id: i64,
    product_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant_id: Option<i64>,
}

impl From<Wishlist> for WishlistBody {
    fn from(wishlist: Wishlist) -> Self {
        let item = |item: Item| ItemBody {
            id: item.id.0,
            product_id: item.product,
            variant_id: item.variant,
        };
        Self {
            id: wishlist.id.0,
            customer_id: wishlist.customer.0,
            name: wishlist.name,
            is_public: wishlist.is_public,
            token: wishlist.token.to_string(),
            items: wishlist.items.into_iter().map(item).collect(),
        }
    }
}
