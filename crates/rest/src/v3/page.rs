//! Pages of a list: by number, by cursor, and the `meta` that tells of them (observed.md 6).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Part, Stretch};
use serde::Serialize;
use serde_json::Value;

use super::{Failure, params::refuse};

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// From 1; ignored where a cursor is given.
    pub page: i64,
    /// Rows at most, 1..=250.
    pub limit: i64,
    /// The cursor of the row that follows the asked rows.
    pub before: Option<String>,
    /// The cursor of the row that precedes the asked rows.
    pub after: Option<String>,
}

impl Window {
    /// The rows of the asked page.
    #[must_use]
    pub fn part(&self) -> Part {
        Part { offset: (self.page - 1) * self.limit, limit: self.limit }
    }

    /// The asked rows of a list that has cursors: a page by its number, or what lies beside a cursor, of which
    /// `place` makes a place in the list.
    pub fn stretch<P>(
        &self,
        place: impl Fn(&str) -> Result<P, Failure>,
    ) -> Result<Stretch<P>, Failure> {
        match (&self.before, &self.after) {
            (Some(cursor), _) => place(cursor).map(Stretch::Before),
            (None, Some(cursor)) => place(cursor).map(Stretch::After),
            (None, None) => Ok(Stretch::Offset(self.part().offset)),
        }
    }

    /// Read a cursor: unpadded base64url of `{"id":N}`, with more members where the order needs them.
    pub fn cursor(text: &str) -> Result<Value, Failure> {
        let bytes =
            URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| Self::lost_cursor())?;
        serde_json::from_slice(&bytes).ok().filter(Value::is_object).ok_or_else(Self::lost_cursor)
    }

    /// A cursor that cannot be read, or that names no row of the list any more.
    #[must_use]
    pub fn lost_cursor() -> Failure {
        refuse("The cursor is not valid.")
    }
}

/// A page of a collection, in V3's envelope.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where they stand in the whole list.
    pub meta: Meta,
}

/// Which of the two blocks there are: both on the first page, only the first on later ones, only the second
/// where a cursor was given.
#[derive(Debug, Default, Serialize)]
pub struct Meta {
    /// Pages by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// Pages by cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor_pagination: Option<Cursors>,
}

impl Meta {
    /// Both blocks on the first page, one on the others (observed.md 6). There is no `pagination` where a cursor
    /// was given.
    #[must_use]
    pub fn walked(window: &Window, pagination: Option<Pagination>, cursors: Cursors) -> Self {
        let has_cursors = pagination.is_none() || window.page == 1;
        Self { pagination, cursor_pagination: has_cursors.then_some(cursors) }
    }
}

/// Five numbers, and links where the resource has them.
#[derive(Debug, Serialize)]
pub struct Pagination {
    /// Rows in the whole list.
    pub total: i64,
    /// Rows on this page.
    pub count: i64,
    /// Rows a full page has.
    pub per_page: i64,
    /// This page, as asked.
    pub current_page: i64,
    /// Pages in all.
    pub total_pages: i64,
    /// Queries of this page and of those beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<PageLinks>,
}

impl Pagination {
    /// The numbers of a page that holds `count` rows of `total`.
    #[must_use]
    pub fn new(window: &Window, count: usize, total: i64) -> Self {
        Self {
            total,
            count: i64::try_from(count).unwrap_or(i64::MAX),
            per_page: window.limit,
            current_page: window.page,
            total_pages: (total + window.limit - 1) / window.limit,
            links: None,
        }
    }

    /// For customers and addresses, whose empty list has one page (ruling 11).
    #[must_use]
    pub fn at_least_one_page(self) -> Self {
        Self { total_pages: self.total_pages.max(1), ..self }
    }

    /// With links that repeat the query as it was `sent` (observed.md 6: `?page=1&limit=50` where nothing was).
    #[must_use]
    pub fn with_links(self, sent: &str) -> Self {
        let (page, pages, per_page) = (self.current_page, self.total_pages, self.per_page);
        let link = |page: i64| page_link(sent, page, per_page);
        let links = PageLinks {
            previous: (page > 1 && page <= pages + 1).then(|| link(page - 1)),
            next: (page < pages).then(|| link(page + 1)),
            current: link(page),
        };
        Self { links: Some(links), ..self }
    }
}

/// Where a page's neighbours are; absent at either end of the list.
#[derive(Debug, Serialize)]
pub struct PageLinks {
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    current: String,
}

/// The query as it was sent, with another page in its place.
fn page_link(sent: &str, page: i64, limit: i64) -> String {
    if sent.is_empty() {
        return format!("?page={page}&limit={limit}");
    }
    let asks_for_page = |pair: &str| pair.split('=').next() == Some("page");
    let mut pairs: Vec<String> = (sent.split('&').filter(|pair| !pair.is_empty()))
        .map(|pair| if asks_for_page(pair) { format!("page={page}") } else { pair.to_owned() })
        .collect();
    if !sent.split('&').any(asks_for_page) {
        pairs.push(format!("page={page}"));
    }
    format!("?{}", pairs.join("&"))
}

/// The cursors of the first and last row of a page, and links to its neighbours.
#[derive(Debug, Serialize)]
pub struct Cursors {
    /// Rows on this page.
    pub count: i64,
    /// Rows a full page has.
    pub per_page: i64,
    /// The first row; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_cursor: Option<String>,
    /// The last row; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_cursor: Option<String>,
    /// Where to go on.
    pub links: Links,
}

/// Queries of the neighbouring pages; `{}` when there are none.
#[derive(Debug, Default, Serialize)]
pub struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Cursors {
    /// The block of a page whose rows have these cursors, first and last. `sent` is the query as it came;
    /// `more` tells which neighbours there are: before and after.
    #[must_use]
    pub fn new(
        window: &Window,
        count: usize,
        ends: Option<(impl Serialize, impl Serialize)>,
        more: (bool, bool),
        sent: &str,
    ) -> Self {
        let ends = ends.map(|(first, last)| (encode(&first), encode(&last)));
        let link = |name, cursor: &String| Some(format!("?{}{name}={cursor}", repeated(sent)));
        let links = match &ends {
            Some((first, last)) => Links {
                previous: if more.0 { link("before", first) } else { None },
                next: if more.1 { link("after", last) } else { None },
            },
            None => Links::default(),
        };
        let (start_cursor, end_cursor) = ends.unzip();
        Self {
            count: i64::try_from(count).unwrap_or(i64::MAX),
            per_page: window.limit,
            start_cursor,
            end_cursor,
            links,
        }
    }
}

fn encode(cursor: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

/// The query as it was sent, without the page it asked for, ready for one more parameter.
fn repeated(sent: &str) -> String {
    let names_no_page = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !matches!(name, "page" | "before" | "after" | "")
    };
    sent.split('&').filter(names_no_page).flat_map(|pair| [pair, "&"]).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cursor_is_the_recorded_text_and_can_be_read_back() {
        assert_eq!(encode(&json!({"id": 12})), "eyJpZCI6MTJ9");
        assert_eq!(Window::cursor("eyJpZCI6MX0").unwrap(), json!({"id": 1}));
        assert_eq!(Window::cursor("eyJpZCI6MX0=").unwrap(), json!({"id": 1}));
        for not in ["", "%%%", "MTI", "e30x"] {
            assert!(Window::cursor(not).is_err(), "{not}");
        }
    }

    #[test]
    fn numbered_links_repeat_the_query_with_another_page() {
        assert_eq!(page_link("", 1, 50), "?page=1&limit=50");
        assert_eq!(page_link("limit=2&page=3&email=a%40b", 4, 2), "?limit=2&page=4&email=a%40b");
        assert_eq!(page_link("limit=2", 2, 2), "?limit=2&page=2");
    }

    #[test]
    fn links_repeat_the_query_but_for_the_page() {
        assert_eq!(repeated("limit=2&page=1&email:in=a%40b&after=x&"), "limit=2&email:in=a%40b&");
        assert_eq!(repeated(""), "");
    }
}
