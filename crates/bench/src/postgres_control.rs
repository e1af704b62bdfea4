//! The control on `PostgreSQL`: what a careful hand would write on tokio-postgres for just these operations, with the
//! same statements on the same tables, prepared on as many connections as custodia has, and nothing around them: no
//! tokens, no limits, no headers, no log, no second try.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use kernel::{Chance as _, Clock as _, SystemChance, SystemClock, Timestamp};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::{Client, NoTls, Row, Statement};

use crate::{
    bodies::{self, Said},
    data::STORE,
    seed,
    serve::{self, Options},
    statements::{
        AUDIT, CONSENT, CONSENT_UPDATED, CUSTOMER, DECLARATION, EVENT, NEXT_DECLARATION, event_data,
    },
};

struct Control {
    store_id: i64,
    readers: Pool,
    writers: Pool,
}

/// As many as custodia has.
const READERS: usize = 8;
const WRITERS: usize = 16;

/// Serve what is at this address.
pub(crate) fn run(options: &Options, database: String) -> Result<(), String> {
    // The library polls each connection beside its client, on the runtime that serves.
    serve::serve_made(options.port, async move {
        let readers = Pool::open(&database, READERS, &[CONSENT, CUSTOMER]).await?;
        let writing = [NEXT_DECLARATION, DECLARATION, EVENT, AUDIT];
        let writers = Pool::open(&database, WRITERS, &writing).await?;
        let found = readers.session().await?;
        let row = found.client().query_one(seed::STORE_ID_POSTGRES, &[&STORE]).await;
        let store_id = row.map_err(|e| e.to_string())?.get(0);
        drop(found);
        Ok(Router::new()
            .route("/stores/{hash}/v3/customers/{id}/consent", get(consent).put(declare))
            .route("/stores/{hash}/v2/customers/{id}", get(v2_customer))
            .route("/stores/{hash}/v2/time", get(async || serve::json("{\"time\":0}")))
            .with_state(Arc::new(Control { store_id, readers, writers })))
    })
}

type Place = (String, i64);

async fn consent(State(control): State<Arc<Control>>, Path((_, id)): Path<Place>) -> Response {
    control
        .read(0, id, |row| {
            let text = |at| row.get::<_, Option<&str>>(at).unwrap_or_default();
            let at = row.get::<_, Option<i64>>(3).unwrap_or_else(|| row.get(0));
            bodies::consent(text(1), text(2), Timestamp(at))
        })
        .await
}

async fn v2_customer(State(control): State<Arc<Control>>, Path((_, id)): Path<Place>) -> Response {
    control
        .read(1, id, |row| {
            bodies::v2_customer(&bodies::Row {
                id: row.get(0),
                email: row.get(1),
                first_name: row.get(2),
                last_name: row.get(3),
                company: row.get(4),
                phone: row.get(5),
                notes: row.get(6),
                tax_exempt_category: row.get(7),
                group: row.get(8),
                registration_ip_address: row.get(9),
                accepts_review_emails: row.get(10),
                store_credit: row.get(11),
                force_password_reset: row.get(14),
                created: row.get(15),
                modified: row.get(16),
            })
        })
        .await
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
    match control.declare(id, &allow, &deny).await {
        Ok(Some(at)) => serve::json(bodies::consent(&allow, &deny, at)),
        Ok(None) => serve::bare(StatusCode::NOT_FOUND),
        Err(_) => serve::bare(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

impl Control {
    /// Answer with what a statement finds.
    async fn read(
        &self,
        statement: usize,
        id: i64,
        body: impl FnOnce(&Row) -> Vec<u8>,
    ) -> Response {
        let read = async {
            let session = self.readers.session().await?;
            let statement = session.statement(statement);
            let found = session.client().query_opt(statement, &[&self.store_id, &id]).await;
            found.map_err(|e| e.to_string())
        };
        match read.await {
            Ok(Some(row)) => serve::json(body(&row)),
            Ok(None) => serve::bare(StatusCode::NOT_FOUND),
            Err(_) => serve::bare(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// When it was declared, once it is on the disk; `None` when there is no such customer.
    async fn declare(&self, id: i64, allow: &str, deny: &str) -> Result<Option<Timestamp>, String> {
        let session = self.writers.session().await?;
        let client = session.client();
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
        client.batch_execute(begin).await.map_err(|e| e.to_string())?;
        let at = self.append(&session, id, allow, deny).await;
        let end = if matches!(at, Ok(Some(_))) { "COMMIT" } else { "ROLLBACK" };
        client.batch_execute(end).await.map_err(|e| e.to_string())?;
        at.map_err(|e| e.to_string())
    }

    async fn append(
        &self,
        session: &Session<'_>,
        id: i64,
        allow: &str,
        deny: &str,
    ) -> Result<Option<Timestamp>, tokio_postgres::Error> {
        let (store, now) = (self.store_id, SystemClock.now());
        let (client, mut random) = (session.client(), [0; 24]);
        let given = client.query_opt(session.statement(0), &[&store, &id, &now.0]).await?;
        let Some(given) = given else { return Ok(None) };
        let (sequence, declared_at): (i64, i64) = (given.get(0), given.get(1));
        SystemChance.fill(&mut random);
        let (request, number) = random.split_at(16);
        let number = i64::from_le_bytes(number.try_into().unwrap_or_default()) & i64::MAX;
        let none = "";
        client
            .execute(
                session.statement(1),
                &[
                    &store,
                    &id,
                    &sequence,
                    &allow,
                    &deny,
                    &declared_at,
                    &"management_api",
                    &1_i64,
                    &0_i64,
                    &none,
                    &none,
                    &none,
                    &false,
                    &number,
                    &number,
                ],
            )
            .await?;
        let event = event_data(id);
        client
            .execute(
                session.statement(2),
                &[&store, &number, &CONSENT_UPDATED, &id, &event, &now.0],
            )
            .await?;
        let request = kernel::hex(request);
        client
            .execute(
                session.statement(3),
                &[&store, &number, &1_i64, &request, &"consent.declared", &id, &none, &now.0],
            )
            .await?;
        Ok(Some(Timestamp(declared_at)))
    }
}

/// Connections, each with the same statements prepared.
struct Pool {
    idle: Mutex<Vec<Prepared>>,
    free: Semaphore,
}

struct Prepared {
    client: Client,
    statements: Vec<Statement>,
}

/// A connection on loan.
struct Session<'p> {
    pool: &'p Pool,
    prepared: Option<Prepared>,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    #[expect(
        clippy::disallowed_methods,
        reason = "the library wants its connections polled beside their clients"
    )]
    async fn open(database: &str, size: usize, statements: &[&str]) -> Result<Self, String> {
        let mut idle = Vec::new();
        for _ in 0..size {
            let opened = tokio_postgres::connect(database, NoTls).await;
            let (client, connection) = opened.map_err(|e| e.to_string())?;
            tokio::spawn(connection);
            let mut prepared = Vec::new();
            for statement in statements {
                let statement = statement.replace('?', "$");
                prepared.push(client.prepare(&statement).await.map_err(|e| e.to_string())?);
            }
            idle.push(Prepared { client, statements: prepared });
        }
        Ok(Self { idle: Mutex::new(idle), free: Semaphore::new(size) })
    }

    async fn session(&self) -> Result<Session<'_>, String> {
        let permit = self.free.acquire().await.map_err(|e| e.to_string())?;
        let prepared = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Session { pool: self, prepared, _permit: permit })
    }
}

impl Session<'_> {
    fn prepared(&self) -> &Prepared {
        self.prepared.as_ref().expect("there are as many connections as permits")
    }

    fn client(&self) -> &Client {
        &self.prepared().client
    }

    fn statement(&self, place: usize) -> &Statement {
        &self.prepared().statements[place]
    }
}

impl Drop for Session<'_> {
    // Before the permit is given back, which is a field.
    fn drop(&mut self) {
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.prepared.take());
    }
}
