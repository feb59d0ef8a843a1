//! Turns the scopes of a statement into its [`Derivation`].

use rustc_hash::FxHashMap;

use super::{
    engine::{Engine, RecordedFrom, ScopeIndex},
    names::Sym,
};
use crate::model::{ColumnInput, Derivation, DerivedColumn, DerivedScope, InputFrom, RowClause, ScopeInput};

/// Scopes past which a derivation is cut off.
const MAX_SCOPES: usize = 20_000;

/// The scopes that are reached from `root`, outermost first.
pub(crate) fn derivation(engine: &Engine, root: ScopeIndex) -> Derivation {
    let mut order = vec![root];
    let mut places: FxHashMap<ScopeIndex, u32> = FxHashMap::default();
    places.insert(root, 0);
    let mut at = 0;
    while at < order.len() && order.len() < MAX_SCOPES {
        let record = &engine.scopes[order[at] as usize];
        let inputs = record.inputs.iter().filter_map(|input| match input.from {
            RecordedFrom::Scope(scope) => Some(scope),
            RecordedFrom::Relation(_) => None,
        });
        for scope in inputs.chain(record.children.iter().copied()) {
            if let std::collections::hash_map::Entry::Vacant(slot) = places.entry(scope) {
                slot.insert(order.len() as u32);
                order.push(scope);
            }
        }
        at += 1;
    }
    Derivation { scopes: order.iter().map(|scope| derived_scope(engine, *scope, &places)).collect() }
}

fn derived_scope(engine: &Engine, scope: ScopeIndex, places: &FxHashMap<ScopeIndex, u32>) -> DerivedScope {
    let record = &engine.scopes[scope as usize];
    let text = |sym: Sym| engine.names.text(sym).to_owned();
    let inputs = record
        .inputs
        .iter()
        .map(|input| ScopeInput {
            alias: text(input.alias),
            from: match input.from {
                RecordedFrom::Relation(relation) => InputFrom::Relation(relation),
                RecordedFrom::Scope(scope) => InputFrom::Scope(places.get(&scope).copied().unwrap_or(0)),
            },
            span: input.span,
        })
        .collect();
    let clauses = record
        .clauses
        .iter()
        .map(|(kind, word, span)| RowClause { kind: *kind, word: (*word).to_owned(), span: *span })
        .collect();
    let columns = record
        .columns
        .iter()
        .map(|column| DerivedColumn {
            name: text(column.name),
            span: column.span,
            step: column.step,
            inputs: column
                .inputs
                .iter()
                .map(|read| ColumnInput {
                    input: (read.input != u32::MAX).then_some(read.input),
                    column: text(read.column),
                    kind: read.kind,
                })
                .collect(),
        })
        .collect();
    DerivedScope { kind: record.kind, name: text(record.name), span: record.span, inputs, clauses, columns }
}
