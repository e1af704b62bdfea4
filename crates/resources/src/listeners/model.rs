use kernel::{HookId, StoreId, Timestamp};

/// Somebody who listens to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    pub store: StoreId,
    pub number: i64,
}

impl Listener {
    /// How long it counts as there after it was last heard of, in seconds.
    pub const PATIENCE: i64 = 10;
}

/// Something that it heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The event's name.
    pub event: String,
    pub scope: String,
    /// What the event says, as JSON.
    pub data: String,
    /// When it happened, or when the attempt was over.
    pub at: Timestamp,
    /// `None` for the event itself.
    pub told: Option<Told>,
}

/// What came of an attempt to tell a webhook of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub hook: HookId,
    /// Empty where the webhook is gone.
    pub destination: String,
    pub attempt: i64,
    /// Of the answer; `None` where there was none.
    pub status: Option<i64>,
    /// Why there was none; empty where there was one.
    pub fault: String,
    /// How long it took, in microseconds.
    pub took: i64,
}

/// What an event says, out of the body that its webhooks are sent.
#[must_use]
pub fn data_of(body: &str) -> &str {
    let data = body.split_once(r#","data":"#).and_then(|(_, data)| data.strip_suffix('}'));
    data.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_says_is_the_last_member_of_its_body() {
        let body = r#"{"producer":"stores/a","hash":"0","created_at":1,"store_id":"7","scope":"s","data":{"id":1,"x":{"data":2}}}"#;
        assert_eq!(data_of(body), r#"{"id":1,"x":{"data":2}}"#);
        assert_eq!(data_of("{}"), "");
    }
}
