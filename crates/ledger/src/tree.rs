//! The tree of RFC 6962 over leaves that are kept elsewhere, as far as it can be told without reading or writing.
//!
//! Its hashes are kept in tiles (C2SP tlog-tiles): a tile of level 0 has up to 256 leaf hashes side by side, one of
//! level 1 the hashes of up to 256 full tiles of level 0, and so on. Whatever is proved of a tree of ten million
//! leaves reads a handful of tiles; what is appended changes the last tile of each level.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use tlog_tiles::{
    tile::Tile,
    tlog::{self, HashReader},
};

/// A SHA-256 hash of a leaf, of a subtree or of a whole tree.
pub type Hash = [u8; 32];

/// Where a tile lies: its level, and its place in that level, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// 0 holds leaf hashes.
    pub level: u8,
    /// From 0.
    pub number: u64,
}

/// Why the tiles at hand do not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A tile that is needed is not at hand, or is shorter than the tree is long.
    #[error("tile {number} of level {level} does not reach as far as the tree")]
    Missing {
        /// Of the tile.
        level: u8,
        /// Of the tile.
        number: u64,
    },
    /// There is no such leaf, or the older tree is the longer one.
    #[error("beyond the end of the tree")]
    Beyond,
}

/// Some tiles of a tree, and how long the tree is.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    tiles: BTreeMap<Place, Vec<u8>>,
    changed: BTreeSet<Place>,
}

/// The hash of a leaf, as RFC 6962 has it: under a prefix that no inner hash has.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    tlog::record_hash(leaf).0
}

/// The tiles that appending to a tree of this size reads, and its root.
#[must_use]
pub fn edge(size: u64) -> Vec<Place> {
    let mut places = Vec::new();
    let mut level = 0;
    let mut width = size;
    while width > 0 {
        if !width.is_multiple_of(WIDTH) {
            places.push(Place { level, number: width / WIDTH });
        }
        level += 1;
        width /= WIDTH;
    }
    places
}

/// The tiles that have something of the leaves from one to before another in them, or of what these fill.
#[must_use]
pub fn touched(from: u64, to: u64) -> Vec<Place> {
    let mut places = Vec::new();
    let (mut from, mut to) = (from, to);
    for level in 0.. {
        if from >= to {
            break;
        }
        let numbers = from / WIDTH..=(to - 1) / WIDTH;
        places.extend(numbers.map(|number| Place { level, number }));
        (from, to) = (from / WIDTH, to / WIDTH);
    }
    places
}

/// The tiles that the proof of a leaf in a tree of this size reads.
pub fn needed_for_leaf(size: u64, leaf: u64) -> Result<Vec<Place>, TreeError> {
    needed(|reader| tlog::prove_record(size, leaf, reader).map(drop))
}

/// The tiles that the proof reads which shows that an older tree is the beginning of this one.
pub fn needed_for_growth(size: u64, older: u64) -> Result<Vec<Place>, TreeError> {
    needed(|reader| tlog::prove_tree(size, older, reader).map(drop))
}

impl Tree {
    /// A tree of this many leaves, of which these tiles are at hand. A tile's bytes are its hashes, one after the
    /// other.
    #[must_use]
    pub fn new(size: u64, tiles: impl IntoIterator<Item = (Place, Vec<u8>)>) -> Self {
        Self { size, tiles: tiles.into_iter().collect(), changed: BTreeSet::new() }
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hash of a leaf. Reads what its proof reads.
    pub fn leaf(&self, leaf: u64) -> Result<Hash, TreeError> {
        if leaf >= self.size {
            return Err(TreeError::Beyond);
        }
        let index = [tlog::stored_hash_index(0, leaf)];
        self.read(|reader| reader.read_hashes(&index)).map(|hashes| hashes[0].0)
    }

    /// The same tree when it had no more than so many leaves.
    pub fn when(&self, size: u64) -> Result<Self, TreeError> {
        if size > self.size {
            return Err(TreeError::Beyond);
        }
        Ok(Self { size, tiles: self.tiles.clone(), changed: BTreeSet::new() })
    }

    /// Add a leaf at the end. Reads the [`edge`].
    pub fn append(&mut self, leaf: Hash) -> Result<(), TreeError> {
        let (mut hash, mut at) = (leaf, self.size);
        for level in 0.. {
            let place = Place { level, number: at / WIDTH };
            let held = at % WIDTH;
            let tile = self.tiles.entry(place).or_default();
            if tile.len() as u64 / HASH < held {
                return Err(place.missing());
            }
            // What lies beyond the end of the tree is not of it.
            tile.truncate(usize::try_from(held * HASH).unwrap_or(usize::MAX));
            tile.extend(hash);
            self.changed.insert(place);
            if held + 1 < WIDTH {
                break;
            }
            hash = Tile::subtree_hash(tile).0;
            at /= WIDTH;
        }
        self.size += 1;
        Ok(())
    }

    /// The tiles that were changed since the tree was made of its parts.
    pub fn changed(&self) -> impl Iterator<Item = (Place, &[u8])> {
        self.changed.iter().map(|place| (*place, self.tiles[place].as_slice()))
    }

    /// Take the full tiles out of it: appending reads them no more, and neither does the root.
    pub fn take_full(&mut self) -> Vec<(Place, Vec<u8>)> {
        let is_full = |_: &Place, hashes: &mut Vec<u8>| hashes.len() as u64 == WIDTH * HASH;
        let full: Vec<_> = self.tiles.extract_if(.., is_full).collect();
        for (place, _) in &full {
            self.changed.remove(place);
        }
        full
    }

    /// The tiles that are at hand.
    pub fn tiles(&self) -> impl Iterator<Item = (Place, &[u8])> {
        self.tiles.iter().map(|(place, hashes)| (*place, hashes.as_slice()))
    }

    /// The hash over all its leaves. Reads the [`edge`].
    pub fn root(&self) -> Result<Hash, TreeError> {
        self.read(|reader| tlog::tree_hash(self.size, reader)).map(|hash| hash.0)
    }

    /// The proof that a leaf is in the tree at its place (RFC 6962, 2.1.1).
    pub fn prove_leaf(&self, leaf: u64) -> Result<Vec<Hash>, TreeError> {
        if leaf >= self.size {
            return Err(TreeError::Beyond);
        }
        let proof = self.read(|reader| tlog::prove_record(self.size, leaf, reader))?;
        Ok(proof.into_iter().map(|hash| hash.0).collect())
    }

    /// The proof that the tree was as it is in its first `older` leaves when it had no more (RFC 6962, 2.1.2).
    pub fn prove_growth(&self, older: u64) -> Result<Vec<Hash>, TreeError> {
        if older > self.size {
            return Err(TreeError::Beyond);
        }
        if older == 0 {
            return Ok(Vec::new());
        }
        let proof = self.read(|reader| tlog::prove_tree(self.size, older, reader))?;
        Ok(proof.into_iter().map(|hash| hash.0).collect())
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Tiles<'_>) -> Result<T, tlog::Error>,
    ) -> Result<T, TreeError> {
        let reader = Tiles { tree: self, missing: Cell::new(None) };
        work(&reader).map_err(|_| reader.missing.get().map_or(TreeError::Beyond, Place::missing))
    }
}

/// Whether a leaf with this hash is in the tree with this root, at its place.
#[must_use]
pub fn is_leaf_of(size: u64, root: &Hash, leaf: u64, hash: &Hash, proof: &[Hash]) -> bool {
    let steps = steps(proof);
    leaf < size
        && steps.is_some_and(|steps| {
            tlog::check_record(&steps, size, tlog::Hash(*root), leaf, tlog::Hash(*hash)).is_ok()
        })
}

/// Whether a tree grew out of an older one without a change in what that had.
#[must_use]
pub fn has_grown(size: u64, root: &Hash, older: u64, older_root: &Hash, proof: &[Hash]) -> bool {
    if older == 0 {
        return proof.is_empty() && *older_root == tlog::EMPTY_HASH.0;
    }
    let steps = steps(proof);
    older <= size
        && steps.is_some_and(|steps| {
            let (root, older_root) = (tlog::Hash(*root), tlog::Hash(*older_root));
            tlog::check_tree(&steps, size, root, older, older_root).is_ok()
        })
}

/// No tree is so high that an honest proof has more steps.
fn steps(proof: &[Hash]) -> Option<Vec<tlog::Hash>> {
    (proof.len() <= 128).then(|| proof.iter().map(|hash| tlog::Hash(*hash)).collect())
}

/// What the work asks for, when it is given nothing.
fn needed(work: impl FnOnce(&Wish) -> Result<(), tlog::Error>) -> Result<Vec<Place>, TreeError> {
    let wish = Wish { places: RefCell::default() };
    work(&wish).map_err(|_| TreeError::Beyond)?;
    Ok(wish.places.into_inner().into_iter().collect())
}

/// Reads hashes out of tiles.
struct Tiles<'t> {
    tree: &'t Tree,
    missing: Cell<Option<Place>>,
}

impl HashReader for Tiles<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let hash = |index: &u64| {
            let place = Place::of(*index);
            let data = self.tree.tiles.get(&place).map(Vec::as_slice).unwrap_or_default();
            let width = u32::try_from(data.len() as u64 / HASH).unwrap_or(u32::MAX);
            let found = if width == 0 {
                Err(tlog::Error::InvalidTile)
            } else {
                let width = width.min(1 << HEIGHT);
                Tile::new(HEIGHT, place.level, place.number, width, false)
                    .hash_at_index(data, *index)
            };
            found.inspect_err(|_| self.missing.set(Some(place)))
        };
        indexes.iter().map(hash).collect()
    }
}

/// Takes down which tiles are asked for.
struct Wish {
    places: RefCell<BTreeSet<Place>>,
}

impl HashReader for Wish {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        self.places.borrow_mut().extend(indexes.iter().map(|index| Place::of(*index)));
        Ok(vec![tlog::EMPTY_HASH; indexes.len()])
    }
}

impl Place {
    fn of(index: u64) -> Self {
        let tile = Tile::from_index(HEIGHT, index);
        Self { level: tile.level(), number: tile.level_index() }
    }

    fn missing(self) -> TreeError {
        TreeError::Missing { level: self.level, number: self.number }
    }
}

const HEIGHT: u8 = 8;
const WIDTH: u64 = 1 << HEIGHT;
const HASH: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree of so many leaves, and each root on the way to it.
    fn grown(size: u64) -> (Tree, Vec<Hash>) {
        let mut tree = Tree::default();
        let mut roots = vec![tree.root().unwrap()];
        for leaf in 0..size {
            tree.append(leaf_hash(&leaf.to_be_bytes())).unwrap();
            roots.push(tree.root().unwrap());
        }
        (tree, roots)
    }

    /// The same tree with no more at hand than these tiles.
    fn with_only(tree: &Tree, places: &[Place]) -> Tree {
        let tiles = places.iter().map(|place| (*place, tree.tiles[place].clone()));
        Tree::new(tree.size, tiles)
    }

    /// The root as RFC 6962, 2.1 defines it, over all leaves at once.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => tlog::EMPTY_HASH.0,
            [leaf] => *leaf,
            _ => {
                let half = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(half);
                tlog::node_hash(tlog::Hash(defined(left)), tlog::Hash(defined(right))).0
            }
        }
    }

    #[test]
    fn the_root_is_the_one_that_the_rfc_defines() {
        let leaves: Vec<Hash> = (0..700_u64).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
        let (_, roots) = grown(700);
        for size in [0, 1, 2, 3, 5, 255, 256, 257, 511, 512, 513, 700] {
            assert_eq!(roots[size], defined(&leaves[..size]), "of {size}");
        }
    }

    #[test]
    fn a_leaf_is_proved_from_the_tiles_that_are_named_and_from_nowhere_else() {
        let (tree, roots) = grown(66_000);
        let root = roots[66_000];
        for leaf in [0, 1, 255, 256, 65_535, 65_536, 65_999] {
            let places = needed_for_leaf(66_000, leaf).unwrap();
            assert!(places.len() <= 5, "{leaf}: {places:?}");
            let proof = with_only(&tree, &places).prove_leaf(leaf).unwrap();
            let hash = leaf_hash(&leaf.to_be_bytes());
            assert!(is_leaf_of(66_000, &root, leaf, &hash, &proof), "{leaf}");
            assert!(!is_leaf_of(66_000, &root, leaf ^ 1, &hash, &proof), "{leaf}");
            let other = leaf_hash(b"another");
            assert!(!is_leaf_of(66_000, &root, leaf, &other, &proof), "{leaf}");
        }
        assert_eq!(tree.prove_leaf(66_000), Err(TreeError::Beyond));
        assert_eq!(needed_for_leaf(66_000, 66_000), Err(TreeError::Beyond));
    }

    #[test]
    fn growth_is_proved_from_the_tiles_that_are_named() {
        let (tree, roots) = grown(66_000);
        for older in [1_u64, 2, 255, 256, 257, 65_536, 65_999, 66_000] {
            let places = needed_for_growth(66_000, older).unwrap();
            let proof = with_only(&tree, &places).prove_growth(older).unwrap();
            let older_root = roots[usize::try_from(older).unwrap()];
            assert!(has_grown(66_000, &roots[66_000], older, &older_root, &proof), "{older}");
            let other = leaf_hash(b"another");
            assert!(!has_grown(66_000, &roots[66_000], older, &other, &proof), "{older}");
            assert!(!has_grown(66_000, &other, older, &older_root, &proof), "{older}");
        }
        assert!(has_grown(5, &roots[5], 0, &roots[0], &[]));
        assert!(!has_grown(5, &roots[5], 0, &roots[1], &[]));
        assert_eq!(tree.prove_growth(66_001), Err(TreeError::Beyond));
    }

    #[test]
    fn appending_needs_the_edge_alone_and_names_what_it_changed() {
        let (tree, roots) = grown(66_000);
        for size in [0_u64, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_999] {
            // The tiles as they were later on: what lies beyond the end does not count.
            let mut part = with_only(&Tree { size, ..tree.clone() }, &edge(size));
            let at = usize::try_from(size).unwrap();
            assert_eq!(part.root().unwrap(), roots[at], "{size}");
            part.append(leaf_hash(&size.to_be_bytes())).unwrap();
            assert_eq!(part.root().unwrap(), roots[at + 1], "{size}");
            let levels: Vec<u8> = part.changed().map(|(place, _)| place.level).collect();
            assert_eq!(levels.first(), Some(&0), "{size}");
            let full = u64::from((size + 1).is_multiple_of(256)) + u64::from(size == 65_535);
            assert_eq!(levels.len() as u64, 1 + full, "{size}: {levels:?}");
        }
        let mut short = Tree::new(10, [(Place { level: 0, number: 0 }, vec![0; 9 * 32])]);
        assert_eq!(short.append([0; 32]), Err(TreeError::Missing { level: 0, number: 0 }));
        assert_eq!(short.root(), Err(TreeError::Missing { level: 0, number: 0 }));
    }

    #[test]
    fn a_tree_that_gives_its_full_tiles_away_grows_on_and_keeps_a_handful() {
        let (whole, roots) = grown(66_000);
        let mut tree = Tree::default();
        let mut taken = BTreeMap::new();
        for leaf in 0..66_000_u64 {
            tree.append(leaf_hash(&leaf.to_be_bytes())).unwrap();
            taken.extend(tree.take_full());
            assert!(tree.tiles.len() <= 3);
        }
        assert_eq!(tree.root().unwrap(), roots[66_000]);
        taken.extend(tree.tiles().map(|(place, hashes)| (place, hashes.to_vec())));
        assert_eq!(taken, whole.tiles);
    }

    #[test]
    fn the_tiles_that_a_stretch_of_leaves_touches_are_those_that_it_changes() {
        for (from, to) in [(0, 0), (0, 1), (5, 300), (256, 512), (65_000, 66_000), (65_535, 65_536)]
        {
            let (mut tree, _) = grown(from);
            tree.changed.clear();
            for leaf in from..to {
                tree.append(leaf_hash(&leaf.to_be_bytes())).unwrap();
            }
            let touched: BTreeSet<_> = touched(from, to).into_iter().collect();
            assert_eq!(touched, tree.changed, "{from}..{to}");
        }
    }

    #[test]
    fn a_hostile_proof_is_refused_without_a_panic() {
        let root = leaf_hash(b"root");
        for length in [0, 1, 63, 64, 65, 128, 129, 100_000] {
            let proof = vec![[7; 32]; length];
            for (size, leaf) in
                [(0, 0), (1, 0), (u64::MAX >> 1, 5), (u64::MAX >> 1, (u64::MAX >> 1) - 1)]
            {
                assert!(!is_leaf_of(size, &root, leaf, &[1; 32], &proof));
                assert!(!has_grown(size, &root, leaf, &[1; 32], &proof));
            }
        }
    }
}
