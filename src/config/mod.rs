//! `wellspring.toml`, typed. Every key is documented here, once.
//!
//! In: a file, or the paths of a command line. Out: a checked [`Config`]. Never reads a source,
//! a warehouse or the network.

mod access;
mod address;
mod data_folder;
mod database;
mod load;
mod names;
mod pattern;
mod public_url;
mod validate;
mod zero;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::model::{Dialect, KeepUsers, LogFormat};

pub use access::{AccessConfig, Network, NotifyConfig};
pub use address::without_credentials;
pub use data_folder::user_data_home;
pub use database::is_database;
pub use names::{Judgement, NameRules};
pub use pattern::{Pattern, PatternError};
pub use public_url::{PublicUrl, host_of};

/// The name of the configuration file.
pub const FILE_NAME: &str = "wellspring.toml";

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder that holds the database, the index and clones; relative to the file.
    /// Default: see [`Config::data_folder`].
    pub data: Option<PathBuf>,
    /// Address to listen on. Default: `127.0.0.1:7171`. Whatever it is, only requests under an IP
    /// address, `localhost` or the host of `base_url` are answered, so that no foreign page can read
    /// the catalog by giving its own name this machine's address.
    pub addr: SocketAddr,
    /// Address under which people reach the catalog: its host is answered to, and links in copied
    /// texts start with it. With a path (`https://example.com/wellspring`, behind a proxy) every
    /// link of every page does too, whether the proxy takes the path off or not. Default: `http://`
    /// and `addr`.
    pub base_url: Option<String>,
    /// `[access]`: who may come in, and how.
    pub access: AccessConfig,
    /// `[notify]`: who is told of what people state.
    pub notify: NotifyConfig,
    /// `[crawl]`: when and how far back.
    pub crawl: CrawlConfig,
    /// `[search]`: words of your own.
    pub search: SearchConfig,
    /// `[limits]`: bounds on hostile or broken input.
    pub limits: Limits,
    /// `[[warehouse]]`: the places that tables live in. Default: one per dialect, called by it.
    #[serde(rename = "warehouse")]
    pub warehouses: Vec<WarehouseConfig>,
    /// `[[source]]`: what is crawled; of two definitions of one relation the first source wins.
    #[serde(rename = "source")]
    pub sources: Vec<SourceConfig>,
    /// `[[log]]`: query logs, which say what really runs and who really asks.
    #[serde(rename = "log")]
    pub logs: Vec<LogConfig>,
    /// `[[names]]`: rules that fold or ignore names; the first that matches decides.
    pub names: Vec<NameRule>,
    /// The file that this was read from; not a key.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// `[crawl]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrawlConfig {
    /// Time between crawls while serving (`"15m"`, `"6h"`, `"1d"`). Default: only on request.
    #[serde(with = "load::duration")]
    pub every: Option<Duration>,
    /// Name of the environment variable that holds the secret under which a forge signs its webhook;
    /// `POST /hooks/crawl` then asks for a crawl. Default: there is no webhook.
    pub webhook_secret_env: Option<String>,
    /// How many days back a git source's former states are crawled first. Default: `[90, 14]`.
    pub history_days: Vec<u32>,
    /// How many commits are walked for last changes and contributors, newest first; 0 for none.
    /// Default: 50,000.
    pub history_commits: u32,
    /// For how many days back every run is kept. Default: 7. The newest ten always are.
    pub keep_all_days: u32,
    /// For how many days back the last run of each day is kept; a run's day is that of its newest
    /// commit, or of the crawl where a source has none. Default: 120.
    pub keep_daily_days: u32,
    /// For how many days back the last run of each week is kept; older ones go. Default: 1,500.
    pub keep_weekly_days: u32,
}

/// `[search]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchConfig {
    /// Groups of words and phrases that mean the same to search:
    /// `synonyms = [["churn", "cancellations"], ["address bar", "urlbar"]]`. The usual abbreviations
    /// (`dau`, `ltv`, `mrr`, …) are known. Default: none.
    pub synonyms: Vec<Vec<String>>,
    /// Whether it is recorded what people search for and open: what finds nothing is what is missing, and
    /// the scorecard tells the time from a search to a query. Kept for 400 days. Default: true.
    pub record: bool,
    /// What becomes of their names: `"keep"` (default), `"hash"` as logs do, or `"drop"`.
    pub users: KeepUsers,
}

impl Default for SearchConfig {
    fn default() -> Self {
        SearchConfig { synonyms: Vec::new(), record: true, users: KeepUsers::Keep }
    }
}

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest file that is read, in bytes. Default: 8 MiB.
    pub max_file_bytes: u64,
    /// Most files of one source. Default: 500,000.
    pub max_files: u32,
    /// Deepest nesting of SQL and YAML. Default: 2,000.
    pub max_depth: u32,
    /// Longest time spent on one document, in milliseconds. Default: 5,000.
    pub max_document_ms: u64,
    /// Most values that one YAML file may hold, aliases counted as often as they are used.
    /// Default: 1,000,000.
    pub max_yaml_values: u32,
    /// Most instructions that rendering one template may take. Default: 5,000,000.
    pub max_template_steps: u64,
}

/// `[[warehouse]]`: a place that tables live in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarehouseConfig {
    /// The OpenLineage namespace of its tables: `bigquery`, `snowflake://account`, `postgres://host:5432`.
    pub name: String,
    /// The dialect that it speaks; it says how names fold.
    pub dialect: Dialect,
    /// Database (project, catalog) of names that have none.
    #[serde(default)]
    pub database: Option<String>,
    /// Schema (dataset) of names that have none.
    #[serde(default)]
    pub schema: Option<String>,
}

/// `[[source]]`: something that is crawled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// What it is called; unique.
    pub name: String,
    /// A folder, work tree or bare git directory; relative to the file. Either this or `url`.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// A git remote over https, http, ssh or git, which is cloned into the data folder; or a PostgreSQL
    /// database, `postgres://user@host/database`, whose catalog and use are read live, its password from
    /// `PGPASSWORD` or `token_env`.
    #[serde(default)]
    pub url: Option<String>,
    /// Name of the environment variable that holds the token or password for `url`, which must be an
    /// https address or a database: `token_env = "WAREHOUSE_TOKEN"`. It is read at each crawl and stored nowhere.
    #[serde(default)]
    pub token_env: Option<String>,
    /// Who logs in with the token. Default: `token`, which forges that take a token by itself ignore.
    #[serde(default)]
    pub user: Option<String>,
    /// A PEM file of certificate authorities to trust for `url`, beside those of the operating system;
    /// relative to the file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Branch, tag or commit. Default: HEAD; a work tree is read from disk unless this is set.
    #[serde(default, rename = "ref", alias = "branch")]
    pub reference: Option<String>,
    /// Globs of the paths to read. Default: all.
    #[serde(default)]
    pub include: Vec<String>,
    /// Globs of the paths to leave out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// How files are laid out. Default: by marker files.
    #[serde(default)]
    pub layout: Option<Layout>,
    /// The dialect of its SQL. Default: its warehouse's, else by layout, else guessed from the texts.
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// The `[[warehouse]]` that its names belong to. Default: the one of its dialect.
    #[serde(default)]
    pub warehouse: Option<String>,
    /// Database (project, catalog) of names that have none. Default: the warehouse's.
    #[serde(default)]
    pub database: Option<String>,
    /// Schema (dataset) of names that have none. Default: the warehouse's.
    #[serde(default)]
    pub schema: Option<String>,
    /// Path patterns that name the table which a bare SELECT fills; the first that matches decides:
    /// `sql/{project}/{dataset}/{table}/query.sql`. Captures make the name in order; `{_}` is left out.
    #[serde(default, deserialize_with = "load::one_or_many")]
    pub target: Vec<String>,
    /// Values of names in templates: `variables = { project_id = "prod" }`.
    #[serde(default)]
    pub variables: BTreeMap<String, serde_json::Value>,
    /// What CODEOWNERS makes of people: `"reviewers"` (default) or `"owners"`.
    #[serde(default)]
    pub codeowners: Codeowners,
    /// Names and addresses whose commits make no contributor; `*` is any run. Default: the usual bots.
    #[serde(default = "default_bots")]
    pub bots: Vec<String>,
    /// Address of the tool whose dashboards the source holds (`https://metabase.example.com`): its
    /// assets link there, and its host names them. Default: none; the source's name names them.
    #[serde(default)]
    pub link: Option<String>,
    /// The `[[warehouse]]` that a connection of the tool leads to, by the connection's name:
    /// `connections = { "Analytics" = "snowflake://account" }`. Default: the warehouse of that name,
    /// else the source's, else the one of the dialect that the tool states.
    #[serde(default)]
    pub connections: BTreeMap<String, String>,
    /// Address of a file on the forge, with `{commit}`, `{path}` and `{line}`. Default: by the remote.
    #[serde(default)]
    pub permalink: Option<String>,
}

/// `[[log]]`: a query log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// What it is called; unique among logs and sources.
    pub name: String,
    /// A file, or a folder that files are added to; relative to the file. What was read is known by its
    /// content: a renamed, packed or growing file is read once. Either this or `url`.
    #[serde(default)]
    pub path: PathBuf,
    /// A PostgreSQL database, `postgres://user@host/database`, whose `pg_stat_statements` is read live. A
    /// `[[source]]` with such a `url` has one by itself.
    #[serde(default)]
    pub url: Option<String>,
    /// Name of the environment variable that holds the password for `url`. Default: `PGPASSWORD`.
    #[serde(default)]
    pub token_env: Option<String>,
    /// Its format. Default: told from the content of each file.
    #[serde(default)]
    pub format: Option<LogFormat>,
    /// The dialect of its SQL. Default: its warehouse's, else the format's.
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// The `[[warehouse]]` that it is of. Default: the one of its dialect.
    #[serde(default)]
    pub warehouse: Option<String>,
    /// Database (project, catalog) of names that have none. Default: as the log says, else the warehouse's.
    #[serde(default)]
    pub database: Option<String>,
    /// Schema (dataset) of names that have none. Default: as the log says, else the warehouse's.
    #[serde(default)]
    pub schema: Option<String>,
    /// What becomes of the names of people: `"keep"` (default), `"hash"` or `"drop"`. It holds for what
    /// is read from then on.
    #[serde(default)]
    pub users: KeepUsers,
    /// A JSON file of people behind what tools call them: `{"metabase:7": "ana@example.com"}`; relative
    /// to the file.
    #[serde(default)]
    pub people: Option<PathBuf>,
    /// Users that are no people, `*` is any run. Default: the usual names of service accounts.
    #[serde(default = "default_service_accounts")]
    pub service_accounts: Vec<String>,
    /// For logs of no vendor: which column holds `query`, `timestamp`, `user`, `session_id`, `database`,
    /// `schema`, `duration_ms`, `status`, `error`, `tool`, `id`, `bytes`, `dialect`.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
}

/// How the files of a source are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// SQL files that name their own targets.
    Plain,
    /// `sql/<project>/<dataset>/<table>/query.sql` beside `metadata.yaml` and `schema.yaml`.
    BigqueryEtl,
    /// A folder with `dbt_project.yml`, or several.
    Dbt,
}

/// What CODEOWNERS makes of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codeowners {
    /// They review changes.
    #[default]
    Reviewers,
    /// They own what the files define.
    Owners,
}

/// `[[names]]`: what becomes of names that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameRule {
    /// A pattern over the whole dotted name, in any case: `*` is a run without dots, `**` any run,
    /// `#` a run of digits, `{word}` a run without dots that `replacement` may use.
    pub pattern: String,
    /// The `[[warehouse]]` whose names it is for. Default: all.
    #[serde(default)]
    pub warehouse: Option<String>,
    /// The name to put in its place, with the pattern's `{word}`s.
    #[serde(default)]
    pub replacement: Option<String>,
    /// The environment that such names belong to (`dev`); others belong to `prod`.
    #[serde(default)]
    pub environment: Option<String>,
    /// Leave such names out altogether.
    #[serde(default)]
    pub ignore: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            data: None,
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 7171)),
            base_url: None,
            access: AccessConfig::default(),
            notify: NotifyConfig::default(),
            crawl: CrawlConfig::default(),
            search: SearchConfig::default(),
            limits: Limits::default(),
            warehouses: Vec::new(),
            sources: Vec::new(),
            logs: Vec::new(),
            names: Vec::new(),
            file: None,
        }
    }
}

impl Default for CrawlConfig {
    fn default() -> Self {
        CrawlConfig {
            every: None,
            webhook_secret_env: None,
            history_days: vec![90, 14],
            history_commits: 50_000,
            keep_all_days: 7,
            keep_daily_days: 120,
            keep_weekly_days: 1_500,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_file_bytes: 8 << 20,
            max_files: 500_000,
            max_depth: 2_000,
            max_document_ms: 5_000,
            max_yaml_values: 1_000_000,
            max_template_steps: 5_000_000,
        }
    }
}

impl Config {
    /// The warehouse that is configured under `name`.
    pub fn warehouse_called(&self, name: &str) -> Option<&WarehouseConfig> {
        self.warehouses.iter().find(|warehouse| warehouse.name == name)
    }

    /// The warehouse that `source`'s names belong to, when its SQL is in `dialect`.
    pub fn warehouse_of(&self, source: &SourceConfig, dialect: Dialect) -> WarehouseConfig {
        let named = source.warehouse.as_ref().and_then(|name| self.warehouse_called(name));
        let found = named.or_else(|| self.warehouses.iter().find(|entry| entry.dialect == dialect));
        let mut warehouse = found.cloned().unwrap_or_else(|| WarehouseConfig {
            name: dialect.name().to_owned(),
            dialect,
            database: None,
            schema: None,
        });
        if source.database.is_some() {
            warehouse.database.clone_from(&source.database);
        }
        if source.schema.is_some() {
            warehouse.schema.clone_from(&source.schema);
        }
        warehouse
    }

    /// The warehouse that the names in `log` belong to, when its SQL is in `dialect`.
    pub fn warehouse_of_log(&self, log: &LogConfig, dialect: Dialect) -> WarehouseConfig {
        self.warehouse_of(&log.as_source(), dialect)
    }

    /// `base_url` taken apart; `None` where it is not set.
    ///
    /// # Errors
    /// Where it is no address.
    pub fn public_address(&self) -> Result<Option<PublicUrl>, ConfigError> {
        self.base_url.as_deref().map(|url| url.parse().map_err(ConfigError::Inconsistent)).transpose()
    }

    /// The address under which people reach the catalog, without a slash at its end.
    pub fn public_url(&self) -> String {
        match &self.base_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if self.access.tls_cert.is_some() => format!("https://{}", self.addr),
            None => format!("http://{}", self.addr),
        }
    }
}

impl LogConfig {
    /// The log as a source of documents: what it asks is SQL like any other.
    pub fn as_source(&self) -> SourceConfig {
        SourceConfig {
            name: self.name.clone(),
            path: self.url.is_none().then(|| self.path.clone()),
            url: self.url.clone(),
            token_env: self.token_env.clone(),
            dialect: self.dialect,
            warehouse: self.warehouse.clone(),
            database: self.database.clone(),
            schema: self.schema.clone(),
            ..SourceConfig::default()
        }
    }
}

impl SourceConfig {
    /// Where it is, as a person would write it, without a password.
    pub fn place(&self) -> String {
        match (&self.path, &self.url) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(url)) => without_credentials(url),
            (None, None) => String::new(),
        }
    }
}

/// Users that are usually no people.
pub fn default_service_accounts() -> Vec<String> {
    [
        "*.gserviceaccount.com",
        "svc_*",
        "svc-*",
        "*_svc",
        "*-svc",
        "service-*",
        "service_*",
        "*service-account*",
        "sa-*",
        "airflow*",
        "dagster*",
        "prefect*",
        "dbt*",
        "looker*",
        "metabase*",
        "superset*",
        "tableau*",
        "redash*",
        "grafana*",
        "fivetran*",
        "airbyte*",
        "stitch*",
        "etl*",
        "scheduler*",
        "system",
        "rdsdb",
        "postgres",
        "default",
        "*_bot",
        "*-bot",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Names and addresses of the bots that commit most often.
pub fn default_bots() -> Vec<String> {
    [
        "*[bot]*",
        "*-bot",
        "*-bot@*",
        "*_bot",
        "bot-*",
        "dependabot*",
        "renovate*",
        "github-actions*",
        "github actions*",
        "pyup-bot*",
        "pre-commit-ci*",
        "circleci*",
        "jenkins*",
        "semantic-release*",
        "noreply@github.com",
        "*@users.noreply.circleci.com",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A key that does not exist.
    #[error("{path}:{line}: unknown key `{key}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The 1-based line.
        line: u32,
        /// The key as written.
        key: String,
        /// The nearest key that exists there.
        nearest: Option<String>,
    },
    /// A value that cannot be read, or text that is not TOML.
    #[error("{path}:{line}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The 1-based line.
        line: u32,
        /// What is wrong.
        message: String,
    },
    /// Values that do not fit together.
    #[error("{0}")]
    Inconsistent(String),
    /// The data folder would lie inside something that is crawled.
    #[error("the data folder {data} lies inside the crawled {source_path}; choose another with --data or `data`")]
    DataInsideSource {
        /// The folder.
        data: PathBuf,
        /// What is crawled.
        source_path: PathBuf,
    },
    /// There is no home folder to put data in.
    #[error("neither XDG_DATA_HOME nor HOME is set; choose a data folder with --data")]
    NoDataHome,
}
