//! The JSON of a declaration's two lists, which the published operations and ours share.

use rest::{
    json::{self, Read},
    v3::Fields,
};
use serde::Serializer;
use serde_json::Value;

use super::model::{Categories, Category};

/// The two lists of a `PUT`, both of which must be there.
pub(super) fn declared(fields: &mut Fields<'_>) -> (Categories, Categories) {
    (fields.required("allow", categories), fields.required("deny", categories))
}

fn categories(value: &Value) -> Read<Categories> {
    let names = json::list(|name| {
        let known = json::text(name)?.parse::<Category>();
        known.map_err(|_| "error.expected.validenumvalue".into())
    });
    Ok(names(value)?.into_iter().collect())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(super) fn names<S: Serializer>(
    categories: &Categories,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(categories.iter().map(Category::name))
}
