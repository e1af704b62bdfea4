use kernel::{Result, Timestamp, Violations};

/// Something that a customer can pay with again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// The provider's name for it; unique within its customer.
    pub token: String,
    pub kind: Kind,
    /// Whether it is taken where the customer chooses none; at most one is.
    pub is_default: bool,
    /// What else its kind shows, as the wire wrote it: nothing here reads it.
    pub details: String,
    pub created_at: Timestamp,
}

/// What a request says of an instrument. It has been checked.
#[derive(Clone, Debug)]
pub struct Draft {
    pub token: String,
    pub kind: Kind,
    pub is_default: bool,
    pub details: String,
}

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Card,
    PayPalAccount,
    BankAccount,
}

impl Draft {
    /// Check what was said.
    pub fn new(token: String, kind: Kind, is_default: bool, details: String) -> Result<Self> {
        let mut faults = Violations::default();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if token.is_empty() || token.len() > 128 || !token.bytes().all(is_plain) {
            faults.add("token", "must be 1 to 128 letters, digits, or any of -_.:");
        }
        faults.or(Self { token, kind, is_default, details })
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::Card, Self::PayPalAccount, Self::BankAccount];

    /// As the wire and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Card => "stored_card",
            Self::PayPalAccount => "stored_paypal_account",
            Self::BankAccount => "stored_bank_account",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Instruments of one customer.
pub const MOST: usize = 100;
