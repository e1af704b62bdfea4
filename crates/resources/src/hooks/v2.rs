//! `/v2/hooks`: the same webhooks by another name, which the official Python, Ruby and PHP libraries use.

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse as _, Response},
};
use kernel::{HookId, Scope};
use rest::{
    App, Caller, Routes, json,
    v2::{Body, Empty, Fields, Ids, Json, NoParams, Params, Reply},
};

use super::{
    model::{Changes, Draft, Filter, Said},
    ops,
    shape::{self, HookBody},
};

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/hooks";
    const ONE: &str = "/hooks/{webhook_id}";
    routes
        .v2()
        .get(ALL, Scope::AnyToken, list)
        .post(ALL, Scope::AnyToken, create)
        .get(ONE, Scope::AnyToken, get)
        .put(ONE, Scope::AnyToken, update)
        .delete(ONE, Scope::AnyToken, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Response> {
    let filter = Filter {
        is_active: params.boolean("is_active")?,
        scope: params.text("scope"),
        destination: params.text("destination"),
    };
    let window = params.window()?;
    params.finish()?;
    let (hooks, _) = ops::list(&app, &caller, &filter, window.part()).await?;
    if hooks.is_empty() {
        return Ok(Empty.into_response());
    }
    let bodies: Vec<HookBody> = hooks.iter().map(|hook| HookBody::new(hook, &caller)).collect();
    Ok(Json::ok(bodies).into_response())
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<HookBody>> {
    let (scope, destination, said) = body.object(MEMBERS, |fields| {
        let scope = fields.required("scope", json::text);
        let destination = fields.required("destination", json::text);
        (scope, destination, said(fields))
    })?;
    let draft = Draft::new(&scope, &destination, said, &app.settings.webhook_allow)?;
    let hook = ops::create(&app, &caller, &draft).await?;
    Ok(Json::created(HookBody::new(&hook, &caller)))
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Json<HookBody>> {
    let hook = ops::find(&app, &caller, HookId(id)).await?;
    Ok(Json::ok(HookBody::new(&hook, &caller)))
}

async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<HookBody>> {
    let said = body.object(MEMBERS, said)?;
    let changes = Changes::new(said, &app.settings.webhook_allow)?;
    let hook = ops::update(&app, &caller, HookId(id), &changes).await?;
    Ok(Json::ok(HookBody::new(&hook, &caller)))
}

async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Empty> {
    ops::delete(&app, &caller, HookId(id)).await?;
    Ok(Empty)
}

/// What POST and PUT both read.
fn said(fields: &mut Fields) -> Said {
    Said {
        scope: fields.optional("scope", json::text),
        destination: fields.optional("destination", json::text),
        headers: fields.nullable("headers", shape::headers),
        is_active: fields.optional("is_active", json::boolean),
        events_history_enabled: fields.optional("events_history_enabled", json::boolean),
    }
}

/// Every member a body may have; those that the server keeps itself are ignored (ruling 22).
const MEMBERS: &[&str] = &[
    "scope",
    "destination",
    "headers",
    "is_active",
    "events_history_enabled",
    "id",
    "client_id",
    "store_hash",
    "created_at",
    "updated_at",
];
