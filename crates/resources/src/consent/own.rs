//! `/stores/{hash}/custodia/customers/{id}/consent`: ours, what a customer has declared and how.

use std::collections::BTreeMap;

use axum::{Extension, extract::State};
use kernel::{CustomerId, Error, Scope};
use rest::{
    App, Caller, Routes, Version, json,
    v3::{Body, Created, Failure, Ids, Json, Meta, NoParams, One, Page, Pagination, Params, Reply},
};
use serde::Serialize;

use super::{
    model::{Categories, Declaration, Declared, Draft, PolicyName},
    ops,
    shape::{declared, names},
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/{customer_id}/consent";
    const GOOGLE: &str = "/customers/{customer_id}/consent/google";
    routes
        .version(Version::Own)
        .get(PATH, Scope::CustomersRead, list)
        .post(PATH, Scope::CustomersModify, declare)
        .get(GOOGLE, Scope::CustomersRead, google)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    mut params: Params,
) -> Reply<Json<Page<DeclaredBody>>> {
    let window = params.pages()?;
    params.finish()?;
    let history = ops::history(&app, &caller, CustomerId(customer), window.part()).await?;
    let pagination = Pagination::new(&window, history.declared.len(), history.total);
    let body = |declared: Declared| {
        let client_id = history.clients.get(&declared.declared_by).cloned();
        DeclaredBody::new(declared, client_id)
    };
    Ok(Json(Page {
        data: history.declared.into_iter().map(body).collect(),
        meta: Meta { pagination: Some(pagination), cursor_pagination: None },
    }))
}

async fn declare(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Created<One<DeclaredBody>>> {
    let ((allow, deny), channel, locale, policy, at) = body.object(|fields| {
        let lists = declared(fields);
        let channel = fields.optional("channel_id", json::channel);
        let locale = fields.optional("locale", json::text);
        let policy = fields.optional("policy", json::text);
        (lists, channel, locale, policy, fields.optional("declared_at", json::moment))
    })?;
    let mut draft = Draft::from(Declaration::new(allow, deny)?);
    (draft.channel, draft.policy) = (channel, policy);
    if let Some(at) = at {
        draft = draft.brought_along(at, app.clock.now()).map_err(refused)?;
    }
    if let Some(locale) = locale {
        draft = draft.in_language(locale).map_err(refused)?;
    }
    let declared = ops::declare(&app, &caller, CustomerId(customer), &draft).await;
    let client_id = Some(caller.client_id().to_owned());
    Ok(Created(One::new(DeclaredBody::new(declared.map_err(refused)?, client_id))))
}

/// What is in force, as Google's tags take it.
async fn google(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
) -> Reply<Json<One<BTreeMap<&'static str, &'static str>>>> {
    let consent = ops::find(&app, &caller, CustomerId(customer)).await?;
    let word = |granted| if granted { "granted" } else { "denied" };
    let signals = consent.declaration.google_signals();
    let signals = signals.into_iter().map(|(name, granted)| (name, word(granted)));
    Ok(Json(One::new(signals.collect())))
}

fn refused(error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => Failure::refused("Create consent failed.", faults),
        error => error.into(),
    }
}

#[derive(Serialize)]
struct DeclaredBody {
    sequence: i64,
    #[serde(serialize_with = "names")]
    allow: Categories,
    #[serde(serialize_with = "names")]
    deny: Categories,
    declared_at: String,
    source: String,
    client_id: Option<String>,
    session: Option<String>,
    gpc: bool,
    channel_id: Option<i64>,
    locale: Option<String>,
    policy: Option<PolicyBody>,
    leaf: Option<i64>,
}

impl DeclaredBody {
    fn new(declared: Declared, client_id: Option<String>) -> Self {
        Self {
            sequence: declared.sequence,
            allow: declared.declaration.allow(),
            deny: declared.declaration.deny(),
            declared_at: declared.declared_at.to_rfc3339_micros(),
            source: declared.source,
            client_id,
            session: Some(declared.session).filter(|session| !session.is_empty()),
            gpc: declared.gpc,
            channel_id: declared.channel.map(|channel| channel.0),
            locale: Some(declared.locale).filter(|locale| !locale.is_empty()),
            policy: declared.policy.map(PolicyBody::from),
            leaf: declared.leaf,
        }
    }
}

#[derive(Serialize)]
struct PolicyBody {
    version: String,
    sha256: String,
}

impl From<PolicyName> for PolicyBody {
    fn from(policy: PolicyName) -> Self {
        Self { version: policy.version, sha256: policy.sha256 }
    }
}
