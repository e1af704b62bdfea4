//! The JSON of a stored instrument: shown by the published operation, read and shown by ours.

use kernel::{Error, Result};
use serde::{Deserialize, Serialize};

use super::model::{Instrument, Kind};

/// An instrument: what all have, then what its kind has, in the published order.
#[derive(Serialize)]
pub(super) struct InstrumentBody {
    r#type: &'static str,
    token: String,
    is_default: bool,
    #[serde(flatten)]
    details: Details,
}

/// What each kind shows. The same text is kept in the row.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Details {
    Card(Box<Card>),
    PayPalAccount(PayPalAccount),
    BankAccount(BankAccount),
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) brand: String,
    pub(super) expiry_month: i64,
    pub(super) expiry_year: i64,
    pub(super) issuer_identification_number: String,
    pub(super) last_4: String,
    pub(super) billing_address: BillingAddress,
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct BillingAddress {
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: String,
    pub(super) company: String,
    pub(super) address1: String,
    pub(super) address2: String,
    pub(super) city: String,
    pub(super) postal_code: String,
    pub(super) state_or_province: String,
    pub(super) state_or_province_code: String,
    pub(super) country_code: String,
    pub(super) phone: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PayPalAccount {
    pub(super) email: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct BankAccount {
    pub(super) masked_account_number: String,
    pub(super) issuer: String,
}

impl InstrumentBody {
    pub(super) fn new(instrument: Instrument) -> Result<Self> {
        let text = instrument.details.as_str();
        let details = match instrument.kind {
            Kind::Card => serde_json::from_str(text).map(|card| Details::Card(Box::new(card))),
            Kind::PayPalAccount => serde_json::from_str(text).map(Details::PayPalAccount),
            Kind::BankAccount => serde_json::from_str(text).map(Details::BankAccount),
        };
        // Its cause could repeat what is kept.
        let details = details.map_err(|_| Error::internal("a stored instrument cannot be read"))?;
        Ok(Self {
            r#type: instrument.kind.name(),
            token: instrument.token,
            is_default: instrument.is_default,
            details,
        })
    }
}
