//! A disk whose syncs take as long as one says, for servers that write.

use std::{
    fs::OpenOptions,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// How syncs are made slow: `shim/slowsync.c`, compiled, or not at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    library: Option<PathBuf>,
}

impl Disk {
    pub(crate) fn new(library: Option<PathBuf>) -> Self {
        Self { library }
    }

    /// Let a server that is about to be started write to this disk.
    pub(crate) fn put_under(&self, command: &mut Command) -> Result<(), String> {
        if let Some(library) = &self.library {
            self.slow_down(0)?;
            command.env("LD_PRELOAD", library).env("SLOWSYNC_FILE", Self::file(library));
        }
        Ok(())
    }

    /// From now on each sync takes so many microseconds longer, of all servers on it.
    pub(crate) fn slow_down(&self, micros: u32) -> Result<(), String> {
        let Some(library) = &self.library else { return Ok(()) };
        let path = Self::file(library);
        // Never cut short: servers have it in their memory.
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let written = file.and_then(|file| file.write_all_at(&micros.to_ne_bytes(), 0));
        written.map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Beside the library, where whoever has started `PostgreSQL` under it has put it too.
    fn file(library: &Path) -> PathBuf {
        library.with_extension("us")
    }
}
