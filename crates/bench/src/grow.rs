//! Makes a ledger long, far faster than a server would: leaves of customers who are gone, and the tree over them.

use std::thread;

use kernel::{Chance as _, SystemChance};
use ledger::{
    leaf::{Commitment, Leaf},
    tree::{Hash, Tree, leaf_hash},
};

use crate::tables::Tables;

/// Append to a store's ledger, which has a leaf, until it has this many. The head is left to be signed by the server,
/// which signs whatever has no signature.
pub(crate) async fn grow(tables: &Tables, store: i64, to: u64) -> Result<(), String> {
    let of = format!("WHERE store_id = {store}");
    let size = tables.number(&format!("SELECT size FROM ledger {of}")).await?.unsigned_abs();
    let last = format!("SELECT json FROM ledger_leaf {of} ORDER BY leaf DESC LIMIT 1");
    let last = tables.text(&last).await?;
    let mut like = Leaf::read(last.as_bytes()).ok_or_else(|| format!("no leaf: {last}"))?;
    let mut tree = Tree::new(size, tables.edge(store).await?);
    tables.run(&format!("DELETE FROM ledger_tile {of} AND length(hashes) < 8192")).await?;
    while tree.size() < to {
        let from = tree.size();
        let leaves = leaves(&mut like, usize::try_from(to - from).unwrap_or(usize::MAX).min(SOME));
        for (_, hash) in &leaves {
            tree.append(*hash).map_err(|e| e.to_string())?;
        }
        tables.add(store, from, &leaves, &tree.take_full()).await?;
    }
    let edge: Vec<_> = tree.tiles().map(|(place, hashes)| (place, hashes.to_vec())).collect();
    tables.add(store, to, &[], &edge).await?;
    tables.run(&format!("UPDATE ledger SET size = {}, checkpoint = '' {of}", tree.size())).await?;
    tables.tidy().await
}

/// So many leaves like this one, each a moment later than the one before and of somebody whom nothing opens any more.
fn leaves(like: &mut Leaf, count: usize) -> Vec<(String, Hash)> {
    let mut commitments = vec![[0; 32]; count];
    SystemChance.fill(commitments.as_flattened_mut());
    let begin = like.declared_at;
    like.declared_at += count.cast_signed() as i64;
    let halves = commitments.split_at(count / 2);
    let make = |commitments: &[[u8; 32]], begin: i64| {
        let mut leaf = like.clone();
        let make = |(at, commitment): (i64, &[u8; 32])| {
            (leaf.declared_at, leaf.person) = (at, Commitment(*commitment));
            let bytes = leaf.to_bytes();
            let hash = leaf_hash(&bytes);
            (String::from_utf8(bytes).unwrap_or_default(), hash)
        };
        (begin + 1..).zip(commitments).map(make).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| make(halves.0, begin));
        let second = make(halves.1, begin + halves.0.len().cast_signed() as i64);
        let mut leaves = first.join().unwrap_or_default();
        leaves.extend(second);
        leaves
    })
}

/// How many leaves are made at a time: whole tiles of them.
const SOME: usize = 1 << 16;
