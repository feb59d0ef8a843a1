//! From the lineage of a text, in names, to what is stored, in assets and columns.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    bind::Bound,
    input::{DocumentInput, SourceInput},
    world::{Recorder, Standing, kind_of_role},
};
use crate::model::{
    Analysis, AssetKey, AssetKind, ColumnEdgeKind, DeclaredColumn, Diagnostic, Dialect, DocumentRole, KnownRelation, LineIndex,
    NAME_BY_SUFFIX, RelationId, RowEdgeKind, SYNTAX_ERROR, Span, TABLE_LEVEL_ONLY, TEMPLATE_ERROR, TargetLineage,
    UNKNOWN_RELATION,
};
use crate::store::{NewAnalysis, NewColumnEdge, NewRowEdge, PlacedDiagnostic};

/// Edges into the columns of wildcard tables at most, of one document; of its tables there are all.
const MOST_COVERED: usize = 20_000;

/// What an analysis does to assets, as it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) targets: Vec<TargetResult>,
    /// Assets read or checked, with their names as completed.
    pub(super) reads: Vec<(AssetKey, String)>,
    /// Other keys that mean an asset here: (key in its namespace, asset).
    pub(super) aliases: Vec<(String, AssetKey)>,
    /// Spellings of columns read whose name is not their key, where nothing declares them.
    pub(super) spelled: Vec<(AssetKey, Vec<String>)>,
    /// A statement could not be parsed, and no column is followed.
    pub(super) broken: bool,
    /// Wildcard tables among those read that stand for tables of the catalog.
    pub(super) covers: Vec<AssetKey>,
    pub(super) column_edges: u64,
    pub(super) guessed_edges: u64,
    pub(super) diagnostics: u64,
}

/// What becomes of one asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TargetResult {
    pub(super) asset: AssetKey,
    pub(super) name: String,
    /// What it is made to be; `None` where it is only written into.
    pub(super) kind: Option<AssetKind>,
    pub(super) outputs: Vec<String>,
    pub(super) complete: bool,
    /// A query makes all of it: no other columns are left as they were.
    pub(super) whole: bool,
    pub(super) declared: Vec<DeclaredColumn>,
    /// Rows come from SQL, not only a declaration.
    pub(super) filled: bool,
    pub(super) standing: Standing,
    /// What DDL says: (column or "", text, line), without what `declared` holds.
    pub(super) remarks: Vec<(String, String, u32)>,
    /// A log saw it; no file says so.
    #[serde(default)]
    pub(super) observed: bool,
}

/// Whether an asset is what the layout says of its file, whatever the SQL does: a table may be filled
/// by a file that does not create it.
fn is_told_by_layout(kind: AssetKind) -> bool {
    matches!(kind, AssetKind::View | AssetKind::Metric | AssetKind::Chart | AssetKind::Dashboard)
}

/// The key of a column.
pub(super) fn column_key(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::ClickHouse => name.to_owned(),
        _ => name.to_lowercase(),
    }
}

/// Lowers the lineage of one document.
pub(super) struct Lowering<'a> {
    pub(super) source: &'a SourceInput,
    pub(super) document: &'a DocumentInput,
    pub(super) recorder: &'a Recorder<'a>,
    pub(super) lines: LineIndex,
    assets: Vec<AssetKey>,
    numbers: HashMap<AssetKey, u32>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(source: &'a SourceInput, document: &'a DocumentInput, recorder: &'a Recorder<'a>, text: &str) -> Self {
        let origins = document.composed.as_ref().map_or(&[][..], |composed| &composed.lines);
        let lines = LineIndex::new(text).with_origins(origins);
        Lowering { source, document, recorder, lines, assets: Vec::new(), numbers: HashMap::new() }
    }

    /// What is stored of `detail`; script, names, answers and look-ups are left to the caller.
    pub(super) fn lower(mut self, detail: Analysis) -> (NewAnalysis, Results) {
        let bounds: Vec<Option<Bound>> = detail.relations.iter().map(|name| self.recorder.bind(name)).collect();
        let bound: Vec<Option<u32>> = bounds.iter().map(|bound| bound.as_ref().map(|it| self.number(&it.key))).collect();
        let mut new = NewAnalysis {
            script: String::new(),
            names: String::new(),
            answers: 0,
            lookups: String::new(),
            results: String::new(),
            assets: Vec::new(),
            bound,
            targets: Vec::with_capacity(detail.targets.len()),
            writes: Vec::new(),
            checks: Vec::new(),
            reads: Vec::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            asset_edges: Vec::new(),
            routine_edges: Vec::new(),
            diagnostics: Vec::new(),
            detail,
        };
        let mut results = Results::default();
        for at in 0..new.detail.targets.len() {
            self.lower_target(at, &bounds, &mut new, &mut results);
        }
        self.read_relations(&bounds, &new.detail, &mut results);
        self.note_aliases(&bounds, &new.detail, &mut results);
        self.link_wildcards(&bounds, &mut new, &mut results);
        if self.document.role == DocumentRole::Check {
            new.checks = results.reads.iter().filter_map(|(key, _)| self.numbers.get(key).copied()).collect();
        }
        if matches!(self.document.role, DocumentRole::Logged | DocumentRole::Failed) {
            self.lower_reads(&bounds, &mut new);
        }
        self.place_diagnostics(&bounds, &mut new, &mut results);
        self.keep_broken_target(&mut new, &mut results);
        sort_edges(&mut new);
        results.column_edges = new.columns.len() as u64;
        results.guessed_edges = new.columns.iter().filter(|edge| edge.guessed).count() as u64;
        new.assets = self.assets;
        (new, results)
    }

    fn number(&mut self, key: &AssetKey) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = self.assets.len() as u32;
        self.assets.push(key.clone());
        self.numbers.insert(key.clone(), number);
        number
    }

    fn line(&self, span: Span) -> u32 {
        self.lines.line(span.start)
    }

    /// What a target is: as written, as the layout says, or a query called by its path.
    fn name_target(&self, target: &TargetLineage, bounds: &[Option<Bound>], alone: bool) -> Option<(AssetKey, String)> {
        if let Some(relation) = target.relation {
            let bound = bounds.get(relation as usize)?.as_ref()?;
            return Some((bound.key.clone(), bound.name.clone()));
        }
        if let Some(name) = &self.document.target {
            let bound = self.recorder.bind(name)?;
            let called = self.document.composed.as_ref().and_then(|composed| composed.name.clone());
            return Some((bound.key, called.unwrap_or(bound.name)));
        }
        let role = self.document.role;
        let is_query =
            matches!(role, DocumentRole::Sql | DocumentRole::Query | DocumentRole::View) || role == DocumentRole::Script && alone;
        (is_query && !target.sources.is_empty()).then(|| {
            let path = self.document.path.to_string();
            (AssetKey { namespace: format!("query://{}", self.source.config.name), key: path.clone() }, path)
        })
    }

    fn lower_target(&mut self, at: usize, bounds: &[Option<Bound>], new: &mut NewAnalysis, results: &mut Results) {
        let mut detail = std::mem::take(&mut new.detail);
        let standing = self.standing(&detail, &detail.targets[at]);
        detail.targets[at].superseded = !standing.holds();
        let target = &detail.targets[at];
        let named = match self.document.role {
            DocumentRole::Check | DocumentRole::Failed => None,
            _ => self.name_target(target, bounds, detail.targets.len() == 1),
        };
        let Some((key, name)) = named else {
            new.targets.push(None);
            new.detail = detail;
            return;
        };
        let to = self.number(&key);
        new.targets.push(Some(to));
        if !new.writes.contains(&to) {
            new.writes.push(to);
        }
        if standing.holds() {
            self.lower_edges(to, target, bounds, new);
            self.lower_asset_edges(to, target, &detail, new, results);
        }
        let mut declared = target.declared.clone();
        let remarks = self.take_remarks(target, &mut declared);
        let is_query = key.namespace.starts_with("query://");
        let by_layout = (target.relation.is_none() && !is_query).then(|| kind_of_role(self.document.role));
        results.targets.push(TargetResult {
            asset: key,
            name,
            kind: if is_query {
                Some(AssetKind::Query)
            } else {
                target.kind.or(by_layout.filter(|kind| is_told_by_layout(*kind)))
            },
            outputs: target.outputs.iter().map(|output| output.name.clone()).collect(),
            complete: target.outputs_complete,
            whole: !target.outputs_vary && (by_layout.is_some() || target.is_defined(|at| detail.statements.get(at as usize))),
            declared,
            remarks,
            standing,
            observed: matches!(self.document.role, DocumentRole::Logged | DocumentRole::Native),
            filled: !target.outputs.is_empty() || !target.sources.is_empty() || !target.columns.is_empty(),
        });
        new.detail = detail;
    }

    /// What DDL says of a target; of declared columns it goes with their declaration.
    fn take_remarks(&self, target: &TargetLineage, declared: &mut [DeclaredColumn]) -> Vec<(String, String, u32)> {
        let mut remarks = Vec::new();
        for remark in &target.remarks {
            match declared.iter_mut().find(|column| column.name.eq_ignore_ascii_case(&remark.column)) {
                Some(column) => {
                    column.description.get_or_insert_with(|| remark.text.clone());
                }
                None => remarks.push((remark.column.clone(), remark.text.clone(), self.line(remark.span))),
            }
        }
        remarks
    }

    /// A file that cannot be read is still the file of what the layout says that it fills.
    fn keep_broken_target(&mut self, new: &mut NewAnalysis, results: &mut Results) {
        let role = self.document.role;
        let Some(target) = self.document.target.as_ref().filter(|_| results.broken && role != DocumentRole::Check) else {
            return;
        };
        let Some(bound) = self.recorder.bind(target) else { return };
        if results.targets.iter().any(|target| target.asset == bound.key) {
            return;
        }
        new.writes.push(self.number(&bound.key));
        results.targets.push(TargetResult {
            asset: bound.key,
            name: self.document.composed.as_ref().and_then(|composed| composed.name.clone()).unwrap_or(bound.name),
            kind: Some(kind_of_role(role)).filter(|kind| is_told_by_layout(*kind)),
            outputs: Vec::new(),
            complete: false,
            whole: false,
            declared: Vec::new(),
            filled: false,
            standing: Standing::Adds,
            remarks: Vec::new(),
            observed: self.document.role.is_logged(),
        });
    }

    /// How the document stands to a target: whether its CREATE holds.
    fn standing(&self, detail: &Analysis, target: &TargetLineage) -> Standing {
        let role = self.document.role;
        let name = match target.relation {
            // What a log saw is added to what files say; it takes the place of nothing.
            _ if role == DocumentRole::Check || role.is_logged() => None,
            Some(relation) => {
                detail.relations.get(relation as usize).filter(|_| target.is_defined(|at| detail.statements.get(at as usize)))
            }
            None => self.document.target.as_ref().filter(|_| is_told_by_layout(kind_of_role(role))),
        };
        name.map_or(Standing::Adds, |name| self.recorder.standing(name))
    }

    fn lower_asset_edges(
        &mut self,
        to: u32,
        target: &TargetLineage,
        detail: &Analysis,
        new: &mut NewAnalysis,
        results: &mut Results,
    ) {
        for (relation, line) in self.source_lines(target, detail) {
            if let Some(from) = new.bound.get(relation as usize).copied().flatten() {
                new.asset_edges.push((to, from, line));
            }
        }
        for call in &target.calls {
            if let Some(routine) = self.recorder.bind_routine(call) {
                let routine_at = self.number(&routine.key);
                new.routine_edges.push((to, routine_at));
                results.reads.push((routine.key, routine.name));
            }
        }
    }

    fn lower_edges(&self, to: u32, target: &TargetLineage, bounds: &[Option<Bound>], new: &mut NewAnalysis) {
        let dialect = self.document.dialect;
        let from_of = |from: Option<RelationId>| {
            let at = from? as usize;
            bounds.get(at)?.as_ref()?;
            new.bound.get(at).copied().flatten()
        };
        let columns = target.columns.iter().filter_map(|edge| {
            Some(NewColumnEdge {
                to: (to, column_key(dialect, &edge.to_column).into()),
                from: (from_of(edge.from)?, column_key(dialect, &edge.from_column).into()),
                kind: edge.kind,
                guessed: edge.guessed,
                line: self.line(edge.span),
            })
        });
        let columns: Vec<_> = columns.collect();
        let rows = target.rows.iter().filter_map(|edge| {
            let from = (from_of(edge.from)?, column_key(dialect, &edge.from_column).into());
            Some(NewRowEdge { to, from, kind: edge.kind, line: self.line(edge.span) })
        });
        let rows: Vec<_> = rows.collect();
        new.columns.extend(columns);
        new.rows.extend(rows);
    }

    /// Every relation that a target is read from, with the line of the first statement that does.
    fn source_lines(&self, target: &TargetLineage, detail: &Analysis) -> Vec<(RelationId, u32)> {
        let statements: Vec<_> = target.statements.iter().filter_map(|at| detail.statements.get(*at as usize)).collect();
        let first = statements.first().map_or(1, |statement| self.line(statement.span));
        let line_of = |relation: &RelationId| {
            let reading = statements.iter().find(|statement| statement.sources.contains(relation));
            reading.map_or(first, |statement| self.line(statement.span))
        };
        target.sources.iter().map(|relation| (*relation, line_of(relation))).collect()
    }

    /// What a logged query reads, and what it does with each column.
    fn lower_reads(&mut self, bounds: &[Option<Bound>], new: &mut NewAnalysis) {
        let dialect = self.document.dialect;
        let mut read: BTreeMap<RelationId, BTreeMap<String, u8>> = BTreeMap::new();
        for target in &new.detail.targets {
            let columns = target.columns.iter().map(|edge| (edge.from, &edge.from_column, 1u8));
            let rows = target.rows.iter().map(|edge| {
                let bit = match edge.kind {
                    RowEdgeKind::Filter => 2,
                    RowEdgeKind::Join => 4,
                    RowEdgeKind::GroupBy => 8,
                    RowEdgeKind::Sort => 16,
                };
                (edge.from, &edge.from_column, bit)
            });
            for (from, column, bit) in columns.chain(rows) {
                if let Some(from) = from {
                    *read.entry(from).or_default().entry(column_key(dialect, column)).or_default() |= bit;
                }
            }
        }
        for relation in read_for_good(&new.detail) {
            read.entry(relation).or_default();
        }
        let mut by_asset: BTreeMap<u32, BTreeMap<String, u8>> = BTreeMap::new();
        let failed = self.document.role == DocumentRole::Failed;
        for (relation, columns) in read {
            let bound = bounds.get(relation as usize).and_then(Option::as_ref);
            let Some(bound) = bound.filter(|bound| bound.known || !failed) else { continue };
            let asset = self.number(&bound.key);
            for (column, bits) in columns {
                *by_asset.entry(asset).or_default().entry(column).or_default() |= bits;
            }
            by_asset.entry(asset).or_default();
        }
        new.reads = by_asset.into_iter().collect();
    }

    /// Of a logged query only that it cannot be read is worth saying: what it names is what it names.
    fn keep_failures(&self, found: Vec<Diagnostic>, new: &mut NewAnalysis, results: &mut Results) {
        let failures = [SYNTAX_ERROR.code, TABLE_LEVEL_ONLY.code];
        let failed: Vec<_> = found.into_iter().filter(|diagnostic| failures.contains(&diagnostic.code.as_str())).collect();
        results.broken = !failed.is_empty() && new.detail.targets.iter().all(|target| target.columns.is_empty());
        if self.document.role == DocumentRole::Logged {
            // The message quotes nothing but the shape, which holds no literal.
            new.diagnostics = failed
                .into_iter()
                .map(|what| PlacedDiagnostic { line: 0, code: what.code, message: what.message, span: what.span })
                .collect();
            new.diagnostics.sort();
            new.diagnostics.dedup();
        }
        results.diagnostics = new.diagnostics.len() as u64;
    }

    /// Remembers which assets are read, and how their columns are spelled.
    fn read_relations(&self, bounds: &[Option<Bound>], detail: &Analysis, results: &mut Results) {
        let mut read: BTreeSet<RelationId> = BTreeSet::new();
        read.extend(detail.targets.iter().flat_map(|target| &target.sources));
        if self.document.role == DocumentRole::Check {
            read.extend(detail.statements.iter().flat_map(|statement| &statement.sources));
        }
        if self.document.role.is_logged() {
            read.extend(read_for_good(detail));
        }
        let mut spelled: BTreeMap<RelationId, BTreeSet<String>> = BTreeMap::new();
        for target in &detail.targets {
            let columns = target.columns.iter().map(|edge| (edge.from, &edge.from_column));
            let rows = target.rows.iter().map(|edge| (edge.from, &edge.from_column));
            for (from, name) in columns.chain(rows) {
                if let Some(from) = from
                    && *name != column_key(self.document.dialect, name)
                {
                    spelled.entry(from).or_default().insert(name.clone());
                }
            }
        }
        let bound = |at: RelationId| bounds.get(at as usize).and_then(Option::as_ref);
        results.reads.extend(read.iter().filter_map(|at| bound(*at).map(|it| (it.key.clone(), it.name.clone()))));
        if self.document.role == DocumentRole::Failed {
            // What a query asks for in vain need not be there.
            results.reads.retain(|(key, _)| bounds.iter().flatten().any(|bound| bound.known && bound.key == *key));
        }
        results.reads.sort();
        results.reads.dedup();
        let spelled = spelled.into_iter().filter_map(|(at, names)| Some((bound(at)?.key.clone(), names)));
        results.spelled = spelled.map(|(key, names)| (key, names.into_iter().collect())).collect();
    }

    /// Remembers what names mean that are not written whole, or are folded by a rule.
    fn note_aliases(&self, bounds: &[Option<Bound>], detail: &Analysis, results: &mut Results) {
        for (name, bound) in detail.relations.iter().zip(bounds) {
            let Some(bound) = bound else { continue };
            results.aliases.extend(self.recorder.other_keys(name, bound).into_iter().map(|key| (key, bound.key.clone())));
        }
        results.aliases.sort_unstable();
        results.aliases.dedup();
    }

    /// A wildcard table is made of the tables that it covers: each column that is read of it comes from
    /// the columns of that name.
    fn link_wildcards(&mut self, bounds: &[Option<Bound>], new: &mut NewAnalysis, results: &mut Results) {
        let (mut columns, mut tables) = (Vec::new(), Vec::new());
        for (name, bound) in new.detail.relations.iter().zip(bounds) {
            let Some(bound) = bound else { continue };
            let covered = self.recorder.covered(name, bound);
            let Some(wildcard) = self.numbers.get(&bound.key).copied().filter(|_| !covered.is_empty()) else { continue };
            let reads = new.columns.iter().map(|edge| (&edge.from, edge.line));
            let reads = reads.chain(new.rows.iter().map(|edge| (&edge.from, edge.line)));
            let mut read: BTreeMap<Box<str>, u32> = BTreeMap::new();
            for ((_, column), line) in reads.filter(|((asset, _), _)| *asset == wildcard) {
                let first = read.entry(column.clone()).or_insert(line);
                *first = line.min(*first);
            }
            let line = new.asset_edges.iter().filter(|(_, from, _)| *from == wildcard).map(|(.., line)| *line).min();
            for (key, known) in covered {
                let from = self.number(&key);
                tables.extend(line.map(|line| (wildcard, from, line)));
                let held =
                    read.iter().filter(|(column, _)| holds(known, column)).take(MOST_COVERED.saturating_sub(columns.len()));
                columns.extend(held.map(|(column, line)| NewColumnEdge {
                    to: (wildcard, column.clone()),
                    from: (from, column.clone()),
                    kind: ColumnEdgeKind::Identity,
                    guessed: false,
                    line: *line,
                }));
                results.reads.push((key.clone(), key.key.clone()));
            }
            results.covers.push(bound.key.clone());
        }
        new.columns.append(&mut columns);
        new.asset_edges.append(&mut tables);
        results.reads.sort();
        results.reads.dedup_by(|later, first| later.0 == first.0);
    }

    fn place_diagnostics(&self, bounds: &[Option<Bound>], new: &mut NewAnalysis, results: &mut Results) {
        let read: BTreeSet<&AssetKey> = results.reads.iter().map(|(key, _)| key).collect();
        let mut found = new.detail.diagnostics.clone();
        if self.document.role.is_logged() {
            return self.keep_failures(found, new, results);
        }
        for (bound, name) in bounds.iter().zip(&new.detail.relations) {
            let Some(bound) = bound.as_ref().filter(|bound| read.contains(&bound.key)) else { continue };
            if bound.guessed {
                let message = format!("`{name}` was taken for `{}`", bound.name);
                found.push(Diagnostic::new(&NAME_BY_SUFFIX, message, Span::default()));
            } else if !bound.known && !results.covers.contains(&bound.key) {
                let message = format!("nothing defines or declares `{}`", bound.name);
                found.push(Diagnostic::new(&UNKNOWN_RELATION, message, Span::default()));
            }
        }
        let failures = [SYNTAX_ERROR.code, TEMPLATE_ERROR.code, TABLE_LEVEL_ONLY.code];
        let failed = found.iter().any(|diagnostic| failures.contains(&diagnostic.code.as_str()));
        results.broken = failed && new.detail.targets.iter().all(|target| target.columns.is_empty());
        new.diagnostics = found
            .into_iter()
            .map(|diagnostic| PlacedDiagnostic {
                line: if diagnostic.span.is_empty() && diagnostic.span.start == 0 { 0 } else { self.line(diagnostic.span) },
                code: diagnostic.code,
                message: diagnostic.message,
                span: diagnostic.span,
            })
            .collect();
        new.diagnostics.sort();
        new.diagnostics.dedup();
        results.diagnostics = new.diagnostics.len() as u64;
    }
}

/// Whether a table has the column (a dotted path), or may have it. What BigQuery adds to a wildcard
/// table is of no table: `_TABLE_SUFFIX`.
fn holds(known: Option<&KnownRelation>, column: &str) -> bool {
    let top = column.split('.').next().unwrap_or(column);
    if top == "*" || top == "_table_suffix" {
        return false;
    }
    known.is_none_or(|known| !known.complete || known.columns.iter().any(|name| name.eq_ignore_ascii_case(top)))
}

/// Every relation that a script reads, but for those that it makes for itself.
fn read_for_good(detail: &Analysis) -> BTreeSet<RelationId> {
    let left: BTreeSet<RelationId> = detail.targets.iter().filter_map(|target| target.relation).collect();
    let written: BTreeSet<RelationId> = detail.statements.iter().flat_map(|statement| &statement.targets).copied().collect();
    let own = |relation: &RelationId| written.contains(relation) && !left.contains(relation);
    let of_statements = detail.statements.iter().flat_map(|statement| &statement.sources);
    let of_targets = detail.targets.iter().flat_map(|target| &target.sources);
    of_statements.chain(of_targets).copied().filter(|relation| !own(relation)).collect()
}

/// Sorts edges and keeps of each its first line, guessed only where every one of them is.
fn sort_edges(new: &mut NewAnalysis) {
    new.columns.sort_unstable_by(|one, other| {
        (&one.to, &one.from, one.kind, one.guessed, one.line).cmp(&(
            &other.to,
            &other.from,
            other.kind,
            other.guessed,
            other.line,
        ))
    });
    new.columns.dedup_by(|later, first| (&later.to, &later.from, later.kind) == (&first.to, &first.from, first.kind));
    new.rows.sort_unstable();
    new.rows.dedup_by(|later, first| (later.to, &later.from, later.kind) == (first.to, &first.from, first.kind));
    new.asset_edges.sort_unstable();
    new.asset_edges.dedup_by(|later, first| (later.0, later.1) == (first.0, first.1));
    new.routine_edges.sort_unstable();
    new.routine_edges.dedup();
}
