//! The list of operations, walked: what the contract says of every one of them.

use std::{collections::BTreeSet, fs, path::Path};

use kernel::Scope;
use rest::{Operation, Version};
use serde_json::json;
use testkit::{Answer, Ask, Service, on_each_engine};

/// Operations that are ours, or that clients ask for though no published document has them.
pub(crate) const EXTRAS: [&str; 45] = [
    "POST /stores/{}/custodia/accounts/secret",
    "GET /stores/{}/custodia/hooks/{}/deliveries",
    "GET /stores/{}/custodia/hooks/{}/deliveries/{}",
    "POST /stores/{}/custodia/hooks/{}/deliveries/{}/replay",
    "POST /stores/{}/custodia/hooks/{}/replay",
    "GET /stores/{}/custodia/hooks/{}/dead-letters",
    "POST /stores/{}/custodia/hooks/{}/dead-letters/redrive",
    "GET /stores/{}/custodia/hooks/{}/counts",
    "POST /stores/{}/custodia/customers/{}/erasure",
    "GET /stores/{}/custodia/customers/{}/consent/google",
    "GET /stores/{}/custodia/ledger/checkpoint",
    "GET /stores/{}/custodia/ledger/export",
    "GET /stores/{}/custodia/ledger/keys",
    "GET /stores/{}/custodia/ledger/leaves",
    "GET /stores/{}/custodia/ledger/proofs/consistency",
    "GET /stores/{}/custodia/customers/{}/consent/{}/receipt",
    "GET /stores/{}/custodia/customers/{}/consent",
    "POST /stores/{}/custodia/customers/{}/consent",
    "GET /stores/{}/custodia/policies",
    "POST /stores/{}/custodia/policies",
    "GET /stores/{}/custodia/policies/{}",
    "PUT /stores/{}/custodia/customers/{}/password-hash",
    "PUT /stores/{}/custodia/customers/{}/stored-instruments/{}",
    "DELETE /stores/{}/custodia/customers/{}/stored-instruments/{}",
    "GET /stores/{}/custodia/channels",
    "PUT /stores/{}/custodia/channels/{}",
    "GET /stores/{}/custodia/form-fields",
    "PUT /stores/{}/custodia/form-fields",
    "DELETE /stores/{}/custodia/form-fields",
    "GET /stores/{}/v2/hooks",
    "POST /stores/{}/v2/hooks",
    "GET /stores/{}/v2/hooks/{}",
    "PUT /stores/{}/v2/hooks/{}",
    "DELETE /stores/{}/v2/hooks/{}",
    "GET /stores/{}/v2/store",
    "GET /stores/{}/v2/time",
    "GET /time",
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs.md",
    "GET /docs/{}",
    "GET /llms.txt",
    "GET /llms-full.txt",
];

/// Whether it shows the documentation. What that says is held to the routes by [`crate::document`] and
/// [`crate::docs`]; a snapshot of it would only repeat it.
pub(crate) fn is_documentation(operation: &Operation) -> bool {
    ["/openapi.json", "/docs", "/llms"].iter().any(|prefix| operation.path.starts_with(prefix))
}

fn operations(service: &Service) -> Vec<Operation> {
    server::router(service.app().clone()).1
}

/// Those that need a token.
fn guarded(service: &Service) -> Vec<Operation> {
    let operations =
        operations(service).into_iter().filter(|operation| operation.scope != Scope::Public);
    let operations: Vec<_> = operations.collect();
    assert!(operations.len() >= 15, "{operations:?}");
    operations
}

fn writes(operation: &Operation) -> bool {
    matches!(operation.method.as_str(), "POST" | "PUT" | "DELETE")
}

pub(crate) fn has_body(operation: &Operation) -> bool {
    let says_it_all = ["/erasure", "/redrive", "/{event}/replay"];
    matches!(operation.method.as_str(), "POST" | "PUT")
        && !says_it_all.iter().any(|end| operation.path.ends_with(end))
}

/// The operation, asked of `store` for customer 1, and for the first of whatever else the path names.
fn path_at(store: &str, operation: &Operation) -> String {
    let path = operation.path.replace("{store_hash}", store);
    path.split('/')
        .map(|part| match part {
            "{segmentId}" | "{shopperProfileId}" => FIRST_UUID,
            part if part.starts_with('{') => "1",
            part => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// What [`furnish`] calls the first of those things that are called by a UUID.
const FIRST_UUID: &str = "82511e54-4040-40fe-b742-2b25655f205b";

/// A request that would do something, were it let in.
fn ask(service: &Service, operation: &Operation, path: &str) -> Ask {
    let is_address = path.contains("/addresses");
    let metafield = json!({"resource_id": 1, "namespace": "n", "key": "new", "value": "v", "permission_set": "read"});
    let body = match (operation.method.as_str(), operation.version) {
        ("PUT", _) if path.ends_with("/hooks/admin") => json!({"emails": ["new@example.com"]}),
        ("POST", _) if path.ends_with("/hooks") => {
            json!({"scope": "store/customer/*", "destination": "https://new.example/"})
        }
        ("POST", Version::Own) if path.contains("/hooks/") => json!({"since": "2024-01-01"}),
        ("PUT", _) if path.contains("/hooks/") => json!({"is_active": false}),
        ("POST", Version::V3) if is_address => {
            json!([{"customer_id": 1, "first_name": "A", "last_name": "B",
            "address1": "2", "city": "C", "state_or_province": "", "postal_code": "", "country_code": "DE"}])
        }
        ("PUT", Version::V3) if is_address => json!([{"id": 1, "city": "changed"}]),
        ("POST", _) if is_address => json!({"first_name": "A", "last_name": "B", "phone": "",
            "street_1": "2", "city": "C", "state": "", "zip": "", "country": "Germany"}),
        ("PUT", _) if is_address => json!({"city": "changed"}),
        ("POST", Version::V3) if path.ends_with("/subscribers") => {
            json!({"email": "new@example.com"})
        }
        ("PUT", Version::V3) if path.contains("/subscribers/") => json!({"first_name": "changed"}),
        ("POST", Version::V3) if path.ends_with("/segments") => json!([{"name": "new"}]),
        ("PUT", Version::V3) if path.ends_with("/segments") => {
            json!([{"id": FIRST_UUID, "name": "changed"}])
        }
        ("POST", Version::V3) if path.ends_with("/v3/shopper-profiles") => {
            json!([{"customer_id": 1}])
        }
        ("POST", Version::V3) if path.ends_with("/shopper-profiles") => json!([FIRST_UUID]),
        ("POST", Version::V3) if path.contains("/wishlists") => {
            json!({"customer_id": 1, "name": "new", "items": [{"product_id": 1}]})
        }
        ("PUT", Version::V3) if path.contains("/wishlists/") => {
            json!({"name": "changed", "items": [{"id": 1, "product_id": 2}]})
        }
        ("POST", Version::V3) if path.contains("validate") => {
            json!({"email": "ada@example.com", "password": "hunter22"})
        }
        ("POST", Version::V2) if path.contains("validate") => json!({"password": "hunter22"}),
        ("PUT", Version::Own) if path.contains("password-hash") => {
            json!({"password_hash": "$2b$04$abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5xa"})
        }
        ("POST", _) if path.contains("customers/attributes") => {
            json!([{"name": "new", "type": "string"}])
        }
        ("PUT", _) if path.contains("customers/attributes") => {
            json!([{"id": 1, "name": "changed"}])
        }
        ("PUT", _) if path.contains("attribute-values") => {
            json!([{"customer_id": 1, "attribute_id": 1, "value": "changed"}])
        }
        ("POST", _) if path.contains("customers/metafields") => json!([metafield]),
        ("PUT", _) if path.contains("customers/metafields") => {
            json!([{"id": 1, "value": "changed"}])
        }
        ("DELETE", _) if path.contains("customers/metafields") => json!([1]),
        ("POST" | "PUT", _) if path.contains("metafields") => metafield,
        ("POST", Version::V3) => {
            json!([{"email": "new@example.com", "first_name": "A", "last_name": "B"}])
        }
        ("PUT", Version::V3) if path.contains("form-field-values") => {
            json!([{"customer_id": 1, "name": "shirt_size", "value": "Large"}])
        }
        ("PUT", Version::Own) if path.contains("form-fields") => {
            json!([{"name": "shirt_size", "type": "text"}])
        }
        ("PUT", Version::V3) if path.contains("consent") => json!({"allow": [], "deny": []}),
        ("POST", Version::Own) if path.contains("consent") => {
            json!({"allow": [], "deny": [], "channel_id": 1, "locale": "de", "policy": "1"})
        }
        ("POST", Version::Own) if path.contains("policies") => {
            json!({"version": "2", "text": "new",
            "controller": "A", "contact": "B", "withdrawal": "C"})
        }
        ("PUT", Version::V3) if path.contains("settings") => {
            json!({"privacy_settings": {"policy_url": "https://example.com"}})
        }
        ("PUT", Version::Own) if path.contains("stored-instruments") => {
            json!({"type": "stored_paypal_account", "email": "ada@example.com"})
        }
        ("PUT", Version::Own) if path.contains("channels") => json!({"name": "New"}),
        ("PUT", Version::V3) => json!([{"id": 1, "company": "changed"}]),
        ("POST" | "PUT", Version::V2) if path.contains("customer_groups") => json!({"name": "New"}),
        ("POST", _) => json!({"email": "new@example.com", "first_name": "A", "last_name": "B"}),
        ("PUT", _) => json!({"company": "changed"}),
        _ => return service.ask(operation.method.as_str(), path),
    };
    service.ask(operation.method.as_str(), path).json(body)
}

async fn asked(service: &Service, operation: &Operation, token: &str) -> Answer {
    ask(service, operation, &path_at("acme", operation)).token(token).send().await
}

/// How what reads answers another account than that of [`furnish`]: a webhook is its account's alone.
fn seen_by_others(operation: &Operation) -> u16 {
    match operation.path {
        path if path.contains("/hooks/{webhook_id}") => 404,
        path if path.ends_with("/v2/hooks") => 204,
        _ => 200,
    }
}

/// A refusal in the version's own words.
#[track_caller]
fn says(operation: &Operation, answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.header("content-type"), "application/json", "{answer}");
    let expected = match operation.version {
        Version::V2 => json!([{"status": status, "message": reason}]),
        _ => json!({
            "status": status,
            "title": reason,
            "type": "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes",
            "errors": {},
        }),
    };
    assert_eq!((answer.status, answer.json()), (status, expected), "{answer}");
}

/// The first of whatever a path may name.
async fn furnish(service: &Service) {
    let address = json!({"first_name": "Ada", "last_name": "Lovelace", "address1": "1", "city": "London",
        "country_code": "GB"});
    service
        .made(json!([{"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace",
            "addresses": [address]}]))
        .await;
    let first = [
        ("/v3/customers/subscribers", json!({"email": "ada@example.com"})),
        ("/v3/wishlists", json!({"customer_id": 1, "name": "first", "items": [{"product_id": 1}]})),
        ("/v2/customer_groups", json!({"name": "Wholesale"})),
        ("/v3/segments", json!([{"name": "first"}])),
        ("/v3/shopper-profiles", json!([{"customer_id": 1}])),
        ("/v3/customers/attributes", json!([{"name": "first", "type": "string"}])),
        (
            "/stores/acme/custodia/policies",
            json!({"version": "1", "text": "Of Lovelace", "controller": "Lovelace & Co.",
                "contact": "London", "withdrawal": "Ask."}),
        ),
        (
            "/stores/acme/custodia/customers/1/consent",
            json!({"allow": ["targeting"], "deny": [], "policy": "1"}),
        ),
        (
            "/v3/hooks",
            json!({"scope": "store/customer/*", "destination": "https://hooks.example.com/",
                "headers": {"X-Key": "Lovelace"}}),
        ),
        (
            "/v3/customers/1/metafields",
            json!({"namespace": "n", "key": "k", "value": "v", "permission_set": "write"}),
        ),
    ];
    for (path, body) in first {
        let answer = service.post("modify", path, body).await;
        assert!(matches!(answer.status, 200 | 201), "{answer}");
    }
    let told = json!({"emails": ["Lovelace@example.com"]});
    assert_eq!(service.put("modify", "/v3/hooks/admin", told).await.status, 204);
    // What is declared is in the ledger, so that reading it does not put it there.
    let checkpoint = service.get("read", "/stores/acme/custodia/ledger/checkpoint").await;
    assert_eq!(checkpoint.status, 200);
    // An event that the webhook waits for.
    let of_acme = "FROM store WHERE hash = 'acme'";
    for what in [
        "event (store_id, event_id, hash, scope, subject, body, created_at)
         SELECT store_id, 1, '1', 'store/customer/created', 1, 'Lovelace', 1",
        "delivery (store_id, hook_id, event_id, subject, due_at, failures, attempts)
         SELECT store_id, 1, 1, 1, 1, 0, 0",
    ] {
        service.meddle(&format!("INSERT INTO {what} {of_acme}")).await;
    }
    // Drawn at random: named, so that a path may hold them.
    service.meddle(&format!("UPDATE segment SET segment_id = '{FIRST_UUID}'")).await;
    service.meddle(&format!("UPDATE shopper_profile SET profile_id = '{FIRST_UUID}'")).await;
}

/// Something of everything, and an assurance that the walk changes nothing.
async fn nothing_changes_while(service: &Service, walk: impl AsyncFn(&Operation)) {
    furnish(service).await;
    let before = service.dump().await;
    for operation in guarded(service) {
        walk(&operation).await;
    }
    assert_eq!(service.dump().await, before);
}

on_each_engine! {
    async fn without_a_token_every_operation_asks_for_one(service: Service) {
        nothing_changes_while(&service, async |operation| {
            let answer = asked(&service, operation, "").await;
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (401, "X-Auth-Token header is required"),
                "{answer}"
            );
            assert_eq!(answer.header("content-type"), "text/plain");
            assert_eq!(
                answer.header("x-rate-limit-requests-left"),
                "",
                "no quota before a token: {answer}"
            );
        })
        .await;
    }

    async fn an_empty_token_has_not_the_correct_format(service: Service) {
        nothing_changes_while(&service, async |operation| {
            let answer = ask(&service, operation, &path_at("acme", operation))
                .header("X-Auth-Token", "")
                .send()
                .await;
            let reason = "X-Auth-Token header should have correct format";
            assert_eq!((answer.status, answer.text().as_str()), (401, reason), "{answer}");
            assert_eq!(answer.header("content-type"), "text/plain");
        })
        .await;
    }

    async fn an_unknown_token_is_unauthorized_in_the_versions_own_words(service: Service) {
        nothing_changes_while(&service, async |operation| {
            says(operation, &asked(&service, operation, "nobody").await, 401, "Unauthorized");
            let nowhere = ask(&service, operation, &path_at("nowhere", operation))
                .token("nobody")
                .send()
                .await;
            says(operation, &nowhere, 401, "Unauthorized");
        })
        .await;
    }

    async fn a_token_of_another_store_is_forbidden_and_so_is_a_store_that_is_not_there(
        service: Service,
    ) {
        nothing_changes_while(&service, async |operation| {
            let reason = "The token does not belong to this store";
            says(operation, &asked(&service, operation, "other").await, 403, reason);
            let nowhere = ask(&service, operation, &path_at("nowhere", operation))
                .token("modify")
                .send()
                .await;
            says(operation, &nowhere, 403, reason);
        })
        .await;
    }

    async fn no_operation_reads_or_changes_anything_of_another_store(service: Service) {
        furnish(&service).await;
        let before = service.dump_of("acme").await;
        for operation in guarded(&service) {
            let path = path_at("zenith", &operation);
            let answer = ask(&service, &operation, &path).token("other").send().await;
            assert!(answer.status < 500, "{answer}");
            for theirs in ["Lovelace", "London", "Wholesale"] {
                assert!(!answer.text().contains(theirs), "{answer}");
            }
            assert_eq!(service.dump_of("acme").await, before, "{answer}");
        }
    }

    async fn a_token_without_the_scope_is_forbidden(service: Service) {
        nothing_changes_while(&service, async |operation| {
            if operation.scope == Scope::AnyToken {
                // What writes would write.
                if !writes(operation) {
                    let answer = asked(&service, operation, "scopeless").await;
                    assert_eq!(answer.status, seen_by_others(operation), "{answer}");
                }
                return;
            }
            let reason = "You don't have a required scope to access the endpoint";
            says(operation, &asked(&service, operation, "scopeless").await, 403, reason);
        })
        .await;
    }

    async fn a_read_only_token_reads_and_does_not_write(service: Service) {
        nothing_changes_while(&service, async |operation| {
            if operation.scope == Scope::AnyToken && writes(operation) {
                return;
            }
            let answer = asked(&service, operation, "read").await;
            // Of what reads, one operation is published to need the scope that modifies.
            if writes(operation) || operation.scope == Scope::CustomersModify {
                says(
                    operation,
                    &answer,
                    403,
                    "You don't have a required scope to access the endpoint",
                );
            } else {
                assert_eq!(answer.status, seen_by_others(operation), "{answer}");
            }
        })
        .await;
    }

    async fn a_token_that_may_modify_may_also_read(service: Service) {
        nothing_changes_while(&service, async |operation| {
            if !writes(operation) {
                assert_eq!(asked(&service, operation, "modify").await.status, 200);
            }
        })
        .await;
    }

    async fn an_unknown_parameter_is_refused(service: Service) {
        nothing_changes_while(&service, async |operation| {
            let path = format!("{}?foo=1&bar", path_at("acme", operation));
            let answer = ask(&service, operation, &path).token("modify").send().await;
            if operation.version == Version::V2 {
                says(operation, &answer, 400, "The field 'foo' is not supported by this resource.");
            } else {
                says(
                    operation,
                    &answer,
                    422,
                    "The filter(s): foo, bar are not valid filter parameter(s).",
                );
            }
        })
        .await;
    }

    async fn a_body_that_is_not_json_or_not_there_is_refused(service: Service) {
        nothing_changes_while(&service, async |operation| {
            for body in [
                "",
                " ",
                "{",
                "nonsense",
                "[1,]",
                "{'a':1}",
                "\u{feff}[]",
                "[{\"email\":\"a@b\"}] x",
            ] {
                if !has_body(operation) {
                    return;
                }
                let path = path_at("acme", operation);
                let answer = service
                    .ask(operation.method.as_str(), &path)
                    .token("modify")
                    .text(body)
                    .send()
                    .await;
                if operation.version == Version::V2 {
                    says(
                        operation,
                        &answer,
                        400,
                        "The request body could not be read as a JSON object.",
                    );
                } else if operation.path.contains("metafields") {
                    // Ruling 1: these have words of their own.
                    assert_eq!(answer.status, 400, "{answer}");
                    let expected = json!({
                        "status": 400,
                        "title": "Input is invalid",
                        "type": "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes",
                        "detail": "Syntax error",
                    });
                    assert_eq!(answer.json(), expected, "{answer}");
                } else {
                    says(operation, &answer, 422, "JSON data is missing or invalid");
                }
            }
        })
        .await;
    }

    /// Ruling 32.
    async fn a_written_body_of_another_content_type_is_415(service: Service) {
        nothing_changes_while(&service, async |operation| {
            for kind in [
                "text/plain",
                "application/xml",
                "undefined",
                "application/x-www-form-urlencoded",
                "",
            ] {
                let path = path_at("acme", operation);
                let sent = service
                    .ask(operation.method.as_str(), &path)
                    .token("modify")
                    .header("Content-Type", kind);
                if has_body(operation) {
                    says(operation, &sent.text("[]").send().await, 415, "Unsupported Media Type");
                }
            }
        })
        .await;
    }

    /// Ruling 31.
    async fn who_accepts_no_json_gets_406(service: Service) {
        nothing_changes_while(&service, async |operation| {
            for accept in ["application/xml", "text/html", "text/*, image/png;q=0.5"] {
                let path = path_at("acme", operation);
                let answer = ask(&service, operation, &path)
                    .token("modify")
                    .header("Accept", accept)
                    .send()
                    .await;
                says(operation, &answer, 406, "Not Acceptable");
            }
            if operation.version == Version::V2 {
                for suffix in [".xml", ".xml/"] {
                    let path = format!("{}{suffix}", path_at("acme", operation));
                    let answer = ask(&service, operation, &path).token("modify").send().await;
                    says(operation, &answer, 406, "Not Acceptable");
                }
            }
        })
        .await;
    }

    async fn what_is_not_routed_is_said_before_any_token_is_looked_at(service: Service) {
        service
            .made(
                json!([{"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}]),
            )
            .await;
        let before = service.dump().await;
        let known: BTreeSet<(String, String)> = operations(&service)
            .iter()
            .map(|it| (it.method.to_string(), path_at("acme", it)))
            .collect();
        let mut cases = vec![
            ("GET".to_owned(), "/".to_owned()),
            ("GET".to_owned(), "/stores".to_owned()),
            ("GET".to_owned(), "/stores/acme".to_owned()),
            ("GET".to_owned(), "/stores/acme/v3".to_owned()),
            ("GET".to_owned(), "/stores/acme/v3/nothing".to_owned()),
            ("GET".to_owned(), "/stores/acme/v3/customers/1".to_owned()),
            ("GET".to_owned(), "/stores/acme/v4/customers".to_owned()),
            ("GET".to_owned(), "/stores/acme/v3/customers.json".to_owned()),
            ("GET".to_owned(), "/stores/acme/V3/customers".to_owned()),
        ];
        for method in
            ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"]
        {
            for (_, path) in &known {
                if !known.contains(&(method.to_owned(), path.clone())) {
                    cases.push((method.to_owned(), path.clone()));
                }
            }
        }
        assert!(cases.len() > 30);
        for (method, path) in cases {
            for token in ["", "modify", "nobody"] {
                let answer = service.ask(&method, &path).token(token).send().await;
                let expected = (404, "The route is not found, check the URL");
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    expected,
                    "{method} {path}: {answer}"
                );
                assert_eq!(answer.header("content-type"), "text/plain");
                for absent in ["allow", "x-rate-limit-requests-left", "x-bc-store-version"] {
                    assert_eq!(answer.header(absent), "", "{answer}");
                }
                assert_eq!(answer.header("x-request-id").len(), 32);
            }
        }
        assert_eq!(service.dump().await, before);
    }

    async fn at_a_domain_of_no_store_every_operation_of_a_storefront_is_404(service: Service) {
        service.open_shop("acme", "acme.example", 1).await;
        furnish(&service).await;
        let before = service.dump().await;
        let all = operations(&service);
        let visited: Vec<_> = all.iter().filter(|it| it.version == Version::Storefront).collect();
        assert!(visited.len() >= 2, "{visited:?}");
        for operation in visited {
            let path = path_at("acme", operation);
            for hosts in [&[][..], &["acme.example.org"], &["acme.example", "acme.example"], &["a b"]] {
                let mut sent = ask(&service, operation, &path).token("modify");
                for host in hosts {
                    sent = sent.header("Host", host);
                }
                let answer = sent.send().await;
                let expected = (404, "There is no store at this domain");
                assert_eq!((answer.status, answer.text().as_str()), expected, "{answer}");
                assert_eq!(answer.header("content-type"), "text/plain");
                assert_eq!(answer.header("cache-control"), "no-store");
                assert_eq!(answer.header("x-rate-limit-requests-left"), "");
            }
            // A page of another site, of this one over another port, and of none.
            for origin in ["https://evil.example", "https://acme.example:8443", "null", "acme.example"] {
                let sent = ask(&service, operation, &path).header("Host", "acme.example");
                let answer = sent.header("Origin", origin).send().await;
                let expected = (403, "Only this storefront's own pages may ask");
                assert_eq!((answer.status, answer.text().as_str()), expected, "{answer}");
            }
        }
        assert_eq!(service.dump().await, before);
    }

    /// Route, token, store, scope, content: each fault hides all that come after it.
    async fn of_several_faults_the_first_in_the_contracts_order_is_told(service: Service) {
        let status = async |method: &str, path: &str, token: &str, kind: &str| {
            service
                .ask(method, path)
                .token(token)
                .header("Content-Type", kind)
                .text("nonsense")
                .send()
                .await
                .status
        };
        assert_eq!(
            status("POST", "/stores/nowhere/v3/nothing?foo=1", "nobody", "text/plain").await,
            404
        );
        assert_eq!(
            status("POST", "/stores/nowhere/v3/customers?foo=1", "nobody", "text/plain").await,
            401
        );
        assert_eq!(
            status("POST", "/stores/nowhere/v3/customers?foo=1", "read", "text/plain").await,
            403
        );
        assert_eq!(
            status("POST", "/stores/acme/v3/customers?foo=1", "read", "text/plain").await,
            403
        );
        assert_eq!(
            status("POST", "/stores/acme/v3/customers?foo=1", "modify", "text/plain").await,
            415
        );
        assert_eq!(
            status("POST", "/stores/acme/v3/customers?foo=1", "modify", "application/json").await,
            422
        );
    }
}

/// A path with its parameters' names erased: two documents name them differently.
pub(crate) fn erased(path: &str) -> String {
    let segments =
        path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

pub(crate) fn data(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

pub(crate) fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Public | Scope::AnyToken => "",
        Scope::CustomersRead => "store_v2_customers_read_only",
        Scope::CustomersModify => "store_v2_customers",
        Scope::InstrumentsModify => "store_stored_payment_instruments",
        Scope::InstrumentsRead => "store_stored_payment_instruments_read_only",
    }
}

/// What an operation needs, in the words of the published list.
fn published_scope(operation: &Operation) -> &'static str {
    match operation.version {
        Version::Storefront => "public (storefront)",
        _ if operation.scope == Scope::AnyToken => "any token",
        _ => scope_name(operation.scope),
    }
}

/// What its snapshots are named by: `get_v3_customers_ID_consent`.
pub(crate) fn slug(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/stores/{store_hash}").trim_start_matches("/stores/{}");
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let words = segments.map(|segment| if segment.starts_with('{') { "ID" } else { segment });
    format!("{}_{}", method.to_lowercase(), words.collect::<Vec<_>>().join("_"))
}

/// Run on one engine: the list does not depend on it.
pub(crate) async fn listed() -> Vec<Operation> {
    let (tell, told) = tokio::sync::oneshot::channel();
    testkit::run(testkit::Engine::Sqlite, async |service| {
        let _ = tell.send(operations(&service));
    })
    .await;
    told.await.unwrap()
}

/// What is answered beside [`EXTRAS`] is the published list, with the scope that each operation needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operations_are_the_published_ones() {
    let published: BTreeSet<(String, String)> = data("operations.tsv")
        .lines()
        .skip(1)
        .map(|line| {
            let mut cells = line.split('\t');
            let (method, path) = (cells.next().unwrap(), cells.next().unwrap());
            (format!("{method} {}", erased(path)), cells.next().unwrap_or_default().to_owned())
        })
        .collect();
    assert_eq!(published.len(), 90);
    let answered: BTreeSet<(String, String)> = listed()
        .await
        .iter()
        .map(|it| (format!("{} {}", it.method, erased(it.path)), published_scope(it).to_owned()))
        .filter(|(operation, _)| !EXTRAS.contains(&operation.as_str()))
        .collect();
    assert_eq!(answered, published);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_extra_operation_is_there() {
    let answered: Vec<String> =
        listed().await.iter().map(|it| format!("{} {}", it.method, erased(it.path))).collect();
    for extra in EXTRAS {
        assert!(answered.iter().any(|operation| operation == extra), "{extra}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_has_a_snapshot_and_every_snapshot_an_operation() {
    let listed = listed().await;
    let operations: BTreeSet<String> = listed
        .iter()
        .filter(|operation| !is_documentation(operation))
        .map(|it| slug(it.method.as_str(), it.path))
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    let shown: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .ok()?
                .split_once('@')
                .map(|(name, _)| name.to_owned())
        })
        .collect();
    assert_eq!(
        operations.difference(&shown).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "operations without a snapshot"
    );
    assert_eq!(
        shown.difference(&operations).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "snapshots without an operation"
    );
}

/// `docs/quirks.md` names the test that pins each oddity; those tests must be there.
#[test]
fn every_test_that_the_quirks_name_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let sources: String = fs::read_dir(tests)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let quirks = data("../../../docs/quirks.md");
    let named = quirks.split('`').skip(1).step_by(2).filter(|word| {
        word.matches('_').count() >= 4
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    });
    let mut count = 0;
    for name in named {
        count += 1;
        assert!(
            sources.contains(&format!("async fn {name}(")),
            "docs/quirks.md names a test that is not there: {name}"
        );
    }
    assert!(count >= 30, "{count}");
}
