//! `POST /stores/{hash}/custodia/accounts/secret`: ours; the real service replaces no secret while both are valid.

use access::{Grace, accounts::Rotation};
use axum::{Extension, extract::State};
use kernel::{Error, Scope, Timestamp};
use rest::{
    App, Caller, Routes, Version,
    json::{self, Read},
    v3::{Body, Failure, Json, NoParams, One, Reply},
};
use serde::Serialize;
use serde_json::Value;

use super::ops;

pub fn routes(routes: Routes) -> Routes {
    // Every app signs, whatever its scopes: what it needs is the secret that it replaces.
    routes.version(Version::Own).post("/accounts/secret", Scope::AnyToken, rotate)
}

async fn rotate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<One<SecretBody>>> {
    let (proof, grace) = body.object(|fields| {
        (fields.required("client_secret", json::text), fields.optional("grace_seconds", grace))
    })?;
    let grace = grace.unwrap_or(Grace::DAY);
    let rotated = ops::rotate(&app, &caller, caller.account, Some(&proof), grace).await;
    let rotated = rotated.map_err(|error| match error {
        Error::Invalid(faults) => Failure::refused("Rotate client secret failed.", faults),
        error => error.into(),
    })?;
    Ok(Json(One::new(rotated.into())))
}

fn grace(value: &Value) -> Read<Grace> {
    Grace::seconds(json::integer(value)?)
        .map_err(|_| "error.expected.seconds.of.at.most.30.days".into())
}

#[derive(Serialize)]
struct SecretBody {
    client_id: String,
    client_secret: String,
    former_valid_until: Option<String>,
}

impl From<Rotation> for SecretBody {
    fn from(rotation: Rotation) -> Self {
        Self {
            client_id: rotation.client_id,
            client_secret: rotation.secret,
            former_valid_until: rotation.former_until.map(Timestamp::to_rfc3339),
        }
    }
}
