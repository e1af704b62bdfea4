//! The demo store's customers: believable, and nobody. The same seed gives the same people.

use std::sync::Arc;

use access::{RequestId, Seal};
use kernel::{Chance, ChannelId, CustomerId, Money, SeededChance, SetClock, Timestamp};
use resources::{
    consent::{
        self,
        model::{Categories, Category, Declaration},
    },
    customers::{
        self,
        belongings::Draft,
        model::{Access, Changes, Said},
    },
};
use rest::{App, Caller, Settings};
use sql::Db;

use crate::Outcome;

/// Put fifty customers and what they declared into the store of this token.
pub(crate) async fn settle(db: &Db, seal: &Seal, token: &str, seed: u64) -> Outcome {
    let clock = Arc::new(SetClock::new(OPENING));
    let chance = Arc::new(SeededChance::new(seed));
    let app =
        App::new(db.clone(), seal.clone(), clock.clone(), chance.clone(), Settings::default())
            .await?;
    let account = app.tokens.find(token).await?.ok_or("the demo token is not known")?;
    let caller = Caller::new(account, RequestId::draw(&*chance));

    let mut now = OPENING;
    for number in 0..PEOPLE {
        now = now.plus_seconds(i64::from(chance.number()) % 600_000 + 3_600);
        clock.set(now);
        let customer = Changes::new(person(number, &*chance))?;
        let draft = Draft { customer, ..Draft::default() };
        let made = customers::ops::create(&app, &caller, &[draft]).await?;
        let id =
            made.customers.first().map(|customer| customer.id).ok_or("one customer was made")?;
        declare(&app, &caller, id, &clock, now).await?;
    }
    Ok(())
}

/// Most have answered the banner, some of them twice.
async fn declare(
    app: &App,
    caller: &Caller,
    id: CustomerId,
    clock: &SetClock,
    since: Timestamp,
) -> Outcome {
    let times = [0, 1, 1, 1, 2][app.chance.number() as usize % 5];
    for time in 1..=times {
        clock.set(since.plus_seconds(time * 40));
        let mut allow = vec![Category::Essential];
        let mut deny = Vec::new();
        for category in [Category::Functional, Category::Analytics, Category::Targeting] {
            if app.chance.number().is_multiple_of(2) {
                allow.push(category);
            } else {
                deny.push(category);
            }
        }
        let set = |categories: Vec<Category>| categories.into_iter().collect::<Categories>();
        consent::ops::declare(app, caller, id, &Declaration::new(set(allow), set(deny))?.into())
            .await?;
    }
    Ok(())
}

fn person(number: usize, chance: &dyn Chance) -> Said {
    let pick = |words: &[&'static str]| words[chance.number() as usize % words.len()];
    let (first, last) = (pick(FIRST_NAMES), pick(LAST_NAMES));
    let company = if chance.number().is_multiple_of(3) { pick(COMPANIES) } else { "" };
    let credit = if chance.number().is_multiple_of(5) {
        i64::from(chance.number() % 20_000) * 100
    } else {
        0
    };
    let local = |name: &str| {
        name.to_lowercase().chars().filter(char::is_ascii_alphabetic).collect::<String>()
    };
    let host = pick(&["example.com", "example.net", "example.org"]);
    Said {
        email: Some(format!("{}.{}{}@{host}", local(first), local(last), number + 1)),
        first_name: Some(first.to_owned()),
        last_name: Some(last.to_owned()),
        company: Some(company.to_owned()),
        // 555-0100 to 555-0199 belong to nobody.
        phone: Some(format!("555-01{:02}", chance.number() % 100)),
        notes: Some(
            if chance.number().is_multiple_of(7) { "Prefers delivery in the morning." } else { "" }
                .to_owned(),
        ),
        store_credit: Some(Money(credit)),
        accepts_review_emails: Some(chance.number().is_multiple_of(2)),
        access: Some(match chance.number() % 10 {
            0 => Access::Channels([ChannelId(1)].into()),
            _ => Access::Global,
        }),
        ..Said::default()
    }
}

const PEOPLE: usize = 50;

/// 1 October 2025, noon: when the demo store opened.
const OPENING: Timestamp = Timestamp::from_seconds(1_759_320_000);

const FIRST_NAMES: &[&str] = &[
    "Aiko", "Amara", "Ana", "Anders", "Beatriz", "Chidi", "Clara", "Daniel", "Elif", "Emeka",
    "Emma", "Farah", "Freya", "Gabriel", "Hana", "Ingrid", "Ivan", "James", "João", "Kofi",
    "Leila", "Liam", "Lucía", "Mai", "Marek", "Maya", "Mehmet", "Nadia", "Noah", "Olga", "Oscar",
    "Priya", "Rafael", "Ravi", "Rosa", "Samuel", "Sofia", "Tariq", "Thandi", "Yuki", "Zoë",
];

const LAST_NAMES: &[&str] = &[
    "Abebe",
    "Andersson",
    "Bauer",
    "Brown",
    "Carvalho",
    "Castillo",
    "Chen",
    "Costa",
    "Demir",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Kaya",
    "Khan",
    "Kim",
    "Kowalski",
    "Larsen",
    "Marino",
    "Mensah",
    "Mokoena",
    "Murphy",
    "Nakamura",
    "Novák",
    "O'Brien",
    "Okafor",
    "Patel",
    "Petrov",
    "Quinn",
    "Rossi",
    "Sato",
    "Silva",
    "Smith",
    "Tanaka",
    "Torres",
    "Weber",
    "Zhang",
];

const COMPANIES: &[&str] = &[
    "Acorn Paper",
    "Blue Heron Books",
    "Cobalt Cycles",
    "Dune Coffee",
    "Ember Ceramics",
    "Fern & Field",
    "Granite Tools",
    "Harbor Textiles",
    "Juniper Foods",
    "Lantern Studio",
    "North Star Supply",
    "Willow Toys",
];
