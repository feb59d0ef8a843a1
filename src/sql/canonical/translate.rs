//! Queries to rows: CTEs, temporary tables and routines are put in place, nothing is merged yet.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use sqlparser::ast::{self, Expr, SelectItem, SetExpr};

use super::{
    from::Joined,
    names::{self, Named, Scope},
    normal::conjuncts,
    term::{Block, Formed, InputId, Limit, NoForm, Output, Rows, Term, Word, apply},
};
use crate::{
    model::{Dialect, RelationName},
    sql::{Lookups, engine::RoutineBody, expr::aggregates as has_aggregate, script::parse_routine_body},
};

/// Terms and rows that one computation may make.
const MOST_NODES: usize = 60_000;
/// Levels that expressions and queries may nest.
const DEEPEST: u32 = 160;

/// A routine that can be put in place of its call.
pub(super) enum RoutineForm {
    /// Parameters and the value.
    Expression(Vec<Word>, Box<Expr>),
    /// Nothing that could be.
    Other,
}

/// A query that a name stands for.
#[derive(Clone)]
pub(super) struct Definition {
    pub(super) name: Word,
    /// `None` once the name means the real relation again.
    pub(super) query: Option<Rc<ast::Query>>,
    pub(super) columns: Vec<Word>,
}

/// Brings the queries of one script to their normal form.
pub(super) struct Translator<'a> {
    pub(super) dialect: Dialect,
    pub(super) lookups: &'a dyn Lookups,
    /// Temporary tables first, then the CTEs in sight; a definition sees only those before it.
    pub(super) definitions: Vec<Definition>,
    pub(super) routines: FxHashMap<String, Rc<RoutineForm>>,
    inputs: u32,
    nodes: usize,
    depth: u32,
}

impl<'a> Translator<'a> {
    pub(super) fn new(dialect: Dialect, lookups: &'a dyn Lookups) -> Self {
        Translator { dialect, lookups, definitions: Vec::new(), routines: FxHashMap::default(), inputs: 0, nodes: 0, depth: 0 }
    }

    /// A number for something that is read.
    pub(super) fn new_input(&mut self) -> InputId {
        self.inputs += 1;
        InputId(self.inputs)
    }

    /// Counts what is made, so that names put in place of names cannot grow without end.
    pub(super) fn spend(&mut self, nodes: usize) -> Formed<()> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES { Err(NoForm) } else { Ok(()) }
    }

    /// Whether a tree of `height` may stand here.
    pub(super) fn check_height(&self, height: u32) -> Formed<()> {
        if self.depth + height > DEEPEST { Err(NoForm) } else { Ok(()) }
    }

    /// One level down, with enough stack.
    pub(super) fn descend<T>(&mut self, walk: impl FnOnce(&mut Self) -> Formed<T>) -> Formed<T> {
        self.spend(1)?;
        self.check_height(1)?;
        self.depth += 1;
        let result = stacker::maybe_grow(256 << 10, 4 << 20, || walk(self));
        self.depth -= 1;
        result
    }

    pub(super) fn find_routine(&mut self, key: &str, name: &RelationName) -> Option<Rc<RoutineForm>> {
        if let Some(routine) = self.routines.get(key) {
            return Some(Rc::clone(routine));
        }
        let known = self.lookups.routine(name)?;
        let parameters = known.parameters.iter().map(|name| name.to_lowercase().into()).collect();
        let form = match known.body.as_deref().map(|body| parse_routine_body(body, known.is_table, self.dialect)) {
            Some(RoutineBody::Expression(body)) => RoutineForm::Expression(parameters, body),
            _ => RoutineForm::Other,
        };
        let form = Rc::new(form);
        self.routines.insert(key.to_owned(), Rc::clone(&form));
        Some(form)
    }

    pub(super) fn query(&mut self, query: &ast::Query, parent: Option<&Scope>) -> Formed<Rows> {
        self.descend(|this| {
            let before = this.definitions.len();
            let rows = this.query_here(query, parent);
            this.definitions.truncate(before);
            rows
        })
    }

    fn query_here(&mut self, query: &ast::Query, parent: Option<&Scope>) -> Formed<Rows> {
        if !query.pipe_operators.is_empty() || query.for_clause.is_some() {
            return Err(NoForm);
        }
        if let Some(with) = &query.with {
            if with.recursive && with.cte_tables.iter().any(names_itself) {
                return Err(NoForm);
            }
            for cte in &with.cte_tables {
                let columns = cte.alias.columns.iter().map(|column| names::column(&column.name, self.dialect)).collect();
                let name = names::column(&cte.alias.name, self.dialect);
                self.definitions.push(Definition { name, query: Some(Rc::new((*cte.query).clone())), columns });
            }
        }
        let count = count_of(query)?;
        let order = match &query.order_by {
            Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(exprs), .. }) => exprs.as_slice(),
            Some(_) if count.is_some() => return Err(NoForm),
            _ => &[],
        };
        match query.body.as_ref() {
            SetExpr::Select(select) => self.select(select, parent, order, count),
            body => {
                let rows = self.set_expr(body, parent)?;
                self.limited(rows, order, count)
            }
        }
    }

    /// The rows of a subquery that has a limit of its own.
    fn limited(&mut self, rows: Rows, order: &[ast::OrderByExpr], count: Option<Vec<Expr>>) -> Formed<Rows> {
        let Some(count) = count else { return Ok(rows) };
        let (mut block, named) = self.around(rows);
        let scope = Scope { inputs: vec![named], ..Scope::default() };
        let order = self.order_by(order, &block, &scope)?;
        block.limit = Some(Limit { per: Vec::new(), order, count: apply("limit", self.terms(&count, &scope)?) });
        Ok(Rows::Block(Box::new(block)))
    }

    /// A block that passes every column of `rows` on.
    pub(super) fn around(&mut self, rows: Rows) -> (Block, Named) {
        let id = self.new_input();
        let (columns, open) = columns_of(&rows);
        let mut outputs: Vec<Output> =
            columns.iter().map(|name| Output::Column(name.clone(), Term::Column(id, name.clone()))).collect();
        if open {
            outputs.push(Output::Star(id, columns.clone()));
        }
        let named = Named { alias: "".into(), path: Vec::new(), id, columns, open, element: false, hidden: false };
        (Block::of(id, rows, outputs), named)
    }

    /// One row for every combination of the columns of `rows`.
    pub(super) fn distinct(&mut self, rows: Rows) -> Formed<Rows> {
        let (mut block, named) = self.around(rows);
        let mut keys: Vec<Term> = named.columns.iter().map(|name| Term::Column(named.id, name.clone())).collect();
        if named.open {
            keys.push(Term::Column(named.id, "*".into()));
        }
        block.group = Some(keys);
        Ok(Rows::Block(Box::new(block)))
    }

    fn set_expr(&mut self, body: &SetExpr, parent: Option<&Scope>) -> Formed<Rows> {
        match body {
            SetExpr::Select(select) => self.select(select, parent, &[], None),
            SetExpr::Query(query) => self.query(query, parent),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let left = self.descend(|this| this.set_expr(left, parent))?;
                let right = self.descend(|this| this.set_expr(right, parent))?;
                self.set_operation(left, *op, *set_quantifier, right)
            }
            SetExpr::Values(values) => {
                let scope = Scope { parent, ..Scope::default() };
                let mut rows = Vec::with_capacity(values.rows.len());
                for row in &values.rows {
                    rows.push(self.terms(&row.content, &scope)?);
                }
                let width = rows.first().map_or(0, Vec::len);
                Ok(Rows::Values(rows, (1..=width).map(|at| format!("column{at}").into()).collect()))
            }
            SetExpr::Table(_) | SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => Err(NoForm),
        }
    }

    fn select(
        &mut self,
        select: &ast::Select,
        parent: Option<&Scope>,
        order: &[ast::OrderByExpr],
        count: Option<Vec<Expr>>,
    ) -> Formed<Rows> {
        if !select.lateral_views.is_empty() || !select.connect_by.is_empty() || select.value_table_mode.is_some() {
            return Err(NoForm);
        }
        let count = match (&select.top, count) {
            (None, count) => count,
            (Some(ast::Top { with_ties: false, percent: false, quantity: Some(quantity) }), None) => Some(vec![match quantity {
                ast::TopQuantity::Expr(expr) => expr.clone(),
                ast::TopQuantity::Constant(count) => Expr::Value(ast::Value::Number(count.to_string(), false).into()),
            }]),
            _ => return Err(NoForm),
        };
        let mut scope = Scope { parent, ..Scope::default() };
        if let Some(parent) = parent.filter(|parent| parent.inputs.is_empty()) {
            scope.parameters.extend(parent.parameters.iter().cloned());
        }
        let Joined { inputs, from, mut filters } = self.from(&select.from, &mut scope)?;
        for window in &select.named_window {
            scope.windows.push((names::column(&window.0, self.dialect), window.1.clone()));
        }
        let outputs = self.projection(select, &mut scope)?;
        for condition in select.selection.iter().chain(&select.prewhere) {
            filters.extend(conjuncts(self.term(condition, &scope)?));
        }
        scope.aliases.clear();
        for output in &outputs {
            if let Output::Column(name, term) = output {
                scope.aliases.push((name.clone(), term.clone()));
            }
        }
        let having = match &select.having {
            Some(having) => conjuncts(self.term(having, &scope)?),
            None => Vec::new(),
        };
        let group = self.group(select, &outputs, &having, &scope)?;
        let mut block = Block { inputs, from, filters, group, having, limit: None, outputs };
        let mut order = if count.is_some() { self.order_by(order, &block, &scope)? } else { Vec::new() };
        let count = count.map(|count| self.terms(&count, &scope)).transpose()?.map(|count| apply("limit", count));
        if let Some(qualify) = &select.qualify {
            let condition = self.term(qualify, &scope)?;
            block = self.qualified(block, condition, &mut order)?;
        }
        match &select.distinct {
            None | Some(ast::Distinct::All) => {}
            Some(ast::Distinct::Distinct) => {
                if count.is_some() {
                    return Err(NoForm);
                }
                return self.distinct(Rows::Block(Box::new(block)));
            }
            Some(ast::Distinct::On(_)) => return Err(NoForm),
        }
        block.limit = count.map(|count| Limit { per: Vec::new(), order, count });
        Ok(Rows::Block(Box::new(block)))
    }

    /// QUALIFY: a filter around the block, which yields what the filter asks for.
    fn qualified(&mut self, mut inner: Block, condition: Term, order: &mut [Term]) -> Formed<Block> {
        let outputs = inner.outputs.clone();
        let id = self.new_input();
        let filter = lifted(condition, id, &mut inner);
        for term in order.iter_mut() {
            *term = lifted(term.clone(), id, &mut inner);
        }
        let outputs = outputs.into_iter().map(|output| match output {
            Output::Column(name, _) => Output::Column(name.clone(), Term::Column(id, name)),
            Output::Star(_, except) => Output::Star(id, except),
        });
        let outputs = outputs.collect();
        Ok(Block { filters: conjuncts(filter), ..Block::of(id, Rows::Block(Box::new(inner)), outputs) })
    }

    fn projection(&mut self, select: &ast::Select, scope: &mut Scope) -> Formed<Vec<Output>> {
        let mut outputs = Vec::with_capacity(select.projection.len());
        if select.exclude.is_some() {
            return Err(NoForm);
        }
        for (at, item) in select.projection.iter().enumerate() {
            let (expr, name) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, implied_name(expr, self.dialect)),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(names::column(alias, self.dialect))),
                SelectItem::Wildcard(options) => {
                    self.star(None, options, scope, &mut outputs)?;
                    continue;
                }
                SelectItem::QualifiedWildcard(ast::SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let parts: Vec<Word> =
                        name.0.iter().filter_map(|part| part.as_ident()).map(|part| names::column(part, self.dialect)).collect();
                    let id = scope.find_input(&parts).ok_or(NoForm)?.id;
                    self.star(Some(id), options, scope, &mut outputs)?;
                    continue;
                }
                SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => return Err(NoForm),
            };
            let term = self.term(expr, scope)?;
            let name = name.unwrap_or_else(|| format!("#{}", at + 1).into());
            if has_lateral_aliases(self.dialect) {
                scope.aliases.push((name.clone(), term.clone()));
            }
            outputs.push(Output::Column(name, term));
        }
        Ok(outputs)
    }

    fn star(
        &mut self,
        of: Option<InputId>,
        options: &ast::WildcardAdditionalOptions,
        scope: &Scope,
        outputs: &mut Vec<Output>,
    ) -> Formed<()> {
        if options.opt_ilike.is_some() || options.opt_rename.is_some() || options.opt_alias.is_some() {
            return Err(NoForm);
        }
        let mut except: Vec<Word> = Vec::new();
        match &options.opt_exclude {
            Some(ast::ExcludeSelectItem::Single(name)) => except.extend(last_name(name, self.dialect)),
            Some(ast::ExcludeSelectItem::Multiple(names)) => {
                except.extend(names.iter().filter_map(|name| last_name(name, self.dialect)));
            }
            None => {}
        }
        if let Some(list) = &options.opt_except {
            let idents = std::iter::once(&list.first_element).chain(&list.additional_elements);
            except.extend(idents.map(|ident| names::column(ident, self.dialect)));
        }
        let mut replaced = Vec::new();
        for item in options.opt_replace.iter().flat_map(|replace| &replace.items) {
            replaced.push((names::column(&item.column_name, self.dialect), self.term(&item.expr, scope)?));
        }
        except.extend(replaced.iter().map(|(name, _)| name.clone()));
        if of.is_none() {
            for (name, term) in scope.merged.iter().filter(|(name, _)| !except.contains(name)) {
                outputs.push(Output::Column(name.clone(), term.clone()));
            }
            except.extend(scope.merged.iter().map(|(name, _)| name.clone()));
        }
        for input in scope.inputs.iter().filter(|input| !input.hidden && of.is_none_or(|id| id == input.id)) {
            for name in input.columns.iter().filter(|name| !except.contains(name)) {
                outputs.push(Output::Column(name.clone(), Term::Column(input.id, name.clone())));
            }
            if input.open {
                outputs.push(Output::Star(input.id, [except.as_slice(), &input.columns].concat()));
            }
        }
        outputs.extend(replaced.into_iter().map(|(name, term)| Output::Column(name, term)));
        Ok(())
    }

    fn group(&mut self, select: &ast::Select, outputs: &[Output], having: &[Term], scope: &Scope) -> Formed<Option<Vec<Term>>> {
        let terms = || {
            outputs.iter().filter_map(|output| match output {
                Output::Column(_, term) => Some(term),
                Output::Star(..) => None,
            })
        };
        let (exprs, modifiers) = match &select.group_by {
            ast::GroupByExpr::All(modifiers) => {
                let keys = terms().filter(|term| !term.aggregates() && !matches!(term, Term::Constant(_))).cloned().collect();
                return if modifiers.is_empty() { Ok(Some(keys)) } else { Err(NoForm) };
            }
            ast::GroupByExpr::Expressions(exprs, modifiers) => (exprs, modifiers),
        };
        if exprs.is_empty() {
            let aggregates = terms().chain(having).any(Term::aggregates) || select.having.as_ref().is_some_and(has_aggregate);
            return Ok((aggregates || !having.is_empty()).then(Vec::new));
        }
        let mut keys: Vec<Term> = Vec::new();
        for expr in exprs {
            let key = match expr {
                Expr::GroupingSets(sets) => apply("grouping sets", self.key_sets(sets, outputs, scope)?),
                Expr::Cube(sets) => apply("cube", self.key_sets(sets, outputs, scope)?),
                Expr::Rollup(sets) => apply("rollup", self.key_sets(sets, outputs, scope)?),
                Expr::Function(function)
                    if matches!(crate::sql::expr::function_key(&function.name).as_str(), "rollup" | "cube") =>
                {
                    let name = crate::sql::expr::function_key(&function.name);
                    let arguments = crate::sql::expr::arguments_of(function);
                    let exprs =
                        arguments.into_iter().map(crate::sql::expr::argument_expr).collect::<Option<Vec<_>>>().ok_or(NoForm)?;
                    let terms = exprs.into_iter().map(|expr| Ok(apply("row", vec![self.key(expr, outputs, scope)?])));
                    apply(&name, terms.collect::<Formed<Vec<_>>>()?)
                }
                expr => self.key(expr, outputs, scope)?,
            };
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        match modifiers.as_slice() {
            [] => Ok(Some(keys)),
            [ast::GroupByWithModifier::Rollup] => {
                let rows = keys.into_iter().map(|key| apply("row", vec![key])).collect();
                Ok(Some(vec![apply("rollup", rows)]))
            }
            _ => Err(NoForm),
        }
    }

    fn key_sets(&mut self, sets: &[Vec<Expr>], outputs: &[Output], scope: &Scope) -> Formed<Vec<Term>> {
        let row = |this: &mut Self, set: &Vec<Expr>| {
            let keys = set.iter().map(|expr| this.key(expr, outputs, scope)).collect::<Formed<Vec<_>>>()?;
            Ok(apply("row", keys))
        };
        sets.iter().map(|set| row(self, set)).collect()
    }

    /// A key of GROUP BY or ORDER BY: a place in the SELECT list, an alias, or an expression.
    fn key(&mut self, expr: &Expr, outputs: &[Output], scope: &Scope) -> Formed<Term> {
        if let Expr::Value(value) = expr
            && let ast::Value::Number(number, _) = &value.value
        {
            if outputs.iter().any(|output| matches!(output, Output::Star(..))) {
                return Err(NoForm);
            }
            let at: usize = number.parse().map_err(|_| NoForm)?;
            return match outputs.get(at.wrapping_sub(1)) {
                Some(Output::Column(_, term)) => Ok(term.clone()),
                _ => Err(NoForm),
            };
        }
        if let Expr::Identifier(ident) = expr {
            let name = names::column(ident, self.dialect);
            let known = scope.inputs.iter().any(|input| input.columns.contains(&name));
            let alias = outputs.iter().find_map(|output| match output {
                Output::Column(own, term) if *own == name && !known => Some(term),
                _ => None,
            });
            match alias {
                Some(term) if !names::reads_itself(term, &name) => return Ok(term.clone()),
                Some(_) => {
                    let bare = Scope { inputs: scope.inputs.clone(), parent: scope.parent, ..Scope::default() };
                    return self.term(expr, &bare);
                }
                None => {}
            }
        }
        self.term(expr, scope)
    }

    fn order_by(&mut self, exprs: &[ast::OrderByExpr], block: &Block, scope: &Scope) -> Formed<Vec<Term>> {
        let mut terms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            terms.push(super::function::ordered(self.key(&expr.expr, &block.outputs, scope)?, &expr.options)?);
        }
        Ok(terms)
    }
}

/// The columns of `rows`, and whether there may be more.
pub(super) fn columns_of(rows: &Rows) -> (Vec<Word>, bool) {
    match rows {
        Rows::Block(block) => {
            let mut columns = Vec::new();
            let mut open = false;
            for output in &block.outputs {
                match output {
                    Output::Column(name, _) if name.starts_with('\0') => {}
                    Output::Column(name, _) => columns.push(name.clone()),
                    Output::Star(..) => open = true,
                }
            }
            (columns, open)
        }
        Rows::Set(_, _, names) | Rows::Values(_, names) => (names.clone(), false),
    }
}

/// Whether an item of the SELECT list may be used by others and in WHERE.
fn has_lateral_aliases(dialect: Dialect) -> bool {
    use Dialect as D;
    matches!(dialect, D::Snowflake | D::Redshift | D::Databricks | D::DuckDb | D::ClickHouse | D::Teradata)
}

/// `term` as seen from outside of `block`, which is read as `id`: windows, aggregates and columns
/// become columns of it.
fn lifted(term: Term, id: InputId, block: &mut Block) -> Term {
    match term {
        Term::Constant(_) | Term::Name(_) => term,
        Term::Apply(name, arguments) => {
            Term::Apply(name, arguments.into_iter().map(|argument| lifted(argument, id, block)).collect())
        }
        other => {
            let name: Word = format!("\0{}", block.outputs.len()).into();
            block.outputs.push(Output::Column(name.clone(), other));
            Term::Column(id, name)
        }
    }
}

/// LIMIT, OFFSET and FETCH as expressions; `None` where every row is kept.
fn count_of(query: &ast::Query) -> Formed<Option<Vec<Expr>>> {
    let clause = match &query.limit_clause {
        None => None,
        Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
            let exprs: Vec<Expr> = limit.iter().cloned().chain(offset.iter().map(|offset| offset.value.clone())).collect();
            match (limit, offset) {
                (None, Some(_)) => return Err(NoForm),
                _ => (!exprs.is_empty()).then_some(exprs),
            }
        }
        Some(ast::LimitClause::OffsetCommaLimit { offset, limit }) => Some(vec![limit.clone(), offset.clone()]),
        Some(ast::LimitClause::LimitOffset { .. }) => return Err(NoForm),
    };
    match (&query.fetch, clause) {
        (None, clause) => Ok(clause),
        (Some(ast::Fetch { with_ties: false, percent: false, quantity: Some(quantity) }), None) => {
            Ok(Some(vec![quantity.clone()]))
        }
        _ => Err(NoForm),
    }
}

/// The name that an expression has without an alias.
pub(super) fn implied_name(expr: &Expr, dialect: Dialect) -> Option<Word> {
    match expr {
        Expr::Identifier(ident) => Some(names::column(ident, dialect)),
        Expr::CompoundIdentifier(idents) => idents.last().map(|ident| names::column(ident, dialect)),
        Expr::Nested(inner) => implied_name(inner, dialect),
        _ => None,
    }
}

fn last_name(name: &ast::ObjectName, dialect: Dialect) -> Option<Word> {
    name.0.last().and_then(|part| part.as_ident()).map(|ident| names::column(ident, dialect))
}

/// Whether the CTE's text has its own name as a relation; a name in any other place counts too.
fn names_itself(cte: &ast::Cte) -> bool {
    let own = cte.alias.name.value.to_lowercase();
    cte.query
        .to_string()
        .to_lowercase()
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .any(|word| word == own)
}
