//! The query of a request, as every client spells it.

use axum::http::Uri;

/// The parameters of a query, in the order they came. What is known is taken out; what is left over is
/// refused by the version that reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    given: Vec<Parameter>,
}

#[derive(Clone, Debug)]
struct Parameter {
    name: String,
    values: Vec<String>,
    /// Written once and without brackets: its commas separate items.
    splits: bool,
}

impl Query {
    /// Read a query: `id:in=1,2`, `id%3Ain=1%2C2`, `id:in[]=1&id:in[]=2` and repeated keys are the same list;
    /// the comma splits after decoding, except in the `[]` and repeated forms.
    pub(crate) fn of(uri: &Uri) -> Self {
        let mut given: Vec<Parameter> = Vec::new();
        let Some(text) = uri.query().filter(|text| !text.is_empty()) else { return Self { given } };
        // `form_urlencoded` passes over an empty name, which the real service refuses ("stray ?&").
        for pair in text.split('&') {
            let (name, value) = form_urlencoded::parse(pair.as_bytes()).next().unwrap_or_default();
            let (name, splits) = match name.strip_suffix("[]") {
                Some(name) => (name, false),
                None => (&*name, true),
            };
            match given.iter().position(|known| known.name == name) {
                Some(at) => {
                    given[at].values.push(value.into_owned());
                    given[at].splits = false;
                }
                // No operation knows so many names: among those kept is one that will be refused.
                None if given.len() == MOST_NAMES => {}
                None => given.push(Parameter {
                    name: name.to_owned(),
                    values: vec![value.into_owned()],
                    splits,
                }),
            }
        }
        Self { given }
    }

    /// Every item of a list; `None` when the parameter is not there.
    pub(crate) fn items(&mut self, name: &str) -> Option<Vec<String>> {
        let parameter = self.take(name)?;
        if parameter.splits {
            let only = parameter.values.into_iter().next().unwrap_or_default();
            return Some(only.split(',').map(str::to_owned).collect());
        }
        Some(parameter.values)
    }

    /// The value of a parameter that is no list; the last where it was repeated.
    pub(crate) fn one(&mut self, name: &str) -> Option<String> {
        self.take(name)?.values.pop()
    }

    /// The names that nobody took, in the order they came.
    pub(crate) fn left_over(&self) -> impl Iterator<Item = &str> {
        self.given.iter().map(|parameter| parameter.name.as_str())
    }

    /// The first parameter that holds a U+0000, which no text may.
    pub(crate) fn with_nul(&self) -> Option<&str> {
        let has_nul =
            |parameter: &&Parameter| parameter.values.iter().any(|value| value.contains('\0'));
        self.given.iter().find(has_nul).map(|parameter| parameter.name.as_str())
    }

    fn take(&mut self, name: &str) -> Option<Parameter> {
        let at = self.given.iter().position(|parameter| parameter.name == name)?;
        Some(self.given.remove(at))
    }
}

/// An id, or a number of pages or rows: digits and nothing else, at least 1. What is larger than any list is as good as the largest.
pub(crate) fn positive(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().unwrap_or(i64::MAX).min(MOST);
    (number >= 1).then_some(number)
}

/// How many names of parameters are looked at.
const MOST_NAMES: usize = 64;

/// Far more than any list has, and small enough to be multiplied by a page's length.
const MOST: i64 = 1 << 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: &[&str]) {
        let mut query = Query::of(&format!("/?{query}").parse().unwrap());
        assert_eq!(query.items("id:in").unwrap(), expected);
    }

    #[test]
    fn every_spelling_of_a_list_is_the_same_list() {
        check("id:in=1,2", &["1", "2"]);
        check("id%3Ain=1%2C2", &["1", "2"]);
        check("id:in[]=1&id:in[]=2", &["1", "2"]);
        check("id:in%5B%5D=1&id:in%5B%5D=2", &["1", "2"]);
        check("id:in=1&id:in=2", &["1", "2"]);
        check("id:in[]=1,2", &["1,2"]);
        check("id:in=", &[""]);
        check("id:in", &[""]);
        check("id:in=a+b", &["a b"]);
    }

    #[test]
    fn a_number_of_rows_has_a_least_and_no_most() {
        assert_eq!(positive("250"), Some(250));
        assert_eq!(positive("99999999999999999999"), Some(MOST));
        for not in ["", "0", "-1", "1.5", "x", "+1", "1 "] {
            assert_eq!(positive(not), None, "{not}");
        }
    }

    #[test]
    fn what_nobody_takes_is_left_over_also_a_name_of_nothing() {
        let mut query = Query::of(&"/?&page=1&foo=2".parse().unwrap());
        query.one("page");
        assert_eq!(query.left_over().collect::<Vec<_>>(), ["", "foo"]);
        assert_eq!(Query::of(&"/?".parse().unwrap()).left_over().count(), 0);
    }
}
