//! The machine and the versions a result belongs to.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::Command,
    time::Instant,
};

use kernel::{Clock as _, SystemClock};

/// Name and value of everything worth knowing.
pub(crate) fn describe(dir: &Path, postgres: Option<&str>) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let field = |file, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").to_owned();
        line.trim_start_matches([' ', '\t', ':']).to_owned()
    };
    let memory = field("/proc/meminfo", "MemTotal:");
    let memory = memory.trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / (1024 * 1024);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut lines = vec![
        ("date", SystemClock.now().to_rfc3339()),
        ("processor", format!("{}, {cores} cores", field("/proc/cpuinfo", "model name"))),
        ("memory", format!("{memory} GB")),
        ("system", format!("Linux {}", kernel.trim())),
        ("file system of the databases", file_system(dir)),
        ("one sync of the disk, nothing injected", sync_cost(dir)),
        ("compiler", output("rustc", &["--version"])),
        ("SQLite", rusqlite::version().to_owned()),
    ];
    if let Some(version) = postgres {
        lines.push(("PostgreSQL", version.to_owned()));
    }
    let changed = if output("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty() {
        ""
    } else {
        ", with changes not committed"
    };
    lines.push(("commit", output("git", &["rev-parse", "--short", "HEAD"]) + changed));
    lines
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// The mount with the longest name that the directory begins with.
fn file_system(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_default();
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        Some((fields.next()?, fields.next()?, fields.next()?))
    });
    let mount = mounts.filter(|(_, at, _)| dir.starts_with(at)).max_by_key(|(_, at, _)| at.len());
    mount.map_or_else(String::new, |(device, _, kind)| format!("{kind} on {device}"))
}

/// What the disk itself takes for a page, written and synced, in the median.
fn sync_cost(dir: &Path) -> String {
    let path = dir.join("sync");
    let once = |file: &mut File| {
        let started = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        Ok::<_, std::io::Error>(started.elapsed())
    };
    let measure = || {
        let mut file = File::create(&path)?;
        let mut costs = (0..51).map(|_| once(&mut file)).collect::<Result<Vec<_>, _>>()?;
        costs.sort();
        Ok::<_, std::io::Error>(costs[costs.len() / 2])
    };
    let cost = measure();
    let _ = fs::remove_file(path);
    cost.map_or_else(|e| e.to_string(), |cost| format!("{:.0} us", cost.as_secs_f64() * 1e6))
}
