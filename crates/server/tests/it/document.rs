//! The OpenAPI document, held to the router, to the snapshots and to its own examples.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use testkit::{Engine, on_each_engine};

use crate::{
    snapshot::Snapshot,
    surface::{listed, scope_name},
};

/// The document as the service gives it.
async fn document() -> Value {
    let (tell, told) = tokio::sync::oneshot::channel();
    testkit::run(Engine::Sqlite, async |service| {
        let _ = tell.send(service.get("", "/openapi.json").await.json());
    })
    .await;
    told.await.unwrap()
}

/// Every operation: path, method in lower case, and what is said of it.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Follow a `$ref`, if there is one.
fn resolved<'d>(document: &'d Value, part: &'d Value) -> &'d Value {
    let to = part["$ref"].as_str().map(|to| to.trim_start_matches('#'));
    to.map_or(part, |to| document.pointer(to).expect("the assembler refuses what leads nowhere"))
}

/// Where a schema of the document and a value differ.
fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let told =
        |fault: jsonschema::ValidationError<'_>| format!("{fault} at {}", fault.instance_path());
    validator.iter_errors(value).map(told).collect()
}

/// The documented path that a request's path is one of: the one with the fewest parameters.
fn template<'d>(document: &'d Value, path: &str) -> Option<&'d str> {
    let fits = |template: &&String| {
        let (known, sent) = (template.split('/'), path.split('/'));
        known.clone().count() == sent.clone().count()
            && known.zip(sent).all(|(known, sent)| known.starts_with('{') || known == sent)
    };
    let paths = document["paths"].as_object().unwrap().keys();
    paths.filter(fits).min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

/// What of a request and its answer the document does not allow.
fn disallowed(document: &Value, shown: &Snapshot) -> Vec<String> {
    let Some(path) = template(document, &shown.path) else {
        return vec![format!("no path is like {}", shown.path)];
    };
    let operation = &document["paths"][path][&shown.method];
    let response = resolved(document, &operation["responses"][&shown.status]);
    if response.is_null() {
        return vec![format!("{} {path} has no answer {}", shown.method, shown.status)];
    }
    let mut found = answer_faults(document, shown, response);
    if shown.status.starts_with('2') {
        found.extend(request_faults(document, shown, operation));
    }
    found
}

fn answer_faults(document: &Value, shown: &Snapshot, response: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let told = |name: &&(String, String)| {
        name.0.starts_with("x-") || matches!(name.0.as_str(), "last-modified")
    };
    for (name, value) in shown.headers.iter().filter(told) {
        let known = response["headers"].as_object().into_iter().flatten();
        let Some((known, _)) = known.clone().find(|(known, _)| known.eq_ignore_ascii_case(name))
        else {
            found.push(format!("the header {name} is not told of"));
            continue;
        };
        let value = value.parse::<i64>().map_or_else(|_| json!(value), Value::from);
        let schema = &document["components"]["headers"][known]["schema"];
        let value = if schema["type"] == "integer" { value } else { json!(shown.header(name)) };
        found.extend(faults(document, schema, &value));
    }
    let Some(content) = response["content"].as_object() else {
        if !shown.body.is_empty() {
            found.push("there is a body".to_owned());
        }
        return found;
    };
    let kind = shown.header("content-type").split(';').next().unwrap_or_default();
    if !content.contains_key(kind) {
        found.push(format!("the content type {kind:?} is not told of"));
        return found;
    }
    let body = if kind == "application/json" {
        serde_json::from_str(&shown.body).expect("JSON")
    } else {
        Value::from(shown.body.clone())
    };
    found.extend(faults(document, &content[kind]["schema"], &body));
    found
}

/// What was done was asked for as the document says.
fn request_faults(document: &Value, shown: &Snapshot, operation: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let known: Vec<&str> = parameters
        .map(|parameter| resolved(document, parameter))
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    for name in shown.parameters.iter().filter(|name| !known.contains(&name.as_str())) {
        found.push(format!("the parameter {name} is not told of"));
    }
    if operation["requestBody"].is_null() {
        return found;
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    found.extend(faults(document, schema, &shown.sent));
    found
}

/// What is routed is documented, with the same scope; what is documented is routed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_router_and_the_document_agree_on_every_operation_and_its_scope() {
    let document = document().await;
    let scope = |scope| match (scope, scope_name(scope)) {
        (kernel::Scope::Public, _) => "public",
        (kernel::Scope::AnyToken, _) => "any token",
        (_, name) => name,
    };
    let routed: BTreeMap<String, &str> = listed()
        .await
        .iter()
        .map(|it| (format!("{} {}", it.method, it.path), scope(it.scope)))
        .collect();
    let documented: BTreeMap<String, &str> = operations(&document)
        .map(|(path, method, it)| {
            (format!("{} {path}", method.to_uppercase()), it["x-required-scope"].as_str().unwrap())
        })
        .collect();
    for (operation, scope) in &documented {
        assert_eq!(
            routed.get(operation),
            Some(scope),
            "documented, and not routed so: {operation}"
        );
    }
    for operation in routed.keys() {
        assert!(documented.contains_key(operation), "routed, and not documented: {operation}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_snapshot_is_as_the_document_says() {
    let document = document().await;
    let mut found = Vec::new();
    let mut checked = 0;
    for shown in Snapshot::all() {
        checked += 1;
        let faults = disallowed(&document, &shown);
        let here = format!("{}@{}", shown.operation, shown.outcome);
        found.extend(faults.into_iter().map(|fault| format!("{here}: {fault}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(checked > 70, "{checked}");
}

/// The check above can fail: each of these changes to a good answer is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_the_document_does_not_allow_is_told() {
    #[track_caller]
    fn check(document: &Value, changed: &Snapshot, words: &str) {
        let found = disallowed(document, changed);
        assert!(found.iter().any(|fault| fault.contains(words)), "{words}: {found:?}");
    }
    let document = document().await;
    let good = || {
        let all = Snapshot::all().into_iter();
        let mut named = all
            .filter(|it| it.operation == "put_v3_customers_ID_consent" && it.outcome == "declared");
        named.next().unwrap()
    };
    assert_eq!(disallowed(&document, &good()), Vec::<String>::new());
    let body = good().body;
    let with = |body: String| Snapshot { body, ..good() };
    check(&document, &with(body.replace("\"allow\"", "\"allowed\"")), "'allowed' was unexpected");
    check(&document, &with(body.replace("functional", "marketing")), "marketing");
    check(&document, &with(body.replace("Z\"", "+00:00\"")), "does not match");
    check(&document, &Snapshot { status: "201".to_owned(), ..good() }, "no answer 201");
    check(&document, &Snapshot { sent: json!({"allow": []}), ..good() }, "\"deny\" is a required");
    check(&document, &Snapshot { parameters: vec!["foo".to_owned()], ..good() }, "parameter foo");
    check(&document, &Snapshot { path: "/stores/acme/v3/consent".to_owned(), ..good() }, "no path");
    let header = |name: &str, value: &str| {
        let mut changed = good();
        changed.headers.retain(|(known, _)| known != name);
        changed.headers.push((name.to_owned(), value.to_owned()));
        changed
    };
    check(&document, &header("content-type", "text/html"), "content type");
    check(&document, &header("x-new", "1"), "header x-new");
    check(&document, &header("x-rate-limit-requests-left", "many"), "is not of type");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_is_as_its_schema_says() {
    let document = document().await;
    let (mut found, mut checked) = (Vec::new(), 0);
    let mut walk = vec![&document];
    while let Some(part) = walk.pop() {
        let mut check = |example: &Value| {
            checked += 1;
            let faults = faults(&document, &part["schema"], example);
            found.extend(faults.into_iter().map(|fault| format!("{example}: {fault}")));
        };
        if part.get("schema").is_some() {
            part.get("example").into_iter().for_each(&mut check);
            let examples = part["examples"].as_object().into_iter().flatten();
            examples.for_each(|(_, example)| check(&example["value"]));
        }
        walk.extend(part.as_object().into_iter().flatten().map(|(_, part)| part));
        walk.extend(part.as_array().into_iter().flatten());
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(checked > 60, "{checked}");
}

/// An object of an answer has no members but those that are told of; else the check of the snapshots could
/// not fail. The document itself is the exception: it would have to describe OpenAPI.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_object_of_an_answer_is_closed() {
    let document = document().await;
    let mut seen = BTreeSet::new();
    let mut walk: Vec<&Value> = operations(&document)
        .filter(|(path, ..)| *path != "/openapi.json")
        .map(|(_, _, operation)| &operation["responses"])
        .collect();
    while let Some(part) = walk.pop() {
        if let Some(to) = part["$ref"].as_str() {
            if seen.insert(to) {
                walk.push(resolved(&document, part));
            }
            continue;
        }
        let is_object = part["type"] == "object" || part["type"][0] == "object";
        assert!(!is_object || part.get("additionalProperties").is_some(), "it is open: {part}");
        walk.extend(
            part.as_object()
                .into_iter()
                .flatten()
                .filter(|(name, _)| *name != "examples")
                .map(|(_, part)| part),
        );
        walk.extend(part.as_array().into_iter().flatten());
    }
    assert!(seen.len() > 20, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_version_is_the_products() {
    assert_eq!(document().await["info"]["version"], env!("CARGO_PKG_VERSION"));
}

on_each_engine! {
    async fn the_document_needs_no_token_and_is_compressed_for_those_who_ask(service: Service) {
        let plain = service.get("", "/openapi.json").await;
        assert_eq!((plain.status, plain.header("content-type")), (200, "application/json"));
        assert_eq!(plain.json()["openapi"], "3.1.1");
        let zipped = service.ask("GET", "/openapi.json").header("Accept-Encoding", "gzip").send().await;
        assert_eq!(zipped.header("content-encoding"), "gzip");
        assert!(zipped.body.len() * 4 < plain.body.len());
        let with_token = service.get("nobody", "/openapi.json?anything=1").await;
        assert_eq!(with_token.body, plain.body);
    }
}
