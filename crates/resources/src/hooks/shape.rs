//! Webhooks as both wires read and show them.

use std::collections::BTreeMap;

use rest::{
    Caller,
    json::{self, Read},
};
use serde::Serialize;
use serde_json::Value;

use super::model::{Headers, Hook, Status};

/// A webhook, its members in the recorded order.
#[derive(Debug, Serialize)]
pub struct HookBody {
    id: i64,
    client_id: String,
    store_hash: String,
    scope: String,
    destination: String,
    /// `null` where nothing was said of them (recorded).
    headers: Option<BTreeMap<String, String>>,
    is_active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_history_enabled: Option<bool>,
    created_at: i64,
    updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

impl HookBody {
    /// A webhook of the caller's, as it was recorded of V2.
    #[must_use]
    pub fn new(hook: &Hook, caller: &Caller) -> Self {
        let pairs = |headers: &Headers| {
            headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        Self {
            id: hook.id.0,
            client_id: caller.client_id().to_owned(),
            store_hash: caller.store_hash().to_owned(),
            scope: hook.scope.as_str().to_owned(),
            destination: hook.destination.url().to_owned(),
            headers: hook.headers.as_ref().map(pairs),
            is_active: hook.is_active,
            events_history_enabled: None,
            created_at: hook.created_at.seconds(),
            updated_at: hook.updated_at.seconds(),
            status: None,
        }
    }

    /// The same, and whether a history is wanted.
    #[must_use]
    pub fn with_history(self, hook: &Hook) -> Self {
        Self { events_history_enabled: Some(hook.events_history_enabled), ..self }
    }

    /// The same, and how it stands.
    #[must_use]
    pub fn with_status(self, hook: &Hook) -> Self {
        let status = match hook.status() {
            Status::Active => "active",
            Status::Inactive => "inactive",
            Status::Deactivated => "deactivated",
        };
        Self { status: Some(status), ..self }
    }
}

/// An object of texts.
pub fn headers(value: &Value) -> Read<BTreeMap<String, String>> {
    let members = value.as_object().ok_or("error.expected.jsobject")?;
    let header = |(name, value): (&String, &Value)| {
        let value = json::text(value).map_err(|fault| fault.below(name))?;
        Ok((name.clone(), value))
    };
    members.iter().map(header).collect()
}
