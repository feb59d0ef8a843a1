//! Statements: what each writes, from what, and what it does to names.

use std::rc::Rc;

use sqlparser::ast::{self, Expr, SetExpr, Statement, helpers::stmt_data_loading::StageLoadSelectItemKind};

use super::{
    engine::{Engine, QueryResult, RecordedColumn, Routine, RoutineBody, ScopeIndex},
    names::Sym,
    query::item_name,
    scope::{Scope, struct_of},
    spans::span_of,
    value::{Column, Columns, Item, Origin, RelationIndex, Value},
};
use crate::model::{
    AssetKind, ColumnEdgeKind, DYNAMIC_SQL, DeclaredColumn, Dialect, KnownRoutine, POSITIONAL_GUESS, RelationName, RowEdgeKind,
    ScopeKind, Span, Step, UNSUPPORTED_STATEMENT,
};

/// What one statement does.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) verb: &'static str,
    pub(crate) targets: Vec<RelationIndex>,
    pub(crate) edges: Vec<Edge>,
    /// Scopes whose rows decide the rows of the targets; the first holds the outputs.
    pub(crate) roots: Vec<ScopeIndex>,
    pub(crate) drops: Vec<RelationIndex>,
    pub(crate) replaces: Vec<RelationIndex>,
    pub(crate) renames: Vec<(RelationIndex, RelationIndex)>,
    pub(crate) swaps: Vec<(RelationIndex, RelationIndex)>,
    pub(crate) created: Vec<Created>,
    pub(crate) declared: Vec<(RelationIndex, Vec<DeclaredColumn>)>,
    pub(crate) outputs: Option<Rc<Columns>>,
    pub(crate) routine: Option<(RelationName, KnownRoutine)>,
    /// Reads, but its result goes nowhere: a test, a condition, DML.
    pub(crate) bare_select: bool,
}

/// A column edge of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Edge {
    pub(crate) from: RelationIndex,
    pub(crate) from_column: Sym,
    pub(crate) kind: ColumnEdgeKind,
    pub(crate) guessed: bool,
    pub(crate) to: Option<RelationIndex>,
    pub(crate) to_column: Sym,
    pub(crate) span: Span,
}

/// A relation that a statement creates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Created {
    pub(crate) relation: RelationIndex,
    pub(crate) kind: AssetKind,
    pub(crate) temporary: bool,
}

impl Engine<'_> {
    /// Reads one statement.
    pub(crate) fn statement(&mut self, statement: &Statement) -> Outcome {
        let mut out = Outcome::default();
        self.statement_into(statement, &mut out);
        out
    }

    fn statement_into(&mut self, statement: &Statement, out: &mut Outcome) {
        match statement {
            Statement::Query(query) => self.query_statement(query, out),
            Statement::CreateTable(create) => self.create_table(create, out),
            Statement::CreateView(create) => self.create_view(create, out),
            Statement::AlterView { name, columns, query, .. } => {
                out.verb = "alter view";
                let target = self.target(name, out);
                let result = self.query(query, None);
                let names: Vec<Sym> = columns.iter().map(|ident| self.sym(ident)).collect();
                self.define(target, result, &names, out);
                out.replaces.push(target);
            }
            Statement::Insert(insert) => self.insert(insert, out),
            Statement::Update(update) => self.update(update, out),
            Statement::Delete(delete) => self.delete(delete, out),
            Statement::Merge(merge) => self.merge(merge, out),
            Statement::Truncate(truncate) => {
                out.verb = "truncate";
                for table in &truncate.table_names {
                    let relation = self.target(&table.name, out);
                    out.replaces.push(relation);
                }
            }
            Statement::Drop { object_type, names, .. } => self.drop_objects(*object_type, names, out),
            Statement::AlterTable(alter) => self.alter_table(alter, out),
            Statement::RenameTable(renames) => {
                out.verb = "rename table";
                for rename in renames {
                    self.rename(&rename.old_name, &rename.new_name, out);
                }
            }
            Statement::CreateFunction(create) => self.create_function(create, out),
            Statement::CreateMacro { name, args, definition, .. } => self.create_macro(name, args.as_deref(), definition, out),
            Statement::Declare { stmts } => self.declare(stmts, out),
            Statement::Set(set) => self.set(set, out),
            Statement::Use(target) => self.use_database(target, out),
            Statement::Execute { name, parameters, immediate, .. } => self.execute(name.as_ref(), parameters, *immediate, out),
            Statement::Call(function) => {
                out.verb = "call";
                let name = self.relation_name(&function.name);
                if !self.calls.contains(&name) {
                    self.calls.push(name);
                }
                let scope = self.plain_scope(out);
                for argument in super::expr::arguments_of(function).into_iter().filter_map(super::expr::argument_expr) {
                    self.value(argument, &scope);
                }
            }
            Statement::CopyIntoSnowflake { .. } => self.copy_into(statement, out),
            Statement::Copy { source, to, target, .. } => self.copy(source, *to, target, out),
            Statement::ExportData(export) => {
                out.verb = "export data";
                let result = self.query(&export.query, None);
                out.roots.push(result.scope);
            }
            Statement::Unload { query: Some(query), .. } => {
                out.verb = "unload";
                let result = self.query(query, None);
                out.roots.push(result.scope);
            }
            Statement::LoadData { table_name, overwrite, .. } => {
                out.verb = "load data";
                let target = self.target(table_name, out);
                if *overwrite {
                    out.replaces.push(target);
                }
            }
            Statement::Directory { source, .. } => {
                out.verb = "insert directory";
                let result = self.query(source, None);
                out.roots.push(result.scope);
            }
            Statement::Cache { table_name, query: Some(query), .. } => {
                out.verb = "cache table";
                let target = self.target(table_name, out);
                let result = self.query(query, None);
                self.define(target, result, &[], out);
                out.created.push(Created { relation: target, kind: AssetKind::View, temporary: true });
            }
            Statement::Prepare { statement, .. } => self.statement_into(statement, out),
            Statement::Explain { statement, .. } => {
                self.statement_into(statement, out);
                *out = Outcome { verb: "explain", roots: std::mem::take(&mut out.roots), ..Outcome::default() };
            }
            Statement::If(_) | Statement::While(_) | Statement::Case(_) => self.flat_block(statement, out),
            Statement::Assert { condition, .. } => {
                out.verb = "assert";
                let scope = self.plain_scope(out);
                self.value(condition, &scope);
            }
            Statement::Return(value) => {
                out.verb = "return";
                if let Some(ast::ReturnStatementValue::Expr(expr)) = &value.value {
                    let scope = self.plain_scope(out);
                    self.value(expr, &scope);
                }
            }
            other => {
                out.verb = "other";
                let span = span_of(other);
                let word = span.of(self.text).split_whitespace().next().unwrap_or("statement").to_uppercase();
                if !is_quiet(&word) {
                    self.report(&UNSUPPORTED_STATEMENT, || format!("{word} moves no data between columns"), span);
                }
            }
        }
    }

    /// INSERT, UPDATE, DELETE or MERGE in place of a query: its RETURNING columns are the result.
    pub(crate) fn nested_statement(&mut self, statement: &Statement) -> QueryResult {
        let mut out = Outcome::default();
        self.statement_into(statement, &mut out);
        let columns = out.outputs.take().unwrap_or_default();
        let scope = match out.roots.first() {
            Some(scope) => *scope,
            None => self.open_scope(ScopeKind::Values, Span::default()),
        };
        self.nested.push(out);
        QueryResult { columns, scope, as_struct: false }
    }

    fn plain_scope(&mut self, out: &mut Outcome) -> Scope<'static> {
        let record = self.open_scope(ScopeKind::Values, Span::default());
        out.roots.push(record);
        Scope::new(record, None)
    }

    fn target(&mut self, name: &ast::ObjectName, out: &mut Outcome) -> RelationIndex {
        let name = self.relation_name(name);
        let relation = self.relation(&name);
        if !out.targets.contains(&relation) {
            out.targets.push(relation);
        }
        relation
    }

    fn query_statement(&mut self, query: &ast::Query, out: &mut Outcome) {
        out.verb = "select";
        let result = self.query(query, None);
        if let Some(into) = select_into(&query.body) {
            out.verb = "select into";
            self.select_into(into, result, out);
            return;
        }
        if matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)) {
            if let Some(nested) = self.nested.pop() {
                *out = nested;
            }
            return;
        }
        out.bare_select = true;
        self.write(None, &result, None, out);
        out.outputs = Some(Rc::clone(&result.columns));
        out.roots.push(result.scope);
    }

    fn select_into(&mut self, into: &ast::SelectInto, result: QueryResult, out: &mut Outcome) {
        let variables: Vec<Sym> = into
            .targets
            .iter()
            .filter_map(|target| match target {
                Expr::Identifier(ident) => {
                    let key = self.key(ident);
                    (self.variables.contains_key(&key) || (ident.value.starts_with('@') && self.dialect == Dialect::MySql))
                        .then_some(key)
                }
                _ => None,
            })
            .collect();
        if variables.len() == into.targets.len() && !variables.is_empty() {
            for (variable, column) in variables.iter().zip(result.columns.columns()) {
                self.variables.insert(*variable, column.value.clone());
            }
            if let ([variable], true) = (variables.as_slice(), result.columns.items.len() > 1) {
                self.variables.insert(*variable, struct_of(result.columns.items.clone()));
            }
            out.roots.push(result.scope);
            return;
        }
        let Some(name) = into.targets.first().and_then(object_name) else { return };
        let target = self.target(&name, out);
        let temporary = into.temporary || self.is_temporary_name(target);
        self.define(target, result, &[], out);
        out.created.push(Created { relation: target, kind: AssetKind::Table, temporary });
        out.replaces.push(target);
    }

    fn is_temporary_name(&self, relation: RelationIndex) -> bool {
        let Some(name) = self.relations.get(relation as usize) else { return false };
        name.last().starts_with('#')
            || name.last().starts_with('@')
            || name.parts.first().is_some_and(|part| part.text.eq_ignore_ascii_case("_session"))
    }

    /// `target` becomes the result of a query, its columns called by `names` where given.
    fn define(&mut self, target: RelationIndex, result: QueryResult, names: &[Sym], out: &mut Outcome) {
        let result = if names.is_empty() { result } else { self.rename_result(result, names) };
        self.write(Some(target), &result, None, out);
        let columns = result.columns.columns().map(|column| column.name).collect();
        self.set_shape(target, columns, result.columns.is_complete());
        out.outputs = Some(Rc::clone(&result.columns));
        out.roots.push(result.scope);
    }

    /// The edges of a result into `target`; by position into `names` where given.
    fn write(&mut self, target: Option<RelationIndex>, result: &QueryResult, names: Option<&[Sym]>, out: &mut Outcome) {
        let mut listed = names.map(|names| names.iter().copied());
        for item in &result.columns.items {
            match item {
                Item::Column(column) => {
                    let name = match &mut listed {
                        Some(names) => names.next().unwrap_or(column.name),
                        None => column.name,
                    };
                    self.write_value(target, name, &column.value, column.span, out);
                }
                Item::Star(star) => {
                    let remaining: Vec<Sym> = match &mut listed {
                        Some(names) => names.by_ref().collect(),
                        None => vec![Sym::STAR],
                    };
                    let remaining = if remaining.is_empty() { vec![Sym::STAR] } else { remaining };
                    for name in remaining {
                        for from in &star.from {
                            out.edges.push(Edge {
                                from: from.relation,
                                from_column: if from.prefix == Sym::NONE { Sym::STAR } else { from.prefix },
                                kind: star.kind,
                                guessed: true,
                                to: target,
                                to_column: name,
                                span: star.span,
                            });
                        }
                    }
                }
            }
        }
    }

    fn write_value(&mut self, target: Option<RelationIndex>, name: Sym, value: &Value, span: Span, out: &mut Outcome) {
        for origin in &value.lineage {
            out.edges.push(edge_of(origin, target, name, span));
        }
    }

    fn create_table(&mut self, create: &ast::CreateTable, out: &mut Outcome) {
        out.verb = "create table";
        let target = self.target(&create.name, out);
        let temporary = create.temporary || create.volatile || self.is_temporary_name(target);
        out.created.push(Created { relation: target, kind: AssetKind::Table, temporary });
        if create.or_replace || create.query.is_some() {
            out.replaces.push(target);
        }
        let declared: Vec<DeclaredColumn> = create.columns.iter().map(declared_column).collect();
        let names: Vec<Sym> = create.columns.iter().map(|column| self.sym(&column.name)).collect();
        if let Some(query) = &create.query {
            let result = self.query(query, None);
            self.define(target, result, &names, out);
        } else if let Some(like) = &create.like {
            let (ast::CreateTableLikeKind::Parenthesized(like) | ast::CreateTableLikeKind::Plain(like)) = like;
            let name = self.relation_name(&like.name);
            let from = self.relation(&name);
            self.read(from);
            self.copy_shape(from, target);
        } else if let Some(clone) = &create.clone {
            self.clone_table(clone, target, out);
        } else if !names.is_empty() {
            self.set_shape(target, names, true);
        }
        if let Some(parents) = &create.inherits {
            for parent in parents {
                let name = self.relation_name(parent);
                let parent = self.relation(&name);
                self.read(parent);
            }
        }
        if !declared.is_empty() {
            out.declared.push((target, declared));
        }
    }

    fn clone_table(&mut self, name: &ast::ObjectName, target: RelationIndex, out: &mut Outcome) {
        let record = self.open_scope(ScopeKind::Select, span_of(name));
        let mut scope = Scope::new(record, None);
        self.add_table(&mut scope, name, None, span_of(name));
        let items = self.star(&scope, span_of(name));
        let result = self.finish_computed(&mut scope, items);
        self.define(target, result, &[], out);
    }

    fn create_view(&mut self, create: &ast::CreateView, out: &mut Outcome) {
        out.verb = if create.materialized { "create materialized view" } else { "create view" };
        let target = self.target(&create.name, out);
        let names: Vec<Sym> = create.columns.iter().map(|column| self.sym(&column.name)).collect();
        let result = self.query(&create.query, None);
        if let Some(to) = &create.to {
            let to = self.target(to, out);
            self.write(Some(to), &result, None, out);
        }
        self.define(target, result, &names, out);
        let kind = if create.materialized { AssetKind::MaterializedView } else { AssetKind::View };
        out.created.push(Created { relation: target, kind, temporary: create.temporary });
        out.replaces.push(target);
    }

    fn insert(&mut self, insert: &ast::Insert, out: &mut Outcome) {
        out.verb = if insert.overwrite { "insert overwrite" } else { "insert" };
        if insert.multi_table_insert_type.is_some() {
            self.multi_table_insert(insert, out);
            return;
        }
        let target = match &insert.table {
            ast::TableObject::TableName(name) => self.target(name, out),
            ast::TableObject::TableFunction(function) => self.target(&function.name, out),
            ast::TableObject::TableQuery(_) => return,
        };
        if insert.overwrite && insert.partitioned.is_none() {
            out.replaces.push(target);
        }
        let mut names: Vec<Sym> = insert
            .columns
            .iter()
            .filter_map(|name| name.0.last()?.as_ident())
            .map(|ident| self.names.intern(&ident.value))
            .collect();
        names.extend(insert.after_columns.iter().map(|ident| self.names.intern(&ident.value)));
        if !insert.assignments.is_empty() {
            let mut scope = self.plain_scope(out);
            self.add_target(&mut scope, target, None, Span::default());
            self.assign(&insert.assignments, &scope, target, out);
            return;
        }
        let Some(source) = &insert.source else { return };
        let result = self.query(source, None);
        self.insert_result(target, result, names, out);
        if let Some(on) = &insert.on {
            self.on_insert(on, insert, target, out);
        }
        if let Some(returning) = &insert.returning {
            self.returning(returning, target, out);
        }
    }

    /// Rows of a result go into `target`: by the column list, else by the target's columns, else by name.
    fn insert_result(&mut self, target: RelationIndex, result: QueryResult, listed: Vec<Sym>, out: &mut Outcome) {
        let mut names = listed;
        if names.is_empty() {
            let shape = self.shape(target);
            if shape.complete && !shape.columns.is_empty() {
                names.clone_from(&shape.columns);
            }
        }
        if names.is_empty() {
            let by_values = result.columns.columns().all(|column| column.value.lineage.is_empty());
            if !by_values {
                let span = self.scopes[result.scope as usize].span;
                self.report(&POSITIONAL_GUESS, || "the target's columns are not known".to_owned(), span);
            }
            let before = out.edges.len();
            self.write(Some(target), &result, None, out);
            out.edges[before..].iter_mut().for_each(|edge| edge.guessed = true);
            out.outputs = Some(Rc::clone(&result.columns));
        } else {
            let width = result.columns.items.len();
            let renamed = if result.columns.is_complete() {
                let fitting = &names[..names.len().min(width)];
                self.rename_result(result.clone(), fitting)
            } else {
                result.clone()
            };
            let fitted = if result.columns.is_complete() { None } else { Some(names.as_slice()) };
            self.write(Some(target), &renamed, fitted, out);
            out.outputs = Some(Rc::clone(&renamed.columns));
        }
        out.roots.push(result.scope);
    }

    fn on_insert(&mut self, on: &ast::OnInsert, insert: &ast::Insert, target: RelationIndex, out: &mut Outcome) {
        let mut scope = self.plain_scope(out);
        let alias = insert.table_alias.as_ref().map(|alias| &alias.alias);
        self.add_target(&mut scope, target, alias, Span::default());
        let items = out.outputs.as_ref().map(|columns| columns.items.clone()).unwrap_or_default();
        let new = match &insert.insert_alias {
            Some(aliases) => aliases.row_alias.0.last().and_then(|part| part.as_ident()).cloned(),
            None => None,
        };
        let name = new.unwrap_or_else(|| ast::Ident::new("excluded"));
        let alias = ast::TableAlias { explicit: false, name, columns: Vec::new(), at: None };
        self.add_computed(&mut scope, items.clone(), Some(&alias), Span::default());
        if let Some(input) = scope.inputs.last_mut() {
            input.hidden = true;
        }
        let (assignments, filter) = match on {
            ast::OnInsert::DuplicateKeyUpdate(assignments) => (assignments.as_slice(), None),
            ast::OnInsert::OnConflict(conflict) => match &conflict.action {
                ast::OnConflictAction::DoUpdate(update) => (update.assignments.as_slice(), update.selection.as_ref()),
                ast::OnConflictAction::DoNothing => (&[][..], None),
            },
            _ => (&[][..], None),
        };
        let target_only = Scope { inputs: scope.inputs.iter().take(1).cloned().collect(), ..Scope::new(scope.record, None) };
        for assignment in assignments {
            let column = self.assigned_column(&assignment.target);
            let value = match values_argument(&assignment.value) {
                Some(ident) => {
                    let key = self.key(ident);
                    Columns::new(items.clone()).find(key, &self.names).map(|column| column.value.clone()).unwrap_or_default()
                }
                None if has_bare_column(&assignment.value) => self.value(&assignment.value, &target_only),
                None => self.value(&assignment.value, &scope),
            };
            self.trail.clear();
            if let Some(column) = column {
                self.write_value(Some(target), column, &value, span_of(&assignment.value), out);
            }
        }
        if let Some(filter) = filter {
            self.decide(filter, &scope, RowEdgeKind::Filter);
        }
    }

    fn assigned_column(&mut self, target: &ast::AssignmentTarget) -> Option<Sym> {
        match target {
            ast::AssignmentTarget::ColumnName(name) => Some(self.sym(name.0.last()?.as_ident()?)),
            ast::AssignmentTarget::Tuple(_) => None,
        }
    }

    fn returning(&mut self, items: &[ast::SelectItem], target: RelationIndex, out: &mut Outcome) {
        let record = self.open_scope(ScopeKind::Select, Span::default());
        let mut scope = Scope::new(record, None);
        self.add_target(&mut scope, target, None, Span::default());
        let mut outputs = Vec::new();
        self.select_items(items, &mut scope, &mut outputs);
        let items = outputs.into_iter().map(|(item, _)| item).collect();
        out.outputs = Some(Rc::new(Columns::new(items)));
    }

    /// The written table as an input, without being read as a whole.
    fn add_target(&mut self, scope: &mut Scope, target: RelationIndex, alias: Option<&ast::Ident>, span: Span) {
        let Some(name) = self.relations.get(target as usize).cloned() else { return };
        let idents = name.parts.iter().map(|part| ast::ObjectNamePart::Identifier(ast::Ident::with_quote('"', &*part.text)));
        let object = ast::ObjectName(idents.collect());
        let alias = alias.map(|ident| ast::TableAlias { explicit: true, name: ident.clone(), columns: Vec::new(), at: None });
        let sources = self.sources.clone();
        let session = std::mem::take(&mut self.session);
        let ctes = std::mem::take(&mut self.ctes);
        self.add_relation(scope, target, &object, alias.as_ref(), span);
        self.ctes = ctes;
        self.session = session;
        self.sources = sources;
    }

    fn multi_table_insert(&mut self, insert: &ast::Insert, out: &mut Outcome) {
        let Some(source) = &insert.source else { return };
        out.verb = "insert all";
        let result = self.query(source, None);
        let record = self.open_scope(ScopeKind::Select, span_of(source.as_ref()));
        out.roots.push(record);
        let mut scope = Scope::new(record, None);
        self.add_result(&mut scope, &result, Sym::NONE, span_of(source.as_ref()));
        let mut clauses: Vec<&ast::MultiTableInsertIntoClause> = insert.multi_table_into_clauses.iter().collect();
        for when in &insert.multi_table_when_clauses {
            self.decide(&when.condition, &scope, RowEdgeKind::Filter);
            clauses.extend(&when.into_clauses);
        }
        clauses.extend(insert.multi_table_else_clause.iter().flatten());
        for clause in clauses {
            let target = self.target(&clause.table_name, out);
            let mut names: Vec<Sym> = clause.columns.iter().map(|ident| self.sym(ident)).collect();
            let items: Vec<Item> = match &clause.values {
                Some(values) => values
                    .values
                    .iter()
                    .map(|value| match value {
                        ast::MultiTableInsertValue::Expr(expr) => {
                            let name = self.implied_name(expr).unwrap_or(Sym::NONE);
                            let value = self.value(expr, &scope);
                            Item::Column(Column { name, value, span: span_of(expr) })
                        }
                        ast::MultiTableInsertValue::Default => {
                            Item::Column(Column { name: Sym::NONE, value: Value::default(), span: Span::default() })
                        }
                    })
                    .collect(),
                None => result.columns.items.clone(),
            };
            let shape = self.shape(target);
            if names.is_empty() && shape.complete {
                names.clone_from(&shape.columns);
            }
            let columns = Rc::new(Columns::new(items));
            let part = QueryResult { columns, scope: result.scope, as_struct: false };
            self.write(Some(target), &part, (!names.is_empty()).then_some(names.as_slice()), out);
        }
        self.trail.clear();
    }

    fn update(&mut self, update: &ast::Update, out: &mut Outcome) {
        out.verb = "update";
        let record = self.open_scope(ScopeKind::Select, span_of(update));
        out.roots.push(record);
        let mut scope = Scope::new(record, None);
        let from: &[ast::TableWithJoins] = match &update.from {
            Some(ast::UpdateTableFromKind::BeforeSet(from) | ast::UpdateTableFromKind::AfterSet(from)) => from,
            None => &[],
        };
        let Some((name, alias)) = factor_name(&update.table.relation) else { return };
        let written = self.relation_name(name);
        let sources = self.sources.clone();
        // T-SQL: UPDATE alias … FROM table alias.
        let mut aliased = None;
        if let [only] = written.parts.as_slice() {
            let factors =
                from.iter().flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
            for factor in factors {
                if let Some((real, Some(alias))) = factor_name(factor)
                    && alias.name.value.eq_ignore_ascii_case(&only.text)
                {
                    aliased = Some(real);
                }
            }
        }
        let target = self.target(aliased.unwrap_or(name), out);
        if aliased.is_none() {
            self.add_target(&mut scope, target, alias.map(|alias| &alias.name), span_of(&update.table.relation));
        }
        self.sources = sources;
        for join in &update.table.joins {
            self.join(&mut scope, join, None);
        }
        for item in from {
            self.table_with_joins(&mut scope, item, None);
        }
        if aliased.is_some() {
            self.sources.retain(|source| *source != target);
        }
        if let Some(filter) = &update.selection {
            let span = span_of(filter);
            self.scope(record).clauses.push((RowEdgeKind::Filter, "where", span));
            self.decide(filter, &scope, RowEdgeKind::Filter);
        }
        self.assign(&update.assignments, &scope, target, out);
        if let Some(returning) = &update.returning {
            let mut outputs = Vec::new();
            let mut inner = Scope::new(record, None);
            inner.inputs.clone_from(&scope.inputs);
            self.select_items(returning, &mut inner, &mut outputs);
            out.outputs = Some(Rc::new(Columns::new(outputs.into_iter().map(|(item, _)| item).collect())));
        }
    }

    /// SET clauses of UPDATE and MERGE.
    fn assign(&mut self, assignments: &[ast::Assignment], scope: &Scope, target: RelationIndex, out: &mut Outcome) {
        for assignment in assignments {
            let span = span_of(&assignment.value);
            match &assignment.target {
                ast::AssignmentTarget::ColumnName(name) => {
                    let (relation, column) = self.assignment_target(name, scope, target, out);
                    self.trail.clear();
                    let value = self.value(&assignment.value, scope);
                    self.record_assignment(scope.record, column, &assignment.value, &value, span);
                    self.write_value(Some(relation), column, &value, span, out);
                }
                ast::AssignmentTarget::Tuple(names) => {
                    let values: Vec<Value> = match &assignment.value {
                        Expr::Subquery(query) => {
                            let result = self.subquery(query, scope);
                            self.link(scope.record, result.scope);
                            result.columns.columns().map(|column| column.value.clone()).collect()
                        }
                        Expr::Tuple(parts) => parts.iter().map(|part| self.value(part, scope)).collect(),
                        Expr::Nested(inner) => vec![self.value(inner, scope)],
                        other => vec![self.value(other, scope)],
                    };
                    for (name, value) in names.iter().zip(values) {
                        let (relation, column) = self.assignment_target(name, scope, target, out);
                        self.record_assignment(scope.record, column, &assignment.value, &value, span);
                        self.write_value(Some(relation), column, &value, span, out);
                    }
                }
            }
        }
        self.trail.clear();
    }

    fn record_assignment(&mut self, record: ScopeIndex, name: Sym, expr: &Expr, value: &Value, span: Span) {
        let step = self.step_of(expr, value);
        let inputs = std::mem::take(&mut self.trail);
        self.scope(record).columns.push(RecordedColumn { name, span, step, inputs });
    }

    /// The relation and column that `a.b.c = …` writes.
    fn assignment_target(
        &mut self,
        name: &ast::ObjectName,
        scope: &Scope,
        target: RelationIndex,
        out: &mut Outcome,
    ) -> (RelationIndex, Sym) {
        let idents: Vec<&ast::Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let Some((last, outer)) = idents.split_last() else { return (target, Sym::NONE) };
        let Some(first) = outer.first() else { return (target, self.sym(last)) };
        let key = self.key(first);
        let named = scope.inputs.iter().find(|input| input.alias == key);
        if let Some(input) = named {
            let mut column = Sym::NONE;
            for ident in &idents[1..] {
                let part = self.sym(ident);
                column = self.names.join(column, part);
            }
            if let super::scope::InputColumns::Base { relation, .. } = &input.relation {
                if !out.targets.contains(relation) {
                    out.targets.push(*relation);
                }
                return (*relation, column);
            }
            return (target, column);
        }
        let qualified = outer.len() >= 2 || self.relations[target as usize].last().eq_ignore_ascii_case(&first.value);
        if qualified {
            return (target, self.sym(last));
        }
        let mut column = Sym::NONE;
        for ident in &idents {
            let part = self.sym(ident);
            column = self.names.join(column, part);
        }
        (target, column)
    }

    fn delete(&mut self, delete: &ast::Delete, out: &mut Outcome) {
        out.verb = "delete";
        let record = self.open_scope(ScopeKind::Select, span_of(delete));
        out.roots.push(record);
        let mut scope = Scope::new(record, None);
        let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
        let mut targets: Vec<RelationIndex> = Vec::new();
        let first = from.first().and_then(|item| factor_name(&item.relation));
        if delete.tables.is_empty() {
            if let Some((name, alias)) = first {
                let target = self.target(name, out);
                targets.push(target);
                self.add_target(&mut scope, target, alias.map(|alias| &alias.name), Span::default());
                for join in from.first().iter().flat_map(|item| &item.joins) {
                    self.join(&mut scope, join, None);
                }
            }
        } else {
            let sources = self.sources.clone();
            for item in from {
                self.table_with_joins(&mut scope, item, None);
            }
            for table in &delete.tables {
                let key = table.0.last().and_then(|part| part.as_ident()).map(|ident| self.key(ident));
                let named = scope.inputs.iter().find_map(|input| match &input.relation {
                    super::scope::InputColumns::Base { relation, .. } if Some(input.alias) == key => Some(*relation),
                    _ => None,
                });
                let target = match named {
                    Some(relation) => {
                        out.targets.push(relation);
                        relation
                    }
                    None => self.target(table, out),
                };
                targets.push(target);
            }
            self.sources.retain(|source| sources.contains(source) || !targets.contains(source));
        }
        for item in delete.using.iter().flatten() {
            self.table_with_joins(&mut scope, item, None);
        }
        if let Some(filter) = &delete.selection {
            let span = span_of(filter);
            self.scope(record).clauses.push((RowEdgeKind::Filter, "where", span));
            self.decide(filter, &scope, RowEdgeKind::Filter);
        }
        if let Some(returning) = &delete.returning {
            let mut outputs = Vec::new();
            self.select_items(returning, &mut scope, &mut outputs);
            out.outputs = Some(Rc::new(Columns::new(outputs.into_iter().map(|(item, _)| item).collect())));
        }
    }

    fn merge(&mut self, merge: &ast::Merge, out: &mut Outcome) {
        out.verb = "merge";
        let record = self.open_scope(ScopeKind::Select, span_of(merge));
        out.roots.push(record);
        let mut scope = Scope::new(record, None);
        let Some((name, alias)) = factor_name(&merge.table) else { return };
        let target = self.target(name, out);
        self.add_target(&mut scope, target, alias.map(|alias| &alias.name), span_of(&merge.table));
        let source = ast::TableWithJoins { relation: merge.source.clone(), joins: Vec::new() };
        self.table_with_joins(&mut scope, &source, None);
        let span = span_of(merge.on.as_ref());
        self.scope(record).clauses.push((RowEdgeKind::Join, "on", span));
        self.decide(&merge.on, &scope, RowEdgeKind::Join);
        for clause in &merge.clauses {
            if let Some(predicate) = &clause.predicate {
                self.decide(predicate, &scope, RowEdgeKind::Filter);
            }
            match &clause.action {
                ast::MergeAction::Update(update) => match &update.kind {
                    ast::MergeUpdateKind::Set(assignments) => self.assign(assignments, &scope, target, out),
                    ast::MergeUpdateKind::Wildcard => self.merge_row(&scope, target, None, out),
                },
                ast::MergeAction::Insert(insert) => self.merge_insert(insert, &scope, target, out),
                ast::MergeAction::Delete { .. } | ast::MergeAction::DoNothing { .. } => {}
            }
        }
    }

    fn merge_insert(&mut self, insert: &ast::MergeInsertExpr, scope: &Scope, target: RelationIndex, out: &mut Outcome) {
        let names: Vec<Sym> = insert
            .columns
            .iter()
            .filter_map(|name| name.0.last()?.as_ident())
            .map(|ident| self.names.intern(&ident.value))
            .collect();
        match &insert.kind {
            ast::MergeInsertKind::Values(values) => {
                let shape = self.shape(target);
                let names = if names.is_empty() && shape.complete { shape.columns.clone() } else { names };
                for row in &values.rows {
                    for (at, expr) in row.content.iter().enumerate() {
                        self.trail.clear();
                        let value = self.value(expr, scope);
                        let listed = names.get(at).copied();
                        let Some(name) = listed.or_else(|| self.implied_name(expr)) else { continue };
                        self.record_assignment(scope.record, name, expr, &value, span_of(expr));
                        let before = out.edges.len();
                        self.write_value(Some(target), name, &value, span_of(expr), out);
                        if listed.is_none() {
                            out.edges[before..].iter_mut().for_each(|edge| edge.guessed = true);
                        }
                    }
                }
            }
            ast::MergeInsertKind::Row => {
                let shape = self.shape(target);
                let listed = if names.is_empty() { shape.columns.clone() } else { names };
                self.merge_row(scope, target, Some(&listed), out);
            }
            ast::MergeInsertKind::Wildcard => self.merge_row(scope, target, None, out),
        }
        self.trail.clear();
    }

    /// `UPDATE SET *`, `INSERT *` by name; `INSERT ROW` by position where the target's columns are known.
    fn merge_row(&mut self, scope: &Scope, target: RelationIndex, positions: Option<&[Sym]>, out: &mut Outcome) {
        let Some(source) = scope.inputs.get(1) else { return };
        let span = self.scopes[scope.record as usize].span;
        let items: Vec<Item> = source.clone().star(self, span).into_iter().map(|(item, _)| item).collect();
        for item in &items {
            self.scope(scope.record).columns.push(RecordedColumn {
                name: item_name(item),
                span,
                step: Step::Copies,
                inputs: vec![super::engine::Read { input: 1, column: item_name(item), kind: ColumnEdgeKind::Identity }],
            });
        }
        let result = QueryResult { columns: Rc::new(Columns::new(items)), scope: scope.record, as_struct: false };
        let positions = positions.filter(|names| !names.is_empty() && names.len() == result.columns.items.len());
        self.write(Some(target), &result, positions, out);
    }

    fn drop_objects(&mut self, kind: ast::ObjectType, names: &[ast::ObjectName], out: &mut Outcome) {
        out.verb = "drop";
        if !matches!(kind, ast::ObjectType::Table | ast::ObjectType::View | ast::ObjectType::MaterializedView) {
            return;
        }
        for name in names {
            let name = self.relation_name(name);
            let relation = self.relation(&name);
            self.clear_shape(relation);
            out.drops.push(relation);
        }
    }

    fn rename(&mut self, old: &ast::ObjectName, new: &ast::ObjectName, out: &mut Outcome) {
        let old = self.relation_name(old);
        let mut new = self.relation_name(new);
        if new.parts.len() < old.parts.len() && new.parts.len() == 1 {
            let mut parts = old.parts[..old.parts.len() - 1].to_vec();
            parts.append(&mut new.parts);
            new.parts = parts;
        }
        let (old, new) = (self.relation(&old), self.relation(&new));
        self.copy_shape(old, new);
        self.clear_shape(old);
        out.renames.push((old, new));
    }

    fn alter_table(&mut self, alter: &ast::AlterTable, out: &mut Outcome) {
        out.verb = "alter table";
        for operation in &alter.operations {
            match operation {
                ast::AlterTableOperation::RenameTable { table_name } => {
                    let (ast::RenameTableNameKind::As(new) | ast::RenameTableNameKind::To(new)) = table_name;
                    self.rename(&alter.name, new, out);
                }
                ast::AlterTableOperation::SwapWith { table_name } => {
                    let (one, other) = (self.relation_name(&alter.name), self.relation_name(table_name));
                    let (one, other) = (self.relation(&one), self.relation(&other));
                    let (first, second) = (self.shape(one), self.shape(other));
                    self.set_shape(one, second.columns.clone(), second.complete);
                    self.set_shape(other, first.columns.clone(), first.complete);
                    out.swaps.push((one, other));
                }
                ast::AlterTableOperation::AddColumn { column_def, .. } => {
                    let target = self.target(&alter.name, out);
                    let name = self.sym(&column_def.name);
                    let shape = self.shape(target);
                    if !shape.columns.contains(&name) && !shape.columns.is_empty() {
                        let mut columns = shape.columns.clone();
                        columns.push(name);
                        self.set_shape(target, columns, shape.complete);
                    }
                }
                ast::AlterTableOperation::DropColumn { column_names, .. } => {
                    let target = self.target(&alter.name, out);
                    let gone: Vec<Sym> = column_names.iter().map(|ident| self.key(ident)).collect();
                    let shape = self.shape(target);
                    let columns: Vec<Sym> =
                        shape.columns.iter().copied().filter(|column| !gone.contains(&self.names.key(*column))).collect();
                    if columns.len() < shape.columns.len() {
                        self.set_shape(target, columns, shape.complete);
                    }
                }
                ast::AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                    let target = self.target(&alter.name, out);
                    let (old, new) = (self.key(old_column_name), self.sym(new_column_name));
                    let shape = self.shape(target);
                    let columns =
                        shape.columns.iter().map(|column| if self.names.key(*column) == old { new } else { *column }).collect();
                    self.set_shape(target, columns, shape.complete);
                }
                _ => {
                    self.target(&alter.name, out);
                }
            }
        }
    }

    fn create_function(&mut self, create: &ast::CreateFunction, out: &mut Outcome) {
        out.verb = "create function";
        let parameters: Vec<String> = create
            .args
            .iter()
            .flatten()
            .map(|argument| argument.name.as_ref().map_or(String::new(), |name| name.value.clone()))
            .collect();
        let language = create.language.as_ref().map(|language| language.value.to_lowercase());
        let sql = language.as_deref().is_none_or(|language| language == "sql");
        let body = create.function_body.as_ref().filter(|_| sql);
        let (text, is_table, body) = match body {
            Some(
                ast::CreateFunctionBody::AsBeforeOptions { body, .. }
                | ast::CreateFunctionBody::AsAfterOptions(body)
                | ast::CreateFunctionBody::Return(body)
                | ast::CreateFunctionBody::AsReturnExpr(body),
            ) => self.function_body(body, create),
            Some(ast::CreateFunctionBody::AsReturnSelect(select)) => {
                let text = format!("({select})");
                let body = super::script::parse_routine_body(&text, true, self.dialect);
                (Some(text), true, body)
            }
            Some(ast::CreateFunctionBody::AsBeginEnd(_)) | None => (None, false, RoutineBody::Opaque),
        };
        self.define_routine(&create.name, parameters, text, is_table, body, out);
    }

    fn function_body(&mut self, body: &Expr, create: &ast::CreateFunction) -> (Option<String>, bool, RoutineBody) {
        let returns_table = matches!(
            &create.return_type,
            Some(ast::FunctionReturnType::SetOf(_) | ast::FunctionReturnType::DataType(ast::DataType::Table(_)))
        );
        match body {
            Expr::Value(literal) => match literal.value.clone().into_string() {
                Some(text) => {
                    let parsed = super::script::parse_routine_body(&text, returns_table, self.dialect);
                    let is_table = returns_table;
                    (Some(text), is_table, parsed)
                }
                None => (Some(body.to_string()), false, RoutineBody::Expression(body.clone())),
            },
            Expr::Subquery(query) if returns_table => (Some(query.to_string()), true, RoutineBody::Query(query.clone())),
            other => (Some(other.to_string()), false, RoutineBody::Expression(other.clone())),
        }
    }

    fn create_macro(
        &mut self,
        name: &ast::ObjectName,
        args: Option<&[ast::MacroArg]>,
        definition: &ast::MacroDefinition,
        out: &mut Outcome,
    ) {
        out.verb = "create macro";
        let parameters = args.unwrap_or_default().iter().map(|argument| argument.name.value.clone()).collect();
        let (text, is_table, body) = match definition {
            ast::MacroDefinition::Expr(expr) => (expr.to_string(), false, RoutineBody::Expression(expr.clone())),
            ast::MacroDefinition::Table(query) => (query.to_string(), true, RoutineBody::Query(query.clone())),
        };
        self.define_routine(name, parameters, Some(text), is_table, body, out);
    }

    fn define_routine(
        &mut self,
        name: &ast::ObjectName,
        parameters: Vec<String>,
        text: Option<String>,
        is_table: bool,
        body: RoutineBody,
        out: &mut Outcome,
    ) {
        let name = self.relation_name(name);
        let relation = self.relation(&name);
        let symbols: Vec<Sym> = parameters.iter().map(|parameter| self.names.intern(parameter)).collect();
        let items = symbols
            .iter()
            .map(|name| Item::Column(Column { name: *name, value: Value::default(), span: Span::default() }))
            .collect();
        let record = self.open_scope(ScopeKind::Computed, Span::default());
        let mut scope = Scope::new(record, None);
        scope.inputs.push(super::expr::parameter_input(items));
        let overridden = self.span_override.replace(Span::default());
        let mut is_aggregate = false;
        match &body {
            RoutineBody::Expression(expr) => {
                self.value(expr, &scope);
                is_aggregate = super::expr::aggregates(expr);
                out.roots.push(record);
            }
            RoutineBody::Query(query) => {
                let result = self.query(query, Some(&scope));
                self.write(Some(relation), &result, None, out);
                out.outputs = Some(Rc::clone(&result.columns));
                out.roots.push(result.scope);
            }
            RoutineBody::Opaque => {}
        }
        self.span_override = overridden;
        self.trail.clear();
        out.created.push(Created { relation, kind: AssetKind::Routine, temporary: false });
        let key = name.key(self.dialect).to_lowercase();
        self.routines.insert(key, Rc::new(Routine { parameters: symbols, body, is_aggregate }));
        out.routine = Some((name, KnownRoutine { parameters, body: text, is_table, is_aggregate }));
    }

    fn declare(&mut self, declarations: &[ast::Declare], out: &mut Outcome) {
        out.verb = "declare";
        let scope = self.plain_scope(out);
        for declaration in declarations {
            if let Some(ast::DataType::Table(Some(columns))) = &declaration.data_type {
                for name in &declaration.names {
                    let relation = self.relation(&RelationName::new([crate::model::Ident::bare(name.value.as_str())]));
                    let columns: Vec<Sym> = columns.iter().map(|column| self.sym(&column.name)).collect();
                    self.set_shape(relation, columns, true);
                    out.created.push(Created { relation, kind: AssetKind::Table, temporary: true });
                }
                continue;
            }
            let mut value = match &declaration.assignment {
                Some(
                    ast::DeclareAssignment::Expr(expr)
                    | ast::DeclareAssignment::Default(expr)
                    | ast::DeclareAssignment::DuckAssignment(expr)
                    | ast::DeclareAssignment::For(expr)
                    | ast::DeclareAssignment::MsSqlAssignment(expr),
                ) => self.value(expr, &scope),
                None => Value::default(),
            };
            if let Some(query) = &declaration.for_query {
                let result = self.query(query, None);
                value = struct_of(result.columns.items.clone());
                out.roots.push(result.scope);
            }
            for name in &declaration.names {
                let key = self.key(name);
                self.variables.insert(key, value.clone());
            }
        }
        self.trail.clear();
    }

    fn set(&mut self, set: &ast::Set, out: &mut Outcome) {
        out.verb = "set";
        let scope = self.plain_scope(out);
        match set {
            ast::Set::SingleAssignment { variable, values, .. } => {
                let name = variable.0.last().and_then(|part| part.as_ident());
                if let (Some(name), [value]) = (name, values.as_slice()) {
                    let is_path = name.value.eq_ignore_ascii_case("search_path");
                    if is_path && let Some(schema) = constant(value) {
                        self.session.1 = Some(schema);
                        return;
                    }
                    let value = self.value(value, &scope);
                    let key = self.key(name);
                    self.set_variable(key, value);
                }
            }
            ast::Set::ParenthesizedAssignments { variables, values } => {
                let mut assigned: Vec<Value> = values.iter().map(|value| self.value(value, &scope)).collect();
                if let [only] = assigned.as_slice()
                    && let Some(fields) = only.fields.clone()
                {
                    assigned = fields.columns().map(|column| column.value.clone()).collect();
                }
                for (variable, value) in variables.iter().zip(assigned) {
                    if let Some(name) = variable.0.last().and_then(|part| part.as_ident()) {
                        let key = self.key(name);
                        self.set_variable(key, value);
                    }
                }
            }
            ast::Set::MultipleAssignments { assignments } => {
                for assignment in assignments {
                    let value = self.value(&assignment.value, &scope);
                    if let Some(name) = assignment.name.0.last().and_then(|part| part.as_ident()) {
                        let key = self.key(name);
                        self.set_variable(key, value);
                    }
                }
            }
            _ => {}
        }
        self.trail.clear();
    }

    /// A variable may be set on several paths through a script: its values add up.
    fn set_variable(&mut self, key: Sym, value: Value) {
        let mut all = self.variables.remove(&key).unwrap_or_default();
        all.merge(value, &self.names);
        self.variables.insert(key, all);
    }

    fn use_database(&mut self, target: &ast::Use, out: &mut Outcome) {
        out.verb = "use";
        let parts = |name: &ast::ObjectName| -> Vec<String> {
            name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.clone()).collect()
        };
        match target {
            ast::Use::Catalog(name) | ast::Use::Database(name) => {
                self.session.0 = parts(name).pop();
                if matches!(self.dialect, Dialect::MySql | Dialect::Hive | Dialect::Spark | Dialect::ClickHouse) {
                    self.session.1 = self.session.0.take();
                }
            }
            ast::Use::Schema(name) | ast::Use::Object(name) => match parts(name).as_slice() {
                [schema] => {
                    if matches!(self.dialect, Dialect::Snowflake | Dialect::MsSql) && matches!(target, ast::Use::Object(_)) {
                        self.session.0 = Some(schema.clone());
                    } else {
                        self.session.1 = Some(schema.clone());
                    }
                }
                [database, schema] => self.session = (Some(database.clone()), Some(schema.clone())),
                _ => {}
            },
            ast::Use::Warehouse(_) | ast::Use::Role(_) | ast::Use::SecondaryRoles(_) | ast::Use::Default => {}
        }
    }

    fn execute(&mut self, name: Option<&ast::ObjectName>, parameters: &[Expr], immediate: bool, out: &mut Outcome) {
        out.verb = if immediate { "execute immediate" } else { "execute" };
        let dynamic = immediate
            || name.is_some_and(|name| name.to_string().to_lowercase().ends_with("sp_executesql"))
            || (name.is_none() && self.dialect == Dialect::MsSql);
        if !dynamic {
            if let Some(name) = name {
                let name = self.relation_name(name);
                if !self.calls.contains(&name) {
                    self.calls.push(name);
                }
            }
            return;
        }
        let text = parameters.first().and_then(constant);
        let span = parameters.first().map(span_of).unwrap_or_default();
        match text {
            Some(text) if self.may_inline() => self.run_text(&text, span, out),
            _ => self.report(&DYNAMIC_SQL, || "the statement's text is computed at run time".to_owned(), span),
        }
    }

    /// Statements of a constant text, as if they stood here.
    fn run_text(&mut self, text: &str, span: Span, out: &mut Outcome) {
        let outer = self.span_override.replace(span);
        self.inline_depth += 1;
        for statement in super::script::parse_text(text, self.dialect) {
            let mut inner = Outcome::default();
            self.statement_into(&statement, &mut inner);
            out.absorb(inner);
        }
        self.inline_depth -= 1;
        self.span_override = outer;
    }

    fn flat_block(&mut self, statement: &Statement, out: &mut Outcome) {
        out.verb = "block";
        let mut blocks: Vec<&ast::ConditionalStatementBlock> = Vec::new();
        match statement {
            Statement::If(block) => {
                blocks.push(&block.if_block);
                blocks.extend(&block.elseif_blocks);
                blocks.extend(&block.else_block);
            }
            Statement::While(block) => blocks.push(&block.while_block),
            Statement::Case(block) => {
                blocks.extend(&block.when_blocks);
                blocks.extend(&block.else_block);
            }
            _ => {}
        }
        let scope = self.plain_scope(out);
        for block in blocks {
            if let Some(condition) = &block.condition {
                self.value(condition, &scope);
            }
            for statement in block.conditional_statements.statements() {
                let mut inner = Outcome::default();
                self.statement_into(statement, &mut inner);
                out.absorb(inner);
            }
        }
    }

    fn copy(&mut self, source: &ast::CopySource, to: bool, target: &ast::CopyTarget, out: &mut Outcome) {
        out.verb = "copy";
        match (source, to) {
            (ast::CopySource::Table { table_name, .. }, true) => {
                let name = self.relation_name(table_name);
                let relation = self.relation(&name);
                self.read(relation);
            }
            (ast::CopySource::Table { table_name, .. }, false) => {
                self.target(table_name, out);
                if let ast::CopyTarget::File { filename } = target {
                    let file = self.relation(&RelationName::new([crate::model::Ident::quoted(filename.as_str())]));
                    self.read(file);
                }
            }
            (ast::CopySource::Query(query), _) => {
                let result = self.query(query, None);
                out.roots.push(result.scope);
            }
        }
    }

    /// Snowflake's COPY INTO: a stage's columns are `$1`, `$2`, …
    fn copy_into(&mut self, statement: &Statement, out: &mut Outcome) {
        let Statement::CopyIntoSnowflake {
            kind,
            into,
            into_columns,
            from_obj,
            from_obj_alias,
            from_transformations,
            from_query,
            ..
        } = statement
        else {
            return;
        };
        out.verb = "copy into";
        let target = self.target(into, out);
        if let Some(query) = from_query {
            let result = self.query(query, None);
            out.roots.push(result.scope);
            self.insert_result(target, result, Vec::new(), out);
            return;
        }
        let Some(from) = from_obj else { return };
        let record = self.open_scope(ScopeKind::Select, span_of(from));
        let mut scope = Scope::new(record, None);
        let alias = from_obj_alias.clone().map(|name| ast::TableAlias { explicit: false, name, columns: Vec::new(), at: None });
        self.add_table(&mut scope, from, alias.as_ref(), span_of(from));
        out.roots.push(record);
        if matches!(kind, ast::CopyIntoSnowflakeKind::Location) {
            let items = self.star(&scope, span_of(from));
            let result = self.finish_computed(&mut scope, items);
            self.write(Some(target), &result, None, out);
            return;
        }
        let Some(transformations) = from_transformations else { return };
        let relation = self.find_relation(&self.relation_name(from)).unwrap_or(target);
        let mut items = Vec::new();
        for item in transformations {
            match item {
                StageLoadSelectItemKind::SelectItem(item) => {
                    self.select_items(std::slice::from_ref(item), &mut scope, &mut items)
                }
                StageLoadSelectItemKind::StageLoadSelectItem(item) => {
                    let column = self.names.intern(&format!("${}", item.file_col_num));
                    let name = item.item_as.as_ref().map_or(column, |ident| self.names.intern(&ident.value));
                    let mut value = Value::base(relation, column, false);
                    if let Some(element) = &item.element {
                        let field = self.sym(element);
                        value = self.field(&value, field).through(ColumnEdgeKind::Transformation);
                    }
                    let recorded = super::query::Recorded { step: Step::Copies, reads: Vec::new() };
                    items.push((Item::Column(Column { name, value, span: span_of(from) }), recorded));
                }
            }
        }
        let names = into_columns.iter().flatten().map(|ident| self.names.intern(&ident.value)).collect();
        let result = self.finish_computed(&mut scope, items);
        self.insert_result(target, result, names, out);
    }
}

impl Outcome {
    /// Adds what another statement does to this one.
    pub(crate) fn absorb(&mut self, other: Outcome) {
        for target in other.targets {
            if !self.targets.contains(&target) {
                self.targets.push(target);
            }
        }
        self.edges.extend(other.edges);
        self.roots.extend(other.roots);
        self.drops.extend(other.drops);
        self.replaces.extend(other.replaces);
        self.renames.extend(other.renames);
        self.swaps.extend(other.swaps);
        self.created.extend(other.created);
        self.declared.extend(other.declared);
        self.outputs = self.outputs.take().or(other.outputs);
        self.routine = self.routine.take().or(other.routine);
    }
}

fn edge_of(origin: &Origin, to: Option<RelationIndex>, to_column: Sym, span: Span) -> Edge {
    Edge { from: origin.relation, from_column: origin.column, kind: origin.kind, guessed: origin.guessed, to, to_column, span }
}

/// The table and alias of a plain FROM item.
fn factor_name(factor: &ast::TableFactor) -> Option<(&ast::ObjectName, Option<&ast::TableAlias>)> {
    match factor {
        ast::TableFactor::Table { name, alias, .. } => Some((name, alias.as_ref())),
        ast::TableFactor::NestedJoin { table_with_joins, .. } => factor_name(&table_with_joins.relation),
        _ => None,
    }
}

fn select_into(body: &SetExpr) -> Option<&ast::SelectInto> {
    match body {
        SetExpr::Select(select) => select.into.as_ref(),
        SetExpr::Query(query) => select_into(&query.body),
        SetExpr::SetOperation { left, .. } => select_into(left),
        _ => None,
    }
}

fn object_name(expr: &Expr) -> Option<ast::ObjectName> {
    let idents = match expr {
        Expr::Identifier(ident) => vec![ident.clone()],
        Expr::CompoundIdentifier(idents) => idents.clone(),
        _ => return None,
    };
    Some(ast::ObjectName(idents.into_iter().map(ast::ObjectNamePart::Identifier).collect()))
}

fn declared_column(column: &ast::ColumnDef) -> DeclaredColumn {
    let description = column.options.iter().find_map(|option| match &option.option {
        ast::ColumnOption::Comment(text) => Some(text.clone()),
        ast::ColumnOption::Options(options) => options.iter().find_map(|option| match option {
            ast::SqlOption::KeyValue { key, value } if key.value.eq_ignore_ascii_case("description") => constant(value),
            _ => None,
        }),
        _ => None,
    });
    let data_type = match &column.data_type {
        ast::DataType::Unspecified => String::new(),
        data_type => data_type.to_string(),
    };
    DeclaredColumn { name: column.name.value.clone(), data_type, description }
}

/// The text of a constant expression: a literal, or literals put together.
fn constant(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => value.value.clone().into_string(),
        Expr::Identifier(ident) => ident.quote_style.is_some().then(|| ident.value.clone()),
        Expr::Nested(inner) => constant(inner),
        Expr::BinaryOp { left, op: ast::BinaryOperator::StringConcat | ast::BinaryOperator::Plus, right } => {
            Some(constant(left)? + &constant(right)?)
        }
        _ => None,
    }
}

/// MySQL's `VALUES(column)` in ON DUPLICATE KEY UPDATE.
fn values_argument(expr: &Expr) -> Option<&ast::Ident> {
    let Expr::Function(function) = expr else { return None };
    if super::expr::function_key(&function.name) != "values" {
        return None;
    }
    match super::expr::arguments_of(function).first().copied().and_then(super::expr::argument_expr)? {
        Expr::Identifier(ident) => Some(ident),
        _ => None,
    }
}

fn has_bare_column(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) => true,
        Expr::BinaryOp { left, right, .. } => has_bare_column(left) && has_bare_column(right),
        Expr::Nested(inner) => has_bare_column(inner),
        _ => false,
    }
}

/// Statements that everybody knows to move no data.
fn is_quiet(word: &str) -> bool {
    matches!(
        word,
        "GRANT"
            | "REVOKE"
            | "COMMIT"
            | "BEGIN"
            | "START"
            | "ROLLBACK"
            | "COMMENT"
            | "ANALYZE"
            | "VACUUM"
            | "SHOW"
            | "DESCRIBE"
            | "SET"
            | "CREATE"
            | "ALTER"
            | "DROP"
            | "STATEMENT"
            | "PRINT"
            | "RAISE"
            | "THROW"
            | "OPEN"
            | "CLOSE"
            | "FETCH"
            | "PRAGMA"
            | "LOCK"
            | "UNLOCK"
            | "KILL"
            | "DEALLOCATE"
            | "RESET"
            | "END"
    )
}
