//! The dialect both engines share: the same text, the same rows.

use crate::{Bed, Text, run, text};

/// Statements that write, or do not, and what they return as one text per row.
const TABLE: &[(&str, &str)] = &[
    (
        "INSERT INTO t (id, k, v) VALUES (1, 'a', 1), (2, 'B', 2), (3, 'b', NULL), (4, 'é', 4) RETURNING k AS t",
        "a|B|b|é",
    ),
    ("INSERT INTO t (id, k, v) VALUES (1, 'z', 9) ON CONFLICT DO NOTHING RETURNING k AS t", ""),
    (
        "INSERT INTO t (id, k, v) VALUES (1, 'z', 9) ON CONFLICT (id) DO UPDATE SET v = excluded.v + t.v RETURNING CAST(v AS TEXT) AS t",
        "10",
    ),
    ("SELECT k AS t FROM t ORDER BY k", "B|a|b|é"),
    ("SELECT k AS t FROM t ORDER BY k DESC", "é|b|a|B"),
    ("SELECT k AS t FROM t WHERE k > 'a' ORDER BY k", "b|é"),
    ("SELECT k AS t FROM t WHERE k LIKE 'b%'", "b"),
    ("SELECT k AS t FROM t WHERE k LIKE 'É%'", ""),
    ("SELECT k AS t FROM t WHERE '50%_x' LIKE '50!%!_%' ESCAPE '!' ORDER BY id", "a|B|b|é"),
    ("SELECT k AS t FROM t WHERE '50aax' LIKE '50!%!_%' ESCAPE '!' ORDER BY id", ""),
    ("SELECT k AS t FROM t WHERE v IS NOT DISTINCT FROM NULL", "b"),
    ("SELECT k AS t FROM t WHERE v IS DISTINCT FROM 2 ORDER BY id", "a|b|é"),
    ("SELECT k AS t FROM t WHERE (id, k) > (2, 'B') ORDER BY id, k LIMIT 2", "b|é"),
    (
        "SELECT CAST(COUNT(*) AS TEXT) || '/' || CAST(COUNT(*) FILTER (WHERE v > 3) AS TEXT) AS t FROM t",
        "4/2",
    ),
    ("SELECT CAST(CAST(SUM(v) AS BIGINT) AS TEXT) AS t FROM t", "16"),
    (
        "SELECT CASE WHEN v IS NULL THEN 'none' ELSE CAST(v AS TEXT) END AS t FROM t ORDER BY id",
        "10|2|none|4",
    ),
    ("SELECT COALESCE(CAST(v AS TEXT), k) AS t FROM t ORDER BY id", "10|2|b|4"),
    (
        "UPDATE t SET v = s.v FROM (SELECT id, v FROM t WHERE id = 1) AS s WHERE t.id = 3 RETURNING CAST(t.v AS TEXT) AS t",
        "10",
    ),
    (
        "WITH doomed AS (SELECT id FROM t WHERE id >= 4) DELETE FROM t WHERE id IN (SELECT id FROM doomed) RETURNING k AS t",
        "é",
    ),
    (
        "SELECT k || CAST(ROW_NUMBER() OVER (ORDER BY id DESC) AS TEXT) AS t FROM t ORDER BY id",
        "a3|B2|b1",
    ),
    ("SELECT a.k AS t FROM t AS a JOIN t AS b ON b.id = a.id + 1 ORDER BY a.id", "a|B"),
    (
        "SELECT k AS t FROM t WHERE EXISTS (SELECT 1 FROM t AS o WHERE o.id = t.id + 1) UNION ALL SELECT 'end' AS t ORDER BY 1 DESC",
        "end|a|B",
    ),
    ("SELECT CAST(7 / 2 AS TEXT) AS t", "3"),
    ("SELECT CAST(-7 % 3 AS TEXT) AS t", "-1"),
    ("SELECT CAST(LENGTH('é😀') AS TEXT) AS t", "2"),
    ("SELECT k AS t FROM t WHERE flag AND NOT (flag AND FALSE) ORDER BY id", "a|B|b"),
    ("SELECT SUBSTR('custodia', 2, 3) || REPLACE('aXa', 'X', '-') || TRIM('  x ') AS t", "usta-ax"),
    ("SELECT CAST(GREATEST_V AS TEXT) AS t FROM (SELECT MAX(v) AS GREATEST_V FROM t) AS s", "10"),
    ("DELETE FROM t WHERE id = 99 RETURNING k AS t", ""),
];

async fn check(bed: Bed) {
    let collation = if bed.db.engine() == "postgres" { "\"C\"" } else { "BINARY" };
    run(
        &bed.db,
        &format!(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, k TEXT COLLATE {collation} NOT NULL, v BIGINT,
             flag BOOLEAN NOT NULL DEFAULT TRUE)"
        ),
    )
    .await;
    run(&bed.db, "CREATE UNIQUE INDEX t_k ON t (k) WHERE flag").await;
    run(&bed.db, "ALTER TABLE t ADD COLUMN later BIGINT NOT NULL DEFAULT 0").await;
    run(&bed.db, "ALTER TABLE t RENAME COLUMN later TO latest").await;
    for (statement, expected) in TABLE {
        let query = text(statement);
        let rows = bed.db.write(async |tx| tx.query(query).fetch_all::<Text>().await).await;
        let rows = rows.unwrap_or_else(|error| panic!("{statement}: {error}"));
        let found = rows.into_iter().map(|text| text.0).collect::<Vec<_>>().join("|");
        assert_eq!(found, *expected, "{} on {statement}", bed.db.engine());
    }
}

#[tokio::test]
async fn the_shared_dialect_means_the_same_on_sqlite() {
    check(Bed::sqlite().await).await;
}

#[tokio::test]
async fn the_shared_dialect_means_the_same_on_postgres() {
    check(Bed::postgres().await).await;
}
