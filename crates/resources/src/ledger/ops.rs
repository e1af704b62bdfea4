use access::signing;
use kernel::{CustomerId, Error, Result, StoreId};
use ledger::{
    checkpoint::PublicKey,
    leaf::{Leaf, Person, Salt},
    proof::{Growth, Inclusion},
    receipt::{Controller, Evidence, Policy, Purpose, Receipt, SCHEMA, WITHDRAWAL},
    tree::{self, Place, Tree, TreeError},
};
use rest::{App, Caller};
use sql::{Db, ReadTx};

use super::{
    model::{Head, Opening},
    rows, sequencer, walk,
};
use crate::{consent, policies};

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

/// The lines of an export for some of the leaves from this one on, up to before `size`; none at the end.
pub async fn entries(app: &App, store: StoreId, from: u64, size: u64) -> Result<Vec<String>> {
    walk::entries(&app.db, store, from, size).await
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
        sequencer::checkpoint(app, caller).await?;
    }
    app.db
        .snapshot(async |tx| {
            let Opening { leaf, salt, session, policy_sha256 } = opening(tx).await?;
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
                subject: Person {
                    customer_id: customer.0,
                    sequence,
                    session: (!session.is_empty()).then_some(session),
                },
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
    let size = head.leaves();
    let mut places = tree::needed_for_leaf(size, leaf).map_err(not_there)?;
    places.push(Place { level: 0, number: leaf / 256 });
    places.extend(tree::edge(size));
    Inclusion::of(&part(tx, store, size, places).await?, leaf).map_err(not_there)
}

/// A tree of this size with these tiles at hand, each of them read once.
async fn part(tx: &mut ReadTx, store: StoreId, size: u64, mut places: Vec<Place>) -> Result<Tree> {
    places.sort_unstable();
    places.dedup();
    Ok(Tree::new(size, rows::tiles(tx, store, &places).await?))
}

fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(Error::internal)
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
        if size > head.leaves() || older > size {
            return Err(not_there(TreeError::Beyond));
        }
        let mut places = Vec::new();
        if older > 0 {
            places = tree::needed_for_growth(size, older).map_err(not_there)?;
        }
        places.extend(tree::edge(size));
        places.extend(tree::edge(older));
        Growth::of(&part(tx, store, size, places).await?, older).map_err(not_there)
    })
    .await
}

fn not_there(error: TreeError) -> Error {
    match error {
        TreeError::Beyond => Error::NotFound("leaf"),
        error @ TreeError::Missing { .. } => Error::internal(error),
    }
}
