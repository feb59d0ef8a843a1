//! FROM to inputs: inner joins become filters, aliases disappear.

use sqlparser::ast::{self, JoinConstraint as C, JoinOperator as J, TableFactor};

use super::{
    names::{self, Named, Scope},
    normal::{coalesce, compare, conjuncts},
    term::{Formed, From, InputId, NoForm, Output, Rows, Source, Term, Word, apply},
    translate::{Translator, columns_of},
};
use crate::model::{Ident, RelationName};

/// What a FROM clause, or a part of it, comes to.
pub(super) struct Joined {
    pub(super) inputs: Vec<(InputId, Source)>,
    pub(super) from: From,
    /// Conditions of inner joins.
    pub(super) filters: Vec<Term>,
}

impl Translator<'_> {
    pub(super) fn from(&mut self, tables: &[ast::TableWithJoins], scope: &mut Scope) -> Formed<Joined> {
        let mut all = Joined { inputs: Vec::new(), from: From::Cross(Vec::new()), filters: Vec::new() };
        for table in tables {
            let next = self.joined(table, scope)?;
            all = Joined {
                inputs: [all.inputs, next.inputs].concat(),
                from: cross(all.from, next.from),
                filters: [all.filters, next.filters].concat(),
            };
        }
        Ok(all)
    }

    fn joined(&mut self, table: &ast::TableWithJoins, scope: &mut Scope) -> Formed<Joined> {
        let mut left = self.factor(&table.relation, scope)?;
        for join in &table.joins {
            left = self.join(left, join, scope)?;
        }
        Ok(left)
    }

    fn join(&mut self, left: Joined, join: &ast::Join, scope: &mut Scope) -> Formed<Joined> {
        let before = scope.inputs.len();
        let (word, constraint) = match &join.join_operator {
            J::Join(on) | J::Inner(on) | J::CrossJoin(on) | J::StraightJoin(on) => ("inner", on),
            J::Left(on) | J::LeftOuter(on) => ("left", on),
            J::Right(on) | J::RightOuter(on) => ("right", on),
            J::FullOuter(on) => ("full", on),
            J::Semi(on) | J::LeftSemi(on) => ("semi", on),
            J::Anti(on) | J::LeftAnti(on) => ("anti", on),
            J::CrossApply => ("inner", &C::None),
            J::OuterApply => ("left", &C::None),
            _ => return Err(NoForm),
        };
        let right = self.factor(&join.relation, scope)?;
        let mut on = match constraint {
            C::On(condition) => conjuncts(self.term(condition, scope)?),
            C::None => Vec::new(),
            C::Using(columns) => {
                let mut on = Vec::new();
                for column in columns {
                    let ident = column.0.last().and_then(|part| part.as_ident()).ok_or(NoForm)?;
                    on.push(self.merge(names::column(ident, self.dialect), word, before, scope)?);
                }
                on
            }
            C::Natural => return Err(NoForm),
        };
        if matches!(word, "semi" | "anti") {
            scope.inputs[before..].iter_mut().for_each(|input| input.hidden = true);
        }
        let inputs = [left.inputs, right.inputs].concat();
        let joined = |from, filters| Joined { inputs, from, filters };
        Ok(match word {
            "inner" => joined(cross(left.from, right.from), [left.filters, right.filters, on].concat()),
            "right" => {
                on.extend(left.filters);
                joined(From::Join("left".into(), Box::new(right.from), Box::new(left.from), on), right.filters)
            }
            "full" => {
                let (left, right) = (restricted(left.from, left.filters), restricted(right.from, right.filters));
                joined(From::Join("full".into(), Box::new(left), Box::new(right), on), Vec::new())
            }
            word => {
                on.extend(right.filters);
                joined(From::Join(word.into(), Box::new(left.from), Box::new(right.from), on), left.filters)
            }
        })
    }

    /// The column that USING merges: its condition; its value is kept in the scope.
    fn merge(&mut self, name: Word, word: &str, before: usize, scope: &mut Scope) -> Formed<Term> {
        let earlier = scope.merged.iter().find(|(own, _)| *own == name).map(|(_, term)| term.clone());
        let left = match earlier {
            Some(term) => term,
            None => side(&scope.inputs[..before], &name)?,
        };
        let right = side(&scope.inputs[before..], &name)?;
        let merged = match word {
            "right" => right.clone(),
            "full" => coalesce(vec![left.clone(), right.clone()]),
            _ => left.clone(),
        };
        scope.merged.retain(|(own, _)| *own != name);
        scope.merged.push((name, merged));
        Ok(compare("=", left, right))
    }

    fn factor(&mut self, factor: &TableFactor, scope: &mut Scope) -> Formed<Joined> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                version: None,
                sample: None,
                json_path: None,
                with_ordinality: false,
                ..
            } => self.table(name, alias.as_ref(), scope),
            TableFactor::Derived { lateral, subquery, alias, sample: None } => {
                let rows = match lateral {
                    true => self.query(subquery, Some(scope))?,
                    false => self.query(subquery, scope.parent)?,
                };
                self.derived(rows, alias.as_ref(), scope)
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.joined(table_with_joins, scope),
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias, with_ordinality: false } => {
                let [array] = array_exprs.as_slice() else { return Err(NoForm) };
                let call = apply("unnest", vec![self.term(array, scope)?]);
                let offset = with_offset.then(|| match with_offset_alias {
                    Some(alias) => names::column(alias, self.dialect),
                    None => "offset".into(),
                });
                Ok(self.elements(call, alias.as_ref(), offset, scope))
            }
            TableFactor::Function { name, args, alias, with_ordinality: false, .. } => {
                let mut arguments = Vec::new();
                for argument in args {
                    match argument {
                        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => arguments.push(self.term(expr, scope)?),
                        _ => return Err(NoForm),
                    }
                }
                let call = apply(&crate::sql::expr::function_key(name), arguments);
                Ok(self.elements(call, alias.as_ref(), None, scope))
            }
            _ => Err(NoForm),
        }
    }

    fn table(&mut self, name: &ast::ObjectName, alias: Option<&ast::TableAlias>, scope: &mut Scope) -> Formed<Joined> {
        let name = self.relation_name(name)?;
        let first = names::alias(name.parts.first().ok_or(NoForm)?, self.dialect);
        if name.parts.len() > 1 && scope.inputs.iter().any(|input| input.alias == first) {
            return Err(NoForm);
        }
        let path: Vec<Word> = name.parts.iter().map(|part| names::alias(part, self.dialect)).collect();
        let own = path.last().cloned().ok_or(NoForm)?;
        let definition = self.find_definition(&name, &own);
        if let Some((at, definition)) = definition {
            let query = definition.query.ok_or(NoForm)?;
            let later = self.definitions.split_off(at);
            let rows = self.query(&query, None);
            self.definitions.extend(later);
            let mut rows = rows?;
            rename(&mut rows, &definition.columns)?;
            let fallback = ast::TableAlias {
                explicit: false,
                name: ast::Ident::with_quote('"', own.to_string()),
                columns: Vec::new(),
                at: None,
            };
            let joined = self.derived(rows, Some(alias.unwrap_or(&fallback)), scope)?;
            if alias.is_none()
                && let Some(named) = scope.inputs.last_mut()
            {
                named.alias = own;
            }
            return Ok(joined);
        }
        let id = self.new_input();
        let shown = self.lookups.canonical_name(&name).map_or_else(|| names::relation(&name, self.dialect), Word::from);
        let known = self.lookups.relation(&name);
        let columns = known.iter().flat_map(|known| &known.columns).map(|column| column_of(column, self.dialect)).collect();
        let open = known.as_ref().is_none_or(|known| !known.complete);
        let (alias, path) = match alias {
            Some(alias) if alias.columns.is_empty() => (names::column(&alias.name, self.dialect), Vec::new()),
            Some(_) => return Err(NoForm),
            None => (own, path),
        };
        scope.inputs.push(Named { alias, path, id, columns, open, element: false, hidden: false });
        Ok(Joined { inputs: vec![(id, Source::Relation(shown))], from: From::Input(id), filters: Vec::new() })
    }

    /// The CTE or temporary table that `name` means, with its place among the definitions.
    fn find_definition(&self, name: &RelationName, own: &Word) -> Option<(usize, super::translate::Definition)> {
        let whole = names::relation(name, self.dialect);
        let found = self
            .definitions
            .iter()
            .enumerate()
            .rev()
            .find(|(_, definition)| definition.name == whole || (name.parts.len() == 1 && definition.name == *own));
        found.filter(|(_, definition)| definition.query.is_some()).map(|(at, definition)| (at, definition.clone()))
    }

    fn derived(&mut self, mut rows: Rows, alias: Option<&ast::TableAlias>, scope: &mut Scope) -> Formed<Joined> {
        if let Some(alias) = alias {
            let columns: Vec<Word> = alias.columns.iter().map(|column| names::column(&column.name, self.dialect)).collect();
            rename(&mut rows, &columns)?;
        }
        let id = self.new_input();
        let (columns, open) = columns_of(&rows);
        let alias = alias.map_or_else(|| "".into(), |alias| names::column(&alias.name, self.dialect));
        scope.inputs.push(Named { alias, path: Vec::new(), id, columns, open, element: false, hidden: false });
        Ok(Joined { inputs: vec![(id, Source::Rows(rows))], from: From::Input(id), filters: Vec::new() })
    }

    /// UNNEST or a table function: its alias is its value.
    fn elements(&mut self, call: Term, alias: Option<&ast::TableAlias>, offset: Option<Word>, scope: &mut Scope) -> Joined {
        let id = self.new_input();
        let own = alias.map_or_else(|| "".into(), |alias| names::column(&alias.name, self.dialect));
        for column in alias.iter().flat_map(|alias| &alias.columns).enumerate() {
            let value = if column.0 == 0 { "value".into() } else { format!("value{}", column.0 + 1).into() };
            scope.parameters.push((names::column(&column.1.name, self.dialect), Term::Column(id, value)));
        }
        if let Some(offset) = offset {
            scope.parameters.push((offset, Term::Column(id, "offset".into())));
        }
        scope.inputs.push(Named {
            alias: own,
            path: Vec::new(),
            id,
            columns: Vec::new(),
            open: false,
            element: true,
            hidden: false,
        });
        Joined { inputs: vec![(id, Source::Function(call))], from: From::Input(id), filters: Vec::new() }
    }

    /// The name of a relation; a quoted `a.b.c` of BigQuery is three parts.
    pub(super) fn relation_name(&self, name: &ast::ObjectName) -> Formed<RelationName> {
        use crate::model::Dialect as D;
        let mut parts = Vec::new();
        for part in &name.0 {
            let ident = part.as_ident().ok_or(NoForm)?;
            let quoted = ident.quote_style.is_some();
            match quoted && matches!(self.dialect, D::BigQuery | D::Databricks | D::Spark | D::Generic) {
                true => parts.extend(ident.value.split('.').map(|part| Ident::quoted(part.trim()))),
                false => parts.push(Ident { text: ident.value.as_str().into(), quoted }),
            }
        }
        if parts.is_empty() { Err(NoForm) } else { Ok(RelationName { parts }) }
    }
}

fn column_of(name: &str, dialect: crate::model::Dialect) -> Word {
    // A catalog's names are as stored; what a bare word would find is that word.
    let folded = names::column(&ast::Ident::with_quote('"', name), dialect);
    if folded.starts_with('"') { names::column(&ast::Ident::new(name), dialect) } else { folded }
}

/// Gives the first columns other names.
pub(super) fn rename(rows: &mut Rows, columns: &[Word]) -> Formed<()> {
    if columns.is_empty() {
        return Ok(());
    }
    match rows {
        Rows::Block(block) => {
            for (output, name) in block.outputs.iter_mut().zip(columns) {
                match output {
                    Output::Column(own, _) => *own = name.clone(),
                    Output::Star(..) => return Err(NoForm),
                }
            }
        }
        Rows::Set(_, _, names) | Rows::Values(_, names) => {
            names.iter_mut().zip(columns).for_each(|(own, name)| *own = name.clone())
        }
    }
    Ok(())
}

/// The only one of `inputs` that can have the column.
fn side(inputs: &[Named], name: &Word) -> Formed<Term> {
    let sure: Vec<&Named> = inputs.iter().filter(|input| input.columns.contains(name)).collect();
    let open: Vec<&Named> = inputs.iter().filter(|input| input.open && !input.hidden).collect();
    match (sure.as_slice(), open.as_slice()) {
        ([only], _) | ([], [only]) => Ok(Term::Column(only.id, name.clone())),
        // Of several that were joined before, the first is meant: the others were merged into it.
        ([], [first, ..]) => Ok(Term::Column(first.id, name.clone())),
        _ => Err(NoForm),
    }
}

fn cross(left: From, right: From) -> From {
    let mut parts = Vec::new();
    for side in [left, right] {
        match side {
            From::Cross(inner) => parts.extend(inner),
            other => parts.push(other),
        }
    }
    if parts.len() == 1 { parts.remove(0) } else { From::Cross(parts) }
}

/// A side of a FULL JOIN with the conditions of its own joins.
fn restricted(from: From, filters: Vec<Term>) -> From {
    if filters.is_empty() { from } else { From::Join("where".into(), Box::new(from), Box::new(From::Cross(Vec::new())), filters) }
}
