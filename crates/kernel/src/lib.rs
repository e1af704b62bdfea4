//! The words every other crate speaks: identifiers, time, chance, scopes, money, failures.
//!
//! Nothing here performs I/O beyond asking the machine for the time and for randomness, and nothing
//! here knows about HTTP or SQL.
#![warn(missing_docs)]

mod chance;
mod error;
mod id;
mod money;
mod network;
mod part;
pub mod public;
mod scope;
mod text;
mod time;
mod uuid;

pub use self::{
    chance::{Chance, SeededChance, SystemChance},
    error::{Error, Result, Violations},
    id::{
        AccountId, AddressId, AttributeId, AttributeValueId, ChannelId, CustomerId, EventIds,
        FormFieldId, GroupId, HookId, MetafieldId, ProfileNumber, SegmentNumber, StoreId,
        SubscriberId, WishlistId, WishlistItemId,
    },
    money::Money,
    network::{Network, NotNetwork},
    part::{Part, Stretch},
    scope::{Grants, Scope},
    text::{check_email, fold, hex},
    time::{Clock, SetClock, Span, SystemClock, Timestamp, WhenFilter},
    uuid::{NotUuid, Uuid},
};
