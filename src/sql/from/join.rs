//! Joins: conditions, USING, NATURAL, what each side shows.

use crate::model::{ColumnEdgeKind, RowEdgeKind, Span};
use crate::sql::{
    engine::Engine,
    names::Sym,
    query::item_name,
    scope::{Input, Scope},
    value::{Column, Lineage, Value},
};
use ColumnEdgeKind::Transformation;
use sqlparser::ast::{self, Expr, JoinConstraint, JoinOperator, Spanned};

impl Engine<'_> {
    /// A join onto what is already in scope.
    pub(crate) fn join<'q>(&mut self, scope: &mut Scope<'q>, join: &ast::Join, parent: Option<&'q Scope<'q>>) {
        let before = scope.inputs.len();
        if matches!(join.join_operator, JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin) {
            self.array_join(scope, &join.relation);
            return;
        }
        self.factor(scope, &join.relation, parent);
        let (constraint, side, hides) = match &join.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::CrossJoin(constraint)
            | JoinOperator::StraightJoin(constraint) => (constraint, Side::Left, None),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (constraint, Side::Right, None),
            JoinOperator::FullOuter(constraint) => (constraint, Side::Both, None),
            JoinOperator::Semi(constraint)
            | JoinOperator::LeftSemi(constraint)
            | JoinOperator::Anti(constraint)
            | JoinOperator::LeftAnti(constraint) => (constraint, Side::Left, Some(Side::Right)),
            JoinOperator::RightSemi(constraint) | JoinOperator::RightAnti(constraint) => {
                (constraint, Side::Right, Some(Side::Left))
            }
            JoinOperator::AsOf { match_condition, constraint } => {
                self.on(match_condition, scope);
                (constraint, Side::Left, None)
            }
            JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => return,
        };
        match constraint {
            JoinConstraint::On(condition) => self.on(condition, scope),
            JoinConstraint::Using(names) => {
                let idents: Vec<ast::Ident> = names.iter().filter_map(|name| name.0.last()?.as_ident().cloned()).collect();
                self.merge_columns(scope, before, &idents, side);
            }
            JoinConstraint::Natural => {
                let shared = self.shared_columns(scope, before);
                self.merge_columns(scope, before, &shared, side);
            }
            JoinConstraint::None => {}
        }
        match hides {
            Some(Side::Right) => scope.inputs[before..].iter_mut().for_each(|input| input.hidden = true),
            Some(Side::Left) => scope.inputs[..before].iter_mut().for_each(|input| input.hidden = true),
            Some(Side::Both) | None => {}
        }
    }

    pub(crate) fn on(&mut self, condition: &Expr, scope: &Scope) {
        let span = self.bytes(condition.span());
        self.scope(scope.record).clauses.push((RowEdgeKind::Join, "on", span));
        self.decide(condition, scope, RowEdgeKind::Join);
    }

    fn shared_columns(&mut self, scope: &Scope, before: usize) -> Vec<ast::Ident> {
        let mut shared = Vec::new();
        let lefts: Vec<Sym> = scope.inputs[..before]
            .iter()
            .flat_map(|input| input.star(self, Span::default()))
            .map(|(item, _)| item_name(&item))
            .collect();
        let left_keys: Vec<Sym> = lefts.iter().map(|name| self.names.key(*name)).collect();
        for input in &scope.inputs[before..] {
            for (item, _) in input.star(self, Span::default()) {
                let name = item_name(&item);
                if name != Sym::STAR && left_keys.contains(&self.names.key(name)) {
                    shared.push(ast::Ident::new(self.names.text(name)));
                }
            }
        }
        shared
    }

    /// USING and NATURAL: one column of both sides.
    fn merge_columns(&mut self, scope: &mut Scope, before: usize, idents: &[ast::Ident], side: Side) {
        for ident in idents {
            let name = self.sym(ident);
            let key = self.names.key(name);
            let span = self.bytes(ident.span);
            let earlier = scope.merged.iter().position(|column| self.names.key(column.name) == key);
            let left = match earlier {
                Some(at) => Some((name, scope.merged[at].value.clone())),
                None => self.side_value(&scope.inputs[..before], name),
            };
            let right = self.side_value(&scope.inputs[before..], name);
            let mut decides = Lineage::new();
            for (_, value) in left.iter().chain(&right) {
                decides.extend(value.lineage.iter().copied());
            }
            self.decide_rows(scope.record, RowEdgeKind::Join, span, &decides);
            self.scope(scope.record).clauses.push((RowEdgeKind::Join, "using", span));
            let shown = left.as_ref().or(right.as_ref()).map_or(name, |(shown, _)| *shown);
            let value = match (side, left, right) {
                (Side::Left, Some((_, left)), _) => left,
                (Side::Right, _, Some((_, right))) => right,
                (Side::Both, Some((_, mut left)), Some((_, right))) => {
                    left.merge(right, &self.names);
                    left.through(Transformation)
                }
                (_, left, right) => left.or(right).map(|(_, value)| value).unwrap_or_default(),
            };
            let column = Column { name: shown, value, span };
            match earlier {
                Some(at) => scope.merged[at] = column,
                None => scope.merged.push(column),
            }
            for input in &mut scope.inputs {
                if !input.merged_away.contains(&key) {
                    input.merged_away.push(key);
                }
            }
        }
    }

    /// The column `name` among some inputs: where it surely is, else where it may be.
    fn side_value(&mut self, inputs: &[Input], name: Sym) -> Option<(Sym, Value)> {
        for input in inputs {
            if self.surely_has(input, name) {
                let shown = input.star(self, Span::default()).into_iter().map(|(item, _)| item_name(&item)).find(|shown| {
                    let key = self.names.key(name);
                    self.names.key(*shown) == key
                });
                return Some((shown.unwrap_or(name), self.column_of(input, name)?));
            }
        }
        let found: Vec<Value> = inputs.iter().filter_map(|input| self.column_of(input, name)).collect();
        match found.as_slice() {
            [] => None,
            [only] => Some((name, only.clone())),
            [first, ..] => {
                let mut value = first.clone();
                value.lineage.iter_mut().for_each(|origin| origin.guessed = true);
                Some((name, value))
            }
        }
    }
}

/// Which side a merged column's value comes from.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Side {
    Left,
    Right,
    Both,
}
