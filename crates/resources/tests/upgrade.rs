//! A database that an earlier version made, brought to what this one needs.

use kernel::{StoreId, Timestamp};
use resources::{
    SCHEMA,
    counters::rows::{Counter, hold},
};
use sql::{Db, WriteTx};

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
