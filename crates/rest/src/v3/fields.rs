use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
};
use kernel::Violations;
use serde_json::Value;

use super::Failure;
use crate::{
    App,
    body::{self, Fault},
    json::{Read, Unreadable},
};

/// A JSON body that has been parsed but not yet understood.
pub struct Body(Value);

impl FromRequest<App> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        body::read(request, app).await.map(Self).map_err(|fault| match fault {
            Fault::TooLarge => {
                Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large")
            }
            Fault::CutOff => {
                Failure::new(StatusCode::REQUEST_TIMEOUT, "The request body did not arrive")
            }
            Fault::NotJson => Failure::unreadable(Violations::default()),
        })
    }
}

impl Body {
    /// Understand the body as one object; every field at fault is told.
    pub fn object<T>(self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, Failure> {
        if !self.0.is_object() {
            return Err(at_fault("obj", "error.expected.jsobject"));
        }
        let mut fields = Fields::of(&self.0);
        let value = read(&mut fields);
        if fields.faults.is_empty() { Ok(value) } else { Err(Failure::unreadable(fields.faults)) }
    }

    /// Understand the body as a list of at most `most` objects, or answer 413. Of several rows only the
    /// first at fault is told, each of its fields under the row's index (observed.md 10, quirk 2).
    pub fn rows<T>(
        self,
        most: usize,
        read: impl Fn(&mut Fields<'_>) -> T,
    ) -> Result<Vec<T>, Failure> {
        self.rows_or(StatusCode::PAYLOAD_TOO_LARGE, most, read)
    }

    /// The same for operations that say nothing of how many rows they take: at most 250, or 422 (ruling 3).
    pub fn many_rows<T>(self, read: impl Fn(&mut Fields<'_>) -> T) -> Result<Vec<T>, Failure> {
        self.rows_or(StatusCode::UNPROCESSABLE_ENTITY, 250, read)
    }

    fn rows_or<T>(
        self,
        too_many: StatusCode,
        most: usize,
        read: impl Fn(&mut Fields<'_>) -> T,
    ) -> Result<Vec<T>, Failure> {
        let Value::Array(rows) = &self.0 else {
            return Err(at_fault("obj", "error.expected.jsarray"));
        };
        if rows.len() > most {
            return Err(Failure::too_many_rows(too_many, most));
        }
        let read_row = |(index, row): (usize, &Value)| {
            let mut fields = Fields::of(row);
            let value = read(&mut fields);
            if fields.key_is_missing {
                return Err(Failure::unreadable(fields.faults));
            }
            if !row.is_object() {
                return Err(at_fault(&index.to_string(), "error.expected.jsobject"));
            }
            if fields.faults.is_empty() {
                Ok(value)
            } else {
                Err(Failure::unreadable(fields.faults.under(index)))
            }
        };
        rows.iter().enumerate().map(read_row).collect()
    }
}

/// The fields of an object being read. One that cannot be read leaves a fault and its default behind, so
/// that reading goes on and every fault is found. Members that nobody reads are ignored (ruling 22).
pub struct Fields<'b> {
    object: &'b Value,
    faults: Violations,
    key_is_missing: bool,
}

impl<'b> Fields<'b> {
    fn of(object: &'b Value) -> Self {
        Self { object, faults: Violations::default(), key_is_missing: false }
    }

    /// The field that names the row to change. The real service reads it before all else, and tells of its
    /// absence without the row's index (observed.md 5: `{"id": "error.path.missing"}` for `[42]`).
    pub fn key<T: Default>(&mut self, name: &str, read: impl FnOnce(&Value) -> Read<T>) -> T {
        let value = self.required(name, read);
        self.key_is_missing = !self.faults.is_empty();
        value
    }

    /// A field that must be there.
    pub fn required<T: Default>(&mut self, name: &str, read: impl FnOnce(&Value) -> Read<T>) -> T {
        let found = self.object.get(name).ok_or_else(|| Unreadable::from("error.path.missing"));
        found.and_then(read).unwrap_or_else(|fault| self.note(name, fault))
    }

    /// A field that may be absent; `null` is the same as absent.
    pub fn optional<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Read<T>) -> Option<T> {
        self.nullable(name, read).flatten()
    }

    /// A field for which `null` means something: `Some(None)`.
    pub fn nullable<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Option<Option<T>> {
        match self.object.get(name)? {
            Value::Null => Some(None),
            value => match read(value) {
                Ok(value) => Some(Some(value)),
                Err(fault) => self.note(name, fault),
            },
        }
    }

    /// A list of at most `most` objects that may be absent or null. Each fault is told by its path:
    /// `addresses.1.city`.
    pub fn objects<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl Fn(&mut Fields<'_>) -> T,
    ) -> Option<Vec<T>> {
        let items = match self.object.get(name)? {
            Value::Null => return None,
            Value::Array(items) if items.len() <= most => items,
            Value::Array(_) => return self.note(name, "error.maxLength".into()),
            _ => return self.note(name, "error.expected.jsarray".into()),
        };
        let mut objects = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            if !item.is_object() {
                self.note::<()>(name, Unreadable::from("error.expected.jsobject").below(at));
                continue;
            }
            let mut fields = Fields::of(item);
            objects.push(read(&mut fields));
            for (path, word) in fields.faults.into_map() {
                self.note::<()>(name, Unreadable { path, word: word.into() }.below(at));
            }
        }
        Some(objects)
    }

    /// A published member that this server cannot keep yet: refused when it holds anything, rather than
    /// dropped in silence.
    pub fn not_yet(&mut self, name: &str) {
        let holds = |value: &Value| {
            !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty())
        };
        if !self.key_is_missing && self.object.get(name).is_some_and(holds) {
            self.faults.add(name, "is not supported by this server yet");
        }
    }

    fn note<T: Default>(&mut self, name: &str, fault: Unreadable) -> T {
        // Without its key a row is not read any further: nothing else is told of it.
        if !self.key_is_missing {
            let Unreadable { path, word } = fault.below(name);
            self.faults.add(path, word);
        }
        T::default()
    }
}

fn at_fault(path: &str, word: &str) -> Failure {
    let mut faults = Violations::default();
    faults.add(path, word);
    Failure::unreadable(faults)
}
