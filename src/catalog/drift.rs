//! Where the declared columns of an asset and those that its SQL writes differ.

use serde::Serialize;

use super::{AssetColumn, PlacedDiagnostic, View};
use crate::{
    insight::{SchemaDrift, find_drift},
    model::SCHEMA_DRIFT,
    store::{AssetDetail, DeclaredSchema},
};

/// How a column stands to its declaration, where the two differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnDrift {
    /// It is declared, and the SQL does not write it.
    Unwritten,
    /// The SQL writes it, and it is not declared.
    Undeclared,
}

impl ColumnDrift {
    /// It in two words.
    pub fn word(self) -> &'static str {
        match self {
            ColumnDrift::Unwritten => "not written",
            ColumnDrift::Undeclared => "not declared",
        }
    }

    /// It as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            ColumnDrift::Unwritten => "It is declared, and the SQL does not write it",
            ColumnDrift::Undeclared => "The SQL writes it, and the schema does not declare it",
        }
    }
}

/// Every declaration of an asset that differs from what its SQL writes, with the difference. As the
/// crawl compares them: only where a query makes the whole asset, and every star is expanded.
fn drifted(detail: &AssetDetail) -> Vec<(&DeclaredSchema, SchemaDrift)> {
    let Some(inferred) = detail.inferred.as_ref().filter(|inferred| inferred.complete && inferred.whole) else {
        return Vec::new();
    };
    let compared = detail.declared.iter().map(|schema| (schema, find_drift(&schema.columns, &inferred.columns)));
    compared.filter_map(|(schema, drift)| Some((schema, drift?))).collect()
}

/// Marks the columns on which a declaration and the SQL differ.
pub(super) fn mark_drift(detail: &AssetDetail, columns: &mut [AssetColumn]) {
    for (_, drift) in drifted(detail) {
        let sides = [(ColumnDrift::Unwritten, &drift.unwritten), (ColumnDrift::Undeclared, &drift.undeclared)];
        for (side, names) in sides {
            for name in names {
                let column = columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(name));
                if let Some(column) = column {
                    column.drift.get_or_insert(side);
                }
            }
        }
    }
}

impl View {
    /// The drift of an asset's declarations, each at the file that declares.
    pub(super) fn drift_in(&self, detail: &AssetDetail) -> Vec<PlacedDiagnostic> {
        let place = |schema: &DeclaredSchema| self.place(&schema.source, &schema.path, 0, None);
        let describe = |(schema, drift): (&DeclaredSchema, SchemaDrift)| PlacedDiagnostic {
            severity: SCHEMA_DRIFT.severity,
            code: SCHEMA_DRIFT.code.to_owned(),
            message: format!("the schema {}", drift.sentence()),
            place: place(schema),
        };
        drifted(detail).into_iter().map(describe).collect()
    }
}
