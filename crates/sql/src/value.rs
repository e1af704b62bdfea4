//! How a domain type travels to a column and back.

/// A parameter. Its type is known even when it is null, for the engine that asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    Bool(Option<bool>),
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// What a column of a row holds, as its engine gave it.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'r> {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(&'r str),
    Bytes(&'r [u8]),
}

/// The column types both engines agree on, and no others: `bool`, `i64`, `f64`, `String`, `Vec<u8>`,
/// and an `Option` of each. Other crates do not add to them; they implement [`Value`].
pub trait Primitive: Sized {
    /// As a parameter.
    fn into_datum(self) -> Datum;
    /// From a column; the error says what was found instead, without its value.
    fn from_cell(cell: Cell<'_>) -> Result<Self, String>;
}

/// A type that fits in a column.
pub trait Value: Sized {
    /// What the column holds.
    type Repr: Primitive;

    /// To the column.
    fn into_repr(self) -> Self::Repr;

    /// From the column. The error says what is wrong, and must not repeat the value; [`Row::get`], whose
    /// error is logged, does not pass it on.
    ///
    /// [`Row::get`]: crate::Row::get
    fn from_repr(repr: Self::Repr) -> Result<Self, String>;
}

/// Anything that can be given for a `$n`.
pub trait Bind {
    /// As a parameter.
    fn into_datum(self) -> Datum;
}

impl<V: Value> Bind for V {
    fn into_datum(self) -> Datum {
        self.into_repr().into_datum()
    }
}

impl Bind for &str {
    fn into_datum(self) -> Datum {
        Datum::Text(Some(self.to_owned()))
    }
}

impl Bind for Option<&str> {
    fn into_datum(self) -> Datum {
        Datum::Text(self.map(str::to_owned))
    }
}

impl Bind for &[u8] {
    fn into_datum(self) -> Datum {
        Datum::Bytes(Some(self.to_vec()))
    }
}

impl Cell<'_> {
    fn is_not(self, wanted: &str) -> String {
        let found = match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Real(_) => "a real number",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
        };
        format!("is {found}, not {wanted}")
    }
}

fn to_bool(cell: Cell<'_>) -> Result<bool, String> {
    match cell {
        // SQLite has no booleans; it keeps them as these two integers.
        Cell::Bool(value) => Ok(value),
        Cell::Int(0) => Ok(false),
        Cell::Int(1) => Ok(true),
        other => Err(other.is_not("a boolean")),
    }
}

fn to_int(cell: Cell<'_>) -> Result<i64, String> {
    match cell {
        Cell::Int(value) => Ok(value),
        other => Err(other.is_not("an integer")),
    }
}

fn to_real(cell: Cell<'_>) -> Result<f64, String> {
    match cell {
        Cell::Real(value) => Ok(value),
        other => Err(other.is_not("a real number")),
    }
}

fn to_text(cell: Cell<'_>) -> Result<String, String> {
    match cell {
        Cell::Text(value) => Ok(value.to_owned()),
        other => Err(other.is_not("text")),
    }
}

fn to_bytes(cell: Cell<'_>) -> Result<Vec<u8>, String> {
    match cell {
        Cell::Bytes(value) => Ok(value.to_vec()),
        other => Err(other.is_not("bytes")),
    }
}

macro_rules! primitives {
    ($($type:ty => $kind:ident by $read:ident),+ $(,)?) => {$(
        impl Primitive for $type {
            fn into_datum(self) -> Datum {
                Datum::$kind(Some(self))
            }
            fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
                $read(cell)
            }
        }
        impl Primitive for Option<$type> {
            fn into_datum(self) -> Datum {
                Datum::$kind(self)
            }
            fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
                match cell {
                    Cell::Null => Ok(None),
                    cell => $read(cell).map(Some),
                }
            }
        }
        impl Value for $type {
            type Repr = Self;
            fn into_repr(self) -> Self {
                self
            }
            fn from_repr(repr: Self) -> Result<Self, String> {
                Ok(repr)
            }
        }
    )+};
}

primitives! {
    bool => Bool by to_bool,
    i64 => Int by to_int,
    f64 => Real by to_real,
    String => Text by to_text,
    Vec<u8> => Bytes by to_bytes,
}

impl<V: Value> Value for Option<V>
where
    Option<V::Repr>: Primitive,
{
    type Repr = Option<V::Repr>;

    fn into_repr(self) -> Self::Repr {
        self.map(Value::into_repr)
    }

    fn from_repr(repr: Self::Repr) -> Result<Self, String> {
        repr.map(V::from_repr).transpose()
    }
}

/// Bytes of which there is always the same number: digests, nonces.
impl<const N: usize> Value for [u8; N] {
    type Repr = Vec<u8>;

    fn into_repr(self) -> Vec<u8> {
        self.to_vec()
    }

    fn from_repr(repr: Vec<u8>) -> Result<Self, String> {
        repr.try_into().map_err(|bytes: Vec<u8>| format!("has {} bytes, not {N}", bytes.len()))
    }
}

macro_rules! numbers {
    ($($type:ident),+ $(,)?) => {$(
        impl Value for kernel::$type {
            type Repr = i64;
            fn into_repr(self) -> i64 {
                self.0
            }
            fn from_repr(repr: i64) -> Result<Self, String> {
                Ok(Self(repr))
            }
        }
    )+};
}

numbers!(StoreId, CustomerId, AddressId, AccountId, ChannelId, GroupId, Timestamp, Money);
numbers!(AttributeId, AttributeValueId, MetafieldId, HookId);
numbers!(FormFieldId, SubscriberId, WishlistId, WishlistItemId, SegmentNumber, ProfileNumber);

/// Kept as it is written.
impl Value for kernel::Uuid {
    type Repr = String;

    fn into_repr(self) -> String {
        self.to_string()
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        repr.parse().map_err(|_| "no UUID".to_owned())
    }
}
