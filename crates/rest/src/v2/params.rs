use axum::{extract::FromRequestParts, http::request::Parts};
use kernel::{Money, Part, WhenFilter};

use super::Failure;
use crate::query::{Query, positive};

/// The query of a request. What is known is taken out of it; what is left over is refused.
pub struct Params(Query);

/// For operations that take no parameters: any is refused.
pub struct NoParams;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From 1.
    pub page: i64,
    /// Rows at most, 1..=250.
    pub limit: i64,
}

impl Window {
    /// The rows of the asked page.
    #[must_use]
    pub fn part(&self) -> Part {
        Part { offset: (self.page - 1) * self.limit, limit: self.limit }
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = Query::of(&parts.uri);
        match query.with_nul() {
            Some(name) => Err(Failure::invalid(name)),
            None => Ok(Self(query)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for NoParams {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        if parts.uri.query().is_none_or(str::is_empty) {
            return Ok(Self);
        }
        Params::from_request_parts(parts, state).await?.finish().map(|()| Self)
    }
}

impl Params {
    /// A text; `None` if absent.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.0.one(name)
    }

    /// An integer; `None` if absent.
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, Failure> {
        self.read(name, |text| text.trim().parse().ok())
    }

    /// `true` or `false`, also as 1 or 0; `None` if absent.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, Failure> {
        self.read(name, |text| match text.trim() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })
    }

    /// An amount; `None` if absent.
    pub fn money(&mut self, name: &str) -> Result<Option<Money>, Failure> {
        self.read(name, |text| text.trim().parse().ok())
    }

    /// A moment (ruling 13); `None` if absent.
    pub fn when(&mut self, name: &str) -> Result<Option<WhenFilter>, Failure> {
        self.read(name, WhenFilter::parse)
    }

    /// `page` and `limit` (ruling 10).
    pub fn window(&mut self) -> Result<Window, Failure> {
        let page = self.read("page", |text| positive(text.trim()))?.unwrap_or(1);
        let limit = self.read("limit", |text| positive(text.trim()))?.unwrap_or(50).min(250);
        Ok(Window { page, limit })
    }

    /// The same; `None` where neither is given.
    pub fn window_if_asked(&mut self) -> Result<Option<Window>, Failure> {
        let is_asked = self.0.left_over().any(|name| matches!(name, "page" | "limit"));
        self.window().map(|window| is_asked.then_some(window))
    }

    /// Refuse whatever nobody took.
    pub fn finish(self) -> Result<(), Failure> {
        self.0.left_over().next().map_or(Ok(()), |name| Err(Failure::unsupported(name)))
    }

    fn read<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.0.one(name) else { return Ok(None) };
        read(&text).map(Some).ok_or_else(|| Failure::invalid(name))
    }
}
