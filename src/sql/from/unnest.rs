//! Arrays as relations: UNNEST, LATERAL VIEW, FLATTEN, ARRAY JOIN.

use crate::model::{ColumnEdgeKind, Dialect, Span};
use crate::sql::{
    engine::Engine,
    expr::{argument_expr, arguments_of, function_key},
    names::Sym,
    scope::{Input, InputColumns, Scope},
    spans::span_of,
    value::{Column, Columns, Item, Lineage, Value},
};
use ColumnEdgeKind::Transformation;
use smallvec::SmallVec;
use sqlparser::ast::{self, Expr, TableFactor};
use std::rc::Rc;

impl Engine<'_> {
    /// BigQuery's `FROM orders o, o.items`: an array of a table that is already in scope.
    pub(crate) fn array_path(
        &mut self,
        scope: &mut Scope,
        name: &ast::ObjectName,
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) -> bool {
        let dialect = matches!(
            self.dialect,
            Dialect::BigQuery | Dialect::Redshift | Dialect::Hive | Dialect::Generic | Dialect::Spark | Dialect::Databricks
        );
        if !dialect || name.0.len() < 2 {
            return false;
        }
        let idents: Vec<ast::Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        let Some(first) = idents.first() else { return false };
        let key = self.key(first);
        let mut around = Some(&*scope);
        let mut in_scope = false;
        while let Some(current) = around {
            in_scope |= current.inputs.iter().any(|input| input.alias == key && input.path.len() < 2);
            around = current.parent;
        }
        if !in_scope {
            return false;
        }
        let array = Expr::CompoundIdentifier(idents.clone());
        match alias {
            Some(named) => {
                let offset = named.at.as_ref().map(|at| at.value.as_str());
                self.unnest(scope, &[&array], alias, offset, span);
            }
            None => {
                let last =
                    ast::TableAlias { explicit: false, name: idents[idents.len() - 1].clone(), columns: Vec::new(), at: None };
                self.unnest(scope, &[&array], Some(&last), None, span);
            }
        }
        true
    }

    /// UNNEST of one or more arrays.
    pub(crate) fn unnest(
        &mut self,
        scope: &mut Scope,
        arrays: &[&Expr],
        alias: Option<&ast::TableAlias>,
        offset: Option<&str>,
        span: Span,
    ) {
        self.trail.clear();
        let values: Vec<Value> = arrays.iter().map(|array| self.value(array, scope)).collect();
        let listed: Vec<Sym> =
            alias.iter().flat_map(|alias| &alias.columns).map(|column| self.names.intern(&column.name.value)).collect();
        let mut listed = listed;
        let counted = (offset.is_some() && self.dialect != Dialect::BigQuery && listed.len() > arrays.len())
            .then(|| listed.pop())
            .flatten();
        let mut items = Vec::new();
        let mut element = None;
        let open_element = arrays.iter().all(|array| may_hold_structs(array));
        let names_element = self.dialect == Dialect::BigQuery || listed.is_empty();
        if names_element && let [value] = values.as_slice() {
            element = Some(value.clone());
            let fields = self.fields(value, span);
            let scalar = fields.is_empty() || fields.iter().all(|item| matches!(item, Item::Star(_)));
            if scalar {
                let name = match alias {
                    Some(alias) => self.sym(&alias.name),
                    None => self.names.intern("unnest"),
                };
                items.push(Item::Column(Column { name, value: value.clone(), span }));
            } else {
                items = fields;
            }
        } else {
            self.positional_elements(&values, &listed, &mut items, span);
        }
        if let Some(offset) = offset {
            let name = match counted.or_else(|| listed.get(items.len()).copied()) {
                Some(name) => name,
                None => self.names.intern(offset),
            };
            let mut lineage = Lineage::new();
            for value in &values {
                lineage.extend(value.through(Transformation).lineage);
            }
            items.push(Item::Column(Column { name, value: Value::of(lineage), span }));
        }
        let shown = alias.map_or(Sym::NONE, |alias| self.names.intern(&alias.name.value));
        let record = self.via(scope, span, shown);
        scope.inputs.push(Input {
            alias: self.names.key(shown),
            path: SmallVec::new(),
            relation: InputColumns::Derived(Rc::new(Columns::new(items))),
            element,
            open_element,
            record,
            merged_away: SmallVec::new(),
            hidden: false,
            by_alias_only: false,
            scope: None,
        });
    }

    /// `UNNEST(a, b) AS t (x, y)`: an element each; the fields of structs where more names are listed.
    fn positional_elements(&mut self, values: &[Value], listed: &[Sym], items: &mut Vec<Item>, span: Span) {
        if let [value] = values
            && listed.len() > 1
        {
            let fields: Vec<Item> = self.fields(value, span).into_iter().filter(|item| matches!(item, Item::Column(_))).collect();
            for (at, name) in listed.iter().enumerate() {
                let value = match fields.get(at) {
                    Some(Item::Column(column)) => column.value.clone(),
                    _ => value.clone(),
                };
                items.push(Item::Column(Column { name: *name, value, span }));
            }
            return;
        }
        for (at, value) in values.iter().enumerate() {
            let name = match listed.get(at) {
                Some(name) => *name,
                None => self.names.intern(&format!("col{}", at + 1)),
            };
            items.push(Item::Column(Column { name, value: value.clone(), span }));
        }
    }

    /// ClickHouse's ARRAY JOIN: the array's name means its element from here on.
    pub(crate) fn array_join(&mut self, scope: &mut Scope, relation: &TableFactor) {
        let TableFactor::Table { name, alias, .. } = relation else { return };
        let idents: Vec<ast::Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        let Some(last) = idents.last().cloned() else { return };
        let span = span_of(relation);
        self.trail.clear();
        let value = self.resolve_compound(&idents, scope);
        let shown = alias.as_ref().map_or(&last, |alias| &alias.name);
        let name = self.sym(shown);
        let key = self.names.key(name);
        let record = self.via(scope, span, name);
        let items = vec![Item::Column(Column { name, value: value.clone(), span })];
        for input in &mut scope.inputs {
            input.merged_away.push(key);
        }
        scope.merged.push(Column { name, value: value.clone(), span });
        scope.inputs.push(Input {
            alias: key,
            path: SmallVec::new(),
            relation: InputColumns::Derived(Rc::new(Columns::new(items))),
            element: Some(value),
            open_element: false,
            record,
            merged_away: SmallVec::from_slice(&[key]),
            hidden: false,
            by_alias_only: false,
            scope: None,
        });
    }

    /// Snowflake's FLATTEN: VALUE and THIS are made of the input, the rest counts and names.
    pub(crate) fn flatten(&mut self, scope: &mut Scope, args: &[ast::FunctionArg], alias: Option<&ast::TableAlias>, span: Span) {
        self.trail.clear();
        let mut input = Value::default();
        for (at, argument) in args.iter().enumerate() {
            let is_input = match argument {
                ast::FunctionArg::Named { name, .. } => name.value.eq_ignore_ascii_case("input"),
                _ => at == 0,
            };
            if is_input && let Some(expr) = argument_expr(argument) {
                input = self.value(expr, scope);
            }
        }
        let derived = input.through(Transformation);
        let columns = [("seq", false), ("key", true), ("path", true), ("index", true), ("value", true), ("this", true)];
        let items = columns.map(|(name, derives)| {
            let value = match (name, derives) {
                ("value" | "this", _) => input.clone(),
                (_, true) => derived.clone(),
                (_, false) => Value::default(),
            };
            Item::Column(Column { name: self.names.intern(name), value, span })
        });
        self.add_computed(scope, items.to_vec(), alias, span);
    }

    /// Hive's LATERAL VIEW.
    pub(crate) fn lateral_view(&mut self, scope: &mut Scope, view: &ast::LateralView) {
        let span = span_of(&view.lateral_view);
        let Expr::Function(function) = &view.lateral_view else { return };
        let key = function_key(&function.name);
        self.trail.clear();
        let arguments: Vec<&Expr> = arguments_of(function).into_iter().filter_map(argument_expr).collect();
        let mut value = Value::default();
        for argument in &arguments {
            let part = self.value(argument, scope);
            value.merge(part, &self.names);
        }
        let names: Vec<Sym> = view.lateral_col_alias.iter().map(|ident| self.sym(ident)).collect();
        if key == "stack"
            && let Some(values) = self.generated(&view.lateral_view, names.len(), scope)
        {
            let columns = names.iter().zip(values).map(|(name, value)| Item::Column(Column { name: *name, value, span }));
            let items = columns.collect();
            let table = view.lateral_view_name.0.last().and_then(|part| part.as_ident()).cloned();
            let alias = table.map(|name| ast::TableAlias { explicit: false, name, columns: Vec::new(), at: None });
            return self.add_computed(scope, items, alias.as_ref(), span);
        }
        let positions = key.starts_with("posexplode");
        let mut items: Vec<Item> = Vec::new();
        let fields = if key.starts_with("inline") { self.fields(&value, span) } else { Vec::new() };
        for (at, name) in names.iter().enumerate() {
            let value = match fields.get(at) {
                Some(Item::Column(column)) => column.value.clone(),
                _ if positions && at == 0 => value.through(Transformation),
                _ if names.len() > 1 && !positions => Value { fields: None, ..value.through(Transformation) },
                _ => value.clone(),
            };
            items.push(Item::Column(Column { name: *name, value, span }));
        }
        if names.is_empty() {
            let name = self.names.intern("col");
            items = if fields.is_empty() { vec![Item::Column(Column { name, value, span })] } else { fields };
        }
        let table = view.lateral_view_name.0.last().and_then(|part| part.as_ident()).cloned();
        let alias = table.map(|name| ast::TableAlias { explicit: false, name, columns: Vec::new(), at: None });
        self.add_computed(scope, items, alias.as_ref(), span);
    }
}

/// Whether the elements of an array may be structs, as far as its expression shows.
fn may_hold_structs(array: &Expr) -> bool {
    match array {
        Expr::Array(array) => array.elem.iter().any(may_hold_structs),
        Expr::Value(_) | Expr::TypedString(_) | Expr::BinaryOp { .. } | Expr::Interval(_) => false,
        Expr::Nested(inner) => may_hold_structs(inner),
        Expr::Function(function) => {
            let name = function_key(&function.name);
            !name.starts_with("generate_")
                && !matches!(name.as_str(), "split" | "regexp_extract_all" | "sequence" | "to_code_points" | "range")
        }
        _ => true,
    }
}
