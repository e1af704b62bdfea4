//! The shapes that handlers have: what borrows, what is owned, and that their futures can be spawned.

use std::sync::Arc;

use kernel::{Clock, CustomerId, SystemClock, Timestamp};
use sql::{Db, WriteTx};
use tokio::task::JoinSet;

use crate::{Number, on_each_engine, run};

struct App {
    db: Db,
    clock: Arc<dyn Clock>,
}

struct Caller<'a> {
    name: &'a str,
}

async fn insert(
    tx: &mut WriteTx,
    caller: &Caller<'_>,
    id: CustomerId,
    names: &[String],
    at: Timestamp,
) -> kernel::Result<()> {
    for (index, name) in names.iter().enumerate() {
        let insert = tx.query("INSERT INTO c (id, name, at, who) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING id");
        let row = insert.bind(id).bind(name.as_str()).bind(at).bind(caller.name);
        if row.fetch_optional::<()>().await?.is_none() {
            return Err(kernel::Error::UnknownRow { index, what: "customer" });
        }
    }
    Ok(())
}

async fn create(
    app: &App,
    caller: &Caller<'_>,
    ids: &[CustomerId],
    names: Vec<String>,
) -> kernel::Result<i64> {
    let at = app.clock.now();
    let by_id: Vec<(&CustomerId, &String)> = ids.iter().zip(&names).collect();
    let count = app
        .db
        .write(async |tx| {
            let mut count = 0;
            for (id, name) in &by_id {
                insert(tx, caller, **id, std::slice::from_ref(*name), at).await?;
                count += 1;
            }
            if count == 0 {
                return Err(kernel::Error::invalid("ids", "required"));
            }
            Ok(count)
        })
        .await?;
    let seen = app.db.read(async |tx| {
        let query =
            tx.query("SELECT COUNT(*) AS n FROM c WHERE id IN ").push_list(ids.iter().copied());
        Ok::<_, kernel::Error>(query.fetch_one::<Number>().await?.0)
    });
    assert_eq!(seen.await?, count);
    app.db
        .snapshot(async |tx| {
            Ok(tx.query("SELECT 1 AS n").fetch_one::<Number>().await?.0 - 1 + count)
        })
        .await
}

on_each_engine! {
    async fn an_operation_borrows_its_arguments_and_runs_in_a_spawned_task(bed: Bed) {
        run(&bed.db, "CREATE TABLE c (id BIGINT PRIMARY KEY, name TEXT, at BIGINT, who TEXT)").await;
        let app = Arc::new(App { db: bed.db.clone(), clock: Arc::new(SystemClock) });
        let mut tasks = JoinSet::new();
        for task in 0..4 {
            let app = Arc::clone(&app);
            tasks.spawn(async move {
                let name = format!("caller {task}");
                let ids = [CustomerId(2 * task), CustomerId(2 * task + 1)];
                create(&app, &Caller { name: &name }, &ids, vec!["a".to_owned(), "b".to_owned()]).await
            });
        }
        for count in tasks.join_all().await {
            assert_eq!(count.expect("created"), 2);
        }
        let again = create(&app, &Caller { name: "x" }, &[CustomerId(0)], vec!["a".to_owned()]).await;
        assert!(matches!(again, Err(kernel::Error::UnknownRow { .. })));
    }
}
