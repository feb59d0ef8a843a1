//! Which names the pages answer to, and where their links lead below a path.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};

use super::web::{Answer, House, MART, house_at, pages};

async fn under(house: &House, host: &str, path: &str) -> Answer {
    house.ask(Request::get(path).header(header::HOST, host).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_foreign_name_reads_nothing_of_the_catalog() {
    let house = house_at(Some("https://data.example.com")).await;
    for path in ["/", "/api/v1/search?q=churn", MART, "/healthz", "/nothing"] {
        for host in ["evil.example", "evil.example:7171", "127.0.0.1.evil.example", "localhost.evil.example"] {
            let answer = under(&house, host, path).await;
            assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host} {path}");
            assert!(!answer.body.contains("churn") && answer.body.contains("base_url"), "{}", answer.body);
            assert!(answer.headers.contains_key(header::CONTENT_SECURITY_POLICY));
        }
        for host in ["127.0.0.1:7171", "localhost:7171", "[::1]:7171", "192.168.1.5", "data.example.com", "DATA.example.com:443"]
        {
            assert_ne!(under(&house, host, path).await.status, StatusCode::MISDIRECTED_REQUEST, "{host} {path}");
        }
    }
    let post = Request::builder().method(Method::POST).uri("/crawl").header(header::HOST, "evil.example").body(Body::empty());
    assert_eq!(house.ask(post.unwrap()).await.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn without_a_configured_address_only_ips_and_localhost_are_answered() {
    let house = house_at(None).await;
    assert_eq!(under(&house, "localhost", "/").await.status, StatusCode::OK);
    assert_eq!(under(&house, "data.example.com", "/").await.status, StatusCode::MISDIRECTED_REQUEST);
}

/// Values of the attributes that lead somewhere.
fn addresses(html: &str) -> Vec<&str> {
    let marks = ["href=\"", "src=\"", "action=\"", "hx-get=\""];
    marks.iter().flat_map(|mark| html.split(*mark).skip(1)).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn below_a_path_every_address_of_every_page_starts_with_it_and_leads_somewhere() {
    let house = house_at(Some("https://example.com/tools/wellspring")).await;
    for page in pages() {
        for asked in [format!("/tools/wellspring{page}"), page.clone()] {
            let answer = house.get(&asked).await;
            assert_eq!(answer.status, StatusCode::OK, "{asked}");
            let local = addresses(&answer.body).into_iter().filter(|url| url.starts_with('/')).collect::<Vec<_>>();
            assert!(local.len() > 5, "{asked}");
            for url in local {
                assert!(url.starts_with("/tools/wellspring/"), "{asked} leads to {url}");
            }
        }
    }
    let home = house.get("/tools/wellspring").await;
    for url in addresses(&home.body).into_iter().filter(|url| url.contains("/static/")) {
        assert_eq!(house.get(url).await.status, StatusCode::OK, "{url}");
    }
}

#[tokio::test]
async fn below_a_path_redirects_cookies_and_copied_texts_know_it() {
    let house = house_at(Some("https://example.com/w")).await;
    let went = house.get("/w/go?name=subscription_churn_monthly").await;
    assert_eq!(went.headers[header::LOCATION], format!("/w{MART}").as_str());
    let form = Request::builder()
        .method(Method::POST)
        .uri("/w/theme")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("theme=dark&back=%2Fowners"))
        .unwrap();
    let kept = house.ask(form).await;
    assert_eq!(kept.headers[header::LOCATION], "/w/owners");
    assert!(kept.headers[header::SET_COOKIE].to_str().unwrap().contains("Path=/w/;"), "{:?}", kept.headers);
    let impact = house.get("/w/assets/bigquery/shop.raw.billing_events/impact").await;
    let link = "https://example.com/w/assets/bigquery/shop.raw.billing_events/impact";
    assert!(impact.body.contains(link), "{}", impact.body);
}
