//! One document out of many fragments: pure, and strict about what they hold.

use std::{collections::BTreeSet, fmt};

use super::json::Json;

/// A part of the document: its name in messages, and its text.
pub(crate) type Fragment = (&'static str, &'static str);

/// Why fragments make no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Put `fragments` into `frame`, which has what all of them share.
///
/// A fragment says what is particular to its operations. What follows from an operation's path and method is
/// added here, so that no fragment can forget it: the store in the path, the token, the refusals that come
/// before the handler, and the headers of every answer.
pub(crate) fn assemble(frame: Fragment, fragments: &[Fragment]) -> Result<Json, Fault> {
    let mut document = read(frame)?;
    for fragment in fragments {
        let part = read(*fragment)?;
        for (name, value) in part.members() {
            match name.as_str() {
                "tags" => add_tags(&mut document, value, fragment.0)?,
                "paths" => add_paths(&mut document, value, fragment.0)?,
                "components" => add_components(&mut document, value, fragment.0)?,
                _ => return Err(fault(fragment.0, format!("{name} is no part of a fragment"))),
            }
        }
    }
    check_operations(&document)?;
    check_references(&document, &document)?;
    Ok(document)
}

fn read((name, text): Fragment) -> Result<Json, Fault> {
    serde_json::from_str(text).map_err(|error| fault(name, error.to_string()))
}

fn fault(fragment: &str, what: impl fmt::Display) -> Fault {
    Fault(format!("{fragment}: {what}"))
}

fn add_tags(document: &mut Json, tags: &Json, fragment: &str) -> Result<(), Fault> {
    let known = document.member("tags", Json::List(Vec::new()));
    let Json::List(known) = known else { return Err(fault(fragment, "tags are a list")) };
    for tag in tags.items() {
        let name = tag.text_of("name");
        if known.iter().any(|known| known.text_of("name") == name) {
            return Err(fault(fragment, format!("the tag {name} is there already")));
        }
        known.push(tag.clone());
    }
    Ok(())
}

fn add_paths(document: &mut Json, paths: &Json, fragment: &str) -> Result<(), Fault> {
    for (path, methods) in paths.members() {
        for (method, operation) in methods.members() {
            let mut operation = operation.clone();
            complete(path, method, &mut operation);
            let known = document.object("paths").object(path);
            add(known, method, operation, &format!("{method} {path}"), fragment)?;
        }
    }
    Ok(())
}

fn add_components(document: &mut Json, components: &Json, fragment: &str) -> Result<(), Fault> {
    for (kind, parts) in components.members() {
        for (name, part) in parts.members() {
            let known = document.object("components").object(kind);
            add(known, name, part.clone(), &format!("{kind}/{name}"), fragment)?;
        }
    }
    Ok(())
}

/// A new member, and never in the place of another.
fn add(
    object: &mut Json,
    name: &str,
    value: Json,
    what: &str,
    fragment: &str,
) -> Result<(), Fault> {
    let there_is = || fault(fragment, format!("{what} is there already"));
    let Json::Object(members) = object else { return Err(there_is()) };
    if members.iter().any(|(known, _)| known == name) {
        return Err(there_is());
    }
    members.push((name.to_owned(), value));
    Ok(())
}

/// Whose words an operation speaks: what stands before the name of each shared part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    V2,
    V3,
    /// What belongs to no store has none of the shared refusals.
    None,
}

fn words(path: &str) -> Words {
    if path.starts_with("/stores/{store_hash}/v2/") {
        Words::V2
    } else if path.starts_with("/stores/{store_hash}/") {
        Words::V3
    } else {
        Words::None
    }
}

/// Add what follows from path and method.
fn complete(path: &str, method: &str, operation: &mut Json) {
    let words = words(path);
    let prefix = match words {
        Words::V2 => "V2",
        Words::V3 => "V3",
        Words::None => "",
    };
    if words != Words::None {
        if let Json::List(parameters) = operation.member("parameters", Json::List(Vec::new())) {
            parameters.insert(0, Json::reference("#/components/parameters/StoreHash"));
        }
        operation.member("security", Json::List(vec![empty_object_of_list("token")]));
    }
    let Json::Object(responses) = operation.object("responses") else { return };
    for (_, response) in responses.iter_mut().filter(|(_, it)| it.get("$ref").is_none()) {
        for name in headers(words) {
            let reference = Json::reference(&format!("#/components/headers/{name}"));
            response.object("headers").member(name, reference);
        }
    }
    let has_ids = path.matches('{').count() > 1;
    for (status, name) in refusals(words, has_ids, matches!(method, "post" | "put")) {
        if responses.iter().all(|(known, _)| known != status) {
            let to = match name {
                // Said by neither version: the request never came so far.
                "UriTooLong" | "HeadTooLarge" => format!("#/components/responses/{name}"),
                _ => format!("#/components/responses/{prefix}{name}"),
            };
            responses.push((status.to_owned(), Json::reference(&to)));
        }
    }
    responses.sort_by(|(one, _), (other, _)| one.cmp(other));
}

fn empty_object_of_list(name: &str) -> Json {
    Json::Object(vec![(name.to_owned(), Json::List(Vec::new()))])
}

/// The headers of every answer that a handler gives.
fn headers(words: Words) -> &'static [&'static str] {
    const ALL: [&str; 7] = [
        "X-Request-Id",
        "X-Rate-Limit-Requests-Left",
        "X-Rate-Limit-Time-Reset-Ms",
        "X-Rate-Limit-Requests-Quota",
        "X-Rate-Limit-Time-Window-Ms",
        "X-Bc-Store-Version",
        "X-Bc-Apilimit-Remaining",
    ];
    match words {
        Words::None => &ALL[..1],
        Words::V3 => &ALL[..5],
        Words::V2 => &ALL,
    }
}

/// The refusals that an operation shares with all of its kind: the status, and the name of the response.
fn refusals(
    words: Words,
    has_ids: bool,
    has_body: bool,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_v2 = words == Words::V2;
    let unreadable = if of_v2 { ("400", "Invalid") } else { ("422", "Invalid") };
    let all = [
        (true, unreadable),
        (has_ids && !of_v2, ("400", "PathInvalid")),
        (true, ("401", "Unauthorized")),
        (true, ("403", "Forbidden")),
        (has_ids, ("404", "NotFound")),
        (true, ("406", "NotAcceptable")),
        (has_body, ("408", "CutOff")),
        (has_body, ("413", "TooLarge")),
        (true, ("414", "UriTooLong")),
        (has_body, ("415", "NotJson")),
        (true, ("429", "TooManyRequests")),
        (true, ("431", "HeadTooLarge")),
        (true, ("500", "Failed")),
        (true, ("503", "Unavailable")),
    ];
    all.into_iter()
        .filter(move |(holds, _)| *holds && words != Words::None)
        .map(|(_, refusal)| refusal)
}

/// Every operation with its path and method, in the order of the document.
pub(crate) fn operations(document: &Json) -> impl Iterator<Item = (&str, &str, &Json)> {
    let paths = document.get("paths").map(Json::members).unwrap_or_default();
    paths.iter().flat_map(|(path, methods)| {
        methods
            .members()
            .iter()
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Each operation has a name of its own, a scope, and a tag that is described.
fn check_operations(document: &Json) -> Result<(), Fault> {
    let tags: Vec<&str> = document.items_of("tags").iter().map(|tag| tag.text_of("name")).collect();
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(document) {
        let here = format!("{method} {path}");
        for member in ["operationId", "summary", "description", "x-required-scope"] {
            if operation.text_of(member).is_empty() {
                return Err(fault(&here, format!("{member} is missing")));
            }
        }
        let name = operation.text_of("operationId");
        if !names.insert(name.to_lowercase()) {
            return Err(fault(&here, format!("the operationId {name} is there already")));
        }
        let tag = operation.items_of("tags");
        if tag.len() != 1 || !tag[0].as_text().is_some_and(|tag| tags.contains(&tag)) {
            return Err(fault(&here, "it needs one tag, and that has to be described"));
        }
    }
    Ok(())
}

/// Every `$ref` leads somewhere.
fn check_references(document: &Json, here: &Json) -> Result<(), Fault> {
    match here {
        Json::Object(members) => members.iter().try_for_each(|(name, value)| {
            match value.as_text().filter(|_| name == "$ref") {
                Some(to) if document.at(to).is_none() => Err(fault(to, "leads nowhere")),
                _ => check_references(document, value),
            }
        }),
        Json::List(items) => items.iter().try_for_each(|item| check_references(document, item)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Fragment = (
        "frame",
        r#"{"tags":[{"name":"T"}],"paths":{},"components":{
            "parameters":{"StoreHash":{}},
            "headers":{"X-Request-Id":{}},
            "schemas":{"Known":{}}}}"#,
    );

    fn operation(name: &str, extra: &str) -> String {
        format!(
            r#"{{"operationId":"{name}","summary":"s","description":"d","tags":["T"],
                "x-required-scope":"public","responses":{{"200":{{"description":"d"}}}}{extra}}}"#
        )
    }

    fn told(fragments: &[String]) -> Result<Json, String> {
        let leaked = fragments.iter().map(|text| ("part", &*text.clone().leak()));
        assemble(FRAME, &leaked.collect::<Vec<_>>()).map_err(|fault| fault.to_string())
    }

    #[track_caller]
    fn refused(fragments: &[String], words: &str) {
        let fault = told(fragments).expect_err("a fault");
        assert!(fault.contains(words), "{fault}");
    }

    #[test]
    fn what_is_there_twice_or_leads_nowhere_is_refused() {
        let get = |path: &str, name: &str, extra: &str| {
            format!(r#"{{"paths":{{"{path}":{{"get":{}}}}}}}"#, operation(name, extra))
        };
        assert!(told(&[get("/a", "a", ""), get("/b", "b", "")]).is_ok());
        refused(&[get("/a", "a", ""), get("/a", "b", "")], "get /a is there already");
        refused(&[get("/a", "a", ""), get("/b", "A", "")], "the operationId A is there already");
        refused(
            &[get("/a", "a", r##","x":{"$ref":"#/components/schemas/Unknown"}"##)],
            "#/components/schemas/Unknown: leads nowhere",
        );
        refused(&[get("/a", "", "")], "operationId is missing");
        refused(
            &[r#"{"components":{"schemas":{"Known":{}}}}"#.to_owned()],
            "schemas/Known is there",
        );
        refused(&[r#"{"tags":[{"name":"T"}]}"#.to_owned()], "the tag T is there already");
        refused(&[r#"{"info":{}}"#.to_owned()], "info is no part of a fragment");
        refused(&["{".to_owned()], "part: ");
        refused(&[get("/a", "a", "").replace(r#"["T"]"#, r#"["U"]"#)], "one tag");
    }

    #[test]
    fn what_belongs_to_no_store_gets_no_refusals_and_its_request_id() {
        let document =
            told(&[format!(r#"{{"paths":{{"/a":{{"get":{}}}}}}}"#, operation("a", ""))]).unwrap();
        let (_, _, operation) = operations(&document).next().unwrap();
        assert_eq!(operation.get("security"), None);
        let responses = operation.get("responses").unwrap().members();
        assert_eq!(responses.len(), 1);
        assert_eq!(responses[0].1.get("headers").unwrap().members().len(), 1);
    }

    #[test]
    fn an_operation_of_a_store_gets_its_token_and_what_comes_before_the_handler() {
        #[track_caller]
        fn check(path: &str, method: &str, expected: &[&str]) {
            let mut operation: Json =
                serde_json::from_str(r#"{"responses":{"200":{"description":"d"}}}"#).unwrap();
            complete(path, method, &mut operation);
            let responses = operation.get("responses").unwrap().members();
            let statuses: Vec<&str> = responses.iter().map(|(status, _)| status.as_str()).collect();
            assert_eq!(statuses, expected);
            assert!(operation.get("security").is_some());
        }
        let v3 = "/stores/{store_hash}/v3/customers";
        check(v3, "get", &["200", "401", "403", "406", "414", "422", "429", "431", "500", "503"]);
        check(
            "/stores/{store_hash}/v3/customers/{customer_id}/consent",
            "put",
            &[
                "200", "400", "401", "403", "404", "406", "408", "413", "414", "415", "422", "429",
                "431", "500", "503",
            ],
        );
        check(
            "/stores/{store_hash}/v2/customers/{customer_id}",
            "delete",
            &["200", "400", "401", "403", "404", "406", "414", "429", "431", "500", "503"],
        );
    }
}
