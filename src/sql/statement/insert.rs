//! INSERT in all its forms, and COPY.

use super::{Edge, Outcome};
use crate::model::{ColumnEdgeKind, POSITIONAL_GUESS, RelationName, RowEdgeKind, ScopeKind, Span, Step};
use crate::sql::{
    engine::{Engine, QueryResult},
    names::Sym,
    query::item_name,
    scope::Scope,
    spans::span_of,
    value::{Column, Columns, Item, Origin, RelationIndex, Value},
};
use sqlparser::ast::{self, Expr, Statement, helpers::stmt_data_loading::StageLoadSelectItemKind};
use std::rc::Rc;

impl Engine<'_> {
    /// The edges of a result into `target`; by position into `names` where given.
    pub(crate) fn write(
        &mut self,
        target: Option<RelationIndex>,
        result: &QueryResult,
        names: Option<&[Sym]>,
        out: &mut Outcome,
    ) {
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
                        out.edges.extend(star.origins().map(|origin| edge_of(&origin, target, name, star.span)));
                    }
                }
            }
        }
    }

    pub(crate) fn write_value(&mut self, target: Option<RelationIndex>, name: Sym, value: &Value, span: Span, out: &mut Outcome) {
        for origin in &value.lineage {
            out.edges.push(edge_of(origin, target, name, span));
        }
    }

    pub(crate) fn insert(&mut self, insert: &ast::Insert, out: &mut Outcome) {
        out.verb = if insert.overwrite { "insert overwrite" } else { "insert" };
        if insert.multi_table_insert_type.is_some() {
            self.multi_table_insert(insert, out);
            return;
        }
        let target = match &insert.table {
            ast::TableObject::TableName(name) => self.target(name, out),
            ast::TableObject::TableFunction(function) => self.target_of_function(function, out),
            ast::TableObject::TableQuery(_) => return,
        };
        if insert.overwrite && insert.partitioned.is_none() {
            out.replaces.push(target);
        }
        let mut names: Vec<Sym> = Vec::with_capacity(insert.columns.len());
        for name in &insert.columns {
            let mut path = Sym::NONE;
            let own = |ident: &&ast::Ident| name.0.len() > 1 && self.is_last_part(target, ident);
            let idents: Vec<&ast::Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
            let skipped = idents.iter().take(idents.len().saturating_sub(1)).position(own).map_or(0, |at| at + 1);
            for ident in &idents[skipped..] {
                let part = self.names.intern(&ident.value);
                path = self.names.join(path, part);
            }
            names.push(path);
        }
        names.extend(insert.after_columns.iter().map(|ident| self.names.intern(&ident.value)));
        if !insert.assignments.is_empty() {
            let mut scope = self.plain_scope(out);
            self.add_target(&mut scope, target, None, Span::default());
            self.assign(&insert.assignments, &scope, target, out);
            return;
        }
        let Some(source) = &insert.source else { return };
        let result = self.query(source, None);
        let result_scope = result.scope;
        if let Some(partitions) = &insert.partitioned {
            names = self.partitioned_names(target, names, partitions, &result);
        }
        self.insert_result(target, result, names, out);
        if let Some(on) = &insert.on {
            self.on_insert(on, insert, target, out);
        }
        if insert.output.is_some() {
            let scope = Scope::new(result_scope, None);
            self.output_clause(insert.output.as_ref(), target, &scope, out);
        }
        if let Some(returning) = &insert.returning {
            self.returning(returning, target, out);
        }
    }

    /// Whether `ident` is what the relation itself is called.
    fn is_last_part(&self, relation: RelationIndex, ident: &ast::Ident) -> bool {
        self.relations.get(relation as usize).is_some_and(|name| name.last().eq_ignore_ascii_case(&ident.value))
    }

    /// ClickHouse's INSERT INTO FUNCTION: a file is called by its path, whatever else by the function.
    fn target_of_function(&mut self, function: &ast::Function, out: &mut Outcome) -> RelationIndex {
        let first = crate::sql::expr::arguments_of(function).first().copied().and_then(crate::sql::expr::argument_expr);
        let path = first.and_then(super::constant);
        match path.filter(|_| crate::sql::functions::reads_files(&crate::sql::expr::function_key(&function.name))) {
            Some(path) => {
                let file = self.relation(&RelationName::new([crate::model::Ident::quoted(path.as_str())]));
                out.targets.push(file);
                file
            }
            None => self.target(&function.name, out),
        }
    }

    /// Hive: partition columns come last in the SELECT, but for those that are given a value.
    fn partitioned_names(
        &mut self,
        target: RelationIndex,
        listed: Vec<Sym>,
        partitions: &[Expr],
        result: &QueryResult,
    ) -> Vec<Sym> {
        let mut dynamic = Vec::new();
        let mut every = Vec::new();
        for partition in partitions {
            match partition {
                Expr::Identifier(ident) => dynamic.push(self.sym(ident)),
                Expr::BinaryOp { left, .. } => {
                    if let Expr::Identifier(ident) = left.as_ref() {
                        every.push(self.key(ident));
                    }
                }
                _ => {}
            }
        }
        every.extend(dynamic.iter().map(|name| self.names.key(*name)));
        let mut names = listed;
        if names.is_empty() {
            let shape = self.shape(target);
            if shape.complete {
                names = shape.columns.iter().copied().filter(|name| !every.contains(&self.names.key(*name))).collect();
            } else if !dynamic.is_empty() && result.columns.is_complete() {
                let own = result.columns.items.len().saturating_sub(dynamic.len());
                names = result.columns.items[..own].iter().map(item_name).collect();
            }
        }
        if !names.is_empty() {
            names.extend(dynamic);
        }
        names
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
        let from = match (on, insert.source.as_deref().map(|source| source.body.as_ref())) {
            (ast::OnInsert::DuplicateKeyUpdate(_), Some(ast::SetExpr::Select(select))) => select.from.as_slice(),
            _ => &[],
        };
        for item in from {
            self.table_with_joins(&mut scope, item, None);
        }
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

    pub(crate) fn returning(&mut self, items: &[ast::SelectItem], target: RelationIndex, out: &mut Outcome) {
        let record = self.open_scope(ScopeKind::Select, Span::default());
        let mut scope = Scope::new(record, None);
        self.add_target(&mut scope, target, None, Span::default());
        let mut outputs = Vec::new();
        self.select_items(items, &mut scope, &mut outputs);
        self.link_outputs(record, &outputs);
        let items = outputs.into_iter().map(|(item, _)| item).collect();
        out.outputs = Some(Rc::new(Columns::new(items)));
    }

    fn multi_table_insert(&mut self, insert: &ast::Insert, out: &mut Outcome) {
        let Some(source) = &insert.source else { return };
        out.verb = "insert all";
        let result = self.query(source, None);
        let record = self.open_scope(ScopeKind::Select, span_of(source.as_ref()));
        out.roots.push(record);
        let mut scope = Scope::new(record, None);
        self.add_result(&mut scope, &result, Sym::NONE, span_of(source.as_ref()));
        self.use_all(Some(result.scope));
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

    pub(crate) fn copy(&mut self, source: &ast::CopySource, to: bool, target: &ast::CopyTarget, out: &mut Outcome) {
        out.verb = "copy";
        match (source, to) {
            (ast::CopySource::Table { table_name, .. }, true) => {
                let name = self.relation_name(table_name);
                let relation = self.relation(&name);
                match self.written_file(target) {
                    Some(file) => self.copy_rows(relation, file, span_of(table_name), out),
                    None => self.read(relation),
                }
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
                if let Some(file) = self.written_file(target) {
                    out.targets.push(file);
                    self.write(Some(file), &result, None, out);
                }
                out.roots.push(result.scope);
            }
        }
    }

    fn written_file(&mut self, target: &ast::CopyTarget) -> Option<RelationIndex> {
        match target {
            ast::CopyTarget::File { filename } => {
                Some(self.relation(&RelationName::new([crate::model::Ident::quoted(filename.as_str())])))
            }
            ast::CopyTarget::Stdin | ast::CopyTarget::Stdout | ast::CopyTarget::Program { .. } => None,
        }
    }

    /// Snowflake's COPY INTO: a stage's columns are `$1`, `$2`, …
    pub(crate) fn copy_into(&mut self, statement: &Statement, out: &mut Outcome) {
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
                    let recorded = crate::sql::query::Recorded { step: Step::Copies, reads: Vec::new(), links: Vec::new() };
                    items.push((Item::Column(Column { name, value, span: span_of(from) }), recorded));
                }
            }
        }
        let names = into_columns.iter().flatten().map(|ident| self.names.intern(&ident.value)).collect();
        let result = self.finish_computed(&mut scope, items);
        self.insert_result(target, result, names, out);
    }
}

fn edge_of(origin: &Origin, to: Option<RelationIndex>, to_column: Sym, span: Span) -> Edge {
    Edge { from: origin.relation, from_column: origin.column, kind: origin.kind, guessed: origin.guessed, to, to_column, span }
}

/// MySQL's `VALUES(column)` in ON DUPLICATE KEY UPDATE.
fn values_argument(expr: &Expr) -> Option<&ast::Ident> {
    let Expr::Function(function) = expr else { return None };
    if crate::sql::expr::function_key(&function.name) != "values" {
        return None;
    }
    match crate::sql::expr::arguments_of(function).first().copied().and_then(crate::sql::expr::argument_expr)? {
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
