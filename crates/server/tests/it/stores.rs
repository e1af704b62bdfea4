//! What client libraries ask to try a token, and what operators ask to see whether the service lives.

use serde_json::json;
use testkit::on_each_engine;

use crate::shows;

on_each_engine! {
    async fn the_time_is_told_to_everybody_and_to_any_token(service: Service) {
        let time = service.get("", "/time").await;
        time.is_just(r#"{"time":1717243200}"#);
        shows(&time, "noon");
        let time = service.get("scopeless", "/v2/time").await;
        time.is_just(r#"{"time":1717243200}"#);
        shows(&time, "noon");
        assert_eq!(service.get("", "/v2/time").await.status, 401);
        assert_eq!(service.get("", "/time?x=1").await.status, 400);
    }

    async fn a_store_tells_its_secure_url(service: Service) {
        let store = service.get("scopeless", "/v2/store").await;
        shows(&store, "acme");
        assert_eq!(store.json()["secure_url"], "https://api.bigcommerce.com");
        assert_eq!(service.get("other", "/stores/zenith/v2/store").await.json()["id"], "zenith");
    }

    async fn probes_answer_without_a_token_and_readiness_asks_the_database(service: Service) {
        let alive = service.get("", "/healthz").await;
        shows(&alive, "alive");
        assert_eq!((alive.status, alive.text().as_str()), (200, "ok"));
        let ready = service.get("", "/readyz").await;
        shows(&ready, "ready");
        assert_eq!((ready.status, ready.text().as_str()), (200, "ready"));
        service.app().db.close().await.unwrap();
        let away = service.get("", "/readyz").await;
        shows(&away, "database away");
        assert_eq!(away.status, 503);
        assert_eq!(service.get("", "/healthz").await.status, 200);
    }

    async fn without_a_database_everything_is_503_in_the_versions_own_words(service: Service) {
        service.app().db.close().await.unwrap();
        service.get("read", "/v3/customers").await.refused(503, "Service Unavailable", &json!({}));
        service.get("read", "/v2/customers").await.declined(503, "The service is unavailable.");
        let row = json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}]);
        let answer = service.post("modify", "/v3/customers", row).await;
        shows(&answer, "database away");
        assert_eq!(answer.status, 503);
        assert_eq!(
            service.get("nobody", "/v3/customers").await.status,
            503,
            "an unknown token may be a new one"
        );
        shows(&service.get("read", "/v2/customers/1").await, "database away");
    }

    /// Its token still known, as that of a request is whose body is on the way while the store is deleted.
    async fn who_was_admitted_before_a_store_was_deleted_makes_nothing_in_it(service: Service) {
        let row = json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}]);
        assert_eq!(service.post("modify", "/v3/customers", row.clone()).await.status, 200);
        resources::stores::ops::delete(&service.app().db, &*service.app().clock, "acme").await.unwrap();
        let before = service.dump().await;
        for answer in [
            service.post("modify", "/v3/customers", row.clone()).await,
            service.put("modify", "/v3/customers/1/consent", json!({"allow": [], "deny": []})).await,
            service.post("modify", "/v2/customers", row[0].clone()).await,
            service.put("modify", "/v2/customers/1", json!({"email": "x@y.z"})).await,
            service.delete("modify", "/v2/customers/1").await,
            service.delete("modify", "/v3/customers?id:in=1").await,
        ] {
            assert_eq!(answer.status, 404, "{answer}");
        }
        assert_eq!(service.dump().await, before);
        assert_eq!(service.number("SELECT COUNT(*) FROM customer").await, 0);
        assert_eq!(service.number("SELECT COUNT(*) FROM outbox").await, 0);
        service.app().tokens.refresh().await.unwrap();
        assert_eq!(service.get("read", "/v3/customers").await.status, 401);
    }
}
