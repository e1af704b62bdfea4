//! What this installation signs with.

use kernel::{Chance, Error, Result, Timestamp, hex};
use ledger::checkpoint::{PublicKey, SigningKey};
use sql::Db;

use crate::{Seal, SealError, rows};

/// The newest key; made where there is none yet.
pub async fn key(db: &Db, seal: &Seal, chance: &dyn Chance, now: Timestamp) -> Result<SigningKey> {
    let kept =
        async || db.read(async |tx| Ok::<_, Error>(rows::newest_signing_key(tx).await?)).await;
    if let Some((public, sealed)) = kept().await? {
        return opened(seal, &public, &sealed);
    }
    // Of two processes that make the first key at once, one's is kept.
    add(db, seal, chance, now, 1).await?;
    let (public, sealed) = kept().await?.ok_or(Error::NotFound("signing key"))?;
    opened(seal, &public, &sealed)
}

/// Sign with a new key from now on. What older keys have signed can still be checked: [`public`] has them all.
pub async fn rotate(
    db: &Db,
    seal: &Seal,
    chance: &dyn Chance,
    now: Timestamp,
) -> Result<SigningKey> {
    let number = public(db).await?.len();
    let number = i64::try_from(number).map_err(Error::internal)? + 1;
    if add(db, seal, chance, now, number).await? {
        key(db, seal, chance, now).await
    } else {
        Err(Error::Taken { field: "key", value: number.to_string() })
    }
}

/// What everybody may check signatures with: the keys of this installation, the oldest first.
pub async fn public(db: &Db) -> Result<Vec<PublicKey>> {
    let kept = db.read(async |tx| Ok::<_, Error>(rows::public_keys(tx).await?)).await?;
    kept.iter().map(|(public,)| public.parse().map_err(Error::internal)).collect()
}

/// Whether the key got the number.
async fn add(
    db: &Db,
    seal: &Seal,
    chance: &dyn Chance,
    now: Timestamp,
    number: i64,
) -> Result<bool> {
    let (mut drawn, mut seed) = ([0; 4], [0; 32]);
    chance.fill(&mut drawn);
    chance.fill(&mut seed);
    // All keys of an installation have one name, which the trees that they sign are known by.
    let older = public(db).await?.into_iter().next();
    let name =
        older.map_or_else(|| format!("custodia/{}", hex(&drawn)), |key| key.name().to_owned());
    let key = SigningKey::new(&name, &seed)
        .ok_or_else(|| Error::internal("a name of letters and digits names a key"))?;
    let public = key.public().as_str();
    let sealed = seal.seal(public, &hex(&seed), chance);
    db.write(async |tx| Ok(rows::insert_signing_key(tx, number, public, &sealed, now).await?)).await
}

fn opened(seal: &Seal, public: &str, sealed: &[u8]) -> Result<SigningKey> {
    let seed = seal.unseal(public, sealed).map_err(Error::internal)?;
    let seed = crate::seal::from_hex(&seed).ok_or_else(|| Error::internal(SealError::Broken))?;
    let name = public.split('+').next().unwrap_or_default();
    SigningKey::new(name, &seed)
        .filter(|key| key.public().as_str() == public)
        .ok_or_else(|| Error::internal(SealError::Broken))
}
