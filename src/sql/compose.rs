//! What a script leaves behind: temporary tables composed away, renames and replacements followed.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

use super::script::Step;
use crate::model::{AssetKind, ColumnEdge, ColumnEdgeKind, RelationId, RelationName, RowEdge, TargetLineage};

/// A relation from its creation (or first write) to its end.
struct Life {
    lineage: TargetLineage,
    /// Gone before the script ends, or temporary: readers see through it.
    passing: bool,
    dropped: bool,
}

struct Composer<'s> {
    steps: &'s [Step],
    lives: Vec<Life>,
    current: FxHashMap<RelationId, usize>,
    /// Whether there is anything to see through.
    any_passing: bool,
}

/// Composes the statements of a script.
pub(crate) fn compose(steps: &[Step], relations: &[RelationName]) -> Vec<TargetLineage> {
    let mut composer = Composer { steps, lives: Vec::new(), current: FxHashMap::default(), any_passing: false };
    for at in 0..steps.len() {
        composer.apply(at);
    }
    debug_assert!(composer.lives.iter().all(|life| life.lineage.relation.is_none_or(|id| (id as usize) < relations.len())));
    composer.lives.into_iter().filter(|life| !life.passing && !life.dropped).map(|life| life.lineage).collect()
}

impl Composer<'_> {
    fn apply(&mut self, at: usize) {
        let step = &self.steps[at];
        let sources = self.sources(&step.lineage.sources);
        let rows = self.rows(&step.lineage.rows, &step.lineage.sources);
        let columns = self.columns(&step.lineage.columns);
        for created in &step.created {
            let passing = created.temporary || self.dropped_later(at, created.relation);
            let restarts = step.lineage.replaces.contains(&created.relation) && !step.conditional
                || self.current.get(&created.relation).is_none_or(|life| self.lives[*life].passing != passing);
            let life = if restarts { self.begin(created.relation, passing) } else { self.life(created.relation) };
            self.lives[life].lineage.kind = Some(created.kind);
        }
        for relation in step.lineage.replaces.iter().filter(|_| !step.conditional) {
            if !step.created.iter().any(|created| created.relation == *relation) {
                self.replace(*relation);
            }
        }
        for (relation, column) in step.overwrites.iter().filter(|_| !step.conditional) {
            self.overwrite(*relation, column, &step.lineage.columns);
        }
        let renames = !step.lineage.renames.is_empty();
        let mut written: Vec<Option<RelationId>> =
            step.lineage.targets.iter().filter(|_| !renames).map(|target| Some(*target)).collect();
        written.extend(
            step.created
                .iter()
                .map(|created| Some(created.relation))
                .filter(|target| !step.lineage.targets.iter().any(|other| Some(*other) == *target)),
        );
        if step.bare_select {
            written.push(None);
        }
        for target in &written {
            let life = match target {
                Some(relation) => self.life(*relation),
                None => self.bare(),
            };
            self.add(life, at, &sources, &rows, &columns, *target);
        }
        if let Some(routine) = step.inside {
            let life = self.life(routine);
            let lineage = &mut self.lives[life].lineage;
            lineage.kind = Some(AssetKind::Routine);
            extend_new(&mut lineage.sources, &sources);
            extend_new(&mut lineage.calls, &step.lineage.calls);
        }
        for (relation, declared) in &step.declared {
            let life = self.life(*relation);
            self.lives[life].lineage.declared.clone_from(declared);
        }
        self.end_and_rename(step);
    }

    fn end_and_rename(&mut self, step: &Step) {
        for relation in &step.lineage.drops {
            if let Some(life) = self.current.remove(relation) {
                self.lives[life].dropped = true;
            }
        }
        for (old, new) in &step.lineage.renames {
            if step.swaps.contains(&(*old, *new)) {
                let (first, second) = (self.current.remove(old), self.current.remove(new));
                self.rename(first, *new);
                self.rename(second, *old);
            } else {
                if let Some(gone) = self.current.remove(new) {
                    self.lives[gone].dropped = true;
                }
                let life = self.current.remove(old);
                self.rename(life, *new);
            }
        }
    }

    fn rename(&mut self, life: Option<usize>, name: RelationId) {
        let Some(life) = life else { return };
        self.current.insert(name, life);
        let lineage = &mut self.lives[life].lineage;
        lineage.relation = Some(name);
        for edge in &mut lineage.columns {
            edge.to = Some(name);
        }
    }

    fn begin(&mut self, relation: RelationId, passing: bool) -> usize {
        if let Some(former) = self.current.remove(&relation) {
            self.lives[former].dropped = true;
        }
        self.any_passing |= passing;
        self.lives.push(Life { lineage: TargetLineage::new(Some(relation)), passing, dropped: false });
        let life = self.lives.len() - 1;
        self.current.insert(relation, life);
        life
    }

    fn replace(&mut self, relation: RelationId) {
        if let Some(life) = self.current.get(&relation) {
            let life = &mut self.lives[*life];
            life.lineage = TargetLineage {
                kind: life.lineage.kind,
                declared: std::mem::take(&mut life.lineage.declared),
                ..TargetLineage::new(Some(relation))
            };
        }
    }

    /// Forgets what was in `column` of every row, unless an edge of the statement needs it: a lasting
    /// relation's own columns stand in its edges as they are.
    fn overwrite(&mut self, relation: RelationId, column: &str, edges: &[ColumnEdge]) {
        let Some(life) = self.current.get(&relation) else { return };
        let needed = |edge: &ColumnEdge| edge.from == Some(relation) && is_part_of(&edge.from_column, column);
        let life = &mut self.lives[*life];
        if life.passing || !edges.iter().any(needed) {
            life.lineage.columns.retain(|edge| !is_part_of(&edge.to_column, column));
        }
    }

    fn life(&mut self, relation: RelationId) -> usize {
        match self.current.get(&relation) {
            Some(life) => *life,
            None => self.begin(relation, false),
        }
    }

    fn bare(&mut self) -> usize {
        self.lives.push(Life { lineage: TargetLineage::new(None), passing: false, dropped: false });
        self.lives.len() - 1
    }

    fn add(
        &mut self,
        life: usize,
        at: usize,
        sources: &[RelationId],
        rows: &[RowEdge],
        columns: &[ColumnEdge],
        target: Option<RelationId>,
    ) {
        let step = &self.steps[at];
        let any_passing = self.any_passing;
        let lineage = &mut self.lives[life].lineage;
        lineage.statements.push(at as u32);
        extend_new(&mut lineage.sources, sources);
        extend_new(&mut lineage.rows, rows);
        extend_new(&mut lineage.calls, &step.lineage.calls);
        if lineage.columns.is_empty() && !any_passing {
            lineage.columns.extend(columns.iter().filter(|edge| edge.to == target).cloned());
        } else {
            let mut seen: FxHashSet<ColumnEdge> = lineage.columns.iter().map(unplaced).collect();
            let new = columns.iter().filter(|edge| edge.to == target && seen.insert(unplaced(edge)));
            lineage.columns.extend(new.cloned().collect::<Vec<_>>());
        }
        if lineage.outputs.is_empty() && !step.lineage.outputs.is_empty() {
            lineage.outputs.clone_from(&step.lineage.outputs);
            lineage.outputs_complete = step.lineage.outputs_complete;
        }
    }

    /// Whether `relation`, created at `at`, is dropped before the script creates it again or ends.
    fn dropped_later(&self, at: usize, relation: RelationId) -> bool {
        for step in &self.steps[at + 1..] {
            if step.lineage.drops.contains(&relation) {
                return true;
            }
            if step.lineage.renames.iter().any(|(old, new)| *old == relation || *new == relation) {
                return false;
            }
            let again = step.created.iter().any(|created| created.relation == relation);
            if again && step.lineage.replaces.contains(&relation) {
                return false;
            }
        }
        false
    }

    fn passing(&self, relation: RelationId) -> Option<&Life> {
        self.current.get(&relation).map(|life| &self.lives[*life]).filter(|life| life.passing)
    }

    fn sources(&self, direct: &[RelationId]) -> Vec<RelationId> {
        let mut sources = Vec::new();
        for relation in direct {
            match self.passing(*relation) {
                Some(life) => extend_new(&mut sources, &life.lineage.sources),
                None => extend_new(&mut sources, &[*relation]),
            }
        }
        sources
    }

    fn rows<'r>(&self, direct: &'r [RowEdge], sources: &[RelationId]) -> Cow<'r, [RowEdge]> {
        if !self.any_passing {
            return Cow::Borrowed(direct);
        }
        let mut all = Vec::with_capacity(direct.len());
        for row in direct {
            match row.from.and_then(|relation| self.passing(relation)) {
                Some(life) => {
                    let through = life.lineage.columns.iter().filter(|edge| feeds(edge, &row.from_column));
                    all.extend(through.map(|edge| RowEdge {
                        from: edge.from,
                        from_column: edge.from_column.clone(),
                        ..row.clone()
                    }));
                }
                None => all.push(row.clone()),
            }
        }
        for relation in sources {
            if let Some(life) = self.passing(*relation) {
                all.extend_from_slice(&life.lineage.rows);
            }
        }
        let mut rows = Vec::with_capacity(all.len());
        extend_new(&mut rows, &all);
        Cow::Owned(rows)
    }

    fn columns<'e>(&self, direct: &'e [ColumnEdge]) -> Cow<'e, [ColumnEdge]> {
        if !self.any_passing {
            return Cow::Borrowed(direct);
        }
        let mut columns = Vec::with_capacity(direct.len());
        for edge in direct {
            self.column(edge, &mut columns);
        }
        Cow::Owned(columns)
    }

    /// An edge from real relations: from a passing one, what went into it.
    fn column(&self, edge: &ColumnEdge, edges: &mut Vec<ColumnEdge>) {
        let Some(life) = edge.from.and_then(|relation| self.passing(relation)) else {
            edges.push(edge.clone());
            return;
        };
        for source in life.lineage.columns.iter().filter(|source| edge.from_column == "*" || feeds(source, &edge.from_column)) {
            let from_column =
                match edge.from_column.strip_prefix(source.to_column.as_str()).and_then(|rest| rest.strip_prefix('.')) {
                    Some(path) if source.kind == ColumnEdgeKind::Identity => format!("{}.{path}", source.from_column),
                    _ if source.to_column == "*" && edge.from_column != "*" => edge.from_column.clone(),
                    _ => source.from_column.clone(),
                };
            edges.push(ColumnEdge {
                from: source.from,
                from_column,
                kind: source.kind.then(edge.kind),
                guessed: source.guessed || edge.guessed,
                ..edge.clone()
            });
        }
    }
}

/// Whether an edge into a passing relation feeds `column` of it.
fn feeds(edge: &ColumnEdge, column: &str) -> bool {
    edge.to_column == "*" || is_part_of(column, &edge.to_column)
}

/// Whether `path` is `column` or a field in it.
fn is_part_of(path: &str, column: &str) -> bool {
    path.eq_ignore_ascii_case(column)
        || path.len() > column.len()
            && path.as_bytes()[column.len()] == b'.'
            && path.as_bytes()[..column.len()].eq_ignore_ascii_case(column.as_bytes())
}

/// The edge without its place: several expressions make one edge.
fn unplaced(edge: &ColumnEdge) -> ColumnEdge {
    ColumnEdge { span: crate::model::Span::default(), guessed: false, ..edge.clone() }
}

/// Adds those of `more` that are not in `list` yet.
fn extend_new<T: Clone + std::hash::Hash + Eq>(list: &mut Vec<T>, more: &[T]) {
    if list.len() + more.len() <= 32 {
        for item in more {
            if !list.contains(item) {
                list.push(item.clone());
            }
        }
        return;
    }
    let mut seen: FxHashSet<&T> = list.iter().collect();
    let fresh: Vec<T> = more.iter().filter(|item| seen.insert(item)).cloned().collect();
    list.extend(fresh);
}
