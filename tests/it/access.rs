//! Who comes in: every address for everybody, sessions, tokens, proxies, https.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tower::ServiceExt;
use wellspring::{
    catalog::{Catalog, CrawlControl, NewPerson, NewToken, PersonChange},
    config::Config,
    model::{Role, Scope},
    web::{self, Access, Site},
};

use super::little_company;

const MART: &str = "/assets/bigquery/shop.marts.subscription_churn_monthly";
const PASSWORD: &str = "quiet-harbour-42";

/// A catalog that people sign in to.
pub(crate) struct Door {
    router: Router,
    pub(crate) catalog: Arc<Catalog>,
    _data: TempDir,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A door as `text` (TOML) says, with ana (admin), ed (editor), vi (viewer, who stands for a team).
pub(crate) async fn door(text: &str) -> Door {
    door_for(text, Some(PASSWORD)).await
}

/// The same, where everybody has `password`: hashing one takes a while.
async fn door_for(text: &str, password: Option<&str>) -> Door {
    let data = TempDir::new().unwrap();
    little_company::write(data.path()).await;
    let catalog = Arc::new(Catalog::open(data.path()).await.unwrap());
    for (name, role) in [("ana", Role::Admin), ("ed", Role::Editor), ("vi", Role::Viewer)] {
        let also = if name == "vi" { vec!["growth-analytics".to_owned()] } else { Vec::new() };
        let password = password.map(str::to_owned);
        catalog.add_person(NewPerson { name: name.to_owned(), role, password, also }).await.unwrap();
    }
    let config = Config::parse(text, std::path::Path::new("wellspring.toml")).unwrap();
    let site = Site {
        catalog: catalog.clone(),
        crawl: Arc::new(CrawlControl::default()),
        public: config.public_address().unwrap().map(Arc::new),
        access: Arc::new(Access::new(&config)),
    };
    Door { router: web::router(site), catalog, _data: data }
}

const SIGN_IN: &str = "access.sign_in = true";

impl Door {
    /// Asks from this machine.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Reply {
        self.ask_from("127.0.0.1", request).await
    }

    async fn ask_from(&self, peer: &str, mut request: Request<Body>) -> Reply {
        let peer: SocketAddr = format!("{peer}:4711").parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Reply { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub(crate) async fn get(&self, path: &str, cookie: &str) -> Reply {
        self.ask(Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, cookie: &str, form: &str) -> Reply {
        self.ask(post(path, form).header(header::COOKIE, cookie).body(Body::from(form.to_owned())).unwrap()).await
    }

    /// The cookie of a new session.
    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let reply = self.post("/sign-in", "", &format!("name={name}&password={PASSWORD}")).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
        cookie_of(&reply)
    }

    pub(crate) async fn token(&self, name: &str, scope: Scope) -> String {
        self.catalog.make_token(name, NewToken { label: "test".to_owned(), scope, days: 3 }).await.unwrap()
    }
}

fn post(path: &str, form: &str) -> axum::http::request::Builder {
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONTENT_LENGTH, form.len())
        .header("sec-fetch-site", "same-origin")
}

fn cookie_of(reply: &Reply) -> String {
    let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// Who reads at an address, and who changes something there; `-` where there is no such method.
/// `all`: everybody. `own`: whoever is signed in, `catalog` says what is theirs.
const MATRIX: &[(&str, &str, &str)] = &[
    ("/", "viewer", "-"),
    ("/account", "viewer", "-"),
    ("/account/password", "-", "viewer"),
    ("/account/sign-out", "-", "viewer"),
    ("/account/tokens", "-", "viewer"),
    ("/account/tokens/{id}/revoke", "-", "viewer"),
    ("/api/v1/assets/{namespace}/{name}", "viewer", "-"),
    ("/api/v1/assets/{namespace}/{name}/columns", "viewer", "-"),
    ("/api/v1/assets/{namespace}/{name}/columns/{column}", "viewer", "-"),
    ("/api/v1/assets/{namespace}/{name}/columns/{column}/explain", "viewer", "-"),
    ("/api/v1/assets/{namespace}/{name}/impact", "viewer", "-"),
    ("/api/v1/assets/{namespace}/{name}/remarks", "viewer", "viewer"),
    ("/api/v1/assets/{namespace}/{name}/statements", "viewer", "-"),
    ("/api/v1/assets/{namespace}/{name}/statements/{field}", "-", "editor"),
    ("/api/v1/assets/{namespace}/{name}/trace", "viewer", "-"),
    ("/api/v1/assets/{namespace}/{name}/usage", "viewer", "-"),
    ("/api/v1/audits", "viewer", "-"),
    ("/api/v1/audits/{number}", "viewer", "-"),
    ("/api/v1/bulk", "-", "editor"),
    ("/api/v1/conflicts", "viewer", "-"),
    ("/api/v1/conflicts/{id}", "viewer", "-"),
    ("/api/v1/conflicts/{id}/notes", "-", "editor"),
    ("/api/v1/coverage", "viewer", "-"),
    ("/api/v1/decisions", "viewer", "-"),
    ("/api/v1/deprecations", "viewer", "-"),
    ("/api/v1/diagnostics", "viewer", "-"),
    ("/api/v1/evidence", "viewer", "-"),
    ("/api/v1/findings", "viewer", "-"),
    ("/api/v1/governance", "viewer", "editor"),
    ("/api/v1/openapi.json", "all", "-"),
    ("/api/v1/owners", "viewer", "-"),
    ("/api/v1/query", "viewer", "-"),
    ("/api/v1/resolve", "viewer", "-"),
    ("/api/v1/runs", "viewer", "-"),
    ("/api/v1/scorecard", "viewer", "-"),
    ("/api/v1/search", "viewer", "-"),
    ("/api/v1/searches", "viewer", "-"),
    ("/api/v1/staleness", "viewer", "-"),
    ("/api/v1/statements", "viewer", "-"),
    ("/api/v1/statements/{number}/undo", "-", "editor"),
    ("/assets/{namespace}/{name}", "viewer", "-"),
    ("/assets/{namespace}/{name}/columns", "viewer", "-"),
    ("/assets/{namespace}/{name}/columns/{column}", "viewer", "-"),
    ("/assets/{namespace}/{name}/columns/{column}/explain", "viewer", "-"),
    ("/assets/{namespace}/{name}/columns/{column}/explain.md", "viewer", "-"),
    ("/assets/{namespace}/{name}/edit/{field}", "editor", "editor"),
    ("/assets/{namespace}/{name}/history", "viewer", "-"),
    ("/assets/{namespace}/{name}/impact", "viewer", "-"),
    ("/assets/{namespace}/{name}/impact.csv", "viewer", "-"),
    ("/assets/{namespace}/{name}/lineage", "viewer", "-"),
    ("/assets/{namespace}/{name}/lineage.csv", "viewer", "-"),
    ("/assets/{namespace}/{name}/lineage.mmd", "viewer", "-"),
    ("/assets/{namespace}/{name}/lineage.svg", "viewer", "-"),
    ("/assets/{namespace}/{name}/remarks", "-", "viewer"),
    ("/assets/{namespace}/{name}/sql", "viewer", "-"),
    ("/assets/{namespace}/{name}/usage", "viewer", "-"),
    ("/audits", "viewer", "-"),
    ("/audits/new", "viewer", "editor"),
    ("/audits/{number}", "viewer", "-"),
    ("/audits/{number}/close", "-", "editor"),
    ("/audits/{number}/decide", "-", "viewer"),
    ("/audits/{number}/items/{ordinal}", "viewer", "viewer"),
    ("/audits/{number}/report", "viewer", "-"),
    ("/audits/{number}/report.csv", "viewer", "-"),
    ("/bulk", "-", "viewer"),
    ("/bulk/apply", "-", "editor"),
    ("/conflicts", "viewer", "-"),
    ("/conflicts/{id}", "viewer", "-"),
    ("/conflicts/{id}/deprecate", "-", "editor"),
    ("/conflicts/{id}/endorse", "-", "editor"),
    ("/conflicts/{id}/notes", "-", "editor"),
    ("/conflicts/{id}/notes/{number}/undo", "-", "editor"),
    ("/coverage", "viewer", "-"),
    ("/crawl", "-", "editor"),
    ("/decisions", "viewer", "-"),
    ("/decisions/new", "viewer", "editor"),
    ("/decisions/{key}/edit", "viewer", "editor"),
    ("/deprecations", "viewer", "-"),
    ("/diagnostics", "viewer", "-"),
    ("/diagnostics/{code}", "viewer", "-"),
    ("/evidence", "viewer", "-"),
    ("/explain", "viewer", "-"),
    ("/feeds/assets/{namespace}/{name}", "viewer", "-"),
    ("/feeds/mine.atom", "viewer", "-"),
    ("/feeds/owners/{name}", "viewer", "-"),
    ("/feeds/search.atom", "viewer", "-"),
    ("/feeds/watched.atom", "viewer", "-"),
    ("/findings", "viewer", "-"),
    ("/findings.csv", "viewer", "-"),
    ("/findings/snooze", "-", "editor"),
    ("/go", "viewer", "-"),
    ("/healthz", "all", "-"),
    ("/help", "viewer", "-"),
    ("/help/api", "viewer", "-"),
    ("/hooks/crawl", "-", "all"),
    ("/impact", "viewer", "-"),
    ("/lineage", "viewer", "-"),
    ("/mine", "viewer", "-"),
    ("/owners", "viewer", "-"),
    ("/owners/by-name/{name}", "viewer", "-"),
    ("/owners/none", "viewer", "-"),
    ("/people", "admin", "admin"),
    ("/people/{person}", "admin", "admin"),
    ("/progress", "viewer", "-"),
    ("/query", "viewer", "-"),
    ("/remarks/{number}/answer", "-", "editor"),
    ("/runs", "viewer", "-"),
    ("/scorecard", "viewer", "-"),
    ("/search", "viewer", "-"),
    ("/searches", "viewer", "-"),
    ("/sign-in", "all", "all"),
    ("/sign-out", "-", "all"),
    ("/staleness", "viewer", "-"),
    ("/staleness.csv", "viewer", "-"),
    ("/statements", "viewer", "-"),
    ("/statements/governance.yaml", "viewer", "-"),
    ("/statements/{number}/undo", "-", "editor"),
    ("/static/{sum}/{name}", "all", "-"),
    ("/theme", "-", "all"),
    ("/watch", "-", "viewer"),
];

/// The address with its holes filled: of an asset that vi does not own.
fn filled(path: &str) -> String {
    let holes = [
        ("{namespace}", "bigquery"),
        ("{column}", "churn_rate"),
        ("{field}", "tags"),
        ("{code}", "syntax-error"),
        ("{person}", "vi"),
        ("{number}", "1"),
        ("{id}", "1"),
        ("{ordinal}", "1"),
        ("{key}", "plans"),
        ("{sum}", "0"),
    ];
    let mut filled = holes.iter().fold(path.to_owned(), |path, (hole, value)| path.replace(hole, value));
    let name = match path {
        path if path.starts_with("/owners") => "growth-analytics",
        path if path.starts_with("/static") => "app.css",
        _ => "shop.raw.billing_events",
    };
    filled = filled.replace("{name}", name);
    match path {
        "/go" | "/lineage" | "/impact" | "/explain" | "/api/v1/resolve" => filled + "?name=shop.raw.billing_events",
        _ => filled,
    }
}

/// Forms that say enough to be kept; "" where none does.
fn form_for(path: &str) -> &'static str {
    match path {
        "/bulk" => "field=tags&asset=bigquery%2Fshop.raw.billing_events",
        "/bulk/apply" => "field=tags&tags=x&asset=bigquery/shop.raw.billing_events",
        "/assets/{namespace}/{name}/edit/{field}" => "tags=x",
        "/assets/{namespace}/{name}/remarks" => "text=x",
        "/remarks/{number}/answer" => "answer=x",
        "/api/v1/assets/{namespace}/{name}/remarks" => "{\"text\": \"x\"}",
        "/api/v1/assets/{namespace}/{name}/statements/{field}" => "{\"value\": [\"x\"]}",
        "/api/v1/bulk" => {
            "{\"assets\": [{\"namespace\": \"bigquery\", \"name\": \"shop.raw.billing_events\"}], \"field\": \"tags\", \"value\": []}"
        }
        "/api/v1/governance" => "version: 1",
        "/watch" => "kind=owner&subject=x",
        "/sign-in" => "name=nobody&password=nothing-at-all",
        "/people/{person}" => "what=enable",
        _ => "",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_lets_in_whom_the_matrix_says_and_no_address_is_missing_in_it() {
    let listed: Vec<&str> = MATRIX.iter().map(|(path, _, _)| *path).collect();
    assert_eq!(web::addresses(), listed);
    let actors = ["nobody", "viewer", "editor", "admin", "bad token"];
    let mut asked = 0;
    let mut door = door_for(SIGN_IN, None).await;
    let mut keys = keys_of(&door).await;
    let mut is_changed = false;
    for (path, read, change) in MATRIX {
        let puts = *path == "/api/v1/assets/{namespace}/{name}/statements/{field}";
        let (posted, put) = if puts { (&"-", change) } else { (change, &"-") };
        // What one address does must not open or shut the next.
        if std::mem::replace(&mut is_changed, *change != "-") {
            door = door_for(SIGN_IN, None).await;
            keys = keys_of(&door).await;
        }
        for (method, who) in [(Method::GET, read), (Method::POST, posted), (Method::PUT, put), (Method::DELETE, put)] {
            for (at, actor) in actors.iter().enumerate() {
                let form = form_for(path);
                let mut request = Request::builder()
                    .method(method.clone())
                    .uri(filled(path))
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                if !keys[at].is_empty() {
                    request = request.header(header::AUTHORIZATION, format!("Bearer {}", keys[at]));
                }
                let reply = door.ask(request.body(Body::from(form)).unwrap()).await;
                asked += 1;
                let place = format!("{method} {path} as {actor}: {} {:.300}", reply.status, reply.body);
                check_headers(&place, &reply);
                let rank = ["viewer", "editor", "admin"].iter().position(|role| *role == *who);
                let may = match (rank, at) {
                    (None, _) => *who == "all",
                    (Some(_), 0 | 4) => false,
                    (Some(rank), at) => at > rank,
                };
                match (*who, may) {
                    ("-", _) => assert!(!reply.status.is_success(), "{place}"),
                    (_, true) => {
                        let signs_in = *path == "/sign-in" && method == Method::POST;
                        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&reply.status);
                        assert!(!refused || signs_in, "{place}");
                        assert!(!reply.status.is_server_error() && !leads_to_sign_in(&reply, path), "{place}");
                    }
                    (_, false) => {
                        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&reply.status);
                        assert!(refused || leads_to_sign_in(&reply, path), "{place}");
                        assert!(!reply.body.contains("subscription_id"), "{place}");
                    }
                }
            }
        }
    }
    println!("{} addresses, {asked} requests", MATRIX.len());
}

/// What nobody, vi, ed, ana and somebody with a bad token come with; and something that ed stated.
async fn keys_of(door: &Door) -> Vec<String> {
    let ed = wellspring::model::Actor { name: "ed".to_owned(), role: Role::Editor, scope: Scope::Admin, also: Vec::new() };
    state_tag(door, &ed).await;
    let mut keys = vec![String::new()];
    for name in ["vi", "ed", "ana"] {
        keys.push(door.token(name, Scope::Admin).await);
    }
    keys.push("wellspring_nothing".to_owned());
    keys
}

async fn state_tag(door: &Door, ed: &wellspring::model::Actor) {
    use wellspring::{
        catalog::{Edit, FieldChange},
        model::StatedValue,
    };
    let edit = Edit {
        namespace: "bigquery".to_owned(),
        name: "shop.raw.billing_events".to_owned(),
        column: String::new(),
        change: FieldChange::Set(StatedValue::Tags(vec!["first".to_owned()])),
        seen: None,
    };
    door.catalog.state(ed, vec![edit]).await.unwrap();
    door.catalog.remark(ed, ("bigquery", "shop.raw.billing_events"), "", "Is that net?").await.unwrap();
}

fn leads_to_sign_in(reply: &Reply, path: &str) -> bool {
    let location = reply.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
    path != "/sign-out" && location.is_some_and(|location| location.starts_with("/sign-in?back="))
}

/// What every answer carries (ASVS 5, V3).
fn check_headers(place: &str, reply: &Reply) {
    let policy = reply.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    for part in ["default-src 'self'", "form-action 'self'", "base-uri 'self'", "frame-ancestors 'none'", "object-src 'none'"] {
        assert!(policy.contains(part), "{place}");
    }
    assert!(!policy.contains("unsafe"), "{place}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(reply.headers[name], value, "{place}");
    }
    assert!(reply.headers.contains_key(header::CACHE_CONTROL), "{place}");
    assert!(!reply.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{place}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_a_password_and_ends_when_it_is_signed_out() {
    let door = door(SIGN_IN).await;
    let asked = door.get(&format!("{MART}?x=1"), "").await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER);
    assert_eq!(asked.headers[header::LOCATION], format!("/sign-in?back=%2F{}%3Fx%3D1", MART[1..].replace('/', "%2F")).as_str());
    let reply = door.post("/sign-in", "", &format!("name=+Ana&password={PASSWORD}&back={MART}")).await;
    assert_eq!((reply.status, &reply.headers[header::LOCATION]), (StatusCode::SEE_OTHER, &MART.parse().unwrap()));
    let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("session=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let cookie = cookie_of(&reply);
    assert_eq!(door.get(MART, &cookie).await.status, StatusCode::OK);
    assert!(door.get("/account", &cookie).await.body.contains("ana"));
    let secret = cookie.split('=').nth(1).unwrap();
    let database = std::fs::read(door._data.path().join("wellspring.db")).unwrap();
    let log = std::fs::read(door._data.path().join("wellspring.db-wal")).unwrap_or_default();
    for bytes in [database, log] {
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds(secret) && !holds(PASSWORD), "secrets are kept as hashes");
    }
    assert_eq!(door.post("/sign-out", &cookie, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(door.get(MART, &cookie).await.status, StatusCode::SEE_OTHER);
    for evil in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let reply = door.post("/sign-in", "", &format!("name=ana&password={PASSWORD}&back={evil}")).await;
        assert_eq!(reply.headers[header::LOCATION], "/", "{evil}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_ends_after_five_attempts_and_says_nothing_of_who_exists() {
    let door = door(SIGN_IN).await;
    for name in ["ed", "nobody"] {
        let first = door.post("/sign-in", "", &format!("name={name}&password=wrong-wrong")).await;
        assert_eq!(first.status, StatusCode::UNAUTHORIZED);
        assert!(first.body.contains("Name and password do not fit."));
        for _ in 0..4 {
            door.post("/sign-in", "", &format!("name={name}&password=wrong-wrong")).await;
        }
        let late = door.post("/sign-in", "", &format!("name={name}&password={PASSWORD}")).await;
        assert_eq!(late.status, StatusCode::TOO_MANY_REQUESTS);
    }
    door.sign_in("vi").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_change_nothing() {
    let door = door(SIGN_IN).await;
    let cookie = door.sign_in("ed").await;
    let url = "/assets/bigquery/shop.raw.billing_events/edit/tags";
    let foreign = [
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("origin", "https://evil.example"), ("host", "127.0.0.1:7171")],
        vec![("origin", "null"), ("host", "127.0.0.1:7171")],
        vec![("host", "127.0.0.1:7171")],
    ];
    for headers in foreign {
        let mut request = Request::post(url).header(header::COOKIE, &cookie);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let reply = door.ask(request.body(Body::from("tags=evil")).unwrap()).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let ours = Request::post(url).header(header::COOKIE, &cookie).header("origin", "http://127.0.0.1:7171");
    let reply = door.ask(ours.header("host", "127.0.0.1:7171").body(Body::from("tags=ours")).unwrap()).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_change_what_they_own_and_nothing_else() {
    let door = door(SIGN_IN).await;
    let cookie = door.sign_in("vi").await;
    let own = door.post(&format!("{MART}/edit/tags"), &cookie, "tags=mine").await;
    assert_eq!(own.status, StatusCode::SEE_OTHER, "{}", own.body);
    assert!(door.get(MART, &cookie).await.body.contains("/edit/owners"));
    let other = "/assets/bigquery/shop.raw.billing_events";
    assert_eq!(door.post(&format!("{other}/edit/tags"), &cookie, "tags=mine").await.status, StatusCode::FORBIDDEN);
    assert!(!door.get(other, &cookie).await.body.contains("/edit/owners"), "no pencils that do nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_reach_as_far_as_their_scope_and_end() {
    let door = door(SIGN_IN).await;
    let with = |token: String, method: Method, path: &'static str| {
        let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        door.ask(request.body(Body::from("tags=x")).unwrap())
    };
    let edit = "/assets/bigquery/shop.raw.billing_events/edit/tags";
    let read = door.token("ana", Scope::Read).await;
    assert_eq!(with(read.clone(), Method::GET, "/api/v1/owners").await.status, StatusCode::OK);
    assert_eq!(with(read.clone(), Method::POST, edit).await.status, StatusCode::FORBIDDEN);
    assert_eq!(with(read.clone(), Method::GET, "/people").await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        with(read.clone(), Method::POST, "/account/tokens").await.status,
        StatusCode::FORBIDDEN,
        "no token from a lesser one"
    );
    let write = door.token("ed", Scope::Write).await;
    assert_eq!(with(write.clone(), Method::POST, edit).await.status, StatusCode::SEE_OTHER);
    assert_eq!(with(write.clone(), Method::POST, "/account/tokens").await.status, StatusCode::FORBIDDEN);
    let feed = door.token("ana", Scope::Feed).await;
    assert_eq!(with(feed, Method::GET, "/api/v1/owners").await.status, StatusCode::FORBIDDEN);
    let id = door.catalog.tokens(Some("ana")).await.unwrap().last().unwrap().id;
    door.catalog.revoke_token(id, Some("ana")).await.unwrap();
    assert_eq!(with(read, Method::GET, "/api/v1/owners").await.status, StatusCode::UNAUTHORIZED);
    door.catalog.change_person("ed", PersonChange { disabled: Some(true), ..PersonChange::default() }).await.unwrap();
    assert_eq!(with(write, Method::GET, "/api/v1/owners").await.status, StatusCode::UNAUTHORIZED);
    for days in [0, 367] {
        let new = NewToken { label: "x".to_owned(), scope: Scope::Read, days };
        assert!(door.catalog.make_token("ana", new).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_a_proxy_are_believed_of_configured_addresses_alone() {
    let door =
        door("[access]\ntrusted_proxies = [\"10.0.0.0/24\"]\nuser_header = \"X-Forwarded-User\"\nnew_people = \"viewer\"\n")
            .await;
    let named = |name: &str, scheme: &str| {
        Request::get("/account").header("x-forwarded-user", name).header("x-forwarded-proto", scheme).body(Body::empty()).unwrap()
    };
    let reply = door.ask_from("10.0.0.7", named("ed", "https")).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    assert_eq!(
        door.ask_from("10.0.0.7", named("ed", "http")).await.status,
        StatusCode::FORBIDDEN,
        "the proxy does not say https"
    );
    assert_eq!(door.ask_from("10.0.1.7", named("ed", "https")).await.status, StatusCode::FORBIDDEN, "no proxy of ours");
    let here = door.ask_from("127.0.0.1", named("ana", "https")).await;
    assert_eq!(here.status, StatusCode::SEE_OTHER, "nobody is who they say they are");
    assert_eq!(door.ask_from("10.0.0.7", named("new@example.com", "https")).await.status, StatusCode::OK);
    let added = door.catalog.people().await.unwrap().into_iter().find(|person| person.name == "new@example.com").unwrap();
    assert_eq!((added.role, added.has_password), (Role::Viewer, false));
    door.catalog.change_person("ed", PersonChange { disabled: Some(true), ..PersonChange::default() }).await.unwrap();
    assert_eq!(door.ask_from("10.0.0.7", named("ed", "https")).await.status, StatusCode::SEE_OTHER);
    let form = format!("name=ana&password={PASSWORD}");
    let sent = post("/sign-in", &form).header("x-forwarded-proto", "https").body(Body::from(form.clone())).unwrap();
    let cookie = door.ask_from("10.0.0.7", sent).await.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-session=") && cookie.contains("; Secure") && cookie.contains("Path=/;"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_from_elsewhere_is_refused_unless_the_risk_is_taken_and_then_said() {
    let strict = door(SIGN_IN).await;
    let home = || Request::get("/sign-in").body(Body::empty()).unwrap();
    assert_eq!(strict.ask_from("192.168.1.9", home()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(strict.ask_from("127.0.0.1", home()).await.status, StatusCode::OK);
    let lax = door("[access]\nsign_in = true\ninsecure_http = true\n").await;
    let reply = lax.ask_from("192.168.1.9", home()).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.body.contains("plain http"), "every page warns");
    assert!(!lax.ask_from("127.0.0.1", home()).await.body.contains("plain http"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays_and_weak_passwords_do_not_come_in() {
    let door = door(SIGN_IN).await;
    let catalog = &door.catalog;
    for change in [
        PersonChange { role: Some(Role::Editor), ..PersonChange::default() },
        PersonChange { disabled: Some(true), ..PersonChange::default() },
    ] {
        assert!(catalog.change_person("ana", change).await.is_err());
    }
    for weak in ["short", "aaaaaaaaaaaaaaa", "ana-ana-ana-b", &"x1y2z".repeat(60)] {
        let change = PersonChange { password: Some(weak.to_owned()), ..PersonChange::default() };
        assert!(catalog.change_person("ana", change).await.is_err(), "{weak}");
    }
    let cookie = door.sign_in("ana").await;
    let changed = door.post("/account/password", &cookie, &format!("old={PASSWORD}&new=green-lantern-77")).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER);
    assert_eq!(door.get("/account", &cookie).await.status, StatusCode::SEE_OTHER, "its sessions ended");
    let added =
        catalog.add_person(NewPerson { name: "two words".into(), role: Role::Viewer, password: None, also: vec![] }).await;
    assert!(added.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_add_people_and_see_their_password_once() {
    let door = door(SIGN_IN).await;
    let cookie = door.sign_in("ana").await;
    let added = door.post("/people", &cookie, "name=New%40Example.com&role=editor&also=growth-team").await;
    assert_eq!(added.status, StatusCode::OK);
    assert_eq!(added.headers[header::CACHE_CONTROL], "no-store");
    let password = added.body.split("<code>").nth(1).unwrap().split("</code>").next().unwrap().to_owned();
    assert!(door.catalog.sign_in("new@example.com", &password).await.unwrap().is_some());
    assert!(!door.get("/people", &cookie).await.body.contains(&password));
    let again = door.post("/people", &cookie, "name=new%40example.com").await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    let out = door.post("/people/new@example.com", &cookie, "what=disable").await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert!(door.catalog.sign_in("new@example.com", &password).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_spoken_with_a_certificate_of_ones_own() {
    let door = door(SIGN_IN).await;
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (door._data.path().join("chain.pem"), door._data.path().join("key.pem"));
    std::fs::write(&cert, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config =
        Config::parse("access.sign_in = true\naccess.tls_cert = \"x\"\naccess.tls_key = \"y\"", "w.toml".as_ref()).unwrap();
    let site = Site {
        catalog: door.catalog.clone(),
        crawl: Arc::new(CrawlControl::default()),
        public: None,
        access: Arc::new(Access::new(&config)),
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let files = web::TlsFiles { cert: cert.clone(), key };
    let served = tokio::spawn(web::serve_tls(listener, site, files, async {
        stopped.await.ok();
    }));
    let form = format!("name=ana&password={PASSWORD}");
    let asked = tokio::task::spawn_blocking(move || {
        std::process::Command::new("curl")
            .args(["--silent", "--show-error", "--include", "--noproxy", "*", "--cacert"])
            .arg(&cert)
            .args(["--data", &form, &format!("https://localhost:{port}/sign-in")])
            .output()
    })
    .await
    .unwrap();
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    let Ok(asked) = asked else {
        eprintln!("SKIPPED: curl is missing");
        return;
    };
    let text = String::from_utf8_lossy(&asked.stdout).to_lowercase();
    assert!(text.contains("303"), "{text} {}", String::from_utf8_lossy(&asked.stderr));
    assert!(text.contains("set-cookie: __host-session=") && text.contains("; secure"), "{text}");
    assert!(text.contains("strict-transport-security: max-age=31536000"), "{text}");
}
