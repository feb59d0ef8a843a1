//! What the layout of a source says of each file: whether it is read, and as what.

mod bigquery_etl;
mod plain;

use std::collections::BTreeSet;

use crate::{
    config::{Layout, Pattern},
    model::{DocumentRole, RelationName},
};

/// What a file is, by where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    /// SQL.
    Sql(SqlFile),
    /// `metadata.yaml` of a relation.
    Metadata(RelationName),
    /// `schema.yaml` of a relation.
    Schema(RelationName),
}

/// What the layout says of a SQL file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SqlFile {
    /// What it is.
    pub(super) role: DocumentRole,
    /// The relation that a bare SELECT in it fills.
    pub(super) target: Option<RelationName>,
    /// Database and schema of partial names.
    pub(super) defaults: (Option<String>, Option<String>),
    /// Values that the layout gives to names in templates.
    pub(super) variables: Vec<(String, String)>,
}

/// The layout of a source, ready to classify paths.
pub(super) struct Classifier {
    /// Which layout it is.
    pub(super) layout: Layout,
    /// How it was found, a sentence.
    pub(super) note: String,
    /// The folder that the layout starts in, with a slash; "" for the whole source.
    root: String,
    targets: Vec<Pattern>,
    /// Folders of programs beside the layout, whose SQL is theirs.
    code: BTreeSet<String>,
}

impl Classifier {
    /// Finds the layout by marker files among `paths`, unless it is `set`.
    pub(super) fn detect<'p>(
        paths: impl Iterator<Item = &'p str> + Clone,
        set: Option<Layout>,
        targets: Vec<Pattern>,
    ) -> Classifier {
        let found = match set {
            Some(Layout::Plain | Layout::Dbt) => None,
            Some(Layout::BigqueryEtl) | None => bigquery_etl::find_root(paths.clone()),
        };
        let code = match found {
            Some(_) => bigquery_etl::find_code(paths.clone()),
            None => BTreeSet::new(),
        };
        let is_dbt = |path: &str| matches!(file_name(path), "dbt_project.yml" | "dbt_project.yaml");
        let project = paths.clone().find(|path| is_dbt(path));
        match (set, found) {
            (Some(layout), found) => {
                let root = found.unwrap_or_default();
                Classifier { layout, note: format!("The layout is set to {}.", name_of(layout)), root, targets, code }
            }
            (None, Some(root)) => {
                let note =
                    format!("The layout is bigquery-etl: {root}sql/ holds metadata.yaml below project, dataset and table.");
                Classifier { layout: Layout::BigqueryEtl, note, root, targets, code }
            }
            (None, None) if project.is_some() => {
                let note = format!("The layout is dbt: there is {}.", project.unwrap_or_default());
                Classifier { layout: Layout::Dbt, note, root: String::new(), targets, code }
            }
            (None, None) => {
                let note = "The layout is plain SQL: no marker file of another was found.".to_owned();
                Classifier { layout: Layout::Plain, note, root: String::new(), targets, code }
            }
        }
    }

    /// What the file at `path` is; `None` where it is not read.
    pub(super) fn classify(&self, path: &str) -> Option<FileKind> {
        let mut kind = match self.layout {
            Layout::Plain | Layout::Dbt => plain::classify(path),
            Layout::BigqueryEtl => match self.inside(path) {
                Some(inside) => bigquery_etl::classify(inside),
                None if self.leaves_out(path) => None,
                None => plain::classify(path),
            },
        };
        if let Some(FileKind::Sql(file)) = &mut kind
            && let Some(target) = self.named_target(path)
        {
            file.role = match file.role {
                DocumentRole::Sql => DocumentRole::Query,
                other => other,
            };
            file.target = Some(target);
        }
        kind
    }

    /// Whether `path` is a SQL file beside the layout's that is not read.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        self.layout == Layout::BigqueryEtl
            && is_sql(file_name(path))
            && self.inside(path).is_none()
            && bigquery_etl::is_machinery(path, &self.code)
    }

    /// The folder that is the layout's, without a slash.
    pub(super) fn folder(&self) -> String {
        format!("{}sql", self.root)
    }

    /// `path` from the layout's root on, where it is the layout's.
    fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&self.root).filter(|inside| inside.starts_with("sql/"))
    }

    /// The path of the schema of a table inside the source.
    pub(super) fn schema_path(&self, table: &str) -> String {
        format!("{}sql/{}/schema.yaml", self.root, table.replace('.', "/"))
    }

    fn named_target(&self, path: &str) -> Option<RelationName> {
        let captured = self.targets.iter().find_map(|pattern| pattern.capture(path))?;
        let parts = captured.into_iter().filter(|(word, _)| *word != "_").map(|(_, part)| crate::model::Ident::bare(part));
        Some(RelationName::new(parts))
    }
}

/// The name of a file without its folder.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file name is one of SQL, templated or not.
fn is_sql(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let plain = [".jinja2", ".jinja", ".j2"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    [".sql", ".ddl", ".hql", ".bq", ".bqsql", ".psql", ".pgsql", ".tsql"].iter().any(|ending| plain.ends_with(ending))
}

fn name_of(layout: Layout) -> &'static str {
    match layout {
        Layout::Plain => "plain",
        Layout::Dbt => "dbt",
        Layout::BigqueryEtl => "bigquery-etl",
    }
}
