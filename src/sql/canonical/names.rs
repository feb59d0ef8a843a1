//! What names mean while a query is brought to its normal form.

use sqlparser::ast;

use super::{
    normal::field,
    term::{InputId, Term, Word},
};
use crate::model::{Dialect, Folding, RelationName};

/// The names in sight inside one SELECT.
#[derive(Default)]
pub(super) struct Scope<'s> {
    pub(super) inputs: Vec<Named>,
    /// Columns that USING and NATURAL merge.
    pub(super) merged: Vec<(Word, Term)>,
    /// Names of the SELECT list.
    pub(super) aliases: Vec<(Word, Term)>,
    /// Parameters of the routine whose body this is.
    pub(super) parameters: Vec<(Word, Term)>,
    pub(super) windows: Vec<(Word, ast::NamedWindowExpr)>,
    pub(super) parent: Option<&'s Scope<'s>>,
}

/// An input with the names that it is called by.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) alias: Word,
    /// The parts of a table's full name.
    pub(super) path: Vec<Word>,
    pub(super) id: InputId,
    pub(super) columns: Vec<Word>,
    /// Whether it may have other columns.
    pub(super) open: bool,
    /// The alias itself is a value: an element of an array.
    pub(super) element: bool,
    /// No part of a star: the right side of SEMI and ANTI joins.
    pub(super) hidden: bool,
}

impl Scope<'_> {
    /// The value of an unqualified name; `None` where nothing in sight can have it.
    pub(super) fn find(&self, name: &Word) -> Option<Term> {
        if let Some((_, term)) = self.parameters.iter().chain(&self.merged).find(|(own, _)| own == name) {
            return Some(term.clone());
        }
        let sure: Vec<&Named> = self.inputs.iter().filter(|input| input.columns.contains(name)).collect();
        match sure.as_slice() {
            [] => {}
            [only] => return Some(Term::Column(only.id, name.clone())),
            _ => return Some(Term::Name(name.clone())),
        }
        if let Some(element) = self.inputs.iter().find(|input| input.element && input.alias == *name) {
            return Some(Term::Column(element.id, "value".into()));
        }
        if let Some((_, term)) = self.aliases.iter().find(|(own, term)| own == name && !reads_itself(term, name)) {
            return Some(term.clone());
        }
        let open: Vec<&Named> = self.inputs.iter().filter(|input| input.open).collect();
        match open.as_slice() {
            [] => self.parent.and_then(|parent| parent.find(name)),
            [only] => Some(Term::Column(only.id, name.clone())),
            _ => Some(Term::Name(name.clone())),
        }
    }

    /// The value of `a.b.c`.
    pub(super) fn find_path(&self, parts: &[Word]) -> Option<Term> {
        let mut around = Some(self);
        while let Some(scope) = around {
            for input in &scope.inputs {
                let used = input.names(parts);
                if let (true, Some(column)) = (used > 0, parts.get(used)) {
                    if used == 1 && input.means_column(&parts[0], column) {
                        return Some(fields(Term::Column(input.id, parts[0].clone()), &parts[1..]));
                    }
                    return Some(fields(Term::Column(input.id, column.clone()), &parts[used + 1..]));
                }
            }
            around = scope.parent;
        }
        let (first, rest) = parts.split_first()?;
        self.find(first).map(|root| fields(root, rest))
    }

    /// The input called `parts`.
    pub(super) fn find_input(&self, parts: &[Word]) -> Option<&Named> {
        self.inputs.iter().find(|input| input.names(parts) == parts.len() && !parts.is_empty())
    }
}

impl Named {
    /// BigQuery's `FROM d.metrics` where `metrics.x` is a field of the column `metrics`, not a column of the table.
    fn means_column(&self, first: &Word, next: &Word) -> bool {
        !self.element && self.columns.contains(first) && !self.columns.contains(next)
    }

    /// How many of the first `parts` are its name.
    fn names(&self, parts: &[Word]) -> usize {
        if parts.first() == Some(&self.alias) {
            return 1;
        }
        (1..=self.path.len())
            .rev()
            .find(|count| parts.len() > *count && self.path[self.path.len() - count..] == parts[..*count])
            .unwrap_or(0)
    }
}

/// Whether an alias is made of a column of its own name: the column is there, and it comes first.
pub(super) fn reads_itself(term: &Term, name: &Word) -> bool {
    !matches!(term, Term::Column(..))
        && term.any(&mut |term| matches!(term, Term::Column(_, own) | Term::Name(own) if own == name))
}

/// The fields of a struct, one in the other.
pub(super) fn fields(root: Term, path: &[Word]) -> Term {
    path.iter().fold(root, |value, name| field(value, name.clone()))
}

/// The name of a column, in lower case where the dialect would find it so.
pub(super) fn column(ident: &ast::Ident, dialect: Dialect) -> Word {
    folded(&ident.value, ident.quote_style.is_some(), dialect.column_folding())
}

/// The name of a relation, in lower case where the dialect would find it so.
pub(super) fn relation(name: &RelationName, dialect: Dialect) -> Word {
    let folding = dialect.table_folding();
    let parts: Vec<Word> = name.parts.iter().map(|part| folded(&part.text, part.quoted, folding)).collect();
    parts.join(".").into()
}

/// The last part of a relation's name, by which its columns are qualified.
pub(super) fn alias(ident: &crate::model::Ident, dialect: Dialect) -> Word {
    folded(&ident.text, ident.quoted, dialect.column_folding())
}

/// One spelling for all that a dialect takes for the same name; what only quotes can say keeps them.
fn folded(text: &str, quoted: bool, folding: Folding) -> Word {
    let key = folding.fold(text, quoted);
    let usual = match folding {
        Folding::AsWritten | Folding::Insensitive => true,
        Folding::UnquotedLower => key == key.to_lowercase(),
        Folding::UnquotedUpper => key == key.to_uppercase(),
    };
    match (usual, folding) {
        (true, Folding::UnquotedUpper) => key.to_lowercase().into(),
        (true, _) => key.into(),
        (false, _) => format!("\"{key}\"").into(),
    }
}
