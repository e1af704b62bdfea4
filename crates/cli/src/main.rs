//! The command line: reads configuration, and hands over to the rooms that know what to do with it.

mod account;
mod certificates;
mod consent;
mod customer;
mod deliver;
mod dev;
mod doctor;
mod hooks;
mod listen;
mod log;
mod open;
mod options;
mod people;
mod serve;
mod store;

use std::{error::Error, process::ExitCode};

use clap::Parser as _;
use mimalloc::MiMalloc;

use crate::options::{Command, Options};

/// What a request allocates is often freed on another thread, where the system's allocator makes threads wait
/// for one another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What a command may end with: words for the operator.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

async fn run(options: Options) -> Outcome {
    let shared = options.shared;
    match options.command {
        Command::Serve(options) => serve::run(&shared, options).await,
        Command::Deliver(options) => deliver::run(&shared, options).await,
        Command::Dev(options) => dev::run(&shared, options).await,
        Command::Store(command) => store::run(&shared, command).await,
        Command::Account(command) => account::run(&shared, command).await,
        Command::Customer(command) => customer::run(&shared, command).await,
        Command::Consent(command) => consent::run(&shared, command).await,
        Command::Hooks(command) => hooks::run(&shared, command).await,
        Command::Migrate => open::migrate(&shared).await,
        Command::Vacuum => open::vacuum(&shared).await,
        Command::Doctor => doctor::run(&shared).await,
    }
}

/// Say why, with the causes below it.
fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    let mut text = format!("custodia: {error}");
    let mut below = error.source();
    while let Some(cause) = below {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        below = cause.source();
    }
    eprintln!("{text}");
    ExitCode::FAILURE
}
