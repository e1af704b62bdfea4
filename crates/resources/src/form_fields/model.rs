use std::{collections::BTreeSet, str::FromStr};

use kernel::{AddressId, CustomerId, FormFieldId, Result, Violations, WhenFilter};

use super::filter::Place;

/// A form field that a store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub id: FormFieldId,
    pub definition: Definition,
    /// How many values of it there are.
    pub answers: i64,
}

/// What a field asks, and what may be answered. It has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    // Invariant: the name and the choices keep their rules; there are choices just where the kind has them.
    object: Object,
    name: String,
    kind: Kind,
    required: bool,
    choices: Vec<String>,
}

/// On whose form a field stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    #[default]
    Customer,
    Address,
}

/// How a field is answered: the published filter's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Any of the choices, also none.
    Checkboxes,
    Date,
    /// A text of several lines.
    Multiline,
    Numbers,
    /// A text that a form would hide while it is typed. It is no customer's password: it is kept and shown.
    Password,
    /// One of the choices.
    Radiobuttons,
    #[default]
    Text,
    /// One of the choices.
    Picklist,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// In JSON's notation.
    Number(String),
    List(Vec<String>),
}

/// Whose an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    pub customer: CustomerId,
    /// `None` where it is the customer's own.
    pub address: Option<AddressId>,
}

/// Whose value a request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Customer(CustomerId),
    Address(AddressId),
}

/// What a request says of one field, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub name: String,
    pub value: Value,
}

/// The same, with whose value is meant and where in the request it stands.
#[derive(Clone, Debug)]
pub struct Entry<'s> {
    pub owner: Owner,
    pub said: &'s Said,
    /// The place of its row.
    pub row: usize,
    /// The whole path: `0.form_fields.1`.
    pub path: String,
}

/// How an owner's values came to be others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Those that there were have changed, or are gone.
    Changed,
    /// A field that had none has one now.
    Entered,
}

/// A value that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub place: Place,
    pub owner: Owner,
    /// Of the field.
    pub name: String,
    pub value: Value,
}

impl Definition {
    /// Check what was said of a field.
    pub fn new(
        object: Object,
        name: String,
        kind: Kind,
        required: bool,
        choices: Vec<String>,
    ) -> Result<Self> {
        let mut faults = Violations::default();
        if !(1..=MOST_NAME).contains(&name.chars().count()) {
            faults.add("name", format!("must be 1 to {MOST_NAME} characters long"));
        }
        if let Err(rule) = check_choices(kind, &choices) {
            faults.add("choices", rule);
        }
        faults.or(Self { object, name, kind, required, choices })
    }

    /// A definition as it was kept: it was checked when it was made.
    #[must_use]
    pub fn kept(
        object: Object,
        name: String,
        kind: Kind,
        required: bool,
        choices: Vec<String>,
    ) -> Self {
        Self { object, name, kind, required, choices }
    }

    #[must_use]
    pub fn object(&self) -> Object {
        self.object
    }

    /// Unique among the fields of its object, compared as written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the storefront's form insists on an answer. The management API does not.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    #[must_use]
    pub fn choices(&self) -> &[String] {
        &self.choices
    }

    /// What an answer comes to: `None` where it takes the value away (an empty text, an empty list), or the rule
    /// that it breaks.
    pub fn accept(&self, value: &Value) -> Result<Option<Value>, String> {
        let is_choice = |text: &String| self.choices.contains(text);
        match (self.kind, value) {
            (Kind::Checkboxes, Value::List(items)) if items.iter().all(is_choice) => {
                // A set: as the definition orders it, each once.
                let chosen: Vec<String> =
                    self.choices.iter().filter(|choice| items.contains(choice)).cloned().collect();
                Ok((!chosen.is_empty()).then_some(Value::List(chosen)))
            }
            (Kind::Checkboxes, _) => Err("must be a list of choices of the field".to_owned()),
            (_, Value::Text(text)) if text.is_empty() => Ok(None),
            (Kind::Text | Kind::Multiline | Kind::Password, Value::Text(text))
                if text.len() <= MOST_TEXT =>
            {
                Ok(Some(value.clone()))
            }
            (Kind::Numbers, Value::Number(number)) => Ok(Some(Value::Number(number.clone()))),
            (Kind::Numbers, Value::Text(text)) if is_number(text) => {
                Ok(Some(Value::Number(text.clone())))
            }
            (Kind::Date, Value::Text(text)) if is_date(text) => Ok(Some(value.clone())),
            (Kind::Radiobuttons | Kind::Picklist, Value::Text(text)) if is_choice(text) => {
                Ok(Some(value.clone()))
            }
            (Kind::Text | Kind::Multiline | Kind::Password, _) => {
                Err(format!("must be a text of at most {MOST_TEXT} bytes"))
            }
            (Kind::Numbers, _) => Err("must be a number".to_owned()),
            (Kind::Date, _) => Err("must be a date, such as 2024-05-14".to_owned()),
            (Kind::Radiobuttons | Kind::Picklist, _) => {
                Err("must be one of the choices of the field".to_owned())
            }
        }
    }
}

impl Object {
    const ALL: [Self; 2] = [Self::Customer, Self::Address];

    /// As the wire and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Address => "address",
        }
    }

    /// Bytes that the values of one owner may have together, each with the name of its field: a page shows 250
    /// customers, with ten addresses each.
    #[must_use]
    pub fn most_of_values(self) -> usize {
        match self {
            Self::Customer => 64 * 1024,
            Self::Address => 16 * 1024,
        }
    }
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Checkboxes,
        Self::Date,
        Self::Multiline,
        Self::Numbers,
        Self::Password,
        Self::Radiobuttons,
        Self::Text,
        Self::Picklist,
    ];

    /// As the wire and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Checkboxes => "checkboxes",
            Self::Date => "date",
            Self::Multiline => "multiline",
            Self::Numbers => "numbers",
            Self::Password => "password",
            Self::Radiobuttons => "radiobuttons",
            Self::Text => "text",
            Self::Picklist => "picklist",
        }
    }

    /// Each with its name.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        Self::ALL.into_iter().map(|kind| (kind.name(), kind))
    }

    fn has_choices(self) -> bool {
        matches!(self, Self::Checkboxes | Self::Radiobuttons | Self::Picklist)
    }
}

impl Owner {
    /// A customer itself.
    #[must_use]
    pub fn customer(customer: CustomerId) -> Self {
        Self { customer, address: None }
    }

    /// On whose form its fields stand.
    #[must_use]
    pub fn object(self) -> Object {
        if self.address.is_none() { Object::Customer } else { Object::Address }
    }
}

impl Value {
    /// As one text: of a list, its items with commas between. V2 shows it so.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) | Self::Number(text) => text.clone(),
            Self::List(items) => items.join(", "),
        }
    }

    /// As a column keeps it.
    #[must_use]
    pub fn to_column(&self) -> String {
        match self {
            Self::List(items) => lines_of(items),
            other => other.to_text(),
        }
    }

    /// What a column keeps of a field of this kind.
    #[must_use]
    pub fn from_column(kind: Kind, text: String) -> Self {
        match kind {
            Kind::Checkboxes => Self::List(from_lines(&text)),
            Kind::Numbers => Self::Number(text),
            _ => Self::Text(text),
        }
    }
}

impl<'s> Entry<'s> {
    /// Every item of the list that a row has at `path`.
    pub fn all(
        owner: Owner,
        said: &'s [Said],
        row: usize,
        path: &str,
    ) -> impl Iterator<Item = Self> {
        let entry = move |(at, said)| Self { owner, said, row, path: format!("{row}.{path}.{at}") };
        said.iter().enumerate().map(entry)
    }
}

/// There is no object, or no kind, of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

impl FromStr for Object {
    type Err = Unknown;

    fn from_str(name: &str) -> Result<Self, Unknown> {
        Self::ALL.into_iter().find(|object| object.name() == name).ok_or(Unknown)
    }
}

impl FromStr for Kind {
    type Err = Unknown;

    fn from_str(name: &str) -> Result<Self, Unknown> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(Unknown)
    }
}

/// Texts of one line each, as a column keeps a list of them.
#[must_use]
pub fn lines_of(items: &[String]) -> String {
    items.join("\n")
}

/// The list that [`lines_of`] made a text of.
#[must_use]
pub fn from_lines(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { text.split('\n').map(str::to_owned).collect() }
}

fn check_choices(kind: Kind, choices: &[String]) -> Result<(), String> {
    if !kind.has_choices() {
        return if choices.is_empty() {
            Ok(())
        } else {
            Err(format!("a field of type {} has no choices", kind.name()))
        };
    }
    if !(1..=MOST_CHOICES).contains(&choices.len()) {
        return Err(format!("must be 1 to {MOST_CHOICES} choices"));
    }
    let is_one_line = |choice: &String| {
        (1..=MOST_NAME).contains(&choice.chars().count()) && !choice.contains(char::is_control)
    };
    if !choices.iter().all(is_one_line) {
        return Err(format!("each must be one line of 1 to {MOST_NAME} characters"));
    }
    if choices.iter().map(String::len).sum::<usize>() > MOST_OF_CHOICES {
        return Err(format!("must be at most {MOST_OF_CHOICES} bytes together"));
    }
    if choices.iter().collect::<BTreeSet<_>>().len() < choices.len() {
        return Err("each must be there once".to_owned());
    }
    Ok(())
}

/// Whether a text is a number in JSON's notation, and no larger than a double holds.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && is_digits(fraction)
        && is_digits(exponent)
        && text.len() <= MOST_DIGITS
        && text.parse().is_ok_and(f64::is_finite)
}

/// Whether a text is a day or a moment, in words that a person writes: not as seconds.
fn is_date(text: &str) -> bool {
    text.contains(['-', ' ']) && WhenFilter::parse(text).is_some()
}

/// Fields on one form of a store, so that a page of customers with their values has a bound.
pub const MOST_FIELDS: usize = 50;

const MOST_NAME: usize = 255;
const MOST_CHOICES: usize = 250;

/// Bytes of a field's choices together: as many as a value of checkboxes may have.
const MOST_OF_CHOICES: usize = 4_000;

const MOST_DIGITS: usize = 64;

/// Bytes of one value.
const MOST_TEXT: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: Kind) -> Definition {
        let choices = if kind.has_choices() { texts(&["S", "M", "L"]) } else { Vec::new() };
        Definition::new(Object::Customer, "size".to_owned(), kind, false, choices).unwrap()
    }

    fn texts(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn list(items: &[&str]) -> Value {
        Value::List(texts(items))
    }

    #[test]
    fn a_kind_takes_answers_of_its_own_and_no_others() {
        #[track_caller]
        fn check(samples: &[Value], kind: Kind, expected: &[usize]) {
            let taken = samples.iter().enumerate();
            let taken = taken.filter(|(_, value)| field(kind).accept(value).is_ok());
            assert_eq!(taken.map(|(at, _)| at).collect::<Vec<_>>(), expected, "{kind:?}");
        }
        let samples = [
            text("S"),
            text("XXL"),
            text("2024-05-14"),
            text("12.5"),
            Value::Number("12.5".to_owned()),
            list(&["S"]),
            list(&["XXL"]),
        ];
        for kind in [Kind::Text, Kind::Multiline, Kind::Password] {
            check(&samples, kind, &[0, 1, 2, 3]);
        }
        check(&samples, Kind::Picklist, &[0]);
        check(&samples, Kind::Radiobuttons, &[0]);
        check(&samples, Kind::Date, &[2]);
        check(&samples, Kind::Numbers, &[3, 4]);
        check(&samples, Kind::Checkboxes, &[5]);
    }

    #[test]
    fn nothing_takes_a_value_away() {
        for (_, kind) in Kind::all().filter(|(_, kind)| *kind != Kind::Checkboxes) {
            assert_eq!(field(kind).accept(&text("")), Ok(None), "{kind:?}");
        }
        assert_eq!(field(Kind::Checkboxes).accept(&list(&[])), Ok(None));
        assert!(field(Kind::Checkboxes).accept(&text("")).is_err());
        assert!(field(Kind::Text).accept(&list(&[])).is_err());
    }

    #[test]
    fn checked_boxes_are_a_set_in_the_definitions_order() {
        let accepted = field(Kind::Checkboxes).accept(&list(&["L", "S", "L"]));
        assert_eq!(accepted, Ok(Some(list(&["S", "L"]))));
    }

    #[test]
    fn a_text_has_a_greatest_length() {
        assert!(field(Kind::Text).accept(&text(&"a".repeat(MOST_TEXT))).is_ok());
        assert!(field(Kind::Text).accept(&text(&"a".repeat(MOST_TEXT + 1))).is_err());
    }

    #[test]
    fn numbers_and_dates_are_read_as_json_and_people_write_them() {
        for good in ["0", "-0", "7", "-12.50", "1e3", "1E-3", "12345678901234567890"] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["", "-", "007", "1.", ".5", "+1", "0x1", "1e", "1e999", "NaN", "inf", "1 "] {
            assert!(!is_number(bad), "{bad}");
        }
        for good in ["2024-05-14", "2024-05-14T09:34:00", "Fri, 31 May 2024 12:00:00 +0000"] {
            assert!(is_date(good), "{good}");
        }
        for bad in ["1717243200", "2024-13-01", "yesterday", "14/05/2024", " "] {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn a_definition_has_a_name_and_choices_just_where_its_kind_has_them() {
        #[track_caller]
        fn check(name: &str, kind: Kind, choices: &[&str], expected: &[&str]) {
            let made =
                Definition::new(Object::Address, name.to_owned(), kind, true, texts(choices));
            let broken = match made {
                Ok(_) => Vec::new(),
                Err(kernel::Error::Invalid(faults)) => faults.into_map().into_keys().collect(),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(broken, expected);
        }
        check("n", Kind::Text, &[], &[]);
        check("n", Kind::Text, &["a"], &["choices"]);
        check("n", Kind::Picklist, &["a", "b"], &[]);
        check("", Kind::Picklist, &[], &["choices", "name"]);
        for bad in [["a", "a"], ["a", ""], ["a", "b\nc"]] {
            check("n", Kind::Checkboxes, &bad, &["choices"]);
        }
        check(&"n".repeat(256), Kind::Date, &[], &["name"]);
    }

    #[test]
    fn what_a_column_keeps_is_read_back() {
        for (kind, value) in [
            (Kind::Multiline, text("a\nb")),
            (Kind::Numbers, Value::Number("12.5".to_owned())),
            (Kind::Checkboxes, list(&["S", "L"])),
        ] {
            assert_eq!(Value::from_column(kind, value.to_column()), value);
        }
    }
}
