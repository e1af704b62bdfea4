/// The description of each folder's operations, in the order in which readers see them: the folder, and a part of
/// an OpenAPI document (`tags`, `paths`, `components`). `server` puts them together; tests hold them to the routes
/// and to every snapshot.
///
/// A part says what is particular to its operations: `operationId` (the page is named after it), `summary`,
/// `description`, one of its tags, `x-required-scope`, parameters, body, and the answers with examples. Objects in
/// answers are closed (`additionalProperties: false`), so that a test can tell when the code has moved on. What all
/// share is in `rest::OPENAPI`, and `server` adds what follows from path and method: the store in the path, the
/// token, the headers of each answer, and the refusals that the part does not describe itself. The words are ours.
pub const OPENAPI: &[(&str, &str)] = &[
    ("customers", include_str!("customers/openapi.json")),
    ("addresses", include_str!("addresses/openapi.json")),
    ("attributes", include_str!("attributes/openapi.json")),
    ("attribute_values", include_str!("attribute_values/openapi.json")),
    ("form_fields", include_str!("form_fields/openapi.json")),
    ("metafields", include_str!("metafields/openapi.json")),
    ("groups", include_str!("groups/openapi.json")),
    ("settings", include_str!("settings/openapi.json")),
    ("sign_in", include_str!("sign_in/openapi.json")),
    ("instruments", include_str!("instruments/openapi.json")),
    ("consent", include_str!("consent/openapi.json")),
    ("ledger", include_str!("ledger/openapi.json")),
    ("policies", include_str!("policies/openapi.json")),
    ("subscribers", include_str!("subscribers/openapi.json")),
    ("wishlists", include_str!("wishlists/openapi.json")),
    ("segments", include_str!("segments/openapi.json")),
    ("shopper_profiles", include_str!("shopper_profiles/openapi.json")),
    ("hooks", include_str!("hooks/openapi.json")),
    ("deliveries", include_str!("deliveries/openapi.json")),
    ("sessions", include_str!("sessions/openapi.json")),
    ("sign_up", include_str!("sign_up/openapi.json")),
    ("stores", include_str!("stores/openapi.json")),
    ("accounts", include_str!("accounts/openapi.json")),
    ("channels", include_str!("channels/openapi.json")),
];
