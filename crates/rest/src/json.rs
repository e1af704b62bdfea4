//! Readers of single JSON values, and how a value that is none of theirs is named.

use std::borrow::Cow;

use kernel::{ChannelId, Money, Timestamp, Uuid, WhenFilter};
use serde_json::Value;

/// Why a value is not what was looked for: in the words the real service uses (play-json), with the path
/// from the field to the value at fault (`1` for the second item of a list), empty for the field itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where, below the field.
    pub path: String,
    /// What is wrong.
    pub word: Cow<'static, str>,
}

impl From<&'static str> for Unreadable {
    fn from(word: &'static str) -> Self {
        Self { path: String::new(), word: Cow::Borrowed(word) }
    }
}

impl Unreadable {
    /// The same fault, seen from one level up.
    #[must_use]
    pub fn below(self, step: impl std::fmt::Display) -> Self {
        let path =
            if self.path.is_empty() { step.to_string() } else { format!("{step}.{}", self.path) };
        Self { path, ..self }
    }
}

/// A value that has been read, or why not.
pub type Read<T> = Result<T, Unreadable>;

/// A text. U+0000 is refused: PostgreSQL cannot keep it, and what one engine refuses both do.
pub fn text(value: &Value) -> Read<String> {
    let text = value.as_str().ok_or("error.expected.jsstring")?;
    if text.contains('\0') {
        Err("error.expected.text.without.nul".into())
    } else {
        Ok(text.to_owned())
    }
}

/// `true` or `false`.
pub fn boolean(value: &Value) -> Read<bool> {
    value.as_bool().ok_or_else(|| "error.expected.jsboolean".into())
}

/// A moment, in every form that clients send (ruling 13); of a date its beginning.
pub fn moment(value: &Value) -> Read<Timestamp> {
    let when = WhenFilter::parse(&text(value)?);
    when.map(|when| when.from).ok_or_else(|| "error.expected.date".into())
}

/// A whole number of 32 bits, as every published id and number is.
pub fn integer(value: &Value) -> Read<i64> {
    let number = value.as_number().ok_or("error.expected.jsnumber")?;
    number
        .as_i64()
        .filter(|number| i32::try_from(*number).is_ok())
        .ok_or_else(|| "error.expected.int".into())
}

/// An amount, exactly: a number with at most four decimals.
pub fn money(value: &Value) -> Read<Money> {
    let number = value.as_number().ok_or("error.expected.jsnumber")?;
    number.to_string().parse().map_err(|_| "error.expected.amount".into())
}

/// A UUID.
pub fn uuid(value: &Value) -> Read<Uuid> {
    let text = value.as_str().ok_or("error.expected.jsstring")?;
    text.parse().map_err(|_| "error.expected.uuid".into())
}

/// A number as ids are: a positive one of 32 bits.
pub fn id(value: &Value) -> Read<i64> {
    let number = integer(value)?;
    if number >= 1 { Ok(number) } else { Err("error.min".into()) }
}

/// A list, each item read alike.
pub fn list<T>(item: impl Fn(&Value) -> Read<T>) -> impl Fn(&Value) -> Read<Vec<T>> {
    move |value| {
        let items = value.as_array().ok_or("error.expected.jsarray")?;
        let read = items.iter().enumerate();
        read.map(|(at, value)| item(value).map_err(|fault| fault.below(at))).collect()
    }
}

/// A channel's number.
pub fn channel(value: &Value) -> Read<ChannelId> {
    integer(value).map(ChannelId)
}

/// A member of an object that may be absent or null, read when it is there.
pub fn member<T>(object: &Value, name: &str, read: impl Fn(&Value) -> Read<T>) -> Read<Option<T>> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).map_err(|fault| fault.below(name)),
    }
}

/// A member of an object that must be there.
pub fn required_member<T>(object: &Value, name: &str, read: impl Fn(&Value) -> Read<T>) -> Read<T> {
    let found = object.get(name).ok_or_else(|| Unreadable::from("error.path.missing"));
    found.and_then(read).map_err(|fault| fault.below(name))
}

/// An object, for [`member`] to read from.
pub fn object(value: &Value) -> Read<&Value> {
    if value.is_object() { Ok(value) } else { Err("error.expected.jsobject".into()) }
}
