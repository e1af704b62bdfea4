//! `custodia consent`

use std::{
    fs,
    io::{self, BufRead, BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use ::ledger::{
    checkpoint::{Head, PublicKey},
    export::{self, Opening, Reading},
    receipt::Receipt,
};
use access::{signing, stores};
use kernel::{Clock as _, StoreId, SystemChance, SystemClock};
use resources::ledger::{ops as ledger, sequencer, walk};
use rest::{App, Settings};
use sql::Db;

use crate::{
    Outcome, open,
    options::{ConsentCommand, Shared, VerifyOptions},
    store::in_words,
};

pub(crate) async fn run(shared: &Shared, command: ConsentCommand) -> Outcome {
    // What is checked without a database needs none to be there.
    if let ConsentCommand::Verify(options @ VerifyOptions { file: Some(file), .. }) = &command {
        return verify_file(options, file);
    }
    let db = open::database(&shared.database).await?;
    match command {
        ConsentCommand::Verify(options) => {
            verify_store(&db, &options, &options.store.clone().unwrap_or_default()).await?;
        }
        ConsentCommand::Export { store } => export(shared, &db, &store).await?,
        ConsentCommand::Prove { store, leaf, consistency } => {
            prove(&db, &store, leaf, &consistency.unwrap_or_default()).await?;
        }
        ConsentCommand::Keys => {
            for key in signing::public(&db).await? {
                println!("{key}");
            }
        }
        ConsentCommand::RotateKey => {
            let seal = open::seal(shared, &db).await?;
            let key = signing::rotate(&db, &seal, &SystemChance, SystemClock.now()).await;
            println!("{}", key.map_err(|error| in_words(error, "key"))?.public());
        }
    }
    Ok(db.close().await?)
}

/// Print all leaves, a page at a time, up to a checkpoint that is signed for it.
async fn export(shared: &Shared, db: &Db, hash: &str) -> Outcome {
    let store = find(db, hash).await?;
    let seal = open::seal(shared, db).await?;
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    let app = App::new(db.clone(), seal, clock, chance, Settings::default()).await?;
    let head = sequencer::sequence(&app, store).await?;
    let size = u64::try_from(head.size)?;
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(out, "{}", Opening::new(hash, &signing::public(db).await?).line())?;
    let mut from = 0;
    while from < size {
        let lines = walk::entries(db, store, from, size).await?;
        from += lines.len() as u64;
        for line in lines {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out, "{}", export::closing(&head.checkpoint))?;
    Ok(out.flush()?)
}

async fn prove(db: &Db, hash: &str, leaf: Option<u64>, consistency: &[u64]) -> Outcome {
    let store = find(db, hash).await?;
    let proof = match (leaf, consistency) {
        (Some(leaf), _) => {
            let (proof, head) = ledger::prove_leaf(db, store, leaf)
                .await
                .map_err(|error| in_words(error, &leaf.to_string()))?;
            let mut proof = serde_json::to_value(proof)?;
            proof["checkpoint"] = head.checkpoint.into();
            proof
        }
        (None, [older, size]) => {
            let proof = ledger::prove_growth(db, store, *older, *size).await;
            let most = older.max(size).saturating_sub(1).to_string();
            serde_json::to_value(proof.map_err(|error| in_words(error, &most))?)?
        }
        (None, _) => return Err("say --leaf N or --consistency N M".into()),
    };
    println!("{proof}");
    Ok(())
}

/// Check the ledger that is in the database.
async fn verify_store(db: &Db, options: &VerifyOptions, hash: &str) -> Outcome {
    let store = find(db, hash).await?;
    let said = keys(&options.keys, options.key_file.as_deref())?;
    let are_its_own = said.is_empty();
    let keys = if are_its_own { signing::public(db).await? } else { said };
    let older = older(&options.checkpoints, hash, &keys)?;
    let found = walk::verify(db, store, &keys, older).await?;
    told(&found.damages)?;
    println!("The ledger of {hash} holds.");
    println!("leaves        {}", found.leaves);
    println!("declarations  {} are kept, each as its leaf says", found.declarations);
    let gone = found.leaves.saturating_sub(found.declarations);
    println!(
        "gone          {gone} leaves belong to no declaration that is kept: their customers have gone"
    );
    if are_its_own {
        println!(
            "keys          the database's own: who can write there can have made others. Say --key PUBLICKEY"
        );
    }
    told_of_older(options);
    Ok(())
}

/// Check a receipt or an export.
fn verify_file(options: &VerifyOptions, path: &Path) -> Outcome {
    let keys = keys(&options.keys, options.key_file.as_deref())?;
    if keys.is_empty() {
        return Err("say whom you trust: --key PUBLICKEY, or --key-file FILE".into());
    }
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut reader = opened(path).map_err(failed)?;
    let mut text = line(&mut reader).map_err(failed)?;
    if let Some(opening) = Opening::read(text.trim_end_matches('\n')) {
        return verify_export(options, &opening, reader, &keys);
    }
    if !options.checkpoints.is_empty() {
        return Err("an older checkpoint is compared with an export, and this is none".into());
    }
    reader.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    verify_receipt(&text, &keys)
}

/// Check what follows the first line of an export.
fn verify_export(
    options: &VerifyOptions,
    opening: &Opening,
    mut reader: impl BufRead,
    keys: &[PublicKey],
) -> Outcome {
    let older = older(&options.checkpoints, &opening.store_hash, keys)?;
    let mut reading = Reading::new(opening, older);
    loop {
        let text = line(&mut reader)?;
        if text.is_empty() {
            break;
        }
        reading.line(text.strip_suffix('\n').unwrap_or(&text));
    }
    let leaves = reading.size();
    told(&reading.end(keys))?;
    println!("The ledger of {} holds.", opening.store_hash);
    println!("leaves        {leaves}");
    told_of_older(options);
    Ok(())
}

/// Check a receipt, and say what it proves.
fn verify_receipt(json: &str, keys: &[PublicKey]) -> Outcome {
    let receipt: Receipt = serde_json::from_str(json)
        .map_err(|error| format!("this is no receipt and no export: {error}"))?;
    let head = receipt.verify(keys)?;
    let leaf = &receipt.evidence.leaf;
    println!("The receipt holds.");
    println!("store     {}", leaf.store_hash);
    println!("declared  {}", receipt.declared_at);
    println!("allowed   {}", leaf.allow.join(" "));
    println!("refused   {}", leaf.deny.join(" "));
    if leaf.gpc {
        println!("signal    the browser asked not to be followed (Sec-GPC)");
    }
    if let Some(policy) = &receipt.policy {
        println!(
            "policy    {} of {}, SHA-256 {}",
            policy.version, policy.effective_at, policy.sha256
        );
        println!("by        {}, {}", receipt.controller.name, receipt.controller.contact);
    }
    println!("leaf      {} of {}", receipt.evidence.index, head.size);
    println!("signed    {}", head.origin);
    Ok(())
}

async fn find(db: &Db, hash: &str) -> Outcome<StoreId> {
    Ok(stores::find(db, hash).await.map_err(|error| in_words(error, hash))?.id)
}

/// Fail with all that is wrong, where anything is.
fn told(faults: &[impl std::fmt::Display]) -> Outcome {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n- {fault}")).collect();
    if lines.is_empty() {
        Ok(())
    } else {
        Err(format!("it does not hold:{}", lines.concat()).into())
    }
}

fn told_of_older(options: &VerifyOptions) {
    for path in &options.checkpoints {
        println!("nothing was rewritten since {}", path.display());
    }
}

/// The checkpoints of these files, which have to be of this store's tree and signed with one of these keys.
fn older(paths: &[PathBuf], hash: &str, keys: &[PublicKey]) -> Outcome<Vec<Head>> {
    let read = |path: &PathBuf| {
        let said = |what: &str| format!("{}: {what}", path.display());
        let head = Head::read(&text(path)?, keys).map_err(|error| said(&error.to_string()))?;
        if !head.is_of(hash) {
            return Err(said(&format!("a checkpoint of {}", head.origin)).into());
        }
        Ok(head)
    };
    paths.iter().map(read).collect()
}

/// The keys of the command line and of the file, where there is one.
fn keys(said: &[String], file: Option<&Path>) -> Outcome<Vec<PublicKey>> {
    let kept = file.map(text).transpose()?.unwrap_or_default();
    let said = said.iter().map(String::as_str).chain(kept.lines());
    said.filter(|line| !line.trim().is_empty())
        .map(|key| key.parse().map_err(|error| format!("{key}: {error}").into()))
        .collect()
}

/// What is in a file; no receipt and no list of keys is longer than [`LONGEST`].
fn text(path: &Path) -> Outcome<String> {
    let mut text = String::new();
    opened(path)
        .and_then(|reader| reader.take(LONGEST).read_to_string(&mut text))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text)
}

fn opened(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::new(fs::File::open(path)?)))
}

/// The next line with its end, empty at the end of all; of one that is longer than any of an export, a piece. What is
/// no UTF-8 becomes what no export has.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    let longest = u64::try_from(export::LONGEST_LINE).unwrap_or(u64::MAX);
    reader.take(longest).read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// In bytes.
const LONGEST: u64 = 1 << 20;
