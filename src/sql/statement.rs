//! Statements: what each writes, from what, and what it does to names.

mod create;
mod insert;
mod routine;
mod scripting;
mod update;

use super::{
    engine::{Engine, QueryResult, ScopeIndex},
    names::Sym,
    scope::Scope,
    spans::span_of,
    value::{Columns, RelationIndex},
};
use crate::model::{
    AssetKind, ColumnEdgeKind, DeclaredColumn, KnownRoutine, RelationName, ScopeKind, Span, UNSUPPORTED_STATEMENT,
};
use sqlparser::ast::{self, Expr, SetExpr, Statement};
use std::rc::Rc;
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
    /// Columns that get a new value in every row of their table.
    pub(crate) overwrites: Vec<(RelationIndex, Sym)>,
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

    pub(crate) fn statement_into(&mut self, statement: &Statement, out: &mut Outcome) {
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
                    let name = self.relation_name(&table.name);
                    let relation = self.relation(&name);
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
                let uri = export.options.iter().find_map(|option| match option {
                    ast::SqlOption::KeyValue { key, value } if key.value.eq_ignore_ascii_case("uri") => constant(value),
                    _ => None,
                });
                if let Some(uri) = uri {
                    let file = self.relation(&RelationName::new([crate::model::Ident::quoted(uri.as_str())]));
                    out.targets.push(file);
                    self.write(Some(file), &result, None, out);
                }
                out.roots.push(result.scope);
            }
            Statement::Unload { query, query_text, to, .. } => {
                out.verb = "unload";
                let text = query_text.as_deref().unwrap_or_default();
                let parsed = super::script::parse_text(text, self.dialect).into_iter().find_map(|statement| match statement {
                    Statement::Query(query) => Some(query),
                    _ => None,
                });
                if let Some(query) = query.as_deref().or(parsed.as_deref()) {
                    let file = self.relation(&RelationName::new([crate::model::Ident::quoted(to.value.as_str())]));
                    out.targets.push(file);
                    // Places inside a quoted text are not those of the script.
                    let outer = self.span_override;
                    if query_text.is_some() {
                        self.span_override = outer.or(Some(super::spans::span_of(statement)));
                    }
                    let result = self.query(query, None);
                    self.span_override = outer;
                    out.roots.push(result.scope);
                    self.write(Some(file), &result, None, out);
                }
            }
            Statement::LoadData { table_name, overwrite, .. } => {
                out.verb = "load data";
                let target = self.target(table_name, out);
                if *overwrite {
                    out.replaces.push(target);
                }
            }
            Statement::Directory { source, path, .. } => {
                out.verb = "insert directory";
                let file = self.relation(&RelationName::new([crate::model::Ident::quoted(path.as_str())]));
                out.targets.push(file);
                let result = self.query(source, None);
                self.write(Some(file), &result, None, out);
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
                let word = other.to_string().split_whitespace().next().unwrap_or("statement").to_uppercase();
                if !is_quiet(&word) {
                    self.report(&UNSUPPORTED_STATEMENT, || format!("{word} moves no data between columns"), span);
                }
            }
        }
    }

    /// T-SQL's `SELECT @a = x, @b = y FROM t`, MySQL's `SELECT @a := x`.
    fn assigns_variables(&self, query: &ast::Query) -> bool {
        let SetExpr::Select(select) = query.body.as_ref() else { return false };
        let assigns = |item: &ast::SelectItem| match item {
            ast::SelectItem::ExprWithAlias { alias, .. } => alias.value.starts_with('@'),
            ast::SelectItem::UnnamedExpr(expr) => matches!(expr, Expr::BinaryOp { op: ast::BinaryOperator::Assignment, .. }),
            _ => false,
        };
        !select.projection.is_empty() && select.projection.iter().all(assigns)
    }

    /// Vertica moves partitions between tables by calling functions on their names.
    fn partition_call(&mut self, query: &ast::Query, out: &mut Outcome) -> bool {
        let SetExpr::Select(select) = query.body.as_ref() else { return false };
        let [ast::SelectItem::UnnamedExpr(Expr::Function(function))] = select.projection.as_slice() else { return false };
        let to = match super::expr::function_key(&function.name).as_str() {
            "swap_partitions_between_tables" | "copy_partitions_to_table" | "move_partitions_to_table" => 3,
            "copy_table" => 1,
            _ => return false,
        };
        let arguments = super::expr::arguments_of(function);
        let name = |at: usize| arguments.get(at).copied().and_then(super::expr::argument_expr).and_then(constant);
        let (Some(from), Some(to)) = (name(0), name(to)) else { return false };
        out.verb = "select";
        let from = self.relation(&RelationName::from_dotted(&from));
        let to = self.relation(&RelationName::from_dotted(&to));
        self.copy_rows(from, to, span_of(query), out);
        true
    }

    /// Rows of `from` are added to `to`, column by column of the same name.
    pub(crate) fn copy_rows(&mut self, from: RelationIndex, to: RelationIndex, span: Span, out: &mut Outcome) {
        let record = self.open_scope(ScopeKind::Select, span);
        let mut scope = Scope::new(record, None);
        let Some(name) = self.relations.get(from as usize).map(ToString::to_string) else { return };
        let object = ast::ObjectName(vec![ast::ObjectNamePart::Identifier(ast::Ident::with_quote('"', name))]);
        self.add_relation(&mut scope, from, &object, None, span);
        let items = self.star(&scope, span);
        let result = self.finish_computed(&mut scope, items);
        out.targets.push(to);
        self.write(Some(to), &result, None, out);
        out.roots.push(result.scope);
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

    pub(crate) fn plain_scope(&mut self, out: &mut Outcome) -> Scope<'static> {
        let record = self.open_scope(ScopeKind::Values, Span::default());
        out.roots.push(record);
        Scope::new(record, None)
    }

    fn query_statement(&mut self, query: &ast::Query, out: &mut Outcome) {
        out.verb = "select";
        if self.partition_call(query, out) {
            return;
        }
        let result = self.query(query, None);
        if self.assigns_variables(query) {
            out.verb = "assign";
            for column in result.columns.columns() {
                let key = self.names.key(column.name);
                self.set_variable(key, column.value.clone());
            }
            out.roots.push(result.scope);
            return;
        }
        if let Some(into) = create::select_into(&query.body) {
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
        self.overwrites.extend(other.overwrites);
        self.renames.extend(other.renames);
        self.swaps.extend(other.swaps);
        self.created.extend(other.created);
        self.declared.extend(other.declared);
        self.outputs = self.outputs.take().or(other.outputs);
        self.routine = self.routine.take().or(other.routine);
    }
}
/// The name that an expression spells.
pub(crate) fn object_name(expr: &Expr) -> Option<ast::ObjectName> {
    let idents = match expr {
        Expr::Identifier(ident) => vec![ident.clone()],
        Expr::CompoundIdentifier(idents) => idents.clone(),
        _ => return None,
    };
    Some(ast::ObjectName(idents.into_iter().map(ast::ObjectNamePart::Identifier).collect()))
}
/// The text of a constant expression: a literal, or literals put together.
pub(crate) fn constant(expr: &Expr) -> Option<String> {
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
/// The name that `IDENTIFIER('a.b')` or `IDENTIFIER(a.b)` stands for.
pub(crate) fn identifier_argument(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) if !ident.value.starts_with(['$', '@', ':']) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(idents) => Some(idents.iter().map(|ident| ident.value.as_str()).collect::<Vec<_>>().join(".")),
        other => constant(other),
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
            | "UNCACHE"
            | "ATTACH"
            | "DETACH"
            | "OPTIMIZE"
    )
}
