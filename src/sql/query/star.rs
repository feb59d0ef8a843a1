//! Stars: expanded where columns are known, left open where not.

use super::{Recorded, item_name};
use crate::model::{ColumnEdgeKind, Dialect, Span, Step, UNEXPANDED_STAR};
use crate::sql::{
    engine::Engine,
    names::Sym,
    scope::Scope,
    spans::span_of,
    value::{Column, Item},
};
use smallvec::SmallVec;
use sqlparser::ast::{self, Expr};

impl Engine<'_> {
    /// `SELECT AS VALUE struct`: the struct's fields are the columns.
    pub(crate) fn value_table(&mut self, items: Vec<(Item, Recorded)>) -> Vec<(Item, Recorded)> {
        let [(Item::Column(column), recorded)] = items.as_slice() else { return items };
        let fields = self.fields(&column.value, column.span);
        if fields.iter().all(|item| matches!(item, Item::Star(_))) {
            return items;
        }
        fields.into_iter().map(|item| (item, recorded.clone())).collect()
    }

    /// DuckDB's `COLUMNS(…)`: one output per column that matches.
    pub(crate) fn expanded_columns(&mut self, expr: &Expr, scope: &Scope, items: &mut Vec<(Item, Recorded)>) -> bool {
        if self.dialect == Dialect::Hive
            && let Expr::Identifier(ident) = expr
        {
            return self.named_by_pattern(ident, scope, items);
        }
        if !matches!(self.dialect, Dialect::DuckDb | Dialect::ClickHouse) {
            return false;
        }
        if let Some(fields) = self.unnested_struct(expr, scope) {
            items.extend(fields);
            return true;
        }
        let Some((name, call)) = find_columns_call(expr) else { return false };
        let outer = ast::ObjectName(name.0[..name.0.len() - 1].to_vec());
        let star = if outer.0.is_empty() { None } else { self.input_star(&outer, scope, span_of(expr)) };
        let star = match star {
            Some(star) => star,
            None => self.star(scope, span_of(expr)),
        };
        let star = match call.first() {
            Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::WildcardWithOptions(options))) => {
                self.star_options(star, options, scope)
            }
            Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard)) => star,
            Some(argument) => match crate::sql::expr::argument_expr(argument) {
                Some(argument) => self.matching_columns(star, argument),
                None => return false,
            },
            None => return false,
        };
        let kind = if crate::sql::expr::aggregates(expr) { ColumnEdgeKind::Aggregation } else { ColumnEdgeKind::Transformation };
        let kind =
            if matches!(expr, Expr::Function(function) if is_columns(&function.name)) { ColumnEdgeKind::Identity } else { kind };
        items.extend(star.into_iter().map(|(item, recorded)| match item {
            Item::Column(column) => (Item::Column(Column { value: column.value.through(kind), ..column }), recorded),
            Item::Star(star) => (Item::Star(star.through(kind)), recorded),
        }));
        true
    }

    /// DuckDB's `unnest({'p': x, 'q': y})`: an output per field.
    fn unnested_struct(&mut self, expr: &Expr, scope: &Scope) -> Option<Vec<(Item, Recorded)>> {
        let Expr::Function(function) = expr else { return None };
        if self.dialect != Dialect::DuckDb || crate::sql::expr::function_key(&function.name) != "unnest" {
            return None;
        }
        let arguments = crate::sql::expr::arguments_of(function);
        let inner = arguments.first().copied().and_then(crate::sql::expr::argument_expr)?;
        let recursive = arguments.iter().any(
            |argument| matches!(argument, ast::FunctionArg::Named { name, .. } if name.value.eq_ignore_ascii_case("recursive")),
        );
        // A subquery would be evaluated again where it turns out to have no fields, and those nest.
        if matches!(inner, Expr::Subquery(_)) || !recursive && !matches!(inner, Expr::Dictionary(_)) {
            return None;
        }
        self.trail.clear();
        let value = self.value(inner, scope);
        let reads = std::mem::take(&mut self.trail);
        let fields = value.fields.as_ref()?;
        let recorded = Recorded { step: Step::Copies, reads, links: Vec::new() };
        Some(fields.items.iter().map(|item| (item.clone(), recorded.clone())).collect())
    }

    /// Hive's `` `(ds|hr)?+.+` `` names every column that it matches.
    fn named_by_pattern(&mut self, ident: &ast::Ident, scope: &Scope, items: &mut Vec<(Item, Recorded)>) -> bool {
        if ident.quote_style != Some('`') || !ident.value.contains(['|', '*', '+', '?', '(']) {
            return false;
        }
        // Possessive quantifiers are the plain ones here: nothing follows that could take back.
        let pattern = format!("^(?i:{})$", ident.value.replace("?+", "?").replace("*+", "*").replace("++", "+"));
        let Ok(pattern) = regex::RegexBuilder::new(&pattern).size_limit(1 << 18).build() else { return false };
        let negative = ident.value.strip_suffix(")?+.+").and_then(|inner| inner.strip_prefix('('));
        let excluded: Vec<&str> = negative.map(|inner| inner.split('|').collect()).unwrap_or_default();
        let span = self.bytes(ident.span);
        let mut star = self.star(scope, span);
        star.retain(|(item, _)| match item {
            Item::Column(column) => {
                let name = self.names.text(column.name);
                pattern.is_match(name) && !excluded.iter().any(|other| name.eq_ignore_ascii_case(other))
            }
            Item::Star(_) => true,
        });
        items.extend(star);
        true
    }

    /// `COLUMNS('pattern')`, `COLUMNS([a, b])`; of a test that is only known at run time every column
    /// may pass.
    fn matching_columns(&mut self, star: Vec<(Item, Recorded)>, chooser: &Expr) -> Vec<(Item, Recorded)> {
        let mut star = star;
        if let Expr::Lambda(lambda) = chooser {
            let parameter = match &lambda.params {
                ast::OneOrManyWithParens::One(one) => one.name.value.clone(),
                ast::OneOrManyWithParens::Many(many) => many.first().map(|one| one.name.value.clone()).unwrap_or_default(),
            };
            let passes = |name: &str| crate::sql::expr::name_passes(&lambda.body, &parameter, name).unwrap_or(true);
            star.retain(|(item, _)| !matches!(item, Item::Column(column) if !passes(self.names.text(column.name))));
            return star;
        }
        let names: Vec<Sym> = match chooser {
            Expr::Array(array) => array.elem.iter().filter_map(|name| self.implied_name(name)).collect(),
            _ => Vec::new(),
        };
        let keys: Vec<Sym> = names.into_iter().map(|name| self.names.key(name)).collect();
        let text = crate::sql::statement::constant(chooser).filter(|_| matches!(chooser, Expr::Value(_)));
        let pattern = text.and_then(|text| regex::RegexBuilder::new(&text).size_limit(1 << 18).build().ok());
        star.retain(|(item, _)| match (item, &pattern) {
            (Item::Column(column), Some(pattern)) => pattern.is_match(self.names.text(column.name)),
            (Item::Column(column), None) => keys.is_empty() || keys.contains(&self.names.key(column.name)),
            (Item::Star(_), _) => true,
        });
        star
    }

    /// Every column in sight, as `*` means it: merged ones first, then the rest in order.
    pub(crate) fn star(&mut self, scope: &Scope, span: Span) -> Vec<(Item, Recorded)> {
        let mut items = Vec::new();
        for column in &scope.merged {
            let column = Column { span, ..column.clone() };
            items.push((Item::Column(column), Recorded { step: Step::Copies, reads: Vec::new(), links: Vec::new() }));
        }
        for input in scope.inputs.iter().filter(|input| !input.hidden) {
            items.extend(input.star(self, span).into_iter().map(|(item, read)| {
                (item, Recorded { step: Step::Copies, reads: read.into_iter().collect(), links: Vec::new() })
            }));
        }
        for (item, _) in &mut items {
            match item {
                Item::Column(column) => column.span = span,
                Item::Star(star) => star.span = span,
            }
        }
        self.report_open_stars(&items);
        items
    }

    fn report_open_stars(&mut self, items: &[(Item, Recorded)]) {
        for (item, _) in items {
            // PIVOT has said it of its own columns.
            if let Item::Star(star) = item
                && star.made_of.is_empty()
            {
                let relations: Vec<String> = star
                    .from
                    .iter()
                    .filter_map(|origin| self.relations.get(origin.relation as usize))
                    .map(ToString::to_string)
                    .collect();
                self.report(
                    &UNEXPANDED_STAR,
                    || match relations.as_slice() {
                        [] => "the columns of a table function are not known".to_owned(),
                        relations => format!("the columns of {} are not known", relations.join(", ")),
                    },
                    star.span,
                );
            }
        }
    }

    /// `t.*`, `struct_column.*`, `(expression).*`.
    pub(crate) fn qualified_star(
        &mut self,
        kind: &ast::SelectItemQualifiedWildcardKind,
        scope: &Scope,
        span: Span,
    ) -> Vec<(Item, Recorded)> {
        self.trail.clear();
        let value = match kind {
            ast::SelectItemQualifiedWildcardKind::ObjectName(name) => {
                if let Some(items) = self.input_star(name, scope, span) {
                    return items;
                }
                let idents: Vec<ast::Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
                self.resolve_compound(&idents, scope)
            }
            ast::SelectItemQualifiedWildcardKind::Expr(expr) => self.value(expr, scope),
        };
        let reads = std::mem::take(&mut self.trail);
        let fields = self.fields(&value, span);
        let items: Vec<(Item, Recorded)> = fields
            .into_iter()
            .map(|item| (item, Recorded { step: Step::Copies, reads: reads.clone(), links: Vec::new() }))
            .collect();
        self.report_open_stars(&items);
        items
    }

    pub(crate) fn input_star(&mut self, name: &ast::ObjectName, scope: &Scope, span: Span) -> Option<Vec<(Item, Recorded)>> {
        let relation = self.relation_name(name);
        let mut keys: SmallVec<[Sym; 3]> = SmallVec::new();
        for part in &relation.parts {
            keys.push(self.names.key_of(&part.text));
        }
        let mut around = Some(scope);
        while let Some(current) = around {
            let found = current.inputs.iter().rfind(|input| {
                (keys.len() == 1 && input.alias == keys[0])
                    || (input.path.len() >= keys.len() && input.path[input.path.len() - keys.len()..] == keys[..])
            });
            if let Some(input) = found {
                if let (Some(element), true) = (&input.element, input.open_element)
                    && matches!(&input.relation, crate::sql::scope::InputColumns::Derived(columns)
                        if columns.items.iter().filter(|item| item_name(item) != input.alias).count() == 0)
                {
                    let element = element.clone();
                    let fields = self.fields(&element, span);
                    if !fields.is_empty() {
                        let recorded = Recorded { step: Step::Copies, reads: Vec::new(), links: Vec::new() };
                        let items: Vec<_> = fields.into_iter().map(|item| (item, recorded.clone())).collect();
                        self.report_open_stars(&items);
                        return Some(items);
                    }
                }
                let mut whole = input.clone();
                whole.merged_away.clear();
                let items: Vec<(Item, Recorded)> = whole
                    .star(self, span)
                    .into_iter()
                    .map(|(mut item, read)| {
                        match &mut item {
                            Item::Column(column) => column.span = span,
                            Item::Star(star) => star.span = span,
                        }
                        (item, Recorded { step: Step::Copies, reads: read.into_iter().collect(), links: Vec::new() })
                    })
                    .collect();
                self.report_open_stars(&items);
                return Some(items);
            }
            around = current.parent;
        }
        None
    }

    /// EXCEPT / EXCLUDE, REPLACE, RENAME, ILIKE.
    pub(crate) fn star_options(
        &mut self,
        star: Vec<(Item, Recorded)>,
        options: &ast::WildcardAdditionalOptions,
        scope: &Scope,
    ) -> Vec<(Item, Recorded)> {
        let mut gone: Vec<Sym> = Vec::new();
        if let Some(except) = &options.opt_except {
            gone.push(self.key(&except.first_element));
            gone.extend(except.additional_elements.iter().map(|ident| self.names.key_of(&ident.value)));
        }
        if let Some(exclude) = &options.opt_exclude {
            gone.extend(self.excluded(exclude));
        }
        let mut items = star;
        if !gone.is_empty() {
            items.retain(|(item, _)| !matches!(item, Item::Column(column) if gone.contains(&self.names.key(column.name))));
            self.close_stars(&mut items, &gone);
        }
        if let Some(ilike) = &options.opt_ilike {
            let pattern = ilike.pattern.to_lowercase();
            items.retain(|(item, _)| {
                !matches!(item, Item::Column(column) if !like(&self.names.text(column.name).to_lowercase(), &pattern))
            });
        }
        if let Some(replace) = &options.opt_replace {
            for element in &replace.items {
                let name = self.sym(&element.column_name);
                let output = self.output(&element.expr, name, scope);
                self.replace_item(&mut items, name, output);
            }
        }
        if let Some(rename) = &options.opt_rename {
            let pairs = match rename {
                ast::RenameSelectItem::Single(pair) => std::slice::from_ref(pair),
                ast::RenameSelectItem::Multiple(pairs) => pairs.as_slice(),
            };
            for pair in pairs {
                self.rename_item(&mut items, pair);
            }
        }
        items
    }

    pub(crate) fn excluded(&mut self, exclude: &ast::ExcludeSelectItem) -> Vec<Sym> {
        let names = match exclude {
            ast::ExcludeSelectItem::Single(name) => std::slice::from_ref(name),
            ast::ExcludeSelectItem::Multiple(names) => names.as_slice(),
        };
        names
            .iter()
            .filter_map(|name| name.0.last().and_then(|part| part.as_ident()))
            .map(|ident| self.names.key_of(&ident.value))
            .collect()
    }

    pub(crate) fn close_stars(&mut self, items: &mut [(Item, Recorded)], gone: &[Sym]) {
        for (item, _) in items {
            if let Item::Star(star) = item {
                star.except = star.except.iter().chain(gone).copied().collect();
            }
        }
    }

    pub(crate) fn replace_item(&mut self, items: &mut Vec<(Item, Recorded)>, name: Sym, output: (Item, Recorded)) {
        let key = self.names.key(name);
        let place = items.iter().position(|(item, _)| matches!(item, Item::Column(column) if self.names.key(column.name) == key));
        match place {
            Some(at) => {
                let kept = item_name(&items[at].0);
                items[at] = output;
                if let Item::Column(column) = &mut items[at].0 {
                    column.name = kept;
                }
            }
            None => {
                self.close_stars(items, &[key]);
                items.push(output);
            }
        }
    }

    pub(crate) fn rename_item(&mut self, items: &mut Vec<(Item, Recorded)>, pair: &ast::IdentWithAlias) {
        let from = self.key(&pair.ident);
        let to = self.sym(&pair.alias);
        for (item, _) in items.iter_mut() {
            if let Item::Column(column) = item
                && self.names.key(column.name) == from
            {
                column.name = to;
                return;
            }
        }
        let name = self.sym(&pair.ident);
        let renamed = items.iter().find_map(|(item, recorded)| match item {
            Item::Star(star) => Some((star.column(name, from, &mut self.names)?, star.span, recorded.clone())),
            Item::Column(_) => None,
        });
        if let Some((value, span, recorded)) = renamed {
            self.close_stars(items, &[from]);
            items.push((Item::Column(Column { name: to, value, span }), recorded));
        }
    }
}

fn is_columns(name: &ast::ObjectName) -> bool {
    name.0.last().and_then(|part| part.as_ident()).is_some_and(|word| word.value.eq_ignore_ascii_case("columns"))
}

fn find_columns_call(expr: &Expr) -> Option<(&ast::ObjectName, &[ast::FunctionArg])> {
    match expr {
        Expr::Function(function) => {
            let ast::FunctionArguments::List(list) = &function.args else { return None };
            if is_columns(&function.name) {
                return Some((&function.name, &list.args));
            }
            list.args.iter().filter_map(crate::sql::expr::argument_expr).find_map(find_columns_call)
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => find_columns_call(expr),
        Expr::BinaryOp { left, right, .. } => find_columns_call(left).or_else(|| find_columns_call(right)),
        _ => None,
    }
}

/// SQL's LIKE with `%` and `_`.
pub(crate) fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for symbol in pattern {
        if symbol == '%' {
            let mut any = false;
            for place in &mut reached {
                any |= *place;
                *place = any;
            }
        } else {
            for at in (1..=text.len()).rev() {
                reached[at] = reached[at - 1] && (symbol == '_' || text[at - 1] == symbol);
            }
            reached[0] = false;
        }
    }
    reached[text.len()]
}
