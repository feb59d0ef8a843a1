//! One script and one of its output columns in, a [`Computation`] out: what is computed, freed of how
//! it was written.
//!
//! Queries become rows and terms ([`term`], [`translate`], [`from`], [`expression`], [`function`]) with
//! names resolved and CTEs, temporary tables and SQL functions in place; subqueries are merged where
//! that is certain ([`merge`]); then everything is printed in one order ([`print`]). Whatever is not
//! known to have a normal form ends in `None`: two computations are never the same by omission.

mod expression;
mod from;
mod function;
mod idle;
mod merge;
mod names;
mod normal;
mod print;
mod sets;
mod term;
mod translate;

use std::rc::Rc;

use sqlparser::ast::{self, Statement};

use self::{
    merge::merge,
    print::print,
    term::{Formed, NoForm, Output, Rows, Word},
    translate::{Definition, RoutineForm, Translator, columns_of},
};
use super::{
    Lookups, Options,
    deep::with_deep_stack,
    parse::{Body, Parsed},
};
use crate::model::{Computation, RelationName};

/// What each of `columns` of `target` computes, in their order; `target` is `None` for a bare SELECT.
///
/// `None` where more than one statement fills the target, where the column is not found, and where
/// the query is too large or has what no normal form is known for.
pub(super) fn compute(
    parsed: &[Parsed],
    options: &Options,
    lookups: &dyn Lookups,
    target: Option<&RelationName>,
    columns: &[&str],
) -> Vec<Option<Computation>> {
    let mut translator = Translator::new(options.dialect, lookups);
    let mut found: Option<Formed<Rows>> = None;
    for piece in parsed {
        let Body::Statement(statement) = &piece.body else { continue };
        let filling = with_deep_stack(piece.height, || read(statement, &mut translator, target));
        if let Some(rows) = filling {
            if found.is_some() {
                return vec![None; columns.len()];
            }
            found = Some(rows);
        }
    }
    let Some(Ok(rows)) = found else { return vec![None; columns.len()] };
    columns.iter().map(|column| computation(&mut translator, rows.clone(), column).ok()).collect()
}

fn computation(translator: &mut Translator, rows: Rows, column: &str) -> Formed<Computation> {
    let folded = names::column(&ast::Ident::new(column), translator.dialect);
    let quoted: Word = format!("\"{column}\"").into();
    let (names, open) = columns_of(&rows);
    let name = names.iter().find(|name| **name == folded || **name == quoted || name.eq_ignore_ascii_case(column)).cloned();
    let name = name.or_else(|| only_unnamed(&names)).or(open.then_some(folded)).ok_or(NoForm)?;
    let (mut block, named) = translator.around(rows);
    block.outputs = vec![Output::Column(name.clone(), term::Term::Column(named.id, name))];
    match merge(Rows::Block(Box::new(block)))? {
        Rows::Block(block) => print(&block),
        Rows::Set(..) | Rows::Values(..) => Err(NoForm),
    }
}

/// The only column, where it has no name of its own.
fn only_unnamed(names: &[Word]) -> Option<Word> {
    match names {
        [only] if only.starts_with('#') => Some(only.clone()),
        _ => None,
    }
}

/// Reads one statement: what it defines for later ones, and the rows that it fills the target with.
fn read(statement: &Statement, translator: &mut Translator, target: Option<&RelationName>) -> Option<Formed<Rows>> {
    let dialect = translator.dialect;
    let is_target =
        |name: &RelationName| target.is_some_and(|target| names::relation(target, dialect) == names::relation(name, dialect));
    match statement {
        Statement::Query(query) => match made_by_into(query) {
            Some((name, temporary)) => {
                let rows =
                    translator.relation_name(&name).is_ok_and(|name| is_target(&name)).then(|| fill(translator, query, &[]));
                if temporary {
                    define(translator, &name, query, &[]);
                }
                rows
            }
            None => target.is_none().then(|| translator.query(query, None)),
        },
        Statement::CreateView(view) => {
            let name = translator.relation_name(&view.name).ok()?;
            let columns: Vec<Word> = view.columns.iter().map(|column| names::column(&column.name, dialect)).collect();
            let rows = is_target(&name).then(|| fill(translator, &view.query, &columns));
            if view.temporary {
                define(translator, &view.name, &view.query, &columns);
            }
            rows
        }
        Statement::CreateTable(table) => {
            let name = translator.relation_name(&table.name).ok()?;
            let query = table.query.as_ref()?;
            let rows = is_target(&name).then(|| fill(translator, query, &[]));
            if table.temporary {
                define(translator, &table.name, query, &[]);
            }
            rows
        }
        Statement::Insert(insert) => {
            let ast::TableObject::TableName(table) = &insert.table else { return None };
            let name = translator.relation_name(table).ok()?;
            forget(translator, table);
            if !is_target(&name) {
                return None;
            }
            let columns: Vec<Word> = insert
                .columns
                .iter()
                .filter_map(|column| column.0.last().and_then(|part| part.as_ident()).map(|ident| names::column(ident, dialect)))
                .collect();
            Some(insert.source.as_ref().ok_or(NoForm).and_then(|source| fill(translator, source, &columns)))
        }
        Statement::CreateFunction(function) => {
            let key = super::expr::function_key(&function.name);
            translator.routines.insert(key, Rc::new(routine(function, dialect)));
            None
        }
        Statement::Drop { names, .. } => {
            names.iter().for_each(|name| forget(translator, name));
            None
        }
        Statement::Truncate(truncate) => {
            truncate.table_names.iter().for_each(|table| forget(translator, &table.name));
            None
        }
        Statement::Update(update) => {
            let ast::TableFactor::Table { name, .. } = &update.table.relation else { return None };
            forget(translator, name);
            translator.relation_name(name).is_ok_and(|name| is_target(&name)).then_some(Err(NoForm))
        }
        Statement::Merge(merge) => {
            let ast::TableFactor::Table { name, .. } = &merge.table else { return None };
            forget(translator, name);
            translator.relation_name(name).is_ok_and(|name| is_target(&name)).then_some(Err(NoForm))
        }
        Statement::Delete(_) | Statement::AlterTable(_) => {
            // Whatever was known of temporary tables may not hold any more.
            translator.definitions.clear();
            None
        }
        // No other statement fills a relation from one query.
        _ => None,
    }
}

fn fill(translator: &mut Translator, query: &ast::Query, columns: &[Word]) -> Formed<Rows> {
    let mut rows = translator.query(query, None)?;
    from::rename(&mut rows, columns)?;
    Ok(rows)
}

/// From here on, the name of a temporary table means its query.
fn define(translator: &mut Translator, name: &ast::ObjectName, query: &ast::Query, columns: &[Word]) {
    if let Ok(name) = translator.relation_name(name) {
        let name = names::relation(&name, translator.dialect);
        let mut query = query.clone();
        if let ast::SetExpr::Select(select) = query.body.as_mut() {
            select.into = None;
        }
        translator.definitions.push(Definition { name, query: Some(Rc::new(query)), columns: columns.to_vec() });
    }
}

/// From here on, the name means a relation of which nothing is known.
fn forget(translator: &mut Translator, name: &ast::ObjectName) {
    if let Ok(name) = translator.relation_name(name) {
        let name = names::relation(&name, translator.dialect);
        if translator.definitions.iter().any(|definition| definition.name == name) {
            translator.definitions.push(Definition { name, query: None, columns: Vec::new() });
        }
    }
}

/// The relation that SELECT … INTO makes, and whether it is a temporary one.
fn made_by_into(query: &ast::Query) -> Option<(ast::ObjectName, bool)> {
    let ast::SetExpr::Select(select) = query.body.as_ref() else { return None };
    let into = select.into.as_ref()?;
    let idents = match into.targets.as_slice() {
        [ast::Expr::Identifier(ident)] => vec![ident.clone()],
        [ast::Expr::CompoundIdentifier(idents)] => idents.clone(),
        _ => return None,
    };
    let temporary = into.temporary || idents.last().is_some_and(|name| name.value.starts_with('#'));
    Some((ast::ObjectName(idents.into_iter().map(ast::ObjectNamePart::Identifier).collect()), temporary))
}

fn routine(function: &ast::CreateFunction, dialect: crate::model::Dialect) -> RoutineForm {
    let sql = function.language.as_ref().is_none_or(|language| language.value.eq_ignore_ascii_case("sql"));
    let body = match &function.function_body {
        Some(
            ast::CreateFunctionBody::AsBeforeOptions { body, .. }
            | ast::CreateFunctionBody::AsAfterOptions(body)
            | ast::CreateFunctionBody::Return(body)
            | ast::CreateFunctionBody::AsReturnExpr(body),
        ) if sql => body,
        _ => return RoutineForm::Other,
    };
    let parameters: Option<Vec<Word>> =
        function.args.iter().flatten().map(|argument| argument.name.as_ref().map(|name| names::column(name, dialect))).collect();
    let text = match body {
        ast::Expr::Value(value) => value.value.clone().into_string(),
        _ => None,
    };
    let body = match text {
        Some(text) => match super::script::parse_routine_body(&text, false, dialect) {
            super::engine::RoutineBody::Expression(body) => body,
            _ => return RoutineForm::Other,
        },
        None => Box::new(body.clone()),
    };
    match parameters {
        Some(parameters) => RoutineForm::Expression(parameters, body),
        None => RoutineForm::Other,
    }
}
