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
}
