//! Set operations: rows of two queries put together, by place or by name.

use sqlparser::ast::{SetOperator as O, SetQuantifier as Q};

use super::{
    term::{Block, Formed, NoForm, Output, Rows, Term, Word},
    translate::{Translator, columns_of},
};

impl Translator<'_> {
    /// The rows of `left op right`; both must have known columns, as many of each.
    pub(super) fn set_operation(&mut self, left: Rows, op: O, quantifier: Q, right: Rows) -> Formed<Rows> {
        let by_name = matches!(quantifier, Q::ByName | Q::AllByName | Q::DistinctByName);
        let (left, right) = if by_name { self.by_name(left, right)? } else { (left, right) };
        let ((names, open), (others, other_open)) = (columns_of(&left), columns_of(&right));
        if open || other_open || names.len() != others.len() {
            return Err(NoForm);
        }
        let set = |word: &str, left, right, names| Ok(Rows::Set(word.into(), vec![left, right], names));
        match (op, quantifier) {
            (O::Union, Q::All | Q::AllByName) => Ok(union(left, right, names)),
            (O::Union, _) => self.distinct(union(left, right, names)),
            (O::Intersect, Q::Distinct | Q::None) => set("intersect", left, right, names),
            (O::Except | O::Minus, Q::Distinct | Q::None) => set("except", left, right, names),
            (O::Intersect, Q::All) => set("intersect all", left, right, names),
            (O::Except | O::Minus, Q::All) => set("except all", left, right, names),
            _ => Err(NoForm),
        }
    }

    /// Both sides with the columns of either, in one order.
    fn by_name(&mut self, left: Rows, right: Rows) -> Formed<(Rows, Rows)> {
        let ((mut names, open), (others, other_open)) = (columns_of(&left), columns_of(&right));
        if open || other_open {
            return Err(NoForm);
        }
        if names == others {
            return Ok((left, right));
        }
        for name in others {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok((self.with_columns(left, &names), self.with_columns(right, &names)))
    }

    /// The rows with the columns `names` in this order, NULL where they have none of that name.
    fn with_columns(&mut self, rows: Rows, names: &[Word]) -> Rows {
        let id = self.new_input();
        let value = |name: &Word| match rows.position(name) {
            Some(_) => Term::Column(id, name.clone()),
            None => Term::constant("null"),
        };
        let outputs = names.iter().map(|name| Output::Column(name.clone(), value(name))).collect();
        Rows::Block(Box::new(Block::of(id, rows, outputs)))
    }
}

/// UNION ALL; nested ones are one.
fn union(left: Rows, right: Rows, names: Vec<Word>) -> Rows {
    let mut branches = Vec::new();
    for side in [left, right] {
        match side {
            Rows::Set(word, inner, _) if &*word == "union all" => branches.extend(inner),
            other => branches.push(other),
        }
    }
    Rows::Set("union all".into(), branches, names)
}
