//! The form that values and rows take before they are compared.

use std::rc::Rc;

/// A folded name, an operator, or the text of a constant.
pub(super) type Word = Rc<str>;

/// One thing read in one FROM clause; every reading has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct InputId(pub(super) u32);

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    /// A column of an input.
    Column(InputId, Word),
    /// A column that may be of several inputs, by its written name.
    Name(Word),
    /// A literal in its normal form.
    Constant(Word),
    /// An operator or a function.
    Apply(Word, Vec<Term>),
    /// An aggregate.
    Aggregate(Box<Aggregate>),
    /// A window function.
    Window(Box<Window>),
    /// A subquery as a value: what is asked of it (`exists`, `in`, `value`), what is compared, its rows.
    Query(Word, Vec<Term>, Box<Rows>),
}

/// An aggregate over the rows of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Aggregate {
    pub(super) name: Word,
    pub(super) distinct: bool,
    pub(super) arguments: Vec<Term>,
    pub(super) filters: Vec<Term>,
    pub(super) order: Vec<Term>,
}

/// A function over a window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) function: Term,
    pub(super) partition: Vec<Term>,
    pub(super) order: Vec<Term>,
    pub(super) frame: Word,
}

/// Rows with columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rows {
    /// A SELECT.
    Block(Box<Block>),
    /// UNION ALL, INTERSECT and EXCEPT: the word, the branches, the names of the columns.
    Set(Word, Vec<Rows>, Vec<Word>),
    /// VALUES, with the names of its columns.
    Values(Vec<Vec<Term>>, Vec<Word>),
}

/// One SELECT.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    pub(super) inputs: Vec<(InputId, Source)>,
    pub(super) from: From,
    pub(super) filters: Vec<Term>,
    pub(super) group: Option<Vec<Term>>,
    pub(super) having: Vec<Term>,
    pub(super) limit: Option<Limit>,
    pub(super) outputs: Vec<Output>,
}

/// What an input is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// A real relation.
    Relation(Word),
    /// A subquery.
    Rows(Rows),
    /// UNNEST or a table function.
    Function(Term),
}

/// How inputs are put together.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum From {
    /// One of the block's inputs.
    Input(InputId),
    /// Every combination; what restricts it are filters. Empty: a query without FROM.
    Cross(Vec<From>),
    /// Anything else: the word, the left side, the right side, the conditions.
    Join(Word, Box<From>, Box<From>, Vec<Term>),
}

/// Which of the rows are kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limit {
    /// Once per combination of these.
    pub(super) per: Vec<Term>,
    pub(super) order: Vec<Term>,
    /// Count, offset and their like, as words and values.
    pub(super) count: Term,
}

/// One output of a block.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Output {
    Column(Word, Term),
    /// Every column of an input whose columns are not known, except these.
    Star(InputId, Vec<Word>),
}

/// The input was too large, or has what no normal form is known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoForm;

pub(super) type Formed<T> = Result<T, NoForm>;

/// A call or an operator.
pub(super) fn apply(name: &str, arguments: Vec<Term>) -> Term {
    Term::Apply(name.into(), arguments)
}

impl Term {
    pub(super) fn constant(text: &str) -> Term {
        Term::Constant(text.into())
    }

    pub(super) fn is_constant(&self, text: &str) -> bool {
        matches!(self, Term::Constant(own) if &**own == text)
    }

    /// The values directly inside it, of an aggregate, a window or a subquery too.
    pub(super) fn children(&self) -> Vec<&Term> {
        match self {
            Term::Column(..) | Term::Name(_) | Term::Constant(_) => Vec::new(),
            Term::Apply(_, arguments) => arguments.iter().collect(),
            Term::Aggregate(aggregate) => aggregate.arguments.iter().chain(&aggregate.filters).chain(&aggregate.order).collect(),
            Term::Window(window) => std::iter::once(&window.function).chain(&window.partition).chain(&window.order).collect(),
            Term::Query(_, compared, rows) => {
                let mut inside: Vec<&Term> = compared.iter().collect();
                rows.visit(&mut |term| inside.push(term));
                inside
            }
        }
    }

    /// Whether it or anything inside it is as asked; subqueries included.
    pub(super) fn any(&self, test: &mut dyn FnMut(&Term) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }

    /// Whether an aggregate stands in it, windows and subqueries left out.
    pub(super) fn aggregates(&self) -> bool {
        match self {
            Term::Aggregate(_) => true,
            Term::Query(..) => false,
            other => other.children().into_iter().any(Term::aggregates),
        }
    }

    /// Whether a window function stands in it, subqueries left out.
    pub(super) fn has_window(&self) -> bool {
        match self {
            Term::Window(_) => true,
            Term::Query(..) => false,
            other => other.children().into_iter().any(Term::has_window),
        }
    }

    /// Whether it must stay where it is: every evaluation may yield something else, or it looks into
    /// other rows.
    pub(super) fn is_volatile(&self) -> bool {
        super::normal::is_random(self) || self.any(&mut |term| matches!(term, Term::Query(..)))
    }

    /// The inputs that it reads.
    pub(super) fn inputs(&self) -> Vec<InputId> {
        let mut inputs = Vec::new();
        self.any(&mut |term| {
            if let Term::Column(input, _) = term {
                inputs.push(*input);
            }
            false
        });
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }
}

impl Rows {
    /// The term of the column `name`; `None` where there is none or it is behind a star.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        match self {
            Rows::Block(block) => {
                block.outputs.iter().position(|output| matches!(output, Output::Column(own, _) if &**own == name))
            }
            Rows::Set(_, _, names) | Rows::Values(_, names) => names.iter().position(|own| &**own == name),
        }
    }

    /// Visits every term of it, of nested rows too, without going into the terms.
    pub(super) fn visit<'r>(&'r self, visit: &mut dyn FnMut(&'r Term)) {
        match self {
            Rows::Block(block) => block.visit(visit),
            Rows::Set(_, branches, _) => branches.iter().for_each(|branch| branch.visit(visit)),
            Rows::Values(rows, _) => rows.iter().flatten().for_each(visit),
        }
    }
}

impl Block {
    /// All rows of one input, with `outputs`.
    pub(super) fn of(id: InputId, rows: Rows, outputs: Vec<Output>) -> Block {
        Block {
            outputs,
            inputs: vec![(id, Source::Rows(rows))],
            from: From::Input(id),
            filters: Vec::new(),
            group: None,
            having: Vec::new(),
            limit: None,
        }
    }

    fn visit<'r>(&'r self, visit: &mut dyn FnMut(&'r Term)) {
        for (_, source) in &self.inputs {
            match source {
                Source::Relation(_) => {}
                Source::Rows(rows) => rows.visit(visit),
                Source::Function(term) => visit(term),
            }
        }
        self.visit_own(visit);
    }

    /// Visits the terms of the block itself, its inputs' left out.
    pub(super) fn visit_own<'r>(&'r self, visit: &mut dyn FnMut(&'r Term)) {
        self.from.visit(visit);
        self.filters.iter().for_each(&mut *visit);
        self.group.iter().flatten().for_each(&mut *visit);
        self.having.iter().for_each(&mut *visit);
        if let Some(limit) = &self.limit {
            limit.per.iter().chain(&limit.order).for_each(&mut *visit);
            visit(&limit.count);
        }
        for output in &self.outputs {
            if let Output::Column(_, term) = output {
                visit(term);
            }
        }
    }

    /// Whether it keeps its rows as they come: no grouping, no limit.
    pub(super) fn is_simple(&self) -> bool {
        self.group.is_none() && self.having.is_empty() && self.limit.is_none()
    }
}

impl From {
    pub(super) fn visit<'r>(&'r self, visit: &mut dyn FnMut(&'r Term)) {
        match self {
            From::Input(_) => {}
            From::Cross(parts) => parts.iter().for_each(|part| part.visit(visit)),
            From::Join(_, left, right, on) => {
                left.visit(visit);
                right.visit(visit);
                on.iter().for_each(visit);
            }
        }
    }

    /// The inputs in it.
    pub(super) fn inputs(&self) -> Vec<InputId> {
        match self {
            From::Input(input) => vec![*input],
            From::Cross(parts) => parts.iter().flat_map(From::inputs).collect(),
            From::Join(_, left, right, _) => [left.inputs(), right.inputs()].concat(),
        }
    }
}
