use kernel::{CustomerId, Error, Result, Uuid, Violations, WishlistId, WishlistItemId};

/// A customer's list of wished for products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishlist {
    pub id: WishlistId,
    pub customer: CustomerId,
    pub name: String,
    /// Whether whoever has the token may see it.
    pub is_public: bool,
    /// By which it is shared. Random, and never changes.
    pub token: Uuid,
    /// In the order of their ids.
    pub items: Vec<Item>,
}

/// A product on a wishlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub id: WishlistItemId,
    pub product: i64,
    pub variant: Option<i64>,
}

/// A product that is to be put on a wishlist. The same one may be on it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    pub product: i64,
    pub variant: Option<i64>,
}

/// What a request says of an item that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemChange {
    pub id: WishlistItemId,
    pub product: Option<i64>,
    /// `Some(None)` takes the variant away.
    pub variant: Option<Option<i64>>,
}

/// What a request says of a wishlist that is there. It has been checked.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    name: Option<String>,
    is_public: Option<bool>,
    items: Vec<ItemChange>,
}

/// A wishlist that is to be made. It has been checked.
#[derive(Clone, Debug)]
pub struct Draft {
    pub(super) customer: CustomerId,
    pub(super) name: String,
    pub(super) is_public: bool,
    pub(super) wishes: Vec<Wish>,
}

impl Draft {
    /// Check what was said.
    pub fn new(
        customer: CustomerId,
        name: String,
        is_public: bool,
        wishes: Vec<Wish>,
    ) -> Result<Self> {
        let mut faults = Violations::default();
        check_name(&mut faults, &name);
        faults.or(Self { customer, name, is_public, wishes })
    }
}

impl Changes {
    /// Check what was said.
    pub fn new(
        name: Option<String>,
        is_public: Option<bool>,
        items: Vec<ItemChange>,
    ) -> Result<Self> {
        let mut faults = Violations::default();
        if let Some(name) = &name {
            check_name(&mut faults, name);
        }
        faults.or(Self { name, is_public, items })
    }
}

impl Wishlist {
    /// Take over what was said: the names of the fields that are different now, and the items that are. An
    /// item that is not on the list is a fault, at its place in the request.
    pub fn apply(&mut self, changes: &Changes) -> Result<(Vec<&'static str>, Vec<Item>)> {
        let before = self.clone();
        let mut faults = Violations::default();
        for (at, change) in changes.items.iter().enumerate() {
            match self.items.iter_mut().find(|item| item.id == change.id) {
                Some(item) => {
                    item.product = change.product.unwrap_or(item.product);
                    item.variant = change.variant.unwrap_or(item.variant);
                }
                None => faults.add(format!("items.{at}.id"), "invalid item ID"),
            }
        }
        faults.or(())?;
        self.name.clone_from(changes.name.as_ref().unwrap_or(&before.name));
        self.is_public = changes.is_public.unwrap_or(self.is_public);
        let differing = self.items.iter().zip(&before.items).filter(|(now, then)| now != then);
        let items: Vec<Item> = differing.map(|(now, _)| now.clone()).collect();
        let fields = [
            ("name", self.name != before.name),
            ("is_public", self.is_public != before.is_public),
            ("items", !items.is_empty()),
        ];
        let fields = fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field);
        Ok((fields.collect(), items))
    }

    /// Put products on the list, under these numbers; the items that they are.
    pub fn add(&mut self, first: WishlistItemId, wishes: &[Wish]) -> Vec<Item> {
        let items: Vec<Item> = (first.0..)
            .zip(wishes)
            .map(|(id, Wish { product, variant })| Item {
                id: WishlistItemId(id),
                product: *product,
                variant: *variant,
            })
            .collect();
        self.items.extend_from_slice(&items);
        items
    }

    /// Refuse so many more items where the list would get too long.
    pub fn check_room(&self, more: usize) -> Result<()> {
        if self.items.len() + more > MOST_ITEMS {
            return Err(Error::invalid("items", format!("must be at most {MOST_ITEMS} in all")));
        }
        Ok(())
    }
}

fn check_name(faults: &mut Violations, name: &str) {
    if !(1..=255).contains(&name.chars().count()) {
        faults.add("name", "must be 1 to 255 characters long");
    }
}

/// Items on one wishlist, so that a page of wishlists has a bound.
pub const MOST_ITEMS: usize = 1_000;

#[cfg(test)]
mod tests {
    use kernel::SeededChance;

    use super::*;

    fn wishlist() -> Wishlist {
        let mut wishlist = Wishlist {
            id: WishlistId(1),
            customer: CustomerId(1),
            name: "Mine".to_owned(),
            is_public: false,
            token: Uuid::draw(&SeededChance::new(1)),
            items: Vec::new(),
        };
        let wish = Wish { product: 7, variant: Some(70) };
        wishlist.add(WishlistItemId(5), &[wish, wish]);
        wishlist
    }

    #[test]
    fn only_what_differs_counts_as_changed_and_items_keep_their_ids() {
        let mut wishlist = wishlist();
        let change = |id, product| ItemChange { id: WishlistItemId(id), product, variant: None };
        let same = Changes::new(
            Some("Mine".to_owned()),
            Some(false),
            vec![change(5, Some(7)), change(6, None)],
        );
        assert_eq!(wishlist.apply(&same.unwrap()).unwrap(), (vec![], vec![]));
        let other = Changes::new(None, Some(true), vec![change(6, Some(8))]).unwrap();
        let (fields, items) = wishlist.apply(&other).unwrap();
        assert_eq!(fields, ["is_public", "items"]);
        assert_eq!(items, [Item { id: WishlistItemId(6), product: 8, variant: Some(70) }]);
        let bare = ItemChange { id: WishlistItemId(6), product: None, variant: Some(None) };
        wishlist.apply(&Changes::new(None, None, vec![bare]).unwrap()).unwrap();
        assert_eq!(wishlist.items[1].variant, None);
    }

    #[test]
    fn an_item_of_another_list_is_a_fault_at_its_place() {
        let change = ItemChange { id: WishlistItemId(9), product: None, variant: None };
        let known = ItemChange { id: WishlistItemId(5), ..change };
        let changes = Changes::new(None, None, vec![known, change]).unwrap();
        let Err(Error::Invalid(faults)) = wishlist().apply(&changes) else { panic!("refused") };
        assert_eq!(faults.into_map().into_keys().collect::<Vec<_>>(), ["items.1.id"]);
    }

    #[test]
    fn a_name_is_there_and_has_a_bound_and_so_has_a_list() {
        for (name, is_valid) in [("", false), ("ü", true)] {
            assert_eq!(Changes::new(Some(name.to_owned()), None, vec![]).is_ok(), is_valid);
        }
        assert!(Draft::new(CustomerId(1), "a".repeat(256), false, vec![]).is_err());
        assert!(wishlist().check_room(998).is_ok());
        assert!(wishlist().check_room(999).is_err());
    }
}
