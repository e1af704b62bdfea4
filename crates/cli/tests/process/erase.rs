//! Who was erased is gone from the files and the log too, and the receipt that they kept still holds.

use std::fs;

use ledger::{
    leaf::{Leaf, Person, Salt},
    proof::Inclusion,
    receipt::{Controller, Evidence, Purpose, Receipt, SCHEMA, WITHDRAWAL},
};
use serde_json::{Value, json};

use crate::{
    database::Database,
    place::{Engine, Place, bare, succeeded},
};

const NEEDLES: [&str; 5] =
    ["zuzana.u@person.example", "zuzunmistakable", "777123987", "unverkennbar", "203.0.113.77"];

on_each_engine! {
    fn nothing_of_an_erased_customer_is_left_in_the_files_or_the_log(place: Place) {
        let account = place.store("acme");
        let server = place.serve();
        let mut client = server.client(&account);
        let address = json!({"first_name": "Zuzunmistakable", "last_name": "Zuzunmistakable", "address1": "Unverkennbar 7",
            "city": "Unverkennbar", "postal_code": "777123987", "country_code": "DE", "phone": "777123987"});
        let row = json!([{"email": "zuzana.u@person.example", "first_name": "Zuzunmistakable",
            "last_name": "Zuzunmistakable", "phone": "777123987", "notes": "Unverkennbar".repeat(500),
            "addresses": [address]}]);
        let made = client.post("/v3/customers", &row).expect("an answer").json();
        let id = made["data"][0]["id"].as_i64().expect("an id");
        // So many others that pages are split and merged around this one.
        for n in 0..40 {
            let rows: Vec<Value> = (0..10).map(|m| json!({"email": format!("c{n}-{m}@example.com"),
                "first_name": "An", "last_name": "Other", "notes": "x".repeat(300)})).collect();
            assert_eq!(client.post("/v3/customers", &rows.into()).expect("an answer").status, 200);
        }
        let changes = [
            (format!("/v2/customers/{id}"), json!({"registration_ip_address": "203.0.113.77", "company": "Unverkennbar"})),
            (format!("/v3/customers/{id}/consent"), json!({"allow": ["essential"], "deny": ["targeting"]})),
        ];
        for (path, body) in changes {
            assert_eq!(client.put(&path, &body).expect("an answer").status, 200, "{path}");
        }
        let news = json!({"email": "zuzana.u@person.example", "first_name": "Zuzunmistakable"});
        assert_eq!(client.post("/v3/customers/subscribers", &news).expect("an answer").status, 200);
        let wish = json!({"customer_id": id, "name": "Unverkennbar", "items": [{"product_id": 1}]});
        assert_eq!(client.post("/v3/wishlists", &wish).expect("an answer").status, 201);
        let export = place.run(&["consent", "export", "--store", "acme"]);
        let receipt = receipt(place, &export, id);
        assert!(!found(place).is_empty(), "nothing would be proved");

        let erased = client.post(&format!("/custodia/customers/{id}/erasure"), &json!({}));
        assert_eq!(erased.expect("an answer").status, 204);
        if place.engine == Engine::Sqlite {
            // What a server does when it stops, and an operator may do at any time.
            until_truncated(place);
        }
        assert_eq!(found(place), [""; 0]);
        let after = place.run(&["consent", "export", "--store", "acme"]);
        assert_eq!(after.lines().nth(1), export.lines().nth(1), "the leaf stays");
        assert_eq!(among(&after), [""; 0]);
        assert_eq!(among(&server.log()), [""; 0]);
        place.run(&["consent", "verify", "--store", "acme"]);

        fs::write(place.path("receipt"), serde_json::to_string(&receipt).expect("JSON")).expect("a file");
        let key = place.run(&["consent", "keys"]);
        let verify = ["consent", "verify", "receipt", "--key", key.trim()];
        let told = succeeded(bare(&place.path("")).args(verify));
        assert!(told.starts_with("The receipt holds."), "{told}");
        assert_eq!(among(&server.stop()), [""; 0]);
        assert_eq!(found(place), [""; 0]);
    }
}

/// What the person keeps of the one declaration.
fn receipt(place: &Place, export: &str, customer: i64) -> Receipt {
    let printed = place.run(&["consent", "prove", "--store", "acme", "--leaf", "0"]);
    let proof: Inclusion = serde_json::from_str(&printed).expect("a proof");
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    let entry: Value = serde_json::from_str(export.lines().nth(1).expect("a leaf")).expect("JSON");
    let leaf: Leaf = serde_json::from_value(entry["leaf"].clone()).expect("a leaf");
    let hex = match place.engine {
        Engine::Sqlite => "lower(hex(salt))",
        Engine::Postgres => "encode(salt, 'hex')",
    };
    let salt = &place.database().rows(&format!("SELECT {hex} FROM consent_declaration"))[0][0];
    let byte = |at: usize| u8::from_str_radix(&salt[at * 2..at * 2 + 2], 16).expect("digits");
    Receipt {
        schema: SCHEMA.to_owned(),
        controller: Controller {
            store_hash: "acme".to_owned(),
            name: String::new(),
            contact: String::new(),
        },
        subject: Person { customer_id: customer, sequence: 1, session: None },
        declared_at: leaf.declared_at().to_rfc3339_micros(),
        purposes: Purpose::of(&leaf),
        policy: None,
        withdrawal: WITHDRAWAL.to_owned(),
        evidence: Evidence {
            salt: Salt::new(std::array::from_fn(byte)),
            leaf,
            index: 0,
            proof: proof.proof,
            checkpoint: printed["checkpoint"].as_str().expect("a text").to_owned(),
        },
    }
}

/// The needles that are left: in every byte of the files, or in every row that a dump would have.
fn found(place: &Place) -> Vec<&'static str> {
    match place.engine {
        Engine::Sqlite => {
            let files = ["custodia.db", "custodia.db-wal"].map(|name| place.path(name));
            let bytes: Vec<u8> =
                files.iter().flat_map(|it| fs::read(it).unwrap_or_default()).collect();
            among(&String::from_utf8_lossy(&bytes))
        }
        Engine::Postgres => {
            let database = place.database();
            let tables = database.rows(
                "SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'",
            );
            assert!(tables.len() > 20, "{tables:?}");
            let rows = tables.iter().flat_map(|table| {
                let table = &table[0];
                database.rows(&format!("SELECT t::text FROM {table} t")).into_iter().flatten()
            });
            among(&rows.collect::<Vec<_>>().join("\n"))
        }
    }
}

fn among(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    NEEDLES.into_iter().filter(|needle| text.contains(needle)).collect()
}

fn until_truncated(place: &Place) {
    let database = Database::open(&place.address);
    let rows = database.rows("PRAGMA wal_checkpoint(TRUNCATE)");
    assert_eq!(rows[0][0], "0", "nobody was in the way");
}
