use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use access::{accounts, signing};
use kernel::{AccountId, CustomerId, Error, Result, StoreId, Timestamp};
use ledger::{
    checkpoint::{self, PublicKey, SigningKey},
    export,
    leaf::{Leaf, Person, Salt},
    proof::{Growth, Inclusion},
    receipt::{Controller, Evidence, Policy, Purpose, Receipt, SCHEMA},
    recount::{Fault, Recount},
    tree::{self, Place, Tree, TreeError},
};
use rest::{App, Caller};
use sql::{Db, ReadTx, WriteTx};

use super::{
    model::{Damage, Declared, Head, Opening, Verified},
    rows,
};
use crate::{consent, policies};

/// Append whatever a store's shoppers have declared, and sign the head that comes of it. The head, also where nothing
/// was to be done.
///
/// In transactions of a few hundred, each of which holds the head: two at once do it one after the other, and what one
/// has appended the other does not find any more.
pub async fn sequence(app: &App, store: StoreId) -> Result<Head> {
    loop {
        let (head, appended) = sequence_some(app, store).await?;
        if appended < AT_A_TIME {
            return Ok(head);
        }
    }
}

/// The head of the caller's store, after what waited was appended; of a backlog no more than ten transactions
/// take.
pub async fn checkpoint(app: &App, caller: &Caller) -> Result<Head> {
    for _ in 1..AT_ONCE {
        let (head, appended) = sequence_some(app, caller.store).await?;
        if appended < AT_A_TIME {
            return Ok(head);
        }
    }
    Ok(sequence_some(app, caller.store).await?.0)
}

/// What everybody may check checkpoints with, the oldest first.
pub async fn keys(app: &App) -> Result<Vec<PublicKey>> {
    signing::public(&app.db).await
}

/// The proof that the store's ledger with its first `from` leaves is the beginning of that with `to`, or with all.
pub async fn growth(app: &App, caller: &Caller, from: i64, to: Option<i64>) -> Result<Growth> {
    let head = app.db.read(async |tx| rows::head(tx, caller.store).await).await?;
    let size = head.ok_or(Error::NotFound("store"))?.size;
    let to = to.unwrap_or(size);
    if to > size {
        return Err(Error::invalid("to", format!("the ledger has {size} leaves")));
    }
    if from > to {
        return Err(Error::invalid("from", "must not be more than to"));
    }
    // It only ever grows.
    prove_growth(&app.db, caller.store, unsigned(from)?, unsigned(to)?).await
}

/// Some leaves as they lie in the ledger, from this one on, each with its place.
pub async fn leaves(
    app: &App,
    caller: &Caller,
    from: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>> {
    app.db.read(async |tx| Ok::<_, Error>(rows::leaves(tx, caller.store, from, limit).await?)).await
}

/// The receipt of a customer's declaration. What the ledger has not yet is appended at once; behind a backlog it is
/// refused for the moment.
pub async fn receipt(
    app: &App,
    caller: &Caller,
    customer: CustomerId,
    sequence: i64,
) -> Result<Receipt> {
    let opening = async |tx: &mut ReadTx| {
        let opening = consent::rows::opening(tx, caller.store, customer, sequence).await?;
        opening.ok_or(Error::NotFound("declaration"))
    };
    if app.db.read(async |tx| opening(tx).await).await?.leaf.is_none() {
        checkpoint(app, caller).await?;
    }
    app.db
        .snapshot(async |tx| {
            let Opening { leaf, salt, policy_sha256 } = opening(tx).await?;
            let (Some(place), Some(salt)) = (leaf, salt) else {
                return Err(Error::Unavailable("the declaration waits for the ledger".into()));
            };
            let head = rows::head(tx, caller.store).await?.ok_or(Error::NotFound("store"))?;
            let Inclusion { index, proof, .. } =
                included(tx, caller.store, &head, unsigned(place)?).await?;
            let json = rows::leaf(tx, caller.store, place).await?.unwrap_or_default();
            let leaf: Leaf = json.parse().map_err(Error::internal)?;
            let policy = if policy_sha256.is_empty() {
                None
            } else {
                policies::rows::named(tx, caller.store, &policy_sha256).await?
            };
            let (name, contact, withdrawal) = match &policy {
                Some(policy) => {
                    (policy.controller.clone(), policy.contact.clone(), policy.withdrawal.clone())
                }
                None => (String::new(), String::new(), WITHDRAWAL.to_owned()),
            };
            Ok(Receipt {
                schema: SCHEMA.to_owned(),
                controller: Controller { store_hash: head.store_hash, name, contact },
                subject: Person { customer_id: customer.0 },
                declared_at: leaf.declared_at().to_rfc3339_micros(),
                purposes: Purpose::of(&leaf),
                policy: policy.map(|policy| Policy {
                    version: policy.version,
                    sha256: policy.sha256,
                    effective_at: policy.effective_at.to_rfc3339(),
                }),
                withdrawal,
                evidence: Evidence {
                    leaf,
                    salt: Salt::new(salt),
                    index,
                    proof,
                    checkpoint: head.checkpoint,
                },
            })
        })
        .await
}

/// The proof that a leaf is in the tree of this head.
async fn included(tx: &mut ReadTx, store: StoreId, head: &Head, leaf: u64) -> Result<Inclusion> {
    let size = as_size(head.size);
    let mut places = tree::needed_for_leaf(size, leaf).map_err(not_there)?;
    places.push(Place { level: 0, number: leaf / 256 });
    places.extend(tree::edge(size));
    let tree = Tree::new(size, rows::tiles(tx, store, &places).await?);
    Inclusion::of(&tree, leaf).map_err(not_there)
}

fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(Error::internal)
}

/// Follow what is declared, for as long as the server runs: within a tenth of a second what this server was asked, and
/// at the start and twice a minute what other servers have left.
pub async fn keep(app: &App) {
    let mut stores = everybody(app).await;
    let mut swept = Instant::now();
    loop {
        // What is declared meanwhile shares the signature.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut left = BTreeSet::new();
        for store in stores {
            match sequence_some(app, store).await {
                Ok((_, appended)) if appended == AT_A_TIME => app.undone.note(store),
                Ok(_) | Err(Error::NotFound(_)) => {}
                Err(error) => {
                    tracing::warn!(store_id = store.0, %error, "declarations wait for the ledger");
                    left.insert(store);
                }
            }
        }
        // What failed is tried again soon.
        let patience = if left.is_empty() { SWEEP } else { Duration::from_secs(1) };
        stores = app.undone.take(patience).await.unwrap_or_default();
        stores.extend(left);
        if swept.elapsed() >= SWEEP {
            stores.extend(everybody(app).await);
            swept = Instant::now();
        }
    }
}

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

/// Prove that a leaf is in a store's tree as it is now; with the head that signs it.
pub async fn prove_leaf(db: &Db, store: StoreId, leaf: u64) -> Result<(Inclusion, Head)> {
    db.snapshot(async |tx| {
        let head = rows::head(tx, store).await?.ok_or(Error::NotFound("store"))?;
        Ok((included(tx, store, &head, leaf).await?, head))
    })
    .await
}

/// Prove that a store's tree of `size` leaves grew out of the one of `older`.
pub async fn prove_growth(db: &Db, store: StoreId, older: u64, size: u64) -> Result<Growth> {
    db.snapshot(async |tx| {
        let head = rows::head(tx, store).await?.ok_or(Error::NotFound("store"))?;
        if size > as_size(head.size) || older > size {
            return Err(not_there(TreeError::Beyond));
        }
        let mut places = Vec::new();
        if older > 0 {
            places = tree::needed_for_growth(size, older).map_err(not_there)?;
        }
        places.extend(tree::edge(size));
        places.extend(tree::edge(older));
        let tree = Tree::new(size, rows::tiles(tx, store, &places).await?);
        Growth::of(&tree, older).map_err(not_there)
    })
    .await
}

fn not_there(error: TreeError) -> Error {
    match error {
        TreeError::Beyond => Error::NotFound("leaf"),
        error @ TreeError::Missing { .. } => Error::internal(error),
    }
}

/// Make a store's tree anew from its leaves, and hold it to the hashes that are kept, to the signed head, to heads
/// that were signed before, and to the declarations that are kept. It reads a few thousand rows at a time and may go on
/// while others append.
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
    if as_size(head.size) > leaves {
        recount.note(Fault::NoLeaf(leaves));
    } else if has_more {
        recount.note(Fault::Beyond(leaves));
    }
    let faults = if head.size == 0 && head.checkpoint.is_empty() {
        // Nothing was ever to be signed.
        recount.lost()
    } else {
        let signed = checkpoint::Head::read(&head.checkpoint, keys);
        if signed.as_ref().is_ok_and(|signed| signed.size != as_size(head.size)) {
            recount.note(Fault::Count(head.size));
        }
        recount.end(&head.store_hash, signed)
    };
    let mut damages: Vec<Damage> = faults.into_iter().map(Damage::Tree).collect();
    let declarations = compare_declarations(db, store, &mut damages).await?;
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
        places.extend(tree::edge(as_size(head.size)));
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
        if u64::try_from(*leaf) != Ok(next) || next >= as_size(page.head.size) {
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
    let is_whole = recount.size() == as_size(page.head.size);
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

/// Hold the declarations that are kept to their leaves; how many there are.
async fn compare_declarations(db: &Db, store: StoreId, damages: &mut Vec<Damage>) -> Result<u64> {
    let most = i64::try_from(A_PAGE).map_err(Error::internal)?;
    let mut after = (CustomerId(i64::MIN), i64::MIN);
    let mut count = 0;
    loop {
        let (declared, clients) = db
            .scan(async |tx| {
                let declared = rows::declared_after(tx, store, after, most).await?;
                let authors = declared.iter().map(|it| it.declared_by).collect();
                let clients = accounts::client_ids(tx, store, &authors).await?;
                Ok::<_, Error>((declared, clients))
            })
            .await?;
        let Some(last) = declared.last() else { return Ok(count) };
        after = (last.customer, last.sequence);
        count += declared.len() as u64;
        let damage = |it: &Declared| it.damage(clients.get(&it.declared_by).map(String::as_str));
        damages.extend(declared.iter().filter_map(damage).take(A_PAGE - damages.len().min(A_PAGE)));
    }
}

/// A number of leaves as the database has it; no tree has fewer than none.
fn as_size(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// The stores that there are; none where that cannot be told for the moment.
async fn everybody(app: &App) -> BTreeSet<StoreId> {
    let stores = access::stores::list(&app.db).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the stores whose ledgers may be behind cannot be read");
        Vec::new()
    });
    stores.into_iter().filter(|store| !store.deleted).map(|store| store.id).collect()
}

async fn sequence_some(app: &App, store: StoreId) -> Result<(Head, usize)> {
    let now = app.clock.now();
    let waits = app.db.read(async |tx| consent::rows::has_pending(tx, store).await).await?;
    if !waits {
        let head = app.db.read(async |tx| rows::head(tx, store).await).await?;
        let head = head.ok_or(Error::NotFound("store"))?;
        if !head.checkpoint.is_empty() {
            return Ok((head, 0));
        }
    }
    let key = signing::key(&app.db, &app.seal, &*app.chance, now).await?;
    let salts: Vec<Salt> = (0..AT_A_TIME).map(|_| Salt::draw(&*app.chance)).collect();
    app.db.write(async |tx| append(tx, store, &key, &salts, now).await).await
}

async fn append(
    tx: &mut WriteTx,
    store: StoreId,
    key: &SigningKey,
    salts: &[Salt],
    now: Timestamp,
) -> Result<(Head, usize)> {
    let mut head = rows::hold(tx, store).await?.ok_or(Error::NotFound("store"))?;
    let most = i64::try_from(salts.len()).map_err(Error::internal)?;
    let pending = consent::rows::pending(tx, store, most).await?;
    if pending.is_empty() && !head.checkpoint.is_empty() {
        return Ok((head, 0));
    }
    let size = unsigned(head.size)?;
    let mut tree = Tree::new(size, rows::tiles(tx, store, &tree::edge(size)).await?);
    let authors: BTreeSet<AccountId> = pending.iter().map(|it| it.declared_by).collect();
    let clients = accounts::client_ids(tx, store, &authors).await?;
    for (declared, salt) in pending.iter().zip(salts) {
        let client_id = clients.get(&declared.declared_by).map(String::as_str);
        let leaf = declared.leaf(&head.store_hash, client_id, salt).to_bytes();
        tree.append(tree::leaf_hash(&leaf)).map_err(Error::internal)?;
        let json = String::from_utf8(leaf).map_err(Error::internal)?;
        rows::insert_leaf(tx, store, head.size, &json).await?;
        consent::rows::sequenced(tx, store, declared, head.size, salt).await?;
        head.size += 1;
    }
    for (place, hashes) in tree.changed() {
        rows::put_tile(tx, store, place, hashes).await?;
    }
    let root = tree.root().map_err(Error::internal)?;
    let origin = format!("{}/{}", key.name(), head.store_hash);
    head.checkpoint = checkpoint::Head { origin, size: tree.size(), root }.sign(key);
    head.signed_at = now.max(head.signed_at);
    rows::advance(tx, store, &head).await?;
    Ok((head, pending.len()))
}

/// How often what other servers have left is looked for.
const SWEEP: Duration = Duration::from_secs(30);

/// How many transactions somebody who asks for a checkpoint or a receipt waits for.
const AT_ONCE: usize = 10;

/// How to withdraw, where no policy says it.
const WITHDRAWAL: &str =
    "Change your choice where the store asked for it, or tell the store that you withdraw it.";

/// How many declarations one transaction appends. It keeps other writers waiting no longer than a page is read.
const AT_A_TIME: usize = 200;

/// How many leaves or declarations are read at a time when all are; whole tiles of leaves.
const A_PAGE: usize = 4096;
