//! The sections of the document that commands of their own measure: each leaves the others' where they are.

use crate::{peers, webhooks};

/// How each of them begins, in the document's order. They stand behind all else.
const TITLES: [&str; 2] = [peers::TITLE, webhooks::TITLE];

/// The document with this section, in its place, and everything else as it was.
pub(crate) fn with(document: &str, title: &str, section: &str) -> String {
    let (main, mut found) = split(document);
    if let Some(place) = found.iter_mut().find(|(of, _)| *of == title) {
        place.1 = section;
    }
    main.to_owned() + &found.map(|(_, section)| section).concat()
}

/// The sections that are written by commands of their own.
pub(crate) fn of_others(document: &str) -> String {
    split(document).1.map(|(_, section)| section).concat()
}

/// What is before all of them, and each of them, empty when it is not there.
fn split(document: &str) -> (&str, [(&'static str, &str); TITLES.len()]) {
    let begins = TITLES.map(|title| document.find(title));
    let end_of = |begin: Option<usize>| {
        let after = |at: &usize| begin.is_none_or(|begin| *at > begin);
        begins.into_iter().flatten().filter(after).min().unwrap_or(document.len())
    };
    let section = |begin: Option<usize>| begin.map_or("", |at| &document[at..end_of(begin)]);
    let mut places = TITLES.into_iter().zip(begins);
    let found = std::array::from_fn(|_| {
        let (title, begin) = places.next().unwrap_or_default();
        (title, section(begin))
    });
    (&document[..end_of(None)], found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_put_in_its_place_and_the_others_stay() {
        let [peers, webhooks] = TITLES;
        let both = format!("# All\n{peers}Prism\n{webhooks}letters\n");
        assert_eq!(
            with("# All\n", webhooks, &format!("{webhooks}letters\n")),
            format!("# All\n{webhooks}letters\n")
        );
        assert_eq!(
            with(&format!("# All\n{webhooks}letters\n"), peers, &format!("{peers}Prism\n")),
            both
        );
        let again = format!("{webhooks}more\n");
        assert_eq!(with(&both, webhooks, &again), format!("# All\n{peers}Prism\n{again}"));
        let again = format!("{peers}more\n");
        assert_eq!(with(&both, peers, &again), format!("# All\n{again}{webhooks}letters\n"));
        assert_eq!(of_others(&both), format!("{peers}Prism\n{webhooks}letters\n"));
        assert_eq!(of_others("# All\n"), "");
    }
}
