//! Where log lines go: to the standard error, one an event.
//!
//! Every request makes one, so what a request waits for is short: its line is written into memory, and a
//! thread of its own takes what has gathered to the standard error a hundred times a second. Warnings and errors
//! are not kept waiting. There are no spans: a line says all it has to say.

mod backlog;
mod line;

use std::{panic, sync::Arc};

use clap::ValueEnum;
use tracing::{
    Event, Metadata, Subscriber, level_filters::LevelFilter, span, subscriber::Interest,
};

use self::backlog::{Backlog, Guard};

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
pub(crate) fn start(level: Level, format: Format) -> Guard {
    let backlog = Arc::new(Backlog::default());
    let guard = Guard::start(Arc::clone(&backlog));
    let log = Log { most: LevelFilter::from(level), format, backlog };
    // Only a second call could fail: whoever came first goes on.
    let _ = tracing::subscriber::set_global_default(log);
    // A panic's message may hold what a request brought; its place may not.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a bug: please report this line");
    }));
    guard
}

/// Hears every event of the process, from whichever crate.
struct Log {
    most: LevelFilter,
    format: Format,
    backlog: Arc<Backlog>,
}

impl Subscriber for Log {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.most
    }

    fn event(&self, event: &Event<'_>) {
        let line = match self.format {
            Format::Json => line::json(event),
            Format::Text => line::text(event),
        };
        self.backlog.add(&line, *event.metadata().level() <= tracing::Level::WARN);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
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
