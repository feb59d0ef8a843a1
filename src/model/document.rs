//! What a source yields: documents (text and where it came from) and facts (what is said of assets).

use serde::{Deserialize, Serialize};

use super::{DeclaredColumn, Diagnostic, Dialect, RelationName};

/// Everything read from one source at one of its states.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The commit that was read; `None` for a plain folder.
    pub commit: Option<Commit>,
    /// SQL documents, sorted by path.
    pub documents: Vec<Document>,
    /// Facts, sorted by path and line.
    pub facts: Vec<Fact>,
    /// What could not be read: (path, diagnostic). Spans are bytes of the file.
    pub diagnostics: Vec<(String, u32, Diagnostic)>,
    /// The last change of every file read, by path; empty without history.
    pub last_changes: std::collections::BTreeMap<String, Change>,
    /// Who changed what, most commits first, bots and merges left out.
    pub contributors: Vec<Contributor>,
    /// Turns a path, line and commit into an address on the forge:
    /// `{commit}`, `{path}` and `{line}` are replaced.
    pub permalink: Option<String>,
    /// Bytes of text read.
    pub bytes: u64,
    /// Every file that documents or facts come from, by path, with a key that changes whenever what
    /// is read from it would: its bytes, files it includes, and how the source is read.
    pub files: std::collections::BTreeMap<String, String>,
    /// Paths among `files` whose documents and facts are left out because they were known.
    pub unchanged: std::collections::BTreeSet<String>,
    /// `last_changes` and `contributors` hold only what the commits after this one did (counts add
    /// up); `None` where they hold everything.
    pub history_since: Option<String>,
    /// The dialect the source is read in.
    pub dialect: Dialect,
    /// How layout and dialect were found, a sentence each.
    pub notes: Vec<String>,
    /// dbt projects, by root; of a project all of whose files are unchanged, nothing.
    pub projects: Vec<super::DbtProject>,
    /// Files of decisions, all of them, sorted by path.
    pub decisions: Vec<super::DecisionFile>,
    /// Files of governance, all of them, sorted by path.
    pub governance: Vec<GovernanceFile>,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The full hexadecimal id.
    pub id: String,
    /// Committer time, seconds since 1970 UTC.
    pub time: i64,
}

/// The last change of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The full hexadecimal id of the commit.
    pub commit: String,
    /// The author's name, after mailmap.
    pub author: String,
    /// The author's address, after mailmap.
    pub email: String,
    /// Committer time, seconds since 1970 UTC.
    pub time: i64,
    /// The first line of the message.
    pub summary: String,
}

/// Somebody who changed a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributor {
    /// The file.
    pub path: String,
    /// The author's name.
    pub author: String,
    /// The author's address.
    pub email: String,
    /// How many commits.
    pub commits: u32,
    /// Committer time of the newest, seconds since 1970 UTC.
    pub last: i64,
}

/// A SQL text and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The path inside the source, `/`-separated.
    pub path: String,
    /// A hash of the file's bytes (hexadecimal): the git blob id where there is one.
    pub blob: String,
    /// The text as it stands in the file (valid UTF-8, BOM removed).
    pub text: String,
    /// What the layout says it is.
    pub role: DocumentRole,
    /// The relation that a bare SELECT in it fills, if the layout says so.
    pub target: Option<RelationName>,
    /// Database and schema that the layout implies for partial names.
    pub defaults: (Option<String>, Option<String>),
    /// The dialect it is written in.
    pub dialect: Dialect,
    /// Whether it is a template that must be rendered first.
    pub templated: bool,
    /// Values that the layout gives to names in the template, sorted by name.
    pub variables: Vec<(String, String)>,
    /// Where the text is not the file's own: what its composer says of it.
    pub composed: Option<Box<Composed>>,
}

/// What a reader says of a SQL text that it composed from pieces of a file: a metric, a chart.
///
/// The document's `path` is then [`part_path`] of the file, and its facts speak of its target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Composed {
    /// For every line of the text, the 1-based line of the file that it comes from; empty where the text is the file's.
    pub lines: Vec<u32>,
    /// What the target is called; its key where nothing is said.
    pub name: Option<String>,
    /// Names of one part in the text that stand for assets outside of any warehouse.
    pub stand_ins: Vec<(String, RelationName)>,
    /// The warehouse that all other names belong to; the source's where nothing is said.
    pub warehouse: Option<String>,
}

/// What separates the path of a file from the name of a part of it.
const PART_MARK: &str = "#:";

/// The path of the document that is composed of the part `part` of `file`.
pub fn part_path(file: &str, part: &str) -> String {
    format!("{file}{PART_MARK}{part}")
}

/// The file that holds the document of this path.
pub fn file_of(path: &str) -> &str {
    path.split_once(PART_MARK).map_or(path, |(file, _)| file)
}

/// What the layout says a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentRole {
    /// Nothing special: statements name their own targets; a bare SELECT is a query asset.
    Sql,
    /// A SELECT that fills the document's target table.
    Query,
    /// The definition of a view.
    View,
    /// A script run for its effects.
    Script,
    /// The definition of a routine.
    Routine,
    /// Reads, never writes: tests and checks.
    Check,
    /// Table definitions.
    Ddl,
    /// A SELECT that computes a metric, the document's target.
    Metric,
    /// A SELECT that a chart shows.
    Chart,
    /// A SELECT over the charts of a dashboard, a column each.
    Dashboard,
    /// A query of a log, without its literals: what was really run.
    Logged,
    /// A query of a log that never succeeded: what it writes was never written.
    Failed,
    /// What a warehouse itself states of where a table comes from, a line an edge: no SQL.
    Native,
}

impl DocumentRole {
    /// Whether it comes from a query log.
    pub fn is_logged(self) -> bool {
        matches!(self, DocumentRole::Logged | DocumentRole::Failed | DocumentRole::Native)
    }

    /// The word used in the store and in output.
    pub fn word(self) -> &'static str {
        match self {
            DocumentRole::Sql => "sql",
            DocumentRole::Query => "query",
            DocumentRole::View => "view",
            DocumentRole::Script => "script",
            DocumentRole::Routine => "routine",
            DocumentRole::Check => "check",
            DocumentRole::Ddl => "ddl",
            DocumentRole::Metric => "metric",
            DocumentRole::Chart => "chart",
            DocumentRole::Dashboard => "dashboard",
            DocumentRole::Logged => "logged",
            DocumentRole::Failed => "failed",
            DocumentRole::Native => "native",
        }
    }
}

/// Something a file says of an asset, of one of its columns, or of a part of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Of what.
    pub about: Subject,
    /// What.
    pub what: FactKind,
    /// The file that says so.
    pub path: String,
    /// The 1-based line; 0 where the whole file says so.
    pub line: u32,
}

/// What a fact speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A relation or routine, named by the layout.
    Asset(RelationName),
    /// Every asset that a document of this path defines.
    Document(String),
    /// What a dbt project builds or reads, by its id: `model.shop.orders`, `source.shop.raw.payments`.
    Node(String),
}

/// A file of what people state, kept in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernanceFile {
    /// Its path.
    pub path: String,
    /// YAML, as `wellspring governance export` writes it.
    pub text: String,
}

/// What a fact says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum FactKind {
    /// A friendly name.
    FriendlyName {
        /// The name.
        name: String,
    },
    /// A description in Markdown.
    Description {
        /// The text.
        text: String,
    },
    /// An owner: a person's address or a team's name.
    Owner {
        /// As written.
        name: String,
    },
    /// A reviewer by CODEOWNERS.
    Reviewer {
        /// As written.
        name: String,
    },
    /// A label with an optional value.
    Label {
        /// The key.
        key: String,
        /// The value; "" for a bare label.
        value: String,
    },
    /// A tag.
    Tag {
        /// As written.
        name: String,
    },
    /// How it is scheduled.
    Schedule {
        /// As written (a DAG's name, a cron expression).
        text: String,
    },
    /// It should no longer be used.
    Deprecated {
        /// Why, in Markdown; "" where nothing is said.
        note: String,
        /// When it goes away (ISO date), if anybody said.
        date: Option<String>,
        /// A replacement harvested from the note's prose: a proposal.
        replacement: Option<String>,
    },
    /// Columns declared beside the SQL, nested fields as dotted paths after their parent.
    Columns {
        /// In order.
        columns: Vec<DeclaredColumn>,
        /// Whether it has no others: a schema; else some of them are described.
        whole: bool,
    },
    /// A description of one column.
    ColumnDescription {
        /// The column, as written.
        column: String,
        /// The text.
        text: String,
    },
    /// What dbt makes of it.
    Dbt {
        /// `model`, `seed`, `snapshot` or `source`.
        resource: String,
        /// dbt's own name of it, unique in its project.
        id: String,
        /// `table`, `view`, `incremental`, `ephemeral`, …; "" where nothing is built.
        materialized: String,
        /// Its file.
        path: String,
    },
    /// Something is tested of it.
    Check {
        /// The test: `unique`, `not_null`, …
        name: String,
        /// The column tested; "" for the whole asset.
        column: String,
        /// What else the test is given, as one line; "" for nothing.
        given: String,
        /// How the last run ended (`pass`, `fail`, `warn`, `error`); "" where none is known.
        status: String,
    },
    /// How fresh it must be.
    Freshness {
        /// When it is said to be late, as one line.
        expected: String,
        /// How the last look ended (`pass`, `warn`, `error`); "" where none is known.
        status: String,
        /// The newest row that was seen (ISO); "" where none is known.
        newest: String,
    },
    /// The file is generated.
    Generated {
        /// By what, as the file says.
        by: String,
    },
    /// Where it is shown: its address in the tool that owns it.
    Link {
        /// An http or https address.
        url: String,
    },
    /// The folder, collection, space or category that it stands in.
    Folder {
        /// As written, parts separated by ` / `.
        path: String,
    },
    /// Its tool keeps it out of sight.
    Archived,
    /// When somebody last looked at it, as the tool tells.
    LastViewed {
        /// An ISO date.
        date: String,
        /// How often it was looked at, where the tool tells.
        views: Option<u64>,
    },
    /// What a metric's definition says of it beside its SQL.
    Metric {
        /// Each where it is said.
        shape: MetricShape,
    },
}

impl FactKind {
    /// The day on which somebody last looked at it (ISO date), where it says that.
    pub fn last_viewed(&self) -> Option<&str> {
        match self {
            FactKind::LastViewed { date, .. } => Some(date),
            _ => None,
        }
    }
}

/// What the definition of a metric says beside its SQL, each as written; "" where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(default)]
pub struct MetricShape {
    /// What kind of metric it is, in its tool's word: `sum`, `ratio`, `derived`, `cumulative`, …
    #[serde(skip_serializing_if = "String::is_empty")]
    pub measure: String,
    /// The expression.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub expression: String,
    /// Conditions that decide which rows count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// What one value is for: a day, a client and a day.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub grain: String,
    /// The column that says when.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time_column: String,
    /// The span of time that a value covers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub window: String,
    /// Of a ratio, what is divided.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub numerator: String,
    /// Of a ratio, what divides it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub denominator: String,
}
