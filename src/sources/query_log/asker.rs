//! Who asked for a query: from its user, and from the tags that tools put into texts, labels and jobs.
//!
//! In: an entry and the comments of its text. Out: an [`Asker`]. Of a comment only the fields of tags
//! that are known are taken; the rest is never kept.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::{Asker, LogEntry};

/// Longest name that is kept, in characters.
const LONGEST: usize = 200;

/// What decides who is a person.
#[derive(Clone, Debug, Default)]
pub struct AskerRules {
    /// Users that are no people; `*` is any run, case does not matter.
    pub service_accounts: Vec<String>,
    /// People behind what tools and the warehouse call them: `metabase:7`, `looker:12`, `JDOE`.
    pub people: BTreeMap<String, String>,
}

/// What a tag says.
#[derive(Default)]
struct Tag {
    tool: &'static str,
    /// A number that only the tool knows.
    user_id: Option<String>,
    person: Option<String>,
    object: Option<String>,
    scheduled: Option<bool>,
}

/// Who asked for `entry`; `comments` are those of its text, with their marks.
pub fn find_asker<'c>(entry: &LogEntry<'_>, comments: impl Iterator<Item = &'c str>, rules: &AskerRules) -> Asker {
    let tag = comments
        .filter_map(|comment| read_comment(bare(comment)))
        .next()
        .or_else(|| entry.tag.as_deref().and_then(|tag| read_comment(tag.trim())))
        .or_else(|| read_labels(&entry.labels));
    let user = entry.user.as_deref().map(str::trim).filter(|user| !user.is_empty());
    let is_service = user.is_some_and(|user| rules.service_accounts.iter().any(|pattern| matches(pattern, user)));
    let named = |key: &str| rules.people.get(key).cloned();
    let known_user = user.map(|user| named(user).unwrap_or_else(|| user.to_owned()));
    let tagged = tag.as_ref().and_then(|tag| {
        let by_id = tag.user_id.as_ref().map(|id| format!("{}:{id}", tag.tool));
        let by_id = by_id.map(|key| named(&key).unwrap_or(key));
        tag.person.as_ref().map(|person| named(person).unwrap_or_else(|| person.clone())).or(by_id)
    });
    let (person, via) = match (tagged, known_user) {
        (Some(person), Some(user)) => {
            let via = (person != user).then_some(user);
            (Some(person), via)
        }
        (Some(person), None) => (Some(person), None),
        (None, Some(user)) if is_service => (None, Some(user)),
        (None, user) => (user, None),
    };
    let scheduled = tag.as_ref().and_then(|tag| tag.scheduled).unwrap_or(person.is_none() && via.is_some());
    let told = entry.tool.as_deref().map(short_tool).filter(|tool| !tool.is_empty());
    let (tool, object) = match tag {
        Some(tag) => (Some(tag.tool.to_owned()), tag.object),
        None => (told, None),
    };
    Asker { person: person.map(shorten), via: via.map(shorten), tool: tool.map(shorten), object: object.map(shorten), scheduled }
}

fn shorten(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

/// The name of a client without its version: `psql`, `DBeaver`, `Tableau`.
fn short_tool(tool: &str) -> String {
    let end = tool.find(['/', '(', '[', ';']).unwrap_or(tool.len());
    let words = tool[..end].split_whitespace();
    let name: Vec<&str> = words.take_while(|word| !word.starts_with(|letter: char| letter.is_ascii_digit())).collect();
    name.join(" ").trim_end_matches([' ', '-', ',']).to_owned()
}

/// A comment without its marks.
fn bare(comment: &str) -> &str {
    let inside = match comment.strip_prefix("/*") {
        Some(rest) => rest.strip_suffix("*/").unwrap_or(rest),
        None => comment.trim_start_matches(['-', '#', '/']),
    };
    inside.trim()
}

fn read_comment(text: &str) -> Option<Tag> {
    if let Some(rest) = text.strip_prefix("Metabase::") {
        return Some(read_metabase(rest));
    }
    if let Some(rest) = text.strip_prefix("Looker Query Context") {
        let context = object(rest.trim().trim_matches('\''))?;
        let user_id = string(&context, &["user_id"]);
        return Some(Tag { tool: "looker", user_id, object: dashboard(&context), ..Tag::default() });
    }
    if let Some(rest) = text.strip_prefix("Hex query metadata:") {
        return read_hex(&object(rest)?);
    }
    if let Some(rest) = text.strip_prefix("Sigma Σ") {
        let fields = object(rest)?;
        let scheduled = string(&fields, &["kind"]).map(|kind| kind.contains("materialization") || kind.contains("schedule"));
        let place = string(&fields, &["sourceUrl", "url"]);
        return Some(Tag { tool: "sigma", person: string(&fields, &["email"]), object: place, scheduled, ..Tag::default() });
    }
    if let Some(rest) = text.strip_prefix("superset:") {
        return Some(read_superset(&object(rest)?));
    }
    if text.starts_with("Username:") && text.contains("query_id:") {
        return Some(read_redash(text));
    }
    read_object(&object(text)?)
}

/// Tags that are nothing but an object.
fn read_object(fields: &Map<String, Value>) -> Option<Tag> {
    if fields.get("app").and_then(Value::as_str).is_some_and(|app| app.eq_ignore_ascii_case("dbt")) {
        let node = string(fields, &["node_id", "connection_name"]);
        return Some(Tag { tool: "dbt", object: node, scheduled: Some(true), ..Tag::default() });
    }
    if fields.get("client").and_then(Value::as_str).is_some_and(|client| client.eq_ignore_ascii_case("metabase")) {
        let object = string(fields, &["dashboardId"])
            .map(|id| format!("dashboard:{id}"))
            .or_else(|| string(fields, &["cardId"]).map(|id| format!("card:{id}")));
        return Some(Tag { tool: "metabase", user_id: string(fields, &["userId"]), object, ..Tag::default() });
    }
    let tableau = fields.get("tableau-query-origins").and_then(Value::as_object);
    let has_luid = ["dashboard-luid", "workbook-luid", "worksheet-luid", "site-luid"].iter().any(|key| fields.contains_key(*key));
    if let Some(origins) = tableau.or(has_luid.then_some(fields)) {
        let named = |keys: &[&str], word: &str| string(origins, keys).map(|id| format!("{word}:{id}"));
        let object = named(&["dashboard-luid", "dashboard"], "dashboard")
            .or_else(|| named(&["workbook-luid", "workbook"], "workbook"))
            .or_else(|| named(&["worksheet-luid", "worksheet"], "worksheet"));
        return Some(Tag { tool: "tableau", user_id: string(origins, &["user-luid", "user"]), object, ..Tag::default() });
    }
    if fields.contains_key("email") && fields.contains_key("url") {
        let scheduled = fields.get("scheduled").map(|value| value.as_bool().unwrap_or(value.as_str() == Some("true")));
        let place = string(fields, &["url"]).map(|url| url.split(['?', '#']).next().unwrap_or_default().to_owned());
        return Some(Tag {
            tool: "mode",
            person: string(fields, &["email", "user"]),
            object: place,
            scheduled,
            ..Tag::default()
        });
    }
    None
}

/// `userID: 1 queryType: MBQL queryHash: …`, some with `dashboardID` and `cardID`.
fn read_metabase(text: &str) -> Tag {
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |key: &str| {
        let at = words.iter().position(|word| *word == key)?;
        words.get(at + 1).map(|value| value.trim_end_matches(',').to_owned())
    };
    let object =
        after("dashboardID:").map(|id| format!("dashboard:{id}")).or_else(|| after("cardID:").map(|id| format!("card:{id}")));
    Tag { tool: "metabase", user_id: after("userID:"), object, ..Tag::default() }
}

/// `Username: a@b, query_id: 42, Query Hash: …, Queue: …, Scheduled: False`.
fn read_redash(text: &str) -> Tag {
    let part = |key: &str| {
        let value = text.split(',').find_map(|part| part.trim().strip_prefix(key)?.strip_prefix(':'))?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty() && value != "None")
    };
    Tag {
        tool: "redash",
        person: part("Username").filter(|person| person != "Scheduled"),
        object: part("query_id").filter(|id| id != "adhoc").map(|id| format!("query:{id}")),
        scheduled: part("Scheduled").map(|scheduled| scheduled.eq_ignore_ascii_case("true")),
        ..Tag::default()
    }
}

fn read_hex(fields: &Map<String, Value>) -> Option<Tag> {
    let context = string(fields, &["context"]);
    Some(Tag {
        tool: "hex",
        person: string(fields, &["user_email"]),
        object: string(fields, &["project_id"]).map(|id| format!("project:{id}")),
        scheduled: context.map(|context| context.contains("SCHEDULED")),
        ..Tag::default()
    })
}

fn read_superset(fields: &Map<String, Value>) -> Tag {
    let object = string(fields, &["dashboard_id"])
        .map(|id| format!("dashboard:{id}"))
        .or_else(|| string(fields, &["slice_id", "chart_id"]).map(|id| format!("chart:{id}")));
    let scheduled = string(fields, &["report_schedule_id"]).map(|_| true);
    Tag { tool: "superset", person: string(fields, &["user", "username", "email"]), object, scheduled, ..Tag::default() }
}

/// Labels of jobs: schedulers and tools name themselves there.
fn read_labels(labels: &[(String, String)]) -> Option<Tag> {
    let get = |key: &str| labels.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    if let Some(dag) = get("airflow-dag") {
        let object = match get("airflow-task") {
            Some(task) => format!("dag:{dag}/{task}"),
            None => format!("dag:{dag}"),
        };
        return Some(Tag { tool: "airflow", object: Some(object), scheduled: Some(true), ..Tag::default() });
    }
    if get("data_source_id").is_some_and(|source| source == "scheduled_query") {
        return Some(Tag { tool: "scheduled query", scheduled: Some(true), ..Tag::default() });
    }
    if get("dbt_invocation_id").is_some() {
        let object = get("dbt_node_id").or_else(|| get("node_id"));
        return Some(Tag { tool: "dbt", object, scheduled: Some(true), ..Tag::default() });
    }
    if get("requestor").is_some_and(|requestor| requestor == "looker_studio") {
        let object = get("looker_studio_report_id").map(|id| format!("report:{id}"));
        return Some(Tag { tool: "looker studio", object, ..Tag::default() });
    }
    if get("trino-client-tag").is_some_and(|tag| tag.starts_with("airflow")) {
        return Some(Tag { tool: "airflow", scheduled: Some(true), ..Tag::default() });
    }
    let databricks = [
        ("databricks-job_info", "job", true),
        ("databricks-pipeline_info", "pipeline", true),
        ("databricks-alert_id", "alert", true),
        ("databricks-dashboard_id", "dashboard", false),
        ("databricks-legacy_dashboard_id", "dashboard", false),
        ("databricks-genie_space_id", "genie", false),
        ("databricks-notebook_id", "notebook", false),
    ];
    databricks.into_iter().find_map(|(key, word, scheduled)| {
        let object = Some(format!("{word}:{}", get(key)?));
        Some(Tag { tool: "databricks", object, scheduled: scheduled.then_some(true), ..Tag::default() })
    })
}

fn object(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim();
    if !text.starts_with('{') || text.len() > 1 << 16 {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// The first of `keys` with a text or number.
fn string(fields: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| match fields.get(*key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

fn dashboard(fields: &Map<String, Value>) -> Option<String> {
    string(fields, &["dashboard_id"]).map(|id| format!("dashboard:{id}"))
}

/// Whether `text` is as `pattern` says, in any case; `*` is any run.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
