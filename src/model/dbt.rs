//! A dbt project as it stands in a repository: settings, macros, names. Nothing in it is rendered.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One project: everything that decides what the SQL of its models is, but for that SQL itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DbtProject {
    /// `name` of `dbt_project.yml`.
    pub name: String,
    /// The folder that holds `dbt_project.yml`, with a slash at its end; "" for the top.
    pub root: String,
    /// The path of `dbt_project.yml`.
    pub path: String,
    /// `dbt_project.yml`.
    pub settings: Value,
    /// What `target` is.
    pub target: DbtTarget,
    /// Roots of the projects in the same source whose models and macros this one uses.
    pub uses: Vec<String>,
    /// Files that define macros, in order of path.
    pub macros: Vec<DbtMacros>,
    /// Models, seeds, snapshots, tests and analyses, in order of path.
    pub nodes: Vec<DbtNode>,
    /// Tables that the project reads and does not build, in order of file and line.
    pub sources: Vec<DbtSource>,
    /// Paths of the documents that are its exposures and metrics.
    pub definitions: Vec<String>,
}

/// The target of a profile that the project is read for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DbtTarget {
    /// The profile.
    pub profile: String,
    /// The target, `prod` where nothing says.
    pub name: String,
    /// The adapter: `snowflake`, `bigquery`, …; "" where nothing says.
    pub adapter: String,
    /// Its database (project, catalog), where the profile says so in plain words.
    pub database: Option<String>,
    /// Its schema (dataset), where the profile says so in plain words.
    pub schema: Option<String>,
}

/// A file of macros.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DbtMacros {
    /// Its path in the source.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What a node of a project is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are dbt's own")]
pub enum DbtResource {
    #[default]
    Model,
    Seed,
    Snapshot,
    Test,
    Analysis,
}

impl DbtResource {
    /// dbt's word.
    pub fn word(self) -> &'static str {
        match self {
            DbtResource::Model => "model",
            DbtResource::Seed => "seed",
            DbtResource::Snapshot => "snapshot",
            DbtResource::Test => "test",
            DbtResource::Analysis => "analysis",
        }
    }

    /// The key of `dbt_project.yml` that configures it.
    pub fn section(self) -> &'static str {
        match self {
            DbtResource::Model => "models",
            DbtResource::Seed => "seeds",
            DbtResource::Snapshot => "snapshots",
            DbtResource::Test => "data_tests",
            DbtResource::Analysis => "analyses",
        }
    }
}

/// A node of a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DbtNode {
    /// What it is.
    pub resource: DbtResource,
    /// Its name, without version.
    pub name: String,
    /// Its version, and whether it is what a reference without a version means.
    pub version: Option<(String, bool)>,
    /// The file that holds it.
    pub path: String,
    /// The folders between the resource's folder and the file.
    pub folders: Vec<String>,
    /// `config` of its entry in a property file.
    pub properties: Map<String, Value>,
    /// The property file that has its entry, where there is one.
    pub described: Option<String>,
    /// Columns that its entry lists, in order.
    pub columns: Vec<DbtColumn>,
}

/// A column that a property file lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DbtColumn {
    /// As written.
    pub name: String,
    /// As written; "" where nothing is said.
    pub data_type: String,
    /// The 1-based line.
    pub line: u32,
}

impl DbtNode {
    /// What facts about it are addressed to: `model.shop.orders`, `model.shop.orders.v2`.
    pub fn id(&self, project: &str) -> String {
        let version = self.version.as_ref().map(|(version, _)| format!(".v{version}")).unwrap_or_default();
        format!("{}.{project}.{}{version}", self.resource.word(), self.name)
    }
}

/// A table that a project reads and does not build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DbtSource {
    /// The source's name.
    pub source: String,
    /// The table's name.
    pub table: String,
    /// Database, where said; may hold Jinja.
    pub database: Option<String>,
    /// Schema, where said, else the source's name; may hold Jinja.
    pub schema: String,
    /// The table's name in the warehouse, where it differs; may hold Jinja.
    pub identifier: Option<String>,
    /// Columns listed, in order.
    pub columns: Vec<DbtColumn>,
}

impl DbtSource {
    /// What facts about it are addressed to.
    pub fn id(&self, project: &str) -> String {
        format!("source.{project}.{}.{}", self.source, self.table)
    }
}
