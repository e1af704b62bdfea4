//! What both controls read and write: the bodies of requests and answers, straight from structs.

use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{data::STORE, slashes};

/// What a `PUT` of consent says.
#[derive(Deserialize)]
pub(crate) struct Said {
    pub(crate) allow: Vec<String>,
    pub(crate) deny: Vec<String>,
}

/// A new customer, as a `POST` brings it.
#[derive(Deserialize)]
pub(crate) struct Draft {
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    #[serde(default)]
    pub(crate) company: String,
    #[serde(default)]
    pub(crate) phone: String,
    #[serde(default)]
    pub(crate) notes: String,
}

/// A customer of V2, as it stands in its row.
pub(crate) struct Row<'r> {
    pub(crate) id: i64,
    pub(crate) email: &'r str,
    pub(crate) first_name: &'r str,
    pub(crate) last_name: &'r str,
    pub(crate) company: &'r str,
    pub(crate) phone: &'r str,
    pub(crate) notes: &'r str,
    pub(crate) tax_exempt_category: &'r str,
    pub(crate) group: i64,
    pub(crate) registration_ip_address: &'r str,
    pub(crate) accepts_review_emails: bool,
    pub(crate) store_credit: i64,
    pub(crate) force_password_reset: bool,
    pub(crate) created: i64,
    pub(crate) modified: i64,
}

pub(crate) fn consent(allow: &str, deny: &str, at: Timestamp) -> Vec<u8> {
    written(&Consent { allow: Names(allow), deny: Names(deny), updated_at: at.to_rfc3339() })
}

pub(crate) fn v2_customer(row: &Row<'_>) -> Vec<u8> {
    let resource = format!("/customers/{}/addresses", row.id);
    slashes::written(&V2Customer {
        id: row.id,
        company: row.company,
        first_name: row.first_name,
        last_name: row.last_name,
        email: row.email,
        phone: row.phone,
        form_fields: None,
        date_created: Timestamp(row.created).to_rfc2822(),
        date_modified: Timestamp(row.modified).to_rfc2822(),
        store_credit: Money(row.store_credit).to_four_decimals(),
        registration_ip_address: row.registration_ip_address,
        customer_group_id: row.group,
        notes: row.notes,
        tax_exempt_category: row.tax_exempt_category,
        reset_pass_on_login: row.force_password_reset,
        accepts_marketing: row.accepts_review_emails,
        addresses: Addresses {
            url: format!("https://api.bigcommerce.com/stores/{STORE}/v2{resource}"),
            resource,
        },
    })
}

/// Customers that were just made, under ids from this one on.
pub(crate) fn made(drafts: &[Draft], first: i64, at: Timestamp) -> Vec<u8> {
    let moment = at.to_rfc3339();
    let customer = |(id, draft)| V3Customer::new(id, draft, &moment);
    written(&Made { data: (first..).zip(drafts).map(customer).collect(), meta: Meta {} })
}

fn written(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

#[derive(Serialize)]
struct Consent<'r> {
    allow: Names<'r>,
    deny: Names<'r>,
    updated_at: String,
}

/// A list of names kept as one text.
struct Names<'r>(&'r str);

impl Serialize for Names<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.split_ascii_whitespace())
    }
}

#[derive(Serialize)]
struct V2Customer<'r> {
    id: i64,
    company: &'r str,
    first_name: &'r str,
    last_name: &'r str,
    email: &'r str,
    phone: &'r str,
    form_fields: Option<()>,
    date_created: String,
    date_modified: String,
    store_credit: String,
    registration_ip_address: &'r str,
    customer_group_id: i64,
    notes: &'r str,
    tax_exempt_category: &'r str,
    reset_pass_on_login: bool,
    accepts_marketing: bool,
    addresses: Addresses,
}

#[derive(Serialize)]
struct Addresses {
    url: String,
    resource: String,
}

#[derive(Serialize)]
struct Made<'r> {
    data: Vec<V3Customer<'r>>,
    meta: Meta,
}

#[derive(Serialize)]
struct Meta {}

#[derive(Serialize)]
struct V3Customer<'r> {
    id: i64,
    authentication: Authentication,
    company: &'r str,
    customer_group_id: i64,
    email: &'r str,
    first_name: &'r str,
    last_name: &'r str,
    notes: &'r str,
    phone: &'r str,
    registration_ip_address: &'r str,
    tax_exempt_category: &'r str,
    date_created: &'r str,
    date_modified: &'r str,
    accepts_product_review_abandoned_cart_emails: bool,
    store_credit_amounts: [Credit; 1],
    origin_channel_id: i64,
    channel_ids: Option<()>,
}

impl<'r> V3Customer<'r> {
    fn new(id: i64, draft: &'r Draft, moment: &'r str) -> Self {
        Self {
            id,
            authentication: Authentication { force_password_reset: false },
            company: &draft.company,
            customer_group_id: 0,
            email: &draft.email,
            first_name: &draft.first_name,
            last_name: &draft.last_name,
            notes: &draft.notes,
            phone: &draft.phone,
            registration_ip_address: "",
            tax_exempt_category: "",
            date_created: moment,
            date_modified: moment,
            accepts_product_review_abandoned_cart_emails: false,
            store_credit_amounts: [Credit { amount: 0 }],
            origin_channel_id: 1,
            channel_ids: None,
        }
    }
}

#[derive(Serialize)]
struct Authentication {
    force_password_reset: bool,
}

#[derive(Serialize)]
struct Credit {
    amount: i64,
}
