//! `custodia hooks`

use access::stores;
use resources::hooks;
use sql::Db;

use crate::{
    Outcome, open,
    options::{HooksCommand, Shared},
    store::in_words,
};

pub(crate) async fn run(shared: &Shared, command: HooksCommand) -> Outcome {
    let db = open::database(&shared.database).await?;
    match command {
        HooksCommand::List { store } => list(&db, &store).await?,
    }
    Ok(db.close().await?)
}

async fn list(db: &Db, hash: &str) -> Outcome {
    let store = stores::find(db, hash).await.map_err(|error| in_words(error, hash))?;
    for hook in hooks::ops::of_store(db, store.id).await? {
        let state = match (hook.is_active, hook.is_deactivated) {
            (true, _) => "active",
            (false, true) => "deactivated",
            (false, false) => "inactive",
        };
        let (scope, destination) = (hook.scope.as_str(), hook.destination.url());
        println!("{}\t{state}\t{scope}\t{destination}", hook.id.0);
    }
    Ok(())
}
