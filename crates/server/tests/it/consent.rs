use access::Quirk;
use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::shows;

const CONSENT: &str = "/v3/customers/1/consent";
const INVALID: &str = "JSON data is missing or invalid";

/// Customer 1, made a minute before noon.
async fn with_a_customer(service: &Service) {
    service.set_seconds(-60);
    service
        .made(json!([{"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}]))
        .await;
    service.set_seconds(0);
}

fn both(allow: &[&str], deny: &[&str]) -> Value {
    json!({"allow": allow, "deny": deny})
}

on_each_engine! {
    async fn before_any_declaration_nothing_is_allowed_since_the_customer_was_made(
        service: Service,
    ) {
        with_a_customer(&service).await;
        let answer = service.get("read", CONSENT).await;
        answer.is_just(r#"{"allow":[],"deny":[],"updated_at":"2024-06-01T11:59:00Z"}"#);
        shows(&answer, "never declared");
    }

    /// The published page, but for the values.
    async fn a_declaration_is_a_bare_object_of_three_members_and_can_be_read_back(
        service: Service,
    ) {
        with_a_customer(&service).await;
        let answer = service
            .put("modify", CONSENT, both(&["essential", "functional"], &["analytics", "targeting"]))
            .await;
        shows(&answer, "declared");
        service.set_seconds(3600);
        let read = service.get("read", CONSENT).await;
        shows(&read, "declared");
        assert_eq!(read.body, answer.body);
    }

    async fn the_lists_come_back_in_the_wires_order_and_duplicates_collapse(service: Service) {
        with_a_customer(&service).await;
        let sent = both(
            &["targeting", "essential", "targeting"],
            &["analytics", "functional", "analytics"],
        );
        let answer = service.put("modify", CONSENT, sent).await;
        answer.is_just(
            r#"{"allow":["essential","targeting"],"deny":["functional","analytics"],"updated_at":"2024-06-01T12:00:00Z"}"#,
        );
    }

    async fn the_latest_declaration_wins_and_the_earlier_stays(service: Service) {
        with_a_customer(&service).await;
        service.put("modify", CONSENT, both(&["targeting"], &[])).await;
        service.put("modify", CONSENT, both(&[], &["targeting"])).await;
        assert_eq!(service.get("read", CONSENT).await.json()["deny"], json!(["targeting"]));
        assert_eq!(
            service.history(1).await,
            ["1: allow [targeting] deny []", "2: allow [] deny [targeting]"]
        );
    }

    async fn the_same_declaration_again_is_evidence_and_is_kept(service: Service) {
        with_a_customer(&service).await;
        service.put("modify", CONSENT, both(&["analytics"], &[])).await;
        service.set_seconds(60);
        let again = service.put("modify", CONSENT, both(&["analytics"], &[])).await;
        assert_eq!(again.json()["updated_at"], "2024-06-01T12:01:00Z");
        assert_eq!(service.history(1).await.len(), 2);
    }

    async fn a_declaration_leaves_an_audit_line_and_an_event_of_its_own_and_the_customer_as_it_was(
        service: Service,
    ) {
        with_a_customer(&service).await;
        let before = service.get("read", "/v3/customers").await.json();
        let events = service.events().await;
        service.put("modify", CONSENT, both(&["essential"], &[])).await;
        let told = r#"custodia/customer/consent/updated {"type":"customer","id":1}"#.to_owned();
        assert_eq!(service.events().await, [events, vec![told]].concat());
        assert_eq!(service.audit().await, ["customer.created 1 []", "consent.declared 1 []"]);
        assert_eq!(service.get("read", "/v3/customers").await.json(), before);
    }

    async fn a_clock_that_is_behind_does_not_turn_back_the_time_of_a_declaration(service: Service) {
        with_a_customer(&service).await;
        service.put("modify", CONSENT, both(&["analytics"], &[])).await;
        service.set_seconds(-3600);
        let late = service.put("modify", CONSENT, both(&[], &["analytics"])).await;
        assert_eq!(late.json()["updated_at"], "2024-06-01T12:00:00Z");
        assert_eq!(service.get("read", CONSENT).await.body, late.body);
        assert_eq!(service.history(1).await.len(), 2);
    }

    async fn a_declaration_remembers_when_who_and_through_which_door(service: Service) {
        with_a_customer(&service).await;
        service.put("modify", CONSENT, both(&["essential"], &[])).await;
        let kept = service
            .texts(
                "SELECT CAST(d.declared_at AS TEXT) || ' ' || d.source || ' ' || a.scopes AS line
                 FROM consent_declaration d JOIN account a ON a.account_id = d.declared_by",
            )
            .await;
        assert_eq!(kept, ["1717243200000000 management_api store_v2_customers store_stored_payment_instruments"]);
    }

    async fn both_lists_are_required_and_every_fault_of_the_body_is_told(service: Service) {
        with_a_customer(&service).await;
        let before = service.dump().await;
        let unknown = service
            .put("modify", CONSENT, json!({"allow": ["essential", "marketing"], "deny": []}))
            .await;
        unknown.refused(422, INVALID, &json!({"allow.1": "error.expected.validenumvalue"}));
        shows(&unknown, "unknown category");
        let missing = service.put("modify", CONSENT, json!({"allow": ["essential"]})).await;
        missing.refused(422, INVALID, &json!({"deny": "error.path.missing"}));
        shows(&missing, "a list is missing");
        let cases = [
            (json!({"deny": []}), json!({"allow": "error.path.missing"})),
            (json!({}), json!({"allow": "error.path.missing", "deny": "error.path.missing"})),
            (json!({"allow": null, "deny": []}), json!({"allow": "error.expected.jsarray"})),
            (
                json!({"allow": "essential", "deny": [1]}),
                json!({"allow": "error.expected.jsarray", "deny.0": "error.expected.jsstring"}),
            ),
            (both(&["Essential"], &[]), json!({"allow.0": "error.expected.validenumvalue"})),
            (json!([]), json!({"obj": "error.expected.jsobject"})),
            (json!(42), json!({"obj": "error.expected.jsobject"})),
        ];
        for (sent, errors) in cases {
            service.put("modify", CONSENT, sent).await.refused(422, INVALID, &errors);
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_category_cannot_be_both_allowed_and_denied(service: Service) {
        with_a_customer(&service).await;
        let answer =
            service.put("modify", CONSENT, both(&["analytics"], &["essential", "analytics"])).await;
        answer.refused(
            422,
            INVALID,
            &json!({"deny": "analytics cannot be both allowed and denied"}),
        );
        shows(&answer, "in both lists");
        assert!(service.history(1).await.is_empty());
    }

    async fn an_unknown_customer_has_no_consent_and_none_to_give(service: Service) {
        with_a_customer(&service).await;
        let before = service.dump().await;
        let read = service.get("read", "/v3/customers/99/consent").await;
        read.refused(404, "The resource at that URL is not found.", &json!({}));
        shows(&read, "unknown customer");
        let written = service.put("modify", "/v3/customers/99/consent", both(&[], &[])).await;
        assert_eq!(written.status, 404);
        shows(&written, "unknown customer");
        assert_eq!(service.dump().await, before);
    }

    async fn an_id_that_is_no_integer_is_400_and_one_out_of_range_404(service: Service) {
        with_a_customer(&service).await;
        for (id, status) in [
            ("abc", 400),
            ("1.0", 400),
            ("1e3", 400),
            ("+1", 400),
            ("%20", 400),
            ("%00", 400),
            ("%FF", 400),
            ("0x1", 400),
            ("0", 404),
            ("-1", 404),
            ("2147483647", 404),
            ("2147483648", 404),
            ("99999999999999999999999", 404),
        ] {
            for (method, token) in [("GET", "read"), ("PUT", "modify")] {
                let path = format!("/v3/customers/{id}/consent");
                let answer =
                    service.ask(method, &path).token(token).json(both(&[], &[])).send().await;
                let title = if status == 400 {
                    "Input is invalid"
                } else {
                    "The resource at that URL is not found."
                };
                answer.refused(status, title, &json!({}));
            }
        }
    }

    /// Quirk `consent_time_of_call`, ruling 7.
    async fn under_consent_time_of_call_the_time_is_that_of_the_call_and_the_history_keeps_the_true_one(
        service: Service,
    ) {
        with_a_customer(&service).await;
        let turn = |on| move |quirks: access::Quirks| quirks.with(Quirk::ConsentTimeOfCall, on);
        access::stores::set_quirks(&service.app().db, "acme", turn(true)).await.unwrap();
        service.app().tokens.refresh().await.unwrap();
        service.put("modify", CONSENT, both(&["essential"], &[])).await;
        service.set_seconds(3600);
        let answer = service.get("read", CONSENT).await;
        shows(&answer, "under consent_time_of_call");
        assert_eq!(answer.json()["updated_at"], "2024-06-01T13:00:00Z");
        access::stores::set_quirks(&service.app().db, "acme", turn(false)).await.unwrap();
        service.app().tokens.refresh().await.unwrap();
        assert_eq!(service.get("read", CONSENT).await.json()["updated_at"], "2024-06-01T12:00:00Z");
    }

    async fn what_was_declared_outlives_its_customer(service: Service) {
        with_a_customer(&service).await;
        service.put("modify", CONSENT, both(&["essential"], &[])).await;
        service.delete("modify", "/v3/customers?id:in=1").await;
        assert_eq!(service.get("read", CONSENT).await.status, 404);
        assert_eq!(service.history(1).await.len(), 1);
    }

    async fn members_that_are_not_published_are_ignored(service: Service) {
        with_a_customer(&service).await;
        let sent = json!({"allow": [], "deny": ["targeting"], "updated_at": "2020-01-01T00:00:00Z", "x": {}});
        let answer = service.put("modify", CONSENT, sent).await;
        assert_eq!(
            (answer.status, answer.json()["updated_at"].clone()),
            (200, json!("2024-06-01T12:00:00Z"))
        );
    }
}
