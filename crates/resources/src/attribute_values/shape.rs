//! The JSON of a value that several operations share: those on values, and those on the customers that show them
//! and bring them along.

use kernel::AttributeId;
use rest::json;
use serde::Serialize;
use serde_json::Value;

use super::model::{AttributeValue, MOST_EMBEDDED};

/// The `attributes` of a customer that is to be made.
pub fn nested(value: &Value) -> json::Read<Vec<(AttributeId, String)>> {
    let said = json::list(|item| {
        let item = json::object(item)?;
        let id = json::required_member(item, "attribute_id", json::integer)?;
        Ok((AttributeId(id), json::required_member(item, "attribute_value", json::text)?))
    })(value)?;
    if said.len() > MOST_EMBEDDED { Err("error.maxLength".into()) } else { Ok(said) }
}

/// A value as it is shown, alone and beside its customer, in the recorded order (observed.md 4.2).
#[derive(Serialize)]
pub struct ValueBody {
    id: i64,
    customer_id: i64,
    attribute_id: i64,
    attribute_value: String,
    date_created: String,
    date_modified: String,
}

impl From<AttributeValue> for ValueBody {
    fn from(value: AttributeValue) -> Self {
        Self {
            id: value.id.0,
            customer_id: value.customer.0,
            attribute_id: value.attribute.0,
            attribute_value: value.value,
            date_created: value.created_at.to_rfc3339(),
            date_modified: value.modified_at.to_rfc3339(),
        }
    }
}
