use std::{collections::BTreeMap, fmt, str::FromStr};

use kernel::{AccountId, ChannelId, Result, Timestamp, Violations};

/// A purpose for which data may be collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// What the store cannot work without.
    Essential,
    /// Comforts, such as chat or a remembered choice.
    Functional,
    /// How the store is used.
    Analytics,
    /// Advertising.
    Targeting,
}

/// A set of categories. It lists them in the order essential, functional, analytics, targeting (ruling 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categories(u8);

/// What a shopper allows and what they refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    // Invariant: disjoint.
    allow: Categories,
    deny: Categories,
}

/// What is in force, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// What was declared; empty where nothing ever was.
    pub declaration: Declaration,
    /// When; where nothing was, when the customer was made: that is when this state began (ruling 6).
    pub declared_at: Timestamp,
}

/// One declaration of a customer's history, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Of the customer's declarations, from 1.
    pub sequence: i64,
    pub declaration: Declaration,
    pub declared_at: Timestamp,
    /// The name of the door through which it came.
    pub source: String,
    /// The API account that made it; 0 where a shopper did.
    pub declared_by: AccountId,
    /// What names the session in which a shopper made it; empty where somebody else did.
    pub session: String,
    /// Whether the browser said that its user does not want to be followed.
    pub gpc: bool,
    pub channel: Option<ChannelId>,
    /// Empty where none was said.
    pub locale: String,
    pub policy: Option<PolicyName>,
    /// Its place in the store's ledger, from 0; none until it has one.
    pub leaf: Option<i64>,
}

/// Which policy a shopper was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyName {
    pub version: String,
    /// Of its text, in hexadecimal digits.
    pub sha256: String,
}

/// What somebody declares for a shopper, and how the shopper was asked. It has been checked, but for what the store
/// alone knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub declaration: Declaration,
    pub source: Source,
    /// When, where it was before now.
    pub at: Option<Timestamp>,
    /// What names the shopper's session; empty where somebody else declares it.
    pub session: String,
    /// Whether the browser says that its user does not want to be followed.
    pub gpc: bool,
    pub channel: Option<ChannelId>,
    // Invariant: like a language tag, or empty.
    locale: String,
    /// The version of a policy, or the SHA-256 of its text.
    pub policy: Option<String>,
}

/// Part of a customer's history, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub declared: Vec<Declared>,
    /// How often the customer has declared anything.
    pub total: i64,
    /// The client ids of those who declared.
    pub clients: BTreeMap<AccountId, String>,
}

/// Through which door a declaration came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The management API, with an API account's token.
    #[default]
    ManagementApi,
    /// A shopper, at the storefront.
    Storefront,
    /// A shopper's browser, without a choice of theirs.
    BrowserSignal,
    /// An app that brings along what was declared elsewhere, before.
    Import,
}

impl Declaration {
    /// Both lists; a category in both is refused (ruling 8).
    pub fn new(allow: Categories, deny: Categories) -> Result<Self> {
        let mut faults = Violations::default();
        if let Some(category) = Categories(allow.0 & deny.0).iter().next() {
            faults.add("deny", format!("{category} cannot be both allowed and denied"));
        }
        faults.or(Self { allow, deny })
    }

    /// What is allowed.
    #[must_use]
    pub fn allow(&self) -> Categories {
        self.allow
    }

    /// What is refused.
    #[must_use]
    pub fn deny(&self) -> Categories {
        self.deny
    }

    /// The signals of Google's Consent Mode v2, and which of them are granted: each if its category is allowed. Of what
    /// was not decided nothing is granted but security, which is refused only by who refuses what is essential.
    #[must_use]
    pub fn google_signals(&self) -> [(&'static str, bool); 7] {
        let [functional, analytics, targeting] =
            [Category::Functional, Category::Analytics, Category::Targeting]
                .map(|category| self.allow.has(category));
        [
            ("ad_storage", targeting),
            ("ad_user_data", targeting),
            ("ad_personalization", targeting),
            ("analytics_storage", analytics),
            ("functionality_storage", functional),
            ("personalization_storage", functional),
            ("security_storage", !self.deny.has(Category::Essential)),
        ]
    }
}

/// Of which nothing is known but what was declared.
impl From<Declaration> for Draft {
    fn from(declaration: Declaration) -> Self {
        Self { declaration, ..Self::default() }
    }
}

impl Draft {
    /// The same, asked in this language: words of letters and digits with hyphens between them, the first of letters
    /// alone, at most 35 characters in all, as RFC 5646 recommends (4.4.1).
    pub fn in_language(self, locale: String) -> Result<Self> {
        let mut faults = Violations::default();
        if !is_language(&locale) {
            faults.add("locale", "must be a language tag, such as de or pt-BR");
        }
        faults.or(Self { locale, ..self })
    }

    /// The same, brought along from elsewhere, where it was declared at this time.
    pub fn brought_along(self, at: Timestamp, now: Timestamp) -> Result<Self> {
        let mut faults = Violations::default();
        if at > now {
            faults.add("declared_at", "must not be later than now");
        }
        faults.or(Self { source: Source::Import, at: Some(at), ..self })
    }

    /// The language in which the shopper was asked; empty where that was not said.
    #[must_use]
    pub fn locale(&self) -> &str {
        &self.locale
    }
}

fn is_language(text: &str) -> bool {
    let is_word = |word: &str| {
        (1..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let first = text.split('-').next().unwrap_or_default();
    text.len() <= 35
        && text.split('-').all(is_word)
        && first.len() >= 2
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
}

impl Categories {
    /// Each member once.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        Category::ALL.into_iter().filter(move |category| self.has(*category))
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn has(self, category: Category) -> bool {
        self.0 & category.bit() != 0
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Category::name).collect()
    }
}

impl FromIterator<Category> for Categories {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        Self(categories.into_iter().fold(0, |set, category| set | category.bit()))
    }
}

impl Category {
    const ALL: [Self; 4] = [Self::Essential, Self::Functional, Self::Analytics, Self::Targeting];

    /// As the wire and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Essential => "essential",
            Self::Functional => "functional",
            Self::Analytics => "analytics",
            Self::Targeting => "targeting",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Source {
    /// As the database writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ManagementApi => "management_api",
            Self::Storefront => "storefront",
            Self::BrowserSignal => "browser_signal",
            Self::Import => "import",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no category of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCategory;

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(name: &str) -> Result<Self, UnknownCategory> {
        Self::ALL.into_iter().find(|category| category.name() == name).ok_or(UnknownCategory)
    }
}

#[cfg(test)]
mod tests {
    use super::{Category::*, *};

    #[track_caller]
    fn check(allow: &[Category], deny: &[Category], is_valid: bool) {
        let set = |categories: &[Category]| categories.iter().copied().collect();
        assert_eq!(Declaration::new(set(allow), set(deny)).is_ok(), is_valid);
    }

    #[test]
    fn allow_and_deny_are_disjoint() {
        check(&[], &[], true);
        check(&[Essential], &[Analytics], true);
        check(&[Essential, Analytics], &[Analytics], false);
    }

    #[test]
    fn a_google_signal_is_granted_by_its_category_alone() {
        #[track_caller]
        fn check(allow: &[Category], deny: &[Category], granted: &[&str]) {
            let set = |categories: &[Category]| categories.iter().copied().collect();
            let signals = Declaration::new(set(allow), set(deny)).unwrap().google_signals();
            let names = signals.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name);
            assert_eq!(names.collect::<Vec<_>>(), granted);
        }
        check(&[], &[], &["security_storage"]);
        check(&[], &[Essential], &[]);
        check(&[Essential], &[Targeting], &["security_storage"]);
        check(&[Analytics], &[Essential], &["analytics_storage"]);
        check(&[Functional], &[Essential], &["functionality_storage", "personalization_storage"]);
        check(&[Targeting], &[Essential], &["ad_storage", "ad_user_data", "ad_personalization"]);
    }

    #[test]
    fn a_language_is_told_from_what_is_none() {
        for tag in ["de", "en-GB", "zh-Hant-TW", "sl-rozaj-biske", "de-x-1", "abcdefgh"] {
            assert!(is_language(tag), "{tag}");
        }
        let long = "de-12345678-12345678-12345678-123456";
        for not in ["", "d", "1a", "de_DE", "de-", "-de", "de--DE", "d\u{e9}", "abcdefghi", long] {
            assert!(!is_language(not), "{not}");
        }
    }

    #[test]
    fn categories_collapse_and_keep_the_wires_order() {
        let set: Categories = [Targeting, Essential, Targeting, Functional].into_iter().collect();
        assert_eq!(set.names(), ["essential", "functional", "targeting"]);
        assert_eq!("marketing".parse::<Category>(), Err(UnknownCategory));
    }
}
