use kernel::{CustomerId, ProfileNumber, Timestamp, Uuid};

/// What stands for a customer in segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// By which rows refer to it; no caller sees it.
    pub number: ProfileNumber,
    pub id: Uuid,
    /// Who has no other.
    pub customer: CustomerId,
    /// Nothing of a profile can be changed, so this is also when it was last updated.
    pub created_at: Timestamp,
}
