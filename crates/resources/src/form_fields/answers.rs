//! The JSON of form fields that several operations share: `form_fields` of a customer, of an address, and the
//! rows of form-field-values.

use rest::json::{self, Read, Unreadable};
use serde::{Serialize, Serializer};
use serde_json::{Number, Value as Json};

use super::model::{Answer, Said, Value};

/// The items of a `form_fields` member.
pub fn said(value: &Json) -> Read<Vec<Said>> {
    json::list(|item| {
        let item = json::object(item)?;
        let name = item.get("name").ok_or_else(|| missing("name"))?;
        let kept = item.get("value").ok_or_else(|| missing("value"))?;
        Ok(Said {
            name: json::text(name).map_err(|fault| fault.below("name"))?,
            value: answer(kept).map_err(|fault| fault.below("value"))?,
        })
    })(value)
}

/// A value: a text, a number, or a list of texts, as published.
pub fn answer(value: &Json) -> Read<Value> {
    match value {
        Json::String(_) => json::text(value).map(Value::Text),
        Json::Number(number) => Ok(Value::Number(number.to_string())),
        Json::Array(_) => json::list(json::text)(value).map(Value::List),
        _ => Err("error.expected.formfieldvalue".into()),
    }
}

fn missing(name: &str) -> Unreadable {
    Unreadable::from("error.path.missing").below(name)
}

/// A value with whose it is: a customer's, or an address's.
#[derive(Debug, Serialize)]
pub struct AnswerBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_id: Option<i64>,
    pub name: String,
    #[serde(serialize_with = "as_json")]
    pub value: Value,
}

impl From<Answer> for AnswerBody {
    fn from(answer: Answer) -> Self {
        let address = answer.owner.address;
        Self {
            customer_id: address.is_none().then_some(answer.owner.customer.0),
            address_id: address.map(|address| address.0),
            name: answer.name,
            value: answer.value,
        }
    }
}

/// Values as V3 shows them.
#[must_use]
pub fn bodies(answers: Vec<Answer>) -> Vec<AnswerBody> {
    answers.into_iter().map(AnswerBody::from).collect()
}

/// A value as V2 shows it: always a text.
#[derive(Debug, Serialize)]
pub struct TextBody {
    pub name: String,
    pub value: String,
}

/// Values as V2 shows them: `null` where there are none.
#[must_use]
pub fn texts(answers: &[Answer]) -> Option<Vec<TextBody>> {
    let text =
        |answer: &Answer| TextBody { name: answer.name.clone(), value: answer.value.to_text() };
    (!answers.is_empty()).then(|| answers.iter().map(text).collect())
}

fn as_json<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Value::Text(text) => text.serialize(serializer),
        Value::Number(digits) => {
            let number: Number = digits.parse().map_err(serde::ser::Error::custom)?;
            number.serialize(serializer)
        }
        Value::List(items) => items.serialize(serializer),
    }
}
