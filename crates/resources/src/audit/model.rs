use kernel::{CustomerId, SegmentNumber, SubscriberId, WishlistId};

/// A change, as its audit line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was done: `customer.created`.
    pub action: &'static str,
    /// To whom.
    pub subject: i64,
    /// Names of the fields that changed, separated by spaces.
    pub fields: String,
}

impl Change {
    /// A customer was made.
    #[must_use]
    pub fn customer_created(id: CustomerId) -> Self {
        Self { action: "customer.created", subject: id.0, fields: String::new() }
    }

    /// Fields of a customer were changed.
    #[must_use]
    pub fn customer_updated(id: CustomerId, fields: &[&'static str]) -> Self {
        Self { action: "customer.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// A customer was deleted.
    #[must_use]
    pub fn customer_deleted(id: CustomerId) -> Self {
        Self { action: "customer.deleted", subject: id.0, fields: String::new() }
    }

    /// A customer's consent was declared.
    #[must_use]
    pub fn consent_declared(id: CustomerId) -> Self {
        Self { action: "consent.declared", subject: id.0, fields: String::new() }
    }

    /// A subscriber was made.
    #[must_use]
    pub fn subscriber_created(id: SubscriberId) -> Self {
        Self { action: "subscriber.created", subject: id.0, fields: String::new() }
    }

    /// Fields of a subscriber were changed.
    #[must_use]
    pub fn subscriber_updated(id: SubscriberId, fields: &[&'static str]) -> Self {
        Self { action: "subscriber.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// A subscriber was deleted.
    #[must_use]
    pub fn subscriber_deleted(id: SubscriberId) -> Self {
        Self { action: "subscriber.deleted", subject: id.0, fields: String::new() }
    }

    /// A wishlist was made.
    #[must_use]
    pub fn wishlist_created(id: WishlistId) -> Self {
        Self { action: "wishlist.created", subject: id.0, fields: String::new() }
    }

    /// Fields of a wishlist were changed, or what is on it.
    #[must_use]
    pub fn wishlist_updated(id: WishlistId, fields: &[&'static str]) -> Self {
        Self { action: "wishlist.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// A wishlist was deleted.
    #[must_use]
    pub fn wishlist_deleted(id: WishlistId) -> Self {
        Self { action: "wishlist.deleted", subject: id.0, fields: String::new() }
    }

    /// A segment was made.
    #[must_use]
    pub fn segment_created(id: SegmentNumber) -> Self {
        Self { action: "segment.created", subject: id.0, fields: String::new() }
    }

    /// Fields of a segment were changed.
    #[must_use]
    pub fn segment_updated(id: SegmentNumber, fields: &[&'static str]) -> Self {
        Self { action: "segment.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// A segment was deleted.
    #[must_use]
    pub fn segment_deleted(id: SegmentNumber) -> Self {
        Self { action: "segment.deleted", subject: id.0, fields: String::new() }
    }

    /// Profiles were put into a segment.
    #[must_use]
    pub fn segment_joined(id: SegmentNumber) -> Self {
        Self { action: "segment.joined", subject: id.0, fields: String::new() }
    }

    /// Profiles were taken out of a segment.
    #[must_use]
    pub fn segment_left(id: SegmentNumber) -> Self {
        Self { action: "segment.left", subject: id.0, fields: String::new() }
    }

    /// A customer was given a shopper profile.
    #[must_use]
    pub fn shopper_profile_created(id: CustomerId) -> Self {
        Self { action: "shopper_profile.created", subject: id.0, fields: String::new() }
    }

    /// A customer's shopper profile was deleted.
    #[must_use]
    pub fn shopper_profile_deleted(id: CustomerId) -> Self {
        Self { action: "shopper_profile.deleted", subject: id.0, fields: String::new() }
    }
}
