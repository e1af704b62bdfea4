//! Proofs as JSON, for whoever checks them with other means.

use serde::{Deserialize, Serialize};

use crate::{
    receipt::Step,
    tree::{self, Tree, TreeError},
};

/// That a leaf is in a tree at its place (RFC 6962, 2.1.1). Hashes are in Base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// The leaf's place, from 0.
    pub index: u64,
    /// The hash of the leaf.
    pub leaf_hash: Step,
    /// The hashes beside the way from the leaf to the root, from below.
    pub proof: Vec<Step>,
    /// The hash over all leaves.
    pub root: Step,
    /// How many leaves there are.
    pub size: u64,
}

/// That a tree grew out of an older one (RFC 6962, 2.1.2). Hashes are in Base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// The hash over the leaves that the older one had.
    pub older_root: Step,
    /// How many leaves it had.
    pub older_size: u64,
    /// As the RFC orders them.
    pub proof: Vec<Step>,
    /// The hash over all leaves.
    pub root: Step,
    /// How many leaves there are.
    pub size: u64,
}

impl Inclusion {
    /// Prove it from the tiles of [`tree::needed_for_leaf`] and the [`tree::edge`].
    pub fn of(tree: &Tree, leaf: u64) -> Result<Self, TreeError> {
        Ok(Self {
            index: leaf,
            leaf_hash: Step(tree.leaf(leaf)?),
            proof: tree.prove_leaf(leaf)?.into_iter().map(Step).collect(),
            root: Step(tree.root()?),
            size: tree.size(),
        })
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        let proof: Vec<_> = self.proof.iter().map(|step| step.0).collect();
        tree::is_leaf_of(self.size, &self.root.0, self.index, &self.leaf_hash.0, &proof)
    }
}

impl Growth {
    /// Prove it from the tiles of [`tree::needed_for_growth`] and the [`tree::edge`] of both.
    pub fn of(tree: &Tree, older: u64) -> Result<Self, TreeError> {
        Ok(Self {
            older_root: Step(tree.when(older)?.root()?),
            older_size: older,
            proof: tree.prove_growth(older)?.into_iter().map(Step).collect(),
            root: Step(tree.root()?),
            size: tree.size(),
        })
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        let proof: Vec<_> = self.proof.iter().map(|step| step.0).collect();
        let (root, older_root) = (&self.root.0, &self.older_root.0);
        tree::has_grown(self.size, root, self.older_size, older_root, &proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_hold_after_a_journey_as_json_and_not_when_they_were_changed() {
        let mut tree = Tree::default();
        for leaf in 0..300_u64 {
            tree.append(tree::leaf_hash(&leaf.to_be_bytes())).unwrap();
        }
        let inclusion = Inclusion::of(&tree, 257).unwrap();
        assert_eq!(inclusion.leaf_hash.0, tree::leaf_hash(&257_u64.to_be_bytes()));
        let json = serde_json::to_string(&inclusion).unwrap();
        assert!(serde_json::from_str::<Inclusion>(&json).unwrap().holds());
        assert!(!Inclusion { index: 256, ..inclusion }.holds());
        let growth = Growth::of(&tree, 257).unwrap();
        let json = serde_json::to_string(&growth).unwrap();
        assert!(serde_json::from_str::<Growth>(&json).unwrap().holds());
        assert!(!Growth { older_size: 256, ..growth }.holds());
        assert_eq!(Inclusion::of(&tree, 300), Err(TreeError::Beyond));
        assert_eq!(Growth::of(&tree, 301), Err(TreeError::Beyond));
    }
}
