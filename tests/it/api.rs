//! The JSON API: described whole, asked with tokens, changing what people state.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use wellspring::{model::Scope, web};

use super::access::{Door, door};

const EVENTS: &str = "/api/v1/assets/bigquery/shop.raw.billing_events";

async fn ask(door: &Door, token: &str, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let reply = door.ask(request.body(Body::from(body.to_owned())).unwrap()).await;
    (reply.status, serde_json::from_str(&reply.body).unwrap_or(Value::String(reply.body)))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_of_the_api_is_described_and_nothing_else_is() {
    let door = door("access.sign_in = true").await;
    let reply = door.get("/api/v1/openapi.json", "").await;
    let described: Value = serde_json::from_str(&reply.body).unwrap();
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut paths: Vec<&str> = described["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    paths.sort_unstable();
    let served: Vec<&str> =
        web::addresses().into_iter().filter(|path| path.starts_with("/api/v1/") && !path.ends_with("openapi.json")).collect();
    assert_eq!(paths, served);
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            let holes = path.matches('{').count();
            let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
            assert_eq!(parameters.iter().filter(|one| one["in"] == "path").count(), holes, "{method} {path}");
        }
    }
    let cookie = door.sign_in("vi").await;
    let page = door.get("/help/api", &cookie).await.body;
    assert!(served.iter().all(|path| page.contains(path)), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_state_withdraw_and_take_back() {
    let door = door("access.sign_in = true").await;
    let token = door.token("ed", Scope::Write).await;
    let set = |body: Value| {
        let (door, token) = (&door, &token);
        async move { ask(door, token, Method::PUT, &format!("{EVENTS}/statements/owners"), &body.to_string()).await }
    };
    let (status, kept) = set(json!({ "value": [{ "name": "team-a" }], "seen": 0 })).await;
    assert_eq!((status, kept["statements"].as_array().unwrap().len()), (StatusCode::OK, 1));
    let (status, late) = set(json!({ "value": [{ "name": "team-b" }], "seen": 0 })).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(late["error"].as_str().unwrap().contains("team-a"), "{late}");
    for odd in [json!({ "value": "x" }), json!({ "value": [{ "name": "" }] }), json!({ "valeu": 1 }), json!([])] {
        let (status, said) = set(odd).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{said}");
    }
    let (_, asset) = ask(&door, &token, Method::GET, EVENTS, "").await;
    assert_eq!(asset["owners"][0]["name"], "team-a");
    assert_eq!(asset["governed"]["fields"][0]["by"]["person"], "ed");
    let (_, columns) = ask(&door, &token, Method::GET, &format!("{EVENTS}/columns"), "").await;
    assert!(columns.as_array().unwrap().iter().any(|column| column["name"] == "subscription_id"));
    let (status, _) = ask(&door, &token, Method::DELETE, &format!("{EVENTS}/statements/owners"), "").await;
    assert_eq!(status, StatusCode::OK);
    let (_, history) = ask(&door, &token, Method::GET, &format!("{EVENTS}/statements"), "").await;
    assert_eq!(history[0]["said"], "as files say");
    let undo = format!("/api/v1/statements/{}/undo", history[0]["number"]);
    assert_eq!(ask(&door, &token, Method::POST, &undo, "").await.1, json!({ "undone": 1 }));
    let (_, asset) = ask(&door, &token, Method::GET, EVENTS, "").await;
    assert_eq!(asset["owners"][0]["name"], "team-a");
    let bulk = json!({ "assets": [{ "namespace": "bigquery", "name": "shop.raw.billing_events" },
        { "namespace": "bigquery", "name": "shop.marts.subscription_churn_monthly" }], "field": "tags", "value": ["all"] });
    assert_eq!(ask(&door, &token, Method::POST, "/api/v1/bulk", &bulk.to_string()).await.0, StatusCode::OK);
    let (_, found) = ask(&door, &token, Method::GET, "/api/v1/search?tag=all", "").await;
    assert_eq!(found["hits"].as_array().unwrap().iter().filter(|hit| hit["column"].is_null()).count(), 2);
    let (_, yaml) = ask(&door, &token, Method::GET, "/api/v1/governance", "").await;
    let (status, answer) = ask(&door, &token, Method::POST, "/api/v1/governance", yaml.as_str().unwrap()).await;
    assert_eq!((status, &answer["added"]), (StatusCode::OK, &json!(0)));
    let (status, bad) = ask(&door, &token, Method::POST, "/api/v1/governance", "version: 1\nassets: 7\n").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(bad["error"].as_str().unwrap().starts_with("line 2"), "{bad}");
}

#[tokio::test(flavor = "multi_thread")]
async fn remarks_land_with_the_owner_who_answers_them() {
    let door = door("access.sign_in = true").await;
    let mart = "/assets/bigquery/shop.marts.subscription_churn_monthly";
    let ed = door.sign_in("ed").await;
    let sent = door.post(&format!("{mart}/remarks"), &ed, "text=%3Cb%3Enet%3C%2Fb%3E+or+gross%3F").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let vi = door.sign_in("vi").await;
    let mine = door.get("/mine", &vi).await.body;
    assert!(mine.contains("&lt;b&gt;net") || mine.contains("&#60;b&#62;net"), "{mine}");
    assert!(mine.contains("shop.marts.subscription_churn_monthly") || mine.contains("subscription_churn_monthly"));
    assert!(!door.get("/mine", &ed).await.body.contains("or gross"), "not for those who do not own it");
    let answer = mine.split("action=\"/remarks/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let answered = door.post(&format!("/remarks/{answer}/answer"), &vi, "answer=Net.&back=/mine").await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert!(!door.get("/mine", &vi).await.body.contains("or gross"));
    assert!(door.get(&format!("{mart}/history"), &ed).await.body.contains("Net."));
    assert_eq!(door.post(&format!("/remarks/{answer}/answer"), &vi, "answer=Again").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_watched_is_in_a_feed_that_a_token_opens() {
    let door = door("access.sign_in = true\nbase_url = \"https://data.example.com\"").await;
    let vi = door.sign_in("vi").await;
    for form in [
        "kind=asset&subject=bigquery/shop.raw.billing_events",
        "kind=owner&subject=growth-analytics",
        "kind=search&subject=q%3Dchurn",
    ] {
        assert_eq!(door.post("/watch", &vi, form).await.status, StatusCode::SEE_OTHER, "{form}");
    }
    let ed = door.token("ed", Scope::Write).await;
    let body = json!({ "value": "Every <event> & \"more\"." }).to_string();
    ask(&door, &ed, Method::PUT, &format!("{EVENTS}/statements/description"), &body).await;
    let feed_token = door.token("vi", Scope::Feed).await;
    for feed in [
        "/feeds/watched.atom?".to_owned(),
        "/feeds/assets/bigquery/shop.raw.billing_events?".to_owned(),
        "/feeds/search.atom?q=billing&".to_owned(),
    ] {
        let reply = door.get(&format!("{feed}token={feed_token}"), "").await;
        assert_eq!(reply.status, StatusCode::OK, "{feed}: {}", reply.body);
        assert_eq!(reply.headers[header::CONTENT_TYPE], "application/atom+xml; charset=utf-8");
        let mut reader = quick_xml::Reader::from_str(&reply.body);
        let mut entries = 0;
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Start(start) if start.name().into_inner() == "entry" => entries += 1,
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        assert!(entries > 0 && reply.body.contains("https://data.example.com/assets/bigquery/"), "{feed}: {}", reply.body);
        assert!(!reply.body.contains("<event>") && !reply.body.contains(&feed_token), "{feed}");
    }
    let mine = door.get(&format!("/feeds/mine.atom?token={feed_token}"), "").await;
    assert_eq!(mine.status, StatusCode::OK);
    assert_eq!(door.get(&format!("/search?token={feed_token}"), "").await.status, StatusCode::SEE_OTHER, "feeds alone");
    assert_eq!(door.get("/feeds/mine.atom?token=wellspring_no", "").await.status, StatusCode::UNAUTHORIZED);
    let page = door.get("/mine", &vi).await.body;
    assert_eq!(page.matches(">Let go<").count(), 3);
    door.post("/watch", &vi, "what=end&kind=owner&subject=growth-analytics").await;
    assert_eq!(door.get("/mine", &vi).await.body.matches(">Let go<").count(), 2);
}
