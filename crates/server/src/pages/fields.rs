//! A schema as a table: one row a member, however deep.

use super::block::{Block, Inline, code, inline};
use crate::document::Json;

/// The members of a body. `always` marks those that must be there, `sometimes` the others.
pub(super) fn table(
    document: &Json,
    schema: &Json,
    always: &'static str,
    sometimes: &'static str,
) -> Block {
    let mut rows = Vec::new();
    let marks = (always, sometimes);
    members(document, schema.resolved(document), "", marks, &mut rows);
    if rows.is_empty() {
        let schema = schema.resolved(document);
        rows.push(vec![
            inline("the whole"),
            inline(&kind(document, schema)),
            inline(schema.text_of("description")),
        ]);
    }
    Block::Table(vec!["Member", "Value", "Meaning"], rows)
}

type Rows = Vec<Vec<Vec<Inline>>>;

fn members(document: &Json, schema: &Json, path: &str, marks: (&str, &str), rows: &mut Rows) {
    // Deeper than any body is: a schema that refers to itself comes to an end.
    if path.matches(['.', '[']).count() > 8 {
        return;
    }
    if let Some(items) = schema.get("items") {
        members(document, items.resolved(document), &format!("{path}[]"), marks, rows);
    }
    // Of several kinds of object each is told in turn; the member that tells them apart comes first in each.
    for choice in schema.items_of("anyOf").iter().chain(schema.items_of("oneOf")) {
        members(document, choice.resolved(document), path, marks, rows);
    }
    let required = schema.items_of("required");
    for (name, member) in schema.get("properties").map(Json::members).unwrap_or_default() {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{name}");
        let full = member.resolved(document);
        let mark =
            if required.iter().any(|it| it.as_text() == Some(name)) { marks.0 } else { marks.1 };
        let mut value = kind(document, member);
        if !mark.is_empty() {
            value.push_str(", ");
            value.push_str(mark);
        }
        let told = |schema: &Json| schema.text_of("description").to_owned();
        let own = Some(told(member)).filter(|own| !own.is_empty());
        rows.push(vec![
            vec![code(&path)],
            inline(&value),
            inline(&own.unwrap_or_else(|| told(full))),
        ]);
        members(document, full, &path, marks, rows);
    }
}

/// What a value is, in few words: `integer, 1 to 250`.
pub(super) fn kind(document: &Json, schema: &Json) -> String {
    let schema = schema.resolved(document);
    if let Some(value) = schema.get("const") {
        return format!("always {}", shown(value));
    }
    let choices = schema.items_of("enum");
    if !choices.is_empty() {
        return choices.iter().map(shown).collect::<Vec<_>>().join(", ");
    }
    let mut words: Vec<&str> = match schema.get("type") {
        Some(Json::Text(name)) => vec![name],
        Some(Json::List(names)) => names.iter().filter_map(Json::as_text).collect(),
        _ => Vec::new(),
    };
    if words.is_empty() {
        let choices = schema.items_of("anyOf").iter().chain(schema.items_of("oneOf"));
        let mut kinds: Vec<String> = choices.map(|choice| kind(document, choice)).collect();
        kinds.dedup();
        return if kinds.is_empty() { "anything".to_owned() } else { kinds.join(" or ") };
    }
    let is_date = schema.text_of("format") == "date-time";
    for word in &mut words {
        *word = match *word {
            "string" if is_date => "date and time",
            "string" => "text",
            "boolean" => "true or false",
            "array" => "list",
            other => other,
        };
    }
    let mut kind = words.join(" or ");
    if let Some(items) = schema.get("items").map(|items| items.resolved(document)) {
        // Without its bounds: they would be read as the list's.
        let item = self::kind(document, items);
        let item = item.strip_suffix(&*bounds(items)).unwrap_or(&item).to_owned();
        kind = kind.replace("list", &format!("list of {item}"));
    }
    kind + &bounds(schema)
}

fn bounds(schema: &Json) -> String {
    let pairs = [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ];
    pairs
        .into_iter()
        .filter_map(|(least, most, unit)| match (schema.get(least), schema.get(most)) {
            (Some(least), Some(most)) if least == most => {
                Some(format!(", just {}{}", bare(least), unit.trim_end_matches('s')))
            }
            (Some(least), Some(most)) => Some(format!(", {} to {}{unit}", bare(least), bare(most))),
            (Some(least), None) => Some(format!(", at least {}{unit}", bare(least))),
            (None, Some(most)) => Some(format!(", at most {}{unit}", bare(most))),
            (None, None) => None,
        })
        .collect()
}

fn shown(value: &Json) -> String {
    format!("`{}`", bare(value))
}

fn bare(value: &Json) -> String {
    match value {
        Json::Text(text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_value_is_told_in_few_words() {
        #[track_caller]
        fn check(schema: &str, expected: &str) {
            let document = json(r#"{"s":{"Id":{"type":"integer","minimum":1}}}"#);
            assert_eq!(kind(&document, &json(schema)), expected);
        }
        check(r##"{"$ref":"#/s/Id"}"##, "integer, at least 1");
        check(r#"{"type":["string","null"],"maxLength":5}"#, "text or null, at most 5 characters");
        check(
            r##"{"type":"array","items":{"$ref":"#/s/Id"},"minItems":1,"maxItems":1}"##,
            "list of integer, just 1 item",
        );
        check(r#"{"enum":["a","b"]}"#, "`a`, `b`");
        check(r#"{"const":3}"#, "always `3`");
        check(r#"{"anyOf":[{"type":"string"},{"type":"string"},{"type":"null"}]}"#, "text or null");
        check("{}", "anything");
    }

    #[test]
    fn members_are_told_by_their_paths_and_a_circle_ends() {
        let document = json(
            r##"{"s":{"A":{"type":"object","required":["b"],"properties":{
                "b":{"type":"array","items":{"type":"object","properties":{"c":{"type":"null"}}}},
                "a":{"$ref":"#/s/A"}}}}}"##,
        );
        let schema = json(r##"{"$ref":"#/s/A"}"##);
        let Block::Table(_, rows) = table(&document, &schema, "required", "") else { panic!() };
        assert_eq!(rows[0][0], [code("b")]);
        assert_eq!(rows[0][1], inline("list of object, required"));
        assert_eq!(rows[1][0], [code("b[].c")]);
        assert_eq!(rows[3][0], [code("a.b")]);
        assert!(rows.len() < 60);
    }

    #[test]
    fn of_several_kinds_of_object_each_is_told_in_turn() {
        let document =
            json(r#"{"s":{"B":{"type":"object","properties":{"c":{"type":"string"}}}}}"#);
        let schema = json(
            r##"{"type":"object","properties":{"a":{"anyOf":[{"type":"null"},
                {"type":"object","properties":{"b":{"type":"integer"}}},{"$ref":"#/s/B"}]}}}"##,
        );
        let Block::Table(_, rows) = table(&document, &schema, "", "") else { panic!() };
        let told: Vec<_> = rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
        let expected = [("a", "null or object"), ("a.b", "integer"), ("a.c", "text")];
        assert_eq!(told, expected.map(|(path, kind)| (vec![code(path)], inline(kind))));
    }
}
