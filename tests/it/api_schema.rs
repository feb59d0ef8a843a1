//! What the JSON API says of its answers holds of real ones: every field is described, nothing described
//! as required is missing, and nothing else is there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use wellspring::{
    catalog::{Catalog, CrawlControl},
    config::Config,
    crawl::{Silent, crawl},
    web::{self, Access, Site},
};

const CHURN: &str = "/api/v1/assets/bigquery/tidemark.growth_reporting.churn_monthly";
const EVENTS: &str = "/api/v1/assets/bigquery/tidemark.raw.billing_events";

/// (address as the description writes it, address asked).
const QUESTIONS: &[(&str, &str)] = &[
    ("/api/v1/search", "/api/v1/search?q=churn"),
    ("/api/v1/search", "/api/v1/search?q=%2Bchurn_monthly"),
    ("/api/v1/search", "/api/v1/search?q=chrun+ratte"),
    ("/api/v1/resolve", "/api/v1/resolve?name=churn_monthly"),
    ("/api/v1/resolve", "/api/v1/resolve?name=churn_montly"),
    ("/api/v1/query", "/api/v1/query?sql=select+churn_rate,+nothing+from+tidemark.growth_reporting.churn_monthly+where+x+=+1"),
    ("/api/v1/assets/{namespace}/{name}", CHURN),
    ("/api/v1/assets/{namespace}/{name}", EVENTS),
    ("/api/v1/assets/{namespace}/{name}", "/api/v1/assets/bigquery/tidemark.legacy.churn_daily_v1"),
    ("/api/v1/assets/{namespace}/{name}/columns", "CHURN/columns"),
    ("/api/v1/assets/{namespace}/{name}/columns/{column}", "CHURN/columns/churn_rate"),
    ("/api/v1/assets/{namespace}/{name}/columns/{column}/explain", "CHURN/columns/churn_rate/explain"),
    ("/api/v1/assets/{namespace}/{name}/trace", "CHURN/trace?column=churn_rate"),
    ("/api/v1/assets/{namespace}/{name}/trace", "EVENTS/trace?down=1"),
    ("/api/v1/assets/{namespace}/{name}/impact", "EVENTS/impact"),
    ("/api/v1/assets/{namespace}/{name}/usage", "CHURN/usage"),
    ("/api/v1/assets/{namespace}/{name}/remarks", "CHURN/remarks"),
    ("/api/v1/assets/{namespace}/{name}/statements", "CHURN/statements"),
    ("/api/v1/statements", "/api/v1/statements"),
    ("/api/v1/owners", "/api/v1/owners"),
    ("/api/v1/deprecations", "/api/v1/deprecations"),
    ("/api/v1/staleness", "/api/v1/staleness"),
    ("/api/v1/evidence", "/api/v1/evidence?state=observed"),
    ("/api/v1/scorecard", "/api/v1/scorecard"),
    ("/api/v1/searches", "/api/v1/searches"),
    ("/api/v1/runs", "/api/v1/runs"),
    ("/api/v1/audits", "/api/v1/audits"),
    ("/api/v1/conflicts", "/api/v1/conflicts"),
    ("/api/v1/coverage", "/api/v1/coverage"),
    ("/api/v1/decisions", "/api/v1/decisions"),
    ("/api/v1/findings", "/api/v1/findings"),
    ("/api/v1/diagnostics", "/api/v1/diagnostics"),
];

async fn ask(router: &Router, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = Request::builder().method(method).uri(path).header("sec-fetch-site", "same-origin").body(body).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn real_answers_are_as_the_description_says() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/wellspring.toml");
    let config = Config { data: Some(PathBuf::from(folder.path())), ..Config::load(&demo).unwrap() };
    let catalog = Arc::new(Catalog::open(folder.path()).await.unwrap());
    crawl(&config, catalog.store(), &Silent).await.unwrap();
    catalog.refresh().await.unwrap();
    let router = web::router(Site {
        catalog: catalog.clone(),
        crawl: Arc::new(CrawlControl::default()),
        public: None,
        access: Arc::new(Access::local("ana")),
    });
    for (asset, field, value) in [
        (CHURN, "owners", json!([{ "name": "team-a", "type": "steward" }])),
        (CHURN, "certification", json!({ "note": "checked" })),
        (CHURN, "tier", json!("aggregated")),
        (CHURN, "tags", json!(["finance"])),
        (CHURN, "deprecation", json!({ "note": "old", "date": "2027-01-01", "replacement": "finance_reporting.churn" })),
        (EVENTS, "wrong", json!({ "since": "2026-01-02", "because": "twice" })),
    ] {
        let (status, said) = ask(&router, Method::PUT, &format!("{asset}/statements/{field}"), &json!({ "value": value })).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    }
    ask(&router, Method::POST, &format!("{CHURN}/remarks"), &json!({ "text": "unclear" })).await;
    let (_, described) = ask(&router, Method::GET, "/api/v1/openapi.json", &Value::Null).await;
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, question) in QUESTIONS {
        let question = question.replace("CHURN", CHURN).replace("EVENTS", EVENTS);
        let (status, answer) = ask(&router, Method::GET, &question, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{question}: {answer}");
        let schema = &described["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(!schema.is_null(), "{path} describes its answer");
        let mut wrong = Vec::new();
        Checker { described: &described }.check(schema, &answer, "answer", &mut wrong);
        assert!(wrong.is_empty(), "{question}:\n{}", wrong.join("\n"));
        *asked.entry(path).or_default() += 1;
    }
    let gets = described["paths"].as_object().unwrap().iter().filter(|(_, item)| item.get("get").is_some());
    // What is told of single audits and conflicts is not spelled out; governance is a file.
    let is_other = |path: &str| path.ends_with("governance") || path.ends_with("{number}") || path.ends_with("{id}");
    let unasked: Vec<&String> =
        gets.map(|(path, _)| path).filter(|path| !asked.contains_key(path.as_str()) && !is_other(path)).collect();
    assert!(unasked.is_empty(), "{unasked:?}");
}

#[test]
fn a_field_that_is_not_described_and_one_that_is_missing_are_found() {
    let described = json!({ "components": { "schemas": { "Name": { "type": "string", "enum": ["a"] } } } });
    let schema = json!({
        "type": "object", "required": ["name"],
        "properties": { "name": { "$ref": "#/components/schemas/Name" }, "n": { "type": ["integer", "null"] } },
    });
    let wrong = |answer: Value| {
        let mut wrong = Vec::new();
        Checker { described: &described }.check(&schema, &answer, "x", &mut wrong);
        wrong.len()
    };
    assert_eq!(wrong(json!({ "name": "a", "n": null })), 0);
    assert_eq!(wrong(json!({ "n": 1 })), 1);
    assert_eq!(wrong(json!({ "name": "b", "n": "x", "odd": 1 })), 3);
}

/// Holds values against schemas, as far as the description uses them.
struct Checker<'a> {
    described: &'a Value,
}

impl<'a> Checker<'a> {
    fn check(&self, schema: &'a Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let schema = self.resolve(schema);
        for key in ["oneOf", "anyOf"] {
            let Some(kinds) = schema[key].as_array() else { continue };
            let fits = |kind: &'a Value| {
                let mut wrong = Vec::new();
                self.check(kind, value, at, &mut wrong);
                wrong
            };
            let tried: Vec<Vec<String>> = kinds.iter().map(fits).collect();
            if !tried.iter().any(Vec::is_empty) {
                wrong.push(format!("{at} is none of {} kinds: {:?}", kinds.len(), tried.iter().min_by_key(|tried| tried.len())));
            }
            return;
        }
        if let Some(words) = schema["enum"].as_array().filter(|words| !words.contains(value)) {
            wrong.push(format!("{at} is {value}, none of {words:?}"));
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is_of = |kind: &str| match kind {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            _ => value.is_object(),
        };
        if !types.is_empty() && !types.iter().any(|kind| is_of(kind)) {
            wrong.push(format!("{at} is {value:.60}, no {types:?}"));
            return;
        }
        match value {
            Value::Array(items) => {
                let places = schema["prefixItems"].as_array();
                for (at_item, item) in items.iter().enumerate() {
                    let schema = places.and_then(|places| places.get(at_item)).or(schema.get("items"));
                    if let Some(schema) = schema.filter(|schema| schema.is_object()) {
                        self.check(schema, item, &format!("{at}[{at_item}]"), wrong);
                    }
                }
            }
            Value::Object(fields) => self.check_object(schema, fields, at, wrong),
            _ => {}
        }
    }

    fn check_object(&self, schema: &'a Value, fields: &serde_json::Map<String, Value>, at: &str, wrong: &mut Vec<String>) {
        let (mut properties, mut required) = (BTreeMap::new(), Vec::new());
        let is_free = !self.gather(schema, &mut properties, &mut required);
        for name in required.iter().filter(|name| !fields.contains_key(**name)) {
            wrong.push(format!("{at}.{name} is missing"));
        }
        for (name, value) in fields {
            match properties.get(name.as_str()) {
                Some(schema) => self.check(schema, value, &format!("{at}.{name}"), wrong),
                None if is_free => {
                    if let Some(schema) = schema.get("additionalProperties").filter(|schema| schema.is_object()) {
                        self.check(schema, value, &format!("{at}.{name}"), wrong);
                    }
                }
                None => wrong.push(format!("{at}.{name} is not described")),
            }
        }
    }

    /// Gathers the properties of a schema and of those that it is made of; says whether it has any.
    fn gather(&self, schema: &'a Value, properties: &mut BTreeMap<&'a str, &'a Value>, required: &mut Vec<&'a str>) -> bool {
        let schema = self.resolve(schema);
        let own = schema["properties"].as_object();
        properties.extend(own.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)));
        required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
        let mut is_made_of = false;
        for part in schema["allOf"].as_array().into_iter().flatten() {
            is_made_of |= self.gather(part, properties, required);
        }
        own.is_some() || is_made_of
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/")) {
            Some(name) => {
                let found = &self.described["components"]["schemas"][name];
                assert!(!found.is_null(), "{name} is described");
                found
            }
            None => schema,
        }
    }
}
