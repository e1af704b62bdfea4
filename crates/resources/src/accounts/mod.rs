//! What an API account does with its own credentials: it gives itself a new client secret. Accounts are made and taken
//! back in `access::accounts`, by operators alone.

pub mod ops;
pub mod own;
