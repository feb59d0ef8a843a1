//! A forge's webhook: it asks for a crawl when it is signed, and for nothing otherwise.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, http::Request, http::StatusCode};
use tower::ServiceExt;
use wellspring::{
    catalog::{Catalog, CrawlControl, WebhookSecret},
    web::{self, Access, Site},
};

const BODY: &str = "Hello, World!";
/// Of the body under the secret `It's a Secret to Everybody`: the example of GitHub's documentation.
const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

/// The status of a call, and whether a crawl was asked for.
async fn call(secret: Option<&str>, header: Option<(&str, &str)>, body: &'static str) -> (StatusCode, bool) {
    let data = tempfile::tempdir().unwrap();
    let catalog = Arc::new(Catalog::open(data.path()).await.unwrap());
    let crawl = Arc::new(CrawlControl::with_webhook(secret.and_then(WebhookSecret::new)));
    let router = web::router(Site { catalog, crawl: crawl.clone(), public: None, access: Arc::new(Access::local("ana")) });
    let mut request =
        Request::post("/hooks/crawl").header("Host", "127.0.0.1:7171").header("Origin", "https://forge.example.com");
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let status = router.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap().status();
    let asked = tokio::time::timeout(Duration::from_millis(1), crawl.requested()).await.is_ok();
    (status, asked)
}

#[tokio::test]
async fn a_signed_webhook_asks_for_a_crawl_and_no_other_does() {
    let secret = Some("It's a Secret to Everybody");
    let github = ("X-Hub-Signature-256", SIGNATURE);
    assert_eq!(call(secret, Some(github), BODY).await, (StatusCode::ACCEPTED, true));
    assert_eq!(call(secret, Some(("X-Hub-Signature", SIGNATURE)), BODY).await, (StatusCode::ACCEPTED, true));
    assert_eq!(call(secret, Some(("X-Gitlab-Token", "It's a Secret to Everybody")), BODY).await, (StatusCode::ACCEPTED, true));
    assert_eq!(call(secret, Some(github), "Hello, Moon!").await, (StatusCode::FORBIDDEN, false));
    assert_eq!(call(Some("another"), Some(github), BODY).await, (StatusCode::FORBIDDEN, false));
    assert_eq!(call(secret, Some(("X-Gitlab-Token", "wrong")), BODY).await, (StatusCode::FORBIDDEN, false));
    assert_eq!(call(secret, None, BODY).await, (StatusCode::FORBIDDEN, false));
    assert_eq!(call(None, Some(github), BODY).await, (StatusCode::NOT_FOUND, false));
}
