//! Names to values: columns, paths into structs, aliases, and what no schema lists.

use std::rc::Rc;

use smallvec::SmallVec;
use sqlparser::ast;

use super::{Found, Input, InputColumns, Scope, unknown};
use crate::{
    model::{AMBIGUOUS_COLUMN, ColumnEdgeKind, Dialect, Span, UNKNOWN_COLUMN},
    sql::{
        engine::{Engine, Read},
        names::Sym,
        value::{Column, Item, Lineage, OpenStar, Origin, RelationIndex, StarOrigin, UNKNOWN, Value},
    },
};

impl Engine<'_> {
    /// The value of an unqualified column.
    pub(crate) fn resolve_column(&mut self, ident: &ast::Ident, scope: &Scope) -> Value {
        let name = self.sym(ident);
        let key = self.names.key(name);
        let span = self.bytes(ident.span);
        if scope.aliases_win
            && let Some(value) = self.resolve_alias(key, scope)
        {
            return value;
        }
        let mut around = Some(scope);
        let mut depth = 0;
        while let Some(current) = around {
            if let Some(value) = self.resolve_in(name, key, current, depth, span) {
                return value;
            }
            around = current.parent;
            depth += 1;
        }
        if let Some(value) = self.variables.get(&key) {
            return value.clone();
        }
        if !is_niladic(self.names.text(key)) && !is_of_hierarchy(self.names.text(key)) && scope.has_inputs() {
            self.report(&UNKNOWN_COLUMN, || format!("no relation in scope has a column `{}`", ident.value), span);
        }
        Value::default()
    }

    /// `$2`, the second column in sight, and `$name`, a variable of the session (Snowflake).
    pub(crate) fn placeholder(&mut self, name: &str, scope: &Scope) -> Value {
        if let Some(bare) = name.strip_prefix(':') {
            let key = self.names.key_of(bare);
            let of_trigger = self.names.key_of(name);
            let value = self.variables.get(&of_trigger).or_else(|| self.variables.get(&key));
            return value.cloned().unwrap_or_default();
        }
        let Some(bare) = name.strip_prefix('$') else { return Value::default() };
        if let Ok(at) = bare.parse::<usize>() {
            if self.dialect != Dialect::Snowflake {
                return scope.parameter(at);
            }
            let [input] = scope.inputs.as_slice() else { return Value::default() };
            let column = self.names.intern(name);
            if let Some((value, column)) = input.at_position(at, column, self) {
                self.record_read(scope, 0, column, 0);
                return value;
            }
            return Value::default();
        }
        let key = self.names.key_of(bare);
        self.variables.get(&key).cloned().unwrap_or_default()
    }

    fn resolve_in(&mut self, name: Sym, key: Sym, scope: &Scope, depth: u32, span: Span) -> Option<Value> {
        if let Some(column) = scope.merged.iter().find(|column| self.names.key(column.name) == key) {
            self.record_merged(scope, name, key, depth);
            return Some(column.value.clone());
        }
        let mut sure: SmallVec<[(usize, Value); 1]> = SmallVec::new();
        let mut maybe: SmallVec<[(usize, Value); 2]> = SmallVec::new();
        for (at, input) in scope.inputs.iter().enumerate().filter(|(_, input)| !input.by_alias_only) {
            match input.find(name, key, self) {
                Found::Yes(value) => sure.push((at, value)),
                Found::Maybe(value) => maybe.push((at, value)),
                Found::No => {}
            }
        }
        if let Some((at, value)) = sure.first() {
            if sure.len() > 1 && sure.iter().skip(1).any(|(_, other)| other.lineage != value.lineage) {
                self.report(&AMBIGUOUS_COLUMN, || "the column is in several relations in scope".to_owned(), span);
                let mut all = Value::default();
                for (_, value) in &sure {
                    all.merge(value.clone(), &self.names);
                }
                all.lineage.iter_mut().for_each(|origin| origin.guessed = true);
                return Some(all);
            }
            self.record_read(scope, *at, name, depth);
            return Some(value.clone());
        }
        if let Some(value) = self.resolve_alias(key, scope) {
            return Some(value);
        }
        if let Some((at, element)) = scope
            .inputs
            .iter()
            .enumerate()
            .find_map(|(at, input)| Some((at, input.element.as_ref().filter(|_| input.alias == key)?)))
        {
            self.record_read(scope, at, Sym::NONE, depth);
            return Some(element.clone());
        }
        if maybe.is_empty() || self.variables.contains_key(&key) && depth == 0 {
            if let Some(input) = scope.inputs.iter().find(|input| input.alias == key) {
                return Some(input.row(self, span));
            }
            if self.variables.contains_key(&key) {
                return None;
            }
            let (at, element) = scope
                .inputs
                .iter()
                .enumerate()
                .rev()
                .find_map(|(at, input)| Some((at, input.element.as_ref().filter(|_| input.open_element)?)))?;
            self.record_read(scope, at, name, depth);
            return Some(self.field(element, name));
        }
        if is_niladic(self.names.text(key)) {
            return Some(Value::default());
        }
        if let Some(input) = scope.inputs.iter().find(|input| input.alias == key && input.element.is_none()) {
            return Some(input.row(self, span));
        }
        if maybe.len() == 1
            && let Some((at, value)) = maybe.pop()
        {
            if value.lineage.iter().any(|origin| origin.relation == UNKNOWN) {
                self.report(&AMBIGUOUS_COLUMN, || "the column may come from several relations under a star".to_owned(), span);
            }
            self.record_read(scope, at, name, depth);
            return Some(value);
        }
        let count = maybe.len();
        self.report(
            &AMBIGUOUS_COLUMN,
            || format!("the column is not qualified, and {count} relations in scope may have it"),
            span,
        );
        Some(unknown(name))
    }

    fn resolve_alias(&mut self, key: Sym, scope: &Scope) -> Option<Value> {
        if scope.aliases_hidden.get() {
            return None;
        }
        if let Some(alias) = scope.aliases.iter().find(|alias| alias.key == key) {
            self.trail.extend(alias.reads.iter().copied());
            for link in &alias.links {
                self.link(scope.record, *link);
            }
            return Some(alias.value.clone());
        }
        let (at, expr) =
            scope.pending.iter().enumerate().find_map(|(at, (pending, expr))| (*pending == key).then_some((at, *expr)))?;
        let mut inner = Scope::new(scope.record, scope.parent);
        inner.inputs = scope.inputs.clone();
        inner.aliases_win = true;
        inner.pending = scope.pending.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, pending)| *pending).collect();
        Some(self.value(expr, &inner))
    }

    /// The value of `a.b.c`: a qualified column, a struct path, or both.
    pub(crate) fn resolve_compound(&mut self, idents: &[ast::Ident], scope: &Scope) -> Value {
        let Some((first, rest)) = idents.split_first() else { return Value::default() };
        if rest.is_empty() {
            return self.resolve_column(first, scope);
        }
        let last = &idents[idents.len() - 1];
        if ["nextval", "currval"].iter().any(|word| last.value.eq_ignore_ascii_case(word)) && last.quote_style.is_none() {
            return Value::default();
        }
        if let ([alias], true) = (rest, first.value.eq_ignore_ascii_case("local")) {
            // Exasol's `local.alias` is an alias of the SELECT list.
            let key = self.key(alias);
            if let Some(value) = self.resolve_alias(key, scope) {
                return value;
            }
        }
        let span = self.bytes(first.span).cover(self.bytes(idents[idents.len() - 1].span));
        let mut around = Some(scope);
        let mut depth = 0;
        while let Some(current) = around {
            if let Some((at, used)) = self.find_input(idents, current) {
                if used == 1 && self.means_column(first, &rest[0], &current.inputs[at]) {
                    break;
                }
                return self.resolve_qualified(&idents[used..], current, at, depth, span);
            }
            around = current.parent;
            depth += 1;
        }
        if let Some(value) = self.nested_column(idents, scope) {
            return value;
        }
        let before = self.trail.len();
        let value = self.resolve_column(first, scope);
        self.path(value, rest, before)
    }

    /// ClickHouse's `items.sku` is a column of that whole name.
    fn nested_column(&mut self, idents: &[ast::Ident], scope: &Scope) -> Option<Value> {
        if self.dialect != Dialect::ClickHouse {
            return None;
        }
        let mut name = Sym::NONE;
        for ident in idents {
            let part = self.sym(ident);
            name = self.names.join(name, part);
        }
        let key = self.names.key(name);
        if let Some(column) = scope.merged.iter().find(|column| self.names.key(column.name) == key) {
            return Some(column.value.clone());
        }
        let at = (0..scope.inputs.len()).find(|at| self.surely_has(&scope.inputs[*at], name))?;
        let value = self.column_of(&scope.inputs[at], name)?;
        self.record_read(scope, at, name, 0);
        Some(value)
    }

    /// BigQuery's `FROM d.metrics` where `metrics.x` is a field of the column `metrics`, not a column of the table.
    fn means_column(&mut self, first: &ast::Ident, next: &ast::Ident, input: &Input) -> bool {
        let (name, next) = (self.sym(first), self.sym(next));
        input.element.is_none() && self.surely_has(input, name) && self.column_of(input, next).is_none()
    }

    /// The input that a prefix of `idents` names, and how many of them that takes.
    fn find_input(&mut self, idents: &[ast::Ident], scope: &Scope) -> Option<(usize, usize)> {
        let keys: SmallVec<[Sym; 4]> = idents.iter().map(|ident| self.key(ident)).collect();
        if let Some(at) = scope.inputs.iter().rposition(|input| input.alias == keys[0]) {
            return Some((at, 1));
        }
        for used in (2..keys.len()).rev() {
            let named = |input: &Input| input.path.len() >= used && input.path[input.path.len() - used..] == keys[..used];
            if let Some(at) = scope.inputs.iter().position(named) {
                return Some((at, used));
            }
        }
        None
    }

    fn resolve_qualified(&mut self, rest: &[ast::Ident], scope: &Scope, at: usize, depth: u32, span: Span) -> Value {
        let input = &scope.inputs[at];
        let Some((column, path)) = rest.split_first() else { return input.row(self, span) };
        let name = self.sym(column);
        let key = self.names.key(name);
        let before = self.trail.len();
        let value = match input.find(name, key, self) {
            Found::Yes(value) => value,
            Found::Maybe(value) => {
                if value.lineage.iter().any(|origin| origin.relation == UNKNOWN) {
                    self.report(&AMBIGUOUS_COLUMN, || "the column may come from several relations under a star".to_owned(), span);
                }
                value
            }
            Found::No => match &input.element {
                Some(element) => {
                    let element = element.clone();
                    self.record_read(scope, at, Sym::NONE, depth);
                    return self.path(element, rest, before);
                }
                None => {
                    let alias = self.names.text(input.alias).to_owned();
                    self.report(&UNKNOWN_COLUMN, || format!("`{alias}` has no column `{}`", column.value), span);
                    match &input.relation {
                        InputColumns::Base { relation, .. } => Value::base(*relation, name, true),
                        InputColumns::Derived(_) => Value::default(),
                    }
                }
            },
        };
        self.record_read(scope, at, name, depth);
        self.path(value, path, before)
    }

    /// `value.a.b`; reads recorded since `before` get the path too.
    pub(crate) fn path(&mut self, mut value: Value, path: &[ast::Ident], before: usize) -> Value {
        for ident in path {
            let field = self.sym(ident);
            value = self.field(&value, field);
            for at in before..self.trail.len() {
                self.trail[at].column = self.names.join(self.trail[at].column, field);
            }
        }
        value
    }

    /// One field of a struct (or of every struct of an array).
    pub(crate) fn field(&mut self, value: &Value, field: Sym) -> Value {
        let key = self.names.key(field);
        if let Some(fields) = &value.fields {
            if let Some(column) = fields.find(key, &self.names) {
                return column.value.clone();
            }
            let candidates: Vec<Value> = fields.stars().filter_map(|star| star.column(field, key, &mut self.names)).collect();
            if let [only] = candidates.as_slice() {
                return only.clone();
            }
            if candidates.is_empty()
                && let Some(value) = fields.at_position(self.names.text(key))
            {
                return value;
            }
        }
        let lineage = value.lineage.iter().map(|origin| match origin.kind {
            ColumnEdgeKind::Identity if origin.column != Sym::STAR => {
                Origin { column: self.names.join(origin.column, field), ..*origin }
            }
            _ => *origin,
        });
        Value::of(lineage.collect())
    }

    /// Every field of a struct value, for `s.*` and UNNEST.
    pub(crate) fn fields(&mut self, value: &Value, span: Span) -> Vec<Item> {
        if let Some(fields) = &value.fields {
            return fields.items.clone();
        }
        let mut items = Vec::new();
        let mut open: SmallVec<[StarOrigin; 1]> = SmallVec::new();
        for origin in value.lineage.iter().filter(|origin| origin.kind == ColumnEdgeKind::Identity) {
            if origin.relation == UNKNOWN {
                continue;
            }
            let nested = self.nested_fields(origin.relation, origin.column);
            if nested.is_empty() {
                open.push(StarOrigin { relation: origin.relation, prefix: origin.column });
            }
            for field in nested {
                let path = self.names.join(origin.column, field);
                items.push(Item::Column(Column { name: field, value: Value::base(origin.relation, path, origin.guessed), span }));
            }
        }
        if !open.is_empty() && items.is_empty() {
            let kind = ColumnEdgeKind::Identity;
            let star = OpenStar { from: open, except: Rc::from([]), kind, made_of: Lineage::new(), span };
            items.push(Item::Star(star));
        }
        items
    }

    /// Names of the fields that are known right below `column` of `relation`.
    fn nested_fields(&mut self, relation: RelationIndex, column: Sym) -> Vec<Sym> {
        let shape = self.shape(relation);
        let Some(known) = shape.known.clone() else { return Vec::new() };
        let prefix = format!("{}.", self.names.text(column).to_lowercase());
        let mut fields = Vec::new();
        for path in &known.nested {
            if path.len() > prefix.len()
                && path.is_char_boundary(prefix.len())
                && path[..prefix.len()].to_lowercase() == prefix
                && !path[prefix.len()..].contains('.')
            {
                fields.push(self.names.intern(&path[prefix.len()..]));
            }
        }
        fields
    }

    fn record_read(&mut self, scope: &Scope, at: usize, column: Sym, depth: u32) {
        let (input, prefix) = scope.inputs[at].record;
        let input = if depth == 0 { input } else { u32::MAX };
        let column = self.names.join(prefix, column);
        self.trail.push(Read { input, column, kind: ColumnEdgeKind::Identity });
    }

    fn record_merged(&mut self, scope: &Scope, name: Sym, key: Sym, depth: u32) {
        for at in 0..scope.inputs.len() {
            if !matches!(scope.inputs[at].find(name, key, self), Found::No) {
                self.record_read(scope, at, name, depth);
                return;
            }
        }
    }

    /// The value of `name` in one input, if it is or may be there.
    pub(crate) fn column_of(&mut self, input: &Input, name: Sym) -> Option<Value> {
        let key = self.names.key(name);
        match input.find(name, key, self) {
            Found::Yes(value) | Found::Maybe(value) => Some(value),
            Found::No => None,
        }
    }

    /// Whether `name` is known to be a column of the input.
    pub(crate) fn surely_has(&mut self, input: &Input, name: Sym) -> bool {
        let key = self.names.key(name);
        matches!(input.find(name, key, self), Found::Yes(_))
    }
}

impl Scope<'_> {
    /// The argument at a 1-based position of the routine whose body this is.
    fn parameter(&self, at: usize) -> Value {
        let mut around = Some(self);
        while let Some(scope) = around {
            if let [Input { record: (u32::MAX, _), hidden: true, relation: InputColumns::Derived(columns), .. }] =
                scope.inputs.as_slice()
            {
                return columns.columns().nth(at.wrapping_sub(1)).map(|column| column.value.clone()).unwrap_or_default();
            }
            around = scope.parent;
        }
        Value::default()
    }

    fn has_inputs(&self) -> bool {
        !self.inputs.is_empty() || self.parent.is_some_and(Scope::has_inputs)
    }
}

/// Names that look like columns and are functions.
fn is_niladic(key: &str) -> bool {
    matches!(
        key,
        "current_date"
            | "current_time"
            | "current_timestamp"
            | "localtime"
            | "localtimestamp"
            | "current_user"
            | "session_user"
            | "current_role"
            | "current_schema"
            | "current_catalog"
            | "sysdate"
            | "systimestamp"
            | "user"
            | "rownum"
            | "getdate"
            | "default"
    )
}

/// Names that a query over a hierarchy or a script has, and no table.
fn is_of_hierarchy(key: &str) -> bool {
    matches!(key, "level" | "connect_by_iscycle" | "connect_by_isleaf") || key.starts_with(['@', ':'])
}
