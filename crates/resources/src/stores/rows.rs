use kernel::StoreId;
use sql::{Result, WriteTx};

/// A table whose rows belong to stores, and how some of a store's rows are removed from it: `$2` of them.
#[derive(Debug)]
pub struct Held {
    pub table: &'static str,
    delete_some: &'static str,
}

/// Every table whose rows belong to stores, in the order in which they are emptied: the counters first.
pub const HELD: &[Held] = &[
    Held {
        table: "counter",
        delete_some: "DELETE FROM counter WHERE store_id = $1 AND name IN
            (SELECT name FROM counter WHERE store_id = $1 ORDER BY name LIMIT $2)",
    },
    Held {
        table: "customer",
        delete_some: "DELETE FROM customer WHERE store_id = $1 AND customer_id IN
            (SELECT customer_id FROM customer WHERE store_id = $1 ORDER BY customer_id LIMIT $2)",
    },
    Held {
        table: "attribute",
        delete_some:
            "DELETE FROM attribute WHERE store_id = $1 AND attribute_id IN
            (SELECT attribute_id FROM attribute WHERE store_id = $1 ORDER BY attribute_id LIMIT $2)",
    },
    Held {
        table: "attribute_value",
        delete_some: "DELETE FROM attribute_value WHERE store_id = $1 AND value_id IN
            (SELECT value_id FROM attribute_value WHERE store_id = $1 ORDER BY value_id LIMIT $2)",
    },
    Held {
        table: "metafield",
        delete_some:
            "DELETE FROM metafield WHERE store_id = $1 AND metafield_id IN
            (SELECT metafield_id FROM metafield WHERE store_id = $1 ORDER BY metafield_id LIMIT $2)",
    },
    Held {
        table: "consent_declaration",
        delete_some:
            "DELETE FROM consent_declaration WHERE store_id = $1 AND (customer_id, sequence) IN
            (SELECT customer_id, sequence FROM consent_declaration WHERE store_id = $1
             ORDER BY customer_id, sequence LIMIT $2)",
    },
    Held {
        table: "outbox",
        delete_some: "DELETE FROM outbox WHERE store_id = $1 AND event_id IN
            (SELECT event_id FROM outbox WHERE store_id = $1 ORDER BY event_id LIMIT $2)",
    },
    Held {
        table: "audit",
        delete_some: "DELETE FROM audit WHERE store_id = $1 AND audit_id IN
            (SELECT audit_id FROM audit WHERE store_id = $1 ORDER BY audit_id LIMIT $2)",
    },
];

/// Remove up to `most` of a store's rows from a table; how many there were.
pub async fn delete_some(
    tx: &mut WriteTx,
    store: StoreId,
    held: &'static Held,
    most: i64,
) -> Result<u64> {
    tx.query(held.delete_some).bind(store).bind(most).execute().await
}
