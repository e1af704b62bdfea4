//! What stands behind consent: a customer's history, and what proves it.

use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::shows;

const HISTORY: &str = "/stores/acme/custodia/customers/1/consent";

async fn declare(service: &Service, allow: &[&str], deny: &[&str]) {
    let body = json!({"allow": allow, "deny": deny});
    assert_eq!(service.put("modify", "/v3/customers/1/consent", body).await.status, 200);
}

fn column(answer: &testkit::Answer, name: &str) -> Vec<Value> {
    let rows = answer.json()["data"].as_array().expect("rows").clone();
    rows.into_iter().map(|row| row[name].clone()).collect()
}

on_each_engine! {
    async fn a_history_shows_every_declaration_the_newest_first(service: Service) {
        service.crowd(2).await;
        let none = service.get("read", HISTORY).await;
        none.is_just(r#"{"data":[],"meta":{"pagination":{"total":0,"count":0,"per_page":50,"current_page":1,"total_pages":0}}}"#);
        declare(&service, &["essential", "targeting"], &[]).await;
        service.set_seconds(60);
        declare(&service, &["essential"], &["targeting"]).await;
        let other = json!({"allow": ["analytics"], "deny": []});
        service.put("modify", "/v3/customers/2/consent", other).await;
        let both = service.get("read", HISTORY).await;
        shows(&both, "two");
        assert_eq!(column(&both, "sequence"), [2, 1]);
        let client = service.texts(
            "SELECT a.client_id AS line FROM consent_declaration d
             JOIN account a ON a.account_id = d.declared_by",
        ).await;
        assert_eq!(column(&both, "client_id")[0], client[0]);
    }

    async fn a_history_is_read_in_pages_by_their_number(service: Service) {
        service.crowd(1).await;
        for second in 0..5 {
            service.set_seconds(second);
            declare(&service, &[], &[]).await;
        }
        let numbers = async |query: &str| {
            let page = service.get("read", &format!("{HISTORY}?{query}")).await;
            let total = page.json()["meta"]["pagination"]["total"].clone();
            assert_eq!((page.status, total), (200, json!(5)));
            column(&page, "sequence")
        };
        assert_eq!(numbers("limit=2").await, [5, 4]);
        assert_eq!(numbers("limit=2&page=2").await, [3, 2]);
        assert_eq!(numbers("limit=2&page=3").await, [1]);
        for beyond in ["limit=2&page=4", "page=9223372036854775807"] {
            assert_eq!(numbers(beyond).await, [0; 0], "{beyond}");
        }
        for fault in ["page=0", "limit=0", "limit=x", "after=eyJpZCI6MX0"] {
            let refused = service.get("read", &format!("{HISTORY}?{fault}")).await;
            assert_eq!(refused.status, 422, "{refused}");
        }
    }

    async fn only_a_customer_of_the_store_has_a_history(service: Service) {
        service.crowd(1).await;
        declare(&service, &[], &[]).await;
        let unknown = service.get("read", "/stores/acme/custodia/customers/2/consent").await;
        unknown.refused(404, "The resource at that URL is not found.", &json!({}));
        let elsewhere = service.get("other", "/stores/zenith/custodia/customers/1/consent").await;
        assert_eq!(elsewhere.status, 404);
        assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        assert_eq!(service.get("read", HISTORY).await.status, 404);
    }
}
