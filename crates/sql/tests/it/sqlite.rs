use sql::ReadTx;

use crate::{Bed, items};

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let bed = Bed::sqlite().await;
    items(&bed.db, 1).await;
    let path = bed.address.strip_prefix("sqlite:").expect("a path");
    for suffix in ["", "-wal", "-shm"] {
        let file = std::fs::metadata(format!("{path}{suffix}")).expect("a file");
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn the_last_handle_dropped_leaves_no_log_behind() {
    let bed = Bed::sqlite().await;
    items(&bed.db, 3).await;
    let path = bed.address.strip_prefix("sqlite:").expect("a path").to_owned();
    assert!(std::fs::exists(format!("{path}-wal")).expect("a directory"));
    let Bed { db, _directory, .. } = bed;
    drop(db);
    // The committer of the last write may still be giving up its turn.
    for _ in 0..100 {
        if !std::fs::exists(format!("{path}-wal")).expect("a directory") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the log is still there");
}

/// They come from `.cargo/config.toml`, in one line: without it all is right, and slower.
#[tokio::test]
async fn it_is_built_with_our_options() {
    let bed = Bed::sqlite().await;
    let options = async |tx: &mut ReadTx| tx.query("PRAGMA compile_options").fetch_all().await;
    let options: Vec<(String,)> = bed.db.read(options).await.expect("options");
    for ours in ["STMTJRNL_SPILL=4194304", "DEFAULT_MEMSTATUS=0"] {
        assert!(options.iter().any(|(it,)| it == ours), "{ours} is not among {options:?}");
    }
}
