use access::{
    Author, Grace,
    accounts::{self, Rotation},
};
use kernel::{AccountId, Error, Result};
use rest::App;

use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
};

/// Give an account a new client secret; for a time the one before it is valid too. Whoever calls for the account itself
/// has to know the present one (`proof`): a token that was found lets nobody sign shoppers in, nor shuts an app
/// out from its own webhooks. Every server and worker signs with the new one from its next letter on.
pub async fn rotate(
    app: &App,
    author: &Author,
    account: AccountId,
    proof: Option<&str>,
    grace: Grace,
) -> Result<Rotation> {
    const OTHER: &str = "is not the account's client secret";
    let (store, now) = (author.store, app.clock.now());
    let audit_id = app.event_ids.next(now);
    let means = (&app.db, &app.seal, &*app.chance);
    let drafted = accounts::draft_rotation(means, (store, account), proof, grace, now).await?;
    let rotation = drafted.ok_or_else(|| Error::invalid("client_secret", OTHER))?;
    app.db
        .write(async |tx| {
            // Whoever deletes the store takes its counters first.
            counters::hold(tx, store, Counter::Hook).await?.ok_or(Error::NotFound("store"))?;
            if !accounts::rotate(tx, store, &rotation).await? {
                // Somebody else did so meanwhile: the one that was proven is the former one now.
                return Err(Error::invalid("client_secret", OTHER));
            }
            let change = Change::secret_rotated(account);
            audit::rows::record(tx, author, audit_id, &change, now).await?;
            Ok(())
        })
        .await?;
    Ok(rotation)
}
