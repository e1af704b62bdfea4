use kernel::{Span, SubscriberId};

/// Which subscribers are meant. What is not named does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub ids: Option<Vec<SubscriberId>>,
    /// Folded.
    pub email_key: Option<String>,
    /// Folded.
    pub first_name_key: Option<String>,
    /// Folded.
    pub last_name_key: Option<String>,
    /// As written.
    pub source: Option<String>,
    pub order: Option<i64>,
    /// No subscriber with a greater id.
    pub max_id: Option<i64>,
    pub created: Span,
    pub modified: Span,
}

/// What leads to the rows that match. All else is looked at on the way: without statistics an engine would
/// take it for as good a guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// Their ids.
    Ids,
    /// An address, a name or an order: few rows, which lie in the order of their ids.
    Value,
    /// A stretch of time; what is found is sorted.
    Date,
    /// Where they subscribed: many rows, in the order of their ids.
    Source,
    /// Nothing: the store is walked, in the order of the ids.
    Nothing,
}

impl Filter {
    /// Whether nothing narrows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What leads to its rows.
    #[must_use]
    pub fn lead(&self) -> Lead {
        let keys = [&self.email_key, &self.first_name_key, &self.last_name_key];
        if self.ids.is_some() {
            Lead::Ids
        } else if keys.into_iter().any(Option::is_some) || self.order.is_some() {
            Lead::Value
        } else if self.created != Span::default() || self.modified != Span::default() {
            Lead::Date
        } else if self.source.is_some() {
            Lead::Source
        } else {
            Lead::Nothing
        }
    }

    /// Whether it can match no more than a few rows, however large the store.
    #[must_use]
    pub fn names_few(&self) -> bool {
        self.ids.is_some() || self.email_key.is_some()
    }
}
