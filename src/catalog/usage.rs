//! Who uses an asset, and how: from query logs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{AssetRef, CatalogError, Result, View};
use crate::{
    model::{Asker, AssetId, RunNumber},
    store::{LogDay, QueryUse, Store, UsageSummary},
};

/// Days that a usage page looks back over.
pub const USAGE_DAYS: i64 = 90;
/// Askers and columns that an answer holds.
const LISTED: usize = 25;

/// How an asset is used.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct UsageAnswer {
    /// How far the logs of its warehouse reach.
    pub coverage: LogReach,
    /// Queries by people in the last 30 days covered.
    pub interactive_30: u64,
    /// Scheduled queries in the last 30 days covered.
    pub scheduled_30: u64,
    /// Distinct people in the last 30 days covered.
    pub people_30: u32,
    /// Distinct people in the last 90 days covered.
    pub people_90: u32,
    /// Queries that failed in the last 30 days covered.
    pub errors_30: u64,
    /// The last query of a person, seconds since 1970 UTC.
    pub last_human: Option<i64>,
    /// The last scheduled query that read it.
    pub last_scheduled: Option<i64>,
    /// The last statement that wrote it.
    pub last_write: Option<i64>,
    /// Every day of the last 90 covered, oldest first.
    pub days: Vec<UsageDay>,
    /// People who asked, most queries first.
    pub people: Vec<PersonUse>,
    /// Tools, dashboards, models and schedules that asked, most queries first.
    pub tools: Vec<ToolUse>,
    /// Who writes it, the last first.
    pub writers: Vec<ToolUse>,
    /// Its columns in queries, most queries first.
    pub columns: Vec<ColumnUse>,
    /// Queries without literals, as people really use it.
    pub queries: Vec<QueryUse>,
    /// What is read together with it: (asset, queries).
    pub together: Vec<(AssetRef, u64)>,
}

/// How far logs reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LogReach {
    /// The first day with an entry, seconds since 1970 UTC.
    pub first: Option<i64>,
    /// The last day with an entry.
    pub last: Option<i64>,
    /// Days with entries among the last 90.
    pub days: u32,
}

/// One day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UsageDay {
    /// Its start, seconds since 1970 UTC.
    pub at: i64,
    /// Queries by people.
    pub interactive: u64,
    /// Scheduled queries.
    pub scheduled: u64,
    /// Queries that failed.
    pub errors: u64,
}

/// How much a person asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PersonUse {
    /// Who.
    pub person: String,
    /// Queries.
    pub runs: u64,
    /// The last, seconds since 1970 UTC.
    pub last: i64,
    /// Through which tools, sorted.
    pub tools: Vec<String>,
}

/// How much was asked through or for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ToolUse {
    /// The tool; "" where none is known.
    pub tool: String,
    /// What in it: a dashboard, a model, a DAG.
    pub object: String,
    /// The account that the warehouse saw.
    pub account: String,
    /// Whether a schedule ran it.
    pub scheduled: bool,
    /// Queries.
    pub runs: u64,
    /// Those that failed.
    pub errors: u64,
    /// The last, seconds since 1970 UTC.
    pub last: i64,
}

/// How much a column is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ColumnUse {
    /// Its name.
    pub column: String,
    /// Queries by people that name it.
    pub interactive: u64,
    /// Scheduled queries that name it.
    pub scheduled: u64,
    /// What is done with it: `value`, `filter`, `join`, `group`, `sort`.
    pub how: Vec<&'static str>,
}

impl LogReach {
    /// Of the days covered, as far as the last 90 are concerned.
    pub(super) fn of(days: &[LogDay]) -> LogReach {
        let Some(last) = days.last().map(|day| day.day) else { return LogReach::default() };
        let within = days.iter().filter(|day| day.day > last - USAGE_DAYS).count();
        LogReach { first: days.first().map(|day| day.day * 86_400), last: Some(last * 86_400), days: within as u32 }
    }

    /// Whether any log was read.
    pub fn is_some(&self) -> bool {
        self.last.is_some()
    }
}

/// Days that logs cover, by the warehouse that they are of.
pub(super) async fn load_coverage(store: &Store, run: RunNumber) -> Result<BTreeMap<String, Vec<LogDay>>> {
    let mut coverage: BTreeMap<String, BTreeMap<i64, LogDay>> = BTreeMap::new();
    for (source, _, settings) in store.logs_of(run).await? {
        let read: serde_json::Value =
            serde_json::from_str(&settings).map_err(|cause| CatalogError::broken("how a log was read", cause))?;
        let Some(warehouse) = read.pointer("/1/name").and_then(serde_json::Value::as_str) else { continue };
        let days = coverage.entry(warehouse.to_owned()).or_default();
        for day in store.log_days(Some(source)).await? {
            let known = days.entry(day.day).or_insert(LogDay { entries: 0, errors: 0, ..day });
            known.entries += day.entries;
            known.errors += day.errors;
        }
    }
    Ok(coverage.into_iter().map(|(warehouse, days)| (warehouse, days.into_values().collect())).collect())
}

impl View {
    /// How the asset called `name` is used.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is none.
    pub async fn show_usage(&self, namespace: &str, name: &str) -> Result<UsageAnswer> {
        let found = self.show_asset(namespace, name).await?.asset;
        let asset = self.assets.iter().find(|asset| *asset.namespace == *found.namespace && *asset.name == *found.name);
        let Some(asset) = asset.map(|asset| asset.id) else { return Ok(UsageAnswer::default()) };
        self.usage_of(asset, &found.namespace).await
    }

    async fn usage_of(&self, asset: AssetId, namespace: &str) -> Result<UsageAnswer> {
        let coverage = self.log_reach(namespace);
        let last = coverage.last.map_or(0, |last| last / 86_400);
        let used = self.store.asset_use(self.run, asset, last + 1 - USAGE_DAYS).await?;
        let summary = self.usage_summary(asset);
        let mut answer = UsageAnswer {
            interactive_30: summary.interactive_30,
            scheduled_30: summary.scheduled_30,
            people_30: summary.people_30,
            people_90: summary.people_90,
            errors_30: summary.errors_30,
            last_human: summary.last_human,
            last_scheduled: summary.last_scheduled,
            last_write: summary.last_write,
            queries: used.queries,
            writers: used.writers.into_iter().map(tool_use).collect(),
            together: used.together.into_iter().map(|(asset, runs)| (self.point_at(&asset), runs)).collect(),
            ..UsageAnswer::default()
        };
        if coverage.is_some() {
            let first = last + 1 - USAGE_DAYS;
            answer.days = (first..=last).map(|day| UsageDay { at: day * 86_400, ..UsageDay::default() }).collect();
            for (day, scheduled, runs, errors) in used.days {
                let Some(slot) = usize::try_from(day - first).ok().and_then(|at| answer.days.get_mut(at)) else { continue };
                *(if scheduled { &mut slot.scheduled } else { &mut slot.interactive }) += runs;
                slot.errors += errors;
            }
        }
        (answer.people, answer.tools) = gather_askers(used.askers);
        answer.columns = used.columns.into_iter().map(column_use).collect();
        answer.columns.sort_by(|one, other| {
            (other.interactive, other.scheduled)
                .cmp(&(one.interactive, one.scheduled))
                .then_with(|| one.column.cmp(&other.column))
        });
        answer.coverage = coverage;
        Ok(answer)
    }

    /// How much an asset is used; nothing where no log says so.
    pub(super) fn usage_summary(&self, asset: AssetId) -> UsageSummary {
        self.usage.get(&asset).cloned().unwrap_or_default()
    }

    /// How far the logs of a warehouse reach.
    pub(super) fn log_reach(&self, namespace: &str) -> LogReach {
        self.coverage.get(namespace).map_or_else(LogReach::default, |days| LogReach::of(days))
    }
}

type AskerRow = (Asker, u64, u64, i64);

fn tool_use((asker, runs, errors, last): AskerRow) -> ToolUse {
    ToolUse {
        account: asker.via.or(asker.person).unwrap_or_default(),
        tool: asker.tool.unwrap_or_default(),
        object: asker.object.unwrap_or_default(),
        scheduled: asker.scheduled,
        runs,
        errors,
        last,
    }
}

fn gather_askers(rows: Vec<AskerRow>) -> (Vec<PersonUse>, Vec<ToolUse>) {
    let mut people: BTreeMap<String, PersonUse> = BTreeMap::new();
    let mut tools: Vec<ToolUse> = Vec::new();
    for row in rows {
        let (asker, runs, _, last) = &row;
        let person = asker.person.as_ref().filter(|_| !asker.scheduled);
        if let Some(person) = person {
            let known = people.entry(person.clone()).or_insert_with(|| PersonUse {
                person: person.clone(),
                runs: 0,
                last: 0,
                tools: Vec::new(),
            });
            known.runs += runs;
            known.last = known.last.max(*last);
            known.tools.extend(asker.tool.clone().filter(|tool| !known.tools.contains(tool)));
            known.tools.sort();
        }
        if person.is_none() || asker.object.is_some() {
            let is_person = person.is_some();
            let mut tool = tool_use(row);
            if is_person {
                tool.account.clear();
            }
            match tools.iter_mut().find(|known| {
                (&known.tool, &known.object, &known.account, known.scheduled)
                    == (&tool.tool, &tool.object, &tool.account, tool.scheduled)
            }) {
                Some(known) => {
                    known.runs += tool.runs;
                    known.errors += tool.errors;
                    known.last = known.last.max(tool.last);
                }
                None => tools.push(tool),
            }
        }
    }
    let mut people: Vec<PersonUse> = people.into_values().collect();
    people.sort_by(|one, other| other.runs.cmp(&one.runs).then_with(|| one.person.cmp(&other.person)));
    people.truncate(LISTED);
    tools.sort_by(|one, other| {
        other.runs.cmp(&one.runs).then_with(|| (&one.tool, &one.object).cmp(&(&other.tool, &other.object)))
    });
    tools.truncate(LISTED);
    (people, tools)
}

fn column_use((column, (interactive, scheduled, bits)): (String, (u64, u64, u8))) -> ColumnUse {
    let words = [(1, "value"), (2, "filter"), (4, "join"), (8, "group"), (16, "sort")];
    let how = words.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, word)| word).collect();
    ColumnUse { column, interactive, scheduled, how }
}
