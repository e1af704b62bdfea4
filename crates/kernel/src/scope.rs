/// What a caller needs for an operation: an OAuth scope of the published list, or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anybody may call, without a token.
    Public,
    /// Any token of the store will do.
    AnyToken,
    /// `store_v2_customers_read_only`; whoever may modify may also read.
    CustomersRead,
    /// `store_v2_customers`.
    CustomersModify,
    /// `store_stored_payment_instruments_read_only`; whoever may modify may also read.
    InstrumentsRead,
    /// `store_stored_payment_instruments`.
    InstrumentsModify,
}

/// The OAuth scopes an API account has been given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants(u8);

impl Grants {
    /// Every scope that can be given, by its published name.
    pub const NAMES: [&'static str; 4] = [
        "store_v2_customers",
        "store_v2_customers_read_only",
        "store_stored_payment_instruments",
        "store_stored_payment_instruments_read_only",
    ];

    /// Read published names. `Err` holds the first that is none.
    pub fn from_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, &'n str> {
        names.into_iter().try_fold(Self::default(), |grants, name| {
            let bit = Self::NAMES.iter().position(|known| *known == name).ok_or(name)?;
            Ok(Self(grants.0 | 1 << bit))
        })
    }

    /// The names, in the order of [`Grants::NAMES`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 & 1 << bit != 0)
            .map(|(_, name)| name)
    }

    /// Whether these scopes are enough. Modify implies read.
    #[must_use]
    pub fn allow(self, scope: Scope) -> bool {
        match scope {
            Scope::Public | Scope::AnyToken => true,
            Scope::CustomersModify => self.0 & 0b0001 != 0,
            Scope::CustomersRead => self.0 & 0b0011 != 0,
            Scope::InstrumentsModify => self.0 & 0b0100 != 0,
            Scope::InstrumentsRead => self.0 & 0b1100 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modify_implies_read_and_nothing_else() {
        let modify = Grants::from_names(["store_v2_customers"]).unwrap();
        let read = Grants::from_names(["store_v2_customers_read_only"]).unwrap();
        assert!(modify.allow(Scope::CustomersRead) && modify.allow(Scope::CustomersModify));
        assert!(read.allow(Scope::CustomersRead) && !read.allow(Scope::CustomersModify));
        assert!(!modify.allow(Scope::InstrumentsRead) && !modify.allow(Scope::InstrumentsModify));
        assert_eq!(Grants::from_names(["store_v2_orders"]), Err("store_v2_orders"));
        assert_eq!(modify.names().collect::<Vec<_>>(), ["store_v2_customers"]);
    }
}
