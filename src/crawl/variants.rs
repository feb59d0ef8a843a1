//! One lineage of all renderings of a text, with every span in bytes of the file.

use std::collections::{HashMap, HashSet};

use crate::{
    model::{Analysis, Diagnostic, OutputColumn, RelationId, RelationName, Span, StatementLineage, TargetLineage},
    template::OffsetMap,
};

/// Puts the lineages of a text's renderings together. What several of them say is said once.
pub(super) fn merge(variants: Vec<(Analysis, Option<&OffsetMap>)>) -> Analysis {
    let mut variants = variants.into_iter().map(|(mut analysis, offsets)| {
        if let Some(offsets) = offsets {
            map_analysis(&mut analysis, &|span| offsets.source_span(span));
        }
        analysis
    });
    let Some(mut whole) = variants.next() else { return Analysis::default() };
    for other in variants {
        add(&mut whole, other);
    }
    whole
}

fn add(whole: &mut Analysis, mut other: Analysis) {
    let mut places: HashMap<RelationName, RelationId> =
        (0..).zip(&whole.relations).map(|(at, name)| (name.clone(), at)).collect();
    let mut renumbered = Vec::with_capacity(other.relations.len());
    for name in std::mem::take(&mut other.relations) {
        let next = whole.relations.len() as RelationId;
        let at = *places.entry(name.clone()).or_insert(next);
        if at == next {
            whole.relations.push(name);
        }
        renumbered.push(at);
    }
    let renumber = |at: &mut RelationId| *at = renumbered.get(*at as usize).copied().unwrap_or(*at);
    let offset = whole.statements.len() as u32;
    for mut statement in other.statements {
        renumber_statement(&mut statement, &renumber, offset);
        whole.statements.push(statement);
    }
    for mut target in other.targets {
        renumber_target(&mut target, &renumber, offset);
        match whole.targets.iter_mut().find(|known| known.relation == target.relation) {
            Some(known) => add_target(known, target),
            None => whole.targets.push(target),
        }
    }
    let fresh: Vec<Diagnostic> =
        other.diagnostics.into_iter().filter(|diagnostic| !whole.diagnostics.contains(diagnostic)).collect();
    whole.diagnostics.extend(fresh);
}

fn add_target(known: &mut TargetLineage, other: TargetLineage) {
    known.kind = known.kind.or(other.kind);
    known.statements.extend(other.statements);
    add_missing(&mut known.sources, other.sources);
    add_missing(&mut known.columns, other.columns);
    add_missing(&mut known.rows, other.rows);
    add_missing(&mut known.calls, other.calls);
    add_missing(&mut known.remarks, other.remarks);
    add_outputs(known, other.outputs, other.outputs_complete);
    if known.declared.is_empty() {
        known.declared = other.declared;
    }
}

/// A rendering that puts out other columns adds them: what runs once, and what runs every day, fill
/// one table.
fn add_outputs(known: &mut TargetLineage, outputs: Vec<OutputColumn>, complete: bool) {
    if known.outputs.is_empty() {
        (known.outputs, known.outputs_complete) = (outputs, complete);
        return;
    }
    if outputs.is_empty() {
        return;
    }
    known.outputs_complete &= complete;
    let fold = |output: &OutputColumn| output.name.to_lowercase();
    let (mine, theirs): (HashSet<String>, HashSet<String>) =
        (known.outputs.iter().map(fold).collect(), outputs.iter().map(fold).collect());
    known.outputs_vary |= mine != theirs;
    known.outputs.extend(outputs.into_iter().filter(|output| !mine.contains(&fold(output))));
}

fn add_missing<T: Clone + Eq + std::hash::Hash>(known: &mut Vec<T>, other: Vec<T>) {
    let seen: HashSet<T> = known.iter().cloned().collect();
    known.extend(other.into_iter().filter(|item| !seen.contains(item)));
}

fn renumber_statement(statement: &mut StatementLineage, renumber: &dyn Fn(&mut RelationId), offset: u32) {
    let lists = [&mut statement.sources, &mut statement.targets, &mut statement.drops, &mut statement.replaces];
    lists.into_iter().flatten().for_each(renumber);
    for (old, new) in &mut statement.renames {
        renumber(old);
        renumber(new);
    }
    statement.columns.iter_mut().flat_map(|edge| [&mut edge.from, &mut edge.to]).flatten().for_each(renumber);
    statement.rows.iter_mut().filter_map(|edge| edge.from.as_mut()).for_each(renumber);
    for input in statement.derivation.scopes.iter_mut().flat_map(|scope| &mut scope.inputs) {
        match &mut input.from {
            crate::model::InputFrom::Relation(at) => renumber(at),
            crate::model::InputFrom::Earlier(statement, _) => *statement += offset,
            crate::model::InputFrom::Scope(_) => {}
        }
    }
}

fn renumber_target(target: &mut TargetLineage, renumber: &dyn Fn(&mut RelationId), offset: u32) {
    target.relation.iter_mut().chain(&mut target.sources).for_each(renumber);
    target.statements.iter_mut().for_each(|statement| *statement += offset);
    target.columns.iter_mut().flat_map(|edge| [&mut edge.from, &mut edge.to]).flatten().for_each(renumber);
    target.rows.iter_mut().filter_map(|edge| edge.from.as_mut()).for_each(renumber);
}

/// Applies `map` to every span.
fn map_analysis(analysis: &mut Analysis, map: &dyn Fn(Span) -> Span) {
    for statement in &mut analysis.statements {
        statement.span = map(statement.span);
        statement.columns.iter_mut().for_each(|edge| edge.span = map(edge.span));
        statement.rows.iter_mut().for_each(|edge| edge.span = map(edge.span));
        statement.outputs.iter_mut().for_each(|output| output.span = map(output.span));
        for scope in &mut statement.derivation.scopes {
            scope.span = map(scope.span);
            scope.inputs.iter_mut().for_each(|input| input.span = map(input.span));
            scope.clauses.iter_mut().for_each(|clause| clause.span = map(clause.span));
            scope.columns.iter_mut().for_each(|column| column.span = map(column.span));
        }
    }
    for target in &mut analysis.targets {
        target.columns.iter_mut().for_each(|edge| edge.span = map(edge.span));
        target.rows.iter_mut().for_each(|edge| edge.span = map(edge.span));
        target.outputs.iter_mut().for_each(|output| output.span = map(output.span));
        target.remarks.iter_mut().for_each(|remark| remark.span = map(remark.span));
    }
    for diagnostic in &mut analysis.diagnostics {
        diagnostic.span = map(diagnostic.span);
    }
}
