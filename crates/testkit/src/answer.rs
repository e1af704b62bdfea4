use std::fmt;

use axum::http::{HeaderMap, Method};
use serde_json::Value;

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub method: Method,
    /// The path and query that were asked.
    pub path: String,
    /// The request, as a snapshot shows it.
    pub asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header; empty where it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The ids of a V3 envelope's rows, or of a V2 list.
    #[must_use]
    pub fn ids(&self) -> Vec<i64> {
        let body = self.json();
        let rows = body.get("data").unwrap_or(&body).as_array().cloned().unwrap_or_default();
        rows.iter().filter_map(|row| row["id"].as_i64()).collect()
    }

    /// V3: status, title and `errors` of a refusal.
    #[track_caller]
    pub fn refused(&self, status: u16, title: &str, errors: &Value) {
        let body = self.json();
        assert_eq!((self.status, body["title"].as_str()), (status, Some(title)), "{self}");
        assert_eq!(&body["errors"], errors, "{self}");
    }

    /// V2: status and message of a refusal.
    #[track_caller]
    pub fn declined(&self, status: u16, message: &str) {
        assert_eq!(
            (self.status, self.json()[0]["message"].as_str()),
            (status, Some(message)),
            "{self}"
        );
    }

    /// 200, and this body to the byte.
    #[track_caller]
    pub fn is_just(&self, body: &str) {
        assert_eq!((self.status, self.text().as_str()), (200, body), "{self}");
    }

    /// Which operation and how it was asked: `get_v3_customers_ID_consent`.
    #[must_use]
    pub fn operation(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let named = segments
            .enumerate()
            .filter(|(at, segment)| !(*at == 0 && *segment == "stores" || *at == 1));
        let is_id = |segment: &str| {
            segment.bytes().all(|byte| byte.is_ascii_digit())
                || segment.parse::<kernel::Uuid>().is_ok()
                // A signed token, which some path has in it.
                || segment.split('.').count() == 3
        };
        let word = |segment: &str| {
            if is_id(segment) { "ID".to_owned() } else { segment.to_owned() }
        };
        let words: Vec<String> = if path.starts_with("/stores/") {
            named.map(|(_, segment)| word(segment)).collect()
        } else {
            path.split('/').filter(|segment| !segment.is_empty()).map(word).collect()
        };
        format!("{}_{}", self.method.as_str().to_lowercase(), words.join("_"))
    }
}

/// Request and answer, as a snapshot keeps them.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}", self.asked, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n{}", self.text())
    }
}
