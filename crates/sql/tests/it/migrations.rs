use kernel::Timestamp;
use sql::{Error, Migration, migrate, pending};
use tokio::task::JoinSet;

use crate::{Number, Text, on_each_engine, run};

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

const FIRST: Migration = Migration {
    name: "0001_init",
    text: "-- A comment; with a semicolon.
           CREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT COLLATE BINARY NOT NULL);
           INSERT INTO thing (id, name) VALUES (1, 'B'), (2, 'a');",
    postgres: None,
};

const SECOND: Migration = Migration {
    name: "0002_twin",
    text: "INSERT INTO thing (id, name) VALUES (3, 'sqlite');",
    postgres: Some("INSERT INTO thing (id, name) VALUES (3, 'postgres');"),
};

const BROKEN: Migration = Migration {
    name: "0003_broken",
    text: "CREATE TABLE more (n BIGINT); SELECT nonsense;",
    postgres: None,
};

on_each_engine! {
    async fn migrations_are_applied_once_in_order(bed: Bed) {
        let all = [FIRST, SECOND];
        assert_eq!(pending(&bed.db, &all).await.expect("pending"), ["0001_init", "0002_twin"]);
        assert_eq!(migrate(&bed.db, &all[..1], NOW).await.expect("applied"), ["0001_init"]);
        assert_eq!(pending(&bed.db, &all).await.expect("pending"), ["0002_twin"]);
        assert_eq!(migrate(&bed.db, &all, NOW).await.expect("applied"), ["0002_twin"]);
        assert!(migrate(&bed.db, &all, NOW).await.expect("applied").is_empty());
        let names: sql::Result<Vec<Text>> = bed.db.read(async |tx| {
            tx.query("SELECT name AS t FROM thing ORDER BY name").fetch_all().await
        }).await;
        let names: Vec<String> = names.expect("names").into_iter().map(|text| text.0).collect();
        assert_eq!(names, ["B", "a", bed.db.engine()]);
        let at = bed.db.read(async |tx| {
            tx.query("SELECT applied_at AS n FROM schema_migration").fetch_all::<Number>().await
        });
        assert!(at.await.expect("times").iter().all(|at| at.0 == NOW.0));
    }

    async fn eight_servers_that_start_together_migrate_once(bed: Bed) {
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let address = bed.address.clone();
            tasks.spawn(async move {
                let db = sql::Db::connect(&address).await?;
                migrate(&db, &[FIRST, SECOND], NOW).await
            });
        }
        let mut applied = 0;
        while let Some(names) = tasks.join_next().await {
            applied += names.expect("no panic").expect("migrated").len();
        }
        assert_eq!(applied, 2);
        let things = bed.db.read(async |tx| {
            tx.query("SELECT COUNT(*) AS n FROM thing").fetch_one::<Number>().await
        });
        assert_eq!(things.await.expect("count").0, 3);
    }

    async fn a_newer_database_and_a_changed_script_are_refused(bed: Bed) {
        migrate(&bed.db, &[FIRST, SECOND], NOW).await.expect("applied");
        let Err(Error::Migration(newer)) = migrate(&bed.db, &[FIRST], NOW).await else { panic!("accepted") };
        assert!(newer.contains("newer than this custodia") && newer.contains("0002_twin"), "{newer}");
        let changed = Migration { text: "SELECT 1;", ..FIRST };
        let Err(Error::Migration(changed)) = pending(&bed.db, &[changed, SECOND]).await else { panic!("accepted") };
        assert!(changed.contains("0001_init"), "{changed}");
    }

    async fn a_migration_that_fails_leaves_nothing(bed: Bed) {
        migrate(&bed.db, &[FIRST, BROKEN], NOW).await.expect_err("broken");
        assert_eq!(pending(&bed.db, &[FIRST, BROKEN]).await.expect("pending"), ["0003_broken"]);
        run(&bed.db, "CREATE TABLE more (n BIGINT)").await;
    }
}
