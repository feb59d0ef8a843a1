//! UPDATE, DELETE and MERGE.

use super::{Outcome, identifier_argument};
use crate::model::{ColumnEdgeKind, Dialect, RowEdgeKind, ScopeKind, Span, Step};
use crate::sql::{
    engine::{Engine, QueryResult, RecordedColumn, RecordedFrom, ScopeIndex},
    names::Sym,
    query::item_name,
    scope::Scope,
    spans::span_of,
    value::{Columns, Item, RelationIndex, UNKNOWN, Value},
};
use sqlparser::ast::{self, Expr};
use std::{borrow::Cow, rc::Rc};

impl Engine<'_> {
    /// The written table as an input, without being read as a whole.
    pub(crate) fn add_target(&mut self, scope: &mut Scope, target: RelationIndex, alias: Option<&ast::Ident>, span: Span) {
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

    pub(crate) fn update(&mut self, update: &ast::Update, out: &mut Outcome) {
        out.verb = "update";
        let record = self.open_scope(ScopeKind::Select, span_of(update));
        out.roots.push(record);
        let mut scope = Scope::new(record, None);
        let from: &[ast::TableWithJoins] = match &update.from {
            Some(ast::UpdateTableFromKind::BeforeSet(from) | ast::UpdateTableFromKind::AfterSet(from)) => from,
            None => &[],
        };
        let Some((name, alias)) = factor_name(&update.table.relation) else {
            return self.update_through_query(update, &mut scope, out);
        };
        let written = self.relation_name(&name);
        let sources = self.sources.clone();
        // T-SQL: UPDATE alias … FROM table alias.
        let mut aliased = None;
        if let [only] = written.parts.as_slice() {
            let factors =
                from.iter().flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
            for factor in factors {
                let Some((real, alias)) = factor_name(factor) else { continue };
                let same = match alias {
                    Some(alias) => alias.name.value.eq_ignore_ascii_case(&only.text),
                    None => self.dialect == Dialect::MsSql && self.relation_name(&real) == written,
                };
                if same {
                    aliased = Some(real);
                }
            }
        }
        let aliased_here = aliased.is_some();
        let target = self.target(&aliased.unwrap_or(name), out);
        if !aliased_here {
            self.add_target(&mut scope, target, alias.map(|alias| &alias.name), span_of(&update.table.relation));
        }
        self.sources = sources;
        for join in &update.table.joins {
            self.join(&mut scope, join, None);
        }
        for item in from {
            self.table_with_joins(&mut scope, item, None);
        }
        if aliased_here {
            self.sources.retain(|source| *source != target);
        }
        if let Some(filter) = &update.selection {
            let span = span_of(filter);
            self.scope(record).clauses.push((RowEdgeKind::Filter, "where", span));
            self.decide(filter, &scope, RowEdgeKind::Filter);
        }
        self.assign(&update.assignments, &scope, target, out);
        if from.is_empty() && changes_every_row(update) {
            for name in update.assignments.iter().flat_map(|assignment| assigned_names(&assignment.target)) {
                let overwritten = self.assignment_target(name, &scope, target, out);
                out.overwrites.push(overwritten);
            }
        }
        self.output_clause(update.output.as_ref(), target, &scope, out);
        if let Some(returning) = &update.returning {
            let mut outputs = Vec::new();
            let mut inner = Scope::new(record, None);
            inner.inputs.clone_from(&scope.inputs);
            self.select_items(returning, &mut inner, &mut outputs);
            self.link_outputs(record, &outputs);
            out.outputs = Some(Rc::new(Columns::new(outputs.into_iter().map(|(item, _)| item).collect())));
        }
    }

    /// Oracle's `UPDATE (SELECT …) SET x = …` writes the columns that the query shows.
    fn update_through_query(&mut self, update: &ast::Update, scope: &mut Scope, out: &mut Outcome) {
        self.table_with_joins(scope, &update.table, None);
        for assignment in &update.assignments {
            let ast::AssignmentTarget::ColumnName(name) = &assignment.target else { continue };
            let Some(shown) = name.0.last().and_then(|part| part.as_ident()) else { continue };
            let written = self.resolve_column(shown, scope);
            self.trail.clear();
            let value = self.value(&assignment.value, scope);
            self.trail.clear();
            if let [origin] = written.lineage.as_slice()
                && origin.kind == ColumnEdgeKind::Identity
                && origin.relation != UNKNOWN
            {
                if !out.targets.contains(&origin.relation) {
                    out.targets.push(origin.relation);
                }
                self.write_value(Some(origin.relation), origin.column, &value, span_of(&assignment.value), out);
            }
        }
        let targets = out.targets.clone();
        self.sources.retain(|source| !targets.contains(source));
    }

    /// T-SQL's OUTPUT: `inserted` and `deleted` are rows of the target; into another table, or the result.
    pub(crate) fn output_clause(
        &mut self,
        clause: Option<&ast::OutputClause>,
        target: RelationIndex,
        scope: &Scope,
        out: &mut Outcome,
    ) {
        let Some(clause) = clause else { return };
        let (items, into) = match clause {
            ast::OutputClause::Output { select_items, into_table, .. } => (select_items, into_table.as_ref()),
            ast::OutputClause::Returning { select_items, .. } => (select_items, None),
        };
        let record = self.open_scope(ScopeKind::Select, span_of(clause));
        let mut inner = Scope::new(record, None);
        for name in ["inserted", "deleted"] {
            self.add_target(&mut inner, target, Some(&ast::Ident::new(name)), Span::default());
        }
        inner.inputs.extend(scope.inputs.iter().cloned());
        let mut outputs = Vec::new();
        self.select_items(items, &mut inner, &mut outputs);
        self.link_outputs(record, &outputs);
        let columns = Rc::new(Columns::new(outputs.into_iter().map(|(item, _)| item).collect()));
        match into.and_then(|into| into.targets.first()) {
            Some(into) => {
                let (name, listed) = output_target(into);
                let Some(name) = name else { return };
                let names: Vec<Sym> = listed.iter().map(|ident| self.sym(ident)).collect();
                let log = self.target(&name, out);
                self.read(target);
                let result = QueryResult { columns, scope: record, as_struct: false };
                self.write(Some(log), &result, (!names.is_empty()).then_some(names.as_slice()), out);
            }
            None => out.outputs = Some(columns),
        }
        self.trail.clear();
    }

    /// SET clauses of UPDATE and MERGE.
    pub(crate) fn assign(&mut self, assignments: &[ast::Assignment], scope: &Scope, target: RelationIndex, out: &mut Outcome) {
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
                            self.use_all(Some(result.scope));
                            result.columns.columns().map(|column| column.value.clone()).collect()
                        }
                        Expr::Tuple(parts) => parts.iter().map(|part| self.value(part, scope)).collect(),
                        Expr::Function(row) if crate::sql::expr::function_key(&row.name) == "row" => {
                            let parts = crate::sql::expr::arguments_of(row).into_iter();
                            parts.filter_map(crate::sql::expr::argument_expr).map(|part| self.value(part, scope)).collect()
                        }
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
            if let crate::sql::scope::InputColumns::Base { relation, .. } = &input.relation {
                if !out.targets.contains(relation) {
                    out.targets.push(*relation);
                }
                return (*relation, column);
            }
            return (target, column);
        }
        let qualified = outer.len() >= 2
            || self.relations.get(target as usize).is_some_and(|name| name.last().eq_ignore_ascii_case(&first.value));
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

    /// The table whose rows a CTE shows, where it shows those of one table: SQL Server deletes through it.
    fn table_under_cte(&mut self, name: &ast::ObjectName) -> Option<RelationIndex> {
        let [part] = name.0.as_slice() else { return None };
        let key = self.key(part.as_ident()?);
        let mut scope = self.find_cte(key)?.result.scope;
        loop {
            let [input] = self.scopes[scope as usize].inputs.as_slice() else { return None };
            match input.from {
                RecordedFrom::Relation(relation) => return Some(relation),
                RecordedFrom::Scope(inner) if inner != scope => scope = inner,
                RecordedFrom::Scope(_) => return None,
            }
        }
    }

    pub(crate) fn delete(&mut self, delete: &ast::Delete, out: &mut Outcome) {
        out.verb = "delete";
        let record = self.open_scope(ScopeKind::Select, span_of(delete));
        out.roots.push(record);
        let mut scope = Scope::new(record, None);
        let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
        let first = from.first().and_then(|item| factor_name(&item.relation));
        let through = first.as_ref().and_then(|(name, _)| self.table_under_cte(name));
        if let Some(table) = through {
            for item in from {
                self.table_with_joins(&mut scope, item, None);
            }
            out.targets.push(table);
            self.sources.retain(|source| *source != table);
        } else if delete.tables.is_empty() {
            if let Some((name, alias)) = first {
                let target = self.target(&name, out);
                self.add_target(&mut scope, target, alias.map(|alias| &alias.name), Span::default());
                for join in from.first().iter().flat_map(|item| &item.joins) {
                    self.join(&mut scope, join, None);
                }
            }
        } else {
            for item in from {
                self.table_with_joins(&mut scope, item, None);
            }
            let mut targets = Vec::new();
            for table in &delete.tables {
                let key = table.0.last().and_then(|part| part.as_ident()).map(|ident| self.key(ident));
                let named = scope.inputs.iter().find_map(|input| match &input.relation {
                    crate::sql::scope::InputColumns::Base { relation, .. } if Some(input.alias) == key => Some(*relation),
                    _ => None,
                });
                match named {
                    Some(relation) => {
                        out.targets.push(relation);
                        targets.push(relation);
                    }
                    None => targets.push(self.target(table, out)),
                }
            }
            self.sources.retain(|source| !targets.contains(source));
        }
        for item in delete.using.iter().flatten() {
            self.table_with_joins(&mut scope, item, None);
        }
        if let Some(filter) = &delete.selection {
            let span = span_of(filter);
            self.scope(record).clauses.push((RowEdgeKind::Filter, "where", span));
            self.decide(filter, &scope, RowEdgeKind::Filter);
        }
        if let Some(target) = out.targets.first().copied() {
            self.output_clause(delete.output.as_ref(), target, &scope, out);
        }
        if let Some(returning) = &delete.returning {
            let mut outputs = Vec::new();
            self.select_items(returning, &mut scope, &mut outputs);
            self.link_outputs(record, &outputs);
            out.outputs = Some(Rc::new(Columns::new(outputs.into_iter().map(|(item, _)| item).collect())));
        }
    }

    pub(crate) fn merge(&mut self, merge: &ast::Merge, out: &mut Outcome) {
        out.verb = "merge";
        let record = self.open_scope(ScopeKind::Select, span_of(merge));
        out.roots.push(record);
        let mut scope = Scope::new(record, None);
        let Some((name, alias)) = factor_name(&merge.table) else { return };
        let target = self.target(&name, out);
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
                ast::MergeAction::Update(update) => {
                    for predicate in update.update_predicate.iter().chain(&update.delete_predicate) {
                        self.decide(predicate, &scope, RowEdgeKind::Filter);
                    }
                    match &update.kind {
                        ast::MergeUpdateKind::Set(assignments) => self.assign(assignments, &scope, target, out),
                        ast::MergeUpdateKind::Wildcard => self.merge_row(&scope, target, None, out),
                    }
                }
                ast::MergeAction::Insert(insert) => {
                    if let Some(predicate) = &insert.insert_predicate {
                        self.decide(predicate, &scope, RowEdgeKind::Filter);
                    }
                    self.merge_insert(insert, &scope, target, out);
                }
                ast::MergeAction::Delete { .. } | ast::MergeAction::DoNothing { .. } => {}
            }
        }
        self.output_clause(merge.output.as_ref(), target, &scope, out);
    }

    fn merge_insert(&mut self, insert: &ast::MergeInsertExpr, scope: &Scope, target: RelationIndex, out: &mut Outcome) {
        // A row that matches nothing is made of the source alone.
        let source = Scope { inputs: scope.inputs.iter().skip(1).cloned().collect(), ..Scope::new(scope.record, scope.parent) };
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
                        let value = self.value(expr, &source);
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
                inputs: vec![crate::sql::engine::Read { input: 1, column: item_name(item), kind: ColumnEdgeKind::Identity }],
            });
        }
        let result = QueryResult { columns: Rc::new(Columns::new(items)), scope: scope.record, as_struct: false };
        let positions = positions.filter(|names| !names.is_empty() && names.len() == result.columns.items.len());
        self.write(Some(target), &result, positions, out);
    }
}

/// No condition, join, order or limit keeps a row as it was: `UPDATE t SET a = 1`, also with WHERE TRUE,
/// without which BigQuery refuses.
fn changes_every_row(update: &ast::Update) -> bool {
    let always = match &update.selection {
        None => true,
        Some(Expr::Value(value)) => matches!(value.value, ast::Value::Boolean(true)),
        Some(Expr::BinaryOp { left, op: ast::BinaryOperator::Eq, right }) => {
            matches!((left.as_ref(), right.as_ref()), (Expr::Value(left), Expr::Value(right)) if left.value == right.value)
        }
        Some(_) => false,
    };
    let plain = matches!(&update.table.relation, ast::TableFactor::Table { args: None, .. });
    always
        && plain
        && update.or.is_none()
        && update.table.joins.is_empty()
        && update.order_by.is_empty()
        && update.limit.is_none()
}

fn assigned_names(target: &ast::AssignmentTarget) -> &[ast::ObjectName] {
    match target {
        ast::AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
        ast::AssignmentTarget::Tuple(names) => names,
    }
}

/// The table of `OUTPUT … INTO t (a, b)`, which parses as a call, and its columns.
fn output_target(into: &Expr) -> (Option<ast::ObjectName>, Vec<ast::Ident>) {
    let Expr::Function(function) = into else { return (super::object_name(into), Vec::new()) };
    let columns = crate::sql::expr::arguments_of(function).into_iter().filter_map(crate::sql::expr::argument_expr);
    let columns = columns.filter_map(|column| match column {
        Expr::Identifier(ident) => Some(ident.clone()),
        _ => None,
    });
    (Some(function.name.clone()), columns.collect())
}

/// The table and alias of a plain FROM item; a name without parts where it is computed at run time.
fn factor_name(factor: &ast::TableFactor) -> Option<(Cow<'_, ast::ObjectName>, Option<&ast::TableAlias>)> {
    match factor {
        ast::TableFactor::Table { name, alias, args: Some(args), .. } if crate::sql::expr::function_key(name) == "identifier" => {
            let named = args.args.first().and_then(crate::sql::expr::argument_expr).and_then(identifier_argument);
            let idents = named.iter().flat_map(|name| name.split('.')).map(ast::Ident::new);
            let named = ast::ObjectName(idents.map(ast::ObjectNamePart::Identifier).collect());
            Some((Cow::Owned(named), alias.as_ref()))
        }
        // SQL Server's UPDATE TOP (10) t.
        ast::TableFactor::Table { name, alias: Some(alias), args: Some(_), .. }
            if crate::sql::expr::function_key(name) == "top" =>
        {
            let named = ast::ObjectName(vec![ast::ObjectNamePart::Identifier(alias.name.clone())]);
            Some((Cow::Owned(named), None))
        }
        ast::TableFactor::Table { name, alias, .. } => Some((Cow::Borrowed(name), alias.as_ref())),
        ast::TableFactor::NestedJoin { table_with_joins, .. } => factor_name(&table_with_joins.relation),
        _ => None,
    }
}
