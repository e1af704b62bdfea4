//! `POST /api/storefront/consent`, at a storefront's domain.

use access::Visitor;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use kernel::Scope;
use rest::{
    App, Plain, Routes,
    cookies::{CONSENT, SHOPPER},
    json,
    storefront::{Body, Reply},
};

use super::{
    guest::KEPT,
    model::{Categories, Category, Declaration},
    ops::{self, Chosen},
};

pub fn routes(routes: Routes) -> Routes {
    routes.storefront().post("/api/storefront/consent", Scope::Public, choose)
}

/// Keep what a shopper chooses: in their history, or in the browser of who is not signed in.
async fn choose(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Body,
) -> Reply<Response> {
    let lists = body.object(|fields| {
        let list = json::list(json::integer);
        (fields.required("allow", &list), fields.required("deny", &list))
    })?;
    let declaration = complete(&lists.0, &lists.1).ok_or(INCOMPLETE)?;
    let key = SHOPPER.read(&app, &headers);
    let mut response = StatusCode::OK.into_response();
    match ops::choose(&app, &visitor, key, declaration).await? {
        Chosen::Unasked => return Err(UNASKED.into()),
        Chosen::Guests(choice) => {
            let text = choice.to_cookie(&app.seal, visitor.store);
            let cookie = CONSENT.write(&app, &text, KEPT);
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        Chosen::Kept if CONSENT.read(&app, &headers).is_some() => {
            response.headers_mut().insert(header::SET_COOKIE, CONSENT.clear(&app));
        }
        Chosen::Kept => {}
    }
    Ok(response)
}

/// What two lists of numbers say, if each category has its place in one of them.
fn complete(allow: &[i64], deny: &[i64]) -> Option<Declaration> {
    let (allow, deny) = (categories(allow)?, categories(deny)?);
    let is_placed = |category: &Category| allow.has(*category) || deny.has(*category);
    NUMBERED.iter().all(is_placed).then(|| Declaration::new(allow, deny).ok()).flatten()
}

fn categories(numbers: &[i64]) -> Option<Categories> {
    let category = |number: &i64| NUMBERED.get(usize::try_from(*number).ok()?.checked_sub(1)?);
    numbers.iter().map(category).map(Option::<&Category>::copied).collect()
}

/// 1, 2 and 3 (ruling 29).
const NUMBERED: [Category; 3] = [Category::Analytics, Category::Functional, Category::Targeting];

const INCOMPLETE: Plain = Plain(
    StatusCode::BAD_REQUEST,
    "Each of 1 (analytics), 2 (functional) and 3 (targeting) must be in allow or in deny, and not in both",
);

const UNASKED: Plain = Plain(StatusCode::BAD_REQUEST, "This storefront does not ask for consent");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_its_place_in_one_list() {
        #[track_caller]
        fn check(allow: &[i64], deny: &[i64], expected: Option<(&[&str], &[&str])>) {
            let said = complete(allow, deny);
            let named = said.map(|said| (said.allow().names(), said.deny().names()));
            assert_eq!(named.as_ref().map(|(allow, deny)| (&allow[..], &deny[..])), expected);
        }
        check(&[3, 1], &[2], Some((&["analytics", "targeting"], &["functional"])));
        check(&[], &[1, 2, 3, 3], Some((&[], &["functional", "analytics", "targeting"])));
        for (allow, deny) in [
            (&[1, 2][..], &[][..]),
            (&[], &[]),
            (&[1, 2, 3], &[3]),
            (&[1, 2, 3, 4], &[]),
            (&[0, 1, 2, 3], &[]),
            (&[-1, 1, 2, 3], &[]),
            (&[1, 2, 3, i64::MAX], &[]),
        ] {
            check(allow, deny, None);
        }
    }
}
