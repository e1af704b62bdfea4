//! One event as one line, line break included.

use std::{fmt, io::Write as _};

use kernel::{Clock as _, SystemClock};
use serde::{Serialize, Serializer as _, ser::SerializeMap};
use tracing::{
    Event,
    field::{Field, Visit},
};

/// A JSON object: when, how grave, then the event's fields in the order they were given.
pub(super) fn json(event: &Event<'_>) -> Vec<u8> {
    let mut line = Vec::with_capacity(USUAL);
    // Memory takes whatever is written, and a field that is no JSON (there is none) would only miss.
    if let Ok(mut object) = serde_json::Serializer::new(&mut line).serialize_map(None) {
        let _ = object.serialize_entry("timestamp", &SystemClock.now().to_rfc3339_micros());
        let _ = object.serialize_entry("level", event.metadata().level().as_str());
        let mut members = Members(object);
        event.record(&mut members);
        let _ = members.0.end();
    }
    line.push(b'\n');
    line
}

/// For a person: what happened, then what else is known of it.
pub(super) fn text(event: &Event<'_>) -> Vec<u8> {
    let mut line = Vec::with_capacity(USUAL);
    let (now, level) = (SystemClock.now().to_rfc3339_micros(), event.metadata().level());
    let _ = write!(line, "{now} {level:>5}");
    event.record(&mut Words(&mut line));
    line.push(b'\n');
    line
}

struct Members<M>(M);

impl<M: SerializeMap> Members<M> {
    fn add(&mut self, field: &Field, value: &(impl Serialize + ?Sized)) {
        let _ = self.0.serialize_entry(field.name(), value);
    }
}

impl<M: SerializeMap> Visit for Members<M> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format_args!("{value:?}"));
    }
}

struct Words<'l>(&'l mut Vec<u8>);

impl Visit for Words<'_> {
    /// Texts come with quotes, and what could steer a terminal escaped. The message is the program's own.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// More bytes than most lines have.
const USUAL: usize = 320;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{Metadata, Subscriber, span};

    use super::*;

    /// What the events of `work` are as lines.
    fn lines(form: fn(&Event<'_>) -> Vec<u8>, work: impl FnOnce()) -> String {
        struct Seen(fn(&Event<'_>) -> Vec<u8>, Arc<Mutex<Vec<u8>>>);
        impl Subscriber for Seen {
            fn enabled(&self, _: &Metadata<'_>) -> bool {
                true
            }
            fn event(&self, event: &Event<'_>) {
                self.1.lock().unwrap().extend(self.0(event));
            }
            fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
                span::Id::from_u64(1)
            }
            fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
            fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
            fn enter(&self, _: &span::Id) {}
            fn exit(&self, _: &span::Id) {}
        }
        let text = Arc::default();
        tracing::subscriber::with_default(Seen(form, Arc::clone(&text)), work);
        String::from_utf8(text.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_of_json_is_one_object_whatever_its_fields_hold() {
        let log = lines(json, || {
            let said = "a \"quote\",\na line, \u{1b}[31m and \u{e9}";
            tracing::warn!(said, shown = %said, status = 200_u16, slow = false, none = f64::NAN, "it\n{}", 1);
        });
        let (line, rest) = log.split_once('\n').unwrap();
        assert_eq!(rest, "", "one line");
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let said = "a \"quote\",\na line, \u{1b}[31m and \u{e9}";
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "it\n1");
        assert_eq!(line["said"], said);
        assert_eq!(line["shown"], said);
        assert_eq!(line["status"], 200);
        assert_eq!(line["slow"], false);
        assert!(line["none"].is_null());
        let at = line["timestamp"].as_str().unwrap();
        assert_eq!(at.len(), "2026-01-01T00:00:00.000000Z".len(), "{at}");
    }

    #[test]
    fn a_line_of_text_says_what_happened_first() {
        let log = lines(text, || tracing::info!(route = "/a\u{1b}", micros = 7, "answered"));
        assert!(log.ends_with("Z  INFO answered route=\"/a\\u{1b}\" micros=7\n"), "{log}");
    }
}
