use std::net::IpAddr;

use kernel::{ChannelId, Error, FormFieldId, Result, Violations};

use crate::{
    customers::model::{Changes, Password, Said},
    form_fields::model::{Field, Object, Said as Answered, Value},
    subscribers,
};

/// What a shopper fills in, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Form {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub password: Option<Password>,
    /// Whether they want newsletters.
    pub newsletters: bool,
    /// The store's own fields, by their ids as texts, with what was answered.
    pub answers: Vec<(String, Value)>,
}

/// A form that keeps every rule that can be told without the other customers.
#[derive(Clone, Debug)]
pub struct Filled {
    pub customer: Changes,
    pub password: Password,
    /// The subscriber to be, where newsletters are wanted.
    pub subscriber: Option<subscribers::model::Changes>,
    pub form_fields: Vec<Answered>,
}

/// Why no account is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// These fields have to be filled in.
    Missing(Vec<String>),
    /// These break a rule, each in words that follow its name.
    Broken(Violations),
    /// There is an account with this e-mail address, which may sign in here.
    InUse,
    /// This visitor has tried too often, or all have; in so many seconds it is worth another try.
    TooOften { seconds: i64 },
}

impl Form {
    /// Hold the form against its rules, those of the store's own fields, and where it comes from.
    pub fn fill(
        self,
        fields: &[Field],
        channel: ChannelId,
        address: Option<IpAddr>,
    ) -> Result<Filled, Refusal> {
        self.is_whole(fields)?;
        let mut faults = Violations::default();
        let form_fields = self.named(fields, &mut faults);
        let password = self.password.unwrap_or_else(|| Password(String::new()));
        let customer = Changes::new(Said {
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            registration_ip_address: address.map(|it| it.to_canonical().to_string()),
            origin_channel: Some(channel),
            password: Some(password.clone()),
            ..Said::default()
        });
        // Its own rules are the customer's, or wider.
        let subscriber = subscribers::model::Changes::new(subscribers::model::Said {
            email: self.email,
            first_name: self.first_name,
            last_name: self.last_name,
            channel: Some(channel),
            ..subscribers::model::Said::default()
        });
        match (customer, subscriber) {
            (Ok(customer), Ok(subscriber)) if faults.is_empty() => {
                let subscriber = self.newsletters.then_some(subscriber);
                Ok(Filled { customer, password, subscriber, form_fields })
            }
            (customer, subscriber) => {
                for error in [customer.err(), subscriber.err()].into_iter().flatten() {
                    note(&mut faults, error);
                }
                Err(Refusal::Broken(faults))
            }
        }
    }

    /// Whether everything is filled in that has to be: also what the store's own fields insist on.
    fn is_whole(&self, fields: &[Field]) -> Result<(), Refusal> {
        let password = self.password.as_ref().map(|Password(password)| password);
        let own = [
            ("firstName", self.first_name.as_ref()),
            ("lastName", self.last_name.as_ref()),
            ("email", self.email.as_ref()),
            ("password", password),
        ];
        let is_empty = |text: Option<&String>| text.is_none_or(String::is_empty);
        let own = own.into_iter().filter(|(_, text)| is_empty(*text));
        let mut missing: Vec<String> = own.map(|(name, _)| name.to_owned()).collect();
        let insists = |field: &&Field| asks(field) && field.definition.is_required();
        for field in fields.iter().filter(insists) {
            let id = field.id.0.to_string();
            let answered = self.answers.iter().rfind(|(known, _)| *known == id);
            if answered.is_none_or(|(_, value)| value.to_text().is_empty()) {
                missing.push(format!("customFields {id}"));
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(Refusal::Missing(missing)) }
    }

    /// The answers by the names of their fields.
    fn named(&self, fields: &[Field], faults: &mut Violations) -> Vec<Answered> {
        let mut named = Vec::new();
        for (at, (id, value)) in self.answers.iter().enumerate() {
            let id = id.parse().ok().map(FormFieldId);
            let field = fields.iter().filter(|field| asks(field)).find(|it| Some(it.id) == id);
            match field {
                Some(field) => named.push(Answered {
                    name: field.definition.name().to_owned(),
                    value: value.clone(),
                }),
                None => faults.add(format!("customFields.{at}.fieldId"), NO_FIELD),
            }
        }
        named
    }
}

/// Whether a field stands on the form of customers.
fn asks(field: &Field) -> bool {
    field.definition.object() == Object::Customer
}

impl From<Violations> for Refusal {
    /// What was found under a lock, by its row, in the form's own names.
    fn from(faults: Violations) -> Self {
        let mut renamed = Violations::default();
        note(&mut renamed, Error::Invalid(faults));
        Self::Broken(renamed)
    }
}

/// Note the faults of an error in the form's own names; each once.
fn note(faults: &mut Violations, error: Error) {
    let Error::Invalid(found) = error else { return };
    for (path, rule) in found.into_map() {
        faults.add(own_name(&path), rule);
    }
}

/// The form's name for a field of the domain: `first_name`, `0.form_fields.2.value`.
fn own_name(path: &str) -> String {
    let path = path.strip_prefix("0.").unwrap_or(path);
    let mut parts = path.split('.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("first_name"), ..) => "firstName".to_owned(),
        (Some("last_name"), ..) => "lastName".to_owned(),
        (Some("form_fields"), Some(at), Some("name")) => format!("customFields.{at}.fieldId"),
        (Some("form_fields"), Some(at), _) => format!("customFields.{at}.fieldValue"),
        _ => path.to_owned(),
    }
}

const NO_FIELD: &str = "names no field of this form";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form_fields::model::{Definition, Kind};

    fn field(id: i64, object: Object, kind: Kind, required: bool) -> Field {
        let choices = Vec::new();
        let definition = Definition::new(object, format!("f{id}"), kind, required, choices);
        Field { id: FormFieldId(id), definition: definition.unwrap(), answers: 0 }
    }

    fn form() -> Form {
        Form {
            first_name: Some("Ada".to_owned()),
            last_name: Some("Lovelace".to_owned()),
            email: Some("ada@example.com".to_owned()),
            password: Some(Password("hunter22".to_owned())),
            newsletters: false,
            answers: Vec::new(),
        }
    }

    fn fill(form: Form, fields: &[Field]) -> Result<Filled, Refusal> {
        form.fill(fields, ChannelId(1), "2001:db8:1111:2222:3333:4444:5555:6666".parse().ok())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn what_has_to_be_filled_in_is_named_if_it_is_not() {
        #[track_caller]
        fn check(form: Form, expected: &[&str]) {
            let fields = [
                field(7, Object::Customer, Kind::Text, true),
                field(8, Object::Address, Kind::Text, true),
            ];
            let missing = match fill(form, &fields) {
                Ok(_) => Vec::new(),
                Err(Refusal::Missing(missing)) => missing,
                Err(refusal) => panic!("{refusal:?}"),
            };
            assert_eq!(missing, expected);
        }
        let all = ["firstName", "lastName", "email", "password", "customFields 7"];
        check(Form::default(), &all);
        let answered = |value: &str| vec![("7".to_owned(), text(value))];
        check(Form { answers: answered("a"), ..form() }, &[]);
        check(Form { answers: answered(""), ..form() }, &["customFields 7"]);
        let last = [answered("a"), answered("")].concat();
        check(Form { answers: last, ..form() }, &["customFields 7"]);
        let empty = Some(String::new());
        check(Form { email: empty, answers: answered("a"), ..form() }, &["email"]);
    }

    #[test]
    fn what_breaks_a_rule_is_told_in_the_forms_own_names() {
        let fields = [field(7, Object::Customer, Kind::Text, false)];
        let bad = Form {
            first_name: Some("a".repeat(101)),
            email: Some("nobody".to_owned()),
            password: Some(Password("short".to_owned())),
            newsletters: true,
            answers: vec![("7".to_owned(), text("a")), ("8".to_owned(), text("a"))],
            ..form()
        };
        let Err(Refusal::Broken(faults)) = fill(bad, &fields) else { panic!("refused") };
        let named: Vec<String> = faults.into_map().into_keys().collect();
        assert_eq!(named, ["customFields.1.fieldId", "email", "firstName", "password"]);
        for (path, expected) in [
            ("0.form_fields.0.value", "customFields.0.fieldValue"),
            ("0.form_fields.2.name", "customFields.2.fieldId"),
            ("0.channel_ids", "channel_ids"),
        ] {
            assert_eq!(own_name(path), expected);
        }
    }

    #[test]
    fn a_subscriber_comes_of_it_only_where_newsletters_are_wanted() {
        assert!(fill(form(), &[]).unwrap().subscriber.is_none());
        let wanted = Form { newsletters: true, ..form() };
        assert!(fill(wanted, &[]).unwrap().subscriber.is_some());
    }
}
