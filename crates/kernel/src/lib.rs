//! The words every other crate speaks: identifiers, time, chance, scopes, money, failures.
//!
//! Nothing here performs I/O beyond asking the machine for the time and for randomness, and nothing
//! here knows about HTTP or SQL.
#![warn(missing_docs)]

mod chance;
mod error;
mod id;
mod money;
mod scope;
mod text;
mod time;

pub use self::{
    chance::{Chance, SeededChance, SystemChance},
    error::{Error, Result, Violations},
    id::{
        AccountId, AttributeId, AttributeValueId, ChannelId, CustomerId, EventIds, GroupId,
        MetafieldId, StoreId,
    },
    money::Money,
    scope::{Grants, Scope},
    text::{fold, hex},
    time::{Clock, SetClock, Span, SystemClock, Timestamp, WhenFilter},
};
