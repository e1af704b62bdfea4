//! Batches of new customers: what is sent, and what must come back.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicI64, Ordering},
};

use crate::{
    data::{Answers, Customer},
    wire::Answer,
};

/// How many customers a batch makes.
pub(crate) const SIZE: i64 = 10;

/// New customers have numbers that no seeded one has, and each its own, whoever makes it: their addresses differ.
static NEXT: AtomicI64 = AtomicI64::new(1_000_000_000);

/// One batch.
pub(crate) struct Batch {
    first: i64,
}

impl Batch {
    pub(crate) fn next() -> Self {
        Self { first: NEXT.fetch_add(SIZE, Ordering::Relaxed) }
    }

    fn numbers(&self) -> impl Iterator<Item = i64> + use<> {
        self.first..self.first + SIZE
    }

    /// What is posted.
    pub(crate) fn body(&self) -> String {
        let mut body = String::from("[");
        for number in self.numbers() {
            let it = Customer::new(number);
            let separator = if number == self.first { "" } else { "," };
            let Customer { email, first_name, last_name, company, phone, notes, .. } = it;
            let _ = write!(
                body,
                r#"{separator}{{"email":"{email}","first_name":"{first_name}","last_name":"{last_name}","company":"{company}","phone":"{phone}","notes":"{notes}"}}"#
            );
        }
        body + "]"
    }

    /// The id of the last customer, if the answer shows all of them as they were posted, under ids that follow each
    /// other.
    pub(crate) fn made(&self, answer: &Answer, scratch: &mut Vec<u8>) -> Option<i64> {
        if answer.status != 200 {
            return None;
        }
        let mut rest = answer.body.bytes().strip_prefix(br#"{"data":["#)?;
        let mut last = None;
        for number in self.numbers() {
            rest = rest.strip_prefix(if number == self.first { &b""[..] } else { b"," })?;
            rest = rest.strip_prefix(br#"{"id":"#)?;
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let id: i64 = str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
            if last.is_some_and(|last| last + 1 != id) {
                return None;
            }
            last = Some(id);
            scratch.clear();
            Answers::v3_fields(number, 0, scratch);
            rest = after_moment(rest[digits..].strip_prefix(scratch.as_slice())?)?;
            rest = after_moment(rest.strip_prefix(br#"","date_modified":""#)?)?;
            rest = rest.strip_prefix(CREDIT)?;
        }
        (rest == br#"],"meta":{}}"#).then_some(last).flatten()
    }

    /// How V2 shows the address of the last customer.
    pub(crate) fn last_address(&self) -> String {
        format!(r#","email":"{}","#, Customer::new(self.first + SIZE - 1).email)
    }
}

/// What follows an instant to the second.
fn after_moment(text: &[u8]) -> Option<&[u8]> {
    let (moment, rest) = text.split_at_checked("2026-01-01T00:00:00Z".len())?;
    moment.ends_with(b"Z").then_some(rest)
}

const CREDIT: &[u8] = br#"","accepts_product_review_abandoned_cart_emails":false,"store_credit_amounts":[{"amount":0}],"origin_channel_id":1,"channel_ids":null}"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Body;

    fn answer(body: &str) -> Answer<'_> {
        Answer { status: 200, head: b"", body: Body::Plain(body.as_bytes()) }
    }

    #[test]
    fn an_answer_shows_what_was_posted() {
        let batch = Batch::next();
        let mut body = String::from(r#"{"data":["#);
        for (id, number) in (41..).zip(batch.numbers()) {
            let mut fields = Vec::new();
            Answers::v3_fields(number, 0, &mut fields);
            let fields = String::from_utf8(fields).unwrap();
            let moment = "2026-11-23T15:02:44Z";
            let comma = if id == 41 { "" } else { "," };
            let credit = str::from_utf8(CREDIT).unwrap();
            let _ = write!(
                body,
                r#"{comma}{{"id":{id}{fields}{moment}","date_modified":"{moment}{credit}"#
            );
        }
        body += r#"],"meta":{}}"#;
        let mut scratch = Vec::new();
        assert_eq!(batch.made(&answer(&body), &mut scratch), Some(50));
        for (from, to) in
            [("\"id\":45", "\"id\":46"), ("@example.com", "@example.net"), ("44Z", "44")]
        {
            let other = body.replacen(from, to, 1);
            assert_eq!(batch.made(&answer(&other), &mut scratch), None, "{from}");
        }
        let sent: serde_json::Value = serde_json::from_str(&batch.body()).unwrap();
        assert_eq!(sent.as_array().map(Vec::len), Some(10));
    }
}
