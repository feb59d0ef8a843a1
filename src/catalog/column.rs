//! Everything about one column.

use serde::Serialize;

use super::{AssetRef, CatalogError, ColumnLink, Described, Excerpt, LastChange, Place, Result, RowDecider, View};

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnAnswer {
    /// The asset that has it.
    pub asset: AssetRef,
    /// Its name with struct path, as first declared.
    pub column: String,
    /// The declared type; "" where unknown.
    pub data_type: String,
    /// Whether a schema file, DDL or artifact declares it.
    pub declared: bool,
    /// Whether the asset's own SQL yields it.
    pub inferred: bool,
    /// What it means, own or inherited.
    pub description: Option<Described>,
    /// The columns that it is made of, directly.
    pub sources: Vec<ColumnLink>,
    /// The columns that use it directly.
    pub dependants: Vec<ColumnLink>,
    /// Assets whose rows it decides: by FILTER, JOIN, GROUP_BY or SORT.
    pub decides_rows_of: Vec<(AssetRef, String)>,
    /// The expressions that compute it.
    pub expressions: Vec<ColumnExpression>,
    /// Columns that decide which rows of its asset exist.
    pub row_edges: Vec<RowDecider>,
    /// Nested fields, as dotted paths.
    pub fields: Vec<String>,
}

/// One expression that computes a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnExpression {
    /// What it does, in a sentence.
    pub sentence: String,
    /// The expression's text.
    pub expression: String,
    /// The lines around it.
    pub excerpt: Excerpt,
    /// Where it stands.
    pub place: Place,
    /// Who changed the file last.
    pub last_change: Option<LastChange>,
}

impl View {
    /// Everything about `column` of the asset `name` of `namespace`.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn show_column(&self, namespace: &str, name: &str, column: &str) -> Result<ColumnAnswer> {
        Err(CatalogError::not_found(namespace, &format!("{name}.{column}")))
    }
}
