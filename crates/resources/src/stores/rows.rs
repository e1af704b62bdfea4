use kernel::StoreId;
use sql::{Mark, Result, WriteTx};

/// A table whose rows belong to stores, and how some of a store's rows are removed from it: `$2` of them.
#[derive(Debug)]
pub struct Held {
    pub table: &'static str,
    delete_some: &'static str,
}

impl Held {
    /// How many rows go in one transaction, which are some milliseconds of work. Counters go one by one: who makes something
    /// holds several, taken in the order of `Counter::ALL`, which no statement locks them in.
    fn at_a_time(&self) -> i64 {
        if self.table == "counter" { 1 } else { 250 }
    }
}

/// Every table whose rows belong to stores, in the order in which they are emptied: the counters first.
pub const HELD: &[Held] = &[
    Held {
        table: "counter",
        delete_some: "DELETE FROM counter WHERE store_id = $1 AND name IN
            (SELECT name FROM counter WHERE store_id = $1 ORDER BY name LIMIT $2)",
    },
    // Who delivers holds one of these two, so that nobody puts rows after them into the tables further down.
    Held {
        table: "delivery_turn",
        delete_some: "DELETE FROM delivery_turn WHERE store_id = $1 AND store_id IN
            (SELECT store_id FROM delivery_turn WHERE store_id = $1 LIMIT $2)",
    },
    Held {
        table: "delivery_lane",
        delete_some:
            "DELETE FROM delivery_lane WHERE store_id = $1 AND (hook_id, subject) IN
            (SELECT hook_id, subject FROM delivery_lane WHERE store_id = $1 ORDER BY hook_id, subject LIMIT $2)",
    },
    Held {
        table: "listener",
        delete_some: "DELETE FROM listener WHERE store_id = $1 AND listener_id IN
            (SELECT listener_id FROM listener WHERE store_id = $1 ORDER BY listener_id LIMIT $2)",
    },
    Held {
        table: "heard",
        delete_some: "DELETE FROM heard WHERE store_id = $1 AND (listener_id, event_id, hook_id, attempt) IN
            (SELECT listener_id, event_id, hook_id, attempt FROM heard WHERE store_id = $1
             ORDER BY listener_id, event_id, hook_id, attempt LIMIT $2)",
    },
    Held {
        table: "delivery",
        delete_some: "DELETE FROM delivery WHERE store_id = $1 AND (hook_id, event_id) IN
            (SELECT hook_id, event_id FROM delivery WHERE store_id = $1 ORDER BY hook_id, event_id LIMIT $2)",
    },
    Held {
        table: "delivery_attempt",
        delete_some: "DELETE FROM delivery_attempt WHERE store_id = $1 AND (hook_id, event_id, attempt) IN
            (SELECT hook_id, event_id, attempt FROM delivery_attempt WHERE store_id = $1
             ORDER BY hook_id, event_id, attempt LIMIT $2)",
    },
    Held {
        table: "dead_letter",
        delete_some: "DELETE FROM dead_letter WHERE store_id = $1 AND (hook_id, event_id) IN
            (SELECT hook_id, event_id FROM dead_letter WHERE store_id = $1 ORDER BY hook_id, event_id LIMIT $2)",
    },
    Held {
        table: "delivery_hour",
        delete_some: "DELETE FROM delivery_hour WHERE store_id = $1 AND (hook_id, begun_at) IN
            (SELECT hook_id, begun_at FROM delivery_hour WHERE store_id = $1
             ORDER BY hook_id, begun_at LIMIT $2)",
    },
    Held {
        table: "event",
        delete_some: "DELETE FROM event WHERE store_id = $1 AND event_id IN
            (SELECT event_id FROM event WHERE store_id = $1 ORDER BY event_id LIMIT $2)",
    },
    Held {
        table: "delivery_domain",
        delete_some: "DELETE FROM delivery_domain WHERE store_id = $1 AND domain IN
            (SELECT domain FROM delivery_domain WHERE store_id = $1 ORDER BY domain LIMIT $2)",
    },
    Held {
        table: "delivery_tally",
        delete_some: "DELETE FROM delivery_tally WHERE store_id = $1 AND (domain, begun_at) IN
            (SELECT domain, begun_at FROM delivery_tally WHERE store_id = $1
             ORDER BY domain, begun_at LIMIT $2)",
    },
    Held {
        table: "ledger",
        delete_some: "DELETE FROM ledger WHERE store_id = $1 AND store_id IN
            (SELECT store_id FROM ledger WHERE store_id = $1 LIMIT $2)",
    },
    Held {
        table: "ledger_leaf",
        delete_some: "DELETE FROM ledger_leaf WHERE store_id = $1 AND leaf IN
            (SELECT leaf FROM ledger_leaf WHERE store_id = $1 ORDER BY leaf LIMIT $2)",
    },
    Held {
        table: "ledger_tile",
        delete_some: "DELETE FROM ledger_tile WHERE store_id = $1 AND (level, number) IN
            (SELECT level, number FROM ledger_tile WHERE store_id = $1
             ORDER BY level, number LIMIT $2)",
    },
    Held {
        table: "store_domain",
        delete_some: "DELETE FROM store_domain WHERE store_id = $1 AND domain IN
            (SELECT domain FROM store_domain WHERE store_id = $1 ORDER BY domain LIMIT $2)",
    },
    Held {
        table: "customer",
        delete_some: "DELETE FROM customer WHERE store_id = $1 AND customer_id IN
            (SELECT customer_id FROM customer WHERE store_id = $1 ORDER BY customer_id LIMIT $2)",
    },
    Held {
        table: "customer_meeting",
        delete_some: "DELETE FROM customer_meeting WHERE store_id = $1 AND (channel_id, customer_id) IN
            (SELECT channel_id, customer_id FROM customer_meeting WHERE store_id = $1
             ORDER BY channel_id, customer_id LIMIT $2)",
    },
    Held {
        table: "customer_address",
        delete_some: "DELETE FROM customer_address WHERE store_id = $1 AND address_id IN
            (SELECT address_id FROM customer_address WHERE store_id = $1 ORDER BY address_id LIMIT $2)",
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
        table: "consent_policy",
        delete_some: "DELETE FROM consent_policy WHERE store_id = $1 AND number IN
            (SELECT number FROM consent_policy WHERE store_id = $1 ORDER BY number LIMIT $2)",
    },
    Held {
        table: "subscriber",
        delete_some: "DELETE FROM subscriber WHERE store_id = $1 AND subscriber_id IN
            (SELECT subscriber_id FROM subscriber WHERE store_id = $1 ORDER BY subscriber_id LIMIT $2)",
    },
    Held {
        table: "wishlist",
        delete_some: "DELETE FROM wishlist WHERE store_id = $1 AND wishlist_id IN
            (SELECT wishlist_id FROM wishlist WHERE store_id = $1 ORDER BY wishlist_id LIMIT $2)",
    },
    Held {
        table: "wishlist_item",
        delete_some: "DELETE FROM wishlist_item WHERE store_id = $1 AND (wishlist_id, item_id) IN
            (SELECT wishlist_id, item_id FROM wishlist_item WHERE store_id = $1
             ORDER BY wishlist_id, item_id LIMIT $2)",
    },
    Held {
        table: "customer_group",
        delete_some: "DELETE FROM customer_group WHERE store_id = $1 AND customer_group_id IN
            (SELECT customer_group_id FROM customer_group WHERE store_id = $1
             ORDER BY customer_group_id LIMIT $2)",
    },
    Held {
        table: "channel",
        delete_some: "DELETE FROM channel WHERE store_id = $1 AND channel_id IN
            (SELECT channel_id FROM channel WHERE store_id = $1 ORDER BY channel_id LIMIT $2)",
    },
    Held {
        table: "customer_settings",
        delete_some: "DELETE FROM customer_settings WHERE store_id = $1 AND channel_id IN
            (SELECT channel_id FROM customer_settings WHERE store_id = $1
             ORDER BY channel_id LIMIT $2)",
    },
    Held {
        table: "stored_instrument",
        delete_some: "DELETE FROM stored_instrument WHERE store_id = $1 AND (customer_id, token) IN
            (SELECT customer_id, token FROM stored_instrument WHERE store_id = $1
             ORDER BY customer_id, token LIMIT $2)",
    },
    Held {
        table: "sign_in_attempt",
        delete_some: "DELETE FROM sign_in_attempt WHERE store_id = $1 AND subject IN
            (SELECT subject FROM sign_in_attempt WHERE store_id = $1 ORDER BY subject LIMIT $2)",
    },
    Held {
        table: "shopper_session",
        delete_some: "DELETE FROM shopper_session WHERE store_id = $1 AND digest IN
            (SELECT digest FROM shopper_session WHERE store_id = $1 ORDER BY digest LIMIT $2)",
    },
    Held {
        table: "login_token",
        delete_some: "DELETE FROM login_token WHERE store_id = $1 AND (account_id, digest) IN
            (SELECT account_id, digest FROM login_token WHERE store_id = $1
             ORDER BY account_id, digest LIMIT $2)",
    },
    Held {
        table: "form_value",
        delete_some: "DELETE FROM form_value WHERE store_id = $1 AND (session_id, field_id) IN
            (SELECT session_id, field_id FROM form_value WHERE store_id = $1
             ORDER BY session_id, field_id LIMIT $2)",
    },
    Held {
        table: "form_field",
        delete_some: "DELETE FROM form_field WHERE store_id = $1 AND field_id IN
            (SELECT field_id FROM form_field WHERE store_id = $1 ORDER BY field_id LIMIT $2)",
    },
    Held {
        table: "segment",
        delete_some: "DELETE FROM segment WHERE store_id = $1 AND segment_number IN
            (SELECT segment_number FROM segment WHERE store_id = $1 ORDER BY segment_number LIMIT $2)",
    },
    Held {
        table: "shopper_profile",
        delete_some: "DELETE FROM shopper_profile WHERE store_id = $1 AND profile_number IN
            (SELECT profile_number FROM shopper_profile WHERE store_id = $1
             ORDER BY profile_number LIMIT $2)",
    },
    Held {
        table: "membership",
        delete_some: "DELETE FROM membership WHERE store_id = $1 AND (segment_number, profile_number) IN
            (SELECT segment_number, profile_number FROM membership WHERE store_id = $1
             ORDER BY segment_number, profile_number LIMIT $2)",
    },
    Held {
        table: "hook",
        delete_some: "DELETE FROM hook WHERE store_id = $1 AND hook_id IN
            (SELECT hook_id FROM hook WHERE store_id = $1 ORDER BY hook_id LIMIT $2)",
    },
    Held {
        table: "hook_notification",
        delete_some: "DELETE FROM hook_notification WHERE store_id = $1 AND account_id IN
            (SELECT account_id FROM hook_notification WHERE store_id = $1 ORDER BY account_id LIMIT $2)",
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

/// Remove some of a store's rows from a table; how many there were.
pub async fn delete_some(tx: &mut WriteTx, store: StoreId, held: &'static Held) -> Result<u64> {
    // Its tokens are unknown by now; but another store may one day have its number.
    tx.mark(Mark::of(store.0, 0));
    tx.query(held.delete_some).bind(store).bind(held.at_a_time()).execute().await
}
