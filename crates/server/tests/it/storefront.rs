//! Shoppers at a storefront: signed in by an app, and told of to an app.

use access::{
    jwt,
    rate::{MOST_VISITS, MOST_VISITS_OF_ONE},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rest::Settings;
use serde_json::{Value, json};
use testkit::{Answer, NOON, Service, at_once, on_each_engine};

use crate::shows;

pub(crate) const HOST: &str = "acme.example";

/// An app of acme: its client id and its secret.
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) secret: String,
}

impl App {
    async fn of(service: &Service, store: &str, token: &str) -> Self {
        let client_id = service.hire(token, store, &["store_v2_customers"]).await;
        let secret = service.secret(store, &client_id).await;
        Self { client_id, secret }
    }

    /// What a login token for customer 1 states, with these members instead of its own.
    fn claims(&self, name: &str, members: Value) -> Value {
        let mut claims = json!({"iss": self.client_id, "iat": NOON.seconds(), "jti": name,
            "operation": "customer_login", "store_hash": "acme", "customer_id": 1});
        let Value::Object(members) = members else { panic!("members of an object") };
        claims.as_object_mut().expect("an object").extend(members);
        claims
    }

    pub(crate) fn token(&self, name: &str, members: Value) -> String {
        jwt::sign(&self.claims(name, members), &self.secret).expect("a token")
    }
}

/// Acme with a storefront and customer 1, and its app.
pub(crate) async fn opened(service: &Service) -> App {
    service.open_shop("acme", HOST, 1).await;
    service.crowd(1).await;
    App::of(service, "acme", "app").await
}

pub(crate) async fn login(service: &Service, token: &str) -> Answer {
    service.ask("GET", &format!("/login/token/{token}")).header("Host", HOST).send().await
}

pub(crate) async fn current(service: &Service, app: &App, cookie: &str) -> Answer {
    current_at(service, HOST, app, cookie).await
}

async fn current_at(service: &Service, host: &str, app: &App, cookie: &str) -> Answer {
    let path = format!("/customer/current.jwt?app_client_id={}", app.client_id);
    service.ask("GET", &path).header("Host", host).header("Cookie", cookie).send().await
}

/// What the browser sends back of the cookie that it was given.
pub(crate) fn cookie(answer: &Answer) -> String {
    assert_eq!(answer.status, 302, "{answer}");
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

#[track_caller]
pub(crate) fn refused(answer: &Answer, words: &str) {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (403, "text/html; charset=utf-8"),
        "{answer}"
    );
    assert!(answer.text().contains(&format!("<p>{words}")), "{words}: {answer}");
    assert_eq!((answer.header("set-cookie"), answer.header("location")), ("", ""), "{answer}");
}

on_each_engine! {
    async fn a_login_token_signs_a_shopper_in_and_sends_them_on(service: Service) {
        let app = opened(&service).await;
        let answer = login(&service, &app.token("one", json!({"redirect_to": "/shop-all/?a=b"}))).await;
        shows(&answer, "signed in");
        assert_eq!((answer.status, answer.header("location")), (302, "/shop-all/?a=b"));
        let given = answer.header("set-cookie");
        assert!(given.starts_with("__Host-custodia_shopper="), "{given}");
        assert!(given.ends_with("; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax"), "{given}");
        let kept = cookie(&answer);
        let key = kept.split_once('=').unwrap().1.to_owned();
        assert_eq!(key.len(), 64);
        assert!(!service.dump().await.contains(&key), "only its digest is kept");
        assert_eq!(service.audit().await.last().unwrap(), "customer.signed_in 1 []");
        assert_eq!(current(&service, &app, &kept).await.status, 200);
        // Where nothing is said, and where only the other name is used, as some clients do.
        for (name, members, expected) in [
            ("two", json!({}), "/account.php"),
            ("three", json!({"redirect_url": "/cart.php"}), "/cart.php"),
            ("four", json!({"redirect_to": "/a", "redirect_url": "/b"}), "/a"),
            ("five", json!({"redirect_to": null, "channel_id": null, "request_ip": null}), "/account.php"),
        ] {
            assert_eq!(login(&service, &app.token(name, members)).await.header("location"), expected);
        }
    }

    async fn without_tls_the_cookie_is_not_kept_from_plain_http(service: Service) {
        let app = opened(&service).await;
        let plain = Settings { public_url: "http://127.0.0.1:8080".to_owned(), ..Settings::default() };
        let service = service.with(plain).await;
        let given = login(&service, &app.token("one", json!({}))).await;
        assert!(given.header("set-cookie").ends_with("; HttpOnly; SameSite=Lax"), "{given}");
        assert!(given.header("set-cookie").starts_with("custodia_shopper="), "{given}");
        assert_eq!(current(&service, &app, &cookie(&given)).await.status, 200);
    }

    async fn where_there_is_tls_only_a_cookie_that_was_kept_so_counts(service: Service) {
        let app = opened(&service).await;
        let kept = cookie(&login(&service, &app.token("one", json!({}))).await);
        let (name, key) = kept.split_once('=').unwrap();
        assert_eq!(name, "__Host-custodia_shopper");
        // Anybody on the way could have put it there, or a page at another host of the domain.
        let other = format!("custodia_shopper={key}");
        assert_eq!(current(&service, &app, &other).await.status, 404);
        assert_eq!(current(&service, &app, &format!("{other}; {kept}")).await.status, 200);
        let loud = Settings { public_url: "HTTPS://shop.example".to_owned(), ..Settings::default() };
        let given = login(&service.with(loud).await, &app.token("two", json!({}))).await;
        assert!(given.header("set-cookie").starts_with("__Host-"), "{given}");
    }

    async fn a_token_signs_in_once_also_after_a_restart_and_on_another_server(service: Service) {
        let app = opened(&service).await;
        let token = app.token("one", json!({}));
        assert_eq!(login(&service, &token).await.status, 302);
        let again = login(&service, &token).await;
        shows(&again, "used");
        refused(&again, "The link has been used already.");
        refused(&login(&service.beside().await, &token).await, "The link has been used already.");
        // The same name in another token, and another app's own.
        refused(&login(&service, &app.token("one", json!({"redirect_to": "/"}))).await, "The link has been used");
        let other = App::of(&service, "acme", "other-app").await;
        assert_eq!(login(&service, &other.token("one", json!({}))).await.status, 302);
        assert_eq!(service.number("SELECT COUNT(*) FROM shopper_session").await, 2);
    }

    async fn of_many_who_use_one_token_at_once_one_is_signed_in(service: Service) {
        let app = opened(&service).await;
        let beside = service.beside().await;
        for round in 0..5 {
            let token = app.token(&format!("round {round}"), json!({}));
            let asked = (0..16).map(|n| {
                let (service, token) = (if n % 2 == 0 { &service } else { &beside }.clone(), token.clone());
                async move { login(&service, &token).await.status }
            });
            let mut statuses = at_once(asked).await;
            statuses.sort_unstable();
            assert_eq!(statuses, [&[302][..], &[403; 15]].concat(), "round {round}");
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM shopper_session").await, 5);
        assert_eq!(service.number("SELECT COUNT(*) FROM login_token").await, 5);
    }

    async fn a_token_that_does_not_hold_is_refused_in_words_and_nothing_is_kept(service: Service) {
        let app = opened(&service).await;
        let theirs = App::of(&service, "zenith", "their-app").await;
        let before = service.dump().await;
        let now = NOON.seconds();
        let unproven = "The link does not come from an app";
        let cases = [
            (json!({"iat": now - 31}), "The link has expired."),
            (json!({"iat": now + 31}), "The link has expired."),
            (json!({"exp": now}), "The link has expired."),
            (json!({"store_hash": "zenith"}), "The link is for another store."),
            (json!({"iss": "nobody"}), unproven),
            (json!({"iss": "no\0body"}), unproven),
            (json!({"iss": theirs.client_id}), unproven),
            (json!({"operation": "current_customer"}), "The link is not complete."),
            (json!({"jti": ""}), "The link is not complete."),
            (json!({"jti": 7}), "The link is not complete."),
            (json!({"iat": "now"}), "The link is not complete."),
            (json!({"customer_id": 99}), "There is no such account"),
            (json!({"customer_id": -1}), "There is no such account"),
            (json!({"customer_id": i64::MAX}), "There is no such account"),
            (json!({"customer_id": "<b>1</b>"}), "The link is not complete."),
            (json!({"channel_id": 7}), "The account may not sign in here."),
            (json!({"channel_id": i64::MIN}), "The account may not sign in here."),
            (json!({"redirect_to": "//evil.example"}), "The link leads away"),
            (json!({"redirect_to": "https://evil.example"}), "The link leads away"),
            (json!({"redirect_to": "/\\evil.example"}), "The link leads away"),
            (json!({"redirect_url": "/\t/evil.example"}), "The link leads away"),
            (json!({"redirect_to": "/a\r\nSet-Cookie: a=b"}), "The link leads away"),
        ];
        for (members, words) in cases {
            let answer = login(&service, &app.token("one", members.clone())).await;
            refused(&answer, words);
            for sent in ["evil", "<b>", "zenith", "nobody"] {
                assert!(!answer.text().contains(sent), "{members}: {answer}");
            }
        }
        let good = app.claims("one", json!({}));
        let other_secret = jwt::sign(&good, &theirs.secret).unwrap();
        refused(&login(&service, &other_secret).await, unproven);
        // Signed by an app of another store, in its own name, for this one.
        refused(&login(&service, &theirs.token("one", json!({}))).await, unproven);
        let expired = app.token("one", json!({"iat": now - 31}));
        shows(&login(&service, &expired).await, "expired");
        assert_eq!(service.dump().await, before);
        assert_eq!(login(&service, &app.token("one", json!({}))).await.status, 302, "all else was right");
    }

    async fn no_other_algorithm_is_taken_and_what_is_no_token_neither(service: Service) {
        let app = opened(&service).await;
        let before = service.dump().await;
        let token = app.token("one", json!({}));
        let mut parts = token.split('.');
        let (_, claims, signature) =
            (parts.next(), parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned());
        for algorithm in ["none", "None", "NONE", "nOnE", "HS384", "HS512", "RS256", "ES256", "EdDSA", ""] {
            let head = URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "typ": "JWT"}).to_string());
            for signature in ["", "AAAA", &signature] {
                let answer = login(&service, &format!("{head}.{claims}.{signature}")).await;
                refused(&answer, "The link does not come from an app");
            }
        }
        for not in ["x", "a.b", "a.b.c", "....", "%00", "%3Cscript%3E", &"a".repeat(10_000), &claims] {
            let answer = login(&service, not).await;
            refused(&answer, "The link is not complete.");
            assert!(!answer.text().contains("script"), "{answer}");
        }
        assert_eq!(service.dump().await, before);
    }

    async fn an_address_that_the_token_names_is_the_only_one_that_may_use_it(service: Service) {
        let app = opened(&service).await;
        let bound = |name: &str| app.token(name, json!({"request_ip": "192.0.2.17"}));
        let from = async |service: &Service, address: &str, forwarded: &str, token: &str| {
            let path = format!("/login/token/{token}");
            let sent = service.ask("GET", &path).header("Host", HOST).from(address);
            sent.header("X-Forwarded-For", forwarded).send().await
        };
        let words = "The link was made for another internet address";
        refused(&login(&service, &bound("one")).await, words);
        // Who says where they come from is not believed.
        refused(&from(&service, "192.0.2.18", "192.0.2.17", &bound("one")).await, words);
        assert_eq!(from(&service, "192.0.2.17", "192.0.2.18", &bound("one")).await.status, 302);
        // Behind a proxy, what the proxy added is.
        let behind = service.with(Settings { behind_proxy: true, ..Settings::default() }).await;
        refused(&from(&behind, "192.0.2.17", "192.0.2.17, 192.0.2.18", &bound("two")).await, words);
        assert_eq!(from(&behind, "127.0.0.1", "192.0.2.18, 192.0.2.17", &bound("two")).await.status, 302);
    }

    async fn a_shopper_signs_in_only_where_their_account_has_access(service: Service) {
        let app = opened(&service).await;
        let named = service.put("modify", "/stores/acme/custodia/channels/2", json!({"name": "Two"})).await;
        assert!(matches!(named.status, 200 | 201), "{named}");
        service.open_shop("acme", "two.example", 2).await;
        let at_two = async |token: &str| {
            let path = format!("/login/token/{token}");
            service.ask("GET", &path).header("Host", "two.example:8443").send().await
        };
        let words = "The account may not sign in here.";
        // The domain's channel counts where the token names none.
        refused(&at_two(&app.token("one", json!({}))).await, words);
        // And where it names another, the domain's counts too.
        refused(&at_two(&app.token("one", json!({"channel_id": 1}))).await, words);
        refused(&login(&service, &app.token("one", json!({"channel_id": 2}))).await, words);
        assert_eq!(login(&service, &app.token("one", json!({}))).await.status, 302);
        let changed = service.put("modify", "/v3/customers", json!([{"id": 1, "channel_ids": [2]}])).await;
        assert_eq!(changed.status, 200, "{changed}");
        let there = at_two(&app.token("two", json!({}))).await;
        assert_eq!(there.status, 302);
        refused(&login(&service, &app.token("three", json!({}))).await, words);
        // Who loses access is signed in no more, and the cookie of one domain is one store's.
        let at = async |host: &str| current_at(&service, host, &app, &cookie(&there)).await.status;
        assert_eq!((at("two.example").await, at(HOST).await), (200, 404));
        let changed = service.put("modify", "/v3/customers", json!([{"id": 1, "channel_ids": [1]}])).await;
        assert_eq!(changed.status, 200, "{changed}");
        assert_eq!((at("two.example").await, at(HOST).await), (404, 404));
    }

    async fn an_app_that_may_only_read_customers_signs_nobody_in(service: Service) {
        let app = opened(&service).await;
        let client_id = service.hire("reader", "acme", &["store_v2_customers_read_only"]).await;
        let secret = service.secret("acme", &client_id).await;
        let reader = App { client_id, secret };
        refused(&login(&service, &reader.token("one", json!({}))).await, "The link does not come from an app");
        assert_eq!(login(&service, &app.token("one", json!({}))).await.status, 302);
    }

    async fn a_revoked_app_signs_nobody_in(service: Service) {
        let app = opened(&service).await;
        let clock = service.app().clock.clone();
        access::accounts::revoke(&service.app().db, &*clock, &app.client_id).await.unwrap();
        refused(&login(&service, &app.token("one", json!({}))).await, "The link does not come from an app");
        assert_eq!(current(&service, &app, "").await.status, 400);
    }

    async fn looking_does_not_use_a_token_up(service: Service) {
        let app = opened(&service).await;
        let token = app.token("one", json!({}));
        let path = format!("/login/token/{token}");
        let looked = service.ask("HEAD", &path).header("Host", HOST).send().await;
        assert_eq!((looked.status, looked.header("set-cookie")), (404, ""), "{looked}");
        assert_eq!(login(&service, &token).await.status, 302);
    }

    async fn an_app_is_told_who_is_signed_in_for_a_quarter_of_an_hour(service: Service) {
        let app = opened(&service).await;
        let kept = cookie(&login(&service, &app.token("one", json!({}))).await);
        let answer = current(&service, &app, &format!("other=1; {kept}; more=2")).await;
        shows(&answer, "signed in");
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/jwt"));
        let claims: Value = jwt::proven(&answer.text(), &app.secret).expect("a token under the app's secret");
        let now = NOON.seconds();
        let expected = json!({
            "customer": {"id": 1, "email": "c1@example.com", "group_id": "0"},
            "iss": "bc/apps", "sub": "acme", "iat": now, "exp": now + 900, "version": 1,
            "aud": app.client_id, "application_id": app.client_id, "store_hash": "acme",
            "operation": "current_customer",
        });
        assert_eq!(claims, expected);
        // It is of no use for signing in.
        refused(&login(&service, &answer.text()).await, "The link does not come from an app");
    }

    async fn who_is_not_signed_in_is_told_of_to_nobody(service: Service) {
        let app = opened(&service).await;
        let guest = current(&service, &app, "").await;
        shows(&guest, "guest");
        assert_eq!((guest.status, guest.text().as_str()), (404, "Nobody is signed in"));
        let kept = cookie(&login(&service, &app.token("one", json!({}))).await);
        for wrong in ["__Host-custodia_shopper=", "__Host-custodia_shopper=0", &kept[..kept.len() - 1], "other=1"] {
            assert_eq!(current(&service, &app, wrong).await.status, 404, "{wrong}");
        }
        // An app that there is not, of whoever asks, and one of another store.
        let theirs = App::of(&service, "zenith", "their-app").await;
        for client_id in ["", "?app_client_id=", "?app_client_id=nobody", &format!("?app_client_id={}", theirs.client_id)] {
            let path = format!("/customer/current.jwt{client_id}");
            let answer = service.ask("GET", &path).header("Host", HOST).header("Cookie", &kept).send().await;
            if client_id.ends_with("nobody") {
                shows(&answer, "unknown app");
            }
            assert_eq!(answer.status, 400, "{answer}");
        }
        // The key is one store's.
        service.open_shop("zenith", "zenith.example", 1).await;
        let path = format!("/customer/current.jwt?app_client_id={}", theirs.client_id);
        let there = service.ask("GET", &path).header("Host", "zenith.example").header("Cookie", &kept).send().await;
        assert_eq!(there.status, 404);
        // A page of this storefront may ask, and others' parameters are no matter.
        let path = format!("/customer/current.jwt?_=1&app_client_id={}", app.client_id);
        let own = service.ask("GET", &path).header("Host", HOST).header("Cookie", &kept);
        assert_eq!(own.header("Origin", "https://ACME.example").send().await.status, 200);
    }

    async fn a_session_ends_after_a_week_and_with_its_customer(service: Service) {
        let app = opened(&service).await;
        let row = json!([{"email": "b@example.com", "first_name": "B", "last_name": "B"}]);
        assert_eq!(service.made(row).await, [2]);
        let first = cookie(&login(&service, &app.token("one", json!({}))).await);
        let second = cookie(&login(&service, &app.token("two", json!({"customer_id": 2}))).await);
        assert_eq!(service.delete("modify", "/v3/customers?id:in=2").await.status, 204);
        assert_eq!(current(&service, &app, &second).await.status, 404);
        assert_eq!(service.number("SELECT COUNT(*) FROM shopper_session").await, 1);
        service.set_seconds(7 * 86_400 - 1);
        assert_eq!(current(&service, &app, &first).await.status, 200);
        service.set_seconds(7 * 86_400);
        assert_eq!(current(&service, &app, &first).await.status, 404);
        // Whoever comes next sweeps what is over.
        service.set_seconds(8 * 86_400);
        let late = app.token("three", json!({"iat": NOON.seconds() + 8 * 86_400}));
        assert_eq!(login(&service, &late).await.status, 302);
        assert_eq!(service.number("SELECT COUNT(*) FROM shopper_session").await, 1);
        assert_eq!(service.number("SELECT COUNT(*) FROM login_token").await, 1);
    }

    async fn a_domain_that_is_taken_from_a_store_leads_nowhere(service: Service) {
        let app = opened(&service).await;
        access::sites::remove(&service.app().db, "acme", &HOST.parse().unwrap()).await.unwrap();
        service.app().tokens.refresh().await.unwrap();
        let answer = login(&service, &app.token("one", json!({}))).await;
        assert_eq!((answer.status, answer.text().as_str()), (404, "There is no store at this domain"));
        // One that was just given is found, also by a server that has not heard of it.
        let clock = service.app().clock.clone();
        let (db, channel) = (&service.app().db, kernel::ChannelId(1));
        resources::stores::ops::add_domain(db, &*clock, "acme", &HOST.parse().unwrap(), channel).await.unwrap();
        assert_eq!(login(&service, &app.token("one", json!({}))).await.status, 302);
    }

    async fn a_storefront_that_is_asked_too_much_keeps_no_other_from_answering(service: Service) {
        let app = opened(&service).await;
        let store = access::stores::find(&service.app().db, "acme").await.unwrap().id;
        for n in 0..MOST_VISITS {
            let address = [192, 0, 2, (n % 200) as u8].into();
            service.app().limiter.visit(store, Some(address), &*service.app().clock).unwrap();
        }
        let answer = current(&service, &app, "").await;
        assert_eq!((answer.status, answer.header("x-retry-after")), (429, "30"), "{answer}");
        assert_eq!(service.get("modify", "/v3/customers").await.status, 200, "the app's quota is its own");
        service.open_shop("zenith", "zenith.example", 1).await;
        let there = service.ask("GET", "/customer/current.jwt").header("Host", "zenith.example").send().await;
        assert_eq!(there.status, 400);
        service.set_seconds(30);
        assert_eq!(current(&service, &app, "").await.status, 404);
    }

    async fn a_visitor_who_asks_too_much_leaves_the_storefront_to_the_others(service: Service) {
        let app = opened(&service).await;
        let from = async |address: &str| {
            let path = format!("/customer/current.jwt?app_client_id={}", app.client_id);
            service.ask("GET", &path).header("Host", HOST).from(address).send().await
        };
        for _ in 0..MOST_VISITS_OF_ONE {
            assert_eq!(from("192.0.2.1").await.status, 404);
        }
        let spent = from("192.0.2.1").await;
        assert_eq!((spent.status, spent.text().as_str()), (429, "Too many requests"), "{spent}");
        assert_eq!((spent.header("x-retry-after"), spent.header("retry-after")), ("30", "30"));
        assert_eq!(from("192.0.2.2").await.status, 404);
        assert_eq!(current(&service, &app, "").await.status, 404);
        service.set_seconds(30);
        assert_eq!(from("192.0.2.1").await.status, 404);
    }
}
