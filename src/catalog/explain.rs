//! "Explain this number": the way of a column back to where it comes from, a step per statement.

use serde::Serialize;

use super::{AssetRef, CatalogError, ColumnRef, Described, Excerpt, LastChange, NamedOwner, Place, Result, View};

/// The story of one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The asset that has it.
    pub asset: AssetRef,
    /// The column.
    pub column: String,
    /// What it means, own or inherited.
    pub description: Option<Described>,
    /// Who owns the asset.
    pub owners: Vec<NamedOwner>,
    /// The steps, the number first, nearest first.
    pub steps: Vec<ExplainStep>,
    /// Where the story ends: columns that nothing in the catalog computes.
    pub roots: Vec<ColumnRef>,
    /// Assets on the way.
    pub assets: u64,
    /// Conditions that decide rows on the way.
    pub filters: u64,
    /// Joins on the way.
    pub joins: u64,
    /// Whether the limit cut the story off.
    pub cut: bool,
}

impl Explanation {
    /// The story as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("# Where {}.{} comes from\n", self.asset.name, self.column);
        for step in &self.steps {
            out.push_str(&format!("\n{}. {}", step.number, step.sentence));
            if let Some(place) = &step.place {
                out.push_str(&format!(" (`{}`)", place.label()));
            }
            out.push('\n');
            if let Some(excerpt) = &step.excerpt {
                out.push_str(&format!("\n```sql\n{}\n```\n", excerpt.text.trim_end()));
            }
            for rule in &step.rules {
                out.push_str(&format!("   - {}: `{}`\n", rule.word, rule.text));
            }
        }
        if !self.roots.is_empty() {
            out.push_str("\nIt comes from:\n\n");
            for root in &self.roots {
                out.push_str(&format!("- `{}.{}`\n", root.asset.name, root.column));
            }
        }
        out
    }
}

/// One step of a story: what one statement does to one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainStep {
    /// From 1.
    pub number: u32,
    /// The column that the step computes.
    pub column: ColumnRef,
    /// Steps that use it (their numbers); empty for the first.
    pub used_by: Vec<u32>,
    /// What happens, in a sentence of plain text.
    pub sentence: String,
    /// The expression's text; "" where nothing in the catalog computes it.
    pub expression: String,
    /// The lines of SQL with the expression marked.
    pub excerpt: Option<Excerpt>,
    /// The filters and joins that decide which rows survive.
    pub rules: Vec<RowRule>,
    /// The columns it is computed from.
    pub inputs: Vec<ColumnRef>,
    /// Assets between this step and its inputs that copy the value unchanged, folded away.
    pub passes_through: Vec<ColumnRef>,
    /// Where the expression stands.
    pub place: Option<Place>,
    /// Who changed the file last.
    pub last_change: Option<LastChange>,
    /// Whether nothing in the catalog computes it.
    pub is_root: bool,
}

/// One clause that decides which rows survive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowRule {
    /// `FILTER`, `JOIN`, `GROUP_BY` or `SORT`.
    pub kind: String,
    /// The word in the text: `where`, `on`, `group by`, …
    pub word: String,
    /// The condition or the keys.
    pub text: String,
    /// Where it stands.
    pub place: Option<Place>,
}

impl View {
    /// The story of `column` of the asset `name` of `namespace`.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset or column.
    pub async fn explain(&self, namespace: &str, name: &str, column: &str) -> Result<Explanation> {
        Err(CatalogError::not_found(namespace, &format!("{name}.{column}")))
    }
}
