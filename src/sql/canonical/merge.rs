//! Subqueries are merged into the query around them wherever that changes no value.

use super::{
    idle::without_idle_join,
    normal::{aggregate, case, chain, compare, conjuncts, divide, field, negative, not},
    term::{Block, Formed, From, InputId, Limit, NoForm, Output, Rows, Source, Term, Window, Word, apply},
};

/// Nodes that substituting may make for one computation.
const MOST_NODES: usize = 100_000;
/// The height of the tallest term.
const TALLEST: u32 = 200;

/// Merges what can be merged in `rows`.
pub(super) fn merge(rows: Rows) -> Formed<Rows> {
    Merger { nodes: 0 }.rows(rows, 0)
}

struct Merger {
    nodes: usize,
}

/// What a column of an input becomes.
type Replace<'r> = &'r dyn Fn(InputId, &Word) -> Formed<Option<Term>>;

impl Merger {
    fn rows(&mut self, rows: Rows, depth: u32) -> Formed<Rows> {
        if depth > TALLEST {
            return Err(NoForm);
        }
        stacker::maybe_grow(256 << 10, 4 << 20, || match rows {
            Rows::Block(block) => Ok(Rows::Block(Box::new(self.block(*block, depth)?))),
            Rows::Set(word, branches, names) => {
                let branches = branches.into_iter().map(|branch| self.rows(branch, depth + 1)).collect::<Formed<_>>()?;
                Ok(Rows::Set(word, branches, names))
            }
            values @ Rows::Values(..) => Ok(values),
        })
    }

    fn block(&mut self, mut block: Block, depth: u32) -> Formed<Block> {
        for (_, source) in &mut block.inputs {
            if let Source::Rows(rows) = source {
                let inner = std::mem::replace(rows, Rows::Values(Vec::new(), Vec::new()));
                *rows = self.rows(inner, depth + 1)?;
            }
        }
        // Subqueries inside of values are merged while the values are built anew.
        block = self.substitute(block, &|_, _| Ok(None), depth)?;
        while let Some(merged) = self.step(&block, depth)? {
            block = merged;
        }
        keys_before_groups(&mut block);
        block.from = sink(block.from);
        Ok(block)
    }

    /// Merges one input; `None` where none can be.
    fn step(&mut self, block: &Block, depth: u32) -> Formed<Option<Block>> {
        if let Some(less) = without_idle_join(block) {
            return Ok(Some(less));
        }
        for (at, (id, source)) in block.inputs.iter().enumerate() {
            let Source::Rows(Rows::Block(inner)) = source else { continue };
            let used = used_columns(block, *id);
            let windows = used.iter().any(|name| output(inner, name).is_ok_and(|term| term.has_window()));
            if inner.is_simple() && !windows {
                if let Some(merged) = self.inline(block, at, inner, &used, depth)? {
                    return Ok(Some(merged));
                }
            } else if let Some(merged) = self.pass_through(block, *id, inner, windows, depth)? {
                return Ok(Some(merged));
            }
            if let Some(pushed) = self.push_filters(block, at, inner, depth)? {
                return Ok(Some(pushed));
            }
        }
        Ok(None)
    }

    /// A subquery that only joins, filters and computes row by row.
    fn inline(&mut self, block: &Block, at: usize, inner: &Block, used: &[Word], depth: u32) -> Formed<Option<Block>> {
        let id = block.inputs[at].0;
        let plain = used.iter().all(|name| matches!(output(inner, name), Ok(Term::Column(..))));
        let mut merged = block.clone();
        let filters = match place(&block.from, id) {
            Place::Kept => {
                merged.filters.extend(inner.filters.clone());
                Vec::new()
            }
            Place::Right if plain && !matches!(&inner.from, From::Cross(parts) if parts.is_empty()) => inner.filters.clone(),
            Place::Right | Place::Within => return Ok(None),
        };
        merged.from = put(merged.from, id, &inner.from, &filters);
        merged.inputs.splice(at..=at, inner.inputs.clone());
        self.substitute_input(merged, id, inner, depth).map(Some)
    }

    /// A query that only filters and computes over one grouped, windowed or limited subquery.
    fn pass_through(&mut self, block: &Block, id: InputId, inner: &Block, windows: bool, depth: u32) -> Formed<Option<Block>> {
        let regroups = block.group.as_ref().is_some_and(|keys| !is_redundant(block, keys, id, inner));
        if block.from != From::Input(id) || regroups || !block.having.is_empty() {
            return Ok(None);
        }
        let own_windows = block.outputs.iter().any(|output| matches!(output, Output::Column(_, term) if term.has_window()));
        let limits =
            inner.limit.is_some() && (!block.filters.is_empty() || own_windows || block.limit.is_some() || block.group.is_some());
        if limits
            || (windows && (!block.filters.is_empty() || own_windows))
            || (inner.group.is_none() && !block.filters.is_empty())
        {
            return Ok(None);
        }
        let shell = Block { inputs: Vec::new(), from: From::Cross(Vec::new()), group: None, ..block.clone() };
        let shell = self.substitute_input(shell, id, inner, depth)?;
        Ok(Some(Block {
            inputs: inner.inputs.clone(),
            from: inner.from.clone(),
            filters: inner.filters.clone(),
            group: inner.group.clone(),
            having: [inner.having.clone(), shell.filters].concat(),
            limit: shell.limit.or_else(|| inner.limit.clone()),
            outputs: shell.outputs,
        }))
    }

    /// Filters on the keys of a grouped subquery hold before it groups as well.
    fn push_filters(&mut self, block: &Block, at: usize, inner: &Block, depth: u32) -> Formed<Option<Block>> {
        let id = block.inputs[at].0;
        let Some(keys) = inner.group.as_ref().filter(|keys| !keys.is_empty()) else { return Ok(None) };
        let windows = inner.outputs.iter().any(|output| matches!(output, Output::Column(_, term) if term.has_window()));
        if inner.limit.is_some() || windows || !matches!(place(&block.from, id), Place::Kept) {
            return Ok(None);
        }
        let (mut kept, mut pushed) = (Vec::new(), Vec::new());
        for filter in &block.filters {
            let moved = match filter.inputs() == [id] && !filter.is_volatile() {
                true => {
                    let moved = self.replace(filter.clone(), &|input, name| replace_with(input, name, id, inner), depth)?;
                    made_of(&moved, keys).then_some(moved)
                }
                false => None,
            };
            match moved {
                Some(moved) => pushed.extend(conjuncts(moved)),
                None => kept.push(filter.clone()),
            }
        }
        if pushed.is_empty() {
            return Ok(None);
        }
        let mut result = Block { filters: kept, ..block.clone() };
        let mut inner = inner.clone();
        inner.filters.extend(pushed);
        result.inputs[at].1 = Source::Rows(Rows::Block(Box::new(inner)));
        Ok(Some(result))
    }

    fn substitute_input(&mut self, block: Block, id: InputId, inner: &Block, depth: u32) -> Formed<Block> {
        let mut block = self.substitute(block, &|input, name| replace_with(input, name, id, inner), depth)?;
        let mut outputs = Vec::with_capacity(block.outputs.len());
        for output in block.outputs {
            match output {
                Output::Star(input, except) if input == id => outputs.extend(inner.outputs.iter().filter_map(|own| match own {
                    Output::Column(name, term) => (!except.contains(name)).then(|| Output::Column(name.clone(), term.clone())),
                    Output::Star(star, more) => Some(Output::Star(*star, [except.as_slice(), more].concat())),
                })),
                other => outputs.push(other),
            }
        }
        block.outputs = outputs;
        Ok(block)
    }

    /// The block with every value built anew.
    fn substitute(&mut self, block: Block, by: Replace, depth: u32) -> Formed<Block> {
        let inputs = block.inputs.into_iter().map(|(id, source)| {
            Ok((
                id,
                match source {
                    Source::Relation(name) => Source::Relation(name),
                    Source::Rows(rows) => Source::Rows(self.replace_in_rows(rows, by, depth + 1)?),
                    Source::Function(term) => Source::Function(self.replace(term, by, depth)?),
                },
            ))
        });
        let inputs = inputs.collect::<Formed<Vec<_>>>()?;
        let from = self.replace_in_from(block.from, by, depth)?;
        let mut filters: Vec<Term> = Vec::new();
        for filter in self.replace_all(block.filters, by, depth)? {
            filters.extend(conjuncts(filter));
        }
        let mut having: Vec<Term> = Vec::new();
        for condition in self.replace_all(block.having, by, depth)? {
            having.extend(conjuncts(condition));
        }
        let group = block.group.map(|keys| self.replace_all(keys, by, depth)).transpose()?;
        let limit = match block.limit {
            None => None,
            Some(limit) => Some(Limit {
                per: self.replace_all(limit.per, by, depth)?,
                order: self.replace_all(limit.order, by, depth)?,
                count: self.replace(limit.count, by, depth)?,
            }),
        };
        let outputs = block.outputs.into_iter().map(|output| match output {
            Output::Column(name, term) => Ok(Output::Column(name, self.replace(term, by, depth)?)),
            star @ Output::Star(..) => Ok(star),
        });
        let outputs = outputs.collect::<Formed<Vec<_>>>()?;
        Ok(Block { inputs, from, filters, group, having, limit, outputs })
    }

    fn replace_in_rows(&mut self, rows: Rows, by: Replace, depth: u32) -> Formed<Rows> {
        if depth > TALLEST {
            return Err(NoForm);
        }
        stacker::maybe_grow(256 << 10, 4 << 20, || match rows {
            Rows::Block(block) => Ok(Rows::Block(Box::new(self.substitute(*block, by, depth)?))),
            Rows::Set(word, branches, names) => {
                let branches =
                    branches.into_iter().map(|branch| self.replace_in_rows(branch, by, depth + 1)).collect::<Formed<_>>()?;
                Ok(Rows::Set(word, branches, names))
            }
            Rows::Values(rows, names) => {
                let rows = rows.into_iter().map(|row| self.replace_all(row, by, depth)).collect::<Formed<_>>()?;
                Ok(Rows::Values(rows, names))
            }
        })
    }

    fn replace_in_from(&mut self, from: From, by: Replace, depth: u32) -> Formed<From> {
        Ok(match from {
            From::Input(id) => From::Input(id),
            From::Cross(parts) => {
                From::Cross(parts.into_iter().map(|part| self.replace_in_from(part, by, depth + 1)).collect::<Formed<_>>()?)
            }
            From::Join(word, left, right, on) => {
                let left = self.replace_in_from(*left, by, depth + 1)?;
                let right = self.replace_in_from(*right, by, depth + 1)?;
                let on = self.replace_all(on, by, depth)?.into_iter().flat_map(conjuncts).collect();
                From::Join(word, Box::new(left), Box::new(right), on)
            }
        })
    }

    fn replace_all(&mut self, terms: Vec<Term>, by: Replace, depth: u32) -> Formed<Vec<Term>> {
        terms.into_iter().map(|term| self.replace(term, by, depth)).collect()
    }

    fn replace(&mut self, term: Term, by: Replace, depth: u32) -> Formed<Term> {
        self.nodes += 1;
        if depth > TALLEST || self.nodes > MOST_NODES {
            return Err(NoForm);
        }
        stacker::maybe_grow(256 << 10, 4 << 20, || self.replace_here(term, by, depth))
    }

    fn replace_here(&mut self, term: Term, by: Replace, depth: u32) -> Formed<Term> {
        let down = depth + 1;
        Ok(match term {
            Term::Column(id, name) => match by(id, &name)? {
                // What is put in place was built before; it is counted, and its height is.
                Some(new) => self.replace(new, &|_, _| Ok(None), down)?,
                None => Term::Column(id, name),
            },
            Term::Name(_) | Term::Constant(_) => term,
            Term::Apply(name, arguments) => rebuild(&name, self.replace_all(arguments, by, down)?),
            Term::Aggregate(mut inner) => {
                inner.arguments = self.replace_all(std::mem::take(&mut inner.arguments), by, down)?;
                inner.filters = self.replace_all(std::mem::take(&mut inner.filters), by, down)?;
                inner.order = self.replace_all(std::mem::take(&mut inner.order), by, down)?;
                aggregate(*inner)
            }
            Term::Window(window) => {
                let Window { function, partition, order, frame } = *window;
                Term::Window(Box::new(Window {
                    function: self.replace(function, by, down)?,
                    partition: self.replace_all(partition, by, down)?,
                    order: self.replace_all(order, by, down)?,
                    frame,
                }))
            }
            Term::Query(word, compared, rows) => {
                let compared = self.replace_all(compared, by, down)?;
                let rows = self.replace_in_rows(*rows, by, down)?;
                Term::Query(word, compared, Box::new(self.rows(rows, down)?))
            }
        })
    }
}

/// A call or an operator over new arguments, in its normal form.
fn rebuild(name: &str, mut arguments: Vec<Term>) -> Term {
    match (name, arguments.len()) {
        ("and" | "or" | "+" | "*" | "||" | "coalesce" | "plus in order", _) => chain(name, arguments),
        ("field", 2) => match arguments.pop() {
            Some(Term::Constant(name)) => field(arguments.remove(0), name),
            other => apply(name, arguments.into_iter().chain(other).collect()),
        },
        ("neg", 1) => negative(arguments.remove(0)),
        ("not", 1) => not(arguments.remove(0)),
        ("/", 2) => {
            let below = arguments.remove(1);
            divide(arguments.remove(0), below)
        }
        ("=" | "<>" | "<" | "<=", 2) => {
            let right = arguments.remove(1);
            compare(name, arguments.remove(0), right)
        }
        ("case", 3..) => {
            let otherwise = arguments.pop();
            let mut whens = Vec::with_capacity(arguments.len() / 2);
            let mut parts = arguments.into_iter();
            while let (Some(condition), Some(result)) = (parts.next(), parts.next()) {
                whens.push((condition, result));
            }
            case(whens, otherwise)
        }
        _ => apply(name, arguments),
    }
}

fn replace_with(input: InputId, name: &Word, id: InputId, inner: &Block) -> Formed<Option<Term>> {
    if input == id { output(inner, name).map(Some) } else { Ok(None) }
}

/// The value of the column `name` of a block.
pub(super) fn output(block: &Block, name: &Word) -> Formed<Term> {
    let mut stars = Vec::new();
    for own in &block.outputs {
        match own {
            Output::Column(own, term) if own == name => return Ok(term.clone()),
            Output::Column(..) => {}
            Output::Star(input, except) => stars.push((*input, except)),
        }
    }
    match stars.as_slice() {
        [(input, except)] if !except.contains(name) && (&**name != "*" || except.is_empty()) => {
            Ok(Term::Column(*input, name.clone()))
        }
        _ => Err(NoForm),
    }
}

/// The columns of `id` that the block reads.
pub(super) fn used_columns(block: &Block, id: InputId) -> Vec<Word> {
    let mut used = Vec::new();
    let mut note = |term: &Term| {
        if let Term::Column(input, name) = term
            && *input == id
            && !used.contains(name)
        {
            used.push(name.clone());
        }
        false
    };
    let rows = Rows::Block(Box::new(block.clone()));
    rows.visit(&mut |term| {
        term.any(&mut note);
    });
    used
}

/// Whether grouping by `keys` keeps every row of the grouped subquery `inner` apart, so that it does nothing.
fn is_redundant(block: &Block, keys: &[Term], id: InputId, inner: &Block) -> bool {
    let aggregates = block.outputs.iter().any(|output| matches!(output, Output::Column(_, term) if term.aggregates()));
    let has = |key: &Term| {
        keys.iter().any(|own| matches!(own, Term::Column(input, name) if *input == id && output(inner, name).as_ref() == Ok(key)))
    };
    let only_columns = keys.iter().all(|key| matches!(key, Term::Column(input, _) if *input == id));
    !aggregates && only_columns && inner.group.as_ref().is_some_and(|inner_keys| inner_keys.iter().all(has))
}

/// Conditions of groups on their keys alone are conditions of rows.
fn keys_before_groups(block: &mut Block) {
    let Some(keys) = block.group.clone().filter(|keys| !keys.is_empty()) else { return };
    let (before, after): (Vec<Term>, Vec<Term>) = std::mem::take(&mut block.having)
        .into_iter()
        .partition(|condition| !condition.is_volatile() && made_of(condition, &keys));
    block.having = after;
    block.filters.extend(before);
}

/// Whether a value is computed from the keys alone.
fn made_of(term: &Term, keys: &[Term]) -> bool {
    let is_set = |key: &Term| matches!(key, Term::Apply(name, _) if matches!(&**name, "rollup" | "cube" | "grouping sets"));
    if keys.iter().any(is_set) {
        return false;
    }
    if keys.contains(term) {
        return true;
    }
    match term {
        Term::Constant(_) => true,
        Term::Apply(_, arguments) => !arguments.is_empty() && arguments.iter().all(|argument| made_of(argument, keys)),
        _ => false,
    }
}

/// Where an input stands.
enum Place {
    /// Every row that it has and the filters leave is kept.
    Kept,
    /// It is the right side of an outer, semi or anti join.
    Right,
    /// It is anywhere else in such a side.
    Within,
}

fn place(from: &From, id: InputId) -> Place {
    match from {
        From::Input(_) => Place::Kept,
        From::Cross(parts) => parts.iter().find(|part| part.inputs().contains(&id)).map_or(Place::Kept, |part| place(part, id)),
        From::Join(word, left, right, _) => match &**word {
            "left" | "semi" | "anti" if left.inputs().contains(&id) => place(left, id),
            "left" | "semi" | "anti" if **right == From::Input(id) => Place::Right,
            _ => Place::Within,
        },
    }
}

/// `from` with `new` in place of the input, and `on` added to the join that it is the right side of.
fn put(from: From, id: InputId, new: &From, on: &[Term]) -> From {
    match from {
        From::Input(own) if own == id => new.clone(),
        From::Input(own) => From::Input(own),
        From::Cross(parts) => {
            let mut flat = Vec::with_capacity(parts.len());
            for part in parts {
                match put(part, id, new, on) {
                    From::Cross(inner) => flat.extend(inner),
                    other => flat.push(other),
                }
            }
            if flat.len() == 1 { flat.remove(0) } else { From::Cross(flat) }
        }
        From::Join(word, left, right, mut own) => {
            if *right == From::Input(id) {
                own.extend_from_slice(on);
            }
            From::Join(word, Box::new(put(*left, id, new, on)), Box::new(put(*right, id, new, on)), own)
        }
    }
}

/// A left join is put around the only part of a list that its conditions ask of.
fn sink(from: From) -> From {
    match from {
        From::Input(id) => From::Input(id),
        From::Cross(parts) => {
            let mut flat = Vec::new();
            for part in parts {
                match sink(part) {
                    From::Cross(inner) => flat.extend(inner),
                    other => flat.push(other),
                }
            }
            if flat.len() == 1 { flat.remove(0) } else { From::Cross(flat) }
        }
        From::Join(word, left, right, on) => {
            let (left, right) = (sink(*left), sink(*right));
            let From::Cross(mut parts) = left else { return From::Join(word, Box::new(left), Box::new(right), on) };
            let asked: Vec<InputId> = on.iter().flat_map(Term::inputs).collect();
            let named = on.iter().any(|condition| condition.any(&mut |term| matches!(term, Term::Name(_) | Term::Query(..))));
            let touched: Vec<usize> =
                (0..parts.len()).filter(|at| parts[*at].inputs().iter().any(|id| asked.contains(id))).collect();
            match touched.as_slice() {
                [only] if !named && matches!(&*word, "left" | "semi" | "anti") => {
                    let part = std::mem::replace(&mut parts[*only], From::Cross(Vec::new()));
                    parts[*only] = From::Join(word, Box::new(part), Box::new(right), on);
                    From::Cross(parts)
                }
                _ => From::Join(word, Box::new(From::Cross(parts)), Box::new(right), on),
            }
        }
    }
}
