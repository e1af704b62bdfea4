//! Pages as Markdown.

use std::fmt::Write as _;

use super::block::{Block, Inline, Page};

/// A whole page.
pub(super) fn page(page: &Page) -> String {
    let mut text = format!("# {}\n", plain(&page.title));
    for block in &page.blocks {
        text.push('\n');
        write_block(&mut text, block);
    }
    text
}

fn write_block(text: &mut String, block: &Block) {
    match block {
        Block::Heading(level, words) => {
            let _ = writeln!(text, "{} {}", "#".repeat(usize::from(*level)), plain(words));
        }
        Block::Paragraph(words) => {
            let _ = writeln!(text, "{}", line(words));
        }
        Block::Code(code) => {
            // No example holds three backticks in a row: it is JSON, or a line of a command.
            let _ = writeln!(text, "```\n{code}\n```");
        }
        Block::List(items) => {
            for item in items {
                let _ = writeln!(text, "- {}", line(item));
            }
        }
        Block::Table(names, rows) => {
            let _ = writeln!(text, "| {} |\n|{}", names.join(" | "), "---|".repeat(names.len()));
            for row in rows {
                let cells: Vec<String> = row.iter().map(|cell| cell_of(cell)).collect();
                let _ = writeln!(text, "| {} |", cells.join(" | "));
            }
        }
    }
}

/// A `|` would end the cell, also within code.
fn cell_of(text: &[Inline]) -> String {
    line(text).replace('|', "\\|")
}

fn line(text: &[Inline]) -> String {
    let part = |part: &Inline| match part {
        Inline::Text(text) => plain(text),
        Inline::Code(text) => format!("`{text}`"),
        Inline::Page(words, slug) => format!("[{}]({})", plain(words), super::path(slug, ".md")),
        Inline::Path(words, path) => format!("[{}]({path})", plain(words)),
    };
    text.iter().map(part).collect()
}

/// Text that Markdown takes for nothing else.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>') {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_markdown_is_shown_and_not_obeyed() {
        let text = |text: &str| Inline::Text(text.to_owned());
        assert_eq!(line(&[text("a_b*[c](d)<e>`")]), "a\\_b\\*\\[c\\](d)\\<e\\>\\`");
        let code = Inline::Code("a|b".to_owned());
        assert_eq!(cell_of(&[text("|"), code]), "\\|`a\\|b`");
        let page = page(&Page {
            slug: "x".to_owned(),
            title: "T".to_owned(),
            blocks: vec![
                Block::Heading(3, "H".to_owned()),
                Block::List(vec![vec![Inline::Page("p".to_owned(), "q".to_owned())]]),
                Block::Table(vec!["a", "b"], vec![vec![vec![text("1")], vec![text("2")]]]),
                Block::Code("{}".to_owned()),
            ],
        });
        assert_eq!(
            page,
            "# T\n\n### H\n\n- [p](/docs/q.md)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\n{}\n```\n"
        );
    }
}
