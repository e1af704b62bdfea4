//! Answers that were written before, kept in memory for who asks again.
//!
//! A page is shown again only while nothing that it was made of has changed: [`sql::Marks`] says how that is known, and
//! why it is right. What is asked for once is not kept: in a store of millions it would push out what is asked for again
//! and again, and keeping it costs more than it ever saves.

use std::{
    fmt,
    hash::BuildHasher as _,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use axum::{
    body::Bytes,
    http::{HeaderValue, StatusCode, header::LAST_MODIFIED},
    response::{IntoResponse, Response},
};
use kernel::StoreId;
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use sql::{Db, Mark, Standing};

use crate::answer;

/// A 200 with a JSON body, written out.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The JSON.
    pub body: Bytes,
    /// When what it shows was last changed, where that is told.
    pub last_modified: Option<HeaderValue>,
}

/// Which sheet: what it shows, of what in a store, and in which manner where there are several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shown {
    operation: &'static str,
    store: StoreId,
    /// The mark of this number in this store moves with what is shown.
    thing: i64,
    query: String,
}

impl Shown {
    /// What an operation, by its name, shows of one thing of a store, whose mark has this number.
    #[must_use]
    pub fn of(operation: &'static str, store: StoreId, thing: i64) -> Self {
        Self { operation, store, thing, query: String::new() }
    }

    /// What it shows to who asks with this query, as it was sent.
    #[must_use]
    pub fn to(self, query: &str) -> Self {
        Self { query: query.to_owned(), ..self }
    }

    fn mark(&self) -> Mark {
        Mark::of(self.store.0, self.thing)
    }
}

/// Sheets in memory, no more than so many bytes.
pub struct Shelf {
    /// `None` where no page is ever kept.
    pages: Option<Cache<Shown, Kept, Bytewise>>,
    asked: Asked,
}

#[derive(Clone, Debug)]
struct Kept {
    standing: (Standing, Standing),
    sheet: Sheet,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = self.pages.as_ref().map(Cache::len);
        f.debug_struct("Shelf").field("pages", &pages).finish_non_exhaustive()
    }
}

impl Shelf {
    /// A shelf for so many bytes; with none nothing is ever kept. They are taken as pages come, not before.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(bytes / EXPECTED)
            .weight_capacity(u64::try_from(bytes).unwrap_or(u64::MAX))
            .shards((bytes / SHARD).max(1))
            .build();
        let pages = options.ok().filter(|_| bytes > 0).map(|options| {
            let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
            Cache::with_options(options, Bytewise, hasher, lifecycle)
        });
        Self { pages, asked: Asked::default() }
    }

    /// The answer, from the shelf or as `write` writes it from what the database has now.
    pub(crate) async fn sheet<E>(
        &self,
        db: &Db,
        shown: Shown,
        write: impl AsyncFnOnce() -> Result<Sheet, E>,
    ) -> Result<Sheet, E> {
        let is_short = shown.query.len() <= LONGEST_QUERY;
        let Some((marks, pages)) = db.marks().zip(self.pages.as_ref()).filter(|_| is_short) else {
            return write().await;
        };
        let (one, all) = (shown.mark(), Mark::of(shown.store.0, 0));
        let standing = || Some((marks.standing(one)?, marks.standing(all)?));
        // Before the database is read, never after.
        let Some(seen) = standing() else { return write().await };
        if let Some(kept) = pages.get(&shown) {
            if kept.standing == seen {
                return Ok(kept.sheet);
            }
            // Also so that what is gone does not lie there.
            pages.remove_if(&shown, |kept| kept.standing != seen);
        }
        let sheet = write().await?;
        if self.asked.again(&shown) {
            // In no more room than it takes: it was written into more.
            let body = Bytes::copy_from_slice(&sheet.body);
            let sheet = Sheet { body, last_modified: sheet.last_modified.clone() };
            pages.insert(shown, Kept { standing: seen, sheet });
        }
        Ok(sheet)
    }
}

impl IntoResponse for Sheet {
    fn into_response(self) -> Response {
        let mut response = answer::json(StatusCode::OK, self.body);
        if let Some(at) = self.last_modified {
            response.headers_mut().insert(LAST_MODIFIED, at);
        }
        response
    }
}

#[derive(Clone, Debug)]
struct Bytewise;

impl Weighter<Shown, Kept> for Bytewise {
    fn weight(&self, shown: &Shown, kept: &Kept) -> u64 {
        let date = kept.sheet.last_modified.as_ref().map_or(0, HeaderValue::len);
        let text = shown.query.len() + date + kept.sheet.body.len();
        let weight = text + size_of::<(Shown, Kept)>() + OVERHEAD;
        u64::try_from(weight).unwrap_or(u64::MAX)
    }
}

/// What was asked for lately, nearly: a bit for each page, some of which share one.
struct Asked {
    hasher: DefaultHashBuilder,
    bits: Box<[AtomicU64]>,
    set: AtomicUsize,
}

impl Default for Asked {
    fn default() -> Self {
        let bits = std::iter::repeat_with(AtomicU64::default).take(BITS / 64).collect();
        Self { hasher: DefaultHashBuilder::default(), bits, set: AtomicUsize::default() }
    }
}

impl Asked {
    /// Whether it was asked for before; from now on it was.
    fn again(&self, shown: &Shown) -> bool {
        let at = usize::try_from(self.hasher.hash_one(shown) >> (64 - BITS.ilog2())).unwrap_or(0);
        let (word, bit) = (&self.bits[at / 64], 1 << (at % 64));
        if word.load(Relaxed) & bit != 0 {
            return true;
        }
        word.fetch_or(bit, Relaxed);
        // Once a quarter is set it says little: what is asked for often is soon there again.
        if self.set.fetch_add(1, Relaxed) >= BITS / 4 {
            self.set.store(0, Relaxed);
            self.bits.iter().for_each(|word| word.store(0, Relaxed));
        }
        false
    }
}

/// The longest query, in bytes, under which a page is kept.
const LONGEST_QUERY: usize = 512;

/// How many bits remember what was asked for: 8 KiB of them.
const BITS: usize = 1 << 16;

/// How many bytes a page takes, to begin with.
const EXPECTED: usize = 512;

/// How many bytes there are in each part that is locked by itself, or half as many: what is larger is not kept. Lists of
/// 250 customers are some 150 KB.
const SHARD: usize = 1 << 20;

/// How many bytes a page takes besides itself: in the table, in its queue, and for being shared.
const OVERHEAD: usize = 96;

#[cfg(test)]
mod tests {
    use sql::Marks;

    use super::*;

    #[test]
    fn a_large_list_is_kept_however_many_processors_there_are() {
        for bytes in [1 << 20, 3 << 20, 16 << 20, 1 << 30] {
            let pages = Shelf::new(bytes).pages.expect("room");
            let standing = Marks::default().standing(Mark::of(1, 1)).expect("nothing moves");
            let shown = Shown::of("list", StoreId(1), 1);
            let sheet = Sheet { body: vec![b' '; 400_000].into(), last_modified: None };
            pages.insert(shown.clone(), Kept { standing: (standing, standing), sheet });
            assert!(pages.get(&shown).is_some(), "{bytes}");
        }
        assert!(Shelf::new(0).pages.is_none());
    }
}
