//! What an expression or a relation is made of: origins, values with struct fields, columns with open stars.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::names::{Names, Sym};
use crate::model::{ColumnEdgeKind, Span};

/// Index of a relation named in the script, or [`UNKNOWN`].
pub(crate) type RelationIndex = u32;

/// The relation cannot be known.
pub(crate) const UNKNOWN: RelationIndex = u32::MAX;

/// One base column that takes part in a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Origin {
    /// The real relation.
    pub(crate) relation: RelationIndex,
    /// Its column, with struct path; `*` under an unexpanded star.
    pub(crate) column: Sym,
    /// How it takes part.
    pub(crate) kind: ColumnEdgeKind,
    /// Whether that rests on a guess.
    pub(crate) guessed: bool,
}

/// The origins of one value.
pub(crate) type Lineage = SmallVec<[Origin; 2]>;

/// The value of an expression or a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Value {
    /// Everything that takes part in it.
    pub(crate) lineage: Lineage,
    /// Its fields, where it is a struct (or an array of structs) built in the script.
    pub(crate) fields: Option<Rc<Columns>>,
}

impl Value {
    /// A copy of one base column.
    pub(crate) fn base(relation: RelationIndex, column: Sym, guessed: bool) -> Self {
        let origin = Origin { relation, column, kind: ColumnEdgeKind::Identity, guessed };
        Value { lineage: SmallVec::from_slice(&[origin]), fields: None }
    }

    /// A value of the given origins, sorted and without repeats.
    pub(crate) fn of(mut lineage: Lineage) -> Self {
        normalize(&mut lineage);
        Value { lineage, fields: None }
    }

    /// This value after a step of `kind`, its fields alike.
    pub(crate) fn through(&self, kind: ColumnEdgeKind) -> Value {
        if kind == ColumnEdgeKind::Identity {
            return self.clone();
        }
        let mut lineage: Lineage = self.lineage.iter().map(|origin| Origin { kind: origin.kind.then(kind), ..*origin }).collect();
        normalize(&mut lineage);
        Value { lineage, fields: self.fields.as_ref().map(|fields| Rc::new(fields.through(kind))) }
    }

    /// This value or `other`, as in a union or a CASE.
    pub(crate) fn merge(&mut self, other: Value, names: &Names) {
        self.lineage.extend(other.lineage);
        normalize(&mut self.lineage);
        self.fields = match (self.fields.take(), other.fields) {
            (Some(mine), Some(theirs)) => Some(Rc::new(mine.merge_by_name(&theirs, names))),
            (mine, theirs) => mine.or(theirs),
        };
    }
}

/// Sorts, drops repeats; of the same edge guessed and known, the known one stays.
pub(crate) fn normalize(lineage: &mut Lineage) {
    if lineage.len() > 1 {
        lineage.sort_unstable();
        lineage.dedup_by(|later, kept| (later.relation, later.column, later.kind) == (kept.relation, kept.column, kept.kind));
    }
}

/// A relation's columns, in order.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// Columns and stars that could not be expanded.
    pub(crate) items: Vec<Item>,
    index: std::cell::OnceCell<FxHashMap<Sym, u32>>,
}

impl PartialEq for Columns {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

/// A column or an unexpanded star.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// A column.
    Column(Column),
    /// All columns of relations whose columns are not known.
    Star(OpenStar),
}

/// A column of a relation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: Sym,
    /// What it is made of.
    pub(crate) value: Value,
    /// The expression.
    pub(crate) span: Span,
}

/// A star over relations whose columns are not known: a column of any name may come from them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpenStar {
    /// Where the columns come from: one relation, or several that are united.
    pub(crate) from: SmallVec<[StarOrigin; 1]>,
    /// Keys of names that it does not hold.
    pub(crate) except: Rc<[Sym]>,
    /// What happens to its columns on the way.
    pub(crate) kind: ColumnEdgeKind,
    /// What each of its columns is made of, where only their names are not known: PIVOT's values.
    pub(crate) made_of: Lineage,
    /// Where the star stands.
    pub(crate) span: Span,
}

/// One relation under an open star.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StarOrigin {
    /// The relation.
    pub(crate) relation: RelationIndex,
    /// The struct column whose fields are meant; [`Sym::NONE`] for the relation itself.
    pub(crate) prefix: Sym,
}

impl OpenStar {
    /// This star after a step of `kind`.
    pub(crate) fn through(&self, kind: ColumnEdgeKind) -> OpenStar {
        let made_of = self.made_of.iter().map(|origin| Origin { kind: origin.kind.then(kind), ..*origin }).collect();
        OpenStar { kind: self.kind.then(kind), made_of, ..self.clone() }
    }

    /// What any column under it may be made of, each a guess.
    pub(crate) fn origins(&self) -> impl Iterator<Item = Origin> {
        let through = self.from.iter().map(|origin| Origin {
            relation: origin.relation,
            column: if origin.prefix == Sym::NONE { Sym::STAR } else { origin.prefix },
            kind: self.kind,
            guessed: true,
        });
        through.chain(self.made_of.iter().map(|origin| Origin { guessed: true, ..*origin }))
    }

    /// The column called `name` (compared as `key`), if this star may hold it.
    pub(crate) fn column(&self, name: Sym, key: Sym, names: &mut Names) -> Option<Value> {
        if self.except.contains(&key) {
            return None;
        }
        let mut lineage: Lineage = self
            .from
            .iter()
            .map(|origin| Origin {
                relation: origin.relation,
                column: names.join(origin.prefix, name),
                kind: self.kind,
                guessed: false,
            })
            .collect();
        lineage.extend(self.made_of.iter().copied());
        Some(Value::of(lineage))
    }
}

impl Columns {
    /// A relation of these items.
    pub(crate) fn new(items: Vec<Item>) -> Self {
        Columns { items, index: std::cell::OnceCell::new() }
    }

    /// Whether every column is known.
    pub(crate) fn is_complete(&self) -> bool {
        self.items.iter().all(|item| matches!(item, Item::Column(_)))
    }

    /// The known columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.items.iter().filter_map(|item| match item {
            Item::Column(column) => Some(column),
            Item::Star(_) => None,
        })
    }

    /// The stars that could not be expanded.
    pub(crate) fn stars(&self) -> impl Iterator<Item = &OpenStar> {
        self.items.iter().filter_map(|item| match item {
            Item::Star(star) => Some(star),
            Item::Column(_) => None,
        })
    }

    /// The known column compared as `key`; the first of several.
    pub(crate) fn find(&self, key: Sym, names: &Names) -> Option<&Column> {
        if self.items.len() <= 8 {
            return self.columns().find(|column| names.key(column.name) == key);
        }
        let index = self.index.get_or_init(|| {
            let mut index = FxHashMap::default();
            for (at, item) in self.items.iter().enumerate() {
                if let Item::Column(column) = item {
                    index.entry(names.key(column.name)).or_insert(at as u32);
                }
            }
            index
        });
        match self.items.get(*index.get(&key)? as usize) {
            Some(Item::Column(column)) => Some(column),
            _ => None,
        }
    }

    /// The column that `2`, or PostgreSQL's `f2`, names among a row's.
    pub(crate) fn at_position(&self, written: &str) -> Option<Value> {
        let digits = written.strip_prefix('f').unwrap_or(written);
        let at = digits.parse::<usize>().ok()?.checked_sub(1)?;
        match self.items.get(at).filter(|_| self.is_complete())? {
            Item::Column(column) => Some(column.value.clone()),
            Item::Star(_) => None,
        }
    }

    /// These columns after a step of `kind`.
    pub(crate) fn through(&self, kind: ColumnEdgeKind) -> Columns {
        let items = self.items.iter().map(|item| match item {
            Item::Column(column) => Item::Column(Column { value: column.value.through(kind), ..column.clone() }),
            Item::Star(star) => Item::Star(star.through(kind)),
        });
        Columns::new(items.collect())
    }

    /// These columns or `other`'s, matched by name; columns of one side only are kept.
    pub(crate) fn merge_by_name(&self, other: &Columns, names: &Names) -> Columns {
        let mut items = self.items.clone();
        // Fields without names are matched by their places.
        let placed = items.len() == other.items.len()
            && self.is_complete()
            && other.is_complete()
            && self.columns().chain(other.columns()).any(|column| column.name == Sym::NONE);
        if placed {
            for (item, theirs) in items.iter_mut().zip(other.columns()) {
                if let Item::Column(mine) = item {
                    mine.value.merge(theirs.value.clone(), names);
                }
            }
            return Columns::new(items);
        }
        for item in &other.items {
            match item {
                Item::Column(theirs) => {
                    let key = names.key(theirs.name);
                    let mine = items.iter_mut().find_map(|item| match item {
                        Item::Column(mine) if names.key(mine.name) == key => Some(mine),
                        _ => None,
                    });
                    match mine {
                        Some(mine) => mine.value.merge(theirs.value.clone(), names),
                        None => items.push(item.clone()),
                    }
                }
                Item::Star(star) => items.push(Item::Star(star.clone())),
            }
        }
        Columns::new(items)
    }

    /// The columns called by `names_in_order`, by position, as in `t (a, b)`; the rest keep their names.
    pub(crate) fn renamed(&self, names_in_order: &[Sym]) -> Columns {
        let mut items = Vec::with_capacity(self.items.len().max(names_in_order.len()));
        let mut rename = names_in_order.iter();
        let mut past_star: Option<&OpenStar> = None;
        for item in &self.items {
            match item {
                Item::Column(column) => {
                    let name = rename.next().copied().unwrap_or(column.name);
                    items.push(Item::Column(Column { name, ..column.clone() }));
                }
                Item::Star(star) => {
                    past_star = Some(star);
                    break;
                }
            }
        }
        if let Some(star) = past_star {
            let every: Lineage = self.stars().flat_map(OpenStar::origins).collect();
            items.extend(
                rename.map(|name| Item::Column(Column { name: *name, value: Value::of(every.clone()), span: star.span })),
            );
        }
        Columns::new(items)
    }
}
