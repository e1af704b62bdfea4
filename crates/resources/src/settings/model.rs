use kernel::{ChannelId, GroupId, Result, Violations};

/// What was set for the store, or for a channel. `None` is the default for the store, and inherits on a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether shoppers are asked before they are tracked.
    pub ask_for_consent: Option<bool>,
    /// Where the store's privacy policy is.
    pub policy_url: Option<String>,
    /// Whether they are asked at checkout too.
    pub ask_at_checkout: Option<bool>,
    /// The group that stands for those without an account; 0 is none.
    pub guest_group: Option<GroupId>,
    /// The group that new customers join; 0 is none.
    pub default_group: Option<GroupId>,
    /// Whether a channel lets customers with global access sign in; a store has no such setting.
    pub global_logins: Option<bool>,
}

/// What a request says of settings: `Some(None)` takes a setting back.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub ask_for_consent: Option<Option<bool>>,
    pub policy_url: Option<Option<String>>,
    pub ask_at_checkout: Option<Option<bool>>,
    pub guest_group: Option<Option<GroupId>>,
    pub default_group: Option<Option<GroupId>>,
    pub global_logins: Option<Option<bool>>,
}

impl Said {
    /// Check what needs no look at the store.
    pub fn checked(self) -> Result<Self> {
        let mut faults = Violations::default();
        let is_long = |url: &String| url.chars().count() > LONGEST_URL;
        if self.policy_url.iter().flatten().any(is_long) {
            faults.add("policy_url", format!("must be at most {LONGEST_URL} characters long"));
        }
        faults.or(self)
    }

    /// The groups that are named, each by its field.
    pub fn groups(&self) -> impl Iterator<Item = (&'static str, GroupId)> {
        let named = [("guest_group", self.guest_group), ("default_group", self.default_group)];
        let named = named.into_iter().filter_map(|(field, group)| Some((field, group??)));
        named.filter(|(_, group)| group.0 != 0)
    }
}

impl Settings {
    /// Take over what was said; the names of the fields that are different now.
    pub fn apply(&mut self, said: &Said) -> Vec<&'static str> {
        let differs = [
            ("ask_for_consent", replace(&mut self.ask_for_consent, said.ask_for_consent.as_ref())),
            ("policy_url", replace(&mut self.policy_url, said.policy_url.as_ref())),
            ("ask_at_checkout", replace(&mut self.ask_at_checkout, said.ask_at_checkout.as_ref())),
            ("guest_group", replace(&mut self.guest_group, said.guest_group.as_ref())),
            ("default_group", replace(&mut self.default_group, said.default_group.as_ref())),
            ("global_logins", replace(&mut self.global_logins, said.global_logins.as_ref())),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }

    /// Whether a channel of these settings asks shoppers before they are tracked, in a store of those.
    #[must_use]
    pub fn asks_for_consent(&self, store: &Self) -> bool {
        self.ask_for_consent.or(store.ask_for_consent).unwrap_or_default()
    }

    /// Whether a channel of these settings lets customers with global access in. Published: by default only
    /// the default storefront does.
    #[must_use]
    pub fn lets_everybody_in(&self, channel: ChannelId) -> bool {
        self.global_logins.unwrap_or(channel == DEFAULT_STOREFRONT)
    }
}

fn replace<T: Clone + PartialEq>(setting: &mut T, said: Option<&T>) -> bool {
    let Some(value) = said.filter(|value| *value != setting) else { return false };
    setting.clone_from(value);
    true
}

/// Where settings of the whole store are kept: a number that no channel has.
pub const STORE: ChannelId = ChannelId(0);

const DEFAULT_STOREFRONT: ChannelId = ChannelId(1);

const LONGEST_URL: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_takes_a_setting_back_and_silence_leaves_it() {
        let mut settings = Settings { policy_url: Some("a".into()), ..Settings::default() };
        let said = Said { ask_for_consent: Some(Some(true)), ..Said::default() };
        assert_eq!(settings.apply(&said), ["ask_for_consent"]);
        assert_eq!(settings.policy_url.as_deref(), Some("a"));
        let said = Said { policy_url: Some(None), ..said };
        assert_eq!(settings.apply(&said), ["policy_url"]);
        assert_eq!(settings.policy_url, None);
    }

    #[test]
    fn a_channel_asks_if_it_says_so_or_else_the_store_does() {
        #[track_caller]
        fn check(channel: Option<bool>, store: Option<bool>, expected: bool) {
            let said = |ask_for_consent| Settings { ask_for_consent, ..Settings::default() };
            assert_eq!(said(channel).asks_for_consent(&said(store)), expected);
        }
        check(None, None, false);
        check(None, Some(true), true);
        check(Some(false), Some(true), false);
        check(Some(true), Some(false), true);
    }

    #[test]
    fn only_the_first_channel_lets_everybody_in_until_told_otherwise() {
        #[track_caller]
        fn check(global_logins: Option<bool>, channel: i64, expected: bool) {
            let settings = Settings { global_logins, ..Settings::default() };
            assert_eq!(settings.lets_everybody_in(ChannelId(channel)), expected);
        }
        check(None, 1, true);
        check(None, 2, false);
        check(Some(false), 1, false);
        check(Some(true), 2, true);
    }
}
