//! `custodia customer`

use std::sync::Arc;

use access::{RequestId, stores};
use kernel::{CustomerId, SystemChance, SystemClock};
use resources::{customers, ledger};
use rest::{App, Caller, Settings};
use sql::Db;

use crate::{
    Outcome,
    open::{self, STILL_READ},
    options::{CustomerCommand, Shared},
    store::in_words,
};

pub(crate) async fn run(shared: &Shared, command: CustomerCommand) -> Outcome {
    let db = open::database(&shared.database).await?;
    match command {
        CustomerCommand::Erase { store, id } => erase(shared, &db, &store, id).await?,
    }
    Ok(db.close().await?)
}

/// What `POST /custodia/customers/{id}/erasure` does; behind a backlog of declarations it waits for the end of it.
async fn erase(shared: &Shared, db: &Db, hash: &str, id: i64) -> Outcome {
    let found = stores::find(db, hash).await.map_err(|error| in_words(error, hash))?;
    let store = found.id;
    let seal = open::seal(shared, db).await?;
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    let app = App::new(db.clone(), seal, clock, chance, Settings::default()).await?;
    let operator = Caller::operator(found, RequestId::draw(&SystemChance));
    let erased = customers::ops::erase(&app, &operator, CustomerId(id)).await;
    erased.map_err(|error| in_words(error, &id.to_string()))?;
    println!("erased customer {id} of store {hash}");
    ledger::sequencer::sequence(&app, store).await?;
    if !db.scour().await? {
        println!("It is gone from the file. {STILL_READ}");
    }
    Ok(())
}
