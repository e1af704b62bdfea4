use std::collections::BTreeSet;

use kernel::{GroupId, Money, Result, Timestamp, Violations};

/// Customers who see the same categories and get the same discounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub name: String,
    /// Whether new customers join it; at most one group of a store.
    pub is_default: bool,
    /// Whether it stands for those who have no account; at most one group of a store.
    pub is_for_guests: bool,
    pub access: CategoryAccess,
    pub rules: Vec<Rule>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// Which categories of the catalogue members see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CategoryAccess {
    #[default]
    All,
    None,
    /// Just these.
    Specific(BTreeSet<i64>),
}

/// A discount that members get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The prices of a list, which then is the only rule.
    PriceList(i64),
    /// On everything; without a discount where the request said none (only the type is required).
    All(Option<Discount>),
    /// In a category and those below it.
    Category(i64, Discount),
    /// On a product.
    Product(i64, Discount),
}

/// How a price is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discount {
    pub method: Method,
    pub amount: Money,
}

/// What an amount means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// So many in a hundred off.
    Percent,
    /// So much off.
    Fixed,
    /// The price itself.
    Price,
}

/// What a request says of a group, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub name: Option<String>,
    pub is_default: Option<bool>,
    pub is_for_guests: Option<bool>,
    pub access: Option<CategoryAccess>,
    pub rules: Option<Vec<Rule>>,
}

/// What a request says of a group: every field it names, and no other. It has been checked.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    // Invariant: every field that is there keeps its rule.
    said: Said,
}

impl Changes {
    /// Check what was said. Faults are named by field.
    pub fn new(said: Said) -> Result<Self> {
        let mut faults = Violations::default();
        if let Some(name) = &said.name
            && (name.trim().is_empty() || name.chars().count() > LONGEST_NAME)
        {
            faults.add("name", format!("must be 1 to {LONGEST_NAME} characters long"));
        }
        if let Some(CategoryAccess::Specific(categories)) = &said.access
            && (categories.len() > MOST || categories.iter().any(|category| *category < 1))
        {
            faults.add("category_access", format!("must be at most {MOST} numbers of categories"));
        }
        if let Some(rules) = &said.rules
            && let Err(rule) = check_rules(rules)
        {
            faults.add("discount_rules", rule);
        }
        faults.or(Self { said })
    }
}

impl Group {
    /// A new group. The wire has seen to it that the name is there.
    #[must_use]
    pub fn new(id: GroupId, changes: &Changes, at: Timestamp) -> Self {
        let mut group = Self {
            id,
            name: String::new(),
            is_default: false,
            is_for_guests: false,
            access: CategoryAccess::All,
            rules: Vec::new(),
            created_at: at,
            modified_at: at,
        };
        group.apply(changes);
        group
    }

    /// Take over what was said; the names of the fields that are different now. The discount rules are
    /// replaced as a whole, as published.
    pub fn apply(&mut self, changes: &Changes) -> Vec<&'static str> {
        let said = &changes.said;
        let differs = [
            ("name", replace(&mut self.name, said.name.as_ref())),
            ("is_default", replace(&mut self.is_default, said.is_default.as_ref())),
            ("is_group_for_guests", replace(&mut self.is_for_guests, said.is_for_guests.as_ref())),
            ("category_access", replace(&mut self.access, said.access.as_ref())),
            ("discount_rules", replace(&mut self.rules, said.rules.as_ref())),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }

    /// Give up what `other` has taken over, where only one group of a store may have it; the names of the
    /// fields that are different now.
    pub fn make_way(&mut self, other: &Self) -> Vec<&'static str> {
        let mut different = Vec::new();
        if other.is_default && self.is_default {
            self.is_default = false;
            different.push("is_default");
        }
        if other.is_for_guests && self.is_for_guests {
            self.is_for_guests = false;
            different.push("is_group_for_guests");
        }
        different
    }
}

impl Method {
    pub const ALL: [Self; 3] = [Self::Percent, Self::Fixed, Self::Price];

    /// As the wire and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Fixed => "fixed",
            Self::Price => "price",
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

fn replace<T: Clone + PartialEq>(field: &mut T, said: Option<&T>) -> bool {
    let Some(value) = said.filter(|value| *value != field) else { return false };
    field.clone_from(value);
    true
}

/// As published: a price list stands alone; beside any number of categories and products there may be one rule
/// for everything.
fn check_rules(rules: &[Rule]) -> Result<(), &'static str> {
    let has_list = rules.iter().any(|rule| matches!(rule, Rule::PriceList(_)));
    if has_list && rules.len() > 1 {
        return Err("a price list must be the only rule");
    }
    if rules.iter().filter(|rule| matches!(rule, Rule::All(_))).count() > 1 {
        return Err("there can be one rule for everything");
    }
    if rules.len() > MOST {
        return Err("must be at most 1000 rules");
    }
    if rules.iter().all(is_sound) {
        Ok(())
    } else {
        Err("must name things by their numbers, and amounts from 0")
    }
}

fn is_sound(rule: &Rule) -> bool {
    let positive = |id: &i64| *id >= 1;
    let fits = |discount: &Discount| (Money(0)..=MOST_AMOUNT).contains(&discount.amount);
    match rule {
        Rule::PriceList(id) => positive(id),
        Rule::All(discount) => discount.as_ref().is_none_or(fits),
        Rule::Category(id, discount) | Rule::Product(id, discount) => {
            positive(id) && fits(discount)
        }
    }
}

const LONGEST_NAME: usize = 255;

/// Rules, or categories, of one group: so that a page of 250 has a bound.
const MOST: usize = 1_000;

const MOST_AMOUNT: Money = Money(99_999_999_999_999);

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: Discount = Discount { method: Method::Percent, amount: Money(100_000) };

    #[track_caller]
    fn check(rules: Vec<Rule>, is_valid: bool) {
        let said = Said { rules: Some(rules), ..Said::default() };
        assert_eq!(Changes::new(said).is_ok(), is_valid);
    }

    #[test]
    fn a_price_list_stands_alone_and_one_rule_is_for_everything() {
        let everything = Rule::All(Some(TENTH));
        let (category, product) = (Rule::Category(3, TENTH), Rule::Product(4, TENTH));
        check(vec![], true);
        check(vec![Rule::PriceList(3)], true);
        check(vec![everything, category, category, product], true);
        check(vec![Rule::PriceList(3), category], false);
        check(vec![Rule::PriceList(3), Rule::PriceList(4)], false);
        check(vec![everything, everything], false);
        check(vec![Rule::All(None)], true);
        check(vec![Rule::PriceList(0)], false);
        check(vec![Rule::Product(1, Discount { amount: Money(-1), ..TENTH })], false);
    }

    #[test]
    fn the_first_of_two_defaults_makes_way() {
        let default = Said { is_default: Some(true), ..Said::default() };
        let default = Changes::new(default).unwrap();
        let mut first = Group::new(GroupId(1), &default, Timestamp(5));
        let second = Group::new(GroupId(2), &default, Timestamp(5));
        assert_eq!(first.make_way(&second), ["is_default"]);
        assert_eq!(first.make_way(&second), Vec::<&str>::new());
        assert_eq!(first.apply(&default), ["is_default"]);
    }
}
