//! CREATE FUNCTION and CREATE MACRO: bodies that calls inline.

use super::{Created, Outcome};
use crate::model::{AssetKind, KnownRoutine, RelationName, ScopeKind, Span};
use crate::sql::{
    engine::{Engine, Routine, RoutineBody},
    names::Sym,
    scope::Scope,
    value::{Column, Item, Value},
};
use sqlparser::ast::{self, Expr};
use std::rc::Rc;

impl Engine<'_> {
    pub(crate) fn create_function(&mut self, create: &ast::CreateFunction, out: &mut Outcome) {
        out.verb = "create function";
        let parameters: Vec<String> = create
            .args
            .iter()
            .flatten()
            .map(|argument| argument.name.as_ref().map_or(String::new(), |name| name.value.clone()))
            .collect();
        let language = create.language.as_ref().map(|language| language.value.to_lowercase());
        let sql = language.as_deref().is_none_or(|language| language == "sql");
        let body = create.function_body.as_ref().filter(|_| sql);
        let (text, is_table, body) = match body {
            Some(
                ast::CreateFunctionBody::AsBeforeOptions { body, .. }
                | ast::CreateFunctionBody::AsAfterOptions(body)
                | ast::CreateFunctionBody::Return(body)
                | ast::CreateFunctionBody::AsReturnExpr(body),
            ) => self.function_body(body, create),
            Some(ast::CreateFunctionBody::AsReturnSelect(select)) => {
                let text = format!("({select})");
                let body = crate::sql::script::parse_routine_body(&text, true, self.dialect);
                (Some(text), true, body)
            }
            Some(ast::CreateFunctionBody::AsBeginEnd(_)) | None => (None, false, RoutineBody::Opaque),
        };
        let name = self.relation_name(&create.name);
        self.define_routine(name, parameters, text, is_table, body, out);
    }

    fn function_body(&mut self, body: &Expr, create: &ast::CreateFunction) -> (Option<String>, bool, RoutineBody) {
        let returns_table = matches!(
            &create.return_type,
            Some(ast::FunctionReturnType::SetOf(_) | ast::FunctionReturnType::DataType(ast::DataType::Table(_)))
        );
        match body {
            Expr::Value(literal) => match literal.value.clone().into_string() {
                Some(text) => {
                    let parsed = crate::sql::script::parse_routine_body(&text, returns_table, self.dialect);
                    let is_table = returns_table;
                    (Some(text), is_table, parsed)
                }
                None => (Some(body.to_string()), false, RoutineBody::Expression(Box::new(body.clone()))),
            },
            Expr::Subquery(query) if returns_table => (Some(query.to_string()), true, RoutineBody::Query(query.clone())),
            other => (Some(other.to_string()), false, RoutineBody::Expression(Box::new(other.clone()))),
        }
    }

    pub(crate) fn create_macro(
        &mut self,
        name: &ast::ObjectName,
        args: Option<&[ast::MacroArg]>,
        definition: &ast::MacroDefinition,
        out: &mut Outcome,
    ) {
        out.verb = "create macro";
        let parameters = args.unwrap_or_default().iter().map(|argument| argument.name.value.clone()).collect();
        let (text, is_table, body) = match definition {
            ast::MacroDefinition::Expr(expr) => (expr.to_string(), false, RoutineBody::Expression(Box::new(expr.clone()))),
            ast::MacroDefinition::Table(query) => (query.to_string(), true, RoutineBody::Query(query.clone())),
        };
        let name = self.relation_name(name);
        self.define_routine(name, parameters, Some(text), is_table, body, out);
    }

    pub(crate) fn define_routine(
        &mut self,
        name: RelationName,
        parameters: Vec<String>,
        text: Option<String>,
        is_table: bool,
        body: RoutineBody,
        out: &mut Outcome,
    ) {
        let relation = self.relation(&name);
        let symbols: Vec<Sym> = parameters.iter().map(|parameter| self.names.intern(parameter)).collect();
        let items = symbols
            .iter()
            .map(|name| Item::Column(Column { name: *name, value: Value::default(), span: Span::default() }))
            .collect();
        let record = self.open_scope(ScopeKind::Computed, Span::default());
        let mut scope = Scope::new(record, None);
        scope.inputs.push(crate::sql::expr::parameter_input(items));
        let overridden = self.span_override.replace(Span::default());
        let mut is_aggregate = false;
        match &body {
            RoutineBody::Expression(expr) => {
                self.value(expr, &scope);
                is_aggregate = crate::sql::expr::aggregates(expr);
                out.roots.push(record);
            }
            RoutineBody::Query(query) => {
                let result = self.query(query, Some(&scope));
                self.write(Some(relation), &result, None, out);
                out.outputs = Some(Rc::clone(&result.columns));
                out.roots.push(result.scope);
            }
            RoutineBody::Opaque => {}
        }
        self.span_override = overridden;
        self.trail.clear();
        out.created.push(Created { relation, kind: AssetKind::Routine, temporary: false });
        let key = name.to_string().to_lowercase();
        self.routines.insert(key, Some(Rc::new(Routine { parameters: symbols, body, is_aggregate })));
        out.routine = Some((name, KnownRoutine { parameters, body: text, is_table, is_aggregate }));
    }
}
