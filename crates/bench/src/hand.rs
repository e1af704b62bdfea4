//! Work for a server that was started by hand.

use std::{sync::Arc, time::Duration};

use crate::{
    data::STATIC_ID,
    load::{self, Load},
    process::Cpu,
    work::{Ask, Examiner},
};

/// Which server, and what to ask it.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    token: String,
    /// The server's process, to tell its processor time.
    #[arg(long)]
    pid: u32,
    #[arg(long)]
    ask: Ask,
    #[arg(long, default_value_t = 1_000)]
    customers: i64,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// It is the ceiling, which always shows the same customer.
    #[arg(long)]
    ceiling: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let load = Load {
        port: options.port,
        ask: options.ask,
        customers: options.customers,
        connections: options.connections,
        warm_up: Duration::from_millis(200),
        measured: Duration::from_secs_f64(options.seconds),
        seed: 1,
        examiner: Arc::new(Examiner::new(&options.token, options.ceiling.then_some(STATIC_ID))),
    };
    let figures = load::run(load, &Cpu::of(options.pid, None))?;
    println!("{figures:?}");
    Ok(())
}
