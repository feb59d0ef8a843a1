//! Variables, USE, EXECUTE and blocks.

use super::{Created, Outcome, constant};
use crate::model::{AssetKind, DYNAMIC_SQL, Dialect, RelationName, Span};
use crate::sql::{engine::Engine, names::Sym, scope::struct_of, spans::span_of, value::Value};
use sqlparser::ast::{self, Expr, Statement};

impl Engine<'_> {
    pub(crate) fn declare(&mut self, declarations: &[ast::Declare], out: &mut Outcome) {
        out.verb = "declare";
        let scope = self.plain_scope(out);
        for declaration in declarations {
            if let Some(ast::DataType::Table(Some(columns))) = &declaration.data_type {
                for name in &declaration.names {
                    let relation = self.relation(&RelationName::new([crate::model::Ident::bare(name.value.as_str())]));
                    let columns: Vec<Sym> = columns.iter().map(|column| self.sym(&column.name)).collect();
                    self.set_shape(relation, columns, true);
                    out.created.push(Created { relation, kind: AssetKind::Table, temporary: true });
                }
                continue;
            }
            let mut value = match &declaration.assignment {
                Some(
                    ast::DeclareAssignment::Expr(expr)
                    | ast::DeclareAssignment::Default(expr)
                    | ast::DeclareAssignment::DuckAssignment(expr)
                    | ast::DeclareAssignment::For(expr)
                    | ast::DeclareAssignment::MsSqlAssignment(expr),
                ) => self.value(expr, &scope),
                None => Value::default(),
            };
            if let Some(query) = &declaration.for_query {
                let result = self.query(query, None);
                value = struct_of(result.columns.items.clone());
                out.roots.push(result.scope);
            }
            let text = match &declaration.assignment {
                Some(
                    ast::DeclareAssignment::Expr(expr)
                    | ast::DeclareAssignment::Default(expr)
                    | ast::DeclareAssignment::MsSqlAssignment(expr),
                ) => self.known_text(expr),
                _ => None,
            };
            for name in &declaration.names {
                let key = self.key(name);
                self.variables.insert(key, value.clone());
                if text.is_some() {
                    self.keep_text(key, text.clone());
                }
            }
        }
        self.trail.clear();
    }

    pub(crate) fn set(&mut self, set: &ast::Set, out: &mut Outcome) {
        out.verb = "set";
        let scope = self.plain_scope(out);
        match set {
            ast::Set::SingleAssignment { variable, values, .. } => {
                let name = variable.0.last().and_then(|part| part.as_ident());
                if let (Some(name), [value]) = (name, values.as_slice()) {
                    let is_path = name.value.eq_ignore_ascii_case("search_path");
                    if is_path && let Some(schema) = constant(value) {
                        self.session.1 = Some(schema);
                        return;
                    }
                    let text = self.known_text(value);
                    let value = self.value(value, &scope);
                    let key = self.key(name);
                    self.keep_text(key, text);
                    self.set_variable(key, value);
                }
            }
            ast::Set::ParenthesizedAssignments { variables, values } => {
                let mut assigned: Vec<Value> = values.iter().map(|value| self.value(value, &scope)).collect();
                if let [only] = assigned.as_slice()
                    && let Some(fields) = only.fields.clone()
                {
                    assigned = fields.columns().map(|column| column.value.clone()).collect();
                }
                for (variable, value) in variables.iter().zip(assigned) {
                    if let Some(name) = variable.0.last().and_then(|part| part.as_ident()) {
                        let key = self.key(name);
                        self.set_variable(key, value);
                    }
                }
            }
            ast::Set::MultipleAssignments { assignments } => {
                for assignment in assignments {
                    let value = self.value(&assignment.value, &scope);
                    if let Some(name) = assignment.name.0.last().and_then(|part| part.as_ident()) {
                        let key = self.key(name);
                        self.set_variable(key, value);
                    }
                }
            }
            _ => {}
        }
        self.trail.clear();
    }

    /// The text that an expression is, where it is made of literals and variables of known text.
    pub(crate) fn known_text(&mut self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Identifier(ident) => {
                let key = self.key(ident);
                self.texts.get(&key).cloned().flatten()
            }
            Expr::Nested(inner) => self.known_text(inner),
            Expr::BinaryOp { left, op: ast::BinaryOperator::StringConcat | ast::BinaryOperator::Plus, right } => {
                let left = self.known_text(left)?;
                Some(left + &self.known_text(right)?)
            }
            Expr::Value(_) => constant(expr),
            _ => None,
        }
    }

    /// Remembers the text of a variable; one that is set again to another is not known any more.
    pub(crate) fn keep_text(&mut self, key: Sym, text: Option<String>) {
        let kept = match self.texts.get(&key) {
            Some(before) if *before != text => None,
            _ => text,
        };
        self.texts.insert(key, kept.filter(|text| text.len() < 1 << 20));
    }

    /// A variable may be set on several paths through a script: its values add up.
    pub(crate) fn set_variable(&mut self, key: Sym, value: Value) {
        let mut all = self.variables.remove(&key).unwrap_or_default();
        all.merge(value, &self.names);
        self.variables.insert(key, all);
    }

    pub(crate) fn use_database(&mut self, target: &ast::Use, out: &mut Outcome) {
        out.verb = "use";
        let parts = |name: &ast::ObjectName| -> Vec<String> {
            name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.clone()).collect()
        };
        match target {
            ast::Use::Catalog(name) | ast::Use::Database(name) => {
                self.session.0 = parts(name).pop();
                if matches!(self.dialect, Dialect::MySql | Dialect::Hive | Dialect::Spark | Dialect::ClickHouse) {
                    self.session.1 = self.session.0.take();
                }
            }
            ast::Use::Schema(name) | ast::Use::Object(name) => match parts(name).as_slice() {
                [schema] => {
                    if matches!(self.dialect, Dialect::Snowflake | Dialect::MsSql | Dialect::Generic)
                        && matches!(target, ast::Use::Object(_))
                    {
                        self.session.0 = Some(schema.clone());
                    } else {
                        self.session.1 = Some(schema.clone());
                    }
                }
                [database, schema] => self.session = (Some(database.clone()), Some(schema.clone())),
                _ => {}
            },
            ast::Use::Warehouse(_) | ast::Use::Role(_) | ast::Use::SecondaryRoles(_) | ast::Use::Default => {}
        }
    }

    pub(crate) fn execute(&mut self, name: Option<&ast::ObjectName>, parameters: &[Expr], immediate: bool, out: &mut Outcome) {
        out.verb = if immediate { "execute immediate" } else { "execute" };
        let dynamic = immediate
            || name.is_some_and(|name| name.to_string().to_lowercase().ends_with("sp_executesql"))
            || (name.is_none() && self.dialect == Dialect::MsSql);
        if !dynamic {
            if let Some(name) = name
                && name.0.last().and_then(|part| part.as_ident()).is_some_and(|last| last.value.eq_ignore_ascii_case("sp_rename"))
            {
                return self.rename_by_call(parameters, out);
            }
            if let Some(name) = name {
                let name = self.relation_name(name);
                if !self.calls.contains(&name) {
                    self.calls.push(name);
                }
            }
            return;
        }
        let text = parameters.first().and_then(|parameter| constant(parameter).or_else(|| self.known_text(parameter)));
        let span = parameters.first().map(span_of).unwrap_or_default();
        match text {
            Some(text) if self.may_inline() => self.run_text(&text, span, out),
            _ => self.report(&DYNAMIC_SQL, || "the statement's text is computed at run time".to_owned(), span),
        }
    }

    /// SQL Server's `sp_rename 'schema.old', 'new'`; with a third argument it renames no table.
    fn rename_by_call(&mut self, parameters: &[Expr], out: &mut Outcome) {
        let [old, new, kind @ ..] = parameters else { return };
        let is_table = kind.first().and_then(constant).is_none_or(|kind| kind.eq_ignore_ascii_case("object"));
        let (Some(old), Some(new), true) = (constant(old), constant(new), is_table) else { return };
        let name = |dotted: &str| {
            ast::ObjectName(dotted.split('.').map(|part| ast::ObjectNamePart::Identifier(ast::Ident::new(part))).collect())
        };
        self.rename(&name(&old), &name(&new), out);
    }

    /// Statements of a constant text, as if they stood here.
    fn run_text(&mut self, text: &str, span: Span, out: &mut Outcome) {
        let outer = self.span_override.replace(span);
        self.inline_depth += 1;
        for statement in crate::sql::script::parse_text(text, self.dialect) {
            let mut inner = Outcome::default();
            self.statement_into(&statement, &mut inner);
            out.absorb(inner);
        }
        self.inline_depth -= 1;
        self.span_override = outer;
    }

    pub(crate) fn flat_block(&mut self, statement: &Statement, out: &mut Outcome) {
        out.verb = "block";
        let mut blocks: Vec<&ast::ConditionalStatementBlock> = Vec::new();
        match statement {
            Statement::If(block) => {
                blocks.push(&block.if_block);
                blocks.extend(&block.elseif_blocks);
                blocks.extend(&block.else_block);
            }
            Statement::While(block) => blocks.push(&block.while_block),
            Statement::Case(block) => {
                blocks.extend(&block.when_blocks);
                blocks.extend(&block.else_block);
            }
            _ => {}
        }
        let scope = self.plain_scope(out);
        for block in blocks {
            if let Some(condition) = &block.condition {
                self.value(condition, &scope);
            }
            for statement in block.conditional_statements.statements() {
                let mut inner = Outcome::default();
                self.statement_into(statement, &mut inner);
                out.absorb(inner);
            }
        }
    }
}
