//! CREATE, ALTER, DROP, RENAME: what a statement makes of names.

use super::{Created, Outcome, constant, object_name};
use crate::model::{AssetKind, DeclaredColumn, Dialect, ScopeKind};
use crate::sql::{
    engine::{Engine, QueryResult},
    names::Sym,
    scope::{Scope, struct_of},
    spans::span_of,
    value::{RelationIndex, UNKNOWN},
};
use sqlparser::ast::{self, Expr, SetExpr};
use std::rc::Rc;

impl Engine<'_> {
    pub(crate) fn target(&mut self, name: &ast::ObjectName, out: &mut Outcome) -> RelationIndex {
        let name = self.relation_name(name);
        let relation = self.relation(&name);
        if relation != UNKNOWN && !out.targets.contains(&relation) {
            out.targets.push(relation);
        }
        relation
    }

    pub(crate) fn select_into(&mut self, into: &ast::SelectInto, result: QueryResult, out: &mut Outcome) {
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
    pub(crate) fn define(&mut self, target: RelationIndex, result: QueryResult, names: &[Sym], out: &mut Outcome) {
        let result = if names.is_empty() { result } else { self.rename_result(result, names) };
        self.write(Some(target), &result, None, out);
        let columns = result.columns.columns().map(|column| column.name).collect();
        self.set_shape(target, columns, result.columns.is_complete());
        out.outputs = Some(Rc::clone(&result.columns));
        out.roots.push(result.scope);
    }

    pub(crate) fn create_table(&mut self, create: &ast::CreateTable, out: &mut Outcome) {
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

    pub(crate) fn create_view(&mut self, create: &ast::CreateView, out: &mut Outcome) {
        out.verb = if create.materialized { "create materialized view" } else { "create view" };
        let names: Vec<Sym> = create.columns.iter().map(|column| self.sym(&column.name)).collect();
        let result = self.query(&create.query, None);
        // ClickHouse: a view TO a table only feeds it, by name.
        let target = self.target(create.to.as_ref().unwrap_or(&create.name), out);
        if create.to.is_some() {
            self.write(Some(target), &result, None, out);
            out.outputs = Some(Rc::clone(&result.columns));
            out.roots.push(result.scope);
            return;
        }
        self.define(target, result, &names, out);
        let kind = if create.materialized { AssetKind::MaterializedView } else { AssetKind::View };
        out.created.push(Created { relation: target, kind, temporary: create.temporary });
        out.replaces.push(target);
    }

    pub(crate) fn drop_objects(&mut self, kind: ast::ObjectType, names: &[ast::ObjectName], out: &mut Outcome) {
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

    pub(crate) fn rename(&mut self, old: &ast::ObjectName, new: &ast::ObjectName, out: &mut Outcome) {
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
        self.read(old);
        out.targets.push(new);
        out.renames.push((old, new));
    }

    pub(crate) fn alter_table(&mut self, alter: &ast::AlterTable, out: &mut Outcome) {
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
}

pub(crate) fn select_into(body: &SetExpr) -> Option<&ast::SelectInto> {
    match body {
        SetExpr::Select(select) => select.into.as_ref(),
        SetExpr::Query(query) => select_into(&query.body),
        SetExpr::SetOperation { left, .. } => select_into(left),
        _ => None,
    }
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
