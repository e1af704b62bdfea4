//! What operators do with API accounts.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use kernel::{AccountId, Chance, Clock, Error, Grants, Result, StoreId, Timestamp, hex};
use sha2::{Digest as _, Sha256};
use sql::{Db, ReadTx, WriteTx};

use crate::{Account, Credentials, Grace, Seal, SealError, Secrets, rows};

/// Make an account with new credentials; `token` names the access token instead of drawing one.
pub async fn create(
    db: &Db,
    clock: &dyn Clock,
    chance: &dyn Chance,
    seal: &Seal,
    hash: &str,
    grants: Grants,
    token: Option<&str>,
) -> Result<(AccountId, Credentials)> {
    let credentials = Credentials {
        client_id: letters(chance),
        client_secret: secret(chance),
        access_token: token.map_or_else(|| letters(chance), str::to_owned),
    };
    let sealed = seal.seal(&credentials.client_id, &credentials.client_secret, chance);
    let digest = digest(&credentials.access_token);
    let id = AccountId(clock.now().0 << 8 | i64::from(chance.number() & 0xff));
    let now = clock.now();
    db.write(async |tx| {
        let store = rows::lock_store(tx, hash)
            .await?
            .filter(|store| !store.deleted)
            .ok_or(Error::NotFound("store"))?;
        if rows::live_account(tx, &digest).await?.is_some() {
            return Err(Error::Taken { field: "access_token", value: "(not shown)".to_owned() });
        }
        let account = Account {
            id,
            client_id: credentials.client_id.clone(),
            store: Arc::new(store),
            grants,
            created_at: now,
            revoked: false,
        };
        rows::insert_account(tx, &account, &sealed, &digest).await?;
        rows::count_change(tx).await?;
        Ok(())
    })
    .await?;
    Ok((id, credentials))
}

/// A store's accounts, also revoked ones, oldest first.
pub async fn list(db: &Db, hash: &str) -> Result<Vec<Account>> {
    db.snapshot(async |tx| {
        let store = rows::store(tx, hash).await?.ok_or(Error::NotFound("store"))?;
        let held = rows::accounts_of(tx, store.id).await?;
        Ok(held.into_iter().map(|held| held.account).collect())
    })
    .await
}

/// The client ids of these accounts of a store, also of revoked ones.
pub async fn client_ids(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &BTreeSet<AccountId>,
) -> Result<BTreeMap<AccountId, String>> {
    Ok(rows::client_ids(tx, store, ids).await?.into_iter().collect())
}

/// An app that signs what it says to this installation, and is answered under the same secret.
///
/// Without `Debug`: nothing prints the secret.
pub struct KeyHolder {
    /// Its account.
    pub account: AccountId,
    /// The public half of its credentials.
    pub client_id: String,
    /// What it signs with.
    pub secrets: Secrets,
    /// What it may do.
    pub grants: Grants,
}

/// The app of a store with this client id, unless its account was revoked.
pub async fn key_holder(
    db: &Db,
    seal: &Seal,
    store: StoreId,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<KeyHolder>> {
    // Whoever writes a token says it, and PostgreSQL cannot be asked for U+0000.
    if client_id.contains('\0') {
        return Ok(None);
    }
    let find =
        async |tx: &mut ReadTx| Ok::<_, Error>(rows::sealed_secret(tx, store, client_id).await?);
    let Some((account, sealed, grants)) = db.read(find).await? else { return Ok(None) };
    let secrets = unseal(seal, client_id, &sealed, now)?;
    Ok(Some(KeyHolder { account, client_id: client_id.to_owned(), secrets, grants }))
}

/// What an account signs with now; `None` when it was revoked, or its store is being deleted.
pub async fn signing_secrets(
    db: &Db,
    seal: &Seal,
    store: StoreId,
    account: AccountId,
    now: Timestamp,
) -> Result<Option<Secrets>> {
    let find =
        async |tx: &mut ReadTx| Ok::<_, Error>(rows::sealed_secret_of(tx, store, account).await?);
    let Some((client_id, sealed)) = db.read(find).await? else { return Ok(None) };
    unseal(seal, &client_id, &sealed, now).map(Some)
}

fn unseal(seal: &Seal, client_id: &str, sealed: &rows::Sealed, now: Timestamp) -> Result<Secrets> {
    let open = |sealed: &Vec<u8>| seal.unseal(client_id, sealed).map_err(Error::internal);
    let former = sealed.former.as_ref().filter(|_| now < sealed.former_until);
    Ok(Secrets { current: open(&sealed.current)?, former: former.map(open).transpose()? })
}

/// A client secret that is about to take another's place.
///
/// Without `Debug`: nothing prints the secret.
pub struct Rotation {
    account: AccountId,
    /// The public half of its credentials.
    pub client_id: String,
    /// The new secret.
    pub secret: String,
    /// Until when the one before is taken too; `None` where it is not.
    pub former_until: Option<Timestamp>,
    sealed: Vec<u8>,
    replaced: Vec<u8>,
}

/// Draw a new client secret for an account. Whoever has to know the present one says it: `proof`. `None` where it is
/// another.
pub async fn draft_rotation(
    (db, seal, chance): (&Db, &Seal, &dyn Chance),
    (store, account): (StoreId, AccountId),
    proof: Option<&str>,
    grace: Grace,
    now: Timestamp,
) -> Result<Option<Rotation>> {
    let find =
        async |tx: &mut ReadTx| Ok::<_, Error>(rows::sealed_secret_of(tx, store, account).await?);
    let (client_id, sealed) = db.read(find).await?.ok_or(Error::NotFound("account"))?;
    if let Some(proof) = proof {
        let present = unseal(seal, &client_id, &sealed, now)?.current;
        // In a time that does not tell how much of it is right.
        if !seal.is_vouched(&client_id, proof, &seal.vouch(&client_id, &present)) {
            return Ok(None);
        }
    }
    let secret = secret(chance);
    let former_until = grace.until(now);
    let replaced = sealed.current;
    let sealed = seal.seal(&client_id, &secret, chance);
    Ok(Some(Rotation { account, client_id, secret, former_until, sealed, replaced }))
}

/// Put it in the other one's place, which is valid until its time is over; one that was replaced before that is not any
/// more. `false` where somebody else was first.
pub async fn rotate(tx: &mut WriteTx, store: StoreId, rotation: &Rotation) -> Result<bool> {
    let Rotation { account, former_until, sealed, replaced, .. } = rotation;
    Ok(rows::rotate(tx, (store, *account), sealed, replaced, *former_until).await?)
}

/// Forget secrets that were replaced and whose time is over, in all stores: how many.
pub async fn forget_former(db: &Db, now: Timestamp) -> Result<u64> {
    let look = async |tx: &mut ReadTx| Ok::<_, Error>(rows::are_former_over(tx, now).await?);
    if !db.read(look).await? {
        return Ok(0);
    }
    db.write(async |tx| Ok(rows::forget_former(tx, now).await?)).await
}

/// The account of a client id, unless it was revoked or its store is being deleted.
pub async fn find(db: &Db, client_id: &str) -> Result<Account> {
    let find = async |tx: &mut ReadTx| Ok::<_, Error>(rows::account(tx, client_id).await?);
    let held = db.read(find).await?.ok_or(Error::NotFound("account"))?;
    Ok(held.account)
}

/// Take an account's token back, for good. Every server knows within a second.
pub async fn revoke(db: &Db, clock: &dyn Clock, client_id: &str) -> Result<()> {
    let now = clock.now();
    db.write(async |tx| {
        if !rows::revoke_account(tx, client_id, now).await? {
            return Err(Error::NotFound("account"));
        }
        rows::count_change(tx).await?;
        Ok(())
    })
    .await
}

/// Remove the account of a token, live or revoked, so that the token can be given out again. For
/// `custodia dev --token` alone: elsewhere an account stays, as the author of its audit lines.
pub async fn forget(db: &Db, token: &str) -> Result<()> {
    let digest = digest(token);
    db.write(async |tx| {
        rows::delete_account(tx, &digest).await?;
        Ok(rows::count_change(tx).await?)
    })
    .await
}

/// Open the installation's key file, or make it when the installation has no key yet.
///
/// A second machine that has no copy of the file is refused, rather than given a key of its own with
/// which the secrets of the first could not be opened.
pub async fn open_seal(db: &Db, chance: &dyn Chance, path: &Path) -> Result<Seal> {
    let known = db.read(async |tx| Ok::<_, Error>(rows::key_check(tx).await?)).await?;
    let seal = if path.exists() {
        Seal::open(path)
    } else if known.is_empty() {
        Seal::make(path, chance)
    } else {
        Err(SealError::WrongKey(path.to_owned()))
    };
    let seal = seal.map_err(Error::internal)?;
    let claimed = db
        .write(async |tx| {
            rows::claim_key(tx, seal.check()).await?;
            Ok::<_, Error>(rows::key_check(tx).await?)
        })
        .await?;
    if claimed == seal.check() {
        Ok(seal)
    } else {
        Err(Error::internal(SealError::WrongKey(path.to_owned())))
    }
}

/// What a token is found by.
pub(crate) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// 31 lower-case letters and digits: 160 bits, in the form that the real service's ids and tokens have.
fn letters(chance: &dyn Chance) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(31);
    while text.len() < 31 {
        let mut bytes = [0; 48];
        chance.fill(&mut bytes);
        // Bytes from 252 on are thrown away: 252 is the last multiple of 36, and every letter is as likely.
        let fair = bytes.into_iter().filter(|byte| *byte < 252);
        text.extend(
            fair.take(31 - text.len()).map(|byte| char::from(ALPHABET[usize::from(byte) % 36])),
        );
    }
    text
}

fn secret(chance: &dyn Chance) -> String {
    let mut bytes = [0; 32];
    chance.fill(&mut bytes);
    hex(&bytes)
}
