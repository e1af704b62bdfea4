//! `GET` and `PUT /v3/customers/{customer_id}/consent`: bare objects, without V3's envelope (observed.md 4.4).

use axum::{Extension, extract::State};
use kernel::{CustomerId, Scope};
use rest::{
    App, Caller, Quirk, Routes,
    json::{self, Read},
    v3::{Body, Fields, Ids, Json, NoParams, Reply},
};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{
    model::{Categories, Category, Consent, Declaration},
    ops,
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/{customer_id}/consent";
    routes.v3().get(PATH, Scope::CustomersRead, get).put(PATH, Scope::CustomersModify, put)
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
) -> Reply<Json<ConsentBody>> {
    let mut consent = ops::find(&app, &caller, CustomerId(customer)).await?;
    if caller.has(Quirk::ConsentTimeOfCall) {
        consent.declared_at = app.clock.now();
    }
    Ok(Json(consent.into()))
}

async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<ConsentBody>> {
    let (allow, deny) = body.object(declared)?;
    let declaration = Declaration::new(allow, deny)?;
    let declared = ops::declare(&app, &caller, CustomerId(customer), &declaration.into()).await?;
    Ok(Json(Consent { declaration, declared_at: declared.declared_at }.into()))
}

/// The two lists of a `PUT`, both of which must be there.
pub(super) fn declared(fields: &mut Fields<'_>) -> (Categories, Categories) {
    (fields.required("allow", categories), fields.required("deny", categories))
}

fn categories(value: &Value) -> Read<Categories> {
    let names = json::list(|name| {
        let known = json::text(name)?.parse::<Category>();
        known.map_err(|_| "error.expected.validenumvalue".into())
    });
    Ok(names(value)?.into_iter().collect())
}

#[derive(Serialize)]
struct ConsentBody {
    #[serde(serialize_with = "names")]
    allow: Categories,
    #[serde(serialize_with = "names")]
    deny: Categories,
    updated_at: String,
}

impl From<Consent> for ConsentBody {
    fn from(consent: Consent) -> Self {
        Self {
            allow: consent.declaration.allow(),
            deny: consent.declaration.deny(),
            updated_at: consent.declared_at.to_rfc3339(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(super) fn names<S: Serializer>(
    categories: &Categories,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(categories.iter().map(Category::name))
}
