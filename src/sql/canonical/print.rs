//! Terms and rows to text: aliases are gone, what commutes is sorted, what is read twice is numbered
//! in the way that yields the smallest text.

use rustc_hash::FxHashMap;

use super::{
    merge::output,
    normal::{is_commutative, is_random},
    term::{Block, Formed, From, InputId, NoForm, Rows, Source, Term, Word},
};
use crate::model::{self, Computation};

/// Bytes that printing may make for one computation, what is thrown away included.
const MOST_BYTES: usize = 4 << 20;
/// Orders of equal inputs that are tried.
const MOST_ORDERS: usize = 120;
/// The height of the tallest text.
const TALLEST: u32 = 400;
/// Stands for an input that has no label yet.
const UNLABELLED: &str = "\u{1}";

/// The computation of the only output of `block`.
pub(super) fn print(block: &Block) -> Formed<Computation> {
    let mut printer = Printer { labels: FxHashMap::default(), bytes: 0 };
    let value = match block.outputs.as_slice() {
        [super::term::Output::Column(_, term)] => term,
        _ => return Err(NoForm),
    };
    let parts = printer.block(block, Some(value), 0)?;
    let mut aggregates = Vec::new();
    let mut windows = Vec::new();
    // A value that only comes out of a subquery is what is computed there.
    let looks_inside = block.group.is_none();
    printer.collect(value, looks_inside, 0, &mut aggregates, &mut windows)?;
    aggregates.sort();
    aggregates.dedup();
    windows.sort();
    windows.dedup();
    let mut sources = Vec::new();
    relations(block, &mut sources);
    sources.sort();
    Ok(Computation {
        expression: parts.value,
        aggregates,
        windows,
        sources,
        joins: parts.from,
        filters: parts.filters,
        grain: parts.group,
        having: parts.having,
        limit: parts.limit,
        subqueries: parts.subqueries,
    })
}

/// Every relation that is read, in subqueries too.
fn relations(block: &Block, found: &mut Vec<String>) {
    fn in_rows(rows: &Rows, found: &mut Vec<String>) {
        match rows {
            Rows::Block(block) => relations(block, found),
            Rows::Set(_, branches, _) => branches.iter().for_each(|branch| in_rows(branch, found)),
            Rows::Values(..) => {}
        }
    }
    for (_, source) in &block.inputs {
        match source {
            Source::Relation(name) => found.push(name.to_string()),
            Source::Rows(rows) => in_rows(rows, found),
            Source::Function(_) => {}
        }
    }
    block.visit_own(&mut |term| {
        term.any(&mut |term| {
            if let Term::Query(_, _, rows) = term {
                in_rows(rows, found);
            }
            false
        });
    });
}

/// What an input is called, and at which depth.
#[derive(Clone)]
struct Label<'r> {
    name: String,
    depth: u32,
    rows: Option<&'r Rows>,
}

struct Printer<'r> {
    labels: FxHashMap<InputId, Label<'r>>,
    bytes: usize,
}

/// A printed block.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Parts {
    from: String,
    filters: Vec<String>,
    group: Option<Vec<String>>,
    having: Vec<String>,
    limit: String,
    value: String,
    subqueries: Vec<String>,
}

impl Parts {
    fn text(&self) -> String {
        let mut text = format!("from {}", self.from);
        for (at, subquery) in self.subqueries.iter().enumerate() {
            text.push_str(&format!(" with q{} = ({subquery})", at + 1));
        }
        let mut add = |word: &str, list: &[String], between: &str| {
            if !list.is_empty() {
                text.push_str(&format!(" {word} {}", list.join(between)));
            }
        };
        add("where", &self.filters, " and ");
        match self.group.as_deref() {
            None => {}
            Some([]) => add("per", &["all rows".to_owned()], ""),
            Some(keys) => add("per", keys, ", "),
        }
        add("having", &self.having, " and ");
        if !self.limit.is_empty() {
            add(&self.limit, &[String::new()], "");
        }
        text
    }
}

impl<'r> Printer<'r> {
    fn spend(&mut self, text: String) -> Formed<String> {
        self.bytes += text.len();
        if self.bytes > MOST_BYTES { Err(NoForm) } else { Ok(text) }
    }

    /// Labels the inputs of `block` and prints it.
    fn block(&mut self, block: &'r Block, value: Option<&'r Term>, depth: u32) -> Formed<Parts> {
        if depth > TALLEST {
            return Err(NoForm);
        }
        stacker::maybe_grow(256 << 10, 4 << 20, || self.block_here(block, value, depth))
    }

    fn block_here(&mut self, block: &'r Block, value: Option<&'r Term>, depth: u32) -> Formed<Parts> {
        let mut shaped: Vec<(u8, String, InputId)> = Vec::with_capacity(block.inputs.len());
        for (id, source) in &block.inputs {
            shaped.push(match source {
                Source::Relation(name) => (0, name.to_string(), *id),
                Source::Rows(rows) => (1, self.rows(rows, depth + 1)?, *id),
                Source::Function(Term::Apply(name, _)) => (2, name.to_string(), *id),
                Source::Function(_) => return Err(NoForm),
            });
        }
        shaped.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
        let mut best: Option<(Parts, Vec<usize>)> = None;
        for order in orders(&shaped) {
            self.label(block, &shaped, &order, depth);
            let parts = self.parts(block, &shaped, value, depth)?;
            if best.as_ref().is_none_or(|(least, _)| parts < *least) {
                best = Some((parts, order));
            }
        }
        let (parts, order) = best.ok_or(NoForm)?;
        self.label(block, &shaped, &order, depth);
        Ok(parts)
    }

    fn label(&mut self, block: &'r Block, shaped: &[(u8, String, InputId)], order: &[usize], depth: u32) {
        let (mut subqueries, mut elements) = (0, 0);
        for (place, at) in order.iter().enumerate() {
            let (kind, shape, id) = &shaped[*at];
            let name = match kind {
                0 => {
                    let first = shaped.partition_point(|other| (other.0, &other.1) < (0, shape));
                    let twice = shaped.iter().filter(|other| other.0 == 0 && other.1 == *shape).count() > 1;
                    if twice { format!("{shape}#{}", place - first + 1) } else { shape.clone() }
                }
                1 => {
                    subqueries += 1;
                    format!("q{subqueries}")
                }
                _ => {
                    elements += 1;
                    format!("e{elements}")
                }
            };
            let rows = block.inputs.iter().find_map(|(own, source)| match source {
                Source::Rows(rows) if own == id => Some(rows),
                _ => None,
            });
            self.labels.insert(*id, Label { name, depth, rows });
        }
    }

    fn parts(
        &mut self,
        block: &'r Block,
        shaped: &[(u8, String, InputId)],
        value: Option<&'r Term>,
        depth: u32,
    ) -> Formed<Parts> {
        let mut subqueries = Vec::new();
        for (kind, shape, id) in shaped {
            let lateral = shape.contains(UNLABELLED);
            match block.inputs.iter().find(|(own, _)| own == id) {
                Some((_, Source::Rows(rows))) if lateral => subqueries.push((self.name_of(*id), self.rows(rows, depth + 1)?)),
                _ if *kind == 1 => subqueries.push((self.name_of(*id), shape.clone())),
                _ => {}
            }
        }
        subqueries.sort_by_key(|(name, _)| (name.len(), name.clone()));
        let limit = match &block.limit {
            None => String::new(),
            Some(limit) => {
                let per = self.sorted(&limit.per, depth)?.join(", ");
                let order = limit.order.iter().map(|term| self.term(term, depth)).collect::<Formed<Vec<_>>>()?.join(", ");
                let count = self.term(&limit.count, depth)?;
                [("per", per), ("order by", order)]
                    .iter()
                    .filter(|(_, text)| !text.is_empty())
                    .map(|(word, text)| format!("{word} {text} "))
                    .collect::<String>()
                    + &count
            }
        };
        Ok(Parts {
            from: self.from(&block.from, block, depth)?,
            filters: self.sorted(&block.filters, depth)?,
            group: block.group.as_ref().map(|keys| self.sorted(keys, depth)).transpose()?,
            having: self.sorted(&block.having, depth)?,
            limit,
            value: value.map(|value| self.term(value, depth)).transpose()?.unwrap_or_default(),
            subqueries: subqueries.into_iter().map(|(_, text)| text).collect(),
        })
    }

    fn name_of(&self, id: InputId) -> String {
        self.labels.get(&id).map_or_else(|| UNLABELLED.to_owned(), |label| label.name.clone())
    }

    /// The text of rows, their columns left out where they do not decide which rows there are.
    fn rows(&mut self, rows: &'r Rows, depth: u32) -> Formed<String> {
        let text = match rows {
            Rows::Block(block) => self.block(block, None, depth)?.text(),
            Rows::Set(word, branches, names) => {
                let all_columns = &**word != "union all";
                let mut texts = Vec::with_capacity(branches.len());
                for branch in branches {
                    let mut text = self.rows(branch, depth + 1)?;
                    if all_columns {
                        text = format!("[{}] {text}", self.columns(branch, names.len(), depth + 1)?.join(", "));
                    }
                    texts.push(text);
                }
                if matches!(&**word, "union all" | "intersect") {
                    texts.sort();
                }
                format!("({})", texts.join(&format!(") {word} (")))
            }
            Rows::Values(rows, _) => {
                let mut texts = Vec::with_capacity(rows.len());
                for row in rows {
                    let row = row.iter().map(|term| self.term(term, depth)).collect::<Formed<Vec<_>>>()?;
                    texts.push(format!("({})", row.join(", ")));
                }
                format!("values {}", texts.join(", "))
            }
        };
        self.spend(text)
    }

    /// Every column of rows, by position.
    fn columns(&mut self, rows: &'r Rows, count: usize, depth: u32) -> Formed<Vec<String>> {
        (0..count).map(|at| self.column(rows, at, depth)).collect()
    }

    /// A column of rows, by position.
    fn column(&mut self, rows: &'r Rows, at: usize, depth: u32) -> Formed<String> {
        match rows {
            Rows::Block(block) => match block.outputs.get(at) {
                Some(super::term::Output::Column(_, term)) => self.term(term, depth),
                _ => Err(NoForm),
            },
            Rows::Set(word, branches, names) => {
                let mut texts = Vec::with_capacity(branches.len());
                for branch in branches {
                    let shape = self.rows(branch, depth + 1)?;
                    let all = self.columns(branch, names.len(), depth + 1)?;
                    texts.push((shape, all.clone(), all.get(at).cloned().ok_or(NoForm)?));
                }
                if matches!(&**word, "union all" | "intersect") {
                    texts.sort();
                }
                let texts: Vec<String> = texts.into_iter().map(|(_, _, text)| text).collect();
                Ok(texts.join(" | "))
            }
            Rows::Values(..) => Ok(format!("column{}", at + 1)),
        }
    }

    fn from(&mut self, from: &'r From, block: &'r Block, depth: u32) -> Formed<String> {
        Ok(match from {
            From::Input(id) => match block.inputs.iter().find(|(own, _)| own == id) {
                Some((_, Source::Function(call))) => format!("{} as {}", self.term(call, depth)?, self.name_of(*id)),
                _ => self.name_of(*id),
            },
            From::Cross(parts) if parts.is_empty() => "nothing".to_owned(),
            From::Cross(parts) => {
                let mut texts = parts.iter().map(|part| self.from(part, block, depth)).collect::<Formed<Vec<_>>>()?;
                texts.sort();
                texts.join(", ")
            }
            From::Join(word, ..) if &**word == "left" => {
                // Legs that hang on the same root may be joined in any order.
                let (mut root, mut legs) = (from, Vec::new());
                while let From::Join(own, left, right, on) = root
                    && own == word
                {
                    legs.push(format!("left join {} on {}", self.side(right, block, depth)?, self.conditions(on, depth)?));
                    root = left;
                }
                legs.sort();
                format!("{} {}", self.side(root, block, depth)?, legs.join(" "))
            }
            From::Join(word, left, right, on) => {
                let mut sides = [self.side(left, block, depth)?, self.side(right, block, depth)?];
                if &**word == "full" {
                    sides.sort();
                }
                format!("{} {word} join {} on {}", sides[0], sides[1], self.conditions(on, depth)?)
            }
        })
    }

    fn side(&mut self, from: &'r From, block: &'r Block, depth: u32) -> Formed<String> {
        let text = self.from(from, block, depth)?;
        Ok(if matches!(from, From::Input(_)) { text } else { format!("({text})") })
    }

    fn conditions(&mut self, on: &'r [Term], depth: u32) -> Formed<String> {
        let texts = self.sorted(on, depth)?;
        Ok(if texts.is_empty() { "true".to_owned() } else { texts.join(" and ") })
    }

    /// The texts of terms whose order and number mean nothing, unless each evaluation counts.
    fn sorted(&mut self, terms: &'r [Term], depth: u32) -> Formed<Vec<String>> {
        let texts = terms.iter().map(|term| Ok((self.member(term, depth)?, is_random(term))));
        let mut texts = texts.collect::<Formed<Vec<_>>>()?;
        texts.sort();
        texts.dedup_by(|one, other| one == other && !one.1);
        Ok(texts.into_iter().map(|(text, _)| text).collect())
    }

    /// A term in a list that AND or a comma joins.
    fn member(&mut self, term: &'r Term, depth: u32) -> Formed<String> {
        match term {
            Term::Apply(name, _) if &**name == "or" => self.operand(term, depth),
            _ => self.term(term, depth),
        }
    }

    fn term(&mut self, term: &'r Term, depth: u32) -> Formed<String> {
        let text = stacker::maybe_grow(256 << 10, 4 << 20, || self.term_here(term, depth))?;
        self.spend(text)
    }

    fn term_here(&mut self, term: &'r Term, depth: u32) -> Formed<String> {
        Ok(match term {
            Term::Constant(text) => text.to_string(),
            Term::Name(name) => format!("?.{name}"),
            Term::Column(id, name) => self.reference(*id, name, depth)?,
            Term::Apply(name, arguments) => self.call(name, arguments, depth)?,
            Term::Aggregate(aggregate) => {
                let filters = self.sorted(&aggregate.filters, depth)?;
                let call = self.aggregate_call(aggregate, depth)?;
                if filters.is_empty() { call } else { format!("{call} filter ({})", filters.join(" and ")) }
            }
            Term::Window(window) => {
                let function = self.term(&window.function, depth)?;
                let partition = self.sorted(&window.partition, depth)?.join(", ");
                let order = window.order.iter().map(|term| self.term(term, depth)).collect::<Formed<Vec<_>>>()?.join(", ");
                let parts = [("partition by", partition), ("order by", order), ("", window.frame.to_string())];
                let parts = parts
                    .iter()
                    .filter(|(_, text)| !text.is_empty())
                    .map(|(word, text)| format!("{word} {text}").trim().to_owned());
                format!("{function} over ({})", parts.collect::<Vec<_>>().join(" "))
            }
            Term::Query(word, compared, rows) => {
                let text = self.rows(rows, depth + 1)?;
                let compared = compared.iter().map(|term| self.operand(term, depth)).collect::<Formed<Vec<_>>>()?.join(", ");
                let column = if &**word == "exists" { String::new() } else { format!("{} ", self.column(rows, 0, depth + 1)?) };
                format!("{}({column}{text})", [compared.as_str(), word].join(" ").trim_start())
            }
        })
    }

    fn aggregate_call(&mut self, aggregate: &'r super::term::Aggregate, depth: u32) -> Formed<String> {
        let arguments = aggregate.arguments.iter().map(|term| self.term(term, depth)).collect::<Formed<Vec<_>>>()?.join(", ");
        let order = aggregate.order.iter().map(|term| self.term(term, depth)).collect::<Formed<Vec<_>>>()?.join(", ");
        let distinct = if aggregate.distinct { "distinct " } else { "" };
        let order = if order.is_empty() { order } else { format!(" order by {order}") };
        let arguments = if arguments.is_empty() { "*".to_owned() } else { arguments };
        Ok(format!("{}({distinct}{arguments}{order})", aggregate.name))
    }

    /// A column: of a relation by its name, of a subquery by its value there.
    fn reference(&mut self, id: InputId, name: &Word, depth: u32) -> Formed<String> {
        let Some(label) = self.labels.get(&id).cloned() else { return Ok(format!("{UNLABELLED}.{name}")) };
        let outside = "^".repeat(depth.saturating_sub(label.depth) as usize);
        let Some(rows) = label.rows else { return Ok(format!("{outside}{}.{name}", label.name)) };
        if depth > TALLEST {
            return Err(NoForm);
        }
        let inner = match rows {
            Rows::Block(block) => match output_of(block, name)? {
                Found::Term(term) => self.term(term, label.depth + 1)?,
                Found::Column(input) => self.reference(input, name, label.depth + 1)?,
            },
            rows => {
                let at = rows.position(name).ok_or(NoForm)?;
                self.column(rows, at, label.depth + 1)?
            }
        };
        Ok(format!("{outside}{{{inner}}}@{}", label.name))
    }

    fn call(&mut self, name: &Word, arguments: &'r [Term], depth: u32) -> Formed<String> {
        let infix = matches!(
            &**name,
            "and" | "or" | "plus in order" | "like" | "ilike" | "at time zone" | "is distinct from" | "is not distinct from"
        ) || !name.starts_with(|first: char| first.is_alphabetic() || first == '_');
        let postfix = (name.starts_with("is ") || name.starts_with("as ")) && arguments.len() == 1
            || matches!(&**name, "asc" | "desc")
            || name.contains(" nulls ");
        if postfix {
            let inner = self.operand(arguments.first().ok_or(NoForm)?, depth)?;
            return Ok(format!("{inner} {name}"));
        }
        if &**name == "neg" {
            return Ok(format!("-{}", self.operand(arguments.first().ok_or(NoForm)?, depth)?));
        }
        if infix && arguments.len() > 1 {
            let mut texts = arguments.iter().map(|term| self.operand(term, depth)).collect::<Formed<Vec<_>>>()?;
            if is_commutative(name) {
                texts.sort_by(|one, other| (is_constant(one), one).cmp(&(is_constant(other), other)));
            }
            if let ("<" | "<=", [Term::Constant(_), other]) = (&**name, arguments)
                && !matches!(other, Term::Constant(_))
            {
                let word = if &**name == "<" { ">" } else { ">=" };
                return Ok(format!("{} {word} {}", texts[1], texts[0]));
            }
            let word = if &**name == "plus in order" { "+" } else { name };
            return Ok(texts.join(&format!(" {word} ")));
        }
        let texts = arguments.iter().map(|term| self.term(term, depth)).collect::<Formed<Vec<_>>>()?;
        Ok(format!("{name}({})", texts.join(", ")))
    }

    /// A term inside an operator, in brackets where it is one itself.
    fn operand(&mut self, term: &'r Term, depth: u32) -> Formed<String> {
        let text = self.term(term, depth)?;
        let bare = match term {
            Term::Apply(name, arguments) => {
                let compares = matches!(&**name, "=" | "<>" | "<" | "<=" | "like" | "ilike");
                let operator = !name.starts_with(|first: char| first.is_alphabetic())
                    || name.contains(' ')
                    || matches!(&**name, "and" | "or");
                !(operator || compares || arguments.len() == 1 && &**name == "not")
            }
            _ => true,
        };
        Ok(if bare { text } else { format!("({text})") })
    }

    fn collect(
        &mut self,
        term: &'r Term,
        looks_inside: bool,
        depth: u32,
        aggregates: &mut Vec<model::Aggregate>,
        windows: &mut Vec<String>,
    ) -> Formed<()> {
        match term {
            Term::Aggregate(aggregate) => {
                let filters = self.sorted(&aggregate.filters, depth)?;
                aggregates.push(model::Aggregate { call: self.aggregate_call(aggregate, depth)?, filters });
            }
            Term::Window(_) => windows.push(self.term(term, depth)?),
            Term::Apply(_, arguments) => {
                for argument in arguments {
                    self.collect(argument, looks_inside, depth, aggregates, windows)?;
                }
            }
            Term::Column(id, name) if looks_inside => {
                let mut id = *id;
                // Behind a star it is the column of that name of what is read there.
                for _ in 0..TALLEST {
                    let Some(Label { depth, rows: Some(Rows::Block(block)), .. }) = self.labels.get(&id).cloned() else { break };
                    match output_of(block, name)? {
                        Found::Column(input) => id = input,
                        Found::Term(inner) if depth < TALLEST => {
                            return self.collect(inner, block.group.is_none(), depth + 1, aggregates, windows);
                        }
                        Found::Term(_) => return Err(NoForm),
                    }
                }
            }
            Term::Column(..) | Term::Name(_) | Term::Constant(_) | Term::Query(..) => {}
        }
        Ok(())
    }
}

/// Constants stand last among operands that commute.
fn is_constant(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || first == '\'' || first == '-')
}

/// Where a column of a block is found.
enum Found<'r> {
    Term(&'r Term),
    /// Under the same name in an input behind a star.
    Column(InputId),
}

fn output_of<'r>(block: &'r Block, name: &Word) -> Formed<Found<'r>> {
    for own in &block.outputs {
        if let super::term::Output::Column(own, term) = own
            && own == name
        {
            return Ok(Found::Term(term));
        }
    }
    match output(block, name)? {
        Term::Column(input, _) => Ok(Found::Column(input)),
        _ => Err(NoForm),
    }
}

/// The orders of inputs of equal shape that are worth trying; the given one alone where there are too many.
fn orders(shaped: &[(u8, String, InputId)]) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    let mut at = 0;
    while at < shaped.len() {
        let same = shaped[at..].iter().take_while(|other| (other.0, &other.1) == (shaped[at].0, &shaped[at].1)).count();
        let ways = permutations(at, same);
        if all.len() * ways.len() > MOST_ORDERS {
            return vec![(0..shaped.len()).collect()];
        }
        all = all.iter().flat_map(|before| ways.iter().map(move |way| [before.as_slice(), way].concat())).collect();
        at += same;
    }
    all
}

/// Every order of `count` numbers from `first`; of more than five only the given one.
fn permutations(first: usize, count: usize) -> Vec<Vec<usize>> {
    if count > 5 {
        return vec![(first..first + count).collect()];
    }
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        all = all
            .iter()
            .flat_map(|before: &Vec<usize>| {
                (first..first + count)
                    .filter(|next| !before.contains(next))
                    .map(|next| [before.as_slice(), &[next]].concat())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    all
}
