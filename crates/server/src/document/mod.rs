//! The OpenAPI document of everything that is answered, put together from the fragments that lie beside the
//! code they describe.

mod assemble;
mod json;

pub(crate) use self::{assemble::operations, json::Json};

/// The document, whole. It is not kept: only what is made from it is, once somebody asks.
pub(crate) fn document() -> Json {
    let own = [("server", include_str!("service.json"))];
    let fragments: Vec<_> = resources::OPENAPI.iter().copied().chain(own).collect();
    // A test puts it together too: what cannot be is never released.
    assemble::assemble(("rest", rest::OPENAPI), &fragments)
        .unwrap_or_else(|fault| panic!("the fragments make no document: {fault}"))
}
