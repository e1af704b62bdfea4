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
        parsed(request, app, || Failure::unreadable(Violations::default())).await.map(Self)
    }
}

/// The same for operations that tell of a body that is no JSON as 400 (ruling 1).
pub struct InputBody(pub Body);

impl FromRequest<App> for InputBody {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        parsed(request, app, Failure::syntax).await.map(Body).map(Self)
    }
}

async fn parsed(
    request: Request,
    app: &App,
    not_json: impl Fn() -> Failure,
) -> Result<Value, Failure> {
    body::read(request, app).await.map_err(|fault| match fault {
        Fault::TooLarge => {
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large")
        }
        Fault::CutOff => {
            Failure::new(StatusCode::REQUEST_TIMEOUT, "The request body did not arrive")
        }
        Fault::NotJson => not_json(),
    })
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

    /// Refuse a list of more than `most` rows with 422, as where no other status is published (ruling 3).
    pub fn at_most(self, most: usize) -> Result<Self, Failure> {
        match &self.0 {
            Value::Array(rows) if rows.len() > most => {
                Err(Failure::too_many_rows(StatusCode::UNPROCESSABLE_ENTITY, most))
            }
            _ => Ok(self),
        }
    }

    /// Understand the body as a list of values that are no objects; each fault is told under its index.
    pub fn items<T>(self, item: impl Fn(&Value) -> Read<T>) -> Result<Vec<T>, Failure> {
        let Value::Array(items) = &self.0 else {
            return Err(at_fault("obj", "error.expected.jsarray"));
        };
        let mut faults = Violations::default();
        let mut read = Vec::with_capacity(items.len());
        for (at, value) in items.iter().enumerate() {
            match item(value) {
                Ok(value) => read.push(value),
                Err(fault) => {
                    let Unreadable { path, word } = fault.below(at);
                    faults.add(path, word);
                }
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(Failure::unreadable(faults)) }
    }

    /// Understand the body as a list of at most `most` objects, or answer 413. Of several rows only the
    /// first at fault is told, each of its fields under the row's index (observed.md 10, quirk 2).
    pub fn rows<T>(
        self,
        most: usize,
        read: impl Fn(&mut Fields<'_>) -> T,
    ) -> Result<Vec<T>, Failure> {
        self.list(StatusCode::PAYLOAD_TOO_LARGE, most, read)
    }

    /// The same, but more than `most` are 422: everything but customers (ruling 3).
    pub fn batch<T>(
        self,
        most: usize,
        read: impl Fn(&mut Fields<'_>) -> T,
    ) -> Result<Vec<T>, Failure> {
        self.list(StatusCode::UNPROCESSABLE_ENTITY, most, read)
    }

    /// The same for operations that say nothing of how many rows they take: at most 250.
    pub fn many_rows<T>(self, read: impl Fn(&mut Fields<'_>) -> T) -> Result<Vec<T>, Failure> {
        self.batch(250, read)
    }

    /// Understand the body as a list of at most `most` items, or answer 422, each of which stands or falls
    /// alone: what cannot be read is left in its place. What is no list has no parts, and is refused as what is no
    /// JSON (published for batches of metafields: their 422 tells of parts).
    pub fn each<T>(
        self,
        most: usize,
        read: impl Fn(&Value) -> Result<T, Violations>,
    ) -> Result<Vec<Result<T, Violations>>, Failure> {
        let Value::Array(items) = &self.0 else {
            return Err(Failure::syntax());
        };
        if items.len() > most {
            return Err(Failure::too_many_rows(StatusCode::UNPROCESSABLE_ENTITY, most));
        }
        Ok(items.iter().map(read).collect())
    }

    fn list<T>(
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

    /// Read one object by itself; every field at fault is left behind.
    pub fn read<T>(object: &'b Value, read: impl FnOnce(&mut Self) -> T) -> Result<T, Violations> {
        let mut fields = Self::of(object);
        let value = read(&mut fields);
        if !object.is_object() {
            let mut faults = Violations::default();
            faults.add("obj", "error.expected.jsobject");
            return Err(faults);
        }
        if fields.faults.is_empty() { Ok(value) } else { Err(fields.faults) }
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
