use std::{collections::BTreeSet, time::Duration};

use access::{accounts, signing};
use kernel::{AccountId, Error, Result, StoreId, Timestamp};
use ledger::{
    checkpoint::{self, SigningKey},
    leaf::Salt,
    tree::{self, Tree},
};
use rest::App;
use sql::WriteTx;

use super::{model::Head, rows};
use crate::consent;

/// Append whatever a store's shoppers have declared, and sign the head that comes of it. The head, also where nothing
/// was to be done.
///
/// In transactions of [`AT_A_TIME`], each of which holds the head: two at once do it one after the other, and what one
/// has appended the other does not find any more.
pub async fn sequence(app: &App, store: StoreId) -> Result<Head> {
    loop {
        let (head, appended) = sequence_some(app, store).await?;
        if appended < AT_A_TIME {
            return Ok(head);
        }
    }
}

/// Follow what is declared, for as long as the server runs: within a tenth of a second what this server was asked, and
/// at the start and twice a minute what other servers have left.
pub async fn keep(app: &App) {
    let mut others = BTreeSet::new();
    loop {
        let stores = app.undone.take(Duration::from_secs(30)).await;
        match stores {
            Some(stores) => others.extend(stores),
            None => others.extend(everybody(app).await),
        }
        // What is declared meanwhile shares the signature.
        tokio::time::sleep(Duration::from_millis(100)).await;
        for store in std::mem::take(&mut others) {
            match sequence_some(app, store).await {
                Ok((_, appended)) if appended == AT_A_TIME => app.undone.note(store),
                Ok(_) | Err(Error::NotFound(_)) => {}
                Err(error) => {
                    tracing::warn!(store_id = store.0, %error, "declarations wait for the ledger");
                    others.insert(store);
                }
            }
        }
    }
}

/// The stores that there are; none where that cannot be told for the moment.
async fn everybody(app: &App) -> Vec<StoreId> {
    let stores = access::stores::list(&app.db).await.unwrap_or_default();
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
    let size = u64::try_from(head.size).map_err(Error::internal)?;
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

/// How many declarations one transaction appends. It keeps other writers waiting no longer than a page is read.
const AT_A_TIME: usize = 200;
