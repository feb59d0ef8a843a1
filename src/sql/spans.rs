//! Places of AST nodes in the text.
//!
//! Every token that the parser sees carries its *byte* offsets (line 1, column = offset + 1), so a
//! sqlparser span is turned into a span of the whole text without any table.

use rustc_hash::FxHashMap;
use sqlparser::{
    ast::{Expr, Spanned},
    keywords::Keyword as K,
    tokenizer::{self, Location},
};

use super::lexer::{Kind, Token, lex};
use crate::model::{Analysis, ColumnEdge, Dialect, OutputColumn, RowEdge, Span};

/// The bytes of the whole text that a sqlparser span covers; empty where it knows nothing.
pub(crate) fn bytes(span: tokenizer::Span) -> Span {
    if span.start.line == 0 || span.end.line == 0 {
        return Span::default();
    }
    Span::new(span.start.column.saturating_sub(1) as usize, span.end.column.saturating_sub(1) as usize)
}

/// The bytes that the located parts of an AST node cover.
pub(crate) fn span_of(node: &impl Spanned) -> Span {
    bytes(node.span())
}

/// As [`span_of`], of an expression in `text`: with the brackets of an array, whose parts alone have a place.
pub(crate) fn place_of_expr(text: &str, expr: &Expr) -> Span {
    let span = span_of_expr(expr);
    let around = || {
        let open = text.get(..span.start as usize)?.rfind('[')?;
        let close = span.end as usize + text.get(span.end as usize..)?.find(']')? + 1;
        Some(Span::new(open, close))
    };
    match expr {
        Expr::Array(_) if !span.is_empty() => around().unwrap_or(span),
        _ => span,
    }
}

/// As [`span_of`], of an expression: sqlparser keeps no place of a STRUCT, so that its parts tell it.
fn span_of_expr(expr: &Expr) -> Span {
    let parts = match expr {
        Expr::Struct { values, .. } => values,
        Expr::Array(array) => &array.elem,
        Expr::Named { expr, .. } => return span_of_expr(expr),
        other => return span_of(other),
    };
    let placed = parts.iter().map(span_of_expr).filter(|span| !span.is_empty());
    placed.reduce(|one, other| one.cover(other)).unwrap_or_else(|| span_of(expr))
}

/// The text of `span` with the brackets that it leaves open, which sqlparser's spans of calls miss.
pub(crate) fn closed(text: &str, span: Span) -> &str {
    let (start, end) = (span.start as usize, span.end as usize);
    let bytes = text.as_bytes();
    let (mut depth, mut at, mut quote) = (0i32, start, None);
    while at < bytes.len() && (at < end || depth > 0) {
        match (bytes[at], quote) {
            (byte, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (byte @ (b'\'' | b'"' | b'`'), None) => quote = Some(byte),
            (b'(' | b'[' | b'{', None) => depth += 1,
            (b')' | b']' | b'}', None) => depth -= 1,
            (b';', None) if at >= end => break,
            _ => {}
        }
        at += 1;
    }
    let reach = if depth == 0 { at.max(end) } else { end };
    text.get(start..reach).unwrap_or_else(|| span.of(text))
}

/// The sqlparser span of `start..end` bytes of the whole text.
pub(crate) fn located(start: usize, end: usize) -> tokenizer::Span {
    tokenizer::Span::new(Location::new(1, start as u64 + 1), Location::new(1, end as u64 + 1))
}

/// The tokens of a text, for widening what the tree knows of a place.
///
/// sqlparser's spans miss keywords, closing brackets, OVER clauses and whole literals; the tokens
/// around a partial span show how far the expression or clause really reaches.
pub(crate) struct Places<'t> {
    text: &'t str,
    tokens: Vec<Token>,
}

impl<'t> Places<'t> {
    /// Lexes `text`.
    pub(crate) fn new(text: &'t str, dialect: Dialect) -> Self {
        let mut tokens = lex(text, dialect);
        tokens.retain(|token| token.kind != Kind::Comment);
        Places { text, tokens }
    }

    /// The item of a list (of SELECT, GROUP BY, ORDER BY, …) that holds `partial`, without its alias.
    pub(crate) fn item(&self, partial: Span) -> Span {
        self.widen(partial, true, |from, to| (from, self.before_alias(from, to)))
    }

    /// The body of the clause (of WHERE, HAVING, ON, GROUP BY, …) that holds `partial`.
    pub(crate) fn clause(&self, partial: Span) -> Span {
        self.distinct_list(partial).unwrap_or_else(|| self.widen(partial, false, |from, to| (from, to)))
    }

    /// What DISTINCT holds for, where `partial` is the SELECT before it: the list.
    fn distinct_list(&self, partial: Span) -> Option<Span> {
        let at = self.tokens.partition_point(|token| token.end <= partial.start);
        self.tokens.get(at).filter(|token| token.span() == partial && token.keyword() == K::SELECT)?;
        let first = at + 1 + usize::from(self.keyword(at + 1) == K::DISTINCT);
        let (end, _) = self.walk_right(first, false);
        (end > first).then(|| self.span(first, end))
    }

    fn widen(&self, partial: Span, commas_end: bool, cut: impl Fn(usize, usize) -> (usize, usize)) -> Span {
        let mut from = self.tokens.partition_point(|token| token.end <= partial.start);
        let mut to = self.tokens.partition_point(|token| token.start < partial.end);
        if partial.is_empty() || from >= to {
            return partial;
        }
        if matches!(self.keyword(from), K::SELECT | K::WITH) && from > 0 && self.side(from - 1) > 0 {
            from -= 1;
        }
        loop {
            (from, to) = self.balance(from, to);
            let (left, opener) = self.walk_left(from, commas_end);
            let (right, closer) = self.walk_right(to, commas_end);
            if !(opener && closer && self.is_wrapper(left - 1)) {
                let (from, to) = cut(left, right);
                return self.span(from, to);
            }
            (from, to) = (left - 1, right + 1);
        }
    }

    /// Whether the bracket at `at` belongs to the expression inside it, whose span misses it: sqlparser
    /// keeps no place of CAST, EXTRACT and their like, nor of brackets after an operator.
    fn is_wrapper(&self, at: usize) -> bool {
        const UNPLACED: [&str; 20] = [
            "CAST",
            "TRY_CAST",
            "SAFE_CAST",
            "EXTRACT",
            "CEIL",
            "CEILING",
            "FLOOR",
            "POSITION",
            "SUBSTRING",
            "SUBSTR",
            "TRIM",
            "OVERLAY",
            "CONVERT",
            "TRY_CONVERT",
            "EXISTS",
            "IN",
            "STRUCT",
            "ARRAY",
            "NOT",
            "AND",
        ];
        let Some(before) = at.checked_sub(1).and_then(|before| self.tokens.get(before)) else { return false };
        let query = matches!(self.keyword(at + 1), K::SELECT | K::WITH | K::FROM);
        match before.kind {
            Kind::Operator => !query && !matches!(before.of(self.text), "]" | "}"),
            Kind::Word(_) => !query && UNPLACED.iter().any(|word| before.is_word(self.text, word)),
            _ => false,
        }
    }

    fn span(&self, from: usize, to: usize) -> Span {
        match (self.tokens.get(from), to.checked_sub(1).and_then(|last| self.tokens.get(last))) {
            (Some(first), Some(last)) => first.span().cover(last.span()),
            _ => Span::default(),
        }
    }

    fn keyword(&self, at: usize) -> K {
        self.tokens.get(at).map_or(K::NoKeyword, |token| token.keyword())
    }

    fn side(&self, at: usize) -> i32 {
        let Some(token) = self.tokens.get(at) else { return 0 };
        match token.kind {
            Kind::LeftParen => 1,
            Kind::RightParen => -1,
            Kind::Operator => match token.of(self.text) {
                "[" | "{" => 1,
                "]" | "}" => -1,
                _ => 0,
            },
            _ => 0,
        }
    }

    /// Takes in the brackets that `from..to` opens or closes without their partners.
    fn balance(&self, mut from: usize, mut to: usize) -> (usize, usize) {
        let (mut depth, mut missing) = (0i32, 0i32);
        for at in from..to {
            depth += self.side(at);
            missing = missing.min(depth);
        }
        let mut unopened = -missing;
        while unopened > 0 && from > 0 {
            from -= 1;
            unopened -= self.side(from);
        }
        let mut unclosed = depth - missing;
        while unclosed > 0 && to < self.tokens.len() {
            unclosed += self.side(to);
            to += 1;
        }
        (from, to)
    }

    /// The first token of what reaches left from `from`, and whether an opening bracket ends it.
    fn walk_left(&self, from: usize, commas_end: bool) -> (usize, bool) {
        let (mut at, mut depth) = (from, 0i32);
        while at > 0 {
            let before = at - 1;
            let side = self.side(before);
            if depth == 0 && side > 0 {
                return (at, true);
            }
            if depth == 0 && (self.is_separator(before, commas_end) || self.opens_clause(before)) {
                return (at, false);
            }
            depth -= side;
            at = before;
        }
        (at, false)
    }

    /// Past the last token of what reaches right from `to`, and whether a closing bracket ends it.
    fn walk_right(&self, to: usize, commas_end: bool) -> (usize, bool) {
        let (mut at, mut depth) = (to, 0i32);
        while at < self.tokens.len() {
            let side = self.side(at);
            if depth == 0 && side < 0 {
                return (at, true);
            }
            if depth == 0 && (self.is_separator(at, commas_end) || self.closes_clause(at)) {
                return (at, false);
            }
            depth += side;
            at += 1;
        }
        (at, false)
    }

    fn is_separator(&self, at: usize, commas_end: bool) -> bool {
        self.tokens.get(at).is_some_and(|token| match token.kind {
            Kind::Comma => commas_end,
            Kind::Semicolon => true,
            Kind::Operator => token.of(self.text) == "|>",
            _ => false,
        })
    }

    /// A keyword whose body follows.
    fn opens_clause(&self, at: usize) -> bool {
        match self.keyword(at) {
            K::FROM => !self.in_call(at),
            K::SELECT
            | K::DISTINCT
            | K::WHERE
            | K::HAVING
            | K::QUALIFY
            | K::ON
            | K::BY
            | K::USING
            | K::SET
            | K::VALUES
            | K::RETURNING
            | K::LIMIT
            | K::JOIN
            | K::INTO
            | K::EXTEND
            | K::AGGREGATE
            | K::PREWHERE => !self.is_part(at),
            _ => false,
        }
    }

    /// A keyword that ends the clause before it.
    fn closes_clause(&self, at: usize) -> bool {
        let next = self.keyword(at + 1);
        if self.is_part(at) {
            return false;
        }
        match self.keyword(at) {
            K::FROM => !self.in_call(at),
            K::WHERE
            | K::GROUP
            | K::HAVING
            | K::QUALIFY
            | K::ORDER
            | K::LIMIT
            | K::UNION
            | K::INTERSECT
            | K::INTO
            | K::JOIN
            | K::ON
            | K::SET
            | K::VALUES
            | K::RETURNING
            | K::FETCH
            | K::LATERAL
            | K::PREWHERE
            | K::SETTINGS
            | K::SELECT
            | K::INSERT
            | K::MINUS => true,
            K::EXCEPT => self.tokens.get(at + 1).is_none_or(|next| next.kind != Kind::LeftParen),
            K::WINDOW => next == K::NoKeyword,
            K::LEFT | K::RIGHT | K::FULL | K::INNER | K::CROSS | K::NATURAL => {
                matches!(next, K::JOIN | K::OUTER | K::SEMI | K::ANTI | K::LEFT | K::RIGHT | K::INNER | K::FULL | K::APPLY)
            }
            K::WHEN => matches!(next, K::MATCHED | K::NOT) && self.keyword(at + 2) != K::NULL,
            K::CLUSTER | K::DISTRIBUTE | K::SORT | K::CONNECT => next == K::BY,
            K::USING => self.tokens.get(at + 1).is_some_and(|next| next.kind == Kind::LeftParen),
            _ => false,
        }
    }

    /// Whether the word at `at` is part of a dotted name.
    fn is_part(&self, at: usize) -> bool {
        let period = |at: usize| self.tokens.get(at).is_some_and(|token| token.kind == Kind::Period);
        period(at + 1) || at.checked_sub(1).is_some_and(period)
    }

    /// Whether the FROM at `at` belongs to `EXTRACT(x FROM y)` or its like.
    fn in_call(&self, at: usize) -> bool {
        const NEAR: usize = 6;
        let open = (at.saturating_sub(NEAR)..at).rev().find(|step| self.side(*step) != 0);
        open.is_some_and(|open| {
            self.side(open) > 0
                && open.checked_sub(1).and_then(|name| self.tokens.get(name)).is_some_and(|name| {
                    ["EXTRACT", "TRIM", "SUBSTRING", "OVERLAY"].iter().any(|word| name.is_word(self.text, word))
                })
        })
    }

    /// Where the alias of the item `from..to` starts: `AS name`, or a name right after a value.
    fn before_alias(&self, from: usize, to: usize) -> usize {
        let Some(last) = to.checked_sub(1).filter(|last| *last > from) else { return to };
        let is_name = matches!(self.tokens[last].kind, Kind::Quoted | Kind::Word(_) | Kind::Text);
        if !is_name {
            return to;
        }
        let before = self.tokens[last - 1];
        if before.keyword() == K::AS {
            return if last - 1 > from { last - 1 } else { to };
        }
        let bare = matches!(self.tokens[last].kind, Kind::Quoted | Kind::Word(K::NoKeyword));
        let value = matches!(
            before.kind,
            Kind::Quoted | Kind::RightParen | Kind::Number | Kind::Text | Kind::Word(K::NoKeyword | K::END)
        );
        if bare && value { last } else { to }
    }
}

/// Widens every place of `analysis` to the whole item or clause that holds it.
pub(crate) fn widen(analysis: &mut Analysis, text: &str, dialect: Dialect) {
    let mut widener = Widener { places: Places::new(text, dialect), known: FxHashMap::default() };
    for statement in &mut analysis.statements {
        for scope in &mut statement.derivation.scopes {
            scope.columns.iter_mut().for_each(|column| widener.item(&mut column.span));
            scope.clauses.iter_mut().for_each(|clause| widener.clause(&mut clause.span));
        }
        widener.edges(&mut statement.columns, &mut statement.rows, &mut statement.outputs);
    }
    for target in &mut analysis.targets {
        widener.edges(&mut target.columns, &mut target.rows, &mut target.outputs);
    }
}

/// Remembers what it widened: many edges share a place.
struct Widener<'t> {
    places: Places<'t>,
    known: FxHashMap<(Span, bool), Span>,
}

impl Widener<'_> {
    fn edges(&mut self, columns: &mut [ColumnEdge], rows: &mut [RowEdge], outputs: &mut [OutputColumn]) {
        columns.iter_mut().for_each(|edge| self.item(&mut edge.span));
        rows.iter_mut().for_each(|edge| self.clause(&mut edge.span));
        outputs.iter_mut().for_each(|output| self.item(&mut output.span));
    }

    fn item(&mut self, span: &mut Span) {
        let places = &self.places;
        *span = *self.known.entry((*span, true)).or_insert_with(|| places.item(*span));
    }

    fn clause(&mut self, span: &mut Span) {
        let places = &self.places;
        *span = *self.known.entry((*span, false)).or_insert_with(|| places.clause(*span));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item<'t>(text: &'t str, partial: &str) -> &'t str {
        let start = text.find(partial).unwrap();
        Places::new(text, Dialect::BigQuery).item(Span::new(start, start + partial.len())).of(text)
    }

    #[test]
    fn an_item_reaches_from_comma_to_comma_without_its_alias() {
        let text = "SELECT a, CAST(é.x AS INT64) AS y, sum(b) OVER (PARTITION BY c) z, count(*) FROM t";
        assert_eq!(item(text, "é.x"), "CAST(é.x AS INT64)");
        assert_eq!(item(text, "sum(b"), "sum(b) OVER (PARTITION BY c)");
        assert_eq!(item(text, "count"), "count(*)");
        assert_eq!(item(text, "a"), "a");
    }

    #[test]
    fn a_subquery_bounds_its_own_items() {
        let text = "SELECT (SELECT max(z) FROM b WHERE EXTRACT(DAY FROM b.d) = 1) AS m FROM t";
        assert_eq!(item(text, "max(z"), "max(z)");
        assert_eq!(item(text, "SELECT max(z) FROM b"), "(SELECT max(z) FROM b WHERE EXTRACT(DAY FROM b.d) = 1)");
        let places = Places::new(text, Dialect::BigQuery);
        let at = text.find("b.d").unwrap();
        assert_eq!(places.clause(Span::new(at, at + 3)).of(text), "EXTRACT(DAY FROM b.d) = 1");
    }

    #[test]
    fn a_clause_keeps_its_commas() {
        let text = "SELECT a FROM t JOIN u ON lower(t.k) = u.k WHERE x IN (1, 2) AND y IS NULL GROUP BY a, b HAVING 1 = 1";
        let places = Places::new(text, Dialect::Postgres);
        let clause = |partial: &str| {
            let start = text.find(partial).unwrap();
            places.clause(Span::new(start, start + partial.len())).of(text)
        };
        assert_eq!(clause("lower(t.k"), "lower(t.k) = u.k");
        assert_eq!(clause("x IN (1"), "x IN (1, 2) AND y IS NULL");
        assert_eq!(clause("a, b"), "a, b");
    }

    #[test]
    fn distinct_holds_for_its_list() {
        let text = "WITH c AS (SELECT DISTINCT a, (SELECT max(z) FROM u) AS m FROM t WHERE a = 1) SELECT 1 FROM c";
        let start = text.find("SELECT DISTINCT").unwrap();
        let places = Places::new(text, Dialect::BigQuery);
        assert_eq!(places.clause(Span::new(start, start + 6)).of(text), "a, (SELECT max(z) FROM u) AS m");
    }
}
