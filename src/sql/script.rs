//! A whole script: its statements one after the other, and what they leave behind together.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use sqlparser::ast::{self, SetExpr, Statement};

use super::{
    Lookups, Options, References,
    compose::compose,
    deep::with_deep_stack,
    derive::derivation,
    describe::read_remarks,
    engine::{Engine, Routine, RoutineBody},
    names::Sym,
    parse::{self, Assigned, Body, Parsed, RoutineKind},
    scope::{Scope, struct_of},
    spans::widen,
    statement::{Created, Outcome},
    value::{Item, RelationIndex, UNKNOWN, Value},
};
use crate::model::{
    Analysis, AssetKind, ColumnEdge, Diagnostic, Dialect, KnownRoutine, LIMIT_EXCEEDED, MENDED_SYNTAX, OutputColumn,
    RelationName, RowEdge, SYNTAX_ERROR, ScopeKind, Span, StatementLineage, TABLE_LEVEL_ONLY, TargetLineage,
};

/// A statement's lineage with what composing needs besides.
pub(crate) struct Step {
    pub(crate) lineage: StatementLineage,
    pub(crate) created: Vec<Created>,
    pub(crate) swaps: Vec<(u32, u32)>,
    pub(crate) declared: Vec<(u32, Vec<crate::model::DeclaredColumn>)>,
    pub(crate) bare_select: bool,
    /// The routine whose body it stands in.
    pub(crate) inside: Option<u32>,
    /// Columns of which it leaves no former value.
    pub(crate) overwrites: Vec<(u32, String)>,
    /// May never run: what was there before stays possible.
    pub(crate) conditional: bool,
}

/// Everything that reading a script yields.
pub(crate) struct Run {
    pub(crate) analysis: Analysis,
    pub(crate) references: References,
}

/// Reads every statement of `parsed`.
pub(crate) fn run(text: &str, parsed: &[Parsed], options: &Options, lookups: &dyn Lookups) -> Run {
    let mut engine = Engine::new(text, options.dialect, lookups);
    let triggers = triggers(&engine, parsed);
    let derive = options.derivations;
    let (steps, routines) = (Vec::new(), Vec::new());
    let mut reader =
        Reader { engine: &mut engine, steps, routines, failed: 0, derive, triggers, rows_of: None, conditional: false };
    for piece in parsed {
        reader.read_piece(piece, None);
    }
    let Reader { steps, routines, failed, .. } = reader;
    let statements = steps.len() as u32;
    let mut targets = compose(&steps, &engine.relations);
    if options.derivations {
        add_remarks(&mut engine, &steps, &mut targets);
    }
    let references = references(&steps, &targets, &engine.relations, routines, (statements, failed));
    let mut analysis = Analysis {
        relations: std::mem::take(&mut engine.relations),
        statements: steps.into_iter().map(|step| step.lineage).collect(),
        targets,
        diagnostics: std::mem::take(&mut engine.diagnostics),
        lines: Vec::new(),
    };
    if options.derivations {
        widen(&mut analysis, text, options.dialect);
    }
    Run { analysis, references }
}

/// `CREATE TRIGGER … ON t … EXECUTE FUNCTION f()`: whose rows f sees.
fn triggers(engine: &Engine, parsed: &[Parsed]) -> FxHashMap<String, RelationName> {
    let mut found = FxHashMap::default();
    for piece in parsed {
        if let Body::Statement(statement) = &piece.body
            && let Statement::CreateTrigger(trigger) = statement.as_ref()
            && let Some(body) = &trigger.exec_body
        {
            let function = engine.relation_name(&body.func_desc.name).to_string().to_lowercase();
            found.insert(function, engine.relation_name(&trigger.table_name));
        }
    }
    found
}

/// Puts what DDL says of relations with what the script makes of them.
fn add_remarks(engine: &mut Engine, steps: &[Step], targets: &mut Vec<TargetLineage>) {
    for (name, remark) in read_remarks(engine.text, engine.dialect) {
        let relation = engine.relation(&name);
        if let Some(target) = targets.iter_mut().find(|target| target.relation == Some(relation)) {
            target.remarks.push(remark);
            continue;
        }
        let passing = steps.iter().flat_map(|step| &step.created).any(|created| created.relation == relation);
        if !passing && relation != UNKNOWN {
            let stands = |step: &Step| step.lineage.span.start <= remark.span.start && remark.span.end <= step.lineage.span.end;
            let statements = steps.iter().position(stands).map(|at| at as u32).into_iter().collect();
            targets.push(TargetLineage { statements, remarks: vec![remark], ..TargetLineage::new(Some(relation)) });
        }
    }
}

struct Reader<'e, 'a> {
    engine: &'e mut Engine<'a>,
    steps: Vec<Step>,
    routines: Vec<(RelationName, KnownRoutine)>,
    failed: u32,
    derive: bool,
    /// Tables of triggers by the function that they call (PostgreSQL).
    triggers: FxHashMap<String, RelationName>,
    /// The table of the trigger whose body is read.
    rows_of: Option<RelationIndex>,
    /// Whether the piece that is read may never run.
    conditional: bool,
}

impl Reader<'_, '_> {
    fn read_piece(&mut self, piece: &Parsed, inside: Option<u32>) {
        self.conditional = piece.conditional;
        for (what, span) in &piece.mends {
            self.engine.diagnostics.push(Diagnostic::new(&MENDED_SYNTAX, *what, *span));
        }
        match &piece.body {
            Body::Statement(statement) => {
                let outcome = with_deep_stack(piece.height, || self.engine.statement(statement));
                self.finish(outcome, piece.span, inside);
            }
            Body::ForQuery { variable, query } => {
                let mut outcome = Outcome { verb: "for", ..Outcome::default() };
                with_deep_stack(piece.height, || {
                    let result = self.engine.query(query, None);
                    let name = self.engine.names.key_of(variable);
                    self.engine.variables.insert(name, struct_of(result.columns.items.clone()));
                    outcome.roots.push(result.scope);
                });
                self.finish(outcome, piece.span, inside);
            }
            Body::Assign { variables, value } => {
                let mut outcome = Outcome { verb: "assign", ..Outcome::default() };
                with_deep_stack(piece.height, || match (variables.as_slice(), value) {
                    ([row], Assigned::Value(value)) if row.starts_with("new.") => {
                        self.assign_row(&row["new.".len()..], value, piece.span, &mut outcome);
                    }
                    _ => self.assign(variables, value, piece.span, &mut outcome),
                });
                self.finish(outcome, piece.span, inside);
            }
            Body::Expressions(exprs) => {
                let mut outcome = Outcome { verb: "expression", ..Outcome::default() };
                with_deep_stack(piece.height, || {
                    let record = self.engine.open_scope(ScopeKind::Values, piece.span);
                    let scope = Scope::new(record, None);
                    for expr in exprs {
                        self.engine.value(expr, &scope);
                    }
                    outcome.roots.push(record);
                });
                self.finish(outcome, piece.span, inside);
            }
            Body::Routine(routine) => self.read_routine(routine, piece.span),
            Body::Nothing => {
                let outcome = Outcome { verb: "none", ..Outcome::default() };
                self.finish(outcome, piece.span, inside);
            }
            Body::Failed { message, at, reads, writes } => {
                self.failed += 1;
                self.engine.diagnostics.push(Diagnostic::new(&SYNTAX_ERROR, message.clone(), *at));
                self.table_level(reads, writes, piece.span, inside);
            }
            Body::TooLarge { message, reads, writes } => {
                self.failed += 1;
                self.engine.diagnostics.push(Diagnostic::new(&LIMIT_EXCEEDED, message.clone(), piece.span));
                self.table_level(reads, writes, piece.span, inside);
            }
        }
    }

    /// Gives variables of the script a value; what they had on another path stays possible.
    fn assign(&mut self, variables: &[String], value: &Assigned, span: Span, outcome: &mut Outcome) {
        let engine = &mut *self.engine;
        let keys: Vec<Sym> = variables.iter().map(|name| engine.names.key_of(name)).collect();
        let row = match value {
            Assigned::Value(expr) => {
                let record = engine.open_scope(ScopeKind::Values, span);
                let text = engine.known_text(expr);
                let value = engine.value(expr, &Scope::new(record, None));
                outcome.roots.push(record);
                if let Some(key) = keys.first() {
                    engine.keep_text(*key, text);
                    engine.set_variable(*key, value);
                }
                return;
            }
            Assigned::Query(query) => {
                let result = engine.query(query, None);
                outcome.roots.push(result.scope);
                struct_of(result.columns.items.clone())
            }
            Assigned::Columns(cursor) | Assigned::Row(cursor) => {
                let key = engine.names.key_of(cursor);
                match engine.variables.get(&key) {
                    Some(row) => row.clone(),
                    None => return,
                }
            }
        };
        let columns: Vec<Value> =
            row.fields.iter().flat_map(|fields| fields.columns()).map(|column| column.value.clone()).collect();
        match (keys.as_slice(), columns.as_slice(), value) {
            ([variable], [only], Assigned::Query(_) | Assigned::Columns(_)) => {
                let value = Value { lineage: only.lineage.clone(), fields: row.fields.clone() };
                engine.set_variable(*variable, value);
            }
            ([variable], _, _) => engine.set_variable(*variable, row),
            _ => {
                for (variable, column) in keys.iter().zip(columns) {
                    engine.set_variable(*variable, column);
                }
            }
        }
    }

    /// What the tokens of an unreadable statement show.
    fn table_level(&mut self, reads: &[RelationName], writes: &[RelationName], span: Span, inside: Option<u32>) {
        let mut outcome = Outcome { verb: "unparsed", ..Outcome::default() };
        for name in writes {
            let relation = self.engine.relation(name);
            outcome.targets.push(relation);
        }
        for name in reads {
            let relation = self.engine.relation(name);
            self.engine.read(relation);
        }
        if !reads.is_empty() || !writes.is_empty() {
            self.engine.diagnostics.push(Diagnostic::new(&TABLE_LEVEL_ONLY, "relations were found in the tokens", span));
        }
        self.finish(outcome, span, inside);
    }

    fn read_routine(&mut self, routine: &parse::Routine, span: Span) {
        if let Some(query) = only_query(routine) {
            let mut outcome = Outcome { verb: "create function", ..Outcome::default() };
            let parameters = routine.parameters.clone();
            let is_table = routine.kind == RoutineKind::TableFunction;
            let (text, body) = returned_query(query, &routine.returns, self.engine.dialect);
            self.engine.define_routine(routine.name.clone(), parameters, Some(text), is_table, body, &mut outcome);
            if routine.replaces {
                let relation = self.engine.relation(&routine.name);
                outcome.replaces.push(relation);
            }
            self.finish(outcome, span, None);
            return;
        }
        let relation = self.engine.relation(&routine.name);
        let outer = self.rows_of.take();
        let called = self.triggers.get(&routine.name.to_string().to_lowercase());
        let fires_on = routine.fires_on.clone().or_else(|| Some((called?.clone(), Vec::new())));
        let changed = fires_on.map(|(table, names)| self.name_rows(&table, &names));
        let parameters: Vec<Sym> = routine.parameters.iter().map(|name| self.engine.names.key_of(name)).collect();
        let shadowed: Vec<(Sym, Option<Value>)> =
            parameters.iter().map(|name| (*name, self.engine.variables.insert(*name, Value::default()))).collect();
        for piece in &routine.body {
            self.read_piece(piece, Some(relation));
        }
        for (name, value) in shadowed {
            match value {
                Some(value) => self.engine.variables.insert(name, value),
                None => self.engine.variables.remove(&name),
            };
        }
        for (name, before) in changed.into_iter().flatten() {
            match before {
                Some(value) => self.engine.variables.insert(name, value),
                None => self.engine.variables.remove(&name),
            };
        }
        self.rows_of = outer;
        let verb = match routine.kind {
            RoutineKind::Procedure => "create procedure",
            RoutineKind::Function | RoutineKind::TableFunction => "create function",
        };
        let mut outcome = Outcome { verb, ..Outcome::default() };
        outcome.created.push(Created { relation, kind: AssetKind::Routine, temporary: false });
        if routine.replaces {
            outcome.replaces.push(relation);
        }
        let known = KnownRoutine { parameters: routine.parameters.clone(), body: None, is_table: false, is_aggregate: false };
        let key = routine.name.to_string().to_lowercase();
        let opaque = Routine { parameters, body: RoutineBody::Opaque, is_aggregate: false };
        self.engine.routines.insert(key, Some(Rc::new(opaque)));
        outcome.routine = Some((routine.name.clone(), known));
        self.finish(outcome, span, None);
    }

    /// In the body of a trigger, the changed rows of its table by the names that the dialect has for
    /// them. What those names meant before.
    fn name_rows(&mut self, table: &RelationName, referencing: &[String]) -> Vec<(Sym, Option<Value>)> {
        let relation = self.engine.relation(table);
        self.rows_of = Some(relation);
        let row = self.engine.row_of_relation(relation);
        let known: &[&str] = match self.engine.dialect {
            Dialect::MsSql => &["inserted", "deleted"],
            Dialect::Oracle => &[":new", ":old"],
            _ => &["new", "old", ":new", ":old"],
        };
        let names = known.iter().copied().chain(referencing.iter().map(String::as_str));
        let keys: Vec<Sym> = names.map(|name| self.engine.names.key_of(name)).collect();
        keys.into_iter().map(|key| (key, self.engine.variables.insert(key, row.clone()))).collect()
    }

    /// `NEW.x := e` in a trigger writes x of its table.
    fn assign_row(&mut self, column: &str, value: &ast::Expr, span: Span, outcome: &mut Outcome) {
        let Some(relation) = self.rows_of else { return };
        let record = self.engine.open_scope(ScopeKind::Values, span);
        let value = self.engine.value(value, &Scope::new(record, None));
        outcome.roots.push(record);
        outcome.targets.push(relation);
        let column = self.engine.names.intern(column);
        self.engine.write_value(Some(relation), column, &value, span, outcome);
    }

    /// Turns an outcome into a statement's lineage and clears what belongs to one statement.
    fn finish(&mut self, mut outcome: Outcome, span: Span, inside: Option<u32>) {
        for nested in std::mem::take(&mut self.engine.nested) {
            let verb = outcome.verb;
            outcome.absorb(Outcome { outputs: None, ..nested });
            outcome.verb = verb;
        }
        if let Some((name, routine)) = outcome.routine.take() {
            self.routines.push((name, routine));
        }
        let lineage = self.lineage(&outcome, span);
        let created = std::mem::take(&mut outcome.created);
        let names = &self.engine.names;
        let overwrites =
            outcome.overwrites.iter().map(|(relation, column)| (*relation, names.text(*column).to_owned())).collect();
        self.steps.push(Step {
            lineage,
            created,
            swaps: outcome.swaps,
            declared: outcome.declared,
            bare_select: outcome.bare_select,
            inside,
            overwrites,
            conditional: self.conditional,
        });
        self.engine.scopes.clear();
        self.engine.sources.clear();
        self.engine.calls.clear();
        self.engine.called.clear();
        self.engine.trail.clear();
        self.engine.output_links = None;
    }

    fn lineage(&mut self, outcome: &Outcome, span: Span) -> StatementLineage {
        let engine = &mut *self.engine;
        let mut renames = outcome.renames.clone();
        renames.extend(&outcome.swaps);
        let (outputs, outputs_complete) = match &outcome.outputs {
            Some(columns) => (columns.items.iter().map(|item| output_column(engine, item)).collect(), columns.is_complete()),
            None => (Vec::new(), true),
        };
        let derivation = match (self.derive, outcome.roots.first()) {
            (true, Some(root)) => derivation(engine, *root),
            _ => Default::default(),
        };
        let mut sources = engine.reached_sources(&outcome.roots);
        // What comes out of a variable was read by an earlier statement.
        for edge in &outcome.edges {
            if edge.from != UNKNOWN && !sources.contains(&edge.from) && !outcome.targets.contains(&edge.from) {
                sources.push(edge.from);
            }
        }
        StatementLineage {
            span,
            verb: outcome.verb.to_owned(),
            sources,
            targets: outcome.targets.clone(),
            columns: column_edges(engine, outcome),
            rows: row_edges(engine, &outcome.roots),
            drops: outcome.drops.clone(),
            replaces: outcome.replaces.clone(),
            renames,
            calls: engine.calls.clone(),
            outputs,
            outputs_complete,
            derivation,
        }
    }
}

/// A function's query as text and body; its columns are called as RETURNS TABLE says.
fn returned_query(query: &ast::Query, returns: &[String], dialect: Dialect) -> (String, RoutineBody) {
    if returns.is_empty() {
        return (query.to_string(), RoutineBody::Query(Box::new(query.clone())));
    }
    let names: Vec<String> = returns.iter().map(|name| ast::Ident::new(name.as_str()).to_string()).collect();
    let text = format!("WITH returned ({}) AS ({query}) SELECT * FROM returned", names.join(", "));
    match parse_routine_body(&text, true, dialect) {
        RoutineBody::Query(body) => (text, RoutineBody::Query(body)),
        _ => (query.to_string(), RoutineBody::Query(Box::new(query.clone()))),
    }
}

/// The query that a function is, where it is nothing more.
fn only_query(routine: &parse::Routine) -> Option<&ast::Query> {
    let [only] = routine.body.as_slice() else { return None };
    match (&routine.kind, &only.body) {
        (RoutineKind::TableFunction | RoutineKind::Function, Body::Statement(statement)) => match statement.as_ref() {
            Statement::Query(query) => Some(query),
            _ => None,
        },
        _ => None,
    }
}

fn output_column(engine: &Engine, item: &Item) -> OutputColumn {
    match item {
        Item::Column(column) => OutputColumn { name: engine.names.text(column.name).to_owned(), span: column.span },
        Item::Star(star) => OutputColumn { name: "*".to_owned(), span: star.span },
    }
}

fn column_edges(engine: &Engine, outcome: &Outcome) -> Vec<ColumnEdge> {
    let mut seen = FxHashMap::default();
    let mut edges: Vec<ColumnEdge> = Vec::with_capacity(outcome.edges.len());
    for edge in outcome.edges.iter().filter(|edge| edge.to != Some(UNKNOWN)) {
        let identity = (edge.from, edge.from_column, edge.to, edge.to_column, edge.kind);
        match seen.entry(identity) {
            std::collections::hash_map::Entry::Occupied(at) => {
                let at: &usize = at.get();
                edges[*at].guessed &= edge.guessed;
            }
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(edges.len());
                edges.push(ColumnEdge {
                    from: (edge.from != UNKNOWN).then_some(edge.from),
                    from_column: engine.names.text(edge.from_column).to_owned(),
                    to: edge.to,
                    to_column: engine.names.text(edge.to_column).to_owned(),
                    kind: edge.kind,
                    guessed: edge.guessed,
                    span: edge.span,
                });
            }
        }
    }
    edges
}

/// The rows of every scope that is reached from `roots`.
fn row_edges(engine: &Engine, roots: &[u32]) -> Vec<RowEdge> {
    let mut reached = vec![false; engine.scopes.len()];
    let mut todo: Vec<u32> = roots.to_vec();
    let mut seen = FxHashSet::default();
    let mut edges = Vec::new();
    while let Some(scope) = todo.pop() {
        let Some(flag) = reached.get_mut(scope as usize) else { continue };
        if std::mem::replace(flag, true) {
            continue;
        }
        let record = &engine.scopes[scope as usize];
        todo.extend(&record.children);
        let used = |name: &Sym| record.all_used || record.used.contains(name) || roots.contains(&scope);
        todo.extend(record.column_links.iter().filter(|(name, _)| used(name)).map(|(_, link)| *link));
        for (relation, column, kind, span) in &record.rows {
            if seen.insert((*relation, *column, *kind)) {
                edges.push(RowEdge {
                    from: (*relation != UNKNOWN).then_some(*relation),
                    from_column: engine.names.text(*column).to_owned(),
                    kind: *kind,
                    span: *span,
                });
            }
        }
    }
    edges.sort();
    edges
}

fn references(
    steps: &[Step],
    targets: &[TargetLineage],
    relations: &[RelationName],
    routines: Vec<(RelationName, KnownRoutine)>,
    statements: (u32, u32),
) -> References {
    let name = |relation: &u32| relations.get(*relation as usize).cloned();
    let mut reads: Vec<RelationName> = targets.iter().flat_map(|target| &target.sources).filter_map(name).collect();
    let mut writes: Vec<RelationName> = targets.iter().filter_map(|target| target.relation.as_ref()).filter_map(name).collect();
    let mut calls: Vec<RelationName> = steps.iter().flat_map(|step| step.lineage.calls.iter().cloned()).collect();
    let statement = |at: u32| steps.get(at as usize).map(|step| &step.lineage);
    let defined = targets.iter().filter(|target| target.is_defined(statement));
    let mut defines: Vec<RelationName> = defined.filter_map(|target| target.relation.as_ref()).filter_map(name).collect();
    for list in [&mut reads, &mut writes, &mut defines, &mut calls] {
        let mut seen = FxHashSet::default();
        list.retain(|name| seen.insert(name.clone()));
    }
    References { reads, writes, defines, calls, routines, statements, bare_select: steps.iter().any(|step| step.bare_select) }
}

/// The body of a SQL routine: an expression or a query.
pub(crate) fn parse_routine_body(text: &str, is_table: bool, dialect: Dialect) -> RoutineBody {
    let text = text.trim().trim_end_matches(';');
    let select = if starts_query(text) { text.to_owned() } else { format!("SELECT {text}") };
    let Some(Statement::Query(query)) = parse_text(&select, dialect).into_iter().next() else { return RoutineBody::Opaque };
    if starts_query(text) && (is_table || !text.starts_with('(')) {
        return RoutineBody::Query(query);
    }
    match *query.body {
        SetExpr::Select(select) if !starts_query(text) => match select.projection.into_iter().next() {
            Some(ast::SelectItem::UnnamedExpr(expr)) => RoutineBody::Expression(Box::new(expr)),
            Some(ast::SelectItem::ExprWithAlias { expr, .. }) => RoutineBody::Expression(Box::new(expr)),
            _ => RoutineBody::Opaque,
        },
        _ => RoutineBody::Query(query),
    }
}

fn starts_query(text: &str) -> bool {
    let word: String =
        text.trim_start_matches(['(', ' ', '\n', '\t', '\r']).chars().take_while(char::is_ascii_alphabetic).collect();
    matches!(word.to_ascii_lowercase().as_str(), "select" | "with" | "values" | "from")
}

/// The statements of a text that is run or inlined from inside another.
pub(crate) fn parse_text(text: &str, dialect: Dialect) -> Vec<Statement> {
    let options = Options { dialect, ..Options::default() };
    parse::parse(text, &options)
        .into_iter()
        .filter_map(|mut piece| match std::mem::replace(&mut piece.body, Body::Nothing) {
            Body::Statement(statement) => Some(*statement),
            _ => None,
        })
        .collect()
}
