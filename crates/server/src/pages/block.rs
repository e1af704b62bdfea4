//! What a page is made of, in no notation: [`super::html`] and [`super::markdown`] each write it.

/// A page: a title, and what stands below it.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Its name in the path; empty for the index.
    pub(super) slug: String,
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading below the title, of level 2 or 3.
    Heading(u8, String),
    Paragraph(Vec<Inline>),
    List(Vec<Vec<Inline>>),
    /// Shown as it is.
    Code(String),
    /// The names of the columns, and the rows.
    Table(Vec<&'static str>, Vec<Vec<Vec<Inline>>>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inline {
    Text(String),
    Code(String),
    /// Words that lead to a page by its slug.
    Page(String, String),
    /// Words that lead to a path of this server.
    Path(String, String),
}

/// Text with `code` in it.
pub(super) fn inline(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    let kind = |(at, part): (usize, &str)| {
        if at % 2 == 0 { Inline::Text(part.to_owned()) } else { code(part) }
    };
    parts.map(kind).collect()
}

/// A word that stands for itself.
pub(super) fn code(text: impl Into<String>) -> Inline {
    Inline::Code(text.into())
}

/// The little of Markdown that descriptions use: paragraphs, `## ` headings and code in a line.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let parts = text.split("\n\n").filter(|part| !part.is_empty());
    let block = |part: &str| match part.strip_prefix("## ") {
        Some(heading) => Block::Heading(2, heading.to_owned()),
        None => Block::Paragraph(inline(part)),
    };
    parts.map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stands_between_backticks() {
        let text = |text: &str| Inline::Text(text.to_owned());
        assert_eq!(inline("a `b` c"), [text("a "), code("b"), text(" c")]);
        assert_eq!(inline("`b`"), [code("b")]);
        assert_eq!(inline(""), []);
        assert_eq!(
            blocks("## A\n\nb"),
            [Block::Heading(2, "A".to_owned()), Block::Paragraph(vec![text("b")])]
        );
    }
}
