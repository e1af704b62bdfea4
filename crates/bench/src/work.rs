//! What the servers are asked to do. A new kind of work is a new line here and, where the question is
//! new too, a new [`Ask`].

use crate::{
    contenders::Kind,
    data::{Answers, DECLARATIONS, Digits},
    wire::Answer,
};

/// What one request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Ask {
    /// `GET /v3/customers/{id}/consent`.
    Consent,
    /// `GET /v2/customers/{id}`.
    V2Customer,
    /// `PUT /v3/customers/{id}/consent`.
    PutConsent,
    /// `GET /v3/customers?limit=250&after=…`.
    List,
    /// 19 times `GET /v3/customers/{id}/consent`, and once `PUT`.
    Mixed,
    /// `POST /v3/customers` of ten.
    Post,
}

/// One kind of work, as a row of the document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// How the program and the targets name it.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) ask: Ask,
    /// Only the first so many customers, if not all.
    pub(crate) most: Option<i64>,
    /// One connection alone instead of the usual number.
    pub(crate) alone: bool,
    /// How many microseconds longer a sync of the disk takes.
    pub(crate) sync_us: u32,
}

impl Work {
    const fn new(key: &'static str, title: &'static str, ask: Ask) -> Self {
        Self { key, title, ask, most: None, alone: false, sync_us: 0 }
    }

    const fn of(self, most: i64) -> Self {
        Self { most: Some(most), ..self }
    }

    const fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    const fn slow(self, sync_us: u32) -> Self {
        Self { sync_us, ..self }
    }

    /// Whether the databases for writing are the ones to use.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.ask, Ask::PutConsent | Ask::Mixed | Ask::Post)
    }

    /// Whether it is for this contender to do.
    pub(crate) fn suits(&self, kind: Kind) -> bool {
        match kind {
            Kind::Ceiling => !self.writes(),
            Kind::Control => self.ask != Ask::List,
            Kind::PostgresControl => !matches!(self.ask, Ask::List | Ask::Post),
            Kind::Sqlite | Kind::Postgres => true,
        }
    }

    /// The work whose figure of the ceiling this is a share of.
    pub(crate) fn under(&self) -> &'static str {
        if self.ask == Ask::Mixed { "consent-hot" } else { self.key }
    }

    /// How many things one request is about, and what they are called.
    pub(crate) fn things(&self) -> (f64, &'static str) {
        match self.ask {
            Ask::Post => (10.0, "customers"),
            _ => (1.0, "requests"),
        }
    }

    /// How many customers it is about.
    pub(crate) fn customers(&self, all: i64) -> i64 {
        self.most.map_or(all, |most| all.min(most))
    }
}

/// All of it, in the order of the document.
pub(crate) const ALL: &[Work] = &[
    Work::new("consent-hot", "GET consent, hot", Ask::Consent).of(1_000),
    Work::new("consent-uniform", "GET consent, uniform", Ask::Consent),
    Work::new("v2-hot", "GET V2 customer, hot", Ask::V2Customer).of(1_000),
    Work::new("v2-uniform", "GET V2 customer, uniform", Ask::V2Customer),
    Work::new("list", "GET a list of 250, pages that differ", Ask::List),
    Work::new("list-again", "GET a list of 250, always the same page", Ask::List).of(250),
    Work::new("mixed", "GET and PUT consent, 95 to 5, hot", Ask::Mixed).of(1_000),
    Work::new("put-many-100us", "PUT consent, together, 100 us a sync", Ask::PutConsent).slow(100),
    Work::new("put-many", "PUT consent, together, 1 ms a sync", Ask::PutConsent).slow(1_000),
    Work::new("put-alone", "PUT consent, one alone, 1 ms a sync", Ask::PutConsent)
        .slow(1_000)
        .alone(),
    Work::new("post", "POST customers, 10 at a time", Ask::Post),
];

/// Writes requests and judges answers.
pub(crate) struct Examiner {
    answers: Answers,
    token: String,
    /// The one customer that the ceiling always shows.
    always: Option<i64>,
    bodies: Vec<String>,
}

impl Examiner {
    pub(crate) fn new(token: &str, always: Option<i64>) -> Self {
        let answers = Answers::new();
        let bodies =
            (0..DECLARATIONS).map(|declaration| answers.declaration_body(declaration)).collect();
        Self { answers, token: token.to_owned(), always, bodies }
    }

    /// The token that every request carries.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The one customer that is shown whoever is asked for.
    pub(crate) fn always(&self) -> Option<i64> {
        self.always
    }

    /// Put the request of one customer into `into`, which is empty.
    pub(crate) fn request(&self, ask: Ask, id: i64, declaration: usize, into: &mut Vec<u8>) {
        let mut put = |text: &str| into.extend_from_slice(text.as_bytes());
        put(if ask == Ask::PutConsent { "PUT " } else { "GET " });
        put(if ask == Ask::V2Customer {
            "/stores/bench/v2/customers/"
        } else {
            "/stores/bench/v3/customers/"
        });
        put(Digits::new(usize::try_from(id).unwrap_or(0)).as_str());
        put(if ask == Ask::V2Customer { " HTTP/1.1\r\n" } else { "/consent HTTP/1.1\r\n" });
        put("host: bench\r\naccept: application/json\r\nx-auth-token: ");
        put(&self.token);
        if ask == Ask::PutConsent {
            let body = &self.bodies[declaration];
            put("\r\ncontent-type: application/json\r\ncontent-length: ");
            put(Digits::new(body.len()).as_str());
            put("\r\n\r\n");
            put(body);
        } else {
            put("\r\n\r\n");
        }
    }

    /// Whether this is the right answer to a request of one customer. `scratch` is a buffer to be reused.
    pub(crate) fn is_right(
        &self,
        ask: Ask,
        id: i64,
        declaration: usize,
        answer: &Answer,
        scratch: &mut Vec<u8>,
    ) -> bool {
        if answer.status != 200 {
            return false;
        }
        let id = self.always.unwrap_or(id);
        let body = answer.body.bytes();
        scratch.clear();
        match ask {
            Ask::Consent => {
                self.answers.consent(id, scratch);
                body == scratch
            }
            Ask::V2Customer => {
                self.answers.v2_customer_head(id, scratch);
                let head = scratch.len();
                Answers::v2_customer_tail(id, scratch);
                body.len() >= scratch.len()
                    && body.starts_with(&scratch[..head])
                    && body.ends_with(&scratch[head..])
            }
            Ask::PutConsent => self.shows(declaration, answer),
            Ask::List | Ask::Mixed | Ask::Post => false,
        }
    }

    /// Whether the answer is this declaration, of whatever moment.
    pub(crate) fn shows(&self, declaration: usize, answer: &Answer) -> bool {
        let (start, body) = (self.answers.declared(declaration).as_bytes(), answer.body.bytes());
        answer.status == 200
            && body.len() == start.len() + "2026-01-01T00:00:00Z\"}".len()
            && body.starts_with(start)
            && body.ends_with(b"Z\"}")
    }
}
