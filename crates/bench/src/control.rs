//! The control: what a careful hand would write for just these operations, with the same statements
//! on the same database file, and nothing around them: no tokens, no limits, no headers, no log.

use std::{cell::OnceCell, path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use kernel::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, config::DbConfig};

use crate::{
    bodies::{self, Draft, Said},
    data::STORE,
    group::{Done, Group, Task},
    serve::{self, Options},
    statements::{CONSENT, CUSTOMER},
};

struct Control {
    database: PathBuf,
    store_id: i64,
    writer: Group,
}

pub(crate) fn run(options: &Options, database: PathBuf) -> Result<(), String> {
    let connection = Connection::open(&database).map_err(|e| e.to_string())?;
    let sql = "SELECT store_id FROM store WHERE hash = ?1";
    let store_id =
        connection.query_row(sql, [STORE], |row| row.get(0)).map_err(|e| e.to_string())?;
    let writer = Group::start(connection, store_id)?;
    let router = Router::new()
        .route("/stores/{hash}/v3/customers/{id}/consent", get(consent).put(declare))
        .route("/stores/{hash}/v3/customers", post(make))
        .route("/stores/{hash}/v2/customers/{id}", get(v2_customer))
        .route("/stores/{hash}/v2/time", get(async || serve::json("{\"time\":0}")))
        .with_state(Arc::new(Control { database, store_id, writer }));
    serve::serve(options.port, router)
}

type Place = (String, i64);

async fn consent(State(control): State<Arc<Control>>, Path((_, id)): Path<Place>) -> Response {
    control.read(CONSENT, id, |row| {
        let text =
            |at| row.get_ref(at).map(|value| value.as_str_or_null().ok().flatten().unwrap_or(""));
        let at: Option<i64> = row.get(3)?;
        let at = Timestamp(at.map_or_else(|| row.get(0), Ok)?);
        Ok(bodies::consent(text(1)?, text(2)?, at))
    })
}

async fn v2_customer(State(control): State<Arc<Control>>, Path((_, id)): Path<Place>) -> Response {
    control.read(CUSTOMER, id, |row| {
        let text = |at| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_str()?);
        Ok(bodies::v2_customer(&bodies::Row {
            id: row.get(0)?,
            email: text(1)?,
            first_name: text(2)?,
            last_name: text(3)?,
            company: text(4)?,
            phone: text(5)?,
            notes: text(6)?,
            tax_exempt_category: text(7)?,
            group: row.get(8)?,
            registration_ip_address: text(9)?,
            accepts_review_emails: row.get(10)?,
            store_credit: row.get(11)?,
            force_password_reset: row.get(14)?,
            created: row.get(15)?,
            modified: row.get(16)?,
        }))
    })
}

async fn declare(
    State(control): State<Arc<Control>>,
    Path((_, id)): Path<Place>,
    body: Bytes,
) -> Response {
    let Ok(said) = serde_json::from_slice::<Said>(&body) else {
        return serve::bare(StatusCode::UNPROCESSABLE_ENTITY);
    };
    let (allow, deny) = (said.allow.join(" "), said.deny.join(" "));
    let task = Task::Declare { id, allow: allow.clone(), deny: deny.clone() };
    match control.writer.commit(task).await {
        Ok(Done::Declared(Some(at))) => serve::json(bodies::consent(&allow, &deny, at)),
        Ok(Done::Declared(None)) => serve::bare(StatusCode::NOT_FOUND),
        _ => serve::bare(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn make(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    let Ok(drafts) = serde_json::from_slice::<Vec<Draft>>(&body) else {
        return serve::bare(StatusCode::UNPROCESSABLE_ENTITY);
    };
    let drafts = Arc::new(drafts);
    match control.writer.commit(Task::Make(Arc::clone(&drafts))).await {
        Ok(Done::Made { first, at }) => serve::json(bodies::made(&drafts, first, at)),
        _ => serve::bare(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

impl Control {
    /// Answer with what the statement finds, on this thread's own connection.
    fn read(
        &self,
        sql: &str,
        id: i64,
        body: impl FnOnce(&Row) -> rusqlite::Result<Vec<u8>>,
    ) -> Response {
        thread_local!(static READER: OnceCell<Connection> = const { OnceCell::new() });
        let found = READER.with(|reader| {
            let reader = match reader.get() {
                Some(reader) => reader,
                None => reader.get_or_init(|| self.open().expect("the database was opened before")),
            };
            reader.prepare_cached(sql)?.query_row((self.store_id, id), body).optional()
        });
        match found {
            Ok(Some(body)) => serve::json(body),
            Ok(None) => serve::bare(StatusCode::NOT_FOUND),
            Err(_) => serve::bare(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.database, flags)?;
        // Without this a cached statement with a join is compiled anew whenever a value is bound to it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // As custodia's readers have it.
        connection.pragma_update(None, "cache_size", -4096)?;
        Ok(connection)
    }
}
