//! Where log lines go: to the standard error, through a thread of its own, so that a slow terminal slows no
//! request. When it is slower than 128,000 lines, lines are lost rather than requests held up.

use std::{io::stderr, panic};

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::WorkerGuard;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line
    Json,
    /// For a person's eyes
    Text,
}

/// Begin to log. What the guard holds back is written when it is dropped.
pub(crate) fn start(level: Level, format: Format) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(stderr());
    let lines =
        tracing_subscriber::fmt().with_max_level(LevelFilter::from(level)).with_target(false);
    match format {
        Format::Json => lines.json().flatten_event(true).with_writer(writer).init(),
        Format::Text => lines.compact().with_ansi(false).with_writer(writer).init(),
    }
    // A panic's message may hold what a request brought; its place may not.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a bug: please report this line");
    }));
    guard
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::OFF,
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
        }
    }
}
