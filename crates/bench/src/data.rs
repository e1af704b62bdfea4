//! The customers of the benchmark: each follows from its number alone, so that whoever asks for one
//! knows the right answer without asking a database.

use kernel::Timestamp;

/// The store all customers belong to.
pub(crate) const STORE: &str = "bench";

/// The customer whose answer the ceiling gives to every question.
pub(crate) const STATIC_ID: i64 = 421_337;

/// How many different declarations there are.
pub(crate) const DECLARATIONS: usize = 4;

/// How many different instants customers were made at.
const MOMENTS: usize = 1024;

const FIRST: [&str; 16] = [
    "Ada", "Bela", "Chiara", "Dmitri", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kaya",
    "Lena", "Mateo", "Nina", "Oscar", "Priya",
];
const LAST: [&str; 16] = [
    "Abara", "Berger", "Costa", "Dvorak", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito",
    "Jansen", "Kowalski", "Lovelace", "Moreau", "Novak", "Okafor", "Petrov",
];
const COMPANIES: [&str; 8] = ["", "", "", "", "", "Acme", "Boden und Sohn", "Cobalt Works"];
const NOTES: [&str; 4] = ["", "", "", "Prefers e-mail and/or text messages."];
const NOTES_IN_V2: [&str; 4] = ["", "", "", r"Prefers e-mail and\/or text messages."];

/// What customers say about their data: allowed and denied categories.
const DECLARED: [(&[&str], &[&str]); DECLARATIONS] = [
    (&["essential"], &["targeting"]),
    (&["essential", "functional"], &["targeting"]),
    (&["essential", "functional", "analytics", "targeting"], &[]),
    (&["essential"], &["functional", "analytics", "targeting"]),
];

/// One customer as the tables hold it.
pub(crate) struct Customer {
    pub(crate) id: i64,
    pub(crate) email: String,
    pub(crate) first_name: &'static str,
    pub(crate) last_name: &'static str,
    pub(crate) company: &'static str,
    pub(crate) phone: String,
    pub(crate) notes: &'static str,
    pub(crate) group_id: i64,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    /// As the column `allow` holds it.
    pub(crate) allow: String,
    /// As the column `deny` holds it.
    pub(crate) deny: String,
}

impl Customer {
    pub(crate) fn new(id: i64) -> Self {
        let number = usize::try_from(id).expect("ids are positive");
        let (first_name, last_name) = names(number);
        let (allow, deny) = DECLARED[number % DECLARATIONS];
        Self {
            id,
            email: email(number),
            first_name,
            last_name,
            company: pick(&COMPANIES, number),
            phone: phone(number),
            notes: pick(&NOTES, number / 4),
            group_id: group(number),
            created: moment(number),
            modified: moment(number + 7),
            allow: allow.join(" "),
            deny: deny.join(" "),
        }
    }
}

/// Writes the right answers. Holds everything that does not depend on the customer, already written.
pub(crate) struct Answers {
    rfc2822: Vec<String>,
    rfc3339: Vec<String>,
    declared: Vec<String>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        let moments = || (0..MOMENTS).map(moment);
        Self {
            rfc2822: moments().map(Timestamp::to_rfc2822).collect(),
            rfc3339: moments().map(Timestamp::to_rfc3339).collect(),
            declared: DECLARED.iter().map(|(allow, deny)| declared_json(allow, deny)).collect(),
        }
    }

    /// What a `PUT` of this declaration sends.
    pub(crate) fn declaration_body(&self, declaration: usize) -> String {
        format!("{}}}", self.declared[declaration].trim_end_matches(r#","updated_at":""#))
    }

    /// How every answer that shows this declaration begins, up to the instant.
    pub(crate) fn declared(&self, declaration: usize) -> &str {
        &self.declared[declaration]
    }

    /// The consent of a customer who has declared it once.
    pub(crate) fn consent(&self, id: i64, into: &mut Vec<u8>) {
        let number = usize::try_from(id).expect("ids are positive");
        into.extend_from_slice(self.declared[number % DECLARATIONS].as_bytes());
        into.extend_from_slice(self.rfc3339[number % MOMENTS].as_bytes());
        into.extend_from_slice(br#""}"#);
    }

    /// The beginning of a page of V3's list: customers from this one on downwards.
    pub(crate) fn page(&self, newest: i64, count: i64, into: &mut Vec<u8>) {
        into.extend_from_slice(br#"{"data":["#);
        for id in (newest - count + 1..=newest).rev() {
            if id != newest {
                into.push(b',');
            }
            self.v3_customer(id, into);
        }
    }

    /// The customer in V3's words, as a list shows it.
    fn v3_customer(&self, id: i64, into: &mut Vec<u8>) {
        let number = usize::try_from(id).expect("ids are positive");
        into.extend_from_slice(br#"{"id":"#);
        into.extend_from_slice(Digits::new(number).as_str().as_bytes());
        Self::v3_fields(id, group(number), into);
        let mut put = |text: &str| into.extend_from_slice(text.as_bytes());
        put(&self.rfc3339[number % MOMENTS]);
        put(r#"","date_modified":""#);
        put(&self.rfc3339[(number + 7) % MOMENTS]);
        put(
            r#"","accepts_product_review_abandoned_cart_emails":false,"origin_channel_id":1,"channel_ids":null}"#,
        );
    }

    /// What V3 shows of a customer between its id and the instant it was made at.
    pub(crate) fn v3_fields(id: i64, group: i64, into: &mut Vec<u8>) {
        let number = usize::try_from(id).expect("ids are positive");
        let (first, last) = names(number);
        let mut put = |text: &str| into.extend_from_slice(text.as_bytes());
        put(r#","authentication":{"force_password_reset":false},"company":""#);
        put(pick(&COMPANIES, number));
        put(r#"","customer_group_id":"#);
        put(Digits::new(usize::try_from(group).unwrap_or(0)).as_str());
        put(r#","email":""#);
        put_email(number, &mut put);
        put(r#"","first_name":""#);
        put(first);
        put(r#"","last_name":""#);
        put(last);
        put(r#"","notes":""#);
        put(pick(&NOTES, number / 4));
        put(r#"","phone":""#);
        put_phone(number, &mut put);
        put(r#"","registration_ip_address":"","tax_exempt_category":"","date_created":""#);
    }

    /// The customer in V2's words, up to where the server's own address begins.
    pub(crate) fn v2_customer_head(&self, id: i64, into: &mut Vec<u8>) {
        let number = usize::try_from(id).expect("ids are positive");
        let (first, last) = names(number);
        let mut put = |text: &str| into.extend_from_slice(text.as_bytes());
        put(r#"{"id":"#);
        put(Digits::new(number).as_str());
        put(r#","company":""#);
        put(pick(&COMPANIES, number));
        put(r#"","first_name":""#);
        put(first);
        put(r#"","last_name":""#);
        put(last);
        put(r#"","email":""#);
        put_email(number, &mut put);
        put(r#"","phone":""#);
        put_phone(number, &mut put);
        put(r#"","form_fields":null,"date_created":""#);
        put(&self.rfc2822[number % MOMENTS]);
        put(r#"","date_modified":""#);
        put(&self.rfc2822[(number + 7) % MOMENTS]);
        put(r#"","store_credit":"0.0000","registration_ip_address":"","customer_group_id":"#);
        put(Digits::new(group(number).unsigned_abs().try_into().unwrap_or(0)).as_str());
        put(r#","notes":""#);
        put(pick(&NOTES_IN_V2, number / 4));
        put(r#"","tax_exempt_category":"","reset_pass_on_login":false,"accepts_marketing":false,"#);
        put(r#""addresses":{"url":""#);
    }

    /// How the customer in V2's words ends, after the server's own address.
    pub(crate) fn v2_customer_tail(id: i64, into: &mut Vec<u8>) {
        let number = usize::try_from(id).expect("ids are positive");
        let digits = Digits::new(number);
        let mut put = |text: &str| into.extend_from_slice(text.as_bytes());
        put(r"\/stores\/bench\/v2\/customers\/");
        put(digits.as_str());
        put(r#"\/addresses","resource":"\/customers\/"#);
        put(digits.as_str());
        put(r#"\/addresses"}}"#);
    }
}

/// A number's digits, without going through `format!`: the load generator writes millions.
pub(crate) struct Digits {
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    pub(crate) fn new(mut number: usize) -> Self {
        let mut digits = Self { bytes: [b'0'; 20], from: 20 };
        loop {
            digits.from -= 1;
            digits.bytes[digits.from] = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
            if number == 0 {
                return digits;
            }
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[self.from..]).expect("digits are ASCII")
    }
}

fn declared_json(allow: &[&str], deny: &[&str]) -> String {
    let list = |names: &[&str]| serde_json::to_string(names).expect("texts can be written");
    format!(r#"{{"allow":{},"deny":{},"updated_at":""#, list(allow), list(deny))
}

fn pick(from: &[&'static str], number: usize) -> &'static str {
    from[number % from.len()]
}

fn names(number: usize) -> (&'static str, &'static str) {
    (pick(&FIRST, number), pick(&LAST, number / FIRST.len()))
}

fn group(number: usize) -> i64 {
    i64::try_from(number % 5).unwrap_or(0)
}

fn moment(number: usize) -> Timestamp {
    let hours = i64::try_from(number % MOMENTS).unwrap_or(0);
    Timestamp::from_seconds(1_700_000_000 + hours * 3_607)
}

fn email(number: usize) -> String {
    let mut text = String::with_capacity(40);
    put_email(number, &mut |part| text.push_str(part));
    text
}

fn put_email(number: usize, put: &mut impl FnMut(&str)) {
    let (first, last) = names(number);
    put(first);
    put(".");
    put(last);
    put(".");
    put(Digits::new(number).as_str());
    put("@example.com");
}

fn phone(number: usize) -> String {
    let mut text = String::with_capacity(20);
    put_phone(number, &mut |part| text.push_str(part));
    text
}

fn put_phone(number: usize, put: &mut impl FnMut(&str)) {
    put("+49 30 55501");
    put(Digits::new(10_000 + number % 90_000).as_str());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_answers_are_those_of_the_contract() {
        let answers = Answers::new();
        let mut consent = Vec::new();
        answers.consent(1024, &mut consent);
        assert_eq!(
            String::from_utf8(consent).unwrap(),
            r#"{"allow":["essential"],"deny":["targeting"],"updated_at":"2023-11-14T22:13:20Z"}"#,
        );
        let mut customer = Vec::new();
        answers.v2_customer_head(12, &mut customer);
        customer.extend_from_slice(br"https:\/\/api.bigcommerce.com");
        Answers::v2_customer_tail(12, &mut customer);
        let customer: serde_json::Value = serde_json::from_slice(&customer).unwrap();
        assert_eq!(customer["email"], Customer::new(12).email);
        assert_eq!(customer["notes"], Customer::new(12).notes);
        assert_eq!(customer["date_created"], Customer::new(12).created.to_rfc2822());
        assert_eq!(
            customer["addresses"]["url"],
            "https://api.bigcommerce.com/stores/bench/v2/customers/12/addresses"
        );
    }

    #[test]
    fn a_page_shows_the_newest_first() {
        let mut page = Vec::new();
        Answers::new().page(12, 3, &mut page);
        page.extend_from_slice(b"]}");
        let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
        let ids: Vec<_> = page["data"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
        assert_eq!(ids, [12, 11, 10]);
        assert_eq!(page["data"][1]["email"], Customer::new(11).email);
        assert_eq!(page["data"][1]["date_modified"], Customer::new(11).modified.to_rfc3339());
    }

    #[test]
    fn a_declaration_is_sent_as_it_comes_back() {
        let body = Answers::new().declaration_body(2);
        assert_eq!(
            body,
            r#"{"allow":["essential","functional","analytics","targeting"],"deny":[]}"#
        );
    }
}
