use std::{collections::BTreeSet, time::Duration};

use access::{accounts, signing};
use kernel::{AccountId, CustomerId, Error, Result, StoreId, Timestamp};
use ledger::{
    checkpoint::{self, PublicKey, SigningKey},
    leaf::{Leaf, Person, Salt},
    receipt::{Controller, Evidence, Policy, Purpose, Receipt, SCHEMA, Step},
    tree::{self, Place, Tree},
};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    model::{Growth, Head, Opening},
    rows,
};
use crate::{consent, policies};

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

/// The head of the caller's store, after what waited was appended; of a backlog no more than [`AT_ONCE`] transactions
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
    app.db
        .snapshot(async |tx| {
            let head = rows::head(tx, caller.store).await?.ok_or(Error::NotFound("store"))?;
            let to = to.unwrap_or(head.size);
            if to > head.size {
                return Err(Error::invalid("to", format!("the ledger has {} leaves", head.size)));
            }
            if from > to {
                return Err(Error::invalid("from", "must not be more than to"));
            }
            let (from, to) = (unsigned(from)?, unsigned(to)?);
            // The empty ledger is the beginning of all, which needs no proof.
            let proof = if from == 0 {
                Vec::new()
            } else {
                let needed = tree::needed_for_growth(to, from).map_err(Error::internal)?;
                let tree = part(tx, caller.store, to, &needed).await?;
                tree.prove_growth(from).map_err(Error::internal)?
            };
            Ok(Growth { from, to, proof })
        })
        .await
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
            let (size, index) = (unsigned(head.size)?, unsigned(place)?);
            let needed = tree::needed_for_leaf(size, index).map_err(Error::internal)?;
            let tree = part(tx, caller.store, size, &needed).await?;
            let proof = tree.prove_leaf(index).map_err(Error::internal)?;
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
                    proof: proof.into_iter().map(Step).collect(),
                    checkpoint: head.checkpoint,
                },
            })
        })
        .await
}

/// A tree of this size with these tiles at hand.
async fn part(tx: &mut ReadTx, store: StoreId, size: u64, needed: &[Place]) -> Result<Tree> {
    Ok(Tree::new(size, rows::tiles(tx, store, needed).await?))
}

fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(Error::internal)
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

/// How many transactions somebody who asks for a checkpoint or a receipt waits for.
const AT_ONCE: usize = 10;

/// How to withdraw, where no policy says it.
const WITHDRAWAL: &str =
    "Change your choice where the store asked for it, or tell the store that you withdraw it.";

/// How many declarations one transaction appends. It keeps other writers waiting no longer than a page is read.
const AT_A_TIME: usize = 200;
