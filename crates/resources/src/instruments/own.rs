//! `/stores/{hash}/custodia/customers/{id}/stored-instruments/{token}`: ours, to set the scene.

use axum::{Extension, extract::State};
use kernel::{CustomerId, Error, Scope, Violations};
use rest::{
    App, Caller, NoContent, Routes, Version,
    json::{self, Read},
    v3::{Body, Failure, Fields, IdAndName, Json, NoParams, Reply},
};
use serde_json::Value;

use super::{
    model::{Draft, Kind},
    ops,
    shape::{BankAccount, BillingAddress, Card, Details, InstrumentBody, PayPalAccount},
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/{customer_id}/stored-instruments/{token}";
    routes.version(Version::Own).put(PATH, Scope::InstrumentsModify, put).delete(
        PATH,
        Scope::InstrumentsModify,
        delete,
    )
}

async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    IdAndName(customer, token): IdAndName,
    _: NoParams,
    body: Body,
) -> Reply<Json<InstrumentBody>> {
    let (kind, is_default, details) = body.object(|fields| {
        let kind = fields.required("type", kind);
        let is_default = fields.optional("is_default", json::boolean).unwrap_or_default();
        (kind, is_default, details(fields, kind))
    })?;
    check(&details)?;
    let details = serde_json::to_string(&details).map_err(Error::internal)?;
    let draft = Draft::new(token, kind, is_default, details).map_err(refused)?;
    let instrument =
        ops::put(&app, &caller, CustomerId(customer), &draft).await.map_err(refused)?;
    Ok(Json(InstrumentBody::new(instrument)?))
}

async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    IdAndName(customer, token): IdAndName,
    _: NoParams,
) -> Reply<NoContent> {
    ops::delete(&app, &caller, CustomerId(customer), &token).await?;
    Ok(NoContent)
}

fn refused(error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => Failure::refused("Update stored instrument failed.", faults),
        error => error.into(),
    }
}

fn kind(value: &Value) -> Read<Kind> {
    Kind::named(&json::text(value)?).ok_or_else(|| "error.expected.validenumvalue".into())
}

/// The members of this kind; those that a page without them still makes sense of may be absent.
fn details(fields: &mut Fields<'_>, kind: Kind) -> Details {
    match kind {
        Kind::Card => Details::Card(Box::new(Card {
            brand: fields.required("brand", json::text),
            expiry_month: fields.required("expiry_month", json::integer),
            expiry_year: fields.required("expiry_year", json::integer),
            issuer_identification_number: text(fields, "issuer_identification_number"),
            last_4: fields.required("last_4", json::text),
            billing_address: fields
                .optional("billing_address", billing_address)
                .unwrap_or_default(),
        })),
        Kind::PayPalAccount => {
            Details::PayPalAccount(PayPalAccount { email: fields.required("email", json::text) })
        }
        Kind::BankAccount => Details::BankAccount(BankAccount {
            masked_account_number: fields.required("masked_account_number", json::text),
            issuer: text(fields, "issuer"),
        }),
    }
}

fn text(fields: &mut Fields<'_>, name: &str) -> String {
    fields.optional(name, json::text).unwrap_or_default()
}

fn billing_address(value: &Value) -> Read<BillingAddress> {
    let value = json::object(value)?;
    let text = |name| -> Read<String> {
        let text = json::member(value, name, json::text)?.unwrap_or_default();
        if text.chars().count() > LONGEST { Err("error.maxLength".into()) } else { Ok(text) }
    };
    Ok(BillingAddress {
        first_name: text("first_name")?,
        last_name: text("last_name")?,
        email: text("email")?,
        company: text("company")?,
        address1: text("address1")?,
        address2: text("address2")?,
        city: text("city")?,
        postal_code: text("postal_code")?,
        state_or_province: text("state_or_province")?,
        state_or_province_code: text("state_or_province_code")?,
        country_code: text("country_code")?,
        phone: text("phone")?,
    })
}

/// Whatever could hold a whole number of a card is too short for one.
fn check(details: &Details) -> Result<(), Failure> {
    let mut faults = Violations::default();
    let mut least = |field: &str, text: &str, least: usize| {
        if !(least..=LONGEST).contains(&text.chars().count()) {
            faults.add(field, format!("must be {least} to {LONGEST} characters long"));
        }
    };
    match details {
        Details::Card(card) => {
            least("brand", &card.brand, 1);
            let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if card.last_4.len() != 4 || !is_digits(&card.last_4) {
                faults.add("last_4", "must be four digits");
            }
            let issuer = &card.issuer_identification_number;
            if issuer.len() > 8 || !is_digits(issuer) {
                faults.add("issuer_identification_number", "must be at most eight digits");
            }
            if !(1..=12).contains(&card.expiry_month) {
                faults.add("expiry_month", "must be 1 to 12");
            }
            if !(0..=9_999).contains(&card.expiry_year) {
                faults.add("expiry_year", "must be a year");
            }
        }
        Details::PayPalAccount(account) => least("email", &account.email, 1),
        Details::BankAccount(account) => {
            least("masked_account_number", &account.masked_account_number, 1);
            least("issuer", &account.issuer, 0);
        }
    }
    faults.or(()).map_err(refused)
}

const LONGEST: usize = 255;
