//! dbt's methods of selection: `model:orders`, `path:models/marts`, `config.materialized:table`.

use std::{collections::BTreeSet, fmt};

use globset::{Glob, GlobMatcher};

use super::{Result, View, names::last_part};
use crate::model::{AssetId, AssetKind, FactKind};

/// A method of dbt's with its value, in which `*` is any run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbtSelector {
    method: DbtMethod,
    value: String,
}

/// By what dbt selects.
#[derive(Clone, Debug, PartialEq, Eq)]
enum DbtMethod {
    /// The name of a model, seed or snapshot.
    Model,
    /// The file, or a folder above it.
    Path,
    /// The file's name, with or without its ending.
    File,
    /// The project.
    Package,
    /// `model`, `seed`, `snapshot`, `source`.
    ResourceType,
    /// How it is built, who may read it, in which group it is.
    Config(String),
    Exposure,
    Metric,
}

impl fmt::Display for DbtSelector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match &self.method {
            DbtMethod::Model => "model",
            DbtMethod::Path => "path",
            DbtMethod::File => "file",
            DbtMethod::Package => "package",
            DbtMethod::ResourceType => "resource_type",
            DbtMethod::Config(key) => return write!(out, "config.{key}:{}", self.value),
            DbtMethod::Exposure => "exposure",
            DbtMethod::Metric => "metric",
        };
        write!(out, "{word}:{}", self.value)
    }
}

/// A node of dbt's as selectors see it.
struct Node<'a> {
    resource: &'a str,
    /// `model.project.name`.
    id: &'a str,
    materialized: &'a str,
    path: &'a str,
}

impl DbtSelector {
    /// The method that `word` names, with its value; `None` where it names none, or nothing is asked for.
    pub(super) fn read(word: &str, value: &str) -> Option<DbtSelector> {
        let method = match word {
            "model" => DbtMethod::Model,
            "path" => DbtMethod::Path,
            "file" => DbtMethod::File,
            "package" => DbtMethod::Package,
            "resource_type" => DbtMethod::ResourceType,
            "access" | "group" | "materialized" => DbtMethod::Config(word.to_owned()),
            "exposure" => DbtMethod::Exposure,
            "metric" => DbtMethod::Metric,
            _ => DbtMethod::Config(word.strip_prefix("config.")?.to_owned()),
        };
        let value = value.trim_start_matches("./").trim_end_matches('/');
        (!value.is_empty()).then(|| DbtSelector { method, value: value.to_owned() })
    }

    /// What its value stands for; a text that is no pattern stands for itself.
    fn pattern(&self) -> impl Fn(&str) -> bool + '_ {
        let matcher: Option<GlobMatcher> = Glob::new(&self.value).ok().map(|glob| glob.compile_matcher());
        move |text| text == self.value || matcher.as_ref().is_some_and(|matcher| matcher.is_match(text))
    }

    fn selects(&self, node: &Node<'_>, fits: &dyn Fn(&str) -> bool) -> bool {
        let mut parts = node.id.split('.').skip(1);
        let (package, name) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        match &self.method {
            DbtMethod::Model => node.resource != "source" && fits(name),
            DbtMethod::Path => {
                let folders = node.path.match_indices('/').map(|(at, _)| &node.path[..at]);
                folders.chain([node.path]).any(fits)
            }
            DbtMethod::File => {
                let file = node.path.rsplit('/').next().unwrap_or("");
                fits(file) || file.rsplit_once('.').is_some_and(|(stem, _)| fits(stem))
            }
            DbtMethod::Package => fits(package),
            DbtMethod::ResourceType => fits(node.resource),
            DbtMethod::Config(key) => key == "materialized" && fits(node.materialized),
            DbtMethod::Exposure | DbtMethod::Metric => false,
        }
    }
}

impl View {
    /// The assets that dbt would select, and every metric or dashboard of the name that it asks for.
    pub(super) async fn selected_by_dbt(&self, selector: &DbtSelector) -> Result<Vec<AssetId>> {
        let fits = selector.pattern();
        let mut found = BTreeSet::new();
        let kind = match &selector.method {
            DbtMethod::Exposure => Some(AssetKind::Dashboard),
            DbtMethod::Metric => Some(AssetKind::Metric),
            _ => None,
        };
        if let Some(kind) = kind {
            let named = self.assets.iter().filter(|asset| asset.kind == kind && fits(last_part(&asset.name)));
            return Ok(named.map(|asset| asset.id).collect());
        }
        for (asset, fact) in self.store.facts_of_kind(self.run, "dbt").await? {
            if let FactKind::Dbt { resource, id, materialized, path } = &fact.what
                && selector.selects(&Node { resource, id, materialized, path }, &fits)
            {
                found.insert(asset);
            }
        }
        if let DbtMethod::Config(wanted) = &selector.method {
            for (asset, fact) in self.store.facts_of_kind(self.run, "label").await? {
                if matches!(&fact.what, FactKind::Label { key, value } if key == wanted && fits(value)) {
                    found.insert(asset);
                }
            }
        }
        Ok(found.into_iter().collect())
    }
}
