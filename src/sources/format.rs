//! The formats of definitions, and how their files are told apart: by what stands in them, whatever
//! their layout.

use super::{
    dashboards::{self, lookml::ImportedFile},
    definitions::{DefinitionFile, Definitions, Setting},
    metrics,
};

/// A format of definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    /// LookML, and dashboards beside it.
    LookMl,
    /// Grafana's dashboards.
    Grafana,
    /// Metabase's API and serialization.
    Metabase,
    /// Superset's export.
    Superset,
    /// Redash's API.
    Redash,
    /// Tableau's workbooks and data sources.
    Tableau,
    /// Evidence's pages and queries.
    Evidence,
    /// Cube's data models.
    Cube,
    /// TOML with `[metrics.NAME]` and `[data_sources.NAME]`.
    MetricToml,
}

impl Format {
    /// Every format.
    pub(super) const ALL: [Format; 9] = [
        Format::LookMl,
        Format::Grafana,
        Format::Metabase,
        Format::Superset,
        Format::Redash,
        Format::Tableau,
        Format::Evidence,
        Format::Cube,
        Format::MetricToml,
    ];

    /// The word that keys are made with.
    pub(super) fn word(self) -> &'static str {
        match self {
            Format::LookMl => "lookml",
            Format::Grafana => "grafana",
            Format::Metabase => "metabase",
            Format::Superset => "superset",
            Format::Redash => "redash",
            Format::Tableau => "tableau",
            Format::Evidence => "evidence",
            Format::Cube => "cube",
            Format::MetricToml => "metric-toml",
        }
    }

    /// Whether the name of a file alone says that it is of this format.
    pub(super) fn is_certain(self, path: &str) -> bool {
        self == Format::LookMl && dashboards::lookml::is_lookml(path)
    }

    /// The format that a file's text is of.
    pub(super) fn of(path: &str, text: &str) -> Option<Format> {
        match ending(path) {
            "lkml" | "lookml" => Some(Format::LookMl),
            // Such files are looked at in its projects alone.
            "md" | "sql" => Some(Format::Evidence),
            "yaml" if path.ends_with("/connection.yaml") && path.contains("sources/") => Some(Format::Evidence),
            "json" if dashboards::grafana::holds(text) => Some(Format::Grafana),
            "json" if dashboards::redash::holds(text) => Some(Format::Redash),
            "yaml" | "yml" if dashboards::superset::holds(text) => Some(Format::Superset),
            "json" | "yaml" | "yml" if dashboards::metabase::holds(text) => Some(Format::Metabase),
            "yaml" | "yml" if metrics::cube::holds(text) => Some(Format::Cube),
            "twb" | "tds" if dashboards::tableau::holds(text) => Some(Format::Tableau),
            "toml" if metrics::metric_toml::holds(text) => Some(Format::MetricToml),
            _ => None,
        }
    }

    /// Reads all files of the format that a source has.
    pub(super) fn read(self, files: &[DefinitionFile], imported: &[ImportedFile], setting: &Setting<'_>) -> Definitions {
        match self {
            Format::LookMl => dashboards::lookml::read_project(files, imported, setting),
            Format::Grafana => dashboards::grafana::read_dashboards(files, setting),
            Format::Metabase => dashboards::metabase::read_exports(files, setting),
            Format::Superset => dashboards::superset::read_exports(files, setting),
            Format::Redash => dashboards::redash::read_exports(files, setting),
            Format::Tableau => dashboards::tableau::read_workbooks(files, setting),
            Format::Evidence => dashboards::evidence::read_projects(files, setting),
            Format::Cube => metrics::cube::read_models(files, setting),
            Format::MetricToml => metrics::metric_toml::read_metrics(files, setting),
        }
    }
}

/// Whether a file of this name may hold definitions.
pub(super) fn may_define(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_machine_made =
        matches!(name, "Cargo.toml" | "pyproject.toml" | "package.json" | "package-lock.json" | "tsconfig.json");
    matches!(ending(path), "toml" | "lkml" | "lookml" | "json" | "yaml" | "yml" | "twb" | "tds") && !is_machine_made
}

fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}
