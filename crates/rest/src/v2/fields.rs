use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde_json::{Map, Value};

use super::Failure;
use crate::{
    App,
    body::{self, Fault},
    json::Read,
};

/// A JSON object that has been parsed but not yet understood.
pub struct Body(Map<String, Value>);

impl FromRequest<App> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let not_json = || {
            Failure::new(
                StatusCode::BAD_REQUEST,
                "The request body could not be read as a JSON object.",
            )
        };
        match body::read(request, app).await {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) | Err(Fault::NotJson) => Err(not_json()),
            Err(Fault::TooLarge) => {
                Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large."))
            }
            Err(Fault::CutOff) => {
                Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "The request body did not arrive."))
            }
        }
    }
}

impl Body {
    /// Understand the body. V2 tells of one fault: a member there is not before one that is missing or wrong.
    pub fn object<T>(
        self,
        known: &[&str],
        read: impl FnOnce(&mut Fields) -> T,
    ) -> Result<T, Failure> {
        if let Some(name) = self.0.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Failure::unsupported(name));
        }
        let mut fields = Fields { members: self.0, fault: None };
        let value = read(&mut fields);
        fields.fault.map_or(Ok(value), Err)
    }
}

/// The members of an object being read; the first that cannot be is remembered.
pub struct Fields {
    members: Map<String, Value>,
    fault: Option<Failure>,
}

impl Fields {
    /// A member that must be there, and not null.
    pub fn required<T: Default>(&mut self, name: &str, read: impl FnOnce(&Value) -> Read<T>) -> T {
        let value = self.optional(name, read);
        if value.is_none() {
            self.fault.get_or_insert_with(|| Failure::required(name));
        }
        value.unwrap_or_default()
    }

    /// A member that may be absent or null.
    pub fn optional<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Read<T>) -> Option<T> {
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        let read = read(value).ok();
        if read.is_none() {
            self.fault.get_or_insert_with(|| Failure::invalid(name));
        }
        read
    }

    /// A member for which `null` means something: `Some(None)`.
    pub fn nullable<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Option<Option<T>> {
        match self.members.get(name)? {
            Value::Null => Some(None),
            _ => self.optional(name, read).map(Some),
        }
    }
}
