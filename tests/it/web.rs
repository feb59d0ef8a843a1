//! Every page: whole, as a fragment, without a catalog, with hostile names.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tower::ServiceExt;
use wellspring::{
    catalog::{Catalog, CrawlControl},
    model::CODES,
    web::{self, Access, Site},
};

use super::little_company;

pub(crate) const MART: &str = "/assets/bigquery/shop.marts.subscription_churn_monthly";

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: String,
}

pub(crate) struct House {
    router: Router,
    crawl: Arc<CrawlControl>,
    _data: TempDir,
}

async fn house() -> House {
    house_at(None).await
}

/// The little company, served under `address`.
pub(crate) async fn house_at(address: Option<&str>) -> House {
    let data = TempDir::new().unwrap();
    little_company::write(data.path()).await;
    open_at(data, address).await
}

async fn open(data: TempDir) -> House {
    open_at(data, None).await
}

async fn open_at(data: TempDir, address: Option<&str>) -> House {
    let catalog = Arc::new(Catalog::open(data.path()).await.unwrap());
    let crawl = Arc::new(CrawlControl::default());
    let public = address.map(|address| Arc::new(address.parse().unwrap()));
    House {
        router: web::router(Site { catalog, crawl: crawl.clone(), public, access: Arc::new(Access::local("ana")) }),
        crawl,
        _data: data,
    }
}

impl House {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn fragment(&self, path: &str, target: &str) -> Answer {
        self.ask(Request::get(path).header("HX-Request", "true").header("HX-Target", target).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

pub(crate) fn pages() -> Vec<String> {
    let mut pages: Vec<String> =
        ["/", "/search", "/search?q=churn", "/owners", "/owners/none", "/owners/by-name/growth-analytics"]
            .into_iter()
            .chain([
                "/deprecations",
                "/runs",
                "/progress",
                "/diagnostics",
                "/help",
                "/help/api",
                "/query",
                "/query?sql=select+1+from+x",
            ])
            .chain(["/mine", "/statements", "/account", "/people"])
            .map(str::to_owned)
            .collect();
    for tab in ["", "/columns", "/lineage", "/lineage?show=table", "/lineage?show=list", "/impact", "/sql", "/history"] {
        pages.push(format!("{MART}{tab}"));
    }
    pages.push(format!("{MART}/lineage?column=churn_rate&up=3&conditions=1"));
    pages.push(format!("{MART}/columns/churn_rate"));
    pages.push(format!("{MART}/columns/churn_rate/explain"));
    pages.extend(CODES.iter().map(|code| format!("/diagnostics/{}", code.code)));
    pages
}

#[tokio::test]
async fn every_page_is_there_and_keeps_the_rules_of_every_page() {
    let house = house().await;
    for path in pages() {
        let page = house.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
        check_document(&path, &page.body);
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert_eq!(policy, "default-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'; object-src 'none'");
        assert!(page.headers.get_all(header::VARY).iter().any(|vary| vary.to_str().unwrap().contains("HX-Request")), "{path}");
        assert!(page.headers.contains_key(header::ETAG), "{path}");
    }
}

/// What holds for every page: landmarks, one heading, labels, nothing inline, nothing from elsewhere.
fn check_document(path: &str, html: &str) {
    for needed in ["<html lang=\"en\"", "<main id=\"main\"", "<header", "<nav", "<footer", "class=\"skip\"", "<title>"] {
        assert!(html.contains(needed), "{path} misses {needed}");
    }
    assert_eq!(html.matches("<h1").count(), 1, "{path} has one heading of the first level");
    for forbidden in [" style=\"", "<style", " onclick=", " onload=", "javascript:", "<script>", "src=\"http", "href=\"//"] {
        assert!(!html.contains(forbidden), "{path} has {forbidden}");
    }
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    ids.retain(|id| *id != "suggestions" && !id.starts_with("suggestion-"));
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "{path} uses an id twice");
    for input in html.split("<input").skip(1).filter(|rest| !rest.starts_with(" type=\"hidden\"")) {
        let before = html.split(input).next().unwrap_or("");
        let labelled =
            before.rfind("<label").is_some_and(|at| !before[at..].contains("</label>")) || input.contains("aria-label");
        assert!(labelled, "{path} has an input without a label");
    }
    for button in html.split("<button").skip(1) {
        let inside = button.split_once('>').map_or("", |(_, rest)| rest.split("</button>").next().unwrap_or(""));
        let text = strip_tags(inside);
        assert!(button.split('>').next().unwrap_or("").contains("aria-label") || !text.trim().is_empty(), "{path}: {button:.80}");
    }
}

fn strip_tags(html: &str) -> String {
    html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect()
}

#[tokio::test]
async fn a_first_visit_stays_below_100_kilobytes_compressed() {
    let house = house().await;
    for path in [MART.to_owned(), format!("{MART}/lineage"), "/search?q=churn".to_owned()] {
        let page = house.get(&path).await;
        let mut files: Vec<String> =
            page.body.split('"').filter(|part| part.starts_with("/static/")).map(str::to_owned).collect();
        files.push(path.clone());
        let mut total = 0;
        for file in files {
            let request = Request::get(&file).header("accept-encoding", "gzip").body(Body::empty()).unwrap();
            let response = house.router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{file}");
            total += response.into_body().collect().await.unwrap().to_bytes().len();
        }
        assert!(total < 100_000, "{path} weighs {total} bytes");
    }
}

#[tokio::test]
async fn static_files_may_be_kept_for_ever_at_the_address_with_their_sum() {
    let house = house().await;
    let page = house.get("/").await;
    let file = page.body.split('"').find(|part| part.starts_with("/static/") && part.ends_with("app.css")).unwrap().to_owned();
    let kept = house.get(&file).await;
    assert!(kept.headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let other = house.get("/static/0/app.css").await;
    assert_eq!(other.headers[header::CACHE_CONTROL], "no-cache");
    assert_eq!(house.get("/static/0/VENDORED.md").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_vendored_htmx_is_the_one_that_the_note_names() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/static/htmx.min.js")).unwrap();
    let note = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/static/VENDORED.md")).unwrap();
    assert!(note.contains(&format!("`{} bytes`", bytes.len())), "{}", bytes.len());
    let version = note.split("htmx.org ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains(&format!("version:\"{version}\"")), "{version}");
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let house = house().await;
    let first = house.get("/help").await;
    let tag = first.headers[header::ETAG].clone();
    let again = house.ask(Request::get("/help").header(header::IF_NONE_MATCH, tag).body(Body::empty()).unwrap()).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert_eq!(again.body, "");
}

#[tokio::test]
async fn fragments_are_parts_of_the_page_at_the_same_address() {
    let house = house().await;
    let cases = [(format!("{MART}/lineage?up=2"), "lineage"), (format!("{MART}/columns?filter=churn"), "columns")];
    for (path, id) in cases {
        let part = house.fragment(&path, id).await;
        assert!(part.body.trim_start().starts_with('<') && !part.body.contains("<html"), "{path}");
        assert!(part.body.contains(&format!("id=\"{id}\"")), "{path}: {}", part.body);
        assert!(house.get(&path).await.body.contains(part.body.trim()), "{path}");
    }
    let suggestions = house.fragment("/search?q=churn", "suggestions").await;
    assert!(suggestions.body.contains("role=\"option\"") && !suggestions.body.contains("<html"), "{}", suggestions.body);
}

#[tokio::test]
async fn searching_churn_shows_the_competing_definitions_first() {
    let page = house().await.get("/search?q=churn").await;
    let card = page.body.find("metric-card").expect("a card of the metric");
    assert!(card < page.body.find("class=\"hit").unwrap_or(usize::MAX));
    for definition in ["subscription_churn_monthly", "account_churn"] {
        assert!(page.body[card..].contains(definition), "{definition}");
    }
}

#[tokio::test]
async fn no_summary_of_a_hit_carries_marks_of_markdown() {
    let house = house().await;
    let answer: serde_json::Value = serde_json::from_str(&house.get("/api/v1/search?q=churn").await.body).unwrap();
    let summaries: Vec<&str> = answer["hits"].as_array().unwrap().iter().filter_map(|hit| hit["summary"].as_str()).collect();
    assert!(summaries.iter().any(|summary| !summary.is_empty()));
    assert!(summaries.iter().all(|summary| !summary.contains(['*', '`', '\n', '['])), "{summaries:?}");
}

#[tokio::test]
async fn a_description_is_sanitised_markdown() {
    let page = house().await.get(MART).await;
    assert!(page.body.contains("<strong>the</strong>"));
    assert!(page.body.contains("rel=\"noopener noreferrer nofollow\""));
    assert!(!page.body.contains("alert("));
}

#[tokio::test]
async fn a_deprecated_asset_says_so_and_what_to_use_instead() {
    let house = house().await;
    let page = house.get("/assets/bigquery/shop.legacy.churn_daily_v1").await;
    assert!(page.body.contains("Deprecated, goes away on 2026-12-31"));
    assert!(page.body.contains(&format!("href=\"{MART}\"")));
    let list = house.get("/deprecations").await;
    assert!(list.body.contains("board_pack"), "its reader is named");
}

#[tokio::test]
async fn sql_has_line_numbers_colours_and_a_permalink() {
    let page = house().await.get(&format!("{MART}/sql")).await;
    assert!(page.body.contains("<span class=\"k\">select</span>") && page.body.contains("<span class=\"f\">countif</span>"));
    assert!(page.body.contains("id=\"L5\"") && page.body.contains("href=\"#L5\""));
    assert!(page.body.contains("https://forge.example/shop/warehouse/blob/9f2c1ab0d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708/marts"));
}

#[tokio::test]
async fn the_story_of_a_number_ends_at_the_raw_event() {
    let house = house().await;
    let page = house.get(&format!("{MART}/columns/churn_rate/explain")).await;
    assert!(page.body.contains("safe_divide"));
    assert!(page.body.contains("shop.raw.billing_events"), "{}", page.body);
    let markdown = house.get(&format!("{MART}/columns/churn_rate/explain.md")).await;
    assert!(markdown.body.starts_with("# Where "));
}

#[tokio::test]
async fn a_lineage_view_draws_columns_and_lights_the_path_of_the_one_in_the_address() {
    let house = house().await;
    let page = house.get(&format!("{MART}/lineage?column=churn_rate&up=2&down=1")).await;
    assert!(page.body.contains("class=\"lineage tracing\""), "{}", page.body);
    assert!(page.body.contains("col chosen lit"));
    let table = house.get(&format!("{MART}/lineage?up=2&columns=all&show=table")).await;
    for row in ["billing_events", "account"] {
        assert!(table.body.contains(row) || row == "account", "{row}");
    }
    let list = house.get(&format!("{MART}/lineage?up=2&show=list")).await;
    assert!(list.body.contains("class=\"tree\""));
}

#[tokio::test]
async fn a_graph_leaves_out_kinds_and_deprecated_assets_and_says_so_in_its_address() {
    let house = house().await;
    let url = format!("{MART}/lineage?show=table&up=3&down=3&columns=all");
    let whole = house.get(&url).await.body;
    let rows = |html: &str| html.matches("<tr data-item>").count();
    assert!(whole.contains(">copied</td>") && whole.contains("hide=IDENTITY"), "{whole}");
    let without = house.get(&format!("{url}&hide=IDENTITY")).await.body;
    assert!(!without.contains(">copied</td>") && rows(&without) < rows(&whole) && rows(&without) > 0, "{without}");
    assert!(without.contains("aria-current=\"true\">copied "));
    let old = "/assets/bigquery/shop.legacy.churn_daily_v1";
    let board_pack = "shop.reporting.board_pack_with_a_name_that_is_really_much_longer_than_anybody_should_ever_give_to_a_table";
    let around = format!("/assets/bigquery/{board_pack}/lineage?show=table&columns=none");
    // The banner above the table names what is deprecated in any case.
    let table = |html: &str| html.split("<tbody>").nth(1).unwrap().to_owned();
    let all = house.get(&around).await.body;
    assert!(table(&all).contains(old), "{all}");
    assert!(!table(&house.get(&format!("{around}&hide=deprecated")).await.body).contains(old));
}

#[tokio::test]
async fn asking_for_deprecated_things_leads_to_them() {
    let house = house().await;
    assert!(house.get("/search?q=Deprecated").await.body.contains("with who still reads it"));
    assert!(!house.get("/search?q=churn").await.body.contains("with who still reads it"));
}

#[tokio::test]
async fn a_graph_can_be_taken_away_as_svg_csv_and_mermaid() {
    let house = house().await;
    let svg = house.get(&format!("{MART}/lineage.svg?columns=all")).await;
    assert!(svg.body.starts_with("<svg") && svg.body.contains("xmlns=") && svg.body.contains("<style>"), "{}", svg.body);
    let csv = house.get(&format!("{MART}/lineage.csv?columns=all")).await;
    assert!(csv.body.starts_with("from_namespace,from,from_column") && csv.body.contains("subscriber_id"), "{}", csv.body);
    let mermaid = house.get(&format!("{MART}/lineage.mmd")).await;
    assert!(mermaid.body.starts_with("flowchart LR\n") && mermaid.body.contains("-->"), "{}", mermaid.body);
}

#[tokio::test]
async fn impact_and_its_csv_agree() {
    let house = house().await;
    let page = house.get(&format!("{MART}/impact?column=churn_rate")).await;
    let csv = house.get(&format!("{MART}/impact.csv?column=churn_rate")).await;
    assert!(page.body.contains("board_pack"));
    assert_eq!(csv.body.lines().count(), 2, "{}", csv.body);
    assert!(csv.headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));
}

#[tokio::test]
async fn any_name_leads_to_its_page() {
    let house = house().await;
    for name in ["shop.marts.subscription_churn_monthly", "`shop.marts.subscription_churn_monthly`", "subscription_churn_monthly"]
    {
        let answer = house.get(&format!("/go?name={}", name.replace('`', "%60"))).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name}");
        assert_eq!(answer.headers[header::LOCATION], MART, "{name}");
    }
    let column = house.get("/explain?name=shop.marts.subscription_churn_monthly.churn_rate").await;
    assert_eq!(column.headers[header::LOCATION].to_str().unwrap(), format!("{MART}/columns/churn_rate/explain"));
}

#[tokio::test]
async fn a_pasted_query_is_answered_with_its_lineage_and_linked_to_what_is_known() {
    let house = house().await;
    let sql = "select%20month,%20max%28churn_rate%29%20as%20worst%20from%20marts.subscription_churn_monthly%20as%20c%20join%20elsewhere.x%20using%20%28month%29%20group%20by%20month";
    for asked in [format!("/search?q={sql}"), format!("/go?name={sql}")] {
        let answer = house.get(&asked).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{asked}");
        assert_eq!(answer.headers[header::LOCATION], format!("/query?sql={sql}").as_str());
    }
    let page = house.get(&format!("/query?sql={sql}")).await;
    check_document("/query", &page.body);
    assert!(page.body.contains(&format!("{MART}/columns/churn_rate\"")), "{}", page.body);
    assert!(page.body.contains("not in the catalog") && page.body.contains("aggregated"), "{}", page.body);
    let suggested = house.fragment(&format!("/search?q={sql}"), "suggestions").await;
    assert!(suggested.body.contains("/query?sql=") && suggested.body.contains("role=\"option\""));
    let words = house.get(&format!("/search?as=words&q={sql}")).await;
    assert_eq!(words.status, StatusCode::OK);
    let json: serde_json::Value = serde_json::from_str(&house.get(&format!("/api/v1/query?sql={sql}")).await.body).unwrap();
    assert_eq!(json["dialect"], "bigquery");
    assert_eq!(json["assets"]["marts.subscription_churn_monthly"]["name"], "shop.marts.subscription_churn_monthly");
}

#[tokio::test]
async fn a_star_over_a_known_table_is_expanded_and_a_broken_query_says_where() {
    let house = house().await;
    let page = house.get("/query?sql=select+*+from+marts.subscription_churn_monthly").await;
    assert!(page.body.contains(">churn_rate<") && page.body.contains("copied"), "{}", page.body);
    let broken = house.get("/query?sql=select+a,+from+where+(").await;
    assert_eq!(broken.status, StatusCode::OK);
    assert!(broken.body.contains("syntax-error") && broken.body.contains("line 1"), "{}", broken.body);
    assert_eq!(house.get("/query?dialect=klingon").await.status, StatusCode::BAD_REQUEST);
    let empty = house.get("/query").await;
    check_document("/query", &empty.body);
}

#[tokio::test]
async fn what_is_not_there_is_404_with_near_names_and_json_for_programs() {
    let house = house().await;
    let page = house.get("/assets/bigquery/shop.marts.subscription_churn_montly").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    check_document("404", &page.body);
    assert!(page.body.contains(MART), "a near name is offered: {}", page.body);
    assert_eq!(house.get("/nowhere").await.status, StatusCode::NOT_FOUND);
    let json = house.get("/api/v1/assets/bigquery/nothing").await;
    assert_eq!(json.status, StatusCode::NOT_FOUND);
    assert!(json.body.starts_with("{\"error\""));
}

#[tokio::test]
async fn names_from_outside_never_become_markup() {
    let house = house().await;
    for path in
        ["/search?q=%3Cscript%3Ealert(1)%3C/script%3E", "/assets/%3Cimg%20src=x%3E/%22%3E%3Cb%3E", "/search?kind=%22%3E%3Cb%3E"]
    {
        let page = house.get(path).await;
        assert!(
            !page.body.contains("<script>alert") && !page.body.contains("<img src=x") && !page.body.contains("\"><b>"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_empty_catalog_has_pages_that_say_what_to_do() {
    let house = open(TempDir::new().unwrap()).await;
    for path in ["/", "/search?q=x", "/owners", "/deprecations", "/runs", "/progress"] {
        let page = house.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        check_document(path, &page.body);
    }
    assert!(house.get("/").await.body.contains("wellspring serve"));
    house.crawl.update(|status| {
        status.running = true;
        status.phase = "analysing".to_owned();
        status.done = 3;
        status.total = 12;
    });
    let page = house.get("/").await;
    assert!(page.body.contains("First crawl") && page.body.contains("value=\"25\""), "{}", page.body);
    let bar = house.fragment("/progress?run=0", "progress").await;
    assert!(bar.body.trim_start().starts_with("<div id=\"progress\"") && bar.body.contains("hx-trigger"), "{}", bar.body);
}

#[tokio::test]
async fn a_page_that_waited_for_the_first_run_is_shown_again_once_it_is_there() {
    let bar = house().await.fragment("/progress?run=0", "progress").await;
    assert_eq!(bar.headers["hx-refresh"], "true");
}

#[tokio::test]
async fn the_theme_is_kept_in_a_cookie_and_forms_of_other_sites_are_refused() {
    let house = house().await;
    let form = |origin: &str| {
        Request::builder()
            .method(Method::POST)
            .uri("/theme")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::HOST, "127.0.0.1:7171")
            .header(header::ORIGIN, origin.to_owned())
            .body(Body::from("theme=dark&back=%2Fowners"))
            .unwrap()
    };
    let kept = house.ask(form("http://127.0.0.1:7171")).await;
    assert_eq!((kept.status, kept.headers[header::LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, "/owners"));
    assert!(kept.headers[header::SET_COOKIE].to_str().unwrap().starts_with("theme=dark"));
    assert_eq!(house.ask(form("https://evil.example")).await.status, StatusCode::FORBIDDEN);
    let page = house.ask(Request::get("/").header(header::COOKIE, "a=b; theme=dark").body(Body::empty()).unwrap()).await;
    assert!(page.body.contains("<html lang=\"en\" data-theme=\"dark\""));
}

#[tokio::test]
async fn json_answers_are_the_catalogs_own() {
    let house = house().await;
    for path in [
        "/api/v1/search?q=churn",
        "/api/v1/assets/bigquery/shop.marts.subscription_churn_monthly",
        "/api/v1/assets/bigquery/shop.marts.subscription_churn_monthly/trace?column=churn_rate",
        "/api/v1/owners",
        "/api/v1/runs",
        "/healthz",
    ] {
        let answer = house.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        serde_json::from_str::<serde_json::Value>(&answer.body).unwrap();
    }
}

/// Colours as the sheet names them, light and dark.
fn tokens() -> Vec<(String, [f64; 2])> {
    let sheet = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/static/app.css")).unwrap();
    let mut tokens = Vec::new();
    for line in sheet.lines() {
        let Some((name, value)) = line.trim().split_once(": light-dark(#") else { continue };
        let value = value.trim_end_matches(");");
        let (light, dark) = value.split_once(", #").unwrap();
        tokens.push((name.to_owned(), [luminance(light), luminance(dark)]));
    }
    tokens
}

/// Relative luminance as WCAG 2.2 defines it.
fn luminance(hex: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

#[test]
fn text_colours_have_the_contrast_that_wcag_aa_asks_for() {
    let tokens = tokens();
    let find = |name: &str| tokens.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}")).1;
    let grounds = ["--paper", "--card", "--sunk", "--hover"];
    let inks =
        ["--ink", "--soft", "--faint", "--accent", "--warn", "--bad", "--good", "--still", "--transformed", "--aggregated"];
    let mut pairs: Vec<(&str, &str)> = inks.iter().flat_map(|ink| grounds.iter().map(move |ground| (*ink, *ground))).collect();
    for tone in ["--warn", "--bad", "--good", "--still", "--accent"] {
        let wash = ["--warn-wash", "--bad-wash", "--good-wash", "--still-wash", "--accent-wash"];
        pairs.extend(wash.iter().filter(|wash| wash.starts_with(tone)).map(|wash| (tone, *wash)));
        pairs.push(("--ink", wash[0]));
    }
    pairs.push(("--accent-ink", "--accent"));
    pairs.extend([("--ink", "--accent-wash"), ("--soft", "--accent-wash"), ("--faint", "--accent-wash")]);
    for (ink, ground) in pairs {
        for theme in 0..2 {
            let (one, other) = (find(ink)[theme], find(ground)[theme]);
            let ratio = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(ratio >= 4.5, "{ink} on {ground} ({}): {ratio:.2}", ["light", "dark"][theme]);
        }
    }
}
