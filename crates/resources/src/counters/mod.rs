//! Numbers that callers see: per store, from 1, never given twice; and how many of a thing there are.
//!
//! A counter is made with its store and goes first when the store is deleted: without it nothing can be made.
//! Its row is held from its first use to the end of the transaction, so that those who count the
//! same thing of one store take turns. Nothing else may take a counter.

pub mod rows;
