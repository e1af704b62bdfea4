//! Who changed what. The line is written in the transaction of the change: a change without its line cannot
//! commit. It names the fields that changed, never their values: an erased person must not live on in it.

pub mod model;
pub mod rows;
