//! The lineage of a text that is in no source: what `wellspring lineage` prints and what a pasted
//! query is answered with. Names come out as first written, matched by the dialect's folding.

use std::{panic, sync::Arc, time::Instant};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        Analysis, Dialect, Folding, Ident, KnownRelation, KnownRoutine, LineIndex, RelationId, RelationName, StatementLineage,
    },
    sql::{Lookups, Options, Script},
};

/// A text with what is known beforehand.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TextCase {
    /// Comes back in the answer.
    #[serde(default)]
    pub id: serde_json::Value,
    /// A dialect's name or alias; others are read as `generic`.
    #[serde(default)]
    pub dialect: Option<String>,
    /// One or several statements.
    pub sql: String,
    /// Relations known beforehand, with their columns in order.
    #[serde(default)]
    pub schema: Option<FxHashMap<String, Vec<String>>>,
    /// The database of names that miss it.
    #[serde(default)]
    pub default_db: Option<String>,
    /// The schema of names that miss it.
    #[serde(default)]
    pub default_schema: Option<String>,
}

/// The lineage of a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct TextLineage {
    /// As asked.
    pub id: serde_json::Value,
    /// One per statement, in order.
    pub statements: Vec<TextStatement>,
    /// What could not be known.
    pub diagnostics: Vec<TextDiagnostic>,
    /// Why there is no answer at all.
    pub error: Option<String>,
    /// Time in the engine, in milliseconds.
    pub ms: f64,
}

/// What one statement does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct TextStatement {
    /// Relations read.
    pub sources: Vec<String>,
    /// Relations written.
    pub targets: Vec<String>,
    /// (source table, source column, target table, target column, kind); "" for a table that cannot
    /// be known and for the result of a bare SELECT.
    pub columns: Vec<(String, String, String, String, &'static str)>,
    /// (source table, source column, kind).
    pub rows: Vec<(String, String, &'static str)>,
    /// Relations dropped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<String>,
    /// Relations whose former content is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<String>,
    /// (old, new).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub renames: Vec<(String, String)>,
}

/// What could not be known, and where.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct TextDiagnostic {
    /// The stable code.
    pub code: String,
    /// What is wrong here.
    pub message: String,
    /// The 1-based line.
    pub line: u32,
}

impl TextLineage {
    /// An answer that only says why there is none.
    pub fn failed(id: serde_json::Value, error: impl Into<String>) -> Self {
        TextLineage { id, error: Some(error.into()), ..TextLineage::default() }
    }
}

/// The lineage of `case`. Never fails and never panics: what goes wrong is in `error`.
pub fn read_text(case: &TextCase) -> TextLineage {
    match panic::catch_unwind(|| analyze_text(case)) {
        Ok(answer) => answer,
        Err(payload) => {
            let said = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| payload.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            TextLineage::failed(case.id.clone(), format!("the engine gave up: {said}"))
        }
    }
}

fn analyze_text(case: &TextCase) -> TextLineage {
    let dialect = case.dialect.as_deref().and_then(|word| word.parse().ok()).unwrap_or(Dialect::Generic);
    let names = NameSpace {
        dialect,
        database: case.default_db.as_deref().filter(|name| !name.is_empty()),
        schema: case.default_schema.as_deref().filter(|name| !name.is_empty()),
    };
    let known = GivenSchema::new(&names, case.schema.as_ref());
    TextLineage { id: case.id.clone(), ..spell_text(&case.sql, &names, &known) }
}

/// The lineage of `sql`, where `known` answers what the engine asks. May panic where the engine does.
pub(super) fn read_with(sql: &str, dialect: Dialect, known: &dyn Lookups) -> TextLineage {
    spell_text(sql, &NameSpace { dialect, database: None, schema: None }, known)
}

fn spell_text(sql: &str, names: &NameSpace<'_>, known: &dyn Lookups) -> TextLineage {
    let options = Options { dialect: names.dialect, ..Options::default() };
    let start = Instant::now();
    let analysis = Script::parse(sql, &options).analyze(known);
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    let lines = LineIndex::new(sql);
    let mut spelling = Spelling::new(names, &analysis);
    TextLineage {
        id: serde_json::Value::Null,
        statements: analysis.statements.iter().map(|statement| spelling.spell(statement)).collect(),
        diagnostics: analysis
            .diagnostics
            .iter()
            .map(|diagnostic| TextDiagnostic {
                code: diagnostic.code.clone(),
                message: diagnostic.message.clone(),
                line: lines.line(diagnostic.span.start),
            })
            .collect(),
        error: None,
        ms: (ms * 1000.0).round() / 1000.0,
    }
}

/// How names of one text become keys.
struct NameSpace<'a> {
    dialect: Dialect,
    database: Option<&'a str>,
    schema: Option<&'a str>,
}

impl NameSpace<'_> {
    fn key(&self, name: &RelationName) -> String {
        name.completed(self.database, self.schema).key(self.dialect)
    }
}

/// The schema that a case gives, behind the engine's look-ups.
struct GivenSchema<'a> {
    names: &'a NameSpace<'a>,
    by_key: FxHashMap<String, Arc<KnownRelation>>,
    /// Last part of the key → keys that end with it, where the schema is given by partial names or
    /// asked by them.
    by_last: FxHashMap<String, Vec<String>>,
}

impl<'a> GivenSchema<'a> {
    fn new(names: &'a NameSpace<'a>, schema: Option<&FxHashMap<String, Vec<String>>>) -> Self {
        let mut given = GivenSchema { names, by_key: FxHashMap::default(), by_last: FxHashMap::default() };
        let Some(schema) = schema else { return given };
        let mut entries: Vec<_> = schema.iter().collect();
        entries.sort();
        for (dotted, columns) in entries {
            let known = Arc::new(KnownRelation { columns: columns.clone(), complete: true, ..KnownRelation::default() });
            let bare = names.key(&RelationName::from_dotted(dotted));
            // A JSON key carries no quotes: it also stands for the quoted name of the same letters.
            let quoted = names.key(&RelationName::new(dotted.split('.').map(Ident::quoted)));
            for key in [bare, quoted] {
                if given.by_key.contains_key(&key) {
                    continue;
                }
                given.by_last.entry(last_part(&key).to_owned()).or_default().push(key.clone());
                given.by_key.insert(key, known.clone());
            }
        }
        given
    }

    /// The only known relation whose name ends with `key`, or that `key` ends with.
    fn by_suffix(&self, key: &str) -> Option<Arc<KnownRelation>> {
        let mut found: Option<&Arc<KnownRelation>> = None;
        for candidate in self.by_last.get(last_part(key))? {
            if !(is_suffix(candidate, key) || is_suffix(key, candidate)) {
                continue;
            }
            let known = self.by_key.get(candidate)?;
            match found {
                Some(other) if !Arc::ptr_eq(other, known) => return None,
                _ => found = Some(known),
            }
        }
        found.cloned()
    }
}

impl Lookups for GivenSchema<'_> {
    fn relation(&self, name: &RelationName) -> Option<Arc<KnownRelation>> {
        let key = self.names.key(name);
        self.by_key.get(&key).cloned().or_else(|| self.by_suffix(&key))
    }

    fn routine(&self, _: &RelationName) -> Option<Arc<KnownRoutine>> {
        None
    }
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Whether the dotted name `whole` ends with the parts of `tail`.
fn is_suffix(whole: &str, tail: &str) -> bool {
    whole.strip_suffix(tail).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// Writes names as they were first written.
struct Spelling {
    relations: Vec<String>,
    keys: Vec<u32>,
    folding: Folding,
    columns: FxHashMap<(u32, String), String>,
}

impl Spelling {
    fn new(names: &NameSpace<'_>, analysis: &Analysis) -> Self {
        let mut first: FxHashMap<String, u32> = FxHashMap::default();
        let mut relations = Vec::with_capacity(analysis.relations.len());
        let mut keys = Vec::with_capacity(analysis.relations.len());
        for (at, name) in analysis.relations.iter().enumerate() {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            let id = *first.entry(names.key(name)).or_insert(at);
            keys.push(id);
            relations.push(name.to_string());
        }
        Spelling { relations, keys, folding: names.dialect.column_folding(), columns: FxHashMap::default() }
    }

    fn spell(&mut self, statement: &StatementLineage) -> TextStatement {
        let mut columns: Vec<_> = statement
            .columns
            .iter()
            .map(|edge| {
                (
                    self.relation(edge.from),
                    self.column(edge.from, &edge.from_column),
                    self.relation(edge.to),
                    self.column(edge.to, &edge.to_column),
                    edge.kind.word(),
                )
            })
            .collect();
        let mut rows: Vec<_> = statement
            .rows
            .iter()
            .map(|edge| (self.relation(edge.from), self.column(edge.from, &edge.from_column), edge.kind.word()))
            .collect();
        columns.sort();
        columns.dedup();
        rows.sort();
        rows.dedup();
        TextStatement {
            sources: self.each(&statement.sources),
            targets: self.each(&statement.targets),
            columns,
            rows,
            drops: self.each(&statement.drops),
            replaces: self.each(&statement.replaces),
            renames: statement.renames.iter().map(|(old, new)| (self.relation(Some(*old)), self.relation(Some(*new)))).collect(),
        }
    }

    fn each(&self, ids: &[RelationId]) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(ids.len());
        for id in ids {
            let name = self.relation(Some(*id));
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn relation(&self, id: Option<RelationId>) -> String {
        id.and_then(|id| self.keys.get(id as usize))
            .and_then(|first| self.relations.get(*first as usize))
            .cloned()
            .unwrap_or_default()
    }

    fn column(&mut self, id: Option<RelationId>, column: &str) -> String {
        let Some(first) = id.and_then(|id| self.keys.get(id as usize)) else { return column.to_owned() };
        let key = (*first, self.folding.fold(column, true));
        self.columns.entry(key).or_insert_with(|| column.to_owned()).clone()
    }
}
