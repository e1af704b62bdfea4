//! What the kernel knows about a process: processor time and memory, from `/proc`.

use std::fs;

/// Whose processor time to read.
#[derive(Clone, Debug)]
pub(crate) struct Cpu {
    server: u32,
    /// Whether the server's children count too, and theirs.
    family: bool,
    /// The first process of the database server; its children count too.
    database: Option<u32>,
}

/// Processor time used so far, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) server: f64,
    pub(crate) database: f64,
    /// By the whole machine, whoever used it.
    pub(crate) machine: f64,
}

impl Cpu {
    pub(crate) fn of(server: u32, database: Option<u32>) -> Self {
        Self { server, family: false, database }
    }

    /// That of a server which may have started others.
    pub(crate) fn of_family(server: u32, database: Option<u32>) -> Self {
        Self { server, family: true, database }
    }

    /// This program's own.
    pub(crate) fn own() -> Self {
        Self::of(std::process::id(), None)
    }

    pub(crate) fn read(&self) -> Used {
        let server = if self.family { family(self.server) } else { vec![self.server] };
        let server = server.into_iter().filter_map(Stat::read).map(|stat| stat.micros).sum();
        let database = self.database.map_or(0.0, |postmaster| {
            let all = pids().filter_map(Stat::read);
            let own = all.filter(|stat| stat.pid == postmaster || stat.parent == postmaster);
            own.map(|stat| {
                stat.micros + if stat.pid == postmaster { stat.gone_children } else { 0.0 }
            })
            .sum()
        });
        Used { server, database, machine: machine().unwrap_or(0.0) }
    }
}

/// One line of `/proc/PID/stat`.
struct Stat {
    pid: u32,
    parent: u32,
    /// Time in user and in system mode.
    micros: f64,
    /// The same of children that have ended.
    gone_children: f64,
}

/// The kernel counts in hundredths of a second towards programs, whatever it does inside.
const MICROS_A_TICK: f64 = 10_000.0;

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            micros: (ticks(11)? + ticks(12)?) * MICROS_A_TICK,
            gone_children: (ticks(13)? + ticks(14)?) * MICROS_A_TICK,
        })
    }
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The first line of `/proc/stat`: everything but idling and waiting for the disk.
fn machine() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields = text.lines().next()?.split_ascii_whitespace().skip(1);
    let ticks: Vec<f64> = fields.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((ticks.iter().sum::<f64>() - idle) * MICROS_A_TICK)
}

/// The process that started this one.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    Stat::read(pid).map(|stat| stat.parent)
}

/// A process, and all that it and its children have started and that still run.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let all: Vec<Stat> = pids().filter_map(Stat::read).collect();
    let mut family = vec![pid];
    let mut known = 0;
    while let Some(&parent) = family.get(known) {
        family.extend(all.iter().filter(|stat| stat.parent == parent).map(|stat| stat.pid));
        known += 1;
    }
    family
}

/// Resident memory in mebibytes.
pub(crate) fn memory(pid: u32) -> Result<f64, String> {
    mebibytes(pid, "VmRSS:")
}

/// The most resident memory there ever was, in mebibytes.
pub(crate) fn most_memory(pid: u32) -> Result<f64, String> {
    mebibytes(pid, "VmHWM:")
}

fn mebibytes(pid: u32, name: &str) -> Result<f64, String> {
    let kib = number(&format!("/proc/{pid}/status"), name)?;
    Ok(kib / 1024.0)
}

/// How often it has read from a file.
pub(crate) fn reads(pid: u32) -> Result<f64, String> {
    number(&format!("/proc/{pid}/io"), "syscr:")
}

fn number(file: &str, name: &str) -> Result<f64, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.ok_or_else(|| format!("{file} has no {name}"))
}
