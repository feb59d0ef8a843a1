//! Text in, parsed statements out, in order, none of them at the cost of its neighbours.
//!
//! Scripts come out flat: the statements inside BEGIN … END, IF, LOOP, FOR and their like stand in
//! the list in the order of the text, each with its own span; the heads of those blocks yield their
//! expressions and queries. Never fails and never aborts: what cannot be read is [`Body::Failed`] or
//! [`Body::TooLarge`].

use sqlparser::{
    ast::{Expr, Query, Statement},
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::TokenWithSpan,
};

use super::{
    Options,
    deep::with_deep_stack,
    dialect,
    lexer::{Kind, Token},
    mend,
    split::{self, Piece, PieceKind},
    tokens,
};
use crate::model::{Dialect, RelationName, Span};

mod heads;
mod relations;
mod routine;

/// One statement, or one head of a block, with what was done to make it readable.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// Its bytes in the whole text, without the semicolon.
    pub(crate) span: Span,
    /// What it is. Spans inside are bytes of the whole text: see [`super::spans::bytes`].
    pub(crate) body: Body,
    /// Grammar that was rewritten before parsing: what, and where.
    pub(crate) mends: Vec<(&'static str, Span)>,
    /// Stands inside IF, CASE, a loop or an exception handler: it may never run.
    pub(crate) conditional: bool,
    /// An upper bound of the height of its tree: walk it under
    /// [`with_deep_stack`](super::deep::with_deep_stack).
    pub(crate) height: usize,
}

/// What one piece of a script is.
#[derive(Debug)]
pub(crate) enum Body {
    /// Anything that sqlparser has a statement for, often after a rewrite to an equivalent.
    Statement(Box<Statement>),
    /// `FOR variable IN (query) DO`, a cursor: the query's columns are fields of the variable.
    ForQuery {
        /// The loop's variable or the cursor.
        variable: String,
        /// What it runs over.
        query: Box<Query>,
    },
    /// Gives variables a value: `SELECT … INTO a, b`, `x := e`, `FETCH c INTO a`, `FOR r IN c`.
    Assign {
        /// The variables, in order.
        variables: Vec<String>,
        /// What they are given.
        value: Assigned,
    },
    /// Expressions outside of a statement: the conditions of IF, WHILE, UNTIL, CASE; a bare call.
    Expressions(Vec<Expr>),
    /// A procedure or function whose body is a script. Functions whose body sqlparser keeps as an
    /// expression or query are [`Body::Statement`].
    Routine(Box<Routine>),
    /// Known to move no data and to hold no query: `LEAVE`, `GRANT`, `SHOW`, …
    Nothing,
    /// Could not be parsed.
    Failed {
        /// What the parser expected and found, without the place.
        message: String,
        /// The place of the token that it stumbled on.
        at: Span,
        /// Relations that the tokens show to be read, where that is safe; CTEs left out.
        reads: Vec<RelationName>,
        /// Relations that the tokens show to be written, where that is safe.
        writes: Vec<RelationName>,
    },
    /// Longer or deeper than the limits allow.
    TooLarge {
        /// Which limit, in a sentence.
        message: String,
        /// Relations that the tokens show to be read; CTEs left out.
        reads: Vec<RelationName>,
        /// Relations that the tokens show to be written.
        writes: Vec<RelationName>,
    },
}

/// What variables of a script are given.
#[derive(Debug)]
pub(crate) enum Assigned {
    /// The columns of a query's row, one each; to a single variable the row itself.
    Query(Box<Query>),
    /// The value of an expression.
    Value(Box<Expr>),
    /// The columns of a cursor's row, one each.
    Columns(String),
    /// A cursor's row.
    Row(String),
}

/// A procedure or function with a script for a body.
#[derive(Debug)]
pub(crate) struct Routine {
    /// Its name.
    pub(crate) name: RelationName,
    /// Whether it is a procedure or a function.
    pub(crate) kind: RoutineKind,
    /// Parameter names, in order.
    pub(crate) parameters: Vec<String>,
    /// What RETURNS TABLE calls the columns of its rows.
    pub(crate) returns: Vec<String>,
    /// The body's statements, flat and in order; empty for languages other than SQL.
    pub(crate) body: Vec<Parsed>,
    /// Replaces one of the same name.
    pub(crate) replaces: bool,
    /// The table whose changes it follows, where it is a trigger, and what it calls their rows.
    pub(crate) fires_on: Option<(RelationName, Vec<String>)>,
}

/// What a routine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoutineKind {
    /// CREATE PROCEDURE, and triggers, tasks and events, which run statements likewise.
    Procedure,
    /// CREATE FUNCTION.
    Function,
    /// A function that yields rows: its body's last query.
    TableFunction,
}

/// Parses every statement of `text`.
pub(crate) fn parse(text: &str, options: &Options) -> Vec<Parsed> {
    if text.len() > options.max_bytes {
        let message = format!("the text has {} bytes, more than the {} that are read", text.len(), options.max_bytes);
        let body = Body::TooLarge { message, reads: Vec::new(), writes: Vec::new() };
        return vec![Parsed { span: Span::new(0, text.len()), body, mends: Vec::new(), conditional: false, height: 0 }];
    }
    let split = split::split(text, options.dialect);
    let reader = Reader { text, tokens: &split.tokens, options, grammar: dialect::of(options.dialect), routines: 0 };
    reader.read(&split.pieces)
}

/// What was mended, and whether one statement came of it.
type Mends = (Vec<(&'static str, Span)>, bool);

/// Reads the pieces of one text.
#[derive(Clone, Copy)]
struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
    options: &'t Options,
    grammar: dialect::Grammar,
    /// How many routines this text is the body of.
    routines: usize,
}

impl Reader<'_> {
    fn read(&self, pieces: &[Piece]) -> Vec<Parsed> {
        let mut parsed = Vec::new();
        let mut memory = 0usize;
        for piece in pieces {
            let cost = BYTES_PER_STATEMENT + BYTES_PER_TOKEN * self.needed(piece).len();
            if memory.saturating_add(cost) > MOST_MEMORY && piece.kind != PieceKind::Mark {
                self.refuse(piece, &mut parsed);
                continue;
            }
            memory += cost;
            self.read_piece(piece, &mut parsed);
        }
        parsed
    }

    /// The tokens of a piece that are worth parsing: of many rows of VALUES the first says it all.
    fn needed(&self, piece: &Piece) -> &[Token] {
        const MANY: usize = 20_000;
        let tokens = self.tokens.get(piece.tokens.0..piece.tokens.1).unwrap_or(&[]);
        let insert = tokens.len() > MANY && tokens.first().is_some_and(|first| first.keyword() == Keyword::INSERT);
        let values = if insert { tokens.iter().take(MANY).position(|token| token.keyword() == Keyword::VALUES) } else { None };
        let Some(values) = values.filter(|values| !heads::has_query(&tokens[..*values])) else { return tokens };
        let mut depth = 0usize;
        for (at, token) in tokens.iter().enumerate().skip(values + 1) {
            match token.kind {
                Kind::LeftParen => depth += 1,
                Kind::RightParen => depth = depth.saturating_sub(1),
                Kind::Comma if depth == 0 => return &tokens[..at],
                _ => {}
            }
        }
        tokens
    }

    /// A statement that comes after the memory for trees is used up.
    fn refuse(&self, piece: &Piece, parsed: &mut Vec<Parsed>) {
        let tokens = self.tokens.get(piece.tokens.0..piece.tokens.1).unwrap_or(&[]);
        let (reads, writes) = self.relations(tokens);
        let message = format!("the trees of the text before it take {} MiB, all that is allowed", MOST_MEMORY >> 20);
        let body = Body::TooLarge { message, reads, writes };
        parsed.push(Parsed { span: piece.span(self.tokens), body, mends: Vec::new(), conditional: piece.conditional, height: 0 });
    }

    fn read_piece(&self, piece: &Piece, parsed: &mut Vec<Parsed>) {
        let tokens = self.needed(piece);
        let span = piece.span(self.tokens);
        let measure = measure(tokens);
        let height = measure.height();
        let mut push = |body, mends| parsed.push(Parsed { span, body, mends, conditional: piece.conditional, height });
        match piece.kind {
            PieceKind::Mark | PieceKind::Client => {}
            _ if measure.depth > self.options.max_depth || measure.chain > LONGEST_CHAIN => {
                push(self.too_large(tokens, &measure), Vec::new());
            }
            PieceKind::Statement => {
                if let Some((literal, after)) = self.constant_script(tokens) {
                    let into =
                        tokens.get(after..).filter(|rest| rest.first().is_some_and(|word| word.keyword() == Keyword::INTO));
                    let using = into.and_then(|into| into.iter().position(|word| word.keyword() == Keyword::USING));
                    let variables = into.map(|into| self.variable_names(&into[..using.unwrap_or(into.len())]));
                    let inner = self.inner_script(literal).into_iter().map(|mut statement| {
                        statement.conditional |= piece.conditional;
                        statement.assign_to(variables.as_deref().unwrap_or_default());
                        statement
                    });
                    return parsed.extend(inner);
                }
                with_deep_stack(height, || self.statement(tokens, piece, height, parsed));
            }
            PieceKind::Routine => match with_deep_stack(height, || self.routine(tokens)) {
                Some(body) => push(body, Vec::new()),
                None => with_deep_stack(height, || self.statement(tokens, piece, height, parsed)),
            },
            PieceKind::Condition => push(with_deep_stack(height, || self.condition(tokens)), Vec::new()),
            PieceKind::ForHead => push(with_deep_stack(height, || self.for_head(tokens)), Vec::new()),
            PieceKind::Declaration => push(with_deep_stack(height, || self.declaration(tokens)), Vec::new()),
        }
    }

    /// The constant text that EXECUTE IMMEDIATE or DO runs.
    fn constant_script(&self, tokens: &[Token]) -> Option<(Token, usize)> {
        let first = tokens.first()?;
        let at = match first.keyword() {
            Keyword::EXECUTE if tokens.get(1)?.keyword() == Keyword::IMMEDIATE => 2,
            Keyword::EXECUTE if matches!(self.options.dialect, Dialect::Postgres | Dialect::Redshift | Dialect::Generic) => 1,
            Keyword::DO => 1,
            Keyword::PREPARE if tokens.get(2)?.keyword() == Keyword::FROM => 3,
            _ => return None,
        };
        let literal = tokens.get(at)?;
        let ends =
            tokens.get(at + 1).is_none_or(|next| matches!(next.keyword(), Keyword::INTO | Keyword::USING | Keyword::LANGUAGE));
        (matches!(literal.kind, Kind::Text | Kind::Dollar) && ends && self.routines < 8).then_some((*literal, at + 1))
    }

    /// Parses a statement, mends it where that fails, and pushes what comes of it.
    fn statement(&self, tokens: &[Token], piece: &Piece, height: usize, parsed: &mut Vec<Parsed>) {
        let (span, conditional) = (piece.span(self.tokens), piece.conditional);
        let mut push = |span, body, mends| parsed.push(Parsed { span, body, mends, conditional, height });
        if let Some(body) = self.command(tokens) {
            return push(span, body, Vec::new());
        }
        let mut mends = Vec::new();
        let variables = self.variables_clause(tokens);
        if let Some((from, to)) = variables {
            mends.push(("into variables", heads::place(&tokens[from..to])));
        }
        let assigned = variables.map(|(from, to)| self.variable_names(&tokens[from..to])).unwrap_or_default();
        let error = match self.run(self.convert(tokens, variables)) {
            Ok(statement) => return push(span, body_of(statement, &assigned), mends),
            Err(error) => error,
        };
        if matches!(error, ParserError::RecursionLimitExceeded) {
            return push(span, self.too_deep(tokens), mends);
        }
        if let Some(statements) = self.mended(self.convert(tokens, variables)) {
            for (statement, mended) in statements {
                let place = if mended.1 { span } else { mended.0.iter().fold(Span::default(), |all, (_, at)| all.cover(*at)) };
                push(place, body_of(statement, &assigned), [mends.clone(), mended.0].concat());
            }
            return;
        }
        push(span, self.harmless(tokens).unwrap_or_else(|| self.failed(tokens, &error)), mends);
    }

    /// The parser's tokens without those of the clause `without`.
    fn convert(&self, tokens: &[Token], without: Option<(usize, usize)>) -> Vec<TokenWithSpan> {
        match without {
            None => tokens::convert(self.text, tokens, self.options.dialect),
            Some((from, to)) => {
                let kept = [&tokens[..from], &tokens[to..]].concat();
                tokens::convert(self.text, &kept, self.options.dialect)
            }
        }
    }

    /// The statements that mending makes readable, each with its mends and whether it is the only one.
    fn mended(&self, converted: Vec<TokenWithSpan>) -> Option<Vec<(Statement, Mends)>> {
        let attempts = mend::mend(converted, self.options.dialect);
        let only = attempts.len() == 1;
        let mut statements = Vec::with_capacity(attempts.len());
        for attempt in attempts {
            let mut mends = attempt.mends;
            let statement = match self.run(attempt.tokens.clone()) {
                Ok(statement) => statement,
                Err(_) => {
                    let stripped = mend::strip(attempt.tokens);
                    mends.extend(stripped.mends);
                    match self.run(stripped.tokens.clone()) {
                        Ok(statement) => statement,
                        Err(_) => self.run_in(&self.grammar.with_nested_joins(), stripped.tokens).ok()?,
                    }
                }
            };
            statements.push((statement, (mends, only)));
        }
        Some(statements)
    }

    fn parser(&self, tokens: Vec<TokenWithSpan>) -> Parser<'_> {
        self.parser_in(&self.grammar, tokens)
    }

    fn parser_in<'g>(&self, grammar: &'g dialect::Grammar, tokens: Vec<TokenWithSpan>) -> Parser<'g> {
        Parser::new(grammar)
            .with_recursion_limit(self.options.max_depth.saturating_mul(4).saturating_add(100))
            .with_tokens_with_locations(tokens)
    }

    /// Parses one statement out of all of `tokens`.
    fn run(&self, tokens: Vec<TokenWithSpan>) -> Result<Statement, ParserError> {
        self.run_in(&self.grammar, tokens)
    }

    fn run_in(&self, grammar: &dialect::Grammar, tokens: Vec<TokenWithSpan>) -> Result<Statement, ParserError> {
        let mut parser = self.parser_in(grammar, tokens);
        let statement = parser.parse_statement()?;
        match parser.peek_token_ref() {
            token if token.token == sqlparser::tokenizer::Token::EOF => Ok(statement),
            token => parser.expected_ref("end of statement", token),
        }
    }

    fn failed(&self, tokens: &[Token], error: &ParserError) -> Body {
        let whole = error.to_string();
        let whole = whole.strip_prefix("sql parser error: ").unwrap_or(&whole);
        let (message, place) = whole.rsplit_once(" at Line: 1, Column: ").unwrap_or((whole, ""));
        let end = tokens.last().map_or(0, |token| token.end as usize);
        let start = place.parse::<usize>().map_or(end, |column| column.saturating_sub(1));
        let at = tokens.iter().find(|token| token.start as usize >= start).map_or(Span::new(end, end), |token| token.span());
        let (reads, writes) = self.relations(tokens);
        Body::Failed { message: shorten(message), at, reads, writes }
    }

    fn too_deep(&self, tokens: &[Token]) -> Body {
        let (reads, writes) = self.relations(tokens);
        Body::TooLarge {
            message: format!("nested deeper than the {} levels that are read", self.options.max_depth),
            reads,
            writes,
        }
    }

    fn too_large(&self, tokens: &[Token], measure: &Measure) -> Body {
        let message = if measure.depth > self.options.max_depth {
            format!("nested {} deep, more than the {} that are read", measure.depth, self.options.max_depth)
        } else {
            format!("a chain of {} operators, more than the {LONGEST_CHAIN} that are read", measure.chain)
        };
        let (reads, writes) = self.relations(tokens);
        Body::TooLarge { message, reads, writes }
    }
}

/// A statement, or the variables that its row is given to.
fn body_of(statement: Statement, variables: &[String]) -> Body {
    match statement {
        Statement::Query(query) if !variables.is_empty() => {
            Body::Assign { variables: variables.to_vec(), value: Assigned::Query(query) }
        }
        statement => Body::Statement(Box::new(statement)),
    }
}

/// What the trees of one text may take, as estimated by the two figures below.
const MOST_MEMORY: usize = 320 << 20;
/// Memory of a statement's own nodes.
const BYTES_PER_STATEMENT: usize = 12 << 10;
/// Memory of the nodes that one token makes.
const BYTES_PER_TOKEN: usize = 350;

/// The longest chain of operators, without a comma between, that is read.
///
/// Real text has a CASE of 2,000 branches with a few operators each; a tree of this height walks
/// and drops within the stack that [`with_deep_stack`] grows.
const LONGEST_CHAIN: usize = 40_000;

/// How tall the tree of some tokens can be.
struct Measure {
    /// Open brackets and CASEs at the deepest place.
    depth: usize,
    /// Operators that can stand above one another at the worst place.
    chain: usize,
}

impl Measure {
    fn height(&self) -> usize {
        self.depth.saturating_mul(4).saturating_add(self.chain)
    }
}

/// Measures `tokens`: every operator may add a level to the tree until a comma at the same depth
/// starts a sibling.
fn measure(tokens: &[Token]) -> Measure {
    let mut open: Vec<usize> = Vec::new();
    let (mut here, mut outer, mut depth, mut chain) = (0usize, 0usize, 0usize, 0usize);
    for token in tokens {
        match token.kind {
            Kind::LeftParen | Kind::Word(Keyword::CASE) => {
                open.push(here);
                outer += here;
                here = 1;
            }
            Kind::RightParen | Kind::Word(Keyword::END) => {
                if let Some(before) = open.pop() {
                    outer -= before;
                    here = before + 1;
                }
            }
            Kind::Comma | Kind::Semicolon => here = 0,
            Kind::Operator => here += 1,
            Kind::Word(keyword) if adds_level(keyword) => here += 1,
            _ => {}
        }
        depth = depth.max(open.len());
        chain = chain.max(outer + here);
    }
    Measure { depth, chain }
}

/// Whether a keyword can put a node above what stands beside it.
fn adds_level(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(
        keyword,
        K::AND
            | K::OR
            | K::XOR
            | K::NOT
            | K::IS
            | K::NOTNULL
            | K::IN
            | K::LIKE
            | K::ILIKE
            | K::RLIKE
            | K::REGEXP
            | K::SIMILAR
            | K::MATCH
            | K::GLOB
            | K::MEMBER
            | K::BETWEEN
            | K::OVERLAPS
            | K::OPERATOR
            | K::DIV
            | K::COLLATE
            | K::AT
            | K::ESCAPE
            | K::INTERVAL
            | K::PRIOR
            | K::UNION
            | K::EXCEPT
            | K::MINUS
            | K::INTERSECT
            | K::JOIN
            | K::EXPLAIN
            | K::DESCRIBE
            | K::DESC
    )
}

impl Parsed {
    /// The row of a query is given to variables: `EXECUTE IMMEDIATE '…' INTO a, b`.
    fn assign_to(&mut self, variables: &[String]) {
        if variables.is_empty() {
            return;
        }
        self.body = match std::mem::replace(&mut self.body, Body::Nothing) {
            Body::Statement(statement) => body_of(*statement, variables),
            other => other,
        };
    }
}

impl Drop for Parsed {
    /// Drops a tall tree where there is stack for it.
    fn drop(&mut self) {
        let body = std::mem::replace(&mut self.body, Body::Nothing);
        with_deep_stack(self.height, || drop(body));
    }
}

/// A message in one line, of bounded length: a parser may quote a whole literal.
fn shorten(message: &str) -> String {
    const LONGEST: usize = 160;
    let mut words = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(cut);
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, dialect: Dialect) -> Vec<Parsed> {
        parse(text, &Options { dialect, ..Options::default() })
    }

    /// One line a statement: its kind, its text, and whether it may be skipped.
    fn outline(text: &str, dialect: Dialect) -> Vec<String> {
        let line = |parsed: &Parsed| {
            let kind = match &parsed.body {
                Body::Statement(_) => "statement".to_owned(),
                Body::ForQuery { variable, .. } => format!("for {variable}"),
                Body::Assign { variables, .. } => format!("assign {}", variables.join(", ")),
                Body::Expressions(_) => "expression".to_owned(),
                Body::Routine(routine) => format!("{:?} {} {:?}", routine.kind, routine.name, routine.parameters),
                Body::Nothing => "nothing".to_owned(),
                Body::Failed { .. } => "failed".to_owned(),
                Body::TooLarge { .. } => "too large".to_owned(),
            };
            format!("{kind}{}: {}", if parsed.conditional { "?" } else { "" }, parsed.span.of(text))
        };
        let mut lines = Vec::new();
        for parsed in &read(text, dialect) {
            if let Body::Routine(routine) = &parsed.body {
                lines.push(line(parsed).lines().next().unwrap_or_default().to_owned());
                lines.extend(routine.body.iter().map(|inner| format!("  {}", line(inner))));
            } else {
                lines.push(line(parsed));
            }
        }
        lines
    }

    #[test]
    fn a_bad_statement_costs_no_neighbour_and_names_its_place_and_relations() {
        let text = "select 1; insert into é.t select a from u join v on ) = 1; select 2";
        let parsed = read(text, Dialect::Postgres);
        assert_eq!(parsed.len(), 3);
        assert!(matches!(parsed[0].body, Body::Statement(_)) && matches!(parsed[2].body, Body::Statement(_)));
        let Body::Failed { at, reads, writes, .. } = &parsed[1].body else { panic!("{:?}", parsed[1]) };
        assert_eq!(at.of(text), ")");
        assert_eq!(reads.iter().map(ToString::to_string).collect::<Vec<_>>(), ["u", "v"]);
        assert_eq!(writes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["é.t"]);
    }

    #[test]
    fn a_script_comes_out_flat() {
        let text = "DECLARE x INT64 DEFAULT (SELECT max(a) FROM t);
FOR r IN (SELECT a FROM t) DO
  IF r.a > (SELECT 1) THEN INSERT INTO u SELECT r.a; ELSE LEAVE; END IF;
END FOR;
BEGIN
  SELECT CASE WHEN TRUE THEN 1 END;
EXCEPTION WHEN ERROR THEN
  SELECT 2;
END;";
        assert_eq!(
            outline(text, Dialect::BigQuery),
            [
                "statement: DECLARE x INT64 DEFAULT (SELECT max(a) FROM t)",
                "for r: r IN (SELECT a FROM t)",
                "expression?: r.a > (SELECT 1)",
                "statement?: INSERT INTO u SELECT r.a",
                "nothing?: LEAVE",
                "statement: SELECT CASE WHEN TRUE THEN 1 END",
                "statement?: SELECT 2",
            ]
        );
    }

    #[test]
    fn routines_hold_their_statements_with_places_of_the_whole_text() {
        let text = "create procedure s.p(in a int, b text) language plpgsql as $$
begin insert into t select a from u; end $$;";
        assert_eq!(
            outline(text, Dialect::Postgres),
            [
                "Procedure s.p [\"a\", \"b\"]: create procedure s.p(in a int, b text) language plpgsql as $$",
                "  statement: insert into t select a from u",
            ]
        );
        let text = "create proc p @a int as begin select 1 insert into t select 2 end
go
select 3";
        assert_eq!(
            outline(text, Dialect::MsSql),
            [
                "Procedure p [\"@a\"]: create proc p @a int as begin select 1 insert into t select 2 end",
                "  statement: select 1",
                "  statement: insert into t select 2",
                "statement: select 3",
            ]
        );
    }

    #[test]
    fn several_inserts_of_one_statement_come_out_one_by_one() {
        let text = "from src insert overwrite table t1 select k insert overwrite table t2 select v where k > 1";
        let parsed = read(text, Dialect::Hive);
        assert!(parsed.iter().all(|parsed| matches!(&parsed.body, Body::Statement(_))), "{parsed:?}");
        let spans: Vec<_> = parsed.iter().map(|parsed| parsed.span.of(text)).collect();
        assert_eq!(spans, ["insert overwrite table t1 select k", "insert overwrite table t2 select v where k > 1"]);
    }

    #[test]
    fn dynamic_text_that_is_constant_is_read_in_place() {
        let text = "execute immediate 'insert into t select ''x'' from a'";
        assert_eq!(outline(text, Dialect::Snowflake), ["statement: insert into t select ''x'' from a"]);
    }

    #[test]
    fn tall_texts_are_read_or_refused_and_never_abort() {
        let read_on_a_small_stack = |text: String| {
            let run =
                move || matches!(read(&text, Dialect::BigQuery).first().map(|parsed| &parsed.body), Some(Body::Statement(_)));
            std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap()
        };
        assert!(read_on_a_small_stack(format!("select {}a{} from t", "(".repeat(200), ")".repeat(200))));
        assert!(read_on_a_small_stack(format!("select {}a from t", "a + ".repeat(20_000))));
        assert!(read_on_a_small_stack(format!("select case {} end", "when x = 1 then 2 ".repeat(10_000))));
        assert!(read_on_a_small_stack(format!("select a from t where a in ({}1)", "1, ".repeat(50_000))));
        assert!(read_on_a_small_stack(format!("select 1{}", " union all select 1".repeat(2_000))));
        assert!(!read_on_a_small_stack(format!("select {}a", "a + ".repeat(1_000_000))));
        assert!(!read_on_a_small_stack(format!("select 1{}", " union all select 1".repeat(100_000))));
        assert!(!read_on_a_small_stack(format!("select {}a{}", "(".repeat(10_000), ")".repeat(10_000))));
        assert!(!read_on_a_small_stack(format!("select {}a", "not ".repeat(30_000))));
    }
}
