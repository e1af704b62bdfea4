//! Pages of the list of customers, newest first: how to ask for them, and what each must show.

use crate::{data::Answers, load::Line, shop::Shop, wire::Answer};

/// How many customers a page shows.
pub(crate) const LIMIT: i64 = 250;

/// How many different pages are asked for at most: more than anybody keeps in memory. What they must show is kept ready, a
/// hundred kilobytes each.
const MOST: i64 = 2_000;

/// Some pages, evenly spread over a list.
#[derive(Default)]
pub(crate) struct Pages(Vec<Page>);

/// One page.
pub(crate) struct Page {
    request: String,
    /// All of the answer but what only the server knows: the cursors.
    shown: Vec<u8>,
}

/// From which side of a customer a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The older ones, whose numbers are smaller.
    After,
    /// The newer ones.
    Before,
}

impl Pages {
    /// Pages of the first so many customers, by the cursors of the customers before them, which the server is asked for.
    pub(crate) async fn of(
        shop: &Shop,
        customers: i64,
        always: Option<i64>,
    ) -> Result<Self, String> {
        let answers = Answers::new();
        let count = (customers / LIMIT).clamp(1, MOST);
        let step = (customers - LIMIT - 1) / (count - 1).max(1);
        let mut line = Line::open(shop.port).await?;
        let mut pages = Vec::new();
        for place in 0..count {
            let from = LIMIT + 1 + place * step;
            pages.push(match always {
                Some(last) => Page::new(shop, &answers, (last + 1, Side::After), "any"),
                None => Page::beside(shop, &answers, &mut line, from, Side::After).await?,
            });
        }
        Ok(Self(pages))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn at(&self, place: usize) -> &Page {
        &self.0[place % self.0.len()]
    }
}

impl Page {
    /// The page beside a customer.
    pub(crate) async fn beside(
        shop: &Shop,
        answers: &Answers,
        line: &mut Line,
        id: i64,
        side: Side,
    ) -> Result<Self, String> {
        let path = format!("v3/customers?limit=1&id:in={id}");
        let found = shop.see(line, &path).await?;
        let cursor = found["meta"]["cursor_pagination"]["end_cursor"].as_str();
        let cursor = cursor.ok_or_else(|| format!("{path} has no cursor: {found}"))?;
        Ok(Self::new(shop, answers, (id, side), cursor))
    }

    fn new(shop: &Shop, answers: &Answers, (id, side): (i64, Side), cursor: &str) -> Self {
        let (word, newest) = match side {
            Side::After => ("after", id - 1),
            Side::Before => ("before", id + LIMIT),
        };
        let mut shown = Vec::new();
        answers.page(newest, LIMIT, &mut shown);
        shown.extend_from_slice(BLOCK);
        let request = shop.request(&format!("v3/customers?limit={LIMIT}&{word}={cursor}"));
        Self { request, shown }
    }

    pub(crate) fn request(&self) -> &str {
        &self.request
    }

    pub(crate) fn shown(&self) -> &[u8] {
        &self.shown
    }

    pub(crate) fn is_shown(&self, answer: &Answer) -> bool {
        let body = answer.body.bytes();
        answer.status == 200 && body.starts_with(&self.shown) && body.ends_with(b"}}}")
    }
}

/// What follows the customers of a full page that was asked for by a cursor.
const BLOCK: &[u8] =
    br#"],"meta":{"cursor_pagination":{"count":250,"per_page":250,"start_cursor":""#;

/// What the ceiling sends: a page that has the form and the size of a real one.
pub(crate) fn like_a_real_one(last: i64) -> Vec<u8> {
    let mut page = Vec::new();
    Answers::new().page(last, LIMIT, &mut page);
    page.extend_from_slice(BLOCK);
    page.extend_from_slice(
        br#"eyJpZCI6NDIxMzM3fQ","end_cursor":"eyJpZCI6NDIxMDg4fQ","links":{"previous":"?limit=250&before=eyJpZCI6NDIxMzM3fQ","next":"?limit=250&after=eyJpZCI6NDIxMDg4fQ"}}}}"#,
    );
    page
}
