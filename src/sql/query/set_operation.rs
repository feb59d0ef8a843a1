//! UNION, EXCEPT and INTERSECT.

use super::{Ordering, clauses::ordinal, item_name, item_origins};
use crate::model::{ColumnEdgeKind, Dialect, RowEdgeKind, ScopeKind, Step};
use crate::sql::{
    engine::{Engine, QueryResult, Read, RecordedColumn, ScopeIndex},
    names::Sym,
    scope::Scope,
    spans::span_of,
    value::{Columns, Item, Lineage, OpenStar},
};
use sqlparser::ast::{self, Expr, SetExpr, Spanned};
use std::rc::Rc;

impl Engine<'_> {
    /// A chain of UNION, EXCEPT and INTERSECT. The chain is walked in a loop: it is deep to the left.
    pub(crate) fn set_operation(&mut self, body: &SetExpr, parent: Option<&Scope>) -> QueryResult {
        let mut branches = Vec::new();
        let mut first = body;
        while let SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            branches.push((op, set_quantifier, right.as_ref()));
            first = left;
        }
        branches.reverse();
        let scope = self.open_scope(ScopeKind::SetOperation, span_of(body));
        let none = Ordering { exprs: &[], cuts: false };
        let first = stacker::maybe_grow(128 << 10, 4 << 20, || self.set_expr(first, parent, none));
        self.add_branch(scope, &first);
        let mut columns = Columns::new(first.columns.items.clone());
        for (op, quantifier, right) in branches {
            let right = stacker::maybe_grow(128 << 10, 4 << 20, || self.set_expr(right, parent, none));
            self.add_branch(scope, &right);
            let by_name = matches!(
                quantifier,
                ast::SetQuantifier::ByName | ast::SetQuantifier::AllByName | ast::SetQuantifier::DistinctByName
            );
            match op {
                ast::SetOperator::Union if by_name => columns = columns.merge_by_name(&right.columns, &self.names),
                ast::SetOperator::Union => self.unite(&mut columns, &right.columns),
                ast::SetOperator::Except | ast::SetOperator::Minus | ast::SetOperator::Intersect => {
                    let lineage = all_origins(&right.columns);
                    let span = self.scopes[right.scope as usize].span;
                    self.decide_rows(scope, RowEdgeKind::Filter, span, &lineage);
                }
            }
            // EXCEPT and INTERSECT compare whole rows, so every column of the left decides them too.
            let compares = !matches!(op, ast::SetOperator::Union);
            let all = matches!(quantifier, ast::SetQuantifier::All | ast::SetQuantifier::AllByName);
            let distinct = matches!(quantifier, ast::SetQuantifier::Distinct | ast::SetQuantifier::DistinctByName)
                || (!all && (compares || self.dialect != Dialect::ClickHouse));
            if distinct || compares {
                let lineage = all_origins(&columns);
                let span = self.scopes[scope as usize].span;
                let kind = if distinct { RowEdgeKind::GroupBy } else { RowEdgeKind::Filter };
                self.decide_rows(scope, kind, span, &lineage);
            }
        }
        self.record_set_columns(scope, &columns);
        QueryResult { columns: Rc::new(columns), scope, as_struct: first.as_struct }
    }

    pub(crate) fn add_branch(&mut self, scope: ScopeIndex, branch: &QueryResult) {
        let span = self.scopes[branch.scope as usize].span;
        self.record_input(scope, Sym::NONE, branch.scope, span);
        self.link(scope, branch.scope);
        self.use_all(Some(branch.scope));
    }

    pub(crate) fn record_set_columns(&mut self, scope: ScopeIndex, columns: &Columns) {
        let branches: Vec<(u32, ScopeIndex)> = self.scopes[scope as usize]
            .inputs
            .iter()
            .enumerate()
            .filter_map(|(at, input)| match input.from {
                crate::sql::engine::RecordedFrom::Scope(branch) => Some((at as u32, branch)),
                crate::sql::engine::RecordedFrom::Relation(_) => None,
            })
            .collect();
        let span = self.scopes[scope as usize].span;
        let mut recorded = Vec::with_capacity(columns.items.len());
        for (at, item) in columns.items.iter().enumerate() {
            let name = item_name(item);
            let inputs = branches
                .iter()
                .take(64)
                .filter_map(|(input, branch)| {
                    let column = self.scopes[*branch as usize].columns.get(at)?.name;
                    Some(Read { input: *input, column, kind: ColumnEdgeKind::Identity })
                })
                .collect();
            recorded.push(RecordedColumn { name, span, step: Step::Copies, inputs });
        }
        self.scope(scope).columns = recorded;
    }

    /// UNION by position.
    pub(crate) fn unite(&mut self, left: &mut Columns, right: &Columns) {
        if left.is_complete() && right.is_complete() {
            let mut items = std::mem::take(&mut left.items);
            for (mine, theirs) in items.iter_mut().zip(&right.items) {
                if let (Item::Column(mine), Item::Column(theirs)) = (mine, theirs) {
                    mine.value.merge(theirs.value.clone(), &self.names);
                }
            }
            *left = Columns::new(items);
            return;
        }
        let aligned = left.items.len() == right.items.len()
            && left.items.iter().zip(&right.items).all(|(mine, theirs)| {
                matches!((mine, theirs), (Item::Column(_), Item::Column(_)) | (Item::Star(_), Item::Star(_)))
            });
        let mut items = std::mem::take(&mut left.items);
        if aligned {
            for (mine, theirs) in items.iter_mut().zip(&right.items) {
                match (mine, theirs) {
                    (Item::Column(mine), Item::Column(theirs)) => mine.value.merge(theirs.value.clone(), &self.names),
                    (Item::Star(mine), Item::Star(theirs)) => unite_stars(mine, theirs),
                    _ => {}
                }
            }
        } else {
            self.unite_unaligned(&mut items, right);
        }
        *left = Columns::new(items);
    }

    /// One side has a star whose columns are not known: positions are lost, so columns are matched
    /// by name where both sides have one, and through the star as a guess where not.
    fn unite_unaligned(&mut self, items: &mut Vec<Item>, right: &Columns) {
        for item in items.iter_mut() {
            match item {
                Item::Column(mine) => {
                    let key = self.names.key(mine.name);
                    if let Some(theirs) = right.find(key, &self.names) {
                        let value = theirs.value.clone();
                        mine.value.merge(value, &self.names);
                    } else {
                        mine.value.lineage.extend(right.stars().flat_map(OpenStar::origins));
                    }
                }
                Item::Star(mine) => {
                    for theirs in right.stars() {
                        unite_stars(mine, theirs);
                    }
                }
            }
        }
        let has_star = items.iter().any(|item| matches!(item, Item::Star(_)));
        if has_star {
            let known: Vec<Sym> = items.iter().map(item_name).map(|name| self.names.key(name)).collect();
            for theirs in right.columns() {
                if !known.contains(&self.names.key(theirs.name)) {
                    items.push(Item::Column(theirs.clone()));
                }
            }
        }
    }

    /// ORDER BY of a set operation: its keys are outputs.
    pub(crate) fn order_result(&mut self, result: &QueryResult, order: Ordering) {
        if !order.cuts {
            return;
        }
        for expr in order.exprs {
            let item = match &expr.expr {
                Expr::Value(value) => ordinal(&value.value).and_then(|at| result.columns.items.get(at)),
                Expr::Identifier(ident) => {
                    let key = self.key(ident);
                    result.columns.items.iter().find(|item| self.names.key(item_name(item)) == key)
                }
                _ => None,
            };
            if let Some(item) = item {
                let lineage = item_origins(item);
                let span = self.bytes(expr.expr.span());
                self.decide_rows(result.scope, RowEdgeKind::Sort, span, &lineage);
            }
        }
    }
}

pub(crate) fn all_origins(columns: &Columns) -> Lineage {
    columns.items.iter().flat_map(item_origins).collect()
}

fn unite_stars(mine: &mut OpenStar, theirs: &OpenStar) {
    for from in &theirs.from {
        if !mine.from.contains(from) {
            mine.from.push(*from);
        }
    }
    mine.made_of.extend(theirs.made_of.iter().copied());
    super::super::value::normalize(&mut mine.made_of);
    mine.except = mine.except.iter().filter(|key| theirs.except.contains(key)).copied().collect();
    mine.kind = mine.kind.max(theirs.kind);
}
