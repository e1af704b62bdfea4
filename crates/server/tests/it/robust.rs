//! Thousands of requests that nobody means well: whatever comes, it is never the server that fails.

use kernel::{Chance as _, SeededChance};
use testkit::{Service, on_each_engine};

use crate::webhooks::while_delivering;

struct Monkey(SeededChance);

impl Monkey {
    fn below(&self, most: usize) -> usize {
        usize::try_from(self.0.number()).unwrap() % most
    }

    fn one<'a>(&self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A method and a path, mostly routed.
    fn operation(&self) -> (&'static str, String) {
        let (method, path) = OPERATIONS[self.below(OPERATIONS.len())];
        let id = self.one(&[
            "1",
            "1",
            "1",
            "1",
            "2",
            "2",
            "3",
            "4",
            "5",
            "6",
            "0",
            "-1",
            "999",
            "2147483648",
            "1e9",
            "%00",
            "%FF",
            "..",
            "%2e%2e",
            "%F0%9F%98%80",
            "a",
            "",
        ]);
        (method, path.replace("ID", id))
    }

    fn query(&self) -> String {
        let parameter = || {
            let name = self.one(&[
                "id:in",
                "id:in[]",
                "id%3Ain",
                "email:in",
                "name:in",
                "name:like",
                "company:in",
                "phone:in",
                "customer_group_id:in",
                "customer_id:in",
                "registration_ip_address:in",
                "date_created",
                "date_created:min",
                "date_modified:max",
                "include",
                "sort",
                "page",
                "limit",
                "before",
                "after",
                "first_name",
                "email",
                "min_id",
                "max_id",
                "store_credit",
                "min_date_created",
                "max_date_modified",
                "tax_exempt_category",
                "name",
                "type",
                "customer_id:in",
                "attribute_id:in",
                "key",
                "key:in",
                "namespace:in",
                "direction",
                "include_fields",
                "foo",
                "",
                "[]",
                "%00",
                "%FF",
            ]);
            let value = self.one(&[
                "1",
                "1,2,3",
                "",
                ",",
                "-1",
                "99999999999999999999999",
                "9223372036854775807",
                "-9223372036854775808",
                "2147483647",
                "1e308",
                "NaN",
                "eyJpZCI6MX0",
                "eyJpZCI6MTB9",
                "eyJpZCI6MSwiZGF0ZSI6MX0",
                "last_name:asc",
                "date_created:desc",
                "date_modified:asc",
                "storecredit",
                "attributes",
                "desc",
                "string",
                "key,value,key",
                "2024-06-01",
                "2024-06-01T12:00:00Z",
                "-9999-01-01",
                "9999-12-31T23:59:59-12:00",
                "0",
                "Sat,+01+Jun+2024+12:00:00+%2B0000",
                "1717243200",
                "%00",
                "%FF%FE",
                "%",
                "%zz",
                "%25%5C_",
                "%F0%9F%98%80",
                "a@b.c",
                "c1@example.com",
                "'",
                "250",
                "251",
                "\u{e9}",
            ]);
            if self.chance(90) { format!("{name}={value}") } else { name.to_owned() }
        };
        let parameters: Vec<String> =
            (0..self.below(7).saturating_sub(3)).map(|_| parameter()).collect();
        // What is not ASCII goes percent-encoded, as a client's library would send it.
        let joined = parameters.join("&").replace('\u{e9}', "%C3%A9");
        if joined.is_empty() && self.chance(80) { joined } else { format!("?{joined}") }
    }

    fn value(&self, depth: usize) -> String {
        match self.below(if depth == 0 { 8 } else { 10 }) {
            0 => "null".to_owned(),
            1 => self.one(&["true", "false"]).to_owned(),
            2 => self
                .one(&[
                    "0",
                    "1",
                    "2",
                    "3",
                    "-1",
                    "1.5",
                    "43.15",
                    "1e400",
                    "-0",
                    "1e-9",
                    "2147483648",
                    "-9223372036854775809",
                    "0.00001",
                    "1E5",
                ])
                .to_owned(),
            3..=7 => {
                let text = self.one(&[
                    "",
                    "a",
                    "a@b.c",
                    "C1@example.com",
                    "new@example.com",
                    "essential",
                    "targeting",
                    "x@y",
                    "\\u0000",
                    "\\ud800",
                    "\\ud83d\\ude00",
                    "\\n",
                    "1",
                    "12.5",
                    "hunter22",
                    "\u{130}\u{df}\u{3a3}",
                    "' OR 1=1 --",
                    "%_\\\\",
                ]);
                let long = self.below(if self.chance(3) { 70_000 } else { 3 }) + 1;
                format!("\"{}\"", text.repeat(if text.len() > 10 { 1 } else { long.min(5_000) }))
            }
            8 => {
                let items: Vec<String> =
                    (0..self.below(4)).map(|_| self.value(depth - 1)).collect();
                format!("[{}]", items.join(","))
            }
            _ => self.object(depth - 1),
        }
    }

    fn object(&self, depth: usize) -> String {
        let members: Vec<String> = (0..self.below(9))
            .map(|_| {
                let name = self.one(&[
                    "id",
                    "email",
                    "first_name",
                    "last_name",
                    "company",
                    "phone",
                    "notes",
                    "tax_exempt_category",
                    "customer_group_id",
                    "channel_ids",
                    "origin_channel_id",
                    "store_credit_amounts",
                    "amount",
                    "authentication",
                    "new_password",
                    "force_password_reset",
                    "_authentication",
                    "password",
                    "store_credit",
                    "addresses",
                    "attributes",
                    "form_fields",
                    "accepts_product_review_abandoned_cart_emails",
                    "allow",
                    "deny",
                    "attribute_id",
                    "attribute_value",
                    "customer_id",
                    "resource_id",
                    "namespace",
                    "key",
                    "value",
                    "permission_set",
                    "description",
                    "name",
                    "type",
                    "x",
                    "\\u0000",
                    "",
                ]);
                format!("\"{name}\":{}", self.value(depth))
            })
            .collect();
        format!("{{{}}}", members.join(","))
    }

    /// Somebody to go on with.
    fn people(&self) -> serde_json::Value {
        serde_json::json!([{"email": format!("p{}@example.com", self.below(1000)), "first_name": "A", "last_name": "B"}])
    }

    /// An address as V2 or V3 would have it, with something odd in it.
    fn address(&self, is_v2: bool) -> String {
        let (id, customer, odd) = (self.below(9), self.below(9), self.value(1));
        let country = self.one(&["US", "DE", "XX", "Germany", "Canada", ""]);
        let state = self.one(&["Texas", "TX", "", "Ontario"]);
        if is_v2 {
            return format!(
                r#"{{"first_name":"A","last_name":"B","phone":"1","street_1":"1","street_2":{odd},"city":"{id}","zip":"1",
                    "country":"{country}","state":"{state}"}}"#
            );
        }
        format!(
            r#"[{{"id":{id},"customer_id":{customer},"first_name":"A","last_name":"B","address1":"1","address2":{odd},"city":"{id}",
                "postal_code":"1","country_code":"{country}","state_or_province":"{state}"}}]"#
        )
    }

    /// A definition, or a value of one, that may be good.
    fn form_field(&self, is_value: bool) -> String {
        let name = self.one(&["a", "b", "c"]);
        if is_value {
            let whose = self.one(&["customer_id", "customer_id", "address_id"]);
            let value = self.value(1);
            return format!(r#"[{{"{whose}":{},"name":"{name}","value":{value}}}]"#, self.below(9));
        }
        let kind = self.one(&["text", "numbers", "date"]);
        let object = self.one(&["customer", "address"]);
        format!(r#"[{{"name":"{name}","type":"{kind}","for":"{object}","x":{}}}]"#, self.value(1))
    }

    /// Mostly what the handler would read, often not.
    fn body(&self, path: &str) -> String {
        let id = self.below(9);
        if self.chance(50) && path.contains("metafields") {
            let field = format!(
                r#"{{"id":{id},"resource_id":{id},"namespace":"n","key":"k{}","value":"v","permission_set":"write","description":{}}}"#,
                self.below(5),
                self.value(0)
            );
            return if path.contains("customers/metafields") {
                format!("[{field},{id}]")
            } else {
                field
            };
        }
        if self.chance(50) && path.contains("attribute") {
            return format!(
                r#"[{{"id":{id},"name":"a{}","type":"number","customer_id":{id},"attribute_id":{},"value":"1","x":{}}}]"#,
                self.below(9),
                self.below(5),
                self.value(1)
            );
        }
        if self.chance(50) {
            if path.contains("addresses") {
                return self.address(path.contains("v2"));
            }
            if path.contains("form-field") {
                return self.form_field(path.contains("values"));
            }
            return match (path.contains("consent"), path.contains("v2")) {
                (true, _) => format!(r#"{{"allow":["essential"],"deny":[{}]}}"#, self.value(0)),
                (_, true) => format!(
                    r#"{{"email":"m{}@example.com","first_name":"A","last_name":"B","notes":{}}}"#,
                    self.below(500),
                    self.value(0)
                ),
                _ => format!(
                    r#"[{{"id":{},"email":"m{}@example.com","first_name":"A","last_name":"B","x":{}}}]"#,
                    self.below(9),
                    self.below(500),
                    self.value(2)
                ),
            };
        }
        match self.below(10) {
            0 => String::new(),
            1 => self
                .one(&[
                    "[",
                    "{",
                    "nonsense",
                    "[[[[",
                    "\"",
                    "{\"a\":}",
                    "[1,2",
                    "\u{feff}{}",
                    "[]]",
                    "NaN",
                    "{\"id\":1}{\"id\":2}",
                ])
                .to_owned(),
            2 => "[".repeat(self.below(300)),
            3 | 4 => self.value(4),
            5 | 6 => self.object(3),
            7 => format!(r#"[{{"id":{},"company":{}}}]"#, self.below(9), self.value(1)),
            _ => {
                let rows: Vec<String> = (0..self.below(13)).map(|_| self.object(3)).collect();
                format!("[{}]", rows.join(","))
            }
        }
    }
}

const OPERATIONS: [(&str, &str); 54] = [
    ("GET", "/v3/customers"),
    ("GET", "/v3/customers"),
    ("GET", "/v2/customers"),
    ("GET", "/v2/customers/count"),
    ("GET", "/v2/customers/ID"),
    ("GET", "/v3/customers/ID/consent"),
    ("GET", "/v2/store"),
    ("GET", "/time"),
    ("HEAD", "//v3//customers/"),
    ("POST", "/v3/customers"),
    ("POST", "/v3/customers"),
    ("POST", "/v2/customers"),
    ("POST", "/v2/customers.json"),
    ("PUT", "/v3/customers"),
    ("PUT", "/v3/customers"),
    ("PUT", "/v2/customers/ID"),
    ("PUT", "/v3/customers/ID/consent"),
    ("DELETE", "/v3/customers"),
    ("DELETE", "/v2/customers/ID"),
    ("DELETE", "/stores/ID/v2/customers"),
    ("PATCH", "/v3/ID"),
    ("GET", "/v3/customers/attributes"),
    ("POST", "/v3/customers/attributes"),
    ("PUT", "/v3/customers/attributes"),
    ("DELETE", "/v3/customers/attributes"),
    ("GET", "/v3/customers/attribute-values"),
    ("PUT", "/v3/customers/attribute-values"),
    ("DELETE", "/v3/customers/attribute-values"),
    ("GET", "/v3/customers/ID/metafields"),
    ("POST", "/v3/customers/ID/metafields"),
    ("GET", "/v3/customers/ID/metafields/ID"),
    ("PUT", "/v3/customers/ID/metafields/ID"),
    ("DELETE", "/v3/customers/ID/metafields/ID"),
    ("GET", "/v3/customers/metafields"),
    ("POST", "/v3/customers/metafields"),
    ("PUT", "/v3/customers/metafields"),
    ("DELETE", "/v3/customers/metafields"),
    ("GET", "/v2/customers/ID.xml"),
    ("GET", "/v3/customers/addresses"),
    ("POST", "/v3/customers/addresses"),
    ("PUT", "/v3/customers/addresses"),
    ("DELETE", "/v3/customers/addresses"),
    ("GET", "/v2/customers/ID/addresses"),
    ("POST", "/v2/customers/ID/addresses"),
    ("DELETE", "/v2/customers/ID/addresses"),
    ("GET", "/v2/customers/1/addresses/ID"),
    ("PUT", "/v2/customers/1/addresses/ID"),
    ("DELETE", "/v2/customers/ID/addresses/1"),
    ("GET", "/v3/customers/form-field-values"),
    ("PUT", "/v3/customers/form-field-values"),
    ("PUT", "/v3/customers/form-field-values"),
    ("GET", "/stores/acme/custodia/form-fields"),
    ("PUT", "/stores/acme/custodia/form-fields"),
    ("DELETE", "/stores/acme/custodia/form-fields"),
];

on_each_engine! {
    async fn no_request_whatever_makes_the_server_fail(service: Service) {
        misuse(&service).await;
    }

    async fn no_request_whatever_makes_it_fail_while_webhooks_are_delivered(service: Service) {
        Box::pin(while_delivering(&service, misuse(&service))).await;
        sound(&service).await;
    }
}

/// Four thousand requests, none of which may fail because of the server.
async fn misuse(service: &Service) {
    service.crowd(6).await;
    let monkey = Monkey(SeededChance::new(20_240_601));
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..4_000 {
        let (method, path) = monkey.operation();
        let query = if monkey.chance(50) { String::new() } else { monkey.query() };
        let mut ask = service.ask(method, &format!("{path}{query}"));
        let token = if monkey.chance(85) {
            "modify"
        } else {
            monkey.one(&["read", "", "nobody", "other", "scopeless"])
        };
        ask = ask.token(token);
        if monkey.chance(6) {
            ask = ask.header(
                "Accept",
                monkey.one(&[
                    "text/html",
                    "*/*",
                    ";;;",
                    ",",
                    "application/*;q=x",
                    "application/xml, application/json",
                ]),
            );
        }
        if monkey.chance(30) {
            ask = ask.header(
                "Content-Type",
                monkey.one(&[
                    "application/json",
                    "text/plain",
                    "undefined",
                    ";",
                    "application/json;charset=x",
                    "a/b+json",
                    "+json",
                ]),
            );
        }
        if matches!(method, "POST" | "PUT") || monkey.chance(5) {
            ask = ask.text(monkey.body(&path));
        }
        let answer = ask.send().await;
        assert!(answer.status < 500, "{answer}");
        if answer.method == "DELETE" && answer.status == 204 && monkey.chance(60) {
            service.post("modify", "/v3/customers", monkey.people()).await;
        }
        // What speaks JSON speaks it well, and says nothing of the machine.
        if answer.status != 204
            && method != "HEAD"
            && answer.header("content-type") == "application/json"
        {
            assert!(!answer.json().is_null(), "{answer}");
        }
        let text = answer.text();
        for word in ["panicked", "SELECT ", "sqlite", "postgres", ".rs:"] {
            assert!(!text.contains(word), "{answer}");
        }
        *seen.entry(answer.status).or_insert(0) += 1;
    }
    for status in [200, 201, 204, 400, 401, 403, 404, 406, 415, 422] {
        assert!(
            seen.get(&status).is_some_and(|times| *times >= 5),
            "{status} is hardly met: {seen:?}"
        );
    }
    sound(service).await;
}

/// What must hold however the rows came to be.
pub(crate) async fn sound(service: &Service) {
    let number = async |select: &str| service.number(select).await;
    let acme = "store_id = (SELECT store_id FROM store WHERE hash = 'acme')";
    let live =
        number(&format!("SELECT live FROM counter WHERE name = 'customer' AND {acme}")).await;
    let there = number(&format!("SELECT COUNT(*) FROM customer WHERE {acme}")).await;
    assert_eq!(live, there, "the count that is kept");
    let live = number(&format!("SELECT live FROM counter WHERE name = 'address' AND {acme}")).await;
    let addresses = number(&format!("SELECT COUNT(*) FROM customer_address WHERE {acme}")).await;
    assert_eq!(live, addresses, "the count of addresses that is kept");
    let orphans = "SELECT COUNT(*) FROM customer_address a LEFT JOIN customer c
        ON c.store_id = a.store_id AND c.customer_id = a.customer_id WHERE c.customer_id IS NULL";
    assert_eq!(number(orphans).await, 0, "an address has its customer");
    let events = async |what: &str| {
        // Those whom somebody wanted to be told of are events by now, if there was a worker.
        let of = |table| {
            format!("SELECT scope FROM {table} WHERE {acme} AND scope = 'store/customer/{what}'")
        };
        let both = format!("{} UNION ALL {}", of("outbox"), of("event"));
        number(&format!("SELECT COUNT(*) FROM ({both}) AS told")).await
    };
    let lines = async |what: &str| {
        number(&format!("SELECT COUNT(*) FROM audit WHERE {acme} AND action = '{what}'")).await
    };
    let (created, updated, deleted) =
        (events("created").await, events("updated").await, events("deleted").await);
    assert_eq!(created - deleted, there, "each customer there is was made and not deleted");
    for what in ["created", "updated", "deleted"] {
        assert_eq!(
            lines(&format!("address.{what}")).await,
            events(&format!("address/{what}")).await,
            "each event of an address has its line"
        );
    }
    let gone = lines("customer.deleted").await + lines("customer.erased").await;
    assert_eq!((lines("customer.created").await, gone), (created, deleted));
    // Of a change of form fields' values alone there may be no event.
    let quiet = number(&format!(
        "SELECT COUNT(*) FROM audit WHERE {acme} AND action = 'customer.updated' AND fields = 'form_fields'"
    ))
    .await;
    let told = lines("customer.updated").await;
    assert!((told - quiet..=told).contains(&updated), "{told} {quiet} {updated}");
    let declared = number(&format!("SELECT COUNT(*) FROM consent_declaration WHERE {acme}")).await;
    assert_eq!(lines("consent.declared").await, declared, "each declaration has its line");
    for (owned, owner) in [
        ("attribute_value", "customer"),
        ("attribute_value", "attribute"),
        ("metafield", "customer"),
    ] {
        let orphans = format!(
            "SELECT COUNT(*) FROM {owned} o WHERE NOT EXISTS
                 (SELECT {owner}_id FROM {owner} w WHERE w.store_id = o.store_id AND w.{owner}_id = o.{owner}_id)"
        );
        assert_eq!(
            number(&orphans).await,
            0,
            "what belongs to nobody: {owned} without its {owner}"
        );
    }
    assert_eq!(
        number(&format!("SELECT live FROM counter WHERE {acme} AND name = 'attribute'")).await,
        number(&format!("SELECT COUNT(*) FROM attribute WHERE {acme}")).await,
        "the count of attributes that is kept"
    );
    let twice = "SELECT COUNT(*) FROM (SELECT store_id, email_key FROM customer WHERE channel_ids IS NULL GROUP BY store_id, email_key HAVING COUNT(*) > 1) AS twice";
    assert_eq!(number(twice).await, 0, "an address is one account's");
    let meetings = "(SELECT DISTINCT c.store_id, h.channel_id, c.customer_id FROM customer c
        JOIN customer g ON g.store_id = c.store_id AND g.email_key = c.email_key AND g.channel_ids IS NULL
        JOIN channel h ON h.store_id = c.store_id AND (' ' || c.channel_ids || ' ') LIKE '% ' || CAST(h.channel_id AS TEXT) || ' %')";
    let there = number("SELECT COUNT(*) FROM customer_meeting").await;
    assert_eq!(number(&format!("SELECT COUNT(*) FROM {meetings} AS m")).await, there);
    let kept = format!("SELECT COUNT(*) FROM {meetings} AS m JOIN customer_meeting k
        ON k.store_id = m.store_id AND k.channel_id = m.channel_id AND k.customer_id = m.customer_id");
    assert_eq!(number(&kept).await, there, "who would meet whom");
    let groups = number(&format!("SELECT COUNT(*) FROM customer_group WHERE {acme}")).await;
    let live = format!("SELECT live FROM counter WHERE name = 'customer_group' AND {acme}");
    assert_eq!(number(&live).await, groups, "the count of groups that is kept");
    let left = "SELECT COUNT(*) FROM customer c WHERE c.customer_group_id <> 0 AND NOT EXISTS (SELECT 1 FROM customer_group g
        WHERE g.store_id = c.store_id AND g.customer_group_id = c.customer_group_id)";
    assert_eq!(number(left).await, 0, "nobody is left in a group that is gone");
    let gaps = "SELECT COUNT(*) FROM (SELECT store_id, customer_id FROM consent_declaration GROUP BY store_id, customer_id
        HAVING COUNT(*) <> MAX(sequence) OR MIN(sequence) <> 1) AS gaps";
    assert_eq!(number(gaps).await, 0, "declarations are numbered from 1 without a gap");
}
