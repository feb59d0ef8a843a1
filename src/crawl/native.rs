//! What a warehouse states of a table, as the analysis that SQL would have yielded.

use super::scripts::Names;
use crate::model::{
    Analysis, ColumnEdge, ColumnEdgeKind, NativeEdge, OutputColumn, RelationId, RelationName, Span, StatementLineage,
    TargetLineage,
};

/// The lineage in the document of stated lineage at `path`. A line that is none is left out.
pub(super) fn read_native(path: &str, text: &str) -> Analysis {
    let mut analysis = Analysis::default();
    let mut start = 0u32;
    for line in text.split_inclusive('\n') {
        let span = Span { start, end: start + line.trim_end().len() as u32 };
        start += line.len() as u32;
        if let Some(edge) = NativeEdge::read(path, line) {
            take(&mut analysis, &edge, span);
        }
    }
    analysis
}

/// What such a document names.
pub(super) fn native_names(analysis: &Analysis) -> Names {
    let names = |relations: &mut dyn Iterator<Item = &RelationId>| {
        let mut names: Vec<RelationName> = relations.filter_map(|at| analysis.relations.get(*at as usize)).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    Names {
        reads: names(&mut analysis.statements.iter().flat_map(|statement| &statement.sources)),
        writes: names(&mut analysis.statements.iter().flat_map(|statement| &statement.targets)),
        ..Names::default()
    }
}

fn take(analysis: &mut Analysis, edge: &NativeEdge, span: Span) {
    let to = number(analysis, &edge.to);
    let from = number(analysis, &edge.from);
    // The first line that names a table is where it is read.
    if !analysis.statements.iter().any(|statement| statement.sources.contains(&from)) {
        analysis.statements.push(StatementLineage {
            span,
            verb: "native".to_owned(),
            sources: vec![from],
            targets: vec![to],
            ..StatementLineage::default()
        });
    }
    let statements = analysis.statements.len() as u32;
    if analysis.targets.is_empty() {
        analysis.targets.push(TargetLineage { outputs_complete: false, ..TargetLineage::new(Some(to)) });
    }
    let Some(target) = analysis.targets.first_mut() else { return };
    target.statements = (0..statements).collect();
    if !target.sources.contains(&from) {
        target.sources.push(from);
    }
    if edge.is_of_tables() {
        return;
    }
    if target.outputs.last().is_none_or(|output| output.name != edge.to_column) {
        target.outputs.push(OutputColumn { name: edge.to_column.clone(), span });
    }
    target.columns.push(ColumnEdge {
        from: Some(from),
        from_column: edge.from_column.clone(),
        to: Some(to),
        to_column: edge.to_column.clone(),
        // How is not stated: the graph takes what SQL says of it, if SQL says anything.
        kind: ColumnEdgeKind::Transformation,
        guessed: false,
        span,
    });
}

fn number(analysis: &mut Analysis, name: &str) -> RelationId {
    let name = RelationName::from_dotted(name);
    let known = analysis.relations.iter().position(|relation| *relation == name);
    let at = known.unwrap_or_else(|| {
        analysis.relations.push(name);
        analysis.relations.len() - 1
    });
    at as RelationId
}
