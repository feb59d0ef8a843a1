//! `/api/v1/openapi.json` and `/help/api`: the JSON API described, for programs and for people.

use askama::Template;
use axum::{Json, response::Response};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        RefOr, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    api, api_audit, api_statements,
    error::PageError,
    extract::{Chrome, Visit},
    filters,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Wellspring", description = "What every number is made of, who owns it, and what people state of it.", version = "1"),
    paths(
        api::search, api::resolve, api::query, api::show_asset, api::show_columns, api::show_column, api::explain, api::trace,
        api::impact, api::owners, api::deprecations, api::runs, api::diagnostics,
        api::show_usage, api::staleness, api::evidence, api::scorecard, api::searches,
        api_statements::list_of_asset, api_statements::set_field, api_statements::withdraw_field, api_statements::list,
        api_statements::undo, api_statements::state_of_many, api_statements::export, api_statements::import,
        api_statements::list_remarks, api_statements::add_remark,
        api_audit::conflicts, api_audit::conflict, api_audit::note_conflict, api_audit::findings,
        api_audit::coverage, api_audit::decisions, api_audit::audits, api_audit::audit
    ),
    components(schemas(
        api_statements::FieldBody, api_statements::BulkBody, api_statements::NamedAsset, api_statements::RemarkBody,
        api_statements::Kept, api_audit::MetricNoteBody
    )),
    modifiers(&Tokens)
)]
struct Description;

/// Every address takes a token.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token, made under Account"));
        let components = description.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
        description.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    }
}

/// The description, as OpenAPI 3.1.
pub(super) async fn show_description() -> Json<utoipa::openapi::OpenApi> {
    Json(describe())
}

fn describe() -> utoipa::openapi::OpenApi {
    let mut description = Description::openapi();
    // Holes of a path are named by it alone: what they hold is the same everywhere.
    for (path, item) in &mut description.paths.paths {
        let holes: Vec<&str> = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten() {
            let parameters = operation.parameters.get_or_insert_with(Vec::new);
            parameters.retain(|parameter| named(parameter).is_some_and(|(name, _)| !holes.contains(&name.as_str())));
            for hole in holes.iter().rev() {
                parameters.insert(0, path_parameter(hole).into());
            }
        }
    }
    description
}

/// (name, what it is) of a parameter.
fn named(parameter: &RefOr<Parameter>) -> Option<(String, String)> {
    match parameter {
        RefOr::T(parameter) => Some((parameter.name.clone(), parameter.description.clone().unwrap_or_default())),
        RefOr::Ref(_) => None,
    }
}

fn path_parameter(name: &str) -> Parameter {
    let said = match name {
        "namespace" => "The warehouse or tool: `bigquery`, `snowflake://account`, …",
        "name" => "The whole name, percent-encoded",
        "column" => "The column; nested fields as a dotted path",
        "field" => "`owners`, `deprecation`, `certification`, `description`, `tags`, `tier` or `wrong`",
        _ => "The number",
    };
    ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True).description(Some(said)).build()
}

#[derive(Template)]
#[template(path = "pages/api.html")]
struct ApiPage {
    chrome: Chrome,
    groups: Vec<(String, Vec<Operation>)>,
}

/// One method of one address, as the page shows it.
struct Operation {
    method: &'static str,
    path: String,
    summary: String,
    /// (name, what it is).
    parameters: Vec<(String, String)>,
    /// (status, what it means).
    answers: Vec<(String, String)>,
    takes_body: bool,
}

/// Shows the description as a page.
pub(super) async fn show_page(visit: Visit) -> Result<Response, PageError> {
    let mut groups: Vec<(String, Vec<Operation>)> = Vec::new();
    for (path, item) in describe().paths.paths {
        for (method, operation) in [("GET", item.get), ("PUT", item.put), ("POST", item.post), ("DELETE", item.delete)] {
            let Some(operation) = operation else { continue };
            let tag = operation.tags.clone().and_then(|tags| tags.into_iter().next()).unwrap_or_default();
            let shown = show_operation(method, &path, operation);
            match groups.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, operations)) => operations.push(shown),
                None => groups.push((tag, vec![shown])),
            }
        }
    }
    // What is known of no other kind comes last.
    let order = ["find", "assets", "lineage", "governance", "catalog"];
    groups.sort_by_key(|(tag, _)| order.iter().position(|name| name == tag).unwrap_or(order.len()));
    visit.answer(&ApiPage { chrome: visit.chrome.clone(), groups })
}

fn show_operation(method: &'static str, path: &str, operation: utoipa::openapi::path::Operation) -> Operation {
    let parameters = operation.parameters.unwrap_or_default();
    let mut answers: Vec<(String, String)> = operation
        .responses
        .responses
        .into_iter()
        .filter_map(|(status, response)| match response {
            RefOr::T(response) => Some((status, plain(&response.description))),
            RefOr::Ref(_) => None,
        })
        .collect();
    answers.sort();
    Operation {
        method,
        path: path.to_owned(),
        summary: operation.summary.unwrap_or_default(),
        parameters: parameters.iter().filter_map(named).map(|(name, said)| (name, plain(&said))).collect(),
        answers,
        takes_body: operation.request_body.is_some(),
    }
}

/// Without the marks of code, which the page does not render.
fn plain(text: &str) -> String {
    text.replace('`', "")
}
