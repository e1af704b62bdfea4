//! The control: what a careful hand would write for just these operations, with the same statements
//! on the same database file, and nothing around them: no tokens, no limits, no headers, no log.

use std::{cell::OnceCell, path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use kernel::{Money, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, config::DbConfig};
use serde::{Deserialize, Serialize};

use crate::{
    data::STORE,
    group::{Declaration, Group},
    serve::{self, Options},
    slashes,
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
        Ok(written(&Consent {
            allow: Names(text(1)?),
            deny: Names(text(2)?),
            updated_at: Timestamp(at.map_or_else(|| row.get(0), Ok)?).to_rfc3339(),
        }))
    })
}

async fn v2_customer(State(control): State<Arc<Control>>, Path((_, id)): Path<Place>) -> Response {
    control.read(CUSTOMER, id, |row| {
        let resource = format!("/customers/{id}/addresses");
        let text = |at| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_str()?);
        let body = Customer {
            id: row.get(0)?,
            company: text(4)?,
            first_name: text(2)?,
            last_name: text(3)?,
            email: text(1)?,
            phone: text(5)?,
            form_fields: None,
            date_created: Timestamp(row.get(15)?).to_rfc2822(),
            date_modified: Timestamp(row.get(16)?).to_rfc2822(),
            store_credit: Money(row.get(11)?).to_four_decimals(),
            registration_ip_address: text(9)?,
            customer_group_id: row.get(8)?,
            notes: text(6)?,
            tax_exempt_category: text(7)?,
            reset_pass_on_login: row.get(14)?,
            accepts_marketing: row.get(10)?,
            addresses: Addresses {
                url: format!("https://api.bigcommerce.com/stores/{STORE}/v2{resource}"),
                resource,
            },
        };
        Ok(slashes::written(&body))
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
    let declaration = Declaration { id, allow: said.allow.join(" "), deny: said.deny.join(" ") };
    match control.writer.declare(declaration.clone()).await {
        Ok(Some(at)) => serve::json(written(&Consent {
            allow: Names(&declaration.allow),
            deny: Names(&declaration.deny),
            updated_at: at.to_rfc3339(),
        })),
        Ok(None) => serve::bare(StatusCode::NOT_FOUND),
        Err(_) => serve::bare(StatusCode::INTERNAL_SERVER_ERROR),
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

fn written(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

#[derive(Deserialize)]
struct Said {
    allow: Vec<String>,
    deny: Vec<String>,
}

#[derive(Serialize)]
struct Consent<'r> {
    allow: Names<'r>,
    deny: Names<'r>,
    updated_at: String,
}

/// A list of names kept as one text.
struct Names<'r>(&'r str);

impl Serialize for Names<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.split_ascii_whitespace())
    }
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the wire's names")]
struct Customer<'r> {
    id: i64,
    company: &'r str,
    first_name: &'r str,
    last_name: &'r str,
    email: &'r str,
    phone: &'r str,
    form_fields: Option<()>,
    date_created: String,
    date_modified: String,
    store_credit: String,
    registration_ip_address: &'r str,
    customer_group_id: i64,
    notes: &'r str,
    tax_exempt_category: &'r str,
    reset_pass_on_login: bool,
    accepts_marketing: bool,
    addresses: Addresses,
}

#[derive(Serialize)]
struct Addresses {
    url: String,
    resource: String,
}
