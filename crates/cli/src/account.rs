//! `custodia account`

use access::accounts;
use kernel::{Grants, SystemChance, SystemClock};
use serde_json::json;

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
        AccountCommand::Revoke { client_id } => {
            let revoked = accounts::revoke(&db, &SystemClock, &client_id).await;
            revoked.map_err(|error| in_words(error, &client_id))?;
            println!("revoked {client_id}");
        }
    }
    Ok(db.close().await?)
}
