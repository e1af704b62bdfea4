//! A database that an earlier version made, brought to what this one needs; and what no version may bring.

use kernel::{StoreId, Timestamp};
use resources::{
    SCHEMA,
    counters::rows::{Counter, hold},
};
use sql::{Db, ReadTx, WriteTx};

#[tokio::test]
async fn a_store_that_was_made_before_a_kind_of_thing_has_its_counter() {
    let place = tempfile::tempdir().expect("a folder");
    let address = format!("sqlite:{}", place.path().join("old.db").display());
    let db = Db::connect(&address).await.expect("a database");
    sql::migrate(&db, &SCHEMA[..1], Timestamp(0)).await.expect("the first schema");
    let store = async |tx: &mut WriteTx| {
        tx.query(
            "INSERT INTO store (store_id, hash, plan, quirks, created_at, deleted_at)
             VALUES ($1, 'old', 'unlimited', '', 0, 0)",
        )
        .bind(StoreId(7))
        .execute()
        .await?;
        tx.query("INSERT INTO counter (store_id, name, last, live) VALUES ($1, 'customer', 5, 5)")
            .bind(StoreId(7))
            .execute()
            .await
    };
    db.write(store).await.expect("a store");
    sql::migrate(&db, SCHEMA, Timestamp(0)).await.expect("the whole schema");
    for counter in Counter::ALL {
        let held = db.write(async |tx| hold(tx, StoreId(7), counter).await).await;
        assert!(held.expect("a statement").is_some(), "{counter:?}");
    }
}

#[tokio::test]
async fn who_would_meet_whom_is_known_of_the_customers_that_are_there() {
    let place = tempfile::tempdir().expect("a folder");
    let address = format!("sqlite:{}", place.path().join("old.db").display());
    let db = Db::connect(&address).await.expect("a database");
    sql::migrate(&db, &SCHEMA[..12], Timestamp(0)).await.expect("the schema before meetings");
    let people = async |tx: &mut WriteTx| {
        tx.query(
            "INSERT INTO channel (store_id, channel_id, name, type, date_created)
             VALUES (7, 2, '', '', 0), (7, 12, '', '', 0), (8, 2, '', '', 0)",
        )
        .execute()
        .await?;
        tx.query(
            "INSERT INTO customer
                 (store_id, customer_id, channel_ids, email, email_key, first_name, last_name, company, phone,
                  notes, tax_exempt_category, customer_group_id, registration_ip_address, accepts_review_emails,
                  store_credit, origin_channel_id, password_hash, force_password_reset, name_key, first_name_key,
                  last_name_key, company_key, date_created, date_modified, declarations)
             SELECT store_id, customer_id, channel_ids, email_key, email_key, '', '', '', '', '', '', 0, '', false, 0, 1,
                    '', false, '', '', '', '', 0, 0, 0
             FROM (SELECT 7 AS store_id, 1 AS customer_id, NULL AS channel_ids, 'a' AS email_key
                   UNION ALL SELECT 7, 2, '2 12', 'a' UNION ALL SELECT 7, 3, '1', 'a'
                   UNION ALL SELECT 7, 4, '12', 'b' UNION ALL SELECT 8, 5, '2', 'a') AS people",
        )
        .execute()
        .await
    };
    db.write(people).await.expect("customers");
    sql::migrate(&db, SCHEMA, Timestamp(0)).await.expect("the whole schema");
    let kept = async |tx: &mut ReadTx| {
        let places =
            "SELECT channel_id * 100 + customer_id FROM customer_meeting ORDER BY channel_id";
        tx.query(places).fetch_all::<(i64,)>().await
    };
    assert_eq!(db.read(kept).await.expect("rows"), [(202,), (1202,)]);
}

/// To see whether a row is in such an index SQLite fills a table, for each row that is written.
#[tokio::test]
async fn no_index_has_a_list_as_its_condition() {
    let place = tempfile::tempdir().expect("a folder");
    let address = format!("sqlite:{}", place.path().join("new.db").display());
    let db = Db::connect(&address).await.expect("a database");
    sql::migrate(&db, SCHEMA, Timestamp(0)).await.expect("the schema");
    let indexes = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql LIKE '%WHERE%'";
    let indexes = db.read(async |tx| tx.query(indexes).fetch_all::<(String,)>().await).await;
    let indexes = indexes.expect("statements");
    assert!(indexes.len() >= 2);
    for (index,) in indexes {
        assert!(!index.split(|it: char| !it.is_alphanumeric()).any(|word| word == "IN"), "{index}");
    }
}
