use std::str::FromStr;

use kernel::{CustomerId, MetafieldId, Result, Timestamp, Violations};

/// Something an app keeps beside a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metafield {
    pub id: MetafieldId,
    pub customer: CustomerId,
    /// The client id of the API account that made it.
    pub owner: String,
    pub namespace: String,
    /// Of one customer, owner and namespace no two are the same.
    pub key: String,
    pub value: String,
    pub description: String,
    pub permission: PermissionSet,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// What others than its owner may do with a metafield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionSet {
    /// Nothing: to them it is not there.
    AppOnly,
    /// See it.
    Read,
    /// See, change and delete it.
    Write,
    /// See it, also on the storefront.
    ReadAndStorefront,
    /// See, change and delete it, and see it on the storefront.
    WriteAndStorefront,
}

/// What a request says of a metafield: every field it names, and no other. It has been checked.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    // Invariant: every field that is there keeps its rule.
    said: Said,
}

/// What a request says of a metafield, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub namespace: Option<String>,
    pub key: Option<String>,
    pub value: Option<String>,
    pub description: Option<String>,
    pub permission: Option<PermissionSet>,
}

/// Why one metafield of a batch is not made, changed or deleted. The others are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What was said breaks a rule.
    Invalid(Violations),
    /// There is no such customer.
    UnknownCustomer,
    /// There is no such metafield, or the caller may not see it.
    Unknown,
    /// The caller may see it, and no more.
    NotTheirs,
    /// The account has another under this namespace and key.
    NameInUse,
    /// The customer has [`MOST`] already.
    TooMany,
}

/// The most metafields of one customer, of all owners together (published).
pub const MOST: usize = 50;

impl Changes {
    /// Check what was said. Faults are named by field.
    pub fn new(said: Said) -> Result<Self> {
        let mut faults = Violations::default();
        let texts = [
            ("namespace", &said.namespace, 1, 64),
            ("key", &said.key, 1, 64),
            ("value", &said.value, 1, 65_535),
            ("description", &said.description, 0, 255),
        ];
        for (field, text, least, most) in texts {
            if text.as_ref().is_some_and(|text| !(least..=most).contains(&text.chars().count())) {
                faults.add(field, format!("must be {least} to {most} characters long"));
            }
        }
        faults.or(Self { said })
    }
}

impl Metafield {
    /// A new metafield. The wire has seen to it that all but the description is there.
    #[must_use]
    pub fn new(
        id: MetafieldId,
        customer: CustomerId,
        owner: &str,
        changes: &Changes,
        at: Timestamp,
    ) -> Self {
        let mut metafield = Self {
            id,
            customer,
            owner: owner.to_owned(),
            namespace: String::new(),
            key: String::new(),
            value: String::new(),
            description: String::new(),
            permission: PermissionSet::AppOnly,
            created_at: at,
            modified_at: at,
        };
        metafield.apply(changes);
        metafield
    }

    /// Take over what was said; the names of the fields that are different now.
    pub fn apply(&mut self, changes: &Changes) -> Vec<&'static str> {
        let said = &changes.said;
        let mut different = Vec::new();
        let texts = [
            ("namespace", &mut self.namespace, &said.namespace),
            ("key", &mut self.key, &said.key),
            ("value", &mut self.value, &said.value),
            ("description", &mut self.description, &said.description),
        ];
        for (field, text, said) in texts {
            if let Some(said) = said.as_ref().filter(|said| *said != text) {
                text.clone_from(said);
                different.push(field);
            }
        }
        if let Some(permission) = said.permission.filter(|said| *said != self.permission) {
            self.permission = permission;
            different.push("permission_set");
        }
        different
    }

    /// Whether an account may see it.
    #[must_use]
    pub fn is_visible_to(&self, client_id: &str) -> bool {
        self.owner == client_id || self.permission != PermissionSet::AppOnly
    }

    /// Whether an account may change and delete it.
    #[must_use]
    pub fn is_open_to(&self, client_id: &str) -> bool {
        self.owner == client_id || self.permission.others_write()
    }
}

impl PermissionSet {
    /// All of them, in the published order.
    pub const ALL: [Self; 5] =
        [Self::AppOnly, Self::Read, Self::Write, Self::ReadAndStorefront, Self::WriteAndStorefront];

    /// As the wire and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AppOnly => "app_only",
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadAndStorefront => "read_and_sf_access",
            Self::WriteAndStorefront => "write_and_sf_access",
        }
    }

    fn others_write(self) -> bool {
        matches!(self, Self::Write | Self::WriteAndStorefront)
    }
}

/// There is no permission set of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPermissionSet;

impl FromStr for PermissionSet {
    type Err = UnknownPermissionSet;

    fn from_str(name: &str) -> Result<Self, UnknownPermissionSet> {
        Self::ALL.into_iter().find(|set| set.name() == name).ok_or(UnknownPermissionSet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_ada(permission: PermissionSet) -> Metafield {
        let said = Said {
            namespace: Some("n".into()),
            key: Some("k".into()),
            value: Some("v".into()),
            permission: Some(permission),
            ..Said::default()
        };
        let changes = Changes::new(said).unwrap();
        Metafield::new(MetafieldId(1), CustomerId(1), "ada", &changes, Timestamp(0))
    }

    #[test]
    fn the_owner_may_do_all_and_others_what_the_permission_set_says() {
        #[track_caller]
        fn check(permission: PermissionSet, sees: bool, writes: bool) {
            let field = of_ada(permission);
            assert!(field.is_visible_to("ada") && field.is_open_to("ada"));
            assert_eq!((field.is_visible_to("bob"), field.is_open_to("bob")), (sees, writes));
            assert_eq!(permission.name().parse(), Ok(permission));
        }
        check(PermissionSet::AppOnly, false, false);
        check(PermissionSet::Read, true, false);
        check(PermissionSet::ReadAndStorefront, true, false);
        check(PermissionSet::Write, true, true);
        check(PermissionSet::WriteAndStorefront, true, true);
        assert_eq!("everything".parse::<PermissionSet>(), Err(UnknownPermissionSet));
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        #[track_caller]
        fn check(field: &str, length: usize, fits: bool) {
            let text = Some("ü".repeat(length));
            let said = match field {
                "namespace" => Said { namespace: text, ..Said::default() },
                "key" => Said { key: text, ..Said::default() },
                "value" => Said { value: text, ..Said::default() },
                _ => Said { description: text, ..Said::default() },
            };
            assert_eq!(Changes::new(said).is_ok(), fits, "{field} {length}");
        }
        for (field, least, most) in
            [("namespace", 1, 64), ("key", 1, 64), ("value", 1, 65_535), ("description", 0, 255)]
        {
            check(field, least, true);
            check(field, most, true);
            check(field, most + 1, false);
            if least == 1 {
                check(field, 0, false);
            }
        }
    }

    #[test]
    fn only_what_differs_counts_as_changed() {
        let mut field = of_ada(PermissionSet::Read);
        let again = Changes::new(Said { value: Some("v".into()), ..Said::default() }).unwrap();
        assert_eq!(field.apply(&again), Vec::<&str>::new());
        let said = Said {
            key: Some("l".into()),
            permission: Some(PermissionSet::Write),
            ..Said::default()
        };
        assert_eq!(field.apply(&Changes::new(said).unwrap()), ["key", "permission_set"]);
    }
}
