//! `custodia consent`

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use ledger::{checkpoint::PublicKey, receipt::Receipt};

use crate::{
    Outcome,
    options::{ConsentCommand, VerifyOptions},
};

pub(crate) fn run(command: ConsentCommand) -> Outcome {
    match command {
        ConsentCommand::Verify(options) => verify(&options),
    }
}

fn verify(options: &VerifyOptions) -> Outcome {
    let keys = keys(&options.keys, options.key_file.as_deref())?;
    if keys.is_empty() {
        return Err("say whom you trust: --key PUBLICKEY, or --key-file FILE".into());
    }
    receipt(&text(&options.file)?, &keys)
}

/// Check a receipt, and say what it proves.
fn receipt(json: &str, keys: &[PublicKey]) -> Outcome {
    let receipt: Receipt =
        serde_json::from_str(json).map_err(|error| format!("this is no receipt: {error}"))?;
    let head = receipt.verify(keys)?;
    let leaf = &receipt.evidence.leaf;
    println!("The receipt holds.");
    println!("store     {}", leaf.store_hash);
    println!("declared  {}", receipt.declared_at);
    println!("allowed   {}", leaf.allow.join(" "));
    println!("refused   {}", leaf.deny.join(" "));
    if let Some(sha256) = &leaf.policy_sha256 {
        println!("policy    SHA-256 {sha256}");
    }
    println!("leaf      {} of {}", receipt.evidence.index, head.size);
    println!("signed    {}", head.origin);
    Ok(())
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
    let read = if path.as_os_str() == "-" {
        io::stdin().take(LONGEST).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text))
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text)
}

/// In bytes.
const LONGEST: u64 = 1 << 20;
