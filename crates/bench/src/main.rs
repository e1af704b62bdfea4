//! Development only: what `scripts/bench` runs.
//!
//! `run` starts the contenders, gives each the same work in alternating rounds, checks every answer and
//! writes the document. `ceiling` and `control` are the two comparators; `seed` and `load` are
//! for whoever wants to look at something by hand, with a profiler for instance.

mod against;
mod batch;
mod board;
mod bodies;
mod ceiling;
mod contenders;
mod control;
mod data;
mod delay;
mod disk;
mod group;
mod grow;
mod hand;
mod lag;
mod ledger;
mod load;
mod machine;
mod pages;
mod peer;
mod peers;
mod plot;
mod postgres;
mod postgres_control;
mod probe;
mod process;
mod questions;
mod receiver;
mod report;
mod results;
mod run;
mod sections;
mod seed;
mod serve;
mod shop;
mod size;
mod slashes;
mod statements;
mod tables;
mod targets;
mod walk;
mod webhooks;
mod wire;
mod work;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Measure custodia beside the ceiling and the control.
#[derive(Parser)]
enum Command {
    /// Serve one static answer with the token check and the headers of a real one.
    Ceiling(serve::Options),
    /// Serve the same statements on rusqlite, and nothing around them.
    Control {
        #[command(flatten)]
        options: serve::Options,
        /// The database file.
        #[arg(long)]
        database: PathBuf,
    },
    /// The same on tokio-postgres.
    PostgresControl {
        #[command(flatten)]
        options: serve::Options,
        /// The database's address.
        #[arg(long)]
        database: String,
    },
    /// Fill an `SQLite` database in which custodia has made the store `bench`.
    Seed {
        #[arg(long)]
        database: PathBuf,
        #[arg(long, default_value_t = 1_000_000)]
        customers: i64,
    },
    /// Give work to a server that somebody else has started: for a profiler.
    Load(hand::Options),
    /// Walk to the end of every list of a large store, and ask for what no index finds: for `scripts/soak`.
    Walk(walk::Options),
    /// Measure a store of ten million customers beside one of a thousand.
    Size(size::Options),
    /// Grow a ledger to ten million leaves, and append, prove and verify on the way: for `scripts/soak`.
    Ledger(ledger::Options),
    /// Take events to 64 webhooks: how many a second, how soon, and what it costs: for `scripts/bench`.
    Webhooks(webhooks::Options),
    /// Ask other people's servers for the same consent: for `scripts/bench`.
    Peers(peers::Options),
    /// Measure two binaries beside each other: what a change costs.
    Against(against::Options),
    /// Measure, and write the document.
    Run(Box<run::Options>),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Ceiling(options) => ceiling::run(&options),
        Command::Control { options, database } => control::run(&options, database),
        Command::PostgresControl { options, database } => postgres_control::run(&options, database),
        Command::Seed { database, customers } => seed::sqlite(&database, customers),
        Command::Load(options) => hand::run(&options),
        Command::Walk(options) => walk::run(&options),
        Command::Size(options) => size::run(&options),
        Command::Ledger(options) => ledger::run(&options),
        Command::Webhooks(options) => webhooks::run(&options),
        Command::Peers(options) => peers::run(&options),
        Command::Against(options) => against::run(&options),
        Command::Run(options) => run::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}
