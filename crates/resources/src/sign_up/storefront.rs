//! `POST /api/storefront/customers`, at a storefront's domain.

use access::Visitor;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use kernel::{Scope, Violations};
use rest::{
    App, NoContent, Routes,
    cookies::{self, CONSENT},
    json,
    storefront::{Body, Failure, Reply},
    v3::Fields,
};

use super::{
    form::{Form, Refusal},
    ops,
};
use crate::{
    customers::model::Password,
    form_fields::{answers, model::MOST_FIELDS},
    sessions::model::SESSION,
};

pub fn routes(routes: Routes) -> Routes {
    routes.storefront().post("/api/storefront/customers", Scope::Public, create)
}

/// Make an account, and sign the shopper in.
async fn create(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Body,
) -> Reply<Response> {
    let form = body.object(form)?;
    let kept = CONSENT.read(&app, &headers);
    let key = ops::sign_up(&app, &visitor, form, kept).await?.map_err(refused)?;
    let mut response = NoContent.into_response();
    cookies::sign_in(&app, response.headers_mut(), &key, SESSION, kept.is_some());
    Ok(response)
}

fn form(fields: &mut Fields<'_>) -> Form {
    // There is nobody to ask whether it is genuine; read, so that a wrong type is told.
    fields.optional("token", json::text);
    let answers = fields.objects("customFields", MOST_FIELDS, |fields| {
        let id = fields.required("fieldId", json::text);
        (id, fields.required("fieldValue", |value| answers::answer(value).map(Some)))
    });
    let answers = answers.into_iter().flatten();
    Form {
        first_name: fields.optional("firstName", json::text),
        last_name: fields.optional("lastName", json::text),
        email: fields.optional("email", json::text),
        password: fields.optional("password", json::text).map(Password),
        newsletters: fields.optional("acceptsMarketingEmails", json::boolean).unwrap_or_default(),
        answers: answers.filter_map(|(id, value)| Some((id, value?))).collect(),
    }
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Missing(fields) => {
            let words = format!("Missing required fields: {}", fields.join(", "));
            Failure::new(StatusCode::UNPROCESSABLE_ENTITY, words)
        }
        Refusal::Broken(faults) => {
            let words = format!("The account could not be created: {}", listed(faults));
            Failure::new(StatusCode::BAD_REQUEST, words)
        }
        Refusal::InUse => Failure::new(
            StatusCode::CONFLICT,
            "There is an account with this e-mail address already. Please sign in, or use another address.",
        ),
        Refusal::TooOften { seconds } => {
            Failure::new(StatusCode::TOO_MANY_REQUESTS, "Spam Protection Failed").after(seconds)
        }
    }
}

/// Each field with its rule.
fn listed(faults: Violations) -> String {
    let told = faults.into_map().into_iter().map(|(path, rule)| format!("{path} {rule}"));
    told.collect::<Vec<_>>().join("; ")
}
