//! What a shopper's browser has of their consent before anybody knows who they are.

use access::{Quirk, Seal, Visitor};
use kernel::{ChannelId, StoreId, Timestamp};

use super::model::{Categories, Category, Declaration, Declared, Draft, Source};

/// What a guest chose at a storefront. It is kept in their browser and nowhere else, until they sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub declaration: Declaration,
    pub channel: ChannelId,
    pub at: Timestamp,
    /// Whether the browser said that its user does not want to be followed.
    pub gpc: bool,
}

/// What somebody brings along who signs in.
#[derive(Clone, Debug)]
pub struct Arrival {
    choice: Option<Choice>,
    /// What names the session that begins.
    session: String,
    channel: ChannelId,
    at: Timestamp,
    gpc: bool,
    /// Whether the store takes what the browser says for a refusal.
    is_honoured: bool,
}

impl Choice {
    /// As the browser keeps it: in the open, and vouched for to this store alone.
    #[must_use]
    pub fn to_cookie(&self, seal: &Seal, store: StoreId) -> String {
        let text = self.to_text();
        format!("{text}.{}", seal.vouch(&about(store), &text))
    }

    /// Read what a browser sends back. `None` for what did not come from here, was given by another store, was changed,
    /// is too old, or is from the future.
    #[must_use]
    pub fn read(sent: &str, seal: &Seal, store: StoreId, now: Timestamp) -> Option<Self> {
        if sent.len() > LONGEST {
            return None;
        }
        let (text, proof) = sent.rsplit_once('.')?;
        if !seal.is_vouched(&about(store), text, proof) {
            return None;
        }
        let choice = Self::from_text(text)?;
        let is_kept = choice.at.plus_seconds(KEPT) > now;
        let has_been = choice.at <= now.plus_seconds(BETWEEN_CLOCKS);
        (is_kept && has_been).then(|| Self { at: choice.at.min(now), ..choice })
    }

    fn to_text(self) -> String {
        let [allow, deny] =
            [self.declaration.allow(), self.declaration.deny()].map(|it| it.names().join("_"));
        let (channel, at, gpc) = (self.channel.0, self.at.0, i32::from(self.gpc));
        format!("{FORM}.{channel}.{allow}.{deny}.{at}.{gpc}")
    }

    fn from_text(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let [FORM, channel, allow, deny, at, gpc] = parts[..] else { return None };
        Some(Self {
            declaration: Declaration::new(categories(allow)?, categories(deny)?).ok()?,
            channel: ChannelId(channel.parse().ok()?),
            at: Timestamp(at.parse().ok()?),
            gpc: gpc == "1",
        })
    }

    /// The same, declared by who is signed in, in the session that is called so.
    #[must_use]
    pub fn by_shopper(&self, session: &str) -> Draft {
        let mut draft = Draft::from(self.declaration);
        draft.source = Source::Storefront;
        draft.at = Some(self.at);
        session.clone_into(&mut draft.session);
        (draft.gpc, draft.channel) = (self.gpc, Some(self.channel));
        draft
    }
}

impl Arrival {
    /// Of a visitor whose session is called so, with what their browser has kept.
    #[must_use]
    pub fn new(
        seal: &Seal,
        visitor: &Visitor,
        session: String,
        kept: Option<&str>,
        now: Timestamp,
    ) -> Self {
        Self {
            choice: kept.and_then(|sent| Choice::read(sent, seal, visitor.store, now)),
            session,
            channel: visitor.channel,
            at: now,
            gpc: visitor.gpc,
            is_honoured: visitor.has(Quirk::HonourGpc),
        }
    }

    /// The choice of the guest that they were, unless it is older than what the customer, and no browser for them, has
    /// declared last. One that was taken over already is not newer than itself.
    #[must_use]
    pub fn choice(&self, chosen: Option<&Declared>) -> Option<Draft> {
        let is_newer = |choice: &&Choice| chosen.is_none_or(|last| last.declared_at < choice.at);
        self.choice.as_ref().filter(is_newer).map(|choice| choice.by_shopper(&self.session))
    }

    /// What the browser says of itself, where the customer has not decided about targeting, and it has not been said
    /// yet, or without refusing targeting as the store takes it now.
    #[must_use]
    pub fn signal(&self, last: Option<&Declared>) -> Option<Draft> {
        let said = last.map(|last| last.declaration).unwrap_or_default();
        let has_decided = [said.allow(), said.deny()].iter().any(|it| it.has(Category::Targeting));
        let is_known = !self.is_honoured && last.is_some_and(|last| last.gpc);
        if !self.gpc || has_decided || is_known {
            return None;
        }
        let refused = self.is_honoured.then_some(Category::Targeting);
        let deny = said.deny().iter().chain(refused).collect();
        let declaration = Declaration::new(said.allow(), deny).ok()?;
        let said = Choice { declaration, channel: self.channel, at: self.at, gpc: true };
        let mut draft = said.by_shopper(&self.session);
        draft.source = Source::BrowserSignal;
        Some(draft)
    }
}

fn categories(names: &str) -> Option<Categories> {
    let names = names.split('_').filter(|name| !name.is_empty());
    names.map(|name| name.parse::<Category>().ok()).collect()
}

/// No text of another kind, and none of another store, is taken for it.
fn about(store: StoreId) -> String {
    format!("guest consent {}", store.0)
}

/// Which form the text has.
const FORM: &str = "1";

/// Seconds for which a guest's choice is kept: half a year. Then they are asked again.
pub const KEPT: i64 = 180 * 86_400;

/// Seconds by which the clocks of two servers may differ.
const BETWEEN_CLOCKS: i64 = 300;

/// Bytes of a cookie: more than any has.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::{Category::*, *};

    const NOW: Timestamp = Timestamp::from_seconds(1_717_243_200);
    const STORE: StoreId = StoreId(7);

    fn declaration(allow: &[Category], deny: &[Category]) -> Declaration {
        let set = |categories: &[Category]| categories.iter().copied().collect();
        Declaration::new(set(allow), set(deny)).unwrap()
    }

    fn choice() -> Choice {
        let declaration = declaration(&[Functional, Analytics], &[Targeting]);
        Choice { declaration, channel: ChannelId(2), at: NOW, gpc: true }
    }

    fn declared(declaration: Declaration, at: Timestamp, gpc: bool) -> Declared {
        Declared {
            sequence: 1,
            declaration,
            declared_at: at,
            source: String::new(),
            declared_by: kernel::AccountId(0),
            session: String::new(),
            gpc,
            channel: None,
            locale: String::new(),
            policy: None,
            leaf: None,
        }
    }

    fn arrival(choice: Option<Choice>, gpc: bool, is_honoured: bool) -> Arrival {
        let session = "s".to_owned();
        Arrival { choice, session, channel: ChannelId(1), at: NOW, gpc, is_honoured }
    }

    #[test]
    fn a_choice_comes_back_from_the_browser_as_it_was_and_otherwise_not_at_all() {
        let seal = Seal::new(&[7; 32]);
        let kept = choice().to_cookie(&seal, STORE);
        let read =
            |sent: &str, seconds: i64| Choice::read(sent, &seal, STORE, NOW.plus_seconds(seconds));
        assert_eq!(read(&kept, 0), Some(choice()));
        assert_eq!(read(&kept, KEPT - 1), Some(choice()));
        assert_eq!(read(&kept, KEPT), None);
        // From a server whose clock is ahead, and from further ahead than clocks are.
        assert_eq!(read(&kept, -300).unwrap().at, NOW.plus_seconds(-300));
        assert_eq!(read(&kept, -301), None);
        assert_eq!(Choice::read(&kept, &seal, StoreId(8), NOW), None);
        for at in 0..kept.len() {
            let mut bent = kept.clone().into_bytes();
            bent[at] ^= 1;
            assert_eq!(read(&String::from_utf8(bent).unwrap(), 0), None, "{at}");
        }
        for sent in ["", ".", "1.2.3", &kept[1..], &format!("{kept}0"), &"1".repeat(300)] {
            assert_eq!(read(sent, 0), None, "{sent}");
        }
        let empty = Choice { declaration: Declaration::default(), gpc: false, ..choice() };
        assert_eq!(read(&empty.to_cookie(&seal, STORE), 0), Some(empty));
    }

    #[test]
    fn what_was_declared_since_is_not_overridden() {
        #[track_caller]
        fn check(last: Option<i64>, expected: bool) {
            let last = last.map(|seconds| NOW.plus_seconds(seconds));
            let last = last.map(|at| declared(Declaration::default(), at, false));
            let joined = arrival(Some(choice()), false, false).choice(last.as_ref());
            assert_eq!(joined.is_some(), expected);
            if let Some(draft) = joined {
                assert_eq!((draft.source, draft.at), (Source::Storefront, Some(NOW)));
                assert_eq!((draft.gpc, draft.channel), (true, Some(ChannelId(2))));
            }
        }
        check(None, true);
        check(Some(-1), true);
        check(Some(0), false);
        check(Some(1), false);
    }

    #[test]
    fn a_signal_is_told_once_where_nothing_was_decided_about_targeting() {
        #[track_caller]
        fn check(
            said: (&[Category], &[Category]),
            was_known: bool,
            expected: [Option<&[Category]>; 2],
        ) {
            let last = declared(declaration(said.0, said.1), NOW, was_known);
            for (is_honoured, expected) in [false, true].into_iter().zip(expected) {
                let expected = expected.map(|deny| declaration(said.0, deny));
                let told = |gpc| arrival(None, gpc, is_honoured).signal(Some(&last));
                assert_eq!(told(true).map(|draft| draft.declaration), expected);
                assert_eq!(told(false), None);
            }
        }
        check((&[], &[]), false, [Some(&[]), Some(&[Targeting])]);
        check(
            (&[Analytics], &[Functional]),
            false,
            [Some(&[Functional]), Some(&[Functional, Targeting])],
        );
        check((&[], &[]), true, [None, Some(&[Targeting])]);
        check((&[Targeting], &[]), false, [None, None]);
        check((&[], &[Targeting]), false, [None, None]);
        let first = arrival(None, true, true).signal(None).unwrap();
        assert_eq!(first.declaration, declaration(&[], &[Targeting]));
        assert_eq!((first.source, first.gpc), (Source::BrowserSignal, true));
    }
}
