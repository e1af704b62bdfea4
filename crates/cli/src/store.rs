//! `custodia store`

use access::{Domain, Quirk, Quirks, sites, stores};
use kernel::{ChannelId, Error, SystemChance, SystemClock};
use sql::Db;

use crate::{
    Outcome, open,
    options::{DomainCommand, Shared, StoreCommand},
};

pub(crate) async fn run(shared: &Shared, command: StoreCommand) -> Outcome {
    let db = open::database(&shared.database).await?;
    match command {
        StoreCommand::Create { hash, plan } => {
            let store =
                resources::stores::ops::create(&db, &SystemClock, &SystemChance, &hash, plan).await;
            store.map_err(|error| in_words(error, &hash))?;
            println!("made store {hash}");
        }
        StoreCommand::List => list(&db).await?,
        StoreCommand::Delete { hash } => {
            let deleted = resources::stores::ops::delete(&db, &SystemClock, &hash).await;
            deleted.map_err(|error| in_words(error, &hash))?;
            println!("deleted store {hash}");
        }
        StoreCommand::Quirks { hash, change } => quirks(&db, &hash, change.as_deref()).await?,
        StoreCommand::Domain(command) => domain(&db, command).await?,
    }
    Ok(db.close().await?)
}

async fn list(db: &Db) -> Outcome {
    for store in stores::list(db).await? {
        let state = if store.deleted { "being deleted" } else { "open" };
        println!("{}\t{}\t{}\t{state}", store.hash, store.plan, store.created_at.to_rfc3339());
    }
    Ok(())
}

async fn quirks(db: &Db, hash: &str, change: Option<&str>) -> Outcome {
    let store = match change {
        None => stores::find(db, hash).await,
        Some("faithful") => stores::set_quirks(db, hash, |_| Quirks::faithful()).await,
        Some(change) => {
            let (name, on) = match change.split_once('=') {
                Some((name, "on")) => (name, true),
                Some((name, "off")) => (name, false),
                _ => return Err(format!("{change}: say faithful, NAME=on or NAME=off").into()),
            };
            let quirk: Quirk = name.parse()?;
            stores::set_quirks(db, hash, |quirks| quirks.with(quirk, on)).await
        }
    };
    let quirks = store.map_err(|error| in_words(error, hash))?.quirks;
    for quirk in Quirk::ALL {
        println!("{}={}", quirk.name(), if quirks.has(quirk) { "on" } else { "off" });
    }
    Ok(())
}

async fn domain(db: &Db, command: DomainCommand) -> Outcome {
    match command {
        DomainCommand::Add { hash, domain, channel } => {
            let channel = ChannelId(channel);
            let added =
                resources::stores::ops::add_domain(db, &SystemClock, &hash, &domain, channel).await;
            added.map_err(|error| of_domain(error, &hash, &domain))?;
            println!("{domain} leads to store {hash}, channel {}", channel.0);
        }
        DomainCommand::Remove { hash, domain } => {
            let removed = sites::remove(db, &hash, &domain).await;
            removed.map_err(|error| of_domain(error, &hash, &domain))?;
            println!("{domain} leads to no store");
        }
        DomainCommand::List { hash } => {
            let sites = sites::list(db, &hash).await.map_err(|error| in_words(error, &hash))?;
            for site in sites {
                println!("{}\t{}\t{}", site.domain, site.channel.0, site.added_at.to_rfc3339());
            }
        }
    }
    Ok(())
}

fn of_domain(
    error: Error,
    hash: &str,
    domain: &Domain,
) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        Error::Taken { .. } => format!("a store has the domain {domain} already").into(),
        Error::NotFound("store") => format!("there is no store {hash}").into(),
        Error::NotFound(what) => format!("store {hash} has no such {what}").into(),
        error => error.into(),
    }
}

/// The domain's refusals in words for an operator.
pub(crate) fn in_words(error: Error, hash: &str) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        Error::NotFound(what) => format!("there is no {what} {hash}").into(),
        Error::Taken { .. } => format!("there is already a store {hash}").into(),
        Error::Invalid(faults) => {
            let faults =
                faults.into_map().into_iter().map(|(field, rule)| format!("{field} {rule}"));
            faults.collect::<Vec<_>>().join("; ").into()
        }
        error => error.into(),
    }
}
