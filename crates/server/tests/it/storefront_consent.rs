//! What shoppers allow and refuse at a storefront, signed in or not yet.

use access::{Quirk, Quirks};
use serde_json::{Value, json};
use testkit::{Answer, Ask, NOON, Service, at_once, on_each_engine};

use crate::{
    shows, sign_up,
    storefront::{App, HOST, opened},
};

const PATH: &str = "/api/storefront/consent";
const HISTORY: &str = "/stores/acme/custodia/customers/1/consent";
const SETTINGS: &str = "/v3/customers/settings";

/// Acme with a storefront that asks for consent, customer 1, and its app.
async fn asking(service: &Service) -> App {
    let app = opened(service).await;
    asks(service, SETTINGS, Some(true)).await;
    app
}

async fn asks(service: &Service, path: &str, whether: Option<bool>) {
    let body = json!({"privacy_settings": {"ask_shopper_for_tracking_consent": whether}});
    assert_eq!(service.put("modify", path, body).await.status, 200);
}

async fn honours(service: &Service, on: bool) {
    let turn = |quirks: Quirks| quirks.with(Quirk::HonourGpc, on);
    access::stores::set_quirks(&service.app().db, "acme", turn).await.unwrap();
    service.app().tokens.refresh().await.unwrap();
}

fn ask(service: &Service, cookies: &str) -> Ask {
    let ask = service.ask("POST", PATH).header("Host", HOST);
    if cookies.is_empty() { ask } else { ask.header("Cookie", cookies) }
}

async fn choose(service: &Service, cookies: &str, allow: &[i64], deny: &[i64]) -> Answer {
    let answer = ask(service, cookies).json(json!({"allow": allow, "deny": deny})).send().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{answer}");
    answer
}

/// What a guest's browser keeps of a choice.
async fn kept(service: &Service, allow: &[i64], deny: &[i64]) -> String {
    let answer = choose(service, "", allow, deny).await;
    let given = answer.header("set-cookie");
    assert!(given.ends_with("; Path=/; Max-Age=15552000; Secure; SameSite=Lax"), "{given}");
    let kept = given.split(';').next().unwrap_or_default().to_owned();
    assert!(kept.starts_with("__Host-custodia_consent="), "{kept}");
    kept
}

/// Sign customer 1 in so many seconds after noon, with these cookies and whatever the browser says.
async fn login(
    service: &Service,
    app: &App,
    seconds: i64,
    cookies: &str,
    gpc: Option<&str>,
) -> Answer {
    service.set_seconds(seconds);
    let token = app.token(&format!("at {seconds}"), json!({"iat": NOON.seconds() + seconds}));
    let mut ask = service.ask("GET", &format!("/login/token/{token}")).header("Host", HOST);
    if !cookies.is_empty() {
        ask = ask.header("Cookie", cookies);
    }
    if let Some(said) = gpc {
        ask = ask.header("Sec-GPC", said);
    }
    let answer = ask.send().await;
    assert_eq!(answer.status, 302, "{answer}");
    answer
}

/// The cookies that an answer sets, each with its value.
fn given(answer: &Answer) -> Vec<(String, String)> {
    let set = answer.headers.get_all("set-cookie").iter().filter_map(|it| it.to_str().ok());
    let pair = |set: &str| {
        set.split(';')
            .next()?
            .split_once('=')
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    set.filter_map(pair).collect()
}

/// The session that an answer begins, as a browser sends it back.
fn session(answer: &Answer) -> String {
    let all = given(answer);
    let (name, key) = all.iter().find(|(name, _)| name.ends_with("shopper")).expect("a session");
    format!("{name}={key}")
}

fn is_cleared(answer: &Answer) -> bool {
    given(answer).contains(&("__Host-custodia_consent".to_owned(), String::new()))
}

/// What customer 1 has declared, the newest first: these members of each.
async fn history(service: &Service, members: &[&str]) -> Vec<Value> {
    let told = service.get("read", HISTORY).await.json();
    let rows = told["data"].as_array().expect("a history").clone();
    rows.iter().map(|row| members.iter().map(|name| row[*name].clone()).collect()).collect()
}

on_each_engine! {
    async fn what_a_shopper_chooses_is_part_of_their_history_at_once(service: Service) {
        let app = asking(&service).await;
        let signed_in = login(&service, &app, 1, "", None).await;
        service.set_seconds(2);
        let answer = choose(&service, &session(&signed_in), &[1], &[2, 3]).await;
        shows(&answer, "signed in");
        assert_eq!(answer.header("set-cookie"), "");
        let all = ["sequence", "allow", "deny", "declared_at", "source", "client_id", "gpc", "channel_id", "locale", "policy"];
        let expected = json!([1, ["analytics"], ["functional", "targeting"], "2024-06-01T12:00:02.000000Z",
            "storefront", null, false, 1, null, null]);
        assert_eq!(history(&service, &all).await, [expected]);
        // What names the session opens nothing.
        let named = history(&service, &["session"]).await[0][0].as_str().unwrap().to_owned();
        let digests = service.texts("SELECT digest FROM shopper_session").await;
        assert_eq!(digests, [named.as_str()]);
        let name = session(&signed_in).split_once('=').unwrap().0.to_owned();
        let stolen = choose(&service, &format!("{name}={named}"), &[1, 2, 3], &[]).await;
        assert!(!given(&stolen).is_empty(), "a guest's: {stolen}");
        assert_eq!(service.history(1).await.len(), 1);
        assert_eq!(service.events().await.last().unwrap(), r#"custodia/customer/consent/updated {"type":"customer","id":1}"#);
        assert_eq!(service.audit().await.last().unwrap(), "consent.declared 1 []");
        assert_eq!(service.number("SELECT COUNT(*) FROM audit WHERE action = 'consent.declared' AND account_id <> 0").await, 0);
        // The management API shows it, and the ledger has it.
        let shown = service.get("read", "/v3/customers/1/consent").await.json();
        assert_eq!((&shown["allow"], &shown["deny"]), (&json!(["analytics"]), &json!(["functional", "targeting"])));
        let checkpoint = service.get("read", "/stores/acme/custodia/ledger/checkpoint").await.json();
        assert_eq!(checkpoint["data"]["size"], 1);
        let receipt = service.get("read", &format!("{HISTORY}/1/receipt")).await;
        assert_eq!(receipt.status, 200, "{receipt}");
        // A choice that says the same is a choice all the same.
        service.set_seconds(3);
        choose(&service, &session(&signed_in), &[1], &[2, 3]).await;
        assert_eq!(service.history(1).await.len(), 2);
    }

    async fn what_a_guest_chooses_is_in_their_browser_until_they_sign_in(service: Service) {
        let app = asking(&service).await;
        let before = service.dump().await;
        let guest = ask(&service, "").header("Sec-GPC", "1").json(json!({"allow": [3, 1], "deny": [2]})).send().await;
        shows(&guest, "guest");
        assert_eq!(service.dump().await, before, "nothing is kept here");
        let cookie = given(&guest).iter().map(|(name, value)| format!("{name}={value}")).next().unwrap();
        let signed_in = login(&service, &app, 60, &format!("a=b; {cookie}; c=d"), None).await;
        assert!(is_cleared(&signed_in), "{signed_in}");
        let members = ["allow", "deny", "declared_at", "source", "client_id", "gpc", "channel_id"];
        let expected = json!([["analytics", "targeting"], ["functional"], "2024-06-01T12:00:00.000000Z",
            "storefront", null, true, 1]);
        assert_eq!(history(&service, &members).await, [expected]);
        assert_eq!(service.audit().await[1..], ["settings.updated 0 [ask_for_consent]", "customer.signed_in 1 []", "consent.declared 1 []"]);
        assert_eq!(service.texts("SELECT digest FROM shopper_session").await, [history(&service, &["session"]).await[0][0].as_str().unwrap()]);
        // From then on a choice is part of the history at once, and what is left of a guest's goes.
        service.set_seconds(61);
        let answer = choose(&service, &format!("{}; {cookie}", session(&signed_in)), &[], &[1, 2, 3]).await;
        assert!(is_cleared(&answer), "{answer}");
        assert_eq!(service.history(1).await.len(), 2);
    }

    async fn a_guests_choice_overrides_nothing_that_came_later_and_joins_once(service: Service) {
        let app = asking(&service).await;
        let cookie = kept(&service, &[1, 2, 3], &[]).await;
        service.set_seconds(10);
        let later = service.put("modify", "/v3/customers/1/consent", json!({"allow": [], "deny": ["targeting"]})).await;
        assert_eq!(later.status, 200);
        let dropped = login(&service, &app, 20, &cookie, None).await;
        assert!(is_cleared(&dropped), "{dropped}");
        assert_eq!(service.history(1).await, ["1: allow [] deny [targeting]"]);
        service.set_seconds(30);
        let newer = kept(&service, &[1], &[2, 3]).await;
        // The same again, as from a browser that did not hear that it was taken.
        for seconds in [40, 41] {
            assert!(is_cleared(&login(&service, &app, seconds, &newer, None).await));
            assert_eq!(service.history(1).await.len(), 2);
        }
        assert_eq!(service.history(1).await[1], "2: allow [analytics] deny [functional targeting]");
    }

    async fn a_cookie_that_did_not_come_from_here_as_it_is_says_nothing(service: Service) {
        let app = asking(&service).await;
        service.open_shop("zenith", "zenith.example", 1).await;
        let body = json!({"privacy_settings": {"ask_shopper_for_tracking_consent": true}});
        assert_eq!(service.put("other", "/stores/zenith/v3/customers/settings", body).await.status, 200);
        let sent = service.ask("POST", PATH).header("Host", "zenith.example").json(json!({"allow": [1, 2, 3], "deny": []}));
        let theirs = given(&sent.send().await);
        let theirs = format!("{}={}", theirs[0].0, theirs[0].1);
        service.set_seconds(1_000);
        let future = kept(&service, &[1, 2, 3], &[]).await;
        service.set_seconds(0);
        let good = kept(&service, &[1, 2, 3], &[]).await;
        let flipped = good.replace(".analytics", ".Analytics").replace("functional_", "").replace("=1.1.", "=1.2.");
        assert_ne!(flipped, good);
        let (name, value) = good.split_once('=').unwrap();
        let last = if value.ends_with('0') { "1" } else { "0" };
        let cases = [
            theirs,
            future,
            flipped,
            format!("{name}={}{last}", &value[..value.len() - 1]),
            format!("{name}="),
            format!("{name}={}", "1".repeat(5_000)),
            format!("{name}={}", value.rsplit_once('.').unwrap().0),
        ];
        for (at, cookie) in cases.iter().enumerate() {
            let answer = login(&service, &app, 1 + i64::try_from(at).unwrap(), cookie, None).await;
            assert!(is_cleared(&answer), "{answer}");
            assert_eq!(service.history(1).await, [""; 0], "{cookie}");
        }
        // Without TLS the name is another, and over it that one does not count.
        let bare = good.trim_start_matches("__Host-");
        login(&service, &app, 50, bare, None).await;
        assert_eq!(service.history(1).await, [""; 0]);
        login(&service, &app, 51, &good, None).await;
        assert_eq!(service.history(1).await.len(), 1, "all else was right");
        // Half a year later it says nothing any more.
        let old = kept(&service, &[1, 2, 3], &[]).await;
        login(&service, &app, 51 + 180 * 86_400, &old, None).await;
        assert_eq!(service.history(1).await.len(), 1);
    }

    async fn whose_session_is_another_stores_is_a_guest_here(service: Service) {
        let app = asking(&service).await;
        let signed_in = session(&login(&service, &app, 1, "", None).await);
        service.open_shop("zenith", "zenith.example", 1).await;
        let body = json!({"privacy_settings": {"ask_shopper_for_tracking_consent": true}});
        assert_eq!(service.put("other", "/stores/zenith/v3/customers/settings", body).await.status, 200);
        let lists = json!({"allow": [1, 2, 3], "deny": []});
        let sent = service.ask("POST", PATH).header("Host", "zenith.example").header("Cookie", &signed_in).json(lists.clone());
        let theirs = sent.send().await;
        assert_eq!((theirs.status, given(&theirs).len()), (200, 1), "it is the browser's to keep");
        assert_eq!(service.number("SELECT COUNT(*) FROM consent_declaration").await, 0);
        let sent = service.ask("POST", PATH).header("Host", HOST).header("Cookie", &signed_in).json(lists);
        assert_eq!((sent.send().await.status, service.history(1).await.len()), (200, 1), "here it is theirs");
    }

    async fn who_signs_up_brings_along_what_they_chose(service: Service) {
        service.open_shop("acme", HOST, 1).await;
        asks(&service, SETTINGS, Some(true)).await;
        honours(&service, true).await;
        let cookie = kept(&service, &[2], &[1, 3]).await;
        service.set_seconds(60);
        let post = async |email: &str, cookie: &str, gpc: &str| {
            let ask = service.ask("POST", "/api/storefront/customers").header("Host", HOST);
            let ask = ask.header("Cookie", cookie).header("Sec-GPC", gpc);
            ask.json(sign_up::form(json!({"email": email}))).send().await
        };
        // Who is refused keeps it.
        let refused = post("nobody", &cookie, "1").await;
        assert_eq!((refused.status, refused.header("set-cookie")), (400, ""), "{refused}");
        let made = post("a@example.com", &cookie, "1").await;
        assert_eq!((made.status, is_cleared(&made)), (204, true), "{made}");
        assert_eq!(service.history(1).await, ["1: allow [functional] deny [analytics targeting]"]);
        assert_eq!(history(&service, &["declared_at", "gpc"]).await, [json!(["2024-06-01T12:00:00.000000Z", false])]);
        // Without a choice the browser is heard.
        let made = post("b@example.com", "a=b", "1").await;
        assert_eq!((made.status, is_cleared(&made)), (204, false), "{made}");
        assert_eq!(service.history(2).await, ["1: allow [] deny [targeting]"]);
        assert_eq!(post("c@example.com", "a=b", "0").await.status, 204);
        assert_eq!(service.history(3).await, [""; 0]);
    }

    async fn what_a_browser_says_counts_where_nothing_was_decided_about_targeting(service: Service) {
        let app = asking(&service).await;
        let declare = async |allow: &[&str], deny: &[&str]| {
            let body = json!({"allow": allow, "deny": deny});
            assert_eq!(service.put("modify", "/v3/customers/1/consent", body).await.status, 200);
        };
        let last = async || service.history(1).await.pop().unwrap_or_default();
        // Nobody says so, or not so.
        for (at, gpc) in [None, Some("0"), Some("true"), Some("")].into_iter().enumerate() {
            login(&service, &app, i64::try_from(at).unwrap(), "", gpc).await;
            assert_eq!(last().await, "");
        }
        // The store has not said that it takes it for a refusal: it is known, and once.
        for seconds in [10, 11] {
            login(&service, &app, seconds, "", Some("1")).await;
            assert_eq!(last().await, "1: allow [] deny []");
        }
        let members = ["source", "client_id", "gpc", "channel_id", "declared_at"];
        let expected = json!(["browser_signal", null, true, 1, "2024-06-01T12:00:10.000000Z"]);
        assert_eq!(history(&service, &members).await, [expected]);
        // From when on it does, it counts for who comes again.
        honours(&service, true).await;
        for seconds in [20, 21] {
            login(&service, &app, seconds, "", Some("1")).await;
            assert_eq!(last().await, "2: allow [] deny [targeting]");
        }
        declare(&["functional"], &["analytics"]).await;
        login(&service, &app, 22, "", Some("1")).await;
        assert_eq!(last().await, "4: allow [functional] deny [analytics targeting]");
        login(&service, &app, 23, "", Some("1")).await;
        assert_eq!(service.history(1).await.len(), 4);
        // Whoever has decided has decided, either way.
        for (at, (allow, deny)) in [(&["targeting"][..], &[][..]), (&[], &["targeting"])].into_iter().enumerate() {
            declare(allow, deny).await;
            login(&service, &app, 30 + i64::try_from(at).unwrap(), "", Some("1")).await;
            assert_eq!(service.history(1).await.len(), 5 + at);
        }
        // And so has who does so as a guest, and says the same at once.
        service.set_seconds(40);
        declare(&[], &[]).await;
        service.set_seconds(41);
        let cookie = kept(&service, &[1, 2, 3], &[]).await;
        login(&service, &app, 42, &cookie, Some("1")).await;
        assert_eq!(last().await, "8: allow [functional analytics targeting] deny []");
        assert_eq!(service.history(1).await.len(), 8);
    }

    async fn a_choice_counts_also_where_the_clock_has_fallen_behind_and_where_a_browser_spoke_since(service: Service) {
        let app = asking(&service).await;
        let signed_in = session(&login(&service, &app, 1, "", None).await);
        // An app on a server whose clock is ahead.
        service.set_seconds(9);
        let body = json!({"allow": ["functional", "analytics", "targeting"], "deny": []});
        assert_eq!(service.put("modify", "/v3/customers/1/consent", body).await.status, 200);
        service.set_seconds(8);
        assert_eq!(choose(&service, &signed_in, &[], &[1, 2, 3]).await.status, 200);
        assert_eq!(service.history(1).await.pop().unwrap(), "2: allow [] deny [functional analytics targeting]");
        let times = history(&service, &["declared_at"]).await;
        assert_eq!(times[0], times[1], "it is no earlier than what it follows");
        // A guest chooses, signs in elsewhere, where the browser speaks for them, and then here.
        service.set_seconds(20);
        let cookie = kept(&service, &[1], &[2, 3]).await;
        let body = json!({"allow": ["essential"], "deny": []});
        service.set_seconds(19);
        assert_eq!(service.put("modify", "/v3/customers/1/consent", body).await.status, 200);
        login(&service, &app, 25, "", Some("1")).await;
        assert_eq!(service.history(1).await.pop().unwrap(), "4: allow [essential] deny []");
        login(&service, &app, 30, &cookie, None).await;
        assert_eq!(service.history(1).await.pop().unwrap(), "5: allow [analytics] deny [functional targeting]");
        login(&service, &app, 31, &cookie, None).await;
        assert_eq!(service.history(1).await.len(), 5, "once");
    }

    async fn where_nobody_is_asked_nothing_is_kept(service: Service) {
        let app = opened(&service).await;
        let signed_in = session(&login(&service, &app, 1, "", None).await);
        let refused = async |cookies: &str| {
            let before = service.dump().await;
            let answer = ask(&service, cookies).json(json!({"allow": [1, 2, 3], "deny": []})).send().await;
            let expected = (400, "This storefront does not ask for consent");
            assert_eq!((answer.status, answer.text().as_str()), expected, "{answer}");
            assert_eq!((answer.header("set-cookie"), service.dump().await), ("", before));
            answer
        };
        shows(&refused("").await, "not asked");
        refused(&signed_in).await;
        // The channel decides, and where it does not, the store.
        asks(&service, "/v3/customers/settings/channels/1", Some(true)).await;
        choose(&service, &signed_in, &[1, 2, 3], &[]).await;
        asks(&service, SETTINGS, Some(true)).await;
        asks(&service, "/v3/customers/settings/channels/1", Some(false)).await;
        refused(&signed_in).await;
        asks(&service, "/v3/customers/settings/channels/1", None).await;
        choose(&service, &signed_in, &[1, 2, 3], &[]).await;
        assert_eq!(service.history(1).await.len(), 2);
    }

    async fn a_choice_that_is_not_whole_is_400_and_nothing_is_kept(service: Service) {
        let app = asking(&service).await;
        let signed_in = session(&login(&service, &app, 1, "", None).await);
        let before = service.dump().await;
        let whole = "Each of 1 (analytics), 2 (functional) and 3 (targeting) must be in allow or in deny, and not in both";
        let unread = "Missing or of the wrong type:";
        for (body, words) in [
            (json!({"allow": [1], "deny": [2]}), whole.to_owned()),
            (json!({"allow": [], "deny": []}), whole.to_owned()),
            (json!({"allow": [1, 2, 3], "deny": [1]}), whole.to_owned()),
            (json!({"allow": [1, 2, 3, 4], "deny": []}), whole.to_owned()),
            (json!({"allow": [0, 1, 2], "deny": [3]}), whole.to_owned()),
            (json!({}), format!("{unread} allow, deny")),
            (json!({"allow": [1, 2, 3]}), format!("{unread} deny")),
            (json!({"allow": null, "deny": [1, 2, 3]}), format!("{unread} allow")),
            (json!({"allow": "1,2", "deny": [3]}), format!("{unread} allow")),
            (json!({"allow": ["1", 2], "deny": [3]}), format!("{unread} allow.0")),
            (json!({"allow": [1, 2.5], "deny": [3]}), format!("{unread} allow.1")),
            (json!({"allow": [1e30], "deny": [99_999_999_999_i64]}), format!("{unread} allow.0, deny.0")),
            (json!([]), "The request body must be a JSON object".to_owned()),
        ] {
            for cookies in ["", &signed_in] {
                let answer = ask(&service, cookies).json(body.clone()).send().await;
                assert_eq!((answer.status, answer.text()), (400, words.clone()), "{answer}");
                assert_eq!(answer.header("set-cookie"), "");
                if body["deny"] == json!([2]) && cookies.is_empty() {
                    shows(&answer, "not whole");
                }
            }
        }
        assert_eq!(service.dump().await, before);
        // In any order, and twice in one list.
        choose(&service, &signed_in, &[3, 1, 3], &[2, 2]).await;
        assert_eq!(service.history(1).await, ["1: allow [analytics targeting] deny [functional]"]);
    }

    async fn who_is_not_signed_in_any_more_chooses_as_a_guest(service: Service) {
        let app = asking(&service).await;
        let signed_in = session(&login(&service, &app, 1, "", None).await);
        let is_guest = async || {
            let answer = choose(&service, &signed_in, &[1, 2, 3], &[]).await;
            given(&answer).iter().any(|(name, value)| name.ends_with("consent") && !value.is_empty())
        };
        assert!(!is_guest().await);
        // Without access to the channel, after a week, and when the customer is gone.
        let bound = async |channels: Value| {
            let body = json!([{"id": 1, "channel_ids": channels}]);
            assert_eq!(service.put("modify", "/v3/customers", body).await.status, 200);
        };
        bound(json!([2])).await;
        assert!(is_guest().await);
        bound(Value::Null).await;
        assert!(!is_guest().await);
        service.set_seconds(1 + 7 * 86_400);
        assert!(is_guest().await);
        service.set_seconds(2);
        assert_eq!(service.history(1).await.len(), 2);
        assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        assert!(is_guest().await);
    }

    async fn of_many_choices_at_once_every_one_is_kept_in_its_place(service: Service) {
        let app = asking(&service).await;
        let signed_in = session(&login(&service, &app, 1, "", None).await);
        let asked = (0..16).map(|n| {
            let (service, signed_in) = (service.clone(), signed_in.clone());
            async move {
                let (allow, deny): (Vec<i64>, Vec<i64>) = (1..=3).partition(|category| n >> (category - 1) & 1 == 1);
                choose(&service, &signed_in, &allow, &deny).await.status
            }
        });
        assert_eq!(at_once(asked).await, [200; 16]);
        let kept = history(&service, &["sequence"]).await;
        assert_eq!(kept, (1..=16).rev().map(|n| json!([n])).collect::<Vec<_>>());
        let times = "SELECT COUNT(*) FROM consent_declaration d JOIN consent_declaration e ON e.store_id = d.store_id
            AND e.customer_id = d.customer_id AND e.sequence = d.sequence + 1 WHERE e.declared_at < d.declared_at";
        assert_eq!(service.number(times).await, 0);
    }

    async fn of_many_who_bring_one_choice_along_at_once_one_adds_it(service: Service) {
        let app = asking(&service).await;
        let cookie = kept(&service, &[1, 2], &[3]).await;
        service.set_seconds(5);
        let asked = (0..8).map(|n| {
            let (service, cookie) = (service.clone(), cookie.clone());
            let token = app.token(&format!("n{n}"), json!({"iat": NOON.seconds() + 5}));
            async move {
                let ask = service.ask("GET", &format!("/login/token/{token}")).header("Host", HOST);
                ask.header("Cookie", &cookie).header("Sec-GPC", "1").send().await.status
            }
        });
        assert_eq!(at_once(asked).await, [302; 8]);
        assert_eq!(service.history(1).await, ["1: allow [functional analytics] deny [targeting]"]);
    }
}
