use kernel::{
    AccountId, AddressId, AttributeId, ChannelId, CustomerId, FormFieldId, GroupId, HookId,
    MetafieldId, SegmentNumber, SubscriberId, WishlistId,
};

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

    /// A customer was erased, with whatever was kept under its address. The line stays, and shows that it was done.
    #[must_use]
    pub fn customer_erased(id: CustomerId) -> Self {
        Self { action: "customer.erased", subject: id.0, fields: String::new() }
    }

    /// A customer was signed in at a storefront.
    #[must_use]
    pub fn customer_signed_in(id: CustomerId) -> Self {
        Self { action: "customer.signed_in", subject: id.0, fields: String::new() }
    }

    /// A form field was defined, or its definition changed.
    #[must_use]
    pub fn form_field_defined(id: FormFieldId) -> Self {
        Self { action: "form_field.defined", subject: id.0, fields: String::new() }
    }

    /// A form field and every value of it were deleted.
    #[must_use]
    pub fn form_field_deleted(id: FormFieldId) -> Self {
        Self { action: "form_field.deleted", subject: id.0, fields: String::new() }
    }

    /// An address was made.
    #[must_use]
    pub fn address_created(id: AddressId) -> Self {
        Self { action: "address.created", subject: id.0, fields: String::new() }
    }

    /// Fields of an address were changed.
    #[must_use]
    pub fn address_updated(id: AddressId, fields: &[&'static str]) -> Self {
        Self { action: "address.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// An address was deleted, and its customer stays.
    #[must_use]
    pub fn address_deleted(id: AddressId) -> Self {
        Self { action: "address.deleted", subject: id.0, fields: String::new() }
    }

    /// A customer group was made.
    #[must_use]
    pub fn group_created(id: GroupId) -> Self {
        Self { action: "customer_group.created", subject: id.0, fields: String::new() }
    }

    /// Fields of a customer group were changed.
    #[must_use]
    pub fn group_updated(id: GroupId, fields: &[&'static str]) -> Self {
        Self { action: "customer_group.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// A customer group was deleted.
    #[must_use]
    pub fn group_deleted(id: GroupId) -> Self {
        Self { action: "customer_group.deleted", subject: id.0, fields: String::new() }
    }

    /// Channels were added to the store, the first of them this one.
    #[must_use]
    pub fn channels_added(first: ChannelId) -> Self {
        Self { action: "channel.added", subject: first.0, fields: String::new() }
    }

    /// Fields of a channel were changed.
    #[must_use]
    pub fn channel_updated(id: ChannelId, fields: &[&'static str]) -> Self {
        Self { action: "channel.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// Settings of customers were changed, on this channel or (0) for the store.
    #[must_use]
    pub fn settings_updated(channel: ChannelId, fields: &[&'static str]) -> Self {
        Self { action: "settings.updated", subject: channel.0, fields: fields.join(" ") }
    }

    /// A customer was given a stored instrument, or one of theirs was changed.
    #[must_use]
    pub fn instrument_put(customer: CustomerId) -> Self {
        Self { action: "stored_instrument.put", subject: customer.0, fields: String::new() }
    }

    /// A stored instrument was taken from a customer.
    #[must_use]
    pub fn instrument_deleted(customer: CustomerId) -> Self {
        Self { action: "stored_instrument.deleted", subject: customer.0, fields: String::new() }
    }

    /// A password that another system had hashed was hashed anew, at its first use.
    #[must_use]
    pub fn password_rehashed(id: CustomerId) -> Self {
        Self { action: "customer.password_rehashed", subject: id.0, fields: String::new() }
    }

    /// A customer attribute was made.
    #[must_use]
    pub fn attribute_created(id: AttributeId) -> Self {
        Self { action: "attribute.created", subject: id.0, fields: String::new() }
    }

    /// A customer attribute was renamed.
    #[must_use]
    pub fn attribute_updated(id: AttributeId) -> Self {
        Self { action: "attribute.updated", subject: id.0, fields: "name".to_owned() }
    }

    /// A customer attribute was deleted, and every customer's value of it.
    #[must_use]
    pub fn attribute_deleted(id: AttributeId) -> Self {
        Self { action: "attribute.deleted", subject: id.0, fields: String::new() }
    }

    /// A customer's values of these attributes were set; the fields are the attributes' ids.
    #[must_use]
    pub fn attribute_values_set(id: CustomerId, attributes: &[AttributeId]) -> Self {
        Self { action: "attribute_values.set", subject: id.0, fields: listed(attributes) }
    }

    /// A customer's values of these attributes were deleted; the fields are the attributes' ids.
    #[must_use]
    pub fn attribute_values_deleted(id: CustomerId, attributes: &[AttributeId]) -> Self {
        Self { action: "attribute_values.deleted", subject: id.0, fields: listed(attributes) }
    }

    /// A metafield was made.
    #[must_use]
    pub fn metafield_created(id: MetafieldId) -> Self {
        Self { action: "metafield.created", subject: id.0, fields: String::new() }
    }

    /// Fields of a metafield were changed.
    #[must_use]
    pub fn metafield_updated(id: MetafieldId, fields: &[&'static str]) -> Self {
        Self { action: "metafield.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// A metafield was deleted, and its customer was not.
    #[must_use]
    pub fn metafield_deleted(id: MetafieldId) -> Self {
        Self { action: "metafield.deleted", subject: id.0, fields: String::new() }
    }

    /// A customer's consent was declared.
    #[must_use]
    pub fn consent_declared(id: CustomerId) -> Self {
        Self { action: "consent.declared", subject: id.0, fields: String::new() }
    }

    /// A policy was registered, under this number.
    #[must_use]
    pub fn policy_registered(number: i64) -> Self {
        Self { action: "policy.registered", subject: number, fields: String::new() }
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

    /// A webhook was made.
    #[must_use]
    pub fn hook_created(id: HookId) -> Self {
        Self { action: "hook.created", subject: id.0, fields: String::new() }
    }

    /// Fields of a webhook were changed.
    #[must_use]
    pub fn hook_updated(id: HookId, fields: &[&'static str]) -> Self {
        Self { action: "hook.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// The server made a webhook inactive: an event did not arrive in all its attempts, or nothing did for months.
    #[must_use]
    pub fn hook_deactivated(id: HookId) -> Self {
        Self { action: "hook.deactivated", subject: id.0, fields: "is_active".to_owned() }
    }

    /// Deliveries of a webhook were asked for again.
    #[must_use]
    pub fn hook_replayed(id: HookId) -> Self {
        Self { action: "hook.replayed", subject: id.0, fields: String::new() }
    }

    /// A webhook was deleted.
    #[must_use]
    pub fn hook_deleted(id: HookId) -> Self {
        Self { action: "hook.deleted", subject: id.0, fields: String::new() }
    }

    /// An account's client secret was replaced.
    #[must_use]
    pub fn secret_rotated(account: AccountId) -> Self {
        Self {
            action: "account.secret_rotated",
            subject: account.0,
            fields: "client_secret".to_owned(),
        }
    }

    /// Whom to tell of an account's webhooks was changed.
    #[must_use]
    pub fn hook_notification_updated(account: AccountId) -> Self {
        Self {
            action: "hook_notification.updated",
            subject: account.0,
            fields: "emails".to_owned(),
        }
    }
}

fn listed(attributes: &[AttributeId]) -> String {
    attributes.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(" ")
}
