use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use kernel::{Span, Uuid, WhenFilter};

use super::{Failure, Window};
use crate::query::{Query, positive};

/// The query of a request. What is known is taken out of it; what is left over is refused.
pub struct Params {
    query: Query,
    sent: String,
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = Query::of(&parts.uri);
        if let Some(name) = query.with_nul() {
            return Err(refuse(format!(
                "Query parameter \"{name}\" value may not contain U+0000."
            )));
        }
        Ok(Self { query, sent: parts.uri.query().unwrap_or_default().to_owned() })
    }
}

/// For operations that take no parameters: any is refused.
pub struct NoParams;

impl<S: Sync> FromRequestParts<S> for NoParams {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        if parts.uri.query().is_none_or(str::is_empty) {
            return Ok(Self);
        }
        Params::from_request_parts(parts, state).await?.finish().map(|_| Self)
    }
}

impl Params {
    /// The items of a list; `None` if it is absent.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Failure> {
        self.query.items(name).map(within_bounds).transpose()
    }

    /// One text; `None` if it is absent.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.query.one(name)
    }

    /// One integer; `None` if it is absent.
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.query.one(name) else { return Ok(None) };
        integer(name, &text).map(Some)
    }

    /// The items of a list of integers, as ids of the kind that is wanted; `None` if it is absent.
    pub fn integers<I: From<i64>>(&mut self, name: &str) -> Result<Option<Vec<I>>, Failure> {
        let Some(items) = self.texts(name)? else { return Ok(None) };
        items
            .iter()
            .map(|item| integer(name, item).map(I::from))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The items of a list of UUIDs; `None` if it is absent.
    pub fn uuids(&mut self, name: &str) -> Result<Option<Vec<Uuid>>, Failure> {
        let Some(items) = self.texts(name)? else { return Ok(None) };
        let uuid = |item: String| {
            item.trim().parse().map_err(|_| {
                refuse(format!(
                    "Query parameter \"{name}\" value may contain only UUID values. For input string: \"{item}\"."
                ))
            })
        };
        items.into_iter().map(uuid).collect::<Result<_, _>>().map(Some)
    }

    /// A moment, as a filter means it (ruling 13).
    pub fn when(&mut self, name: &str) -> Result<Option<WhenFilter>, Failure> {
        let Some(text) = self.query.one(name) else { return Ok(None) };
        let read = WhenFilter::parse(&text);
        let not = || {
            refuse(format!(
                "Query parameter \"{name}\" value may contain only dates. For input string: \"{text}\"."
            ))
        };
        read.map(Some).ok_or_else(not)
    }

    /// The three filters of a date: `date_created`, `date_created:min` and `date_created:max`.
    pub fn span(&mut self, name: &str) -> Result<Span, Failure> {
        let (min, max) = (format!("{name}:min"), format!("{name}:max"));
        Ok(Span::new(self.when(&min)?, self.when(&max)?, self.when(name)?))
    }

    /// One of several words.
    pub fn choice<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.query.one(name) else { return Ok(None) };
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
        let not = || {
            let words = choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            refuse(format!(
                "Query parameter \"{name}\" value must be one of: {words}. For input string: \"{text}\"."
            ))
        };
        chosen.map(Some).ok_or_else(not)
    }

    /// Several of several words; `None` if the parameter is absent.
    pub fn choices<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<Vec<T>>, Failure> {
        let Some(asked) = self.texts(name)? else { return Ok(None) };
        let known = |text: String| {
            let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
            chosen.ok_or_else(|| {
                let words = choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
                refuse(format!(
                    "Query parameter \"{name}\" value may contain only: {words}. For input string: \"{text}\"."
                ))
            })
        };
        asked.into_iter().map(known).collect::<Result<_, _>>().map(Some)
    }

    /// What `include` asks for, each item one of the known words.
    pub fn include<T: Copy>(&mut self, choices: &[(&str, T)]) -> Result<Vec<T>, Failure> {
        let asked = self.texts("include")?.unwrap_or_default();
        let known = |word: &String| {
            choices.iter().find(|(name, _)| name == word).map(|(_, choice)| *choice)
        };
        let unknown: Vec<&str> =
            asked.iter().filter(|word| known(word).is_none()).map(String::as_str).collect();
        if !unknown.is_empty() {
            return Err(refuse(format!(
                "The include(s): {} are not valid include parameter(s).",
                unknown.join(", ")
            )));
        }
        Ok(asked.iter().filter_map(known).collect())
    }

    /// Which part of a list is asked for: `page` and `limit` (ruling 10), `before` and `after` (ruling 12).
    pub fn window(&mut self) -> Result<Window, Failure> {
        let (page, limit) = self.page_and_limit()?;
        let (before, after) = (self.query.one("before"), self.query.one("after"));
        if before.is_some() && after.is_some() {
            return Err(refuse(
                "Query parameters \"before\" and \"after\" cannot be used together.",
            ));
        }
        Ok(Window { page, limit, before, after })
    }

    /// The same for lists without cursors: `before` and `after` are left over, and so refused.
    pub fn pages(&mut self) -> Result<Window, Failure> {
        let (page, limit) = self.page_and_limit()?;
        Ok(Window { page, limit, before: None, after: None })
    }

    /// The same for lists that are only walked onwards: `page` and `before` are left over, and so refused.
    pub fn onwards(&mut self) -> Result<Window, Failure> {
        let limit = self.limit()?;
        Ok(Window { page: 1, limit, before: None, after: self.query.one("after") })
    }

    fn page_and_limit(&mut self) -> Result<(i64, i64), Failure> {
        Ok((self.positive("page", 1)?, self.limit()?))
    }

    fn limit(&mut self) -> Result<i64, Failure> {
        Ok(self.positive("limit", 50)?.min(250))
    }

    fn positive(&mut self, name: &str, default: i64) -> Result<i64, Failure> {
        let Some(text) = self.query.one(name) else { return Ok(default) };
        let number = positive(text.trim());
        let not = || {
            refuse(format!(
                "Query parameter \"{name}\" value may contain only positive integers. For input string: \"{text}\"."
            ))
        };
        number.ok_or_else(not)
    }

    /// Refuse whatever nobody took; else give the query as it was sent, for links to repeat.
    pub fn finish(self) -> Result<String, Failure> {
        let names = self.query.left_over().collect::<Vec<_>>();
        if names.is_empty() {
            return Ok(self.sent);
        }
        Err(refuse(format!(
            "The filter(s): {} are not valid filter parameter(s).",
            names.join(", ")
        )))
    }
}

fn integer(name: &str, text: &str) -> Result<i64, Failure> {
    let not = |_| {
        refuse(format!(
            "Query parameter \"{name}\" value may contain only integer values. For input string: \"{text}\"."
        ))
    };
    text.trim().parse().map_err(not)
}

/// A query that cannot be understood, or asks for what cannot be.
pub(super) fn refuse(title: impl Into<String>) -> Failure {
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, title)
}

fn within_bounds(items: Vec<String>) -> Result<Vec<String>, Failure> {
    const MOST: usize = 1_000;
    if items.len() > MOST {
        return Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("Max list size allowed is {MOST}"),
        ));
    }
    Ok(items)
}
