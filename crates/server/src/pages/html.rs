//! Pages as HTML: no script, nothing loaded, whatever came from outside escaped.

use std::fmt::Write as _;

use super::block::{Block, Inline, Page};

/// The look of every page, the same text that the policy names by its hash.
pub(super) const STYLE: &str = include_str!("style.css");

/// A whole page.
pub(super) fn page(page: &Page) -> String {
    let mut html = String::with_capacity(8 << 10);
    let title = escaped(&page.title);
    let markdown = super::path(&page.slug, ".md");
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <nav><a href=\"/docs\">All operations</a> · <a href=\"{markdown}\">This page as Markdown</a> · \
         <a href=\"/openapi.json\">OpenAPI</a></nav>\n<main>\n<h1>{title}</h1>\n"
    );
    for block in &page.blocks {
        write_block(&mut html, block);
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn write_block(html: &mut String, block: &Block) {
    match block {
        Block::Heading(level, text) => {
            let _ = writeln!(html, "<h{level}>{}</h{level}>", escaped(text));
        }
        Block::Paragraph(text) => {
            let _ = writeln!(html, "<p>{}</p>", line(text));
        }
        Block::Code(text) => {
            let _ = writeln!(html, "<pre><code>{}</code></pre>", escaped(text));
        }
        Block::List(items) => {
            html.push_str("<ul>\n");
            for item in items {
                let _ = writeln!(html, "<li>{}</li>", line(item));
            }
            html.push_str("</ul>\n");
        }
        Block::Table(names, rows) => {
            html.push_str("<div class=\"wide\"><table>\n<thead><tr>");
            for name in names {
                let _ = write!(html, "<th scope=\"col\">{}</th>", escaped(name));
            }
            html.push_str("</tr></thead>\n<tbody>\n");
            for row in rows {
                html.push_str("<tr>");
                for cell in row {
                    let _ = write!(html, "<td>{}</td>", line(cell));
                }
                html.push_str("</tr>\n");
            }
            html.push_str("</tbody>\n</table></div>\n");
        }
    }
}

fn line(text: &[Inline]) -> String {
    let part = |part: &Inline| match part {
        Inline::Text(text) => escaped(text),
        Inline::Code(text) => format!("<code>{}</code>", escaped(text)),
        Inline::Page(words, slug) => {
            format!("<a href=\"{}\">{}</a>", escaped(&super::path(slug, "")), escaped(words))
        }
        Inline::Path(words, path) => {
            format!("<a href=\"{}\">{}</a>", escaped(path), escaped(words))
        }
    };
    text.iter().map(part).collect()
}

/// Text that may stand between tags and in a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_tag_is_shown_and_not_obeyed() {
        let evil = "<script>\"'&".to_owned();
        let page = page(&Page {
            slug: "x".to_owned(),
            title: evil.clone(),
            blocks: vec![
                Block::Heading(2, evil.clone()),
                Block::Code(evil.clone()),
                Block::Paragraph(vec![
                    Inline::Text(evil.clone()),
                    Inline::Code(evil.clone()),
                    Inline::Page(evil.clone(), evil.clone()),
                    Inline::Path(evil.clone(), evil.clone()),
                ]),
                Block::List(vec![vec![Inline::Text(evil.clone())]]),
                Block::Table(vec!["<b>"], vec![vec![vec![Inline::Text(evil)]]]),
            ],
        });
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;&quot;&#39;&amp;").count(), 12);
    }
}
