//! `/stores/{hash}/custodia/policies`: ours, what shoppers are shown when they are asked for consent.

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use kernel::{Error, Scope};
use rest::{
    App, Caller, Routes, Version, json,
    v3::{Body, Created, Failure, Json, Name, NoParams, One, Reply, Written},
};
use serde::Serialize;

use super::{
    model::{Draft, Policy, Words},
    ops,
};

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/policies";
    routes
        .version(Version::Own)
        .get(ALL, Scope::CustomersRead, list)
        .post(ALL, Scope::CustomersModify, register)
        .get("/policies/{policy}", Scope::CustomersRead, get)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
) -> Reply<Json<Written<PolicyBody>>> {
    let policies = ops::list(&app, &caller).await?;
    Ok(Json(Written::new(policies.into_iter().map(PolicyBody::from).collect())))
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
    _: NoParams,
) -> Reply<Json<One<WholePolicy>>> {
    let (policy, text) = ops::find(&app, &caller, &name).await?;
    Ok(Json(One::new(WholePolicy { policy: policy.into(), text })))
}

/// 201 for one that is new, 200 for one that was registered just so before.
async fn register(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Response> {
    let words = body.object(|fields| Words {
        version: fields.required("version", json::text),
        text: fields.required("text", json::text),
        controller: fields.required("controller", json::text),
        contact: fields.required("contact", json::text),
        withdrawal: fields.required("withdrawal", json::text),
        effective_at: fields.optional("effective_at", json::moment),
    })?;
    let draft = Draft::new(words).map_err(refused)?;
    let (policy, is_new) = ops::register(&app, &caller, &draft).await.map_err(refused)?;
    let body = One::new(PolicyBody::from(policy));
    Ok(if is_new { Created(body).into_response() } else { Json(body).into_response() })
}

fn refused(error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => Failure::refused("Create policy failed.", faults),
        error => error.into(),
    }
}

#[derive(Serialize)]
struct WholePolicy {
    #[serde(flatten)]
    policy: PolicyBody,
    text: String,
}

#[derive(Serialize)]
struct PolicyBody {
    version: String,
    sha256: String,
    controller: String,
    contact: String,
    withdrawal: String,
    effective_at: String,
    registered_at: String,
}

impl From<Policy> for PolicyBody {
    fn from(policy: Policy) -> Self {
        Self {
            version: policy.version,
            sha256: policy.sha256,
            controller: policy.controller,
            contact: policy.contact,
            withdrawal: policy.withdrawal,
            effective_at: policy.effective_at.to_rfc3339(),
            registered_at: policy.registered_at.to_rfc3339(),
        }
    }
}
