//! `/v3/hooks`.

use axum::{Extension, extract::State, http::StatusCode};
use kernel::{Error, HookId, Scope, Timestamp, Violations};
use rest::{
    App, Caller, NoContent, Routes, json,
    v3::{
        Body, Failure, Fields, Ids, Json, Meta, NoParams, One, Page, Pagination, Params, Reply,
        Window,
    },
};
use serde::Serialize;

use super::{
    model::{Changes, Draft, Emails, Filter, Hook, MOST_HOOKS, Overview, Said},
    ops,
    shape::{self, HookBody},
};

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/hooks";
    const ONE: &str = "/hooks/{webhook_id}";
    const ADMIN: &str = "/hooks/admin";
    routes
        .v3()
        .get(ALL, Scope::AnyToken, list)
        .post(ALL, Scope::AnyToken, create)
        .get(ADMIN, Scope::AnyToken, overview)
        .put(ADMIN, Scope::AnyToken, notify)
        .get(ONE, Scope::AnyToken, get)
        .put(ONE, Scope::AnyToken, update)
        .delete(ONE, Scope::AnyToken, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<HookBody>>> {
    let filter = Filter {
        is_active: is_active(&mut params)?,
        scope: params.text("scope"),
        destination: params.text("destination"),
    };
    let window = params.pages()?;
    let sent = params.finish()?;
    let (hooks, total) = ops::list(&app, &caller, &filter, window.part()).await?;
    let pagination = Pagination::new(&window, hooks.len(), total).with_links(&sent);
    let data = hooks.iter().map(|hook| shown(hook, &caller)).collect();
    Ok(Json(Page { data, meta: Meta { pagination: Some(pagination), ..Meta::default() } }))
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<One<HookBody>>> {
    let said = body.object(said)?;
    let (Some(scope), Some(destination)) = (said.scope.clone(), said.destination.clone()) else {
        let is_there =
            [("scope", said.scope.is_some()), ("destination", said.destination.is_some())];
        return Err(missing(is_there.into_iter().filter(|(_, it)| !it).map(|(name, _)| name)));
    };
    let draft = Draft::new(&scope, &destination, said, &app.settings.webhook_allow)?;
    let hook = ops::create(&app, &caller, &draft).await?;
    Ok(Json(One::new(shown(&hook, &caller))))
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Json<One<HookBody>>> {
    let hook = ops::find(&app, &caller, HookId(id)).await.map_err(|error| refused(error, id))?;
    Ok(Json(One::new(shown(&hook, &caller))))
}

/// "At least one field is required to perform an update" (published).
async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<One<HookBody>>> {
    let said = body.object(said)?;
    if said.is_nothing() {
        return Err(Failure::unreadable(Violations::default()));
    }
    let changes = Changes::new(said, &app.settings.webhook_allow)?;
    let hook = ops::update(&app, &caller, HookId(id), &changes).await;
    let hook = hook.map_err(|error| refused(error, id))?;
    Ok(Json(One::new(shown(&hook, &caller))))
}

/// What was deleted is answered, as published.
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Json<One<HookBody>>> {
    let hook = ops::delete(&app, &caller, HookId(id)).await.map_err(|error| refused(error, id))?;
    Ok(Json(One::new(shown(&hook, &caller))))
}

/// All of the caller's webhooks on one page, which has room for as many as there may be, and the domains of theirs that
/// are blocked. Why one is, nobody keeps: too little arrived there.
async fn overview(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<AdminAnswer>> {
    let filter = Filter { is_active: is_active(&mut params)?, ..Filter::default() };
    params.finish()?;
    let now = app.clock.now();
    let Overview { emails, mut hooks, blocked } = ops::overview(&app, &caller).await?;
    hooks.retain(|hook| filter.takes(hook));
    let total = i64::try_from(hooks.len()).map_err(Error::internal)?;
    let window = Window { page: 1, limit: MOST_HOOKS, before: None, after: None };
    let pagination = Some(Pagination::new(&window, hooks.len(), total));
    let hooks_list =
        hooks.iter().map(|hook| HookBody::new(hook, &caller).with_status(hook)).collect();
    let blocked_domains = blocked.into_iter().map(|(domain, until)| BlockedBody {
        destination: format!("https://{domain}"),
        time_left: (until.0 - now.0 + Timestamp::SECOND - 1) / Timestamp::SECOND,
        reasons: [],
    });
    let blocked_domains = blocked_domains.collect();
    let data = AdminBody { emails: emails.into_inner(), hooks_list, blocked_domains };
    Ok(Json(AdminAnswer { data, meta: Meta { pagination, ..Meta::default() } }))
}

async fn notify(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<NoContent> {
    let emails = body.object(|fields| fields.optional("emails", json::list(json::text)))?;
    let emails = emails.ok_or_else(|| missing(["emails"]))?;
    ops::notify(&app, &caller, &Emails::new(emails)?).await?;
    Ok(NoContent)
}

/// What POST and PUT both read.
fn said(fields: &mut Fields<'_>) -> Said {
    Said {
        scope: fields.optional("scope", json::text),
        destination: fields.optional("destination", json::text),
        headers: fields.nullable("headers", shape::headers),
        is_active: fields.optional("is_active", json::boolean),
        events_history_enabled: fields.optional("events_history_enabled", json::boolean),
    }
}

fn is_active(params: &mut Params) -> Result<Option<bool>, Failure> {
    params.choice("is_active", &[("true", true), ("false", false)])
}

/// In the published words, which end in a dot here and nowhere else.
fn missing(names: impl IntoIterator<Item = &'static str>) -> Failure {
    let mut faults = Violations::default();
    names.into_iter().for_each(|name| faults.add(name, "error.path.missing."));
    Failure::unreadable(faults)
}

/// An unknown webhook has a title of its own (published).
fn refused(error: Error, id: i64) -> Failure {
    match error {
        Error::NotFound("webhook") => {
            Failure::new(StatusCode::NOT_FOUND, format!("Webhook with id [{id}] not found"))
        }
        error => error.into(),
    }
}

fn shown(hook: &Hook, caller: &Caller) -> HookBody {
    HookBody::new(hook, caller).with_history(hook)
}

#[derive(Serialize)]
struct AdminAnswer {
    data: AdminBody,
    meta: Meta,
}

#[derive(Serialize)]
struct AdminBody {
    emails: Vec<String>,
    hooks_list: Vec<HookBody>,
    blocked_domains: Vec<BlockedBody>,
}

#[derive(Serialize)]
struct BlockedBody {
    destination: String,
    time_left: i64,
    reasons: [(); 0],
}
