//! The document, told page by page.

use super::{
    block::{Block, Inline, Page, blocks, code, inline},
    fields,
};
use crate::document::{Json, operations};

/// The index, and a page for each operation.
pub(super) fn pages(document: &Json) -> Vec<Page> {
    let of_operations = operations(document)
        .map(|(path, method, operation)| of_operation(document, path, method, operation));
    [index(document)].into_iter().chain(of_operations).collect()
}

/// The name of an operation's page: its id in lower case, with hyphens between its words.
pub(super) fn slug(operation: &Json) -> String {
    let mut slug = String::new();
    for character in operation.text_of("operationId").chars() {
        if character.is_ascii_uppercase() {
            slug.push('-');
        }
        slug.push(character.to_ascii_lowercase());
    }
    slug
}

/// The operations of each tag, tag by tag.
pub(super) fn by_tag(document: &Json) -> impl Iterator<Item = (&Json, Vec<(&str, &str, &Json)>)> {
    document.items_of("tags").iter().map(|tag| {
        let name = tag.text_of("name");
        let its = |operation: &Json| {
            operation.items_of("tags").iter().any(|tag| tag.as_text() == Some(name))
        };
        (tag, operations(document).filter(|(_, _, operation)| its(operation)).collect())
    })
}

fn index(document: &Json) -> Page {
    let mut content = Vec::new();
    let info = document.get("info").unwrap_or(&Json::Null);
    content.push(Block::Paragraph(inline(info.text_of("summary"))));
    content.push(Block::Paragraph(vec![
        Inline::Text("For machines: ".to_owned()),
        Inline::Path("the OpenAPI document".to_owned(), "/openapi.json".to_owned()),
        Inline::Text(", ".to_owned()),
        Inline::Path("an index for language models".to_owned(), "/llms.txt".to_owned()),
        Inline::Text(" and ".to_owned()),
        Inline::Path("everything in one text".to_owned(), "/llms-full.txt".to_owned()),
        Inline::Text(".".to_owned()),
    ]));
    for (tag, its) in by_tag(document) {
        content.push(Block::Heading(2, tag.text_of("name").to_owned()));
        content.push(Block::Paragraph(inline(tag.text_of("description"))));
        let row = |(path, method, operation): (&str, &str, &Json)| {
            let words = operation.text_of("summary").to_owned();
            vec![
                vec![Inline::Page(words, slug(operation))],
                vec![code(format!("{} {path}", method.to_uppercase()))],
            ]
        };
        let rows = its.into_iter().map(row).collect();
        content.push(Block::Table(vec!["Operation", "Request"], rows));
    }
    content.extend(blocks(info.text_of("description")));
    Page { slug: String::new(), title: info.text_of("title").to_owned(), blocks: content }
}

fn of_operation(document: &Json, path: &str, method: &str, operation: &Json) -> Page {
    let mut content = vec![Block::Code(format!("{} {path}", method.to_uppercase()))];
    content.extend(blocks(operation.text_of("description")));
    content.push(Block::Paragraph(match operation.text_of("x-required-scope") {
        "public" => inline("Anybody may ask; no token is needed."),
        "any token" => inline("Any token of the store will do."),
        scope => vec![Inline::Text("Scope: ".to_owned()), code(scope)],
    }));
    content.extend(parameters(document, operation));
    content.extend(request(document, path, method, operation));
    content.extend(answers(document, operation));
    Page { slug: slug(operation), title: operation.text_of("summary").to_owned(), blocks: content }
}

fn parameters(document: &Json, operation: &Json) -> Vec<Block> {
    let parameters: Vec<&Json> =
        operation.items_of("parameters").iter().map(|it| it.resolved(document)).collect();
    if parameters.is_empty() {
        return Vec::new();
    }
    let row = |parameter: &&Json| {
        let kind = parameter.get("schema").map(|schema| fields::kind(document, schema));
        vec![
            vec![code(parameter.text_of("name"))],
            inline(parameter.text_of("in")),
            inline(&kind.unwrap_or_default()),
            inline(parameter.text_of("description")),
        ]
    };
    let rows = parameters.iter().map(row).collect();
    vec![
        Block::Heading(2, "Parameters".to_owned()),
        Block::Table(vec!["Name", "In", "Value", "Meaning"], rows),
    ]
}

/// What to send: the members of the body, and a request as an example.
fn request(document: &Json, path: &str, method: &str, operation: &Json) -> Vec<Block> {
    let mut content = vec![Block::Heading(2, "Request".to_owned())];
    let media = operation.get("requestBody").and_then(json_media);
    if let Some(schema) = media.and_then(|media| media.get("schema")) {
        let list = schema.resolved(document).text_of("type") == "array";
        let what = if list { "The body is a JSON array." } else { "The body is a JSON object." };
        content.push(Block::Paragraph(inline(what)));
        content.push(fields::table(document, schema, "required", ""));
    }
    let mut example = format!("{} {}", method.to_uppercase(), filled(document, path, operation));
    if operation.get("security").is_some() {
        example.push_str("\nX-Auth-Token: …");
    }
    let body = media.map(|media| media.get("examples").map(Json::members).unwrap_or_default());
    if let Some((_, body)) = body.and_then(<[_]>::first) {
        let body = body.get("value").map(pretty).unwrap_or_default();
        example.push_str("\nContent-Type: application/json\n\n");
        example.push_str(&body);
    }
    content.push(Block::Code(example));
    content
}

/// The path with its parameters' examples in their places.
fn filled(document: &Json, path: &str, operation: &Json) -> String {
    let parameters = operation.items_of("parameters").iter().map(|it| it.resolved(document));
    parameters.filter(|it| it.text_of("in") == "path").fold(path.to_owned(), |path, parameter| {
        let example = match parameter.get("example") {
            Some(Json::Text(text)) => text.clone(),
            Some(other) => pretty(other),
            None => return path,
        };
        path.replace(&format!("{{{}}}", parameter.text_of("name")), &example)
    })
}

/// What comes back: what is particular to this operation at length, what it shares in one table.
fn answers(document: &Json, operation: &Json) -> Vec<Block> {
    let mut content = vec![Block::Heading(2, "Answers".to_owned())];
    let mut shared = Vec::new();
    let responses = operation.get("responses").map(Json::members).unwrap_or_default();
    for (status, response) in responses {
        let full = response.resolved(document);
        let description = inline(full.text_of("description"));
        if response.get("$ref").is_some() {
            shared.push(vec![vec![code(status)], description]);
            continue;
        }
        content.push(Block::Heading(3, status.clone()));
        content.push(Block::Paragraph(description));
        if let Some(media) = json_media(full) {
            content.extend(body(document, media));
        }
    }
    if !shared.is_empty() {
        content.push(Block::Heading(3, "Shared with other operations".to_owned()));
        content.push(Block::Table(vec!["Status", "When"], shared));
    }
    content
}

/// The members of a body, and its examples. Refusals all have the same members: the index tells of them.
fn body(document: &Json, media: &Json) -> Vec<Block> {
    let mut content = Vec::new();
    if let Some(schema) = media.get("schema")
        && !schema.text_of("$ref").ends_with("Failure")
    {
        content.push(fields::table(document, schema, "", "may be absent"));
    }
    for (name, example) in media.get("examples").map(Json::members).unwrap_or_default() {
        content.push(Block::Paragraph(inline(&format!("Example: {name}."))));
        content.push(Block::Code(example.get("value").map(pretty).unwrap_or_default()));
    }
    content
}

fn json_media(of: &Json) -> Option<&Json> {
    of.get("content")?.get("application/json")
}

fn pretty(value: &Json) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
