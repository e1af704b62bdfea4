/// The description of each folder's operations, in the order in which readers see them: the folder, and a part of
/// an OpenAPI document (tags, paths, components). `server` puts them together and tests hold them to the routes.
pub const OPENAPI: &[(&str, &str)] = &[
    ("customers", include_str!("customers/openapi.json")),
    ("consent", include_str!("consent/openapi.json")),
    ("stores", include_str!("stores/openapi.json")),
];
