//! FROM: what tables, joins, subqueries, UNNEST, PIVOT and table functions bring into scope.

use std::rc::Rc;

use smallvec::SmallVec;
use sqlparser::ast::{self, Expr, JoinConstraint, JoinOperator, Spanned, TableFactor};

use super::{
    engine::{Engine, QueryResult, RecordedFrom, RecordedInput, RoutineBody},
    expr::{argument_expr, arguments_of, function_key, parameter_input},
    functions,
    names::Sym,
    query::{Recorded, item_name, item_origins},
    scope::{Input, InputColumns, Scope},
    spans::span_of,
    value::{Column, Columns, Item, Lineage, RelationIndex, Value},
};
use crate::model::{ColumnEdgeKind, Dialect, RowEdgeKind, ScopeKind, Span, Step};

use ColumnEdgeKind::{Conditional, Transformation, Window};

/// Which side a merged column's value comes from.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
    Both,
}

impl Engine<'_> {
    /// One item of FROM with its joins.
    pub(crate) fn table_with_joins<'q>(
        &mut self,
        scope: &mut Scope<'q>,
        from: &ast::TableWithJoins,
        parent: Option<&'q Scope<'q>>,
    ) {
        self.factor(scope, &from.relation, parent);
        for join in &from.joins {
            self.join(scope, join, parent);
        }
    }

    /// A join onto what is already in scope.
    pub(crate) fn join<'q>(&mut self, scope: &mut Scope<'q>, join: &ast::Join, parent: Option<&'q Scope<'q>>) {
        let before = scope.inputs.len();
        if matches!(join.join_operator, JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin) {
            self.array_join(scope, &join.relation);
            return;
        }
        self.factor(scope, &join.relation, parent);
        let (constraint, side, hides) = match &join.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::CrossJoin(constraint)
            | JoinOperator::StraightJoin(constraint) => (constraint, Side::Left, None),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (constraint, Side::Right, None),
            JoinOperator::FullOuter(constraint) => (constraint, Side::Both, None),
            JoinOperator::Semi(constraint)
            | JoinOperator::LeftSemi(constraint)
            | JoinOperator::Anti(constraint)
            | JoinOperator::LeftAnti(constraint) => (constraint, Side::Left, Some(Side::Right)),
            JoinOperator::RightSemi(constraint) | JoinOperator::RightAnti(constraint) => {
                (constraint, Side::Right, Some(Side::Left))
            }
            JoinOperator::AsOf { match_condition, constraint } => {
                self.on(match_condition, scope);
                (constraint, Side::Left, None)
            }
            JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => return,
        };
        match constraint {
            JoinConstraint::On(condition) => self.on(condition, scope),
            JoinConstraint::Using(names) => {
                let idents: Vec<ast::Ident> = names.iter().filter_map(|name| name.0.last()?.as_ident().cloned()).collect();
                self.merge_columns(scope, before, &idents, side);
            }
            JoinConstraint::Natural => {
                let shared = self.shared_columns(scope, before);
                self.merge_columns(scope, before, &shared, side);
            }
            JoinConstraint::None => {}
        }
        match hides {
            Some(Side::Right) => scope.inputs[before..].iter_mut().for_each(|input| input.hidden = true),
            Some(Side::Left) => scope.inputs[..before].iter_mut().for_each(|input| input.hidden = true),
            Some(Side::Both) | None => {}
        }
    }

    fn on(&mut self, condition: &Expr, scope: &Scope) {
        let span = self.bytes(condition.span());
        self.scope(scope.record).clauses.push((RowEdgeKind::Join, "on", span));
        self.decide(condition, scope, RowEdgeKind::Join);
    }

    fn shared_columns(&mut self, scope: &Scope, before: usize) -> Vec<ast::Ident> {
        let mut shared = Vec::new();
        let lefts: Vec<Sym> = scope.inputs[..before]
            .iter()
            .flat_map(|input| input.star(self, Span::default()))
            .map(|(item, _)| item_name(&item))
            .collect();
        let left_keys: Vec<Sym> = lefts.iter().map(|name| self.names.key(*name)).collect();
        for input in &scope.inputs[before..] {
            for (item, _) in input.star(self, Span::default()) {
                let name = item_name(&item);
                if name != Sym::STAR && left_keys.contains(&self.names.key(name)) {
                    shared.push(ast::Ident::new(self.names.text(name)));
                }
            }
        }
        shared
    }

    /// USING and NATURAL: one column of both sides.
    fn merge_columns(&mut self, scope: &mut Scope, before: usize, idents: &[ast::Ident], side: Side) {
        for ident in idents {
            let name = self.sym(ident);
            let key = self.names.key(name);
            let span = self.bytes(ident.span);
            let earlier = scope.merged.iter().position(|column| self.names.key(column.name) == key);
            let left = match earlier {
                Some(at) => Some((name, scope.merged[at].value.clone())),
                None => self.side_value(&scope.inputs[..before], name),
            };
            let right = self.side_value(&scope.inputs[before..], name);
            let mut decides = Lineage::new();
            for (_, value) in left.iter().chain(&right) {
                decides.extend(value.lineage.iter().copied());
            }
            self.decide_rows(scope.record, RowEdgeKind::Join, span, &decides);
            self.scope(scope.record).clauses.push((RowEdgeKind::Join, "using", span));
            let shown = left.as_ref().or(right.as_ref()).map_or(name, |(shown, _)| *shown);
            let value = match (side, left, right) {
                (Side::Left, Some((_, left)), _) => left,
                (Side::Right, _, Some((_, right))) => right,
                (Side::Both, Some((_, mut left)), Some((_, right))) => {
                    left.merge(right, &self.names);
                    left.through(Transformation)
                }
                (_, left, right) => left.or(right).map(|(_, value)| value).unwrap_or_default(),
            };
            let column = Column { name: shown, value, span };
            match earlier {
                Some(at) => scope.merged[at] = column,
                None => scope.merged.push(column),
            }
            for input in &mut scope.inputs {
                if !input.merged_away.contains(&key) {
                    input.merged_away.push(key);
                }
            }
        }
    }

    /// The column `name` among some inputs: where it surely is, else where it may be.
    fn side_value(&mut self, inputs: &[Input], name: Sym) -> Option<(Sym, Value)> {
        for input in inputs {
            if self.surely_has(input, name) {
                let shown = input.star(self, Span::default()).into_iter().map(|(item, _)| item_name(&item)).find(|shown| {
                    let key = self.names.key(name);
                    self.names.key(*shown) == key
                });
                return Some((shown.unwrap_or(name), self.column_of(input, name)?));
            }
        }
        let found: Vec<Value> = inputs.iter().filter_map(|input| self.column_of(input, name)).collect();
        match found.as_slice() {
            [] => None,
            [only] => Some((name, only.clone())),
            [first, ..] => {
                let mut value = first.clone();
                value.lineage.iter_mut().for_each(|origin| origin.guessed = true);
                Some((name, value))
            }
        }
    }

    fn factor<'q>(&mut self, scope: &mut Scope<'q>, factor: &TableFactor, parent: Option<&'q Scope<'q>>) {
        match factor {
            TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
                self.table_function(scope, name, &args.args, alias.as_ref(), *with_ordinality, span_of(factor));
            }
            TableFactor::Table { name, alias, with_ordinality: _, .. } => {
                if !self.array_path(scope, name, alias.as_ref(), span_of(factor)) {
                    self.add_table(scope, name, alias.as_ref(), span_of(factor));
                }
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                let trail = std::mem::take(&mut self.trail);
                let inside = *lateral || matches!(self.dialect, Dialect::MsSql | Dialect::Oracle | Dialect::Generic);
                let result = if inside { self.query(subquery, Some(scope)) } else { self.query(subquery, parent) };
                self.trail = trail;
                self.add_query(scope, result, alias.as_ref(), span_of(factor));
            }
            TableFactor::TableFunction { expr, alias } => self.table_expression(scope, expr, alias.as_ref(), span_of(factor)),
            TableFactor::Function { name, args, alias, with_ordinality, .. } => {
                self.table_function(scope, name, args, alias.as_ref(), *with_ordinality, span_of(factor));
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias, with_ordinality } => {
                let arrays: Vec<&Expr> = array_exprs.iter().collect();
                let offset = (*with_offset).then(|| with_offset_alias.as_ref().map_or("offset", |ident| ident.value.as_str()));
                let offset = offset.or(with_ordinality.then_some("ordinality"));
                self.unnest(scope, &arrays, alias.as_ref(), offset, span_of(factor));
            }
            TableFactor::JsonTable { json_expr, columns, alias, .. } => {
                let mut names = Vec::new();
                json_columns(columns, &mut names);
                self.value_table_input(scope, json_expr, &names, alias.as_ref(), span_of(factor));
            }
            TableFactor::OpenJsonTable { json_expr, columns, alias, .. } => {
                let names: Vec<&ast::Ident> = columns.iter().map(|column| &column.name).collect();
                self.value_table_input(scope, json_expr, &names, alias.as_ref(), span_of(factor));
            }
            TableFactor::XmlTable { row_expression, passing, columns, alias, .. } => {
                let names: Vec<&ast::Ident> = columns.iter().map(|column| &column.name).collect();
                let source = passing.arguments.first().map_or(row_expression, |argument| &argument.expr);
                self.value_table_input(scope, source, &names, alias.as_ref(), span_of(factor));
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                if alias.is_some() {
                    let record = self.open_scope(ScopeKind::Select, span_of(factor));
                    let mut inner = Scope::new(record, parent);
                    self.table_with_joins(&mut inner, table_with_joins, parent);
                    let items = self.star(&inner, span_of(factor));
                    let result = self.finish_computed(&mut inner, items);
                    self.add_query(scope, result, alias.as_ref(), span_of(factor));
                } else {
                    self.table_with_joins(scope, table_with_joins, parent);
                }
            }
            TableFactor::Pivot { table, aggregate_functions, value_column, value_source, alias, .. } => {
                let span = span_of(factor);
                let mut inner = self.computed_over(table, parent, span);
                let items = self.pivot(&mut inner, aggregate_functions, value_column, value_source, span);
                let result = self.finish_computed(&mut inner, items);
                self.add_query(scope, result, alias.as_ref(), span);
                self.keep_alias(scope, table, alias.is_some());
            }
            TableFactor::Unpivot { table, value, name, columns, alias, .. } => {
                let span = span_of(factor);
                let mut inner = self.computed_over(table, parent, span);
                let columns: Vec<&Expr> = columns.iter().map(|column| &column.expr).collect();
                let items = self.unpivot(&mut inner, value, name, &columns, span);
                let result = self.finish_computed(&mut inner, items);
                self.add_query(scope, result, alias.as_ref(), span);
                self.keep_alias(scope, table, alias.is_some());
            }
            TableFactor::UnpivotExpr { expression, value_alias, attribute_alias } => {
                let value = self.value(expression, scope);
                self.trail.clear();
                let span = span_of(factor);
                let name = self.sym(value_alias);
                let mut items = vec![Item::Column(Column { name, value: value.through(Transformation), span })];
                if let Some(attribute) = attribute_alias {
                    let name = self.sym(attribute);
                    items.push(Item::Column(Column { name, value: Value::default(), span }));
                }
                self.add_computed(scope, items, None, span);
            }
            TableFactor::MatchRecognize { table, partition_by, order_by, measures, rows_per_match, symbols, alias, .. } => {
                let span = span_of(factor);
                let mut inner = self.computed_over(table, parent, span);
                let all_rows = matches!(rows_per_match, Some(ast::RowsPerMatch::AllRows(_)));
                let items = self.match_recognize(&mut inner, partition_by, order_by, measures, symbols, all_rows, span);
                let result = self.finish_computed(&mut inner, items);
                self.add_query(scope, result, alias.as_ref(), span);
            }
            TableFactor::SemanticView { name, dimensions, metrics, facts, alias, .. } => {
                let relation = self.relation_name(name);
                let relation = self.relation(&relation);
                self.read(relation);
                let mut items = Vec::new();
                for expr in dimensions.iter().chain(metrics).chain(facts) {
                    if let Some(name) = self.implied_name(expr) {
                        let value = Value::base(relation, name, false);
                        items.push(Item::Column(Column { name, value, span: span_of(expr) }));
                    }
                }
                self.add_computed(scope, items, alias.as_ref(), span_of(factor));
            }
        }
    }

    /// After PIVOT without an alias the table's own alias still names the columns.
    fn keep_alias(&mut self, scope: &mut Scope, table: &TableFactor, aliased: bool) {
        if aliased {
            return;
        }
        let alias = match table {
            TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => Some(&alias.name),
            TableFactor::Table { name, .. } => name.0.last().and_then(|part| part.as_ident()),
            _ => None,
        };
        if let Some(alias) = alias {
            let key = self.key(alias);
            if let Some(input) = scope.inputs.last_mut() {
                input.alias = key;
            }
        }
    }

    fn computed_over<'q>(&mut self, table: &TableFactor, parent: Option<&'q Scope<'q>>, span: Span) -> Scope<'q> {
        let record = self.open_scope(ScopeKind::Computed, span);
        let mut inner = Scope::new(record, parent);
        self.factor(&mut inner, table, parent);
        inner
    }

    /// A real table, or a CTE of that name.
    pub(crate) fn add_table(&mut self, scope: &mut Scope, name: &ast::ObjectName, alias: Option<&ast::TableAlias>, span: Span) {
        let written = self.relation_name(name);
        if let [only] = written.parts.as_slice() {
            let key = self.names.key_of(&only.text);
            if let Some(cte) = self.find_cte(key) {
                let result = cte.result.clone();
                let shown = self.names.intern(&only.text);
                self.add_named(scope, result, alias, shown, span);
                return;
            }
            if let Some(value) = self.variables.get(&key)
                && value.fields.is_some()
            {
                let items = value.fields.as_ref().map(|fields| fields.items.clone()).unwrap_or_default();
                self.add_computed(scope, items, alias, span);
                return;
            }
        }
        let relation = self.relation(&written);
        self.add_relation(scope, relation, name, alias, span);
    }

    /// A real relation as an input, whatever CTEs are called.
    pub(crate) fn add_relation(
        &mut self,
        scope: &mut Scope,
        relation: RelationIndex,
        name: &ast::ObjectName,
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) {
        let written = self.relation_name(name);
        self.read(relation);
        let shape = self.shape(relation);
        let mut path: SmallVec<[Sym; 3]> = SmallVec::new();
        if alias.is_none() {
            for part in &written.parts {
                path.push(self.names.key_of(&part.text));
            }
        }
        let last = self.names.intern(written.last());
        let shown = match alias {
            Some(alias) => self.sym(&alias.name),
            None => last,
        };
        let index = self.scope(scope.record).inputs.len() as u32;
        self.scope(scope.record).inputs.push(RecordedInput { alias: shown, from: RecordedFrom::Relation(relation), span });
        let mut columns = InputColumns::Base { relation, shape };
        if let Some(alias) = alias
            && !alias.columns.is_empty()
        {
            columns = InputColumns::Derived(Rc::new(self.rename_base(&columns, &alias.columns, span)));
        }
        scope.inputs.push(Input {
            alias: self.names.key(shown),
            path,
            relation: columns,
            element: None,
            record: (index, Sym::NONE),
            merged_away: SmallVec::new(),
            hidden: false,
        });
    }

    fn rename_base(&mut self, columns: &InputColumns, names: &[ast::TableAliasColumnDef], span: Span) -> Columns {
        let input = Input {
            alias: Sym::NONE,
            path: SmallVec::new(),
            relation: columns.clone(),
            element: None,
            record: (u32::MAX, Sym::NONE),
            merged_away: SmallVec::new(),
            hidden: false,
        };
        let items = input.star(self, span).into_iter().map(|(item, _)| item).collect();
        let names: Vec<Sym> = names.iter().map(|column| self.sym(&column.name)).collect();
        Columns::new(items).renamed(&names)
    }

    /// A subquery's result under its alias.
    pub(crate) fn add_query(&mut self, scope: &mut Scope, result: QueryResult, alias: Option<&ast::TableAlias>, span: Span) {
        self.add_named(scope, result, alias, Sym::NONE, span);
    }

    fn add_named(&mut self, scope: &mut Scope, result: QueryResult, alias: Option<&ast::TableAlias>, name: Sym, span: Span) {
        let mut result = result;
        let mut shown = name;
        if let Some(alias) = alias {
            shown = self.sym(&alias.name);
            if !alias.columns.is_empty() {
                let names: Vec<Sym> = alias.columns.iter().map(|column| self.sym(&column.name)).collect();
                result = QueryResult { columns: Rc::new(result.columns.renamed(&names)), ..result };
            }
        }
        self.add_result(scope, &result, shown, span);
    }

    /// A result as an input called `alias`.
    pub(crate) fn add_result(&mut self, scope: &mut Scope, result: &QueryResult, alias: Sym, span: Span) {
        self.link(scope.record, result.scope);
        let index = self.record_input(scope.record, alias, result.scope, span);
        scope.inputs.push(Input {
            alias: self.names.key(alias),
            path: SmallVec::new(),
            relation: InputColumns::Derived(Rc::clone(&result.columns)),
            element: None,
            record: (index, Sym::NONE),
            merged_away: SmallVec::new(),
            hidden: false,
        });
    }

    /// A relation computed from values in scope, as an input.
    pub(crate) fn add_computed(&mut self, scope: &mut Scope, items: Vec<Item>, alias: Option<&ast::TableAlias>, span: Span) {
        let columns = Columns::new(items);
        let (shown, columns) = match alias {
            Some(alias) => {
                let names: Vec<Sym> = alias.columns.iter().map(|column| self.sym(&column.name)).collect();
                let columns = if names.is_empty() { columns } else { columns.renamed(&names) };
                (self.sym(&alias.name), columns)
            }
            None => (Sym::NONE, columns),
        };
        scope.inputs.push(Input {
            alias: self.names.key(shown),
            path: SmallVec::new(),
            relation: InputColumns::Derived(Rc::new(columns)),
            element: None,
            record: self.via(scope, span, shown),
            merged_away: SmallVec::new(),
            hidden: false,
        });
    }

    /// How reads of a relation that is computed from one column are recorded: as reads of that column.
    fn via(&mut self, scope: &Scope, span: Span, alias: Sym) -> (u32, Sym) {
        let trail = std::mem::take(&mut self.trail);
        if let Some(read) = trail.first()
            && read.input != u32::MAX
        {
            return (read.input, read.column);
        }
        let computed = self.open_scope(ScopeKind::Computed, span);
        (self.record_input(scope.record, alias, computed, span), Sym::NONE)
    }

    /// BigQuery's `FROM orders o, o.items`: an array of a table that is already in scope.
    fn array_path(&mut self, scope: &mut Scope, name: &ast::ObjectName, alias: Option<&ast::TableAlias>, span: Span) -> bool {
        let dialect = matches!(
            self.dialect,
            Dialect::BigQuery | Dialect::Redshift | Dialect::Hive | Dialect::Generic | Dialect::Spark | Dialect::Databricks
        );
        if !dialect || name.0.len() < 2 || scope.inputs.is_empty() {
            return false;
        }
        let idents: Vec<ast::Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        let Some(first) = idents.first() else { return false };
        let key = self.key(first);
        let in_scope = scope.inputs.iter().any(|input| input.alias == key && input.path.len() < 2);
        if !in_scope {
            return false;
        }
        let array = Expr::CompoundIdentifier(idents.clone());
        match alias {
            Some(_) => self.unnest(scope, &[&array], alias, None, span),
            None => {
                let last =
                    ast::TableAlias { explicit: false, name: idents[idents.len() - 1].clone(), columns: Vec::new(), at: None };
                self.unnest(scope, &[&array], Some(&last), None, span);
            }
        }
        true
    }

    /// UNNEST of one or more arrays.
    fn unnest(&mut self, scope: &mut Scope, arrays: &[&Expr], alias: Option<&ast::TableAlias>, offset: Option<&str>, span: Span) {
        self.trail.clear();
        let values: Vec<Value> = arrays.iter().map(|array| self.value(array, scope)).collect();
        let listed: Vec<Sym> =
            alias.iter().flat_map(|alias| &alias.columns).map(|column| self.names.intern(&column.name.value)).collect();
        let mut items = Vec::new();
        let mut element = None;
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
            let name = match listed.get(items.len()) {
                Some(name) => *name,
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
            record,
            merged_away: SmallVec::new(),
            hidden: false,
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
    fn array_join(&mut self, scope: &mut Scope, relation: &TableFactor) {
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
            record,
            merged_away: SmallVec::from_slice(&[key]),
            hidden: false,
        });
    }

    /// `f(…)` in FROM.
    fn table_function(
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
        match key.as_str() {
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
            _ => self.opaque_function(scope, &exprs, alias, &key, span),
        }
    }

    /// A table function whose rows are computed from its arguments in an unknown way.
    fn opaque_function(&mut self, scope: &mut Scope, exprs: &[&Expr], alias: Option<&ast::TableAlias>, key: &str, span: Span) {
        self.trail.clear();
        let mut lineage = Lineage::new();
        for expr in exprs {
            match expr {
                Expr::Subquery(query) => {
                    let result = self.query(query, Some(scope));
                    self.link(scope.record, result.scope);
                    let items: Vec<Item> = result.columns.items.clone();
                    for item in &items {
                        lineage.extend(item_origins(item));
                    }
                    let through = Columns::new(items).through(Transformation);
                    self.add_computed(scope, through.items, alias, span);
                    return;
                }
                _ => self.collect(expr, scope, Transformation, &mut lineage),
            }
        }
        let value = Value::of(lineage);
        let name = self.names.intern(alias.map_or(key, |alias| &alias.name.value));
        let columns = alias.map_or(&[][..], |alias| alias.columns.as_slice());
        let items = if columns.is_empty() {
            vec![Item::Column(Column { name, value: value.clone(), span })]
        } else {
            let names: Vec<Sym> = columns.iter().map(|column| self.sym(&column.name)).collect();
            names.into_iter().map(|name| Item::Column(Column { name, value: value.clone(), span })).collect()
        };
        let bare = alias.map(|alias| ast::TableAlias { columns: Vec::new(), ..alias.clone() });
        self.add_computed(scope, items, bare.as_ref(), span);
        if let Some(input) = scope.inputs.last_mut() {
            input.element = Some(value);
        }
    }

    fn table_expression(&mut self, scope: &mut Scope, expr: &Expr, alias: Option<&ast::TableAlias>, span: Span) {
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

    /// Snowflake's FLATTEN: VALUE and THIS are made of the input, the rest counts and names.
    fn flatten(&mut self, scope: &mut Scope, args: &[ast::FunctionArg], alias: Option<&ast::TableAlias>, span: Span) {
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
    fn value_table_input(
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

    /// PIVOT: `agg(CASE WHEN key = … THEN v END)` for every listed value.
    pub(crate) fn pivot(
        &mut self,
        inner: &mut Scope,
        aggregates: &[ast::ExprWithAlias],
        keys: &[Expr],
        source: &ast::PivotValueSource,
        span: Span,
    ) -> Vec<(Item, Recorded)> {
        let mut tests = Lineage::new();
        let mut used: Vec<Sym> = Vec::new();
        for key in keys {
            self.collect(key, inner, Conditional, &mut tests);
            used.extend(self.implied_name(key).map(|name| self.names.key(name)));
        }
        let mut produced = Vec::new();
        for aggregate in aggregates {
            used_columns(&aggregate.expr, &mut |ident| used.push(self.names.key_of(&ident.value)));
            let name = match &aggregate.alias {
                Some(alias) => self.sym(alias),
                None => Sym::NONE,
            };
            let (item, recorded) = self.computed_output(&aggregate.expr, name, inner);
            if let Item::Column(column) = item {
                produced.push((name, column.value, recorded));
            }
        }
        let mut items = self.star(inner, span);
        items.retain(|(item, _)| !matches!(item, Item::Column(column) if used.contains(&self.names.key(column.name))));
        self.close_stars(&mut items, &used);
        let values = self.pivot_values(source);
        for value in &values {
            for (name, lineage, recorded) in &produced {
                let shown = match (*name, produced.len()) {
                    (Sym::NONE, _) => value.clone(),
                    (name, _) if self.dialect == Dialect::BigQuery => format!("{}_{value}", self.names.text(name)),
                    (_, 1) if !matches!(self.dialect, Dialect::DuckDb | Dialect::Oracle) => value.clone(),
                    (name, _) => format!("{value}_{}", self.names.text(name)),
                };
                let mut all = lineage.clone();
                all.lineage.extend(tests.iter().copied());
                let column = Column { name: self.names.intern(&shown), value: Value::of(all.lineage), span };
                items.push((Item::Column(column), recorded.clone()));
            }
        }
        items
    }

    fn pivot_values(&mut self, source: &ast::PivotValueSource) -> Vec<String> {
        match source {
            ast::PivotValueSource::List(values) => values
                .iter()
                .map(|value| match (&value.alias, &value.expr) {
                    (Some(alias), _) => alias.value.clone(),
                    (None, Expr::Value(literal)) => match (self.dialect, literal.value.clone().into_string()) {
                        (Dialect::Snowflake, Some(text)) => format!("'{text}'"),
                        (_, Some(text)) => text,
                        (_, None) => literal.value.to_string(),
                    },
                    (None, other) => other.to_string(),
                })
                .collect(),
            ast::PivotValueSource::Any(_) | ast::PivotValueSource::Subquery(_) => Vec::new(),
        }
    }

    /// UNPIVOT: the value column is made of all listed ones, the name column of none.
    pub(crate) fn unpivot(
        &mut self,
        inner: &mut Scope,
        value: &Expr,
        name: &ast::Ident,
        columns: &[&Expr],
        span: Span,
    ) -> Vec<(Item, Recorded)> {
        let mut gone = Vec::new();
        let targets: Vec<&ast::Ident> = match value {
            Expr::Identifier(ident) => vec![ident],
            Expr::Tuple(parts) => {
                parts.iter().filter_map(|part| if let Expr::Identifier(ident) = part { Some(ident) } else { None }).collect()
            }
            Expr::Nested(inner) => match inner.as_ref() {
                Expr::Identifier(ident) => vec![ident],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let mut values = vec![Value::default(); targets.len()];
        self.trail.clear();
        for column in columns {
            let parts: Vec<&Expr> = match column {
                Expr::Tuple(parts) => parts.iter().collect(),
                Expr::Nested(inner) => vec![inner.as_ref()],
                other => vec![*other],
            };
            for (at, part) in parts.into_iter().enumerate() {
                gone.extend(self.implied_name(part).map(|name| self.names.key(name)));
                let read = self.value(part, inner);
                if let Some(value) = values.get_mut(at) {
                    value.merge(read, &self.names);
                }
            }
        }
        let reads = std::mem::take(&mut self.trail);
        let mut items = self.star(inner, span);
        items.retain(|(item, _)| !matches!(item, Item::Column(column) if gone.contains(&self.names.key(column.name))));
        self.close_stars(&mut items, &gone);
        for (target, value) in targets.iter().zip(values) {
            let column = Column { name: self.sym(target), value, span };
            items.push((Item::Column(column), Recorded { step: Step::Copies, reads: reads.clone() }));
        }
        let name = Column { name: self.sym(name), value: Value::default(), span };
        items.push((Item::Column(name), Recorded { step: Step::Constant, reads: Vec::new() }));
        items
    }

    #[expect(clippy::too_many_arguments, reason = "the clauses of MATCH_RECOGNIZE")]
    fn match_recognize(
        &mut self,
        inner: &mut Scope,
        partition_by: &[Expr],
        order_by: &[ast::OrderByExpr],
        measures: &[ast::Measure],
        symbols: &[ast::SymbolDefinition],
        all_rows: bool,
        span: Span,
    ) -> Vec<(Item, Recorded)> {
        let mut windows = Lineage::new();
        for expr in partition_by.iter().chain(order_by.iter().map(|order| &order.expr)) {
            self.collect(expr, inner, Window, &mut windows);
        }
        let mut items = if all_rows { self.star(inner, span) } else { Vec::new() };
        if !all_rows {
            for expr in partition_by {
                if let Some(name) = self.implied_name(expr) {
                    items.push(self.computed_output(expr, name, inner));
                }
            }
        }
        for symbol in symbols {
            let key = self.key(&symbol.symbol);
            let base = inner.inputs.first().cloned();
            if let Some(mut input) = base {
                input.alias = key;
                input.hidden = true;
                inner.inputs.push(input);
            }
        }
        let bare: Vec<ast::Ident> = symbols.iter().map(|symbol| symbol.symbol.clone()).collect();
        for symbol in symbols {
            let definition = unqualified(&symbol.definition, &bare);
            let plain =
                Scope { inputs: inner.inputs.iter().take(1).cloned().collect(), ..Scope::new(inner.record, inner.parent) };
            self.decide(&definition, &plain, RowEdgeKind::Filter);
        }
        for measure in measures {
            let name = self.sym(&measure.alias);
            let expr = unqualified(&measure.expr, &bare);
            let plain =
                Scope { inputs: inner.inputs.iter().take(1).cloned().collect(), ..Scope::new(inner.record, inner.parent) };
            let (mut item, recorded) = self.computed_output(&expr, name, &plain);
            if let Item::Column(column) = &mut item {
                column.value.lineage.extend(windows.iter().copied());
                super::value::normalize(&mut column.value.lineage);
            }
            items.push((item, recorded));
        }
        items
    }
}

/// Drops pattern symbols from `down.price`, so that it names a column of the table.
fn unqualified(expr: &Expr, symbols: &[ast::Ident]) -> Expr {
    let mut copy = expr.clone();
    let mut todo = vec![&mut copy];
    while let Some(expr) = todo.pop() {
        match expr {
            Expr::CompoundIdentifier(idents) if idents.len() == 2 && is_symbol(&idents[0], symbols) => {
                *expr = Expr::Identifier(idents[1].clone());
            }
            Expr::BinaryOp { left, right, .. } => todo.extend([left.as_mut(), right.as_mut()]),
            Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } | Expr::Cast { expr: inner, .. } => todo.push(inner),
            Expr::Function(function) => {
                if let ast::FunctionArguments::List(list) = &mut function.args {
                    for argument in &mut list.args {
                        if let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(inner)) = argument {
                            todo.push(inner);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    copy
}

fn is_symbol(ident: &ast::Ident, symbols: &[ast::Ident]) -> bool {
    symbols.iter().any(|symbol| symbol.value.eq_ignore_ascii_case(&ident.value))
}

/// Calls `found` for every column that an aggregate's arguments name.
fn used_columns(expr: &Expr, found: &mut dyn FnMut(&ast::Ident)) {
    let mut todo = vec![expr];
    while let Some(expr) = todo.pop() {
        match expr {
            Expr::Identifier(ident) => found(ident),
            Expr::CompoundIdentifier(idents) => {
                if let Some(last) = idents.last() {
                    found(last);
                }
            }
            Expr::Function(function) => todo.extend(arguments_of(function).into_iter().filter_map(argument_expr)),
            Expr::BinaryOp { left, right, .. } => todo.extend([left.as_ref(), right]),
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { expr: inner, .. } => todo.push(inner),
            Expr::Case { operand, conditions, else_result, .. } => {
                todo.extend(operand.as_deref());
                todo.extend(conditions.iter().flat_map(|when| [&when.condition, &when.result]));
                todo.extend(else_result.as_deref());
            }
            _ => {}
        }
    }
}

fn json_columns<'q>(columns: &'q [ast::JsonTableColumn], names: &mut Vec<&'q ast::Ident>) {
    for column in columns {
        match column {
            ast::JsonTableColumn::Named(named) => names.push(&named.name),
            ast::JsonTableColumn::ForOrdinality(name) => names.push(name),
            ast::JsonTableColumn::Nested(nested) => json_columns(&nested.columns, names),
        }
    }
}
