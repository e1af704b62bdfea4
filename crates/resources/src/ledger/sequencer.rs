//! The sequencer: appends what was declared to the ledger of its store, and signs what comes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use access::{accounts, signing};
use kernel::{AccountId, Error, Result, StoreId, Timestamp};
use ledger::{
    checkpoint::{self, SigningKey},
    leaf::Salt,
    tree::{self, Tree},
};
use rest::{App, Caller};
use sql::WriteTx;

use super::{
    model::{Head, Known},
    rows,
};
use crate::{consent, policies};

/// Append whatever a store's shoppers have declared, and sign the head that comes of it. The head, also where nothing
/// was to be done.
///
/// In transactions of at most two hundred, each of which holds the head: two at once do it one after the other, and what
/// one has appended the other does not find any more.
pub async fn sequence(app: &App, store: StoreId) -> Result<Head> {
    loop {
        let (head, appended) = sequence_some(app, store).await?;
        if appended < at_a_time(app) {
            return Ok(head);
        }
    }
}

/// The head of the caller's store, after what waited was appended; of a backlog its first two thousand and no
/// transaction more.
pub async fn checkpoint(app: &App, caller: &Caller) -> Result<Head> {
    for _ in 1..AT_ONCE.div_ceil(at_a_time(app)) {
        let (head, appended) = sequence_some(app, caller.store).await?;
        if appended < at_a_time(app) {
            return Ok(head);
        }
    }
    Ok(sequence_some(app, caller.store).await?.0)
}

/// Follow what is declared, for as long as the server runs: within a tenth of a second what this server was asked, and
/// at the start and twice a minute what other servers have left.
pub async fn keep(app: &App) {
    let mut stores = everybody(app).await;
    let mut swept = Instant::now();
    let mut is_behind = false;
    loop {
        if !is_behind {
            // What is declared meanwhile shares the signature.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        is_behind = false;
        let mut left = BTreeSet::new();
        for store in stores {
            match sequence_some(app, store).await {
                Ok((_, appended)) if appended == at_a_time(app) => {
                    is_behind = true;
                    app.undone.note(store);
                }
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
    // As many on either engine: tests hold what is drawn, and what follows.
    let salts: Vec<Salt> = (0..AT_MOST).map(|_| Salt::draw(&*app.chance)).collect();
    let salts = &salts[..at_a_time(app)];
    app.db.write(async |tx| append(tx, store, &key, salts, now).await).await
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
    let size = head.leaves();
    let mut tree = Tree::new(size, rows::tiles(tx, store, &tree::edge(size)).await?);
    let authors: BTreeSet<AccountId> = pending.iter().map(|it| it.declared_by).collect();
    let policies = if pending.iter().any(|it| !it.policy_sha256.is_empty()) {
        policies::rows::digests(tx, store).await?
    } else {
        BTreeMap::new()
    };
    let clients = accounts::client_ids(tx, store, &authors).await?;
    let known = Known { store_hash: head.store_hash.clone(), clients, policies };
    let mut leaves = Vec::with_capacity(pending.len());
    for (declared, salt) in pending.iter().zip(salts) {
        let leaf = declared.to_leaf(&known, salt).to_bytes();
        tree.append(tree::leaf_hash(&leaf)).map_err(Error::internal)?;
        leaves.push(String::from_utf8(leaf).map_err(Error::internal)?);
    }
    rows::insert_leaves(tx, store, head.size, &leaves).await?;
    consent::rows::sequenced(tx, store, head.size, &pending, salts).await?;
    head.size += i64::try_from(leaves.len()).map_err(Error::internal)?;
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

/// How many declarations somebody who asks for a checkpoint or a receipt waits for, to a transaction.
const AT_ONCE: usize = 2_000;

/// How many declarations one transaction appends: where others who write wait for it, which they do no longer than for
/// each other, fewer than where they do not.
fn at_a_time(app: &App) -> usize {
    if app.db.has_one_writer() { 62 } else { AT_MOST }
}

const AT_MOST: usize = 200;
