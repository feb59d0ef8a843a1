//! CTEs, recursive ones too.

use super::Ordering;
use crate::model::Dialect;
use crate::sql::{
    engine::{Cte, Engine, QueryResult},
    names::Sym,
    scope::Scope,
    value::{Columns, Item},
};
use sqlparser::ast::{self, SetExpr};

impl Engine<'_> {
    pub(crate) fn with(&mut self, with: &ast::With, parent: Option<&Scope>) {
        let implicit = matches!(self.dialect, Dialect::MsSql | Dialect::Oracle | Dialect::Teradata);
        for cte in &with.cte_tables {
            let key = self.key(&cte.alias.name);
            let recursive = (with.recursive || implicit) && matches!(*cte.query.body, SetExpr::SetOperation { .. });
            let mut result = if recursive { self.recursive_cte(cte, key, parent) } else { self.query(&cte.query, parent) };
            if !cte.alias.columns.is_empty() && !recursive {
                result = self.rename_columns(result, &cte.alias.columns);
            }
            let name = self.sym(&cte.alias.name);
            let record = self.scope(result.scope);
            if record.name == Sym::NONE {
                record.name = name;
            }
            self.ctes.push(Cte { key, result });
        }
    }

    /// A CTE that may read itself: its first branch gives the columns, then lineage is followed
    /// round and round until nothing is added.
    fn recursive_cte(&mut self, cte: &ast::Cte, key: Sym, parent: Option<&Scope>) -> QueryResult {
        let mut anchor = cte.query.body.as_ref();
        while let SetExpr::SetOperation { left, .. } = anchor {
            anchor = left;
        }
        let ctes = self.ctes.len();
        if let Some(with) = &cte.query.with {
            self.with(with, parent);
        }
        let mut result = self.set_expr(anchor, parent, Ordering { exprs: &[], cuts: false });
        self.ctes.truncate(ctes);
        result = self.rename_columns(result, &cte.alias.columns);
        for _ in 0..MAX_RECURSION_ROUNDS {
            let scopes = self.scopes.len();
            self.ctes.push(Cte { key, result: result.clone() });
            let next = self.query(&cte.query, parent);
            self.ctes.truncate(ctes);
            let next = self.rename_columns(next, &cte.alias.columns);
            let settled = same_lineage(&next.columns, &result.columns);
            if settled || scopes > 100_000 {
                return next;
            }
            result = next;
        }
        result
    }

    fn rename_columns(&mut self, result: QueryResult, names: &[ast::TableAliasColumnDef]) -> QueryResult {
        if names.is_empty() {
            return result;
        }
        let names: Vec<Sym> = names.iter().map(|column| self.sym(&column.name)).collect();
        self.rename_result(result, &names)
    }
}

/// Rounds after which a recursive CTE's lineage is taken as it is.
const MAX_RECURSION_ROUNDS: usize = 6;

fn same_lineage(left: &Columns, right: &Columns) -> bool {
    left.items.len() == right.items.len()
        && left.items.iter().zip(&right.items).all(|(left, right)| match (left, right) {
            (Item::Column(left), Item::Column(right)) => left.value == right.value,
            (Item::Star(left), Item::Star(right)) => left.from == right.from,
            _ => false,
        })
}
