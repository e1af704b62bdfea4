//! What belongs to customers and is kept in other folders: read beside them, brought along by new ones, and taken
//! away with those that go. All of it within the transaction that reads or writes the customers.

use std::collections::{BTreeMap, BTreeSet};

use access::Author;
use kernel::{AddressId, AttributeId, CustomerId, Result, StoreId, Timestamp, Uuid};
use sql::{ReadTx, WriteTx};

use super::model::{Changes, Customer};
use crate::{
    addresses::{
        self,
        model::Embedded,
        within::{Answers, Outcome},
    },
    attribute_values::{self, model::Embedded as Values},
    audit, consent, deliveries,
    form_fields::{
        model::{Answer, Difference, Entry, Owner, Said},
        within as form_fields,
    },
    instruments, memberships, metafields, outbox, sessions, shopper_profiles, wishlists,
};

/// What a request says of a customer and of what belongs to it.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub customer: Changes,
    /// What a new customer brings along; `None` where nothing was said of addresses.
    pub addresses: Option<Vec<addresses::within::Draft>>,
    /// What a new customer's attributes are; `None` where nothing was said of them.
    pub attributes: Option<Vec<(AttributeId, String)>>,
    /// Values of form fields; those not named stay as they are.
    pub form_fields: Option<Vec<Said>>,
}

/// Which belongings of customers are to be read beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing that may be asked for")]
pub struct Wanted {
    pub addresses: bool,
    pub attributes: bool,
    pub form_fields: bool,
    pub shopper_profile: bool,
    pub segments: bool,
}

/// What belongs to customers, each by the customer's id; `None` where it was not asked for.
#[derive(Clone, Debug, Default)]
pub struct Belongings {
    /// Who has none is not in it; in an answer to a creation, who brought none.
    pub addresses: Option<BTreeMap<CustomerId, Embedded>>,
    /// The values of form fields of the addresses that are shown, each by its own id.
    pub address_form_fields: Answers,
    /// Who has none is not in it; in an answer to a creation, of whom nothing was said.
    pub attributes: Option<BTreeMap<CustomerId, Values>>,
    /// Who has none is in it all the same; in an answer to what was written, who said nothing of them is not.
    pub form_fields: Option<BTreeMap<CustomerId, Vec<Answer>>>,
    /// Who has none is not in it.
    pub shopper_profiles: Option<BTreeMap<CustomerId, Uuid>>,
    /// The segments of the customer's profile; who is in none is not in it.
    pub segments: Option<BTreeMap<CustomerId, Vec<Uuid>>>,
}

impl Belongings {
    /// The values of a customer's form fields, where they are to be shown.
    #[must_use]
    pub fn form_fields_of(&self, id: CustomerId) -> Option<&[Answer]> {
        self.form_fields.as_ref()?.get(&id).map(Vec::as_slice)
    }
}

/// What belongs to these customers, as far as it is wanted.
pub async fn read(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &[CustomerId],
    wanted: Wanted,
) -> Result<Belongings> {
    let addresses = if wanted.addresses {
        Some(addresses::rows::embedded(tx, store, ids.iter().copied()).await?)
    } else {
        None
    };
    let attributes = if wanted.attributes {
        Some(attribute_values::rows::embedded(tx, store, ids).await?)
    } else {
        None
    };
    let form_fields = if wanted.form_fields && !ids.is_empty() {
        Some(form_fields::of_customers(tx, store, ids).await?)
    } else {
        None
    };
    let address_form_fields = match &addresses {
        Some(shown) if wanted.form_fields => answers(tx, store, shown).await?,
        _ => Answers::new(),
    };
    let shopper_profiles = if wanted.shopper_profile {
        let profiles = shopper_profiles::rows::of_customers(tx, store, ids).await?;
        Some(profiles.into_iter().map(|profile| (profile.customer, profile.id)).collect())
    } else {
        None
    };
    let segments = if wanted.segments {
        Some(memberships::rows::segment_ids_of(tx, store, ids).await?)
    } else {
        None
    };
    Ok(Belongings {
        addresses,
        address_form_fields,
        attributes,
        form_fields,
        shopper_profiles,
        segments,
    })
}

/// The same of customers that were written: of each also what its row wrote (observed.md 4.2).
pub async fn written<'d>(
    tx: &mut WriteTx,
    store: StoreId,
    rows: impl Iterator<Item = (CustomerId, &'d Draft)>,
    wanted: Wanted,
) -> Result<Belongings> {
    let is_shown = |(_, draft): &(_, &Draft)| wanted.form_fields || draft.form_fields.is_some();
    let ids: BTreeSet<CustomerId> = rows.filter(is_shown).map(|(id, _)| id).collect();
    let ids: Vec<CustomerId> = ids.into_iter().collect();
    read(tx, store, &ids, Wanted { form_fields: true, ..Wanted::default() }).await
}

/// Make what new customers bring along: it, and the values of form fields, as an answer shows them. The caller
/// holds the customers and the count of addresses; there are as many numbers as addresses.
pub async fn make(
    tx: &mut WriteTx,
    author: &Author,
    drafts: &[Draft],
    made: &[Customer],
    address_numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<Belongings> {
    let (brought, mut entries) = bring(tx, author, drafts, made, address_numbers, now).await?;
    let rows = made.iter().map(|customer| customer.id).zip(drafts);
    // Their counter comes before the definitions of form fields: see `Counter::ALL`.
    let attributes = endow(tx, author, rows.clone(), now).await?;
    entries.extend(own_form_fields(rows.clone()));
    entries.sort_by_key(|entry| entry.row);
    form_fields::set(tx, author.store, &entries).await?;
    let belongings = written(tx, author.store, rows, Wanted::default()).await?;
    Ok(Belongings {
        attributes: Some(attributes),
        address_form_fields: answers(tx, author.store, &brought).await?,
        addresses: Some(brought),
        ..belongings
    })
}

/// Set what is said of customers' own form fields; who has other values now, and how so.
pub async fn change<'d>(
    tx: &mut WriteTx,
    store: StoreId,
    rows: impl Iterator<Item = (CustomerId, &'d Draft)>,
) -> Result<BTreeMap<CustomerId, Difference>> {
    let entries: Vec<Entry<'_>> = own_form_fields(rows).collect();
    let changed = form_fields::set(tx, store, &entries).await?;
    Ok(changed.into_iter().map(|(owner, difference)| (owner.customer, difference)).collect())
}

/// Delete what belongs to customers that are about to go. Their going is told; that of their belongings follows
/// from it.
pub async fn forget(tx: &mut WriteTx, store: StoreId, ids: &[CustomerId]) -> Result<()> {
    consent::rows::detach(tx, store, ids).await?;
    // Found by the declarations, and so before these go.
    audit::rows::unname_consents(tx, store, ids).await?;
    // All of the outbox before any delivery, as who takes events out of it does: each would wait for the other.
    outbox::rows::forget_consents(tx, store, ids).await?;
    outbox::rows::forget_metafields(tx, store, ids).await?;
    // Whoever was taking events out of the outbox has done so by now.
    deliveries::rows::forget_consents(tx, store, ids).await?;
    deliveries::rows::forget_metafields(tx, store, ids).await?;
    consent::rows::delete_placed(tx, store, ids).await?;
    form_fields::forget_customers(tx, store, ids).await?;
    attribute_values::rows::delete_of_customers(tx, store, ids).await?;
    metafields::rows::delete_of_customers(tx, store, ids).await?;
    addresses::within::forget_customers(tx, store, ids).await?;
    instruments::rows::delete_of(tx, store, ids).await?;
    sessions::rows::delete_of(tx, store, ids).await?;
    // A shopper may have declared something just as they signed in.
    audit::rows::unname_sign_ins(tx, store, ids).await?;
    wishlists::within::forget_customers(tx, store, ids).await?;
    shopper_profiles::within::forget_customers(tx, store, ids).await
}

/// Make the addresses that new customers bring along; by customer, those of whom any were said.
async fn bring<'d>(
    tx: &mut WriteTx,
    author: &Author,
    drafts: &'d [Draft],
    made: &[Customer],
    numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<(BTreeMap<CustomerId, Embedded>, Vec<Entry<'d>>)> {
    let mut brought: BTreeMap<CustomerId, Embedded> = BTreeMap::new();
    let mut rows = Vec::new();
    let mut said = Vec::new();
    for (row, (customer, draft)) in made.iter().zip(drafts).enumerate() {
        let Some(addresses) = &draft.addresses else { continue };
        brought.insert(customer.id, Embedded::default());
        for (at, address) in addresses.iter().enumerate() {
            rows.push((customer.id, address.clone()));
            said.push((row, at, address.form_fields.as_deref().unwrap_or_default()));
        }
    }
    if rows.is_empty() {
        return Ok((brought, Vec::new()));
    }
    let mut entries = Vec::new();
    let outcomes = addresses::within::create(tx, author, &rows, numbers, now).await?;
    for (outcome, (row, at, said)) in outcomes.into_iter().zip(said) {
        if let Outcome::Written(address) = outcome {
            let owner = addresses::within::owner(&address);
            entries.extend(Entry::all(owner, said, row, &format!("addresses.{at}.form_fields")));
            let shown = brought.entry(address.customer).or_default();
            shown.count += 1;
            shown.addresses.push(address);
        }
    }
    Ok((brought, entries))
}

/// Give new customers the attributes that were said of them; those of whom nothing was said are not in it.
async fn endow<'d>(
    tx: &mut WriteTx,
    author: &Author,
    rows: impl Iterator<Item = (CustomerId, &'d Draft)>,
    now: Timestamp,
) -> Result<BTreeMap<CustomerId, Values>> {
    let said: Vec<_> = rows.map(|(id, draft)| (id, draft.attributes.as_deref())).collect();
    let values: Vec<_> = said.iter().map(|(id, said)| (*id, said.unwrap_or_default())).collect();
    let mut made = attribute_values::within::create(tx, author, &values, now).await?;
    made.retain(|id, _| said.iter().any(|(customer, said)| customer == id && said.is_some()));
    Ok(made)
}

/// What each row says of its customer's own form fields.
fn own_form_fields<'d>(
    rows: impl Iterator<Item = (CustomerId, &'d Draft)>,
) -> impl Iterator<Item = Entry<'d>> {
    rows.enumerate().flat_map(|(row, (id, draft))| {
        let said = draft.form_fields.as_deref().unwrap_or_default();
        Entry::all(Owner::customer(id), said, row, "form_fields")
    })
}

/// The values of the form fields of addresses that are shown.
async fn answers(
    tx: &mut ReadTx,
    store: StoreId,
    shown: &BTreeMap<CustomerId, Embedded>,
) -> Result<Answers> {
    let ids: Vec<AddressId> =
        shown.values().flat_map(|it| &it.addresses).map(|address| address.id).collect();
    form_fields::of_addresses(tx, store, &ids).await
}
