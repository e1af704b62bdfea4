//! What goes through all of a ledger: holding it to what is kept and signed, and exporting it.

use std::collections::BTreeMap;

use access::accounts;
use kernel::{CustomerId, Error, Result, StoreId, hex};
use ledger::{
    checkpoint::{self, PublicKey},
    export,
    recount::{Fault, Recount},
    tree::{self, Place},
};
use sha2::{Digest as _, Sha256};
use sql::Db;

use super::{
    model::{Damage, Entry, Head, Kept, Known, Verified},
    rows,
};
use crate::policies::{self, model::Policy};

/// The lines of an export for the leaves from this one on, up to before `size`: some of them, none at the end.
pub async fn entries(db: &Db, store: StoreId, from: u64, size: u64) -> Result<Vec<String>> {
    let page = page(db, store, from).await?;
    let mut lines = Vec::with_capacity(page.leaves.len());
    for ((leaf, json), index) in page.leaves.iter().zip(from..size) {
        let place = Place { level: 0, number: index / 256 };
        let at = usize::try_from(index % 256).map_err(Error::internal)?;
        let hash = page.tiles.get(&place).and_then(|hashes| hashes.as_chunks().0.get(at));
        let hash = hash.ok_or_else(|| Error::internal(Fault::NoTile(place)))?;
        if u64::try_from(*leaf) != Ok(index) {
            return Err(Error::internal(Fault::NoLeaf(index)));
        }
        lines.push(export::entry(index, hash, json));
    }
    if lines.is_empty() && from < size {
        return Err(Error::internal(Fault::NoLeaf(from)));
    }
    Ok(lines)
}

/// Make a store's tree anew from its leaves, and hold it to the hashes that are kept, to the signed head, to heads
/// that were signed before, and to the declarations that are kept, of which no living customer's may be missing. It reads
/// a few thousand rows at a time and may go on while others append.
pub async fn verify(
    db: &Db,
    store: StoreId,
    keys: &[PublicKey],
    older: Vec<checkpoint::Head>,
) -> Result<Verified> {
    let mut recount = Recount::new(older);
    let (head, has_more) = loop {
        let page = page(db, store, recount.size()).await?;
        let taken = take(&mut recount, &page);
        if taken < A_PAGE {
            compare_edge(&mut recount, &page);
            break (page.head, taken < page.leaves.len());
        }
    };
    let leaves = recount.size();
    if head.leaves() > leaves {
        recount.note(Fault::NoLeaf(leaves));
    } else if has_more {
        recount.note(Fault::Beyond(leaves));
    }
    let faults = if head.size == 0 && head.checkpoint.is_empty() {
        // Nothing was ever to be signed.
        recount.lost()
    } else {
        let signed = checkpoint::Head::read(&head.checkpoint, keys);
        if signed.as_ref().is_ok_and(|signed| signed.size != head.leaves()) {
            recount.note(Fault::Count(head.size));
        }
        recount.end(&head.store_hash, signed)
    };
    let mut damages: Vec<Damage> = faults.into_iter().map(Damage::Tree).collect();
    let mut known = known(db, store, &mut damages).await?;
    let declarations = compare_declarations(db, store, &mut known, &mut damages).await?;
    Ok(Verified { leaves, declarations, damages })
}

/// Some leaves, and whatever is kept above them, at one instant.
struct Page {
    head: Head,
    leaves: Vec<(i64, String)>,
    tiles: BTreeMap<Place, Vec<u8>>,
}

async fn page(db: &Db, store: StoreId, from: u64) -> Result<Page> {
    let first = i64::try_from(from).map_err(Error::internal)?;
    let most = i64::try_from(A_PAGE).map_err(Error::internal)?;
    db.scan(async |tx| {
        let head = rows::head(tx, store).await?.ok_or(Error::NotFound("store"))?;
        let leaves = rows::leaves(tx, store, first, most).await?;
        let mut places = tree::touched(from, from + leaves.len() as u64);
        places.extend(tree::edge(head.leaves()));
        let tiles = rows::tiles(tx, store, &places).await?.into_iter().collect();
        Ok(Page { head, leaves, tiles })
    })
    .await
}

/// Go on by the leaves of a page, as far as they are those that come next, and compare the tiles that they fill. How
/// many there were.
fn take(recount: &mut Recount, page: &Page) -> usize {
    let mut taken = 0;
    for (leaf, json) in &page.leaves {
        let next = recount.size();
        if u64::try_from(*leaf) != Ok(next) || next >= page.head.leaves() {
            break;
        }
        for (place, made) in recount.leaf(tree::leaf_hash(json.as_bytes())) {
            recount.compare(place, &made, page.tiles.get(&place).map(Vec::as_slice));
        }
        taken += 1;
    }
    taken
}

/// Compare the tiles at the end. Where the leaves break off too early, the tiles may go on.
fn compare_edge(recount: &mut Recount, page: &Page) {
    let is_whole = recount.size() == page.head.leaves();
    for (place, made) in recount.edge() {
        match page.tiles.get(&place) {
            Some(kept) if !is_whole => {
                recount.compare(place, &made, Some(&kept[..kept.len().min(made.len())]));
            }
            None if !is_whole => {}
            kept => recount.compare(place, &made, kept.map(Vec::as_slice)),
        }
    }
}

/// Hold the declarations that are kept to their leaves, and to how many each customer has made. How many of them are
/// leaves.
async fn compare_declarations(
    db: &Db,
    store: StoreId,
    known: &mut Known,
    damages: &mut Vec<Damage>,
) -> Result<u64> {
    let most = i64::try_from(A_PAGE).map_err(Error::internal)?;
    let mut after = (CustomerId(i64::MIN), i64::MIN);
    let mut before: Option<Entry> = None;
    let mut leaves = 0;
    loop {
        let (kept, clients) = db
            .scan(async |tx| {
                let kept = rows::kept_after(tx, store, after, most).await?;
                let authors = kept.iter().map(|it| it.entry.declared_by).collect();
                let clients = accounts::client_ids(tx, store, &authors).await?;
                Ok::<_, Error>((kept, clients))
            })
            .await?;
        let Some(Kept { entry: last, .. }) = kept.last() else { break };
        after = (last.customer, last.sequence);
        leaves += kept.iter().filter(|it| it.entry.leaf.is_some()).count() as u64;
        known.clients = clients;
        for it in kept {
            let Entry { customer, sequence, .. } = it.entry;
            let is_in_order = before.as_ref().is_none_or(|before| it.entry.follows(before));
            let order = (!is_in_order).then_some(Damage::Order { customer, sequence });
            // What is damaged says nothing of its neighbours.
            if let Some(damage) = it.damage(known) {
                note(damages, [damage]);
            } else {
                note(damages, order);
                before = Some(it.entry);
            }
        }
    }
    let mut after = CustomerId(i64::MIN);
    loop {
        let counts = db.scan(async |tx| rows::counts_after(tx, store, after, most).await).await?;
        let Some(last) = counts.last() else { return Ok(leaves) };
        after = last.customer;
        note(damages, counts.iter().filter(|it| !it.is_whole()).copied().map(Damage::Count));
    }
}

/// Remember what is wrong, some thousands of them.
fn note(damages: &mut Vec<Damage>, found: impl IntoIterator<Item = Damage>) {
    damages.extend(found.into_iter().take(A_PAGE.saturating_sub(damages.len())));
}

/// What the store's declarations name; every policy whose text is not the one that was registered is noted.
async fn known(db: &Db, store: StoreId, damages: &mut Vec<Damage>) -> Result<Known> {
    let (head, digests, policies, texts) = db
        .scan(async |tx| {
            let head = rows::head(tx, store).await?.ok_or(Error::NotFound("store"))?;
            let digests = policies::rows::digests(tx, store).await?;
            let policies = policies::rows::list(tx, store).await?;
            Ok::<_, Error>((head, digests, policies, policies::rows::texts(tx, store).await?))
        })
        .await?;
    let is_changed =
        |policy: &Policy, text: &String| hex(&Sha256::digest(text.as_bytes())) != policy.sha256;
    let changed = policies.iter().zip(&texts).filter(|(policy, text)| is_changed(policy, text));
    note(damages, changed.map(|(policy, _)| Damage::Policy(policy.version.clone())));
    Ok(Known { store_hash: head.store_hash, policies: digests, clients: BTreeMap::new() })
}

/// How many leaves or declarations are read at a time when all are; whole tiles of leaves.
const A_PAGE: usize = 4096;
