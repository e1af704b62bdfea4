//! `/v3/customers/subscribers`.

use axum::{Extension, extract::State, http::StatusCode};
use kernel::{Error, Scope, Span, SubscriberId, Violations, fold};
use rest::{
    App, Caller, NoContent, Routes, json,
    v3::{Body, Failure, Fields, Ids, Json, Meta, NoParams, One, Page, Pagination, Params, Reply},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    filter::Filter,
    model::{Changes, Consents, Purpose, Said, Subscriber},
    ops,
};

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/customers/subscribers";
    const ONE: &str = "/customers/subscribers/{subscriber_id}";
    routes
        .v3()
        .get(ALL, Scope::CustomersRead, list)
        .post(ALL, Scope::CustomersModify, create)
        .delete(ALL, Scope::CustomersModify, delete_all)
        .get(ONE, Scope::CustomersRead, get)
        .put(ONE, Scope::CustomersModify, update)
        .delete(ONE, Scope::CustomersModify, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<SubscriberBody>>> {
    let filter = Filter {
        ids: ids(&mut params)?,
        created: params.span("date_created")?,
        modified: params.span("date_modified")?,
        ..values(&mut params)?
    };
    let window = params.pages()?;
    let sent = params.finish()?;
    let (subscribers, total) = ops::list(&app, &caller, &filter, window.part()).await?;
    let pagination = Pagination::new(&window, subscribers.len(), total).with_links(&sent);
    let data = subscribers.into_iter().map(SubscriberBody::from).collect();
    Ok(Json(Page { data, meta: Meta { pagination: Some(pagination), ..Meta::default() } }))
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<One<SubscriberBody>>> {
    let said = body.object(|fields| {
        let email = Some(fields.required("email", json::text));
        Said { email, ..said(fields) }
    })?;
    let subscriber = ops::create(&app, &caller, &Changes::new(said)?).await.map_err(refused)?;
    Ok(Json(One::new(subscriber.into())))
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Json<One<SubscriberBody>>> {
    let subscriber = ops::find(&app, &caller, SubscriberId(id)).await?;
    Ok(Json(One::new(subscriber.into())))
}

async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<One<SubscriberBody>>> {
    let said = body.object(|fields| {
        let email = fields.optional("email", json::text);
        Said { email, ..said(fields) }
    })?;
    let changes = Changes::new(said)?;
    let subscriber = ops::update(&app, &caller, SubscriberId(id), &changes).await;
    Ok(Json(One::new(subscriber.map_err(refused)?.into())))
}

/// Whether the subscriber was there or not, as the page has no 404.
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<NoContent> {
    ops::delete(&app, &caller, SubscriberId(id)).await?;
    Ok(NoContent)
}

/// Without a filter all are deleted, as published (ruling 15). Fewer filters are published than the list
/// has: the others are refused like any unknown one, and nothing is deleted.
async fn delete_all(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<NoContent> {
    let filter = Filter {
        created: Span::new(None, None, params.when("date_created")?),
        modified: Span::new(None, None, params.when("date_modified")?),
        ..values(&mut params)?
    };
    params.finish()?;
    ops::delete_matching(&app, &caller, &filter).await?;
    Ok(NoContent)
}

/// What POST and PUT both read.
fn said(fields: &mut Fields<'_>) -> Said {
    Said {
        first_name: fields.optional("first_name", json::text),
        last_name: fields.optional("last_name", json::text),
        source: fields.optional("source", json::text),
        order: fields.nullable("order_id", json::integer),
        channel: fields.optional("channel_id", json::channel),
        consents: fields.optional("consents", consents),
        ..Said::default()
    }
}

fn consents(value: &Value) -> json::Read<Consents> {
    let purposes = json::list(|name| {
        let known = json::text(name)?.parse::<Purpose>();
        known.map_err(|_| "error.expected.validenumvalue".into())
    });
    Ok(purposes(value)?.into_iter().collect())
}

/// The filters that list and deletion share.
fn values(params: &mut Params) -> Result<Filter, Failure> {
    let mut folded = |name| params.text(name).map(|text| fold(&text));
    Ok(Filter {
        email_key: folded("email"),
        first_name_key: folded("first_name"),
        last_name_key: folded("last_name"),
        source: params.text("source"),
        order: params.integer("order_id")?,
        ..Filter::default()
    })
}

/// `id` and `id:in`; where both are there, both must hold.
fn ids(params: &mut Params) -> Result<Option<Vec<SubscriberId>>, Failure> {
    let one = params.integer("id")?.map(SubscriberId);
    let many = params.integers("id:in")?;
    Ok(match (one, many) {
        (None, many) => many,
        (Some(id), None) => Some(vec![id]),
        (Some(id), Some(mut ids)) => {
            ids.retain(|other| *other == id);
            Some(ids)
        }
    })
}

/// An address in use is published as 409; its words are ours.
fn refused(error: Error) -> Failure {
    let Error::Taken { field, value } = error else { return error.into() };
    let mut faults = Violations::default();
    faults.add(field, format!("{field} {value} already in use"));
    Failure::refused("The subscriber was in conflict with another subscriber.", faults)
        .with_status(StatusCode::CONFLICT)
}

/// A subscriber in the recorded order (observed.md 4.4).
#[derive(Serialize)]
struct SubscriberBody {
    id: i64,
    email: String,
    first_name: String,
    last_name: String,
    source: String,
    order_id: Option<i64>,
    date_created: String,
    date_modified: String,
    channel_id: i64,
    consents: Vec<&'static str>,
}

impl From<Subscriber> for SubscriberBody {
    fn from(subscriber: Subscriber) -> Self {
        Self {
            id: subscriber.id.0,
            email: subscriber.email,
            first_name: subscriber.first_name,
            last_name: subscriber.last_name,
            source: subscriber.source,
            order_id: subscriber.order,
            date_created: subscriber.created_at.to_rfc3339_with_offset(),
            date_modified: subscriber.modified_at.to_rfc3339_with_offset(),
            channel_id: subscriber.channel.0,
            consents: subscriber.consents.names(),
        }
    }
}
