//! Shoppers who are signed in at a storefront.
//!
//! An app signs a shopper in with a token that it has signed (Customer Login API), once. The browser then has a cookie;
//! the session it stands for is kept by its digest and ends after a week. An app that runs in the storefront asks
//! who is signed in, and gets an answer that is signed with its own secret (Current Customer API).

pub mod model;
pub mod ops;
pub mod rows;
pub mod storefront;
pub mod within;
