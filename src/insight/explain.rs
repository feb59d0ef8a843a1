//! What one document does to one column, told from its stored derivation.
//!
//! In: a document's [`Analysis`] with its text. Out: the expressions on the value's way through the
//! scopes, the clauses of those scopes, the real columns it is made of, and a sentence.

use std::{cell::Cell, collections::BTreeSet, rc::Rc};

use crate::model::{
    Analysis, ColumnEdgeKind, ColumnInput, DerivedColumn, DerivedScope, InputFrom, RelationId, RowEdgeKind, ScopeKind, Span, Step,
};

use super::{join_word::join_before, sentence};

/// Columns of scopes visited at most for one column of one statement.
const MOST_VISITS: usize = 1_000;
/// Branches in branches that are told apart.
const DEEPEST: u32 = 12;
/// The name of a star that is not expanded.
const STAR: &str = "*";

/// How one statement makes one column of a relation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Making {
    /// The statement: an index into [`Analysis::statements`].
    pub statement: u32,
    /// The expressions on the way, the outermost first; plain copies between scopes are left out
    /// unless there is nothing else.
    pub links: Vec<MakingLink>,
    /// The clauses that decide rows in the scopes on the way, sorted by place.
    pub rules: Vec<MakingRule>,
    /// The real columns that the value is made of, in order of appearance.
    pub inputs: Vec<MakingInput>,
    /// The real relations whose rows are counted, where nothing else is read of them.
    pub counted: Vec<RelationId>,
    /// Whether it comes through a star over relations whose columns are not known.
    pub through_star: bool,
    /// Where the value is one of several before anything computes with it: the columns that it may be. Those of the
    /// two sides of a join are called alike, those that UNPIVOT makes rows of are not.
    pub choices: Vec<String>,
    /// Where the value comes from several queries put together: how each of them makes it, in order.
    /// Their links and rules are not among those above, their inputs are.
    pub branches: Vec<MakingBranch>,
}

/// One query of a UNION, INTERSECT or EXCEPT.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MakingBranch {
    /// The query, bytes in the text.
    pub span: Span,
    /// How it makes the value.
    pub making: Making,
}

/// One expression on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct MakingLink {
    /// The CTE's name or the subquery's alias; "" for the statement itself.
    pub scope: String,
    /// The name that the expression has in its scope.
    pub column: String,
    /// What it does.
    pub step: Step,
    /// Where it stands, bytes in the text.
    pub span: Span,
}

/// One clause that decides rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MakingRule {
    /// Where it stands, bytes in the text.
    pub span: Span,
    /// What it does.
    pub kind: RowEdgeKind,
    /// The word in the text.
    pub word: String,
    /// The scope it stands in: (statement, scope) of the analysis.
    pub scope: (u32, u32),
    /// The CTE's name or the subquery's alias; "" for the statement itself.
    pub within: String,
    /// Where it acts, seen from the outermost expression that computes the value.
    pub stage: RuleStage,
}

/// Where a clause acts, seen from the outermost expression that computes the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleStage {
    /// On what the expression reads.
    Before,
    /// In the scope of the expression.
    #[default]
    Here,
    /// On its results.
    After,
}

/// One real column that a value is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakingInput {
    /// The relation; `None` where it cannot be known.
    pub relation: Option<RelationId>,
    /// Its column, with struct path.
    pub column: String,
    /// How it takes part.
    pub kind: ColumnEdgeKind,
}

impl Making {
    /// Whether the value is taken over from one column, every row of it.
    pub fn is_plain_copy(&self) -> bool {
        self.inputs.len() == 1
            && self.rules.is_empty()
            && self.branches.is_empty()
            && self.links.iter().all(|link| link.step == Step::Copies)
    }

    /// Whether every branch only takes the value over, so that none needs telling.
    pub fn has_plain_branches(&self) -> bool {
        let copies = |branch: &MakingBranch| branch.making.links.iter().all(|link| link.step == Step::Copies);
        !self.branches.is_empty() && self.branches.iter().all(|branch| copies(branch) && branch.making.rules.is_empty())
    }

    /// Whether a value is computed over several rows on the way.
    pub fn aggregates(&self) -> bool {
        self.links.iter().any(|link| matches!(link.step, Step::Aggregates | Step::CountsRows))
            || self.branches.iter().any(|branch| branch.making.aggregates())
    }

    /// Whether a condition says that no row is ever written: what only makes an empty table.
    pub fn writes_nothing(&self, text: &str) -> bool {
        let never = |rule: &MakingRule| {
            rule.kind == RowEdgeKind::Filter
                && rule.stage != RuleStage::Before
                && matches!(rule.span.of(text).trim().to_ascii_lowercase().as_str(), "false" | "1 = 0" | "1=0" | "1 = 2")
        };
        self.branches.is_empty() && self.rules.iter().any(never)
    }

    /// Whether the value is the literal NULL, converted or not.
    pub fn is_always_null(&self, text: &str) -> bool {
        let [link] = self.links.as_slice() else { return false };
        let sql = link.span.of(text).to_ascii_lowercase();
        let inside = sql.trim().strip_prefix("safe_cast(").or_else(|| sql.trim().strip_prefix("cast(")).unwrap_or(sql.trim());
        link.step == Step::Constant && inside.trim_start().split(|letter: char| !letter.is_alphanumeric()).next() == Some("null")
    }

    /// The word of a clause, with the kind of its join before it: `left join on`.
    pub fn word_of_rule(rule: &MakingRule, text: &str, analysis: &Analysis) -> String {
        let scope = |(statement, scope): (u32, u32)| {
            analysis.statements.get(statement as usize)?.derivation.scopes.get(scope as usize).map(|scope| scope.span)
        };
        let start = scope(rule.scope).map(|span| span.start).filter(|start| *start < rule.span.start);
        let before = start.and_then(|start| text.get(start as usize..rule.span.start as usize));
        match before.filter(|_| rule.kind == RowEdgeKind::Join).and_then(join_before) {
            Some(join) => format!("{join} {}", rule.word),
            None => rule.word.clone(),
        }
    }

    /// The text of a clause on one line, without template tags, comments and quotes around names.
    pub fn text_of_rule(rule: &MakingRule, text: &str) -> String {
        sentence::one_line(rule.span.of(text))
    }

    /// What happens, in a sentence of plain text.
    pub fn sentence(&self, text: &str, analysis: &Analysis) -> String {
        sentence::tell(self, text, analysis)
    }
}

/// Whether an expression is a quotient: `/` outside quotes, or a dividing function.
pub fn divides(expression: &str) -> bool {
    sentence::divides(expression)
}

/// Whether an expression measures many rows rather than picking one value of them.
pub fn measures(expression: &str) -> bool {
    sentence::measures(expression)
}

/// `span`, widened to the parentheses that are opened in it and closed right after it: the last
/// argument of a call is where the parser's own place of the call ends.
pub fn close_parentheses(text: &str, span: Span) -> Span {
    let mut open = 0_u32;
    let mut quote = None;
    for byte in span.of(text).bytes() {
        match (quote, byte) {
            (Some(mark), _) if mark == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"' | b'`') => quote = Some(byte),
            (None, b'(') => open += 1,
            (None, b')') => open = open.saturating_sub(1),
            (None, _) => {}
        }
    }
    let mut end = span.end;
    for byte in text.bytes().skip(span.end as usize) {
        match byte {
            _ if open == 0 => break,
            b')' => {
                open -= 1;
                end += 1;
            }
            byte if byte.is_ascii_whitespace() => end += 1,
            _ => return span,
        }
    }
    if open == 0 { Span { end, ..span } } else { span }
}

/// How each statement of a document makes `column` of the entry `target` of [`Analysis::targets`];
/// those that do not touch the column are left out. `text` is the document's.
pub fn make_column(analysis: &Analysis, text: &str, target: u32, column: &str) -> Vec<Making> {
    let Some(lineage) = analysis.targets.get(target as usize) else { return Vec::new() };
    let made = |statement: &u32| {
        from_derivation(analysis, *statement, column).or_else(|| from_edges(analysis, *statement, lineage.relation, column))
    };
    let mut makings: Vec<Making> = lineage.statements.iter().filter_map(made).collect();
    makings.iter_mut().for_each(|making| close_spans(text, making));
    makings
}

/// Closes the parentheses of every span; branches are one deep.
fn close_spans(text: &str, making: &mut Making) {
    let branches = making.branches.iter_mut().map(|branch| &mut branch.making);
    branches.for_each(|making| close_spans(text, making));
    let links = making.links.iter_mut().map(|link| &mut link.span);
    let rules = making.rules.iter_mut().map(|rule| &mut rule.span);
    links.chain(rules).for_each(|span| *span = close_parentheses(text, *span));
}

fn from_derivation(analysis: &Analysis, statement: u32, column: &str) -> Option<Making> {
    let lineage = analysis.statements.get(statement as usize)?;
    let outermost = lineage.derivation.scopes.first()?;
    let by_position = || {
        // INSERT and CREATE VIEW with a column list rename by position.
        let at = lineage.outputs.iter().position(|output| same_name(&output.name, column))?;
        outermost.columns.get(at).filter(|_| outermost.columns.len() == lineage.outputs.len())
    };
    let place = Place { statement, scope: 0 };
    if let Some(derived) = find_column(outermost, column).or_else(by_position) {
        return Some(Walk::new(analysis, statement).walk(place, derived, None));
    }
    // What is known of no column by name may come through a star over a relation of unknown columns.
    let mut making = Walk::new(analysis, statement).walk(place, find_column(outermost, STAR)?, None);
    making.inputs.retain(|input| input.column == STAR);
    making.inputs.iter_mut().for_each(|input| column.clone_into(&mut input.column));
    making.through_star = true;
    (!making.inputs.is_empty()).then_some(making)
}

/// Where no derivation tells it (UPDATE, MERGE): the edges alone.
fn from_edges(analysis: &Analysis, statement: u32, relation: Option<RelationId>, column: &str) -> Option<Making> {
    let lineage = analysis.statements.get(statement as usize)?;
    let mut making = Making { statement, ..Making::default() };
    let edges = lineage.columns.iter().filter(|edge| edge.to == relation && same_name(&edge.to_column, column));
    for edge in edges {
        add_input(&mut making.inputs, MakingInput { relation: edge.from, column: edge.from_column.clone(), kind: edge.kind });
        let step = match edge.kind {
            ColumnEdgeKind::Identity => Step::Copies,
            ColumnEdgeKind::Aggregation => Step::Aggregates,
            ColumnEdgeKind::Transformation | ColumnEdgeKind::Conditional => Step::Transforms,
            ColumnEdgeKind::Window => Step::Windows,
        };
        if !making.links.iter().any(|link| link.span == edge.span) {
            making.links.push(MakingLink { scope: String::new(), column: column.to_owned(), step, span: edge.span });
        }
    }
    if making.links.is_empty() {
        return None;
    }
    making.rules.extend(lineage.rows.iter().map(|row| MakingRule {
        span: row.span,
        kind: row.kind,
        word: word_of(row.kind).to_owned(),
        scope: (statement, 0),
        within: String::new(),
        stage: RuleStage::Here,
    }));
    making.rules.sort();
    making.rules.dedup_by(|a, b| a.span == b.span && a.kind == b.kind);
    Some(making)
}

fn word_of(kind: RowEdgeKind) -> &'static str {
    match kind {
        RowEdgeKind::Filter => "where",
        RowEdgeKind::Join => "on",
        RowEdgeKind::GroupBy => "group by",
        RowEdgeKind::Sort => "order by",
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    statement: u32,
    scope: u32,
}

/// The way of one value down the scopes.
struct Walk<'a> {
    analysis: &'a Analysis,
    making: Making,
    visited: BTreeSet<(Place, String)>,
    copies: Vec<MakingLink>,
    /// The scope of the outermost expression that computes, once it is found.
    computing: Option<Place>,
    /// How deep it is in branches of branches.
    depth: u32,
    /// Visits left, shared by all branches.
    left: Rc<Cell<usize>>,
}

impl<'a> Walk<'a> {
    fn new(analysis: &'a Analysis, statement: u32) -> Self {
        Walk {
            analysis,
            making: Making { statement, ..Making::default() },
            visited: BTreeSet::new(),
            copies: Vec::new(),
            computing: None,
            depth: 0,
            left: Rc::new(Cell::new(MOST_VISITS)),
        }
    }

    /// A walk down one branch of this one.
    fn branch(&self, statement: u32) -> Self {
        let (visited, left) = (self.visited.clone(), Rc::clone(&self.left));
        Walk { visited, left, depth: self.depth + 1, ..Walk::new(self.analysis, statement) }
    }

    /// Walks from a column to what it is made of.
    fn walk(mut self, place: Place, derived: &'a DerivedColumn, through: Option<ColumnEdgeKind>) -> Making {
        self.visit(place, derived, through);
        let Walk { mut making, copies, computing, .. } = self;
        if computing.is_none() {
            for rule in &mut making.rules {
                let is_start = rule.scope == (place.statement, place.scope);
                rule.stage = match is_start {
                    // What stands around queries put together acts on their results.
                    _ if !making.branches.is_empty() => RuleStage::After,
                    true => RuleStage::Here,
                    false => RuleStage::Before,
                };
            }
        }
        if making.links.is_empty() {
            making.links.extend(copies.into_iter().next());
        }
        making.rules.sort();
        making.rules.dedup_by(|a, b| a.span == b.span && a.word == b.word);
        making
    }

    /// Tells of each query of a set operation apart; says whether there are several.
    fn take_branches(
        &mut self,
        place: Place,
        scope: &'a DerivedScope,
        derived: &'a DerivedColumn,
        through: Option<ColumnEdgeKind>,
    ) -> bool {
        if scope.kind != ScopeKind::SetOperation
            || derived.inputs.len() < 2
            || !self.making.branches.is_empty()
            || self.depth > DEEPEST
        {
            return false;
        }
        for input in &derived.inputs {
            let Some((inner, column, kind)) = self.follow(place, scope, input, through) else { continue };
            let Some(span) = self.scope(inner).map(|scope| scope.span) else { continue };
            let making = self.branch(place.statement).walk(inner, column, kind);
            making.inputs.iter().for_each(|input| add_input(&mut self.making.inputs, input.clone()));
            for relation in &making.counted {
                if !self.making.counted.contains(relation) {
                    self.making.counted.push(*relation);
                }
            }
            // A union in a branch of a union only makes it longer.
            if making.branches.is_empty() || making.links.iter().any(|link| link.step != Step::Copies) {
                self.making.branches.push(MakingBranch { span, making: level(making) });
            } else {
                self.making.branches.extend(making.branches);
            }
        }
        true
    }

    /// Visits a column and what it is made of; `through` is how it takes part in what was visited
    /// before. Bounded by [`MOST_VISITS`].
    fn visit(&mut self, place: Place, derived: &'a DerivedColumn, through: Option<ColumnEdgeKind>) {
        let mut waiting = vec![(place, derived, through)];
        while let Some((place, derived, through)) = waiting.pop() {
            if self.left.get() == 0 || !self.visited.insert((place, derived.name.clone())) {
                continue;
            }
            self.left.set(self.left.get() - 1);
            let Some(scope) = self.scope(place) else { continue };
            if self.take_branches(place, scope, derived, through) {
                self.take_rules(place, scope);
                continue;
            }
            self.take_choices(derived);
            self.take_link(scope, derived);
            self.take_rules(place, scope);
            if derived.inputs.is_empty() && matches!(derived.step, Step::CountsRows | Step::Aggregates) {
                self.take_counted(place, scope);
            }
            let mut next: Vec<_> = derived.inputs.iter().flat_map(|input| self.follow(place, scope, input, through)).collect();
            next.reverse();
            waiting.append(&mut next);
        }
    }

    fn scope(&self, place: Place) -> Option<&'a DerivedScope> {
        self.analysis.statements.get(place.statement as usize)?.derivation.scopes.get(place.scope as usize)
    }

    /// The columns that a copied value may be, where there are several and nothing was computed yet.
    fn take_choices(&mut self, derived: &DerivedColumn) {
        if derived.step != Step::Copies || !self.making.links.is_empty() || !self.making.choices.is_empty() {
            return;
        }
        let direct = derived.inputs.iter().filter(|input| input.kind.is_direct());
        let names: Vec<String> = direct.map(|input| input.column.clone()).collect();
        if names.len() > 1 {
            self.making.choices = names;
        }
    }

    fn take_link(&mut self, scope: &DerivedScope, derived: &DerivedColumn) {
        let link = MakingLink { scope: scope.name.clone(), column: derived.name.clone(), step: derived.step, span: derived.span };
        match derived.step {
            Step::Copies => self.copies.push(link),
            Step::Transforms | Step::Aggregates | Step::Windows | Step::CountsRows | Step::Constant => {
                self.making.links.push(link);
            }
        }
    }

    fn take_rules(&mut self, place: Place, scope: &DerivedScope) {
        if self.computing.is_none() && !self.making.links.is_empty() {
            self.computing = Some(place);
        }
        let stage = match self.computing {
            None => RuleStage::After,
            Some(computing) if computing == place => RuleStage::Here,
            Some(_) => RuleStage::Before,
        };
        self.making.rules.extend(scope.clauses.iter().map(|clause| MakingRule {
            span: clause.span,
            kind: clause.kind,
            word: clause.word.clone(),
            scope: (place.statement, place.scope),
            within: scope.name.clone(),
            stage,
        }));
    }

    /// The relations under a `count(*)`, and what decides which of their rows are counted.
    fn take_counted(&mut self, place: Place, scope: &'a DerivedScope) {
        let mut waiting: Vec<(Place, &'a DerivedScope)> = vec![(place, scope)];
        let mut seen = BTreeSet::from([place]);
        while let Some((place, scope)) = waiting.pop() {
            for input in &scope.inputs {
                let inner = match input.from {
                    InputFrom::Relation(relation) => {
                        if !self.making.counted.contains(&relation) {
                            self.making.counted.push(relation);
                        }
                        continue;
                    }
                    InputFrom::Scope(scope) => Place { scope, ..place },
                    InputFrom::Earlier(statement, scope) => Place { statement, scope },
                };
                if seen.len() < MOST_VISITS
                    && seen.insert(inner)
                    && let Some(scope) = self.scope(inner)
                {
                    self.take_rules(inner, scope);
                    waiting.push((inner, scope));
                }
            }
        }
    }

    /// One input of an expression: a real column, or columns of another scope to visit.
    fn follow(
        &mut self,
        place: Place,
        scope: &'a DerivedScope,
        input: &ColumnInput,
        through: Option<ColumnEdgeKind>,
    ) -> Option<(Place, &'a DerivedColumn, Option<ColumnEdgeKind>)> {
        let kind = through.map_or(input.kind, |through| input.kind.then(through));
        let from = input.input.and_then(|at| scope.inputs.get(at as usize)).map(|input| &input.from);
        let inner = match from {
            None => {
                self.add(None, input, kind);
                return None;
            }
            Some(InputFrom::Relation(relation)) => {
                self.add(Some(*relation), input, kind);
                return None;
            }
            Some(InputFrom::Scope(scope)) => Place { scope: *scope, ..place },
            Some(InputFrom::Earlier(statement, scope)) => Place { statement: *statement, scope: *scope },
        };
        let derived = find_column(self.scope(inner)?, &input.column)?;
        Some((inner, derived, Some(kind)))
    }

    fn add(&mut self, relation: Option<RelationId>, input: &ColumnInput, kind: ColumnEdgeKind) {
        add_input(&mut self.making.inputs, MakingInput { relation, column: input.column.clone(), kind });
    }
}

/// A branch that has branches itself: their rules are its own.
fn level(mut making: Making) -> Making {
    for branch in std::mem::take(&mut making.branches) {
        making.links.extend(branch.making.links.into_iter().filter(|link| link.step != Step::Copies));
        making.rules.extend(branch.making.rules.into_iter().map(|rule| MakingRule { stage: RuleStage::Before, ..rule }));
    }
    making.rules.sort();
    making
}

fn add_input(inputs: &mut Vec<MakingInput>, input: MakingInput) {
    if !inputs.contains(&input) {
        inputs.push(input);
    }
}

/// The column of `scope` that is called `name`; a struct path is found by its first part.
fn find_column<'a>(scope: &'a DerivedScope, name: &str) -> Option<&'a DerivedColumn> {
    let whole = scope.columns.iter().find(|column| same_name(&column.name, name));
    whole.or_else(|| {
        let (first, _) = name.split_once('.')?;
        scope.columns.iter().find(|column| same_name(&column.name, first))
    })
}

/// Names inside one document: spelled alike but for case.
fn same_name(one: &str, other: &str) -> bool {
    let is_plain = one.is_ascii() && other.is_ascii();
    one.eq_ignore_ascii_case(other) || !is_plain && one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::close_parentheses;
    use crate::model::Span;

    #[test]
    fn a_call_ends_behind_its_last_parenthesis() {
        let text = "select sum(if(a, 1, 0) ) / count(*) as r";
        let widened = |start, end| close_parentheses(text, Span::new(start, end)).of(text);
        assert_eq!(widened(7, 21), "sum(if(a, 1, 0) )");
        assert_eq!(widened(7, 34), "sum(if(a, 1, 0) ) / count(*)");
        assert_eq!(widened(11, 22), "if(a, 1, 0)", "what is closed stays as it is");
        assert_eq!(close_parentheses("f(a, b)", Span::new(0, 3)).of("f(a, b)"), "f(a", "other text is never taken in");
    }
}
