//! Functions in FROM.

use crate::model::{ColumnEdgeKind, ScopeKind, Span, Step};
use std::rc::Rc;

use smallvec::SmallVec;

use crate::sql::{
    engine::{Engine, QueryResult, RoutineBody},
    expr::{argument_expr, arguments_of, function_key, parameter_input},
    functions,
    names::Sym,
    query::Recorded,
    scope::Scope,
    value::{Column, Columns, Item, Lineage, OpenStar, Value},
};
use ColumnEdgeKind::Transformation;
use sqlparser::ast::{self, Expr};

impl Engine<'_> {
    /// `f(…)` in FROM.
    pub(crate) fn table_function(
        &mut self,
        scope: &mut Scope,
        name: &ast::ObjectName,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        ordinality: bool,
        span: Span,
    ) {
        let key = function_key(name);
        if self.inline_table_function(scope, name, args, alias, span) {
            return;
        }
        let exprs: Vec<&Expr> = args.iter().filter_map(argument_expr).collect();
        if let Some(files) = functions::reads_files(&key).then(|| exprs.first().map(|expr| constant_paths(expr))).flatten()
            && !files.is_empty()
        {
            return self.files(scope, &files, alias, span);
        }
        if let Some(table) = self.remote_table(&key, &exprs) {
            return self.add_table(scope, &table, alias, span);
        }
        if self.xml_nodes(scope, name, alias, span) {
            return;
        }
        if let Some(columns) = functions::named_columns(&key, self.dialect) {
            return self.named_columns(scope, &exprs, columns, alias, span);
        }
        match key.as_str() {
            "stream" if matches!(self.dialect, crate::model::Dialect::Databricks | crate::model::Dialect::Spark) => {
                let named = exprs.first().and_then(|expr| crate::sql::statement::object_name(expr));
                match named {
                    Some(table) => self.add_table(scope, &table, alias, span),
                    None => self.opaque_function(scope, &key, &exprs, alias, span),
                }
            }
            "table" | "lateral" | "lateral_flatten" => {
                if let Some(expr) = exprs.first() {
                    self.table_expression(scope, expr, alias, span);
                }
            }
            "flatten" | "splitn" => self.flatten(scope, args, alias, span),
            _ if functions::unnests(&key) => {
                let arrays: Vec<&Expr> = exprs.into_iter().take(if key == "unnest" { usize::MAX } else { 1 }).collect();
                self.unnest(scope, &arrays, alias, ordinality.then_some("ordinality"), span);
            }
            _ => self.opaque_function(scope, &key, &exprs, alias, span),
        }
    }

    /// Files of constant paths, each a relation of its own name.
    fn files(&mut self, scope: &mut Scope, paths: &[String], alias: Option<&ast::TableAlias>, span: Span) {
        let record = self.open_scope(ScopeKind::Computed, span);
        let mut inner = Scope::new(record, None);
        let mut columns: Option<Columns> = None;
        for path in paths {
            let name = ast::ObjectName(vec![ast::ObjectNamePart::Identifier(ast::Ident::with_quote('"', path.as_str()))]);
            let relation = self.relation(&crate::model::RelationName::new([crate::model::Ident::quoted(path.as_str())]));
            self.add_relation(&mut inner, relation, &name, None, span);
            let Some(input) = inner.inputs.last().cloned() else { continue };
            let own = Columns::new(input.star(self, span).into_iter().map(|(item, _)| item).collect());
            match &mut columns {
                Some(columns) => self.unite(columns, &own),
                None => columns = Some(own),
            }
        }
        let items = columns.unwrap_or_default().items;
        let recorded = Recorded { step: Step::Copies, reads: Vec::new(), links: Vec::new() };
        let result = self.finish_computed(&mut inner, items.into_iter().map(|item| (item, recorded.clone())).collect());
        self.add_query(scope, result, alias, span);
    }

    /// ClickHouse's `remote('host', db, t)`, `cluster('c', db.t)` and their like name a table.
    fn remote_table(&self, key: &str, exprs: &[&Expr]) -> Option<ast::ObjectName> {
        let remote = ["remote", "remotesecure", "cluster", "clusterallreplicas", "mysql", "postgresql", "mongodb"];
        if self.dialect != crate::model::Dialect::ClickHouse || !remote.contains(&key) {
            return None;
        }
        let name = |expr: &Expr| match crate::sql::statement::constant(expr) {
            Some(text) => Some(text.split('.').map(ast::Ident::new).collect::<Vec<_>>()),
            None => crate::sql::statement::object_name(expr)
                .map(|name| name.0.iter().filter_map(|part| part.as_ident().cloned()).collect()),
        };
        let mut idents = name(exprs.get(1)?)?;
        if idents.len() == 1 {
            idents.extend(name(exprs.get(2)?)?);
        }
        Some(ast::ObjectName(idents.into_iter().map(ast::ObjectNamePart::Identifier).collect()))
    }

    /// SQL Server's `t.column.nodes('/path') AS x(c)`: the nodes of an XML column.
    fn xml_nodes(&mut self, scope: &mut Scope, name: &ast::ObjectName, alias: Option<&ast::TableAlias>, span: Span) -> bool {
        let idents: Vec<ast::Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        let Some((method, column)) = idents.split_last() else { return false };
        if self.dialect != crate::model::Dialect::MsSql || column.is_empty() || !method.value.eq_ignore_ascii_case("nodes") {
            return false;
        }
        self.trail.clear();
        let value = self.resolve_compound(column, scope).through(Transformation);
        let name = self.names.intern("value");
        self.add_computed(scope, vec![Item::Column(Column { name, value, span })], alias, span);
        true
    }

    /// A table function with these columns, all computed from its arguments.
    fn named_columns(
        &mut self,
        scope: &mut Scope,
        exprs: &[&Expr],
        columns: &[&str],
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) {
        self.trail.clear();
        let mut lineage = Lineage::new();
        for expr in exprs {
            self.collect(expr, scope, Transformation, &mut lineage);
        }
        let value = Value::of(lineage);
        let items = columns.iter().map(|name| {
            let name = self.names.intern(name);
            Item::Column(Column { name, value: value.clone(), span })
        });
        let items = items.collect();
        self.add_computed(scope, items, alias, span);
    }

    /// An argument that is a relation: a query, or Trino's `TABLE(t)`.
    fn relation_argument(&mut self, expr: &Expr, scope: &Scope) -> Option<QueryResult> {
        match expr {
            Expr::Subquery(query) => Some(self.query(query, Some(scope))),
            Expr::Function(function) if function_key(&function.name) == "table" => {
                if let ast::FunctionArguments::Subquery(query) = &function.args {
                    return Some(self.query(query, Some(scope)));
                }
                let [argument] = arguments_of(function)[..] else { return None };
                let name = crate::sql::statement::object_name(argument_expr(argument)?)?;
                let record = self.open_scope(ScopeKind::Computed, crate::sql::spans::span_of(expr));
                let mut inner = Scope::new(record, None);
                let span = crate::sql::spans::span_of(expr);
                self.add_table(&mut inner, &name, None, span);
                let items = self.star(&inner, span);
                Some(self.finish_computed(&mut inner, items))
            }
            _ => None,
        }
    }

    /// Trino's `exclude_columns(input => TABLE(t), columns => DESCRIPTOR(a))`.
    fn without_columns(&mut self, items: Vec<Item>, exprs: &[&Expr]) -> Vec<Item> {
        let descriptors = exprs.iter().filter_map(|expr| match expr {
            Expr::Function(function) if function_key(&function.name) == "descriptor" => Some(arguments_of(function)),
            _ => None,
        });
        let mut gone = Vec::new();
        for expr in descriptors.flatten().filter_map(argument_expr) {
            gone.extend(self.implied_name(expr).map(|name| self.names.key(name)));
        }
        let mut items = items;
        items.retain(|item| !matches!(item, Item::Column(column) if gone.contains(&self.names.key(column.name))));
        items
    }

    /// A table function whose rows are computed from its arguments in an unknown way.
    fn opaque_function(&mut self, scope: &mut Scope, key: &str, exprs: &[&Expr], alias: Option<&ast::TableAlias>, span: Span) {
        self.trail.clear();
        let mut lineage = Lineage::new();
        let mut through: Option<Vec<Item>> = None;
        for expr in exprs {
            // A query that JSON functions are given is one value.
            let relation = if key.starts_with("json") { None } else { self.relation_argument(expr, scope) };
            match relation {
                Some(result) => {
                    self.link(scope.record, result.scope);
                    self.use_all(Some(result.scope));
                    through.get_or_insert_default().extend(result.columns.items.iter().cloned());
                }
                None => self.collect(expr, scope, Transformation, &mut lineage),
            }
        }
        if let Some(items) = through {
            let items = if key == "exclude_columns" {
                self.without_columns(items, exprs)
            } else {
                let mut through = Columns::new(items).through(Transformation).items;
                through.push(unknown_columns(span));
                through
            };
            return self.add_computed(scope, items, alias, span);
        }
        let value = Value::of(lineage);
        let columns = alias.map_or(&[][..], |alias| alias.columns.as_slice());
        let items = if columns.is_empty() {
            vec![unknown_columns(span)]
        } else {
            let names: Vec<Sym> = columns.iter().map(|column| self.sym(&column.name)).collect();
            names.into_iter().map(|name| Item::Column(Column { name, value: value.clone(), span })).collect()
        };
        let bare = alias.map(|alias| ast::TableAlias { columns: Vec::new(), ..alias.clone() });
        self.add_computed(scope, items, bare.as_ref(), span);
        if let Some(input) = scope.inputs.last_mut() {
            input.element = Some(value);
            input.open_element = true;
        }
    }

    pub(crate) fn table_expression(&mut self, scope: &mut Scope, expr: &Expr, alias: Option<&ast::TableAlias>, span: Span) {
        match expr {
            Expr::Function(function) => {
                let args: Vec<ast::FunctionArg> = arguments_of(function).into_iter().cloned().collect();
                self.table_function(scope, &function.name, &args, alias, false, span);
            }
            Expr::Nested(inner) => self.table_expression(scope, inner, alias, span),
            Expr::Subquery(query) => {
                let result = self.query(query, Some(scope));
                self.add_query(scope, result, alias, span);
            }
            _ => self.unnest(scope, &[expr], alias, None, span),
        }
    }

    /// A call of a SQL table function whose body is known.
    fn inline_table_function(
        &mut self,
        scope: &mut Scope,
        name: &ast::ObjectName,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) -> bool {
        if !self.may_inline() {
            return false;
        }
        let Some(routine) = self.find_routine(name) else { return false };
        let RoutineBody::Query(body) = &routine.body else { return false };
        let mut items = Vec::new();
        for (at, argument) in args.iter().enumerate() {
            let value = argument_expr(argument).map(|expr| self.value(expr, scope)).unwrap_or_default();
            let name = routine.parameters.get(at).copied().unwrap_or(Sym::NONE);
            items.push(Item::Column(Column { name, value, span }));
        }
        let ctes = std::mem::take(&mut self.ctes);
        let outer = self.span_override.replace(span);
        self.inline_depth += 1;
        let record = self.open_scope(ScopeKind::Computed, span);
        let mut parameters = Scope::new(record, None);
        parameters.inputs.push(parameter_input(items));
        let result = self.query(body, Some(&parameters));
        self.inline_depth -= 1;
        self.span_override = outer;
        self.ctes = ctes;
        self.add_query(scope, result, alias, span);
        true
    }

    /// Columns listed over one JSON or XML value.
    pub(crate) fn value_table_input(
        &mut self,
        scope: &mut Scope,
        source: &Expr,
        names: &[&ast::Ident],
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) {
        self.trail.clear();
        let value = self.value(source, scope).through(Transformation);
        let value = Value { fields: None, ..value };
        let mut items: Vec<Item> = Vec::new();
        for ident in names {
            items.push(Item::Column(Column { name: self.sym(ident), value: value.clone(), span }));
        }
        if items.is_empty() {
            for name in ["key", "value", "type"] {
                items.push(Item::Column(Column { name: self.names.intern(name), value: value.clone(), span }));
            }
        }
        self.add_computed(scope, items, alias, span);
    }
}

pub(crate) fn json_columns<'q>(columns: &'q [ast::JsonTableColumn], names: &mut Vec<&'q ast::Ident>) {
    for column in columns {
        match column {
            ast::JsonTableColumn::Named(named) => names.push(&named.name),
            ast::JsonTableColumn::ForOrdinality(name) => names.push(name),
            ast::JsonTableColumn::Nested(nested) => json_columns(&nested.columns, names),
        }
    }
}

/// The paths that a constant argument names: one text, or a list of them.
pub(crate) fn constant_paths(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::Value(literal) => literal.value.clone().into_string().into_iter().collect(),
        Expr::Array(array) => array.elem.iter().flat_map(constant_paths).collect(),
        Expr::Nested(inner) => constant_paths(inner),
        _ => Vec::new(),
    }
}

/// Columns that only running the function could tell.
fn unknown_columns(span: Span) -> Item {
    Item::Star(OpenStar {
        from: SmallVec::new(),
        except: Rc::from([]),
        kind: ColumnEdgeKind::Transformation,
        made_of: Lineage::new(),
        span,
    })
}
