//! Makes a tree anew from its leaves, one after the other, and says where it parts from what was kept and signed.
//!
//! It remembers the edge of the tree alone, so it can go through any number of leaves.

use std::collections::BTreeMap;

use crate::{
    checkpoint::{CheckpointError, Head},
    tree::{Hash, Place, Tree},
};

/// What a ledger is not, that it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is none of this number, and there should be.
    #[error("leaf {0} is missing")]
    NoLeaf(u64),
    /// It is another one than when the tree was made.
    #[error("leaf {0} is not the one of which the tree was made")]
    Leaf(u64),
    /// The leaf is the one of which the signed tree was made; what is kept as its hash is not its hash.
    #[error("what is kept as the hash of leaf {0} is not its hash")]
    HashOfLeaf(u64),
    /// A leaf that no checkpoint signs.
    #[error("leaf {0} lies beyond the end of the tree")]
    Beyond(u64),
    /// There is no such tile, and there should be.
    #[error("tile {number} of level {level} is missing", level = .0.level, number = .0.number)]
    NoTile(Place),
    /// It has more hashes than it should, or fewer.
    #[error("tile {number} of level {level} is not as long as the tree has it", level = .0.level, number = .0.number)]
    Length(Place),
    /// One of its hashes, from 0, is not what the leaves below it make.
    #[error("hash {1} in tile {number} of level {level} is not what lies below it", level = .0.level, number = .0.number)]
    Tile(Place, usize),
    /// The signed head.
    #[error("the checkpoint: {0}")]
    Checkpoint(CheckpointError),
    /// The checkpoint is that of another store's tree.
    #[error("the checkpoint is of {0}, which is not this store's tree")]
    Origin(String),
    /// The head counts so many leaves, and the checkpoint does not.
    #[error("the head counts {0} leaves, and its checkpoint does not")]
    Count(i64),
    /// Leaves and hashes agree, but not with the signature.
    #[error("the leaves make another tree than the one that is signed")]
    Root,
    /// An older checkpoint signs another beginning.
    #[error(
        "the tree was rewritten: its first {0} leaves are not those that the older checkpoint signs"
    )]
    Rewritten(u64),
    /// An older checkpoint signs more leaves than there are.
    #[error("the tree was cut: the older checkpoint signs {signed} leaves, and there are {found}")]
    Cut {
        /// By the older checkpoint.
        signed: u64,
        /// Now.
        found: u64,
    },
    /// A line of an export, from 1, is not as an export has it.
    #[error("line {0} is not as an export has it")]
    Line(u64),
    /// An export breaks off.
    #[error("the export ends without a checkpoint")]
    Open,
}

/// A tree in the making.
#[derive(Debug, Default)]
pub struct Recount {
    tree: Tree,
    /// The roots that are expected on the way, by size.
    older: BTreeMap<u64, Vec<Hash>>,
    faults: Vec<Fault>,
    /// Leaves that have another hash than was kept of them.
    leaves: Vec<u64>,
    /// Hashes above the leaves that are others than were kept.
    inner: Vec<Fault>,
}

impl Recount {
    /// Nothing yet; these heads were signed when the tree had fewer leaves.
    #[must_use]
    pub fn new(older: impl IntoIterator<Item = Head>) -> Self {
        let mut recount = Self::default();
        for head in older {
            recount.older.entry(head.size).or_default().push(head.root);
        }
        recount.meet();
        recount
    }

    /// How many leaves there were so far, which is the number of the next one.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Go on by a leaf. The tiles that it fills.
    ///
    /// # Panics
    ///
    /// Never: a tree that was made from its first leaf on has its edge.
    pub fn leaf(&mut self, hash: Hash) -> Vec<(Place, Vec<u8>)> {
        self.tree.append(hash).expect("the edge is at hand");
        self.meet();
        self.tree.take_full()
    }

    /// The tiles at the end, which are not full.
    #[must_use]
    pub fn edge(&self) -> Vec<(Place, Vec<u8>)> {
        self.tree.tiles().map(|(place, hashes)| (place, hashes.to_vec())).collect()
    }

    /// Compare a tile with what was kept of it.
    pub fn compare(&mut self, place: Place, made: &[u8], kept: Option<&[u8]>) {
        let Some(kept) = kept else { return self.note(Fault::NoTile(place)) };
        if made.len() != kept.len() {
            self.note(Fault::Length(place));
        }
        for (at, (made, kept)) in made.chunks(32).zip(kept.chunks(32)).enumerate() {
            if made == kept {
                continue;
            }
            if place.level == 0 {
                self.differs(place.number * 256 + at as u64);
            } else if self.inner.len() < MOST {
                self.inner.push(Fault::Tile(place, at));
            }
        }
    }

    /// This leaf has another hash than was kept of it.
    pub fn differs(&mut self, leaf: u64) {
        if self.leaves.len() < MOST {
            self.leaves.push(leaf);
        }
    }

    /// What else was noticed; the same is told once.
    pub fn note(&mut self, fault: Fault) {
        if self.faults.len() < MOST && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// All that is wrong with a store's tree whose head is signed so. Empty when all is as it should be; no more
    /// than some thousands.
    #[must_use]
    pub fn end(mut self, store_hash: &str, signed: Result<Head, CheckpointError>) -> Vec<Fault> {
        let size = self.size();
        let mut is_signed = false;
        match signed {
            Err(error) => self.note(Fault::Checkpoint(error)),
            Ok(head) if !head.is_of(store_hash) => self.note(Fault::Origin(head.origin)),
            Ok(head) if head.size > size => self.note(Fault::NoLeaf(size)),
            Ok(head) if head.size < size => self.note(Fault::Beyond(head.size)),
            Ok(head) => {
                is_signed = self.tree.root() == Ok(head.root);
                if !is_signed && self.leaves.is_empty() {
                    self.note(Fault::Root);
                }
            }
        }
        // Who is right, where leaves and hashes differ: the signature knows. Where it is the hashes, what lies above
        // follows from them.
        let leaves = std::mem::take(&mut self.leaves);
        if is_signed || leaves.is_empty() {
            self.faults.append(&mut self.inner);
        }
        let fault = if is_signed { Fault::HashOfLeaf } else { Fault::Leaf };
        self.faults.extend(leaves.into_iter().map(fault));
        let cut = |signed: &u64| Fault::Cut { signed: *signed, found: size };
        self.faults.extend(self.older.keys().map(cut));
        self.faults
    }

    /// What is wrong so far, where there is no end to compare with.
    #[must_use]
    pub fn lost(mut self) -> Vec<Fault> {
        let size = self.size();
        self.faults.extend(self.leaves.into_iter().map(Fault::Leaf));
        let cut = |signed: &u64| Fault::Cut { signed: *signed, found: size };
        self.faults.extend(self.older.keys().map(cut));
        self.faults
    }

    /// Compare with the heads that were signed of a tree of just this size.
    fn meet(&mut self) {
        let size = self.size();
        let root = self.older.remove(&size).map(|roots| (roots, self.tree.root()));
        if let Some((roots, root)) = root
            && roots.iter().any(|signed| root != Ok(*signed))
        {
            self.note(Fault::Rewritten(size));
        }
    }
}

/// How many faults of a kind are remembered.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::leaf_hash;

    /// A tree of 600 leaves as it is kept: its leaves, its tiles, its head.
    struct Kept {
        leaves: Vec<Hash>,
        tiles: BTreeMap<Place, Vec<u8>>,
        head: Head,
        older: Vec<Head>,
    }

    fn kept() -> Kept {
        let leaves: Vec<Hash> = (0..600_u64).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
        let mut tree = Tree::default();
        let mut older = Vec::new();
        let head = |tree: &Tree| Head {
            origin: "custodia/1/shop".to_owned(),
            size: tree.size(),
            root: tree.root().unwrap(),
        };
        for leaf in &leaves {
            if [0, 256, 300].contains(&tree.size()) {
                older.push(head(&tree));
            }
            tree.append(*leaf).unwrap();
        }
        let tiles = tree.tiles().map(|(place, hashes)| (place, hashes.to_vec())).collect();
        Kept { leaves, tiles, head: head(&tree), older }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Kept), expected: &[Fault]) {
        let mut kept = kept();
        change(&mut kept);
        let mut recount = Recount::new(kept.older);
        let tile = |place: &Place| kept.tiles.get(place).map(Vec::as_slice);
        for leaf in kept.leaves {
            for (place, made) in recount.leaf(leaf) {
                recount.compare(place, &made, tile(&place));
            }
        }
        for (place, made) in recount.edge() {
            recount.compare(place, &made, tile(&place));
        }
        assert_eq!(recount.end("shop", Ok(kept.head)), expected);
    }

    fn place(level: u8, number: u64) -> Place {
        Place { level, number }
    }

    /// All hashes of a tree of these leaves, made by who has the key.
    fn rewrite(kept: &mut Kept) {
        let mut tree = Tree::default();
        for leaf in &kept.leaves {
            tree.append(*leaf).unwrap();
        }
        kept.tiles = tree.tiles().map(|(place, hashes)| (place, hashes.to_vec())).collect();
        kept.head = Head { size: tree.size(), root: tree.root().unwrap(), ..kept.head.clone() };
    }

    #[test]
    fn what_was_changed_is_named() {
        check(|_| {}, &[]);
        check(
            |it| it.leaves[5][0] ^= 1,
            &[Fault::Rewritten(256), Fault::Rewritten(300), Fault::Leaf(5)],
        );
        check(|it| it.leaves.swap(400, 510), &[Fault::Leaf(400), Fault::Leaf(510)]);
        check(|it| it.tiles.get_mut(&place(0, 1)).unwrap()[32 * 7] ^= 1, &[Fault::HashOfLeaf(263)]);
        check(|it| it.tiles.get_mut(&place(0, 2)).unwrap()[0] ^= 1, &[Fault::HashOfLeaf(512)]);
        check(
            |it| it.tiles.get_mut(&place(1, 0)).unwrap()[33] ^= 1,
            &[Fault::Tile(place(1, 0), 1)],
        );
        check(|it| drop(it.tiles.remove(&place(1, 0))), &[Fault::NoTile(place(1, 0))]);
        check(
            |it| it.tiles.get_mut(&place(0, 0)).unwrap().truncate(99),
            &[Fault::Length(place(0, 0)), Fault::HashOfLeaf(3)],
        );
        check(|it| it.head.root[0] ^= 1, &[Fault::Root]);
        check(|it| it.head.size = 700, &[Fault::NoLeaf(600)]);
        check(|it| it.head.size = 500, &[Fault::Beyond(500)]);
        check(
            |it| it.head.origin = "custodia/1/other".to_owned(),
            &[Fault::Origin("custodia/1/other".to_owned())],
        );
    }

    #[test]
    fn a_tree_that_was_made_anew_with_the_key_is_caught_by_an_older_head() {
        let rewritten = |it: &mut Kept| {
            it.leaves[299][0] ^= 1;
            rewrite(it);
        };
        check(rewritten, &[Fault::Rewritten(300)]);
        let cut = |it: &mut Kept| {
            it.leaves.truncate(280);
            rewrite(it);
        };
        check(cut, &[Fault::Cut { signed: 300, found: 280 }]);
        let later = |it: &mut Kept| {
            it.leaves[300][0] ^= 1;
            rewrite(it);
        };
        // Nobody has kept a head that tells.
        check(later, &[]);
    }

    #[test]
    fn a_ledger_of_which_nothing_is_left_is_caught_by_an_older_head() {
        let older = Head { origin: "custodia/shop".to_owned(), size: 300, root: [7; 32] };
        assert_eq!(Recount::new(vec![older]).lost(), [Fault::Cut { signed: 300, found: 0 }]);
        assert_eq!(Recount::new(Vec::new()).lost(), []);
    }
}
