//! What the scripts after the first do for stores that were there before them.

use kernel::{StoreId, Timestamp};
use resources::counters::rows::{Counter, take};
use sql::{Db, WriteTx};

#[tokio::test]
async fn a_store_that_was_there_before_gets_the_counters_of_what_came_later() {
    let place = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", place.path().join("older.db").display());
    let db = Db::connect(&address).await.unwrap();
    sql::migrate(&db, &resources::SCHEMA[..1], Timestamp(0)).await.unwrap();
    // The second is being deleted: its counters are gone, and nothing may be made in it any more.
    let stores = "INSERT INTO store (store_id, hash, plan, quirks, created_at, deleted_at)
        VALUES (1, 'acme', '', '', 0, 0), (2, 'zenith', '', '', 0, 5)";
    let open = async |tx: &mut WriteTx| tx.query(stores).execute().await;
    assert_eq!(db.write(open).await.unwrap(), 2);
    sql::migrate(&db, resources::SCHEMA, Timestamp(0)).await.unwrap();
    for (store, expected) in [(1, Some(1)), (2, None)] {
        for counter in [Counter::Address, Counter::FormField, Counter::FormSession] {
            let take = async |tx: &mut WriteTx| take(tx, StoreId(store), counter, 1).await;
            assert_eq!(db.write(take).await.unwrap(), expected, "{counter:?}");
        }
    }
}
