//! Rules of lineage: places lie in the text, numbers name what exists, the same input yields the same.

use std::sync::Arc;

use crate::{
    assert_within,
    model::{Analysis, InputFrom, KnownRelation, KnownRoutine, RelationName},
    read_input,
    sql::{Lookups, NoLookups, Options, Script},
};

/// Knows every relation, each with the same columns, and one routine.
struct Everything;

impl Lookups for Everything {
    fn relation(&self, name: &RelationName) -> Option<Arc<KnownRelation>> {
        let columns = ["id", "x", "y", "z", "k", "v", "items", "ts"].map(str::to_owned).to_vec();
        let nested = vec!["items.sku".to_owned(), "items.tags.name".to_owned()];
        let complete = !name.last().len().is_multiple_of(3);
        Some(Arc::new(KnownRelation { columns, complete, nested, aliases: Vec::new() }))
    }

    fn routine(&self, name: &RelationName) -> Option<Arc<KnownRoutine>> {
        // The body calls the routine again: inlining has to end.
        let body = if name.last().len().is_multiple_of(2) { "f(a + b, a) + g(b)" } else { "select x, a as y from t join f(b) on true" };
        let is_table = !name.last().len().is_multiple_of(2);
        (name.last().len() < 3).then(|| {
            Arc::new(KnownRoutine {
                parameters: vec!["a".to_owned(), "b".to_owned()],
                body: Some(body.to_owned()),
                is_table,
                is_aggregate: false,
            })
        })
    }
}

/// Parses, analyses under two catalogs and asks for the computation of some columns.
pub fn check_lineage(bytes: &[u8]) {
    let Some((dialect, text)) = read_input(bytes) else { return };
    let options = Options { dialect, ..Options::default() };
    let script = Script::parse(text, &options);
    let references = script.references();
    assert!(references.statements.1 <= references.statements.0, "more failures than statements");
    let unknown = script.analyze(&NoLookups);
    check_analysis(text, &unknown);
    assert!(unknown == script.analyze(&NoLookups), "two runs differ");
    let known = script.analyze(&Everything);
    check_analysis(text, &known);
    for target in known.targets.iter().take(2) {
        let relation = target.relation.map(|relation| &known.relations[relation as usize]);
        for output in target.outputs.iter().take(3) {
            let computation = script.computation(relation, &output.name, &Everything);
            assert!(computation == script.computation(relation, &output.name, &Everything), "two computations differ");
        }
    }
}

fn check_analysis(text: &str, analysis: &Analysis) {
    let exists = |relation: u32| assert!((relation as usize) < analysis.relations.len(), "no relation {relation}");
    for statement in &analysis.statements {
        assert_within(text, statement.span, "a statement");
        statement.sources.iter().chain(&statement.targets).chain(&statement.drops).for_each(|relation| exists(*relation));
        statement.replaces.iter().for_each(|relation| exists(*relation));
        statement.renames.iter().for_each(|(old, new)| {
            exists(*old);
            exists(*new);
        });
        for edge in &statement.columns {
            edge.from.into_iter().chain(edge.to).for_each(exists);
            assert_within(text, edge.span, "a column edge");
            assert!(!edge.to_column.is_empty(), "an edge to a column without a name: {edge:?}");
        }
        for row in &statement.rows {
            row.from.into_iter().for_each(exists);
            assert_within(text, row.span, "a row edge");
        }
        for output in &statement.outputs {
            assert_within(text, output.span, "an output");
        }
        for scope in &statement.derivation.scopes {
            assert_within(text, scope.span, "a scope");
            scope.clauses.iter().for_each(|clause| assert_within(text, clause.span, "a clause"));
            scope.columns.iter().for_each(|column| assert_within(text, column.span, "a column"));
            for input in &scope.inputs {
                match input.from {
                    InputFrom::Relation(relation) => exists(relation),
                    InputFrom::Scope(scope) | InputFrom::Earlier(_, scope) => {
                        assert!((scope as usize) < statement.derivation.scopes.len().max(1), "no scope {scope}");
                    }
                }
            }
        }
    }
    for target in &analysis.targets {
        target.relation.into_iter().chain(target.sources.iter().copied()).for_each(exists);
        assert!(target.statements.iter().all(|at| (*at as usize) < analysis.statements.len()), "no such statement");
        assert!(target.columns.iter().all(|edge| edge.to == target.relation), "an edge of another target");
    }
    for diagnostic in &analysis.diagnostics {
        assert_within(text, diagnostic.span, "a diagnostic");
    }
}
