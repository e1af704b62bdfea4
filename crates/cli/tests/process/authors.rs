//! Those who change things of which webhooks tell, and remember what was acknowledged.

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread::sleep,
    time::Duration,
};

use serde_json::{Value, json};

use crate::http::Client;

/// An event of which there has to be word, because the change was acknowledged.
#[derive(Debug)]
pub(crate) struct Told {
    /// Whose events keep their order.
    pub(crate) customer: i64,
    pub(crate) scope: &'static str,
    pub(crate) data: Value,
}

/// Writes for as long as there are answers.
pub(crate) struct Author<'p> {
    pub(crate) client: Client,
    /// Unlike any other's.
    pub(crate) name: String,
    /// How many events were acknowledged, to anybody.
    pub(crate) acknowledged: &'p AtomicUsize,
    /// From how many on there is no hurry.
    pub(crate) quota: &'p AtomicUsize,
    pub(crate) stop: &'p AtomicBool,
    pub(crate) told: Vec<Told>,
    /// Whether its store may be deleted meanwhile.
    pub(crate) may_be_shut_out: bool,
}

impl Author<'_> {
    /// Until it is told to stop, or there is no answer.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        for round in 0.. {
            if !self.tell_of_ten(round)? {
                break;
            }
        }
        Ok(())
    }

    /// Ten customers, and what happens to them: 82 events. Whether to go on.
    fn tell_of_ten(&mut self, round: u32) -> io::Result<bool> {
        let email = |n: usize| format!("{}-{round}-{n}@example.com", self.name);
        let rows = (0..10).map(|n| json!({"email": email(n), "first_name": "A", "last_name": "B"}));
        let Some(customers) = self.made("/v3/customers", rows.collect())? else { return Ok(false) };
        for id in &customers {
            self.tell(*id, "store/customer/created", customer(*id));
        }

        let home = |id: &i64| {
            json!({"customer_id": id, "first_name": "A", "last_name": "B", "address1": "1 Main St", "city": "Austin",
                   "state_or_province": "Texas", "postal_code": "78701", "country_code": "US"})
        };
        let rows = customers.iter().map(home).collect();
        let Some(addresses) = self.made("/v3/customers/addresses", rows)? else { return Ok(false) };
        let homes: Vec<(i64, i64)> = customers.iter().copied().zip(addresses).collect();
        for (owner, id) in &homes {
            self.tell(*owner, "store/customer/address/created", address(*owner, *id));
        }

        let field = |id: &i64| json!({"resource_id": id, "namespace": "soak", "key": "k", "value": "1", "permission_set": "write"});
        let (owners, last) = (&customers[..9], customers[9]);
        let rows = owners.iter().map(field).collect();
        let Some(fields) = self.made("/v3/customers/metafields", rows)? else { return Ok(false) };
        let fields: Vec<(i64, i64)> = owners.iter().copied().zip(fields).collect();
        for (owner, id) in &fields {
            self.tell(*owner, "store/metafield/created", metafield(*owner, *id));
        }

        for name in ["Ada", "Grace"] {
            let rows = customers.iter().map(|id| json!({"id": id, "first_name": name})).collect();
            if !self.asked("PUT", "/v3/customers", &Value::Array(rows))? {
                return Ok(false);
            }
            for id in &customers {
                self.tell(*id, "store/customer/updated", customer(*id));
            }
        }

        for id in &customers[..4] {
            let declaration = json!({"allow": ["essential"], "deny": []});
            if !self.asked("PUT", &format!("/v3/customers/{id}/consent"), &declaration)? {
                return Ok(false);
            }
            self.tell(*id, "custodia/customer/consent/updated", customer(*id));
        }

        let rows = fields.iter().map(|(_, id)| json!({"id": id, "value": "2"})).collect();
        if !self.asked("PUT", "/v3/customers/metafields", &Value::Array(rows))? {
            return Ok(false);
        }
        for (owner, id) in &fields {
            self.tell(*owner, "store/metafield/updated", metafield(*owner, *id));
        }

        let ids: Vec<String> = homes.iter().map(|(_, id)| id.to_string()).collect();
        let path = format!("/v3/customers/addresses?id:in={}", ids.join(","));
        if !self.asked("DELETE", &path, &Value::Null)? {
            return Ok(false);
        }
        for (owner, id) in &homes {
            self.tell(*owner, "store/customer/address/deleted", address(*owner, *id));
        }

        let ids = fields.iter().map(|(_, id)| json!(id)).collect();
        if !self.asked("DELETE", "/v3/customers/metafields", &Value::Array(ids))? {
            return Ok(false);
        }
        for (owner, id) in &fields {
            self.tell(*owner, "store/metafield/deleted", metafield(*owner, *id));
        }

        // Without consent and metafields: whoever is deleted takes along what waits to be told of them.
        if !self.asked("DELETE", &format!("/v3/customers?id:in={last}"), &Value::Null)? {
            return Ok(false);
        }
        self.tell(last, "store/customer/deleted", customer(last));
        Ok(true)
    }

    /// Make some; their ids, unless it is time to stop.
    fn made(&mut self, path: &str, rows: Vec<Value>) -> io::Result<Option<Vec<i64>>> {
        let count = rows.len();
        let Some(answer) = self.ask("POST", path, &Value::Array(rows))? else { return Ok(None) };
        let rows = answer["data"].as_array().expect("rows").clone();
        assert_eq!(rows.len(), count, "{answer}");
        Ok(Some(rows.iter().map(|row| row["id"].as_i64().expect("an id")).collect()))
    }

    /// Ask for something; whether that was done.
    fn asked(&mut self, method: &str, path: &str, body: &Value) -> io::Result<bool> {
        Ok(self.ask(method, path, body)?.is_some())
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> io::Result<Option<Value>> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if self.acknowledged.load(Ordering::Relaxed) >= self.quota.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(50));
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.client.ask(method, path, &text)?;
        let status = answer.status;
        if self.may_be_shut_out && (400..500).contains(&status) {
            return Ok(None);
        }
        assert!((200..300).contains(&status), "{method} {path}: {status} {}", answer.text());
        Ok(Some(if answer.body.is_empty() { Value::Null } else { answer.json() }))
    }

    fn tell(&mut self, customer: i64, scope: &'static str, data: Value) {
        self.told.push(Told { customer, scope, data });
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

fn customer(id: i64) -> Value {
    json!({"type": "customer", "id": id})
}

fn address(owner: i64, id: i64) -> Value {
    json!({"type": "customer", "id": id, "address": {"customer_id": owner}})
}

fn metafield(owner: i64, id: i64) -> Value {
    json!({"type": "metafield", "id": id, "metafield":
        {"resource_type": "customer", "resource_id": owner.to_string(), "namespace": "soak", "key": "k"}})
}

/// Whose event it is that says this.
pub(crate) fn customer_of(data: &Value) -> i64 {
    if let Some(owner) = data["address"]["customer_id"].as_i64() {
        return owner;
    }
    let owner = data["metafield"]["resource_id"].as_str().and_then(|id| id.parse().ok());
    owner.or(data["id"].as_i64()).expect("a customer")
}
