//! `/query?sql=…`: the lineage of a query that somebody pasted.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;

use crate::{
    catalog::{AssetRef, QueryAnswer, TextStatement},
    model::Dialect,
    web::{
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

/// Lines of one statement that the page shows.
const MOST_LINES: usize = 400;

#[derive(Template)]
#[template(path = "pages/query.html")]
struct QueryPage<'a> {
    chrome: Chrome,
    sql: &'a str,
    answer: &'a QueryAnswer,
    statements: Vec<Statement<'a>>,
}

impl QueryPage<'_> {
    /// The dialects that can be chosen, each with whether it is.
    fn dialects(&self) -> Vec<(&'static str, bool)> {
        Dialect::ALL.into_iter().map(|dialect| (dialect.name(), dialect == self.answer.dialect)).collect()
    }
}

/// One statement as the page shows it.
struct Statement<'a> {
    writes: Vec<Relation<'a>>,
    reads: Vec<Relation<'a>>,
    columns: Vec<OutputColumn<'a>>,
    hidden: usize,
    rows: Vec<Source<'a>>,
    drops: &'a [String],
    renames: &'a [(String, String)],
}

/// A relation by the name that the query gives it.
struct Relation<'a> {
    name: &'a str,
    asset: Option<&'a AssetRef>,
    is_ambiguous: bool,
}

/// A column that a statement yields, with what it is made of.
struct OutputColumn<'a> {
    table: &'a str,
    name: &'a str,
    sources: Vec<Source<'a>>,
}

/// A column that another is made of, or that decides rows.
struct Source<'a> {
    table: &'a str,
    column: &'a str,
    kind: &'static str,
    asset: Option<&'a AssetRef>,
}

impl Source<'_> {
    /// `orders.amount`; a column whose table cannot be known has none.
    fn label(&self) -> String {
        let table = self.asset.map_or(self.table, |asset| asset.split_name().1);
        if table.is_empty() { self.column.to_owned() } else { format!("{table}.{}", self.column) }
    }

    /// Its page, where the catalog has one.
    fn url(&self) -> Option<String> {
        let asset = self.asset?;
        Some(if self.column == "*" { urls::asset(asset) } else { urls::column(asset, self.column) })
    }

    fn word(&self) -> &'static str {
        filters::kind_in_a_word(self.kind)
    }

    fn class(&self) -> &'static str {
        filters::kind_class([self.kind])
    }
}

impl<'a> Statement<'a> {
    fn new(answer: &'a QueryAnswer, statement: &'a TextStatement) -> Self {
        let relations = |names: &'a [String]| names.iter().map(|name| relation(answer, name)).collect();
        let mut columns: BTreeMap<(&str, &str), Vec<Source<'_>>> = BTreeMap::new();
        for (table, column, to_table, to_column, kind) in &statement.columns {
            columns.entry((to_table, to_column)).or_default().push(source(answer, table, column, kind));
        }
        let all = columns.len();
        Statement {
            writes: relations(&statement.targets),
            reads: relations(&statement.sources),
            columns: columns
                .into_iter()
                .take(MOST_LINES)
                .map(|((table, name), sources)| OutputColumn { table, name, sources })
                .collect(),
            hidden: all.saturating_sub(MOST_LINES),
            rows: statement
                .rows
                .iter()
                .take(MOST_LINES)
                .map(|(table, column, kind)| source(answer, table, column, kind))
                .collect(),
            drops: &statement.drops,
            renames: &statement.renames,
        }
    }
}

fn relation<'a>(answer: &'a QueryAnswer, name: &'a str) -> Relation<'a> {
    Relation { name, asset: answer.assets.get(name), is_ambiguous: answer.ambiguous.contains(name) }
}

fn source<'a>(answer: &'a QueryAnswer, table: &'a str, column: &'a str, kind: &'static str) -> Source<'a> {
    Source { table, column, kind, asset: answer.assets.get(table) }
}

/// Shows the lineage of a pasted query, or asks for one.
pub(crate) async fn show_query(visit: Visit) -> Result<Response, PageError> {
    let sql = visit.query.get("sql").unwrap_or("").trim();
    let answer = visit.view.read_query(sql, read_dialect(&visit.query)?).await?;
    let statements = answer.lineage.statements.iter().map(|statement| Statement::new(&answer, statement)).collect();
    visit.answer(&QueryPage { chrome: visit.chrome.clone(), sql, answer: &answer, statements })
}

/// The dialect that an address names; `None` where it names none.
pub(crate) fn read_dialect(query: &Query) -> Result<Option<Dialect>, PageError> {
    let word = query.filled("dialect");
    word.map(|word| word.parse().map_err(|unknown: crate::model::UnknownDialect| PageError::BadRequest(unknown.to_string())))
        .transpose()
}

/// The address of the answer to `sql`.
pub(crate) fn address(sql: &str) -> String {
    urls::with_query("/query", [("sql", sql.to_owned())])
}
