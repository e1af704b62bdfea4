//! `custodia account`

use std::sync::Arc;

use access::{Grace, RequestId, accounts};
use kernel::{Error, Grants, SystemChance, SystemClock};
use rest::{App, Caller, Settings};
use serde_json::json;
use sql::Db;

use crate::{
    Outcome, open,
    options::{AccountCommand, Shared},
    store::in_words,
};

pub(crate) async fn run(shared: &Shared, command: AccountCommand) -> Outcome {
    let db = open::database(&shared.database).await?;
    match command {
        AccountCommand::Create { store, scopes, json } => {
            let grants = Grants::from_names(scopes.iter().map(String::as_str)).map_err(|name| {
                format!("there is no scope {name}; there are: {}", Grants::NAMES.join(", "))
            })?;
            let seal = open::seal(shared, &db).await?;
            let made =
                accounts::create(&db, &SystemClock, &SystemChance, &seal, &store, grants, None)
                    .await;
            let (_, credentials) = made.map_err(|error| in_words(error, &store))?;
            if json {
                let object = json!({
                    "client_id": credentials.client_id,
                    "client_secret": credentials.client_secret,
                    "access_token": credentials.access_token,
                });
                println!("{object}");
            } else {
                println!("client_id:     {}", credentials.client_id);
                println!("client_secret: {}", credentials.client_secret);
                println!("access_token:  {}", credentials.access_token);
                println!("The secret and the token are shown this once.");
            }
        }
        AccountCommand::List { store } => {
            for account in
                accounts::list(&db, &store).await.map_err(|error| in_words(error, &store))?
            {
                let state = if account.revoked { "revoked" } else { "live" };
                let scopes = account.grants.names().collect::<Vec<_>>().join(",");
                println!(
                    "{}\t{}\t{scopes}\t{state}",
                    account.client_id,
                    account.created_at.to_rfc3339()
                );
            }
        }
        AccountCommand::Rotate { client_id, grace, json } => {
            rotate(shared, &db, &client_id, grace, json).await?;
        }
        AccountCommand::Revoke { client_id } => {
            let revoked = accounts::revoke(&db, &SystemClock, &client_id).await;
            revoked.map_err(|error| in_words(error, &client_id))?;
            println!("revoked {client_id}");
        }
    }
    Ok(db.close().await?)
}

/// What `POST /custodia/accounts/secret` does, for who does not know the present secret.
async fn rotate(shared: &Shared, db: &Db, client_id: &str, grace: Grace, json: bool) -> Outcome {
    let account = accounts::find(db, client_id).await;
    let account = account.map_err(|error| in_words(error, client_id))?;
    let seal = open::seal(shared, db).await?;
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    let app = App::new(db.clone(), seal, clock, chance, Settings::default()).await?;
    let operator = Caller::operator((*account.store).clone(), RequestId::draw(&SystemChance));
    let rotated = resources::accounts::ops::rotate(&app, &operator, account.id, None, grace).await;
    let rotated = rotated.map_err(|error| match error {
        Error::Invalid(_) => {
            "somebody else replaced the secret at the same time: theirs stays".into()
        }
        error => in_words(error, client_id),
    })?;
    let until = rotated.former_until.map(kernel::Timestamp::to_rfc3339);
    if json {
        let object = json!({
            "client_id": rotated.client_id,
            "client_secret": rotated.secret,
            "former_valid_until": until,
        });
        println!("{object}");
    } else {
        println!("client_id:     {}", rotated.client_id);
        println!("client_secret: {}", rotated.secret);
        match until {
            Some(until) => println!("The secret before is valid until {until}."),
            None => println!("The secret before is not valid any more."),
        }
        println!("The secret is shown this once.");
    }
    Ok(())
}
