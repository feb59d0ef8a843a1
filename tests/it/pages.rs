//! Pages over a small crawled company with a query log and a second environment: the graph's choices, the
//! impact's filters, what people search for, and questions that make no sense.

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tower::ServiceExt;
use wellspring::{
    catalog::{Catalog, CrawlControl, SearchOutcome},
    config::Config,
    crawl::{Silent, crawl},
    web::{self, Access, Site},
};

/// 2026-06-01 10:00 UTC.
const MONDAY: i64 = 1_780_308_000;
const ORDERS: &str = "/assets/dw/shop.mart.orders";

const FILES: &[(&str, &str)] = &[
    ("raw.sql", "create table raw.orders (id int, amount int, country text); create table raw.rates (country text, rate int);"),
    (
        "orders.sql",
        "create table mart.orders as select o.id, o.amount * r.rate as amount, o.country from raw.orders o left join raw.rates r on o.country = r.country where o.id > 0;",
    ),
    ("daily.sql", "create table mart.daily as select country, sum(amount) as amount from mart.orders group by country;"),
    ("top.sql", "create view report.top as select country, amount from mart.daily;"),
    ("tmp.sql", "create table tmp.orders_test as select id from mart.orders;"),
    ("dev.sql", "create table dev.orders as select id, amount from mart.orders;"),
];

const CONFIG: &str = r#"
[[warehouse]]
name = "dw"
dialect = "postgres"
database = "shop"

[[source]]
name = "repo"
path = "repo"
warehouse = "dw"

[[log]]
name = "jobs"
path = "logs"
warehouse = "dw"

[[names]]
pattern = "shop.dev.*"
environment = "dev"
"#;

struct Company {
    router: Router,
    catalog: Arc<Catalog>,
    _folder: TempDir,
}

/// The company, with a log of `entries`: (query, time, user).
async fn company(extra: &str, entries: &[(&str, i64, &str)]) -> Company {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    FILES.iter().for_each(|(path, text)| write(&format!("repo/{path}"), text));
    let line = |(query, at, user): &(&str, i64, &str)| {
        let at = jiff::Timestamp::from_second(*at).unwrap();
        serde_json::json!({ "query": query, "timestamp": at.to_string(), "user": user, "status": "success" }).to_string()
    };
    write("logs/one.jsonl", &entries.iter().map(line).collect::<Vec<_>>().join("\n"));
    write("wellspring.toml", &format!("{extra}{CONFIG}"));
    let config = Config::load(&folder.path().join("wellspring.toml")).unwrap();
    open(config, folder).await
}

async fn open(config: Config, folder: TempDir) -> Company {
    let catalog = Arc::new(Catalog::open_as_configured(&folder.path().join("data"), &config.search).await.unwrap());
    let report = crawl(&config, catalog.store(), &Silent).await.unwrap();
    assert_eq!(report.failed, []);
    catalog.refresh().await.unwrap();
    let site = Site {
        catalog: catalog.clone(),
        crawl: Arc::new(CrawlControl::default()),
        public: None,
        access: Arc::new(Access::local("ana")),
    };
    Company { router: web::router(site), catalog, _folder: folder }
}

impl Company {
    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> String {
        let (status, body) = self.ask(path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}

/// Names of the nodes drawn.
fn nodes(page: &str) -> Vec<&str> {
    page.split("data-name=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn unescape(text: &str) -> String {
    text.replace("&amp;", "&").replace("&#38;", "&")
}

/// The address of the first link in `page` behind `before` whose address has `part`.
fn link_with(page: &str, part: &str) -> String {
    let mut links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    unescape(links.find(|link| unescape(link).contains(part)).unwrap_or_else(|| panic!("no link with {part} in {page}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_expanded_hidden_and_brought_back_by_links_alone() {
    let company = company("", &[]).await;
    let page = company.get("/assets/dw/shop.report.top/lineage").await;
    assert_eq!(nodes(&page), ["shop.mart.daily", "shop.report.top"]);
    let page = company.get(&link_with(&page, "at=dw%2Fshop.mart.daily")).await;
    assert!(page.contains("Choices of shop.mart.daily") && page.contains("0 of 1 shown"), "{page}");
    let page = company.get(&link_with(&page, "expand=up.2.dw%2Fshop.mart.daily")).await;
    assert_eq!(nodes(&page), ["shop.raw.orders", "shop.raw.rates", "shop.mart.orders", "shop.mart.daily", "shop.report.top"]);
    assert!(page.contains("1 of 1 shown"), "{page}");
    // Two steps from what is two steps away show nothing new; hiding leaves a mark that brings it back.
    let page = company.get(&link_with(&page, "at=dw%2Fshop.raw.rates")).await;
    let page = company.get(&link_with(&page, "without=dw%2Fshop.raw.rates")).await;
    assert_eq!(nodes(&page), ["shop.raw.orders", "shop.mart.orders", "shop.mart.daily", "shop.report.top"]);
    assert!(page.contains("show again"), "{page}");
    let back = page.split("show again").next().unwrap().rsplit("href=\"").next().unwrap().split('"').next().unwrap();
    assert!(nodes(&company.get(&unescape(back)).await).contains(&"shop.raw.rates"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_leaves_out_what_is_temporary_unused_or_of_another_environment() {
    let company = company("", &[("select * from shop.mart.daily", MONDAY, "ana")]).await;
    let lineage = format!("{ORDERS}/lineage");
    let all = company.get(&lineage).await;
    assert_eq!(
        nodes(&all),
        ["shop.raw.orders", "shop.raw.rates", "shop.mart.orders", "shop.dev.orders", "shop.mart.daily", "shop.tmp.orders_test"]
    );
    for (group, gone) in [("scratch", "shop.tmp.orders_test"), ("not-prod", "shop.dev.orders"), ("unused", "shop.raw.rates")] {
        assert!(all.contains(&format!("hide={group}")), "{group} is offered");
        let page = company.get(&format!("{lineage}?hide={group}")).await;
        assert!(!nodes(&page).contains(&gone) && nodes(&page).contains(&"shop.mart.orders"), "{group}: {:?}", nodes(&page));
    }
    let unused = company.get(&format!("{lineage}?hide=unused")).await;
    assert!(nodes(&unused).contains(&"shop.mart.daily"), "somebody asked for it");
    assert!(
        unused.contains("3 of 3") || unused.contains("nothing is hidden next to them"),
        "what is left out counts for nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn impact_is_narrowed_by_links_and_its_csv_says_the_same() {
    let company = company("", &[("select * from shop.mart.daily", MONDAY, "ana")]).await;
    let page = company.get(&format!("{ORDERS}/impact")).await;
    assert!(page.contains("4 assets depend on it"), "{page}");
    let narrowed = link_with(&page, "environment=-dev");
    let page = company.get(&narrowed).await;
    assert!(page.contains("3 of the 4 assets that depend on it"), "{page}");
    let csv = company.get(&link_with(&page, "impact.csv")).await;
    let names: Vec<&str> = csv.lines().skip(1).filter_map(|line| line.split(',').nth(3)).collect();
    assert_eq!(names, ["shop.mart.daily", "shop.tmp.orders_test", "shop.report.top"]);
    let used = company.get(&format!("{ORDERS}/impact.csv?used=yes")).await;
    assert!(used.contains("breaks,table,dw,shop.mart.daily,") && used.lines().count() == 2, "{used}");
    assert!(used.contains(",repo,prod,1,2026-06-01"), "{used}");
    let nothing = company.get(&format!("{ORDERS}/impact?kind=dashboard")).await;
    assert!(nothing.contains("Nothing passes these filters"), "{nothing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn searching_shows_the_environment_and_puts_prod_first() {
    let company = company("", &[]).await;
    let page = company.get("/search?q=orders").await;
    let at = |name: &str| page.find(&format!("title=\"{name}\"")).unwrap();
    assert!(at("shop.mart.orders") < at("shop.dev.orders"), "{page}");
    assert!(page.contains("environment=dev"), "{page}");
    let dev = company.get("/search?environment=dev").await;
    assert!(dev.contains("shop.dev.orders") && !dev.contains("title=\"shop.mart.orders\""), "{dev}");
    assert!(company.get("/assets/dw/shop.dev.orders").await.contains("title=\"environment\">dev</a>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_searched_and_opened_is_kept_and_told() {
    let company = company("", &[]).await;
    let page = company.get("/search?q=orders").await;
    let opened = link_with(&page, "/assets/dw/shop.mart.orders?from=");
    // Another site may lead there too, but nobody searched there.
    company.ask(&opened, &[("sec-fetch-site", "cross-site")]).await;
    company.get("/search?q=unheard%20of").await;
    company.catalog.keep_searches(jiff::Timestamp::now().as_second()).await.unwrap();
    let page = company.get("/searches").await;
    assert!(page.contains("unheard of") && page.contains("<dd>0 % <small>0</small></dd>"), "{page}");
    let (status, _) = company.ask(&opened, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(status, StatusCode::OK);
    company.catalog.keep_searches(jiff::Timestamp::now().as_second()).await.unwrap();
    let habits: serde_json::Value = serde_json::from_str(&company.get("/api/v1/searches").await).unwrap();
    assert_eq!(
        (habits["searches"].as_u64(), habits["opened"].as_u64(), habits["without_hit"].as_u64()),
        (Some(2), Some(1), Some(1))
    );
    assert_eq!((&habits["missing"][0]["query"], habits["missing"].as_array().unwrap().len()), (&"unheard of".into(), 1));
    assert!(!habits.to_string().contains("ana"), "who searched is nobody's business");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_of_searches_where_that_is_set() {
    let company = company("[search]\nrecord = false\n", &[]).await;
    assert!(!company.get("/search?q=orders").await.contains("from="));
    company.catalog.keep_searches(jiff::Timestamp::now().as_second()).await.unwrap();
    assert!(company.get("/searches").await.contains("No search was recorded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_from_a_search_to_a_query_of_the_same_person_is_told() {
    for users in ["keep", "hash"] {
        let log = [
            ("select amount from shop.mart.orders", MONDAY + 1_200, "Ana"),
            ("select country from shop.mart.daily", MONDAY + 300, "bo"),
            ("select 1 from shop.mart.daily", MONDAY + 90 * 3_600, "Ana"),
        ];
        let company = company(&format!("[search]\nusers = \"{users}\"\n"), &log).await;
        let catalog = &company.catalog;
        let outcome = SearchOutcome { hits: 5, relaxed: false };
        let search = |person: &str, words: &str, at: i64| catalog.note_search(person, words, outcome, at).unwrap();
        let ticket = search("ana", "amounts", MONDAY);
        catalog.note_opened("ana", &ticket, ("dw", "shop.mart.orders"), None, MONDAY + 60);
        catalog.note_opened("bo", &ticket, ("dw", "shop.mart.daily"), None, MONDAY + 60);
        let late = search("ana", "daily", MONDAY + 100);
        catalog.note_opened("ana", &late, ("dw", "shop.mart.daily"), None, MONDAY + 160);
        catalog.keep_searches(MONDAY).await.unwrap();
        let insight = catalog.view().scorecard().await.unwrap().insight;
        assert_eq!((insight.searches, insight.led_to_query, insight.median_minutes), (2, 1, Some(20)), "{users}");
        assert_eq!((insight.newest[0].query.as_str(), insight.newest[0].asset.name.as_str()), ("amounts", "shop.mart.orders"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_make_no_sense_are_refused_with_their_range() {
    let company = company("", &[]).await;
    let asset = "/api/v1/assets/dw/shop.mart.orders";
    for path in [
        format!("{asset}/trace?depth=10000"),
        format!("{asset}/trace?depth=-1"),
        format!("{asset}/trace?limit=-1"),
        format!("{asset}/trace?limit=x"),
        "/api/v1/search?q=orders&limit=-1".to_owned(),
        "/api/v1/search?q=orders&limit=100000".to_owned(),
        "/api/v1/search?q=orders&page=0".to_owned(),
        "/api/v1/statements?before=abc".to_owned(),
        "/api/v1/staleness?days=-3".to_owned(),
        format!("{ORDERS}/lineage?up=10000"),
        format!("{ORDERS}/lineage?down=-1"),
        format!("{ORDERS}/impact?page=-1"),
        "/search?q=orders&page=99999999999999999999".to_owned(),
        "/statements?before=x".to_owned(),
        "/staleness?coverage=101".to_owned(),
    ] {
        let (status, body) = company.ask(&path, &[]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {body}");
        let key = path.rsplit(['?', '&']).next().unwrap().split('=').next().unwrap();
        assert!(body.contains(key), "{path} names what is wrong: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_words_are_answered() {
    let company = company("", &[]).await;
    let long = "a".repeat(10_000);
    let many = "orders ".repeat(1_400);
    for words in [
        long.as_str(),
        many.trim(),
        "\"orders",
        "((('",
        "مرحبا بالعالم",
        "שלום",
        "🛒 orders",
        "\u{202e}sredro",
        "%00",
        "-",
        "+",
        "owner:",
    ] {
        let encoded: String = words.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [format!("/search?q={encoded}"), format!("/api/v1/search?q={encoded}"), format!("/go?name={encoded}")] {
            let (status, body) = company.ask(&path, &[]).await;
            assert!(
                status.is_success() || status.is_redirection() || status == StatusCode::NOT_FOUND,
                "{words:.20}: {status} {body:.200}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_asset_or_column_is_told_with_the_nearest_names() {
    let company = company("", &[]).await;
    for (path, near) in [
        ("/assets/dw/shop.mart.order", "shop.mart.orders"),
        ("/assets/dw/shop.mart.orders/columns/amuont", "amount"),
        ("/api/v1/assets/dw/shop.mart.order", "shop.mart.orders"),
    ] {
        let (status, body) = company.ask(path, &[]).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(body.contains(near), "{path}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_two_thousand_columns_is_drawn_in_part_and_leads_to_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<String> = (0..2_000).map(|at| format!("c{at} int")).collect();
    let names: Vec<String> = (0..2_000).map(|at| format!("c{at}")).collect();
    let path: &Path = folder.path();
    std::fs::create_dir_all(path.join("repo")).unwrap();
    std::fs::write(path.join("repo/wide.sql"), format!("create table raw.wide ({});", columns.join(", "))).unwrap();
    std::fs::write(path.join("repo/copy.sql"), format!("create table mart.copy as select {} from raw.wide;", names.join(", ")))
        .unwrap();
    std::fs::create_dir_all(path.join("logs")).unwrap();
    std::fs::write(path.join("wellspring.toml"), CONFIG).unwrap();
    let config = Config::load(&path.join("wellspring.toml")).unwrap();
    let company = open(config, folder).await;
    let page = company.get("/assets/dw/shop.mart.copy/lineage?columns=all").await;
    assert_eq!(page.matches("data-column=").count(), 80, "forty of each");
    assert!(page.contains("+ 1,960 columns") && page.contains("href=\"/assets/dw/shop.raw.wide/columns\""), "{page:.2000}");
    let followed = company.get("/assets/dw/shop.mart.copy/lineage?column=c1999").await;
    assert!(followed.contains("col chosen lit"), "any of them can be followed");
    for path in ["lineage?column=c1999", "impact?column=c1999"] {
        let page = company.get(&format!("/assets/dw/shop.raw.wide/{path}")).await;
        assert!(page.contains("<input id=\"column\"") && page.contains("value=\"c1999\""), "so many are typed, not picked");
        assert_eq!(page.matches("<option value=\"c").count(), 300, "{path} offers some of them");
    }
}
